/* The facade: creation and destruction of a core, and the cache's own operations (A22). Contexts: kv_thread.c. */
#include "kv_cache.h"

/* ---- Creation ---- */

enum { PART_INSTS = 1, PART_STORE, PART_MAP, PART_WASH };

static kv_rc sync_wash(void *arg, kv_thread *t, uint32_t tenant, uint64_t need) {
    kv_cache *c = arg;
    return st_sync_wash(&c->store, t, tenant, need);
}

static kv_rc make_part(kv_cache *c, uint32_t part) {
    kv_rc rc;
    switch (part) {
    case PART_INSTS: /* made before the map, of whose shared node allocator it needs no more than the address */
        return inst_init(&c->insts, c->la, &c->env, &c->boot, &c->cfg, &c->map.nodes, c->shared);
    case PART_STORE:
        rc = st_init(&c->store, c->la, &c->env, &c->cfg, &c->boot, &c->insts, c->shared);
        if (rc == KV_OK) {
            la_set_sync_wash(c->la, sync_wash, c);
        }
        return rc;
    case PART_MAP:
        return map_init(&c->map, c->la, &c->env, &c->cfg, &c->boot, &c->store, &c->insts, c->shared);
    default:
        return wash_init(&c->wash, &c->store, &c->insts, &c->cfg, &c->boot, c->shared);
    }
}

static void free_part(kv_cache *c, uint32_t part) {
    switch (part) {
    case PART_INSTS:
        inst_destroy(&c->insts);
        break;
    case PART_STORE:
        la_set_sync_wash(c->la, NULL, NULL);
        st_destroy(&c->store, &c->boot);
        break;
    case PART_MAP:
        map_destroy(&c->map, &c->boot);
        break;
    default:
        wash_destroy(c->wash);
        c->wash = NULL;
        break;
    }
}

/* The object itself, in the allocator's memory, on a cache line's start. */
static kv_cache *make_object(prim_mem *mem, la_alloc *la, const kv_env *env, const kv_config *cfg) {
    void *block = la_zalloc(la, NULL, 0, LA_CTX_DEFAULT, KV_L_CORE, sizeof(kv_cache) + KV_LINE);
    if (block == NULL) {
        return NULL;
    }
    kv_cache *c = kv_line_up(block);
    c->block = block;
    c->env = *env;
    c->cfg = *cfg;
    c->mem = mem;
    c->la = la;
    c->shared = prim_mem_shared(mem);
    c->boot.core = c;
    prim_lock_init(&c->thread_lock, c->shared);
    return c;
}

/* What a failed creation has left behind shows here and nowhere else: the allocator goes with it. */
static void report_left(kv_cache *c) {
    for (int label = 0; label < KV_LABEL_COUNT; label++) {
        int64_t own = label == KV_L_CORE ? 1 : 0; /* this object */
        if (la_label_account(c->la, (kv_label)label).count != own) {
            kv_report(&c->env, "Q8", kv_label_names[label], __FILE__, __LINE__);
        }
    }
}

kv_rc kv_create(prim_mem *mem, const kv_env *env, const kv_config *cfg, kv_cache **out) {
    static const kv_env no_env;
    kv_config resolved = *cfg;
    la_alloc *la;
    *out = NULL;
    env = env != NULL ? env : &no_env;
    kv_rc rc = kv_config_resolve(&resolved, NULL, 0);
    if (rc == KV_OK) {
        rc = la_create(mem, env, resolved.backing, &la);
    }
    if (rc != KV_OK) {
        return rc;
    }
    la_set_limit(la, 0, resolved.memory_limit);
    kv_cache *c = make_object(mem, la, env, &resolved);
    if (c == NULL) {
        la_destroy(la);
        return KV_NO_MEMORY;
    }
    for (uint32_t part = PART_INSTS; part <= PART_WASH; part++) {
        rc = make_part(c, part); /* a part that fails undoes itself (W7) */
        if (rc != KV_OK) {
            kv_shutdown(c);
            report_left(c);
            kv_destroy(c);
            return rc;
        }
        c->parts = part;
    }
    *out = c;
    return KV_OK;
}

/* ---- Destruction ---- */

void kv_shutdown(kv_cache *c) {
    for (kv_thread *t = c->threads; t != NULL && c->parts >= PART_STORE; t = t->next) {
        hp_thread_release(&c->store.hp, t);
    }
    for (; c->parts >= PART_INSTS; c->parts--) {
        free_part(c, c->parts);
    }
}

void kv_destroy(kv_cache *c) {
    la_alloc *la = c->la;
    kv_shutdown(c);
    while (c->threads != NULL) {
        kv_thread *t = c->threads;
        c->threads = t->next;
        la_free(la, t);
    }
    prim_lock_destroy(&c->thread_lock);
    la_free(la, c->block);
    la_destroy(la);
}

/* ---- Operations ---- */

kv_rc kv_put(kv_thread *t, uint32_t cache, uint32_t tenant, const void *key, uint32_t key_len, const void *value,
             uint32_t value_len, bool overwrite) {
    kv_cache *c = t->core;
    kv_inst *inst;
    kv_rc rc = inst_get(&c->insts, t, cache, tenant, &inst);
    if (rc == KV_OK) {
        rc = map_put(&c->map, t, inst, key, key_len, value, value_len, overwrite);
        inst_put(&c->insts, inst);
    }
    return rc;
}

kv_rc kv_get(kv_thread *t, uint32_t cache, uint32_t tenant, const void *key, uint32_t key_len, kv_pin *out) {
    kv_cache *c = t->core;
    kv_inst *inst;
    memset(out, 0, sizeof *out);
    if (inst_find(&c->insts, cache, tenant, &inst) != KV_OK) {
        return KV_NOT_FOUND;
    }
    kv_rc rc = map_get(&c->map, t, inst, key, key_len, out);
    inst_put(&c->insts, inst); /* the pin holds the pair's block, which is all that it needs */
    return rc;
}

void kv_unpin(kv_thread *t, kv_pin *pin) {
    map_unpin(&t->core->map, t, pin);
}

kv_rc kv_erase(kv_thread *t, uint32_t cache, uint32_t tenant, const void *key, uint32_t key_len) {
    kv_cache *c = t->core;
    kv_inst *inst;
    if (inst_find(&c->insts, cache, tenant, &inst) != KV_OK) {
        return KV_NOT_FOUND;
    }
    kv_rc rc = map_erase(&c->map, t, inst, key, key_len);
    inst_put(&c->insts, inst);
    return rc;
}

typedef struct search {
    uint32_t cache, tenant;
    kv_inst *found; /* with a reference */
} search;

static void match(void *arg, kv_inst *inst) {
    search *s = arg;
    if (inst->cache == s->cache && inst->tenant == s->tenant) {
        at_add(&inst->refs, 1, relaxed); /* removers are excluded while the table is visited */
        s->found = inst;
    }
}

kv_rc kv_drop_instance(kv_thread *t, uint32_t cache, uint32_t tenant) {
    kv_cache *c = t->core;
    search s = {.cache = cache, .tenant = tenant};
    /* Visited, not looked up: a drop that ended early must be able to go on with an instance already marked. */
    inst_each(&c->insts, match, &s);
    if (s.found == NULL) {
        return KV_NOT_FOUND;
    }
    (void)inst_mark_deleted(&c->insts, cache, tenant); /* our reference keeps the slot's instance the same */
    if (c->cfg.wash == KV_WASH_PREALLOCATED) {
        st_close_current(&c->store, t, s.found);
    }
    kv_rc rc = map_erase_inst(&c->map, t, s.found);
    inst_put(&c->insts, s.found);
    inst_sweep(&c->insts);
    return rc;
}

/* Nodes of dropped instances still waiting, and the instances that nothing uses any more. */
static void sweep(kv_cache *c, kv_thread *t) {
    hv_retire_all(&c->map.hv, t);
    inst_sweep(&c->insts);
}

kv_rc kv_wash_now(kv_thread *t, uint64_t force_bytes, wash_result *out) {
    kv_cache *c = t->core;
    kv_rc rc = wash_run(c->wash, t, force_bytes, out);
    sweep(c, t);
    return rc;
}

kv_rc kv_sync_wash(kv_thread *t, uint32_t tenant, uint64_t need) {
    return st_sync_wash(&t->core->store, t, tenant, need);
}

uint32_t kv_flush(kv_thread *t, uint32_t tenant, bool force) {
    kv_cache *c = t->core;
    if (force) {
        wash_lock(c->wash, t);
    }
    uint32_t busy = st_flush(&c->store, t, tenant, force);
    if (force) {
        wash_unlock(c->wash, t);
    }
    sweep(c, t);
    return busy;
}
