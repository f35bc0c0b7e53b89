/* Operations on the node allocator and on the label allocator itself. */
#include "kvcache_private.h"

enum { KT_OBJECT_MAX = 64 << 20 };

static bool size_ok(int64_t bytes) {
    return bytes >= 1 && bytes <= KT_OBJECT_MAX;
}

static void fill(rw_thread *th, kt_object *object, void *p, int64_t bytes) {
    *object = (kt_object){.p = p, .bytes = (size_t)bytes, .seed = ++th->stamp};
    kt_fill(p, object->bytes, object->seed);
}

static void verify(rw_thread *th, const kt_object *object, const char *what) {
    KT_CHECK(&th->judge, H1, kt_filled(object->p, object->bytes, object->seed),
             "%s of %zu bytes was written to by somebody else", what, object->bytes);
}

/* ---- Nodes ---- */

KT_OP(node_alloc) {
    if (!kt_slot_ok(arg[0]) || !size_ok(arg[1])) {
        return KV_INVALID;
    }
    kt_object *node = &th->nodes[arg[0]];
    if (node->p != NULL) {
        return KV_BAD_STATE;
    }
    void *p = na_alloc(&th->judge.core->cache->map.nodes, th->judge.t, (size_t)arg[1]);
    if (p == NULL) {
        return KV_NO_MEMORY;
    }
    fill(th, node, p, arg[1]);
    return KV_OK;
}

void kt_free_node(rw_thread *th, kt_object *node) {
    if (node->p != NULL) {
        verify(th, node, "an item of the node allocator");
        (void)na_free(&th->judge.core->cache->map.nodes, node->p); /* a refusal has been reported, as Q7 */
        node->p = NULL;
    }
}

KT_OP(node_free) {
    if (!kt_slot_ok(arg[0])) {
        return KV_INVALID;
    }
    if (th->nodes[arg[0]].p == NULL) {
        return KV_BAD_STATE;
    }
    kt_free_node(th, &th->nodes[arg[0]]);
    return KV_OK;
}

/* ---- Objects ---- */

KT_OP(la_alloc) {
    /* Under no label but USER: the others' objects are the core's, and counted against what it has (Q5). */
    if (!kt_slot_ok(arg[0]) || arg[1] != KV_L_USER || !size_ok(arg[2])) {
        return KV_INVALID;
    }
    kt_object *object = &th->objects[arg[0]];
    if (object->p != NULL) {
        return KV_BAD_STATE;
    }
    void *p = la_malloc(th->judge.core->cache->la, th->judge.t, 0, LA_CTX_DEFAULT, KV_L_USER, (size_t)arg[2]);
    if (p == NULL) {
        return KV_NO_MEMORY;
    }
    fill(th, object, p, arg[2]);
    return KV_OK;
}

void kt_free_object(rw_thread *th, kt_object *object) {
    size_t used, hold;
    if (object->p != NULL) {
        verify(th, object, "an object");
        la_object_size(object->p, &used, &hold);
        KT_CHECK(&th->judge, I9, used == object->bytes && hold >= used + LA_OBJ_HEADER + LA_OBJ_TAIL,
                 "an object of %zu bytes says that it uses %zu and holds %zu", object->bytes, used, hold);
        la_free(th->judge.core->cache->la, object->p);
        object->p = NULL;
    }
}

KT_OP(la_free) {
    if (!kt_slot_ok(arg[0])) {
        return KV_INVALID;
    }
    if (th->objects[arg[0]].p == NULL) {
        return KV_BAD_STATE;
    }
    kt_free_object(th, &th->objects[arg[0]]);
    return KV_OK;
}

KT_OP(set_limit) {
    if (arg[0] < 0) {
        return KV_INVALID;
    }
    la_set_limit(th->judge.core->cache->la, 0, (uint64_t)arg[0]);
    return KV_OK;
}

/* Of any tenant: that of the others covers only what is theirs, blocks and, in their own allocators, nodes. */
KT_OP(set_tenant_limit) {
    if (arg[0] < 0 || arg[0] >= KV_MAX_TENANT_NUM || arg[1] < 0) {
        return KV_INVALID;
    }
    la_set_limit(th->judge.core->cache->la, (uint32_t)arg[0], (uint64_t)arg[1]);
    return KV_OK;
}

KT_OP(read_accounts) {
    (void)arg;
    kt_check_accounts(&th->judge);
    return KV_OK;
}

KT_OP(la_wash) {
    (void)arg;
    (void)la_wash(th->judge.core->cache->la);
    return KV_OK;
}

KT_OP(hp_wash) {
    (void)arg;
    (void)hp_wash(&th->judge.core->cache->store.hp);
    return KV_OK;
}
