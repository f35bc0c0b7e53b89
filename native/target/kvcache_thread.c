/* The adapter's threads: contexts, and what each gives back when it goes. */
#include "kvcache_private.h"

/* In the arena where the core is shared: a judge in another process looks at what threads hold. */
static rw_thread *take(rw_core *core) {
    rw_thread *th = core->shared ? prim_mem_alloc(core->mem, sizeof *th) : prim_object_alloc(sizeof *th);
    return th != NULL ? memset(th, 0, sizeof *th) : NULL;
}

static void give(rw_core *core, rw_thread *th) {
    if (core->shared) {
        prim_mem_free(core->mem, th, sizeof *th);
    } else {
        prim_object_free(th);
    }
}

rw_thread *kt_attach(rw_core *core, int32_t tid) {
    rw_thread *th = core->cache != NULL ? take(core) : NULL;
    if (th == NULL) {
        return NULL;
    }
    th->judge = (kt_judge){.core = core, .tid = tid, .t = kv_thread_attach(core->cache)};
    if (th->judge.t == NULL) {
        give(core, th);
        return NULL;
    }
    th->stamp = (uint64_t)(uint32_t)tid << 32;
    (void)prim_lock(&core->lock);
    th->next = core->threads;
    core->threads = th;
    prim_unlock(&core->lock);
    return th;
}

static void give_back(rw_thread *th) {
    for (int i = 0; i < KT_SLOTS; i++) {
        kt_drop_hold(th, &th->holds[i]);
        (void)kt_free_mb(th, &th->mbs[i]); /* without a hazard pointer it is closed, and the next wash takes it */
        kt_free_node(th, &th->nodes[i]);
        kt_free_object(th, &th->objects[i]);
    }
    kt_drop_version(th);
    kv_thread_detach(th->judge.t);
}

void kt_detach(rw_thread *th) {
    rw_core *core = th->judge.core;
    if (core->cache != NULL) { /* else the core was closed, and everything of it has gone */
        give_back(th);
    }
    kt_fold(&th->judge);
    prim_object_free(th->buffer);
    (void)prim_lock(&core->lock);
    for (rw_thread **at = &core->threads; *at != NULL; at = &(*at)->next) {
        if (*at == th) {
            *at = th->next;
            break;
        }
    }
    prim_unlock(&core->lock);
    give(core, th);
}
