/* Store: sync wash, flush, and visits of the blocks (A15).
 *
 * Both retire FULL blocks along the list, from its head, and reclaim outside the QClock section. What is freed goes
 * back through la_block_free, so the allocator's own figures say at once what was won.
 */
#include "store_private.h"

typedef struct walk {
    kv_store *st;
    kv_thread *t;
    dlist *list;
    uint64_t want;     /* stop when so many bytes were retired */
    uint64_t deadline; /* us; 0: none */
    uint64_t retired;  /* bytes: bump positions, as in the source */
    uint32_t busy;     /* blocks met that were not FULL */
    bool end, timeout, no_hazard;
} walk;

/* W4: upstream releases its protection before it retires, so the block may be a new incarnation and the noted size the
 * old one's. Here the retirement stands under the protection: what is retired is what was measured. */
static void retire_if_full(walk *w, kv_handle *h) {
    hp_holder holder = {0};
    kv_rc rc = hp_protect(&w->st->hp, w->t, h, &holder);
    if (rc != KV_OK) {
        w->no_hazard = rc == KV_NO_HAZARD;
        return; /* KV_GONE: retired already, still in the list until it is reclaimed */
    }
    if (at_load(&h->status, acquire) != KV_FULL) {
        w->busy++;
    } else {
        uint64_t bytes = mb_used(at_load(&h->mem_block, acquire));
        if (st_retire(w->st, h)) {
            w->retired += bytes;
        }
    }
    hp_release(&w->st->hp, w->t, &holder);
}

static void walk_list(walk *w) {
    kv_store *st = w->st;
    kv_link *link = &w->list->head;
    w->end = w->timeout = w->no_hazard = false;
    w->retired = 0;
    w->busy = 0;
    w->t->no_wash++; /* a hazard pointer's memory must not be washed for in here: reclaim may wait for this section */
    uint32_t slot = qc_enter(&st->clock, w->t);
    for (uint32_t steps = 1; w->retired < w->want && !w->no_hazard; steps++) {
        link = dl_next(w->list, link);
        if (link == NULL) {
            w->end = true;
            break;
        }
        if (w->deadline != 0 && steps % st->cfg->sync_wash_steps == 0 && kv_now_us(st->env) >= w->deadline) {
            w->timeout = true;
            break;
        }
        retire_if_full(w, kv_handle_of_link(link));
    }
    qc_leave(&st->clock, slot);
    w->t->no_wash--;
}

/* ---- Reclaim that collects ---- */

typedef struct collect {
    kv_store *st;
    kv_handle *handles; /* linked through retire_link */
    uint64_t bytes;     /* given back */
} collect;

static void collect_handle(void *arg, kv_thread *t, kv_handle *h) {
    collect *c = arg;
    c->bytes += st_release_block(c->st, t, h);
    at_store(&h->retire_link, c->handles, relaxed);
    c->handles = h;
}

/* As in the source, the handles go to the station after the bitmap lock was left: the next reclaim need not wait for
 * our grace period. Bytes given back. */
static uint64_t reclaim_bytes(kv_store *st, kv_thread *t) {
    collect c = {.st = st};
    hp_reclaim(&st->hp, t, st_block_hold, collect_handle, &c);
    while (c.handles != NULL) {
        kv_handle *h = c.handles;
        c.handles = at_load(&h->retire_link, relaxed);
        st_station(st, t, h);
    }
    return c.bytes;
}

/* ---- Sync wash ---- */

static kv_rc sync_wash(walk *w, uint64_t need) {
    /* W12: upstream counts a block as washed once it is retired, and gives up at the end of the list although blocks
     * wait that were retired under a protection which has gone since. Here only bytes given back count, what was
     * retired before comes first, and each turn reclaims before anything is judged. */
    uint64_t won = reclaim_bytes(w->st, w->t);
    w->want = need > won ? need - won : 0;
    while (won < need) {
        walk_list(w);
        if (w->timeout) {
            return KV_TIMEOUT;
        }
        won += reclaim_bytes(w->st, w->t);
        if (won < need && (w->end || w->no_hazard)) {
            return KV_NOT_ENOUGH; /* what was given back stays with the allocator */
        }
        w->want = won < need ? 2 * (need - won) : 0;
    }
    return KV_OK;
}

kv_rc st_sync_wash(kv_store *st, kv_thread *t, uint32_t tenant, uint64_t need) {
    uint32_t list = tenant < st->list_cnt ? tenant : 0;
    walk w = {.st = st, .t = t, .list = &st->lists[list]};
    w.deadline = kv_now_us(st->env) + st->cfg->sync_wash_timeout_us;
    t->no_wash++; /* never nested */
    kv_rc rc = sync_wash(&w, need);
    t->no_wash--;
    return rc;
}

/* ---- Flush ---- */

static uint32_t flush_list(kv_store *st, kv_thread *t, uint32_t list, uint64_t deadline) {
    walk w = {.st = st, .t = t, .list = &st->lists[list], .want = UINT64_MAX, .deadline = deadline};
    unsigned spins = 0;
    for (unsigned tries = 0; tries < ST_HAZARD_TRIES; tries++) {
        walk_list(&w);
        reclaim_bytes(st, t);
        if (!w.no_hazard) {
            break;
        }
        cpu_relax(&spins); /* W9: upstream tries for ever while no hazard pointer can be had; ours a bounded number */
    }
    return w.busy;
}

uint32_t st_flush(kv_store *st, kv_thread *t, uint32_t tenant, bool force) {
    uint64_t deadline = force ? 0 : kv_now_us(st->env) + st->cfg->sync_wash_timeout_us;
    uint32_t busy = 0;
    for (uint32_t list = 0; list < st->list_cnt; list++) {
        if (!st_is_before(st) || tenant == UINT32_MAX || tenant == list) {
            busy += flush_list(st, t, list, deadline);
        }
    }
    return busy;
}

/* ---- Visits ---- */

void st_each_listed(kv_store *st, uint32_t list, void (*visit)(void *arg, kv_handle *h), void *arg) {
    kv_thread nobody = {0}; /* where to look for a slot first is all that is asked of it */
    uint32_t slot = qc_enter(&st->clock, &nobody);
    for (kv_link *link = dl_next(&st->lists[list], &st->lists[list].head); link != NULL;
         link = dl_next(&st->lists[list], link)) {
        visit(arg, kv_handle_of_link(link));
    }
    qc_leave(&st->clock, slot);
}

static void add_info(kv_mb_info *out, const kv_handle *h) {
    bool full = at_load(&h->status, acquire) == KV_FULL, lfu = at_load(&h->policy, relaxed) == KV_LFU;
    out->full += full;
    out->using_ += !full;
    out->lfu += lfu;
    out->lru += !lfu;
    out->kv_cnt += at_load(&h->kv_cnt, relaxed);
    out->hold += (int64_t)st_block_hold(h);
}

kv_rc st_mb_info(kv_store *st, kv_thread *t, kv_mb_info *out) {
    memset(out, 0, sizeof *out);
    out->supplied = (int64_t)at_load(&st->cur_mb_num, acquire); /* acquire: the blocks below it exist */
    for (int64_t i = 0; i < out->supplied; i++) {
        kv_handle *h = ha_at(&st->handles, (uint64_t)i);
        hp_holder holder;
        kv_rc rc = st_protect(st, t, h, &holder);
        if (rc == KV_NO_HAZARD) {
            return rc;
        }
        if (rc != KV_OK) {
            out->free++;
            continue;
        }
        add_info(out, h);
        hp_release(&st->hp, t, &holder);
    }
    return KV_OK;
}
