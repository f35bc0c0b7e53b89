/* The facade: contexts of threads, with dense ids from a bitmap. */
#include "kv_cache.h"

/* The lowest free id, taken; -1 when max_threads are attached. thread_lock held. */
static int64_t take_id(kv_cache *c) {
    for (uint32_t id = 0; id < c->cfg.max_threads; id++) {
        uint64_t bit = UINT64_C(1) << (id % 64);
        if ((c->thread_ids[id / 64] & bit) == 0) {
            c->thread_ids[id / 64] |= bit;
            return id;
        }
    }
    return -1;
}

static void give_id(kv_cache *c, uint32_t id) {
    c->thread_ids[id / 64] &= ~(UINT64_C(1) << (id % 64));
}

kv_thread *kv_thread_attach(kv_cache *c) {
    /* A false from the lock means that a process died inside: at worst an id or a context of it is lost. */
    (void)prim_lock(&c->thread_lock);
    int64_t id = take_id(c);
    prim_unlock(&c->thread_lock);
    if (id < 0) {
        return NULL;
    }
    /* Allocated outside the lock, and on a context, so that a full cache gives way to a new thread by a sync wash. */
    kv_thread self = {.core = c, .id = (uint32_t)id};
    kv_thread *t = la_zalloc(c->la, &self, 0, LA_CTX_DEFAULT, KV_L_CORE, sizeof *t);
    hp_thread_release(&c->store.hp, &self);
    (void)prim_lock(&c->thread_lock);
    if (t == NULL) {
        give_id(c, (uint32_t)id);
    } else {
        t->core = c;
        t->id = (uint32_t)id;
        t->next = c->threads;
        c->threads = t;
    }
    prim_unlock(&c->thread_lock);
    return t;
}

void kv_thread_detach(kv_thread *t) {
    kv_cache *c = t->core;
    if (t->hp_free != NULL) { /* none after a shutdown */
        hp_thread_release(&c->store.hp, t);
    }
    (void)prim_lock(&c->thread_lock);
    for (kv_thread **at = &c->threads; *at != NULL; at = &(*at)->next) {
        if (*at == t) {
            *at = t->next;
            break;
        }
    }
    give_id(c, t->id);
    prim_unlock(&c->thread_lock);
    la_free(c->la, t);
}
