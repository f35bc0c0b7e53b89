/* Store: creation, destruction, supply of handles, and a memory block's way in and out (A2, A4, A9, A22). */
#include "store_private.h"

/* ---- Small helpers ---- */

uint64_t st_block_hold(const kv_handle *h) {
    const kv_mem_block *mb = at_load(&h->mem_block, acquire);
    return mb != NULL ? mb->hold : 0;
}

dlist *st_list_of(kv_store *st, const kv_inst *inst) {
    return &st->lists[inst != NULL && inst->tenant < st->list_cnt ? inst->tenant : 0];
}

kv_rc st_protect(kv_store *st, kv_thread *t, kv_handle *h, hp_holder *holder) {
    memset(holder, 0, sizeof *holder);
    kv_rc rc = hp_protect(&st->hp, t, h, holder);
    for (int tries = 1; rc == KV_NO_HAZARD && tries < ST_HAZARD_TRIES; tries++) {
        unsigned spins = CPU_RELAX_SPINS - 1; /* the next turn yields */
        cpu_relax(&spins);
        rc = hp_protect(&st->hp, t, h, holder);
    }
    return rc;
}

/* ---- Reuse ---- */

/* The station's callback: nobody sees the handle's links any more. seq_num, handle_idx and ref_cnt stay (I8). Relaxed:
 * the push publishes; who still reads these words by index finds FREE and believes none of them. */
static void reuse(void *arg, kv_handle *h) {
    kv_store *st = arg;
    at_store(&h->link.next, 0, relaxed);
    at_store(&h->link.prev, 0, relaxed);
    at_store(&h->retire_link, NULL, relaxed);
    at_store(&h->inst, NULL, relaxed);
    at_store(&h->policy, KV_LRU, relaxed);
    at_store(&h->get_cnt, 0, relaxed);
    at_store(&h->recent_get_cnt, 0, relaxed);
    at_store(&h->score, 0, relaxed);
    at_store(&h->kv_cnt, 0, relaxed);
    at_store(&h->status, KV_FREE, relaxed); /* it is already, since the retirement */
    if (pool_push(&st->pool, h) != KV_OK) {
        kv_report(st->env, "Q1", "the pool has no room for a handle: it was handed out twice", __FILE__, __LINE__);
    }
}

/* ---- Creation and destruction ---- */

enum { PART_HANDLES = 1, PART_POOL, PART_HP, PART_CLOCK, PART_STATION, PART_LISTS };

static kv_rc make_lists(kv_store *st, kv_thread *t) {
    st->list_cnt = st_is_before(st) ? KV_MAX_TENANT_NUM : 1;
    st->lists = la_zalloc(st->la, t, 0, LA_CTX_DEFAULT, KV_L_MB_LIST, st->list_cnt * sizeof(dlist));
    if (st->lists == NULL) {
        return KV_NO_MEMORY;
    }
    for (uint32_t i = 0; i < st->list_cnt; i++) {
        dl_init(&st->lists[i]);
    }
    return KV_OK;
}

static kv_rc make_part(kv_store *st, kv_thread *t, uint32_t part, bool shared) {
    const kv_config *cfg = st->cfg;
    switch (part) {
    case PART_HANDLES:
        return ha_init(&st->handles, st->la, t, cfg->handles, cfg->max_handles, cfg->handles_per_block);
    case PART_POOL:
        return pool_init(&st->pool, st->la, t, cfg->max_handles, ha_flat_slots(&st->handles));
    case PART_HP:
        return hp_init(&st->hp, st->la, t, &st->handles, cfg, shared);
    case PART_CLOCK:
        return qc_init(&st->clock, st->la, t, cfg->qclock_slots);
    case PART_STATION:
        return rs_init(&st->station, st->la, t, &st->clock, cfg->station_slots, reuse, st);
    default:
        return make_lists(st, t);
    }
}

static void free_part(kv_store *st, uint32_t part) {
    switch (part) {
    case PART_HANDLES:
        ha_destroy(&st->handles);
        break;
    case PART_POOL:
        pool_destroy(&st->pool);
        break;
    case PART_HP:
        hp_destroy(&st->hp);
        break;
    case PART_CLOCK:
        qc_destroy(&st->clock);
        break;
    case PART_STATION:
        rs_destroy(&st->station);
        break;
    default:
        la_free(st->la, st->lists);
        break;
    }
}

kv_rc st_init(kv_store *st, la_alloc *la, const kv_env *env, const kv_config *cfg, kv_thread *t, inst_table *insts,
              bool shared) {
    memset(st, 0, sizeof *st);
    st->la = la;
    st->env = env;
    st->cfg = cfg;
    st->insts = insts;
    st->max_handles = cfg->max_handles;
    for (uint32_t part = PART_HANDLES; part <= PART_LISTS; part++) {
        kv_rc rc = make_part(st, t, part, shared);
        if (rc != KV_OK) {
            st_destroy(st, t); /* W7: upstream's destroy does nothing after a failed init; ours undoes what was done */
            return rc;
        }
        st->parts = part;
    }
    return KV_OK;
}

/* W8: upstream skips blocks whose status is FREE, and with them those retired but not reclaimed; a handle's block is
 * held as long as its pointer is set, so this is what counts. */
static void free_blocks(kv_store *st) {
    uint64_t supplied = at_load(&st->cur_mb_num, acquire);
    for (uint64_t i = 0; i < supplied; i++) {
        kv_handle *h = ha_at(&st->handles, i);
        kv_mem_block *mb = at_xchg(&h->mem_block, NULL, acquire);
        if (mb != NULL) {
            la_block_free(st->la, mb);
        }
        at_store(&h->status, KV_FREE, relaxed);
    }
}

void st_destroy(kv_store *st, kv_thread *t) {
    if (st->parts >= PART_LISTS) {
        hp_thread_release(&st->hp, t);
        free_blocks(st);
        rs_purge(&st->station);
    }
    for (uint32_t part = st->parts; part >= PART_HANDLES; part--) {
        free_part(st, part);
    }
    memset(st, 0, sizeof *st);
}

/* ---- Supply (A2) ---- */

/* The range [old, old + n) or what is left of it, if nobody else has advanced the count beyond `old`. */
static bool supply_from(kv_store *st, kv_thread *t, uint64_t old, uint64_t n) {
    if (old >= st->max_handles) {
        return false;
    }
    uint64_t end = n < st->max_handles - old ? old + n : st->max_handles;
    /* Blocks first, then the count: a traverser below the count never meets a null block (I1). */
    if (!ha_ensure_blocks(&st->handles, t, old, end)) {
        return false;
    }
    /* W2: announced before the count moves. Relaxed: the compare-exchange below releases it, so that whoever sees the
     * new count sees the announcement, or the pushes that ended it. */
    at_add(&st->supplying, 1, relaxed);
    uint64_t expected = old;
    /* acq_rel: releases the blocks' pointers; acquires the former suppliers' ones, which our release passes on */
    if (at_cas(&st->cur_mb_num, &expected, end, acq_rel, relaxed)) {
        for (uint64_t i = old; i < end; i++) {
            if (pool_push(&st->pool, ha_at(&st->handles, i)) != KV_OK) {
                kv_report(st->env, "Q1", "the pool has no room for a supplied handle", __FILE__, __LINE__);
            }
        }
    }
    at_sub(&st->supplying, 1, release); /* release: after the pushes */
    return true;
}

bool st_try_supply(kv_store *st, kv_thread *t, uint64_t n) {
    return supply_from(st, t, at_load(&st->cur_mb_num, acquire), n);
}

/* Nothing in the pool, nothing left to supply: what has been given up but is not back yet. W2, W12: upstream gives up
 * here; its release 1.4.0 purges, reclaims, washes once and looks again. The wash is left out: it is the caller's. The
 * reclaim waits for one of another thread that is under way. */
static kv_handle *recover_handle(kv_store *st, kv_thread *t) {
    (void)st_reclaim(st, t);
    st_purge(st);
    return pool_pop(&st->pool);
}

/* True, after a little wait, while a supplier that has won the count may still be pushing. False after ST_SUPPLY_US: it
 * counts as dead then, and its handles as lost. The clock is looked at now and then only. */
static bool await_supplier(kv_store *st, unsigned *spins, uint64_t *deadline) {
    if (at_load(&st->supplying, acquire) == 0) {
        return false;
    }
    if (*spins % ST_SUPPLY_LOOK == 0) {
        uint64_t now = kv_now_us(st->env);
        *deadline = *deadline == 0 ? now + ST_SUPPLY_US : *deadline;
        if (now >= *deadline) {
            return false;
        }
    }
    cpu_relax(spins);
    return true;
}

/* A handle from the pool, supplied if need be. NULL: there is none. */
static kv_handle *take_handle(kv_store *st, kv_thread *t) {
    unsigned spins = 0;
    uint64_t deadline = 0;
    for (;;) {
        kv_handle *h = pool_pop(&st->pool);
        if (h != NULL) {
            return h;
        }
        /* The count before the announcement: see st_try_supply. W2, W3: upstream supplies the next range, or fails at
         * the maximum, although the winner of the last range is still pushing; ours waits for it, unless it died. */
        uint64_t supplied = at_load(&st->cur_mb_num, acquire);
        if (await_supplier(st, &spins, &deadline)) {
            continue;
        }
        h = pool_pop(&st->pool); /* a supplier may have ended since the first look */
        if (h != NULL) {
            return h;
        }
        /* From the count that was read before the pool was found empty: if it has moved since, nothing is supplied, and
         * we look again. Ends, since the count is bounded. */
        if (!supply_from(st, t, supplied, st->cfg->supply_num) && at_load(&st->cur_mb_num, acquire) == supplied) {
            return recover_handle(st, t);
        }
    }
}

/* ---- In: A4 ---- */

static void count_block(kv_store *st, kv_inst *inst, int64_t policy, int64_t blocks) {
    at_add(&st->policy_cnt[policy], blocks, relaxed);
    if (inst != NULL) {
        at_add(&inst->mb_cnt[policy], blocks, release);
    }
}

/* Release, and an instance's size last of all: with both counts 0 a swept instance may vanish. */
static void count_size(kv_store *st, kv_inst *inst, int64_t bytes) {
    at_add(&st->store_size, bytes, relaxed);
    if (inst != NULL) {
        at_add(&inst->store_size, bytes, release);
    }
}

kv_rc st_alloc_mbhandle(kv_store *st, kv_thread *t, kv_inst *inst, kv_policy policy, uint64_t block_bytes,
                        kv_handle **out) {
    uint32_t tenant = inst != NULL ? inst->tenant : 0;
    *out = NULL;
    count_size(st, inst, (int64_t)block_bytes);
    kv_mem_block *mb = la_block_alloc(st->la, t, tenant, block_bytes);
    if (mb == NULL) {
        count_size(st, inst, -(int64_t)block_bytes);
        return KV_NO_MEMORY;
    }
    kv_handle *h = take_handle(st, t);
    if (h == NULL) {
        la_block_free(st->la, mb);
        count_size(st, inst, -(int64_t)block_bytes);
        return KV_NO_HANDLE;
    }
    mb_init(mb, block_bytes);
    count_block(st, inst, policy, 1);
    at_store(&h->inst, inst, relaxed);
    at_store(&h->policy, policy, relaxed);
    at_store(&h->get_cnt, 0, relaxed);
    at_store(&h->recent_get_cnt, 0, relaxed);
    at_store(&h->score, bits_of_double(0), relaxed);
    at_store(&h->kv_cnt, 0, relaxed);
    at_store(&h->last_modified, (int64_t)kv_now_us(st->env), relaxed);
    at_store(&h->mem_block, mb, release); /* the block's header to those who look at it without the status */
    /* The last store, release: whoever sees USING sees the block (I5). Not seq_cst: what must not be missed against a
     * hazard pointer is the next FREE, which is. */
    at_store(&h->status, KV_USING, release);
    uint32_t slot = qc_enter(&st->clock, t);
    dl_insert_tail(st_list_of(st, inst), &h->link);
    qc_leave(&st->clock, slot);
    *out = h;
    return KV_OK;
}

/* ---- Out: A7, A9 ---- */

void st_set_full(kv_store *st, kv_handle *h, double base) {
    (void)st;
    if (at_load(&h->status, acquire) != KV_USING) {
        return;
    }
    /* W17: upstream stores FULL first and adds afterwards, when the block may have been retired and reused; nobody can
     * retire it while it is USING. W10: a compare-exchange, since the refresh of scores may change the word
     * meanwhile. */
    uint64_t old = at_load(&h->score, relaxed);
    while (base != 0 && !at_cas_weak(&h->score, &old, bits_of_double(double_of_bits(old) + base), relaxed, relaxed)) {
    }
    at_store(&h->last_modified, (int64_t)kv_now_us(st->env), relaxed);
    int64_t expected = KV_USING;
    at_cas(&h->status, &expected, KV_FULL, release, relaxed); /* release: the score to the wash that finds it FULL */
}

bool st_retire(kv_store *st, kv_handle *h) {
    return hp_retire(&st->hp, h, st_block_hold(h));
}

void st_discard(kv_store *st, kv_handle *h) {
    /* Between the two a wash may retire it as well; the caller's protection keeps it from being reused under us. */
    st_set_full(st, h, 0);
    st_retire(st, h);
}

uint64_t st_release_block(kv_store *st, kv_thread *t, kv_handle *h) {
    kv_inst *inst = at_load(&h->inst, relaxed); /* ours alone since it was reclaimed */
    int64_t policy = at_load(&h->policy, relaxed);
    kv_mem_block *mb = at_load(&h->mem_block, acquire);
    uint64_t hold = mb->hold;
    /* W6: upstream's sync wash deletes links outside QClock, and its search for the predecessor may start at a handle
     * that was reused meanwhile. Here every deletion stands inside a section. */
    uint32_t slot = qc_enter(&st->clock, t);
    dl_delete(st_list_of(st, inst), &h->link);
    qc_leave(&st->clock, slot);
    at_store(&h->mem_block, NULL, relaxed); /* nobody follows it: the handle is FREE and unprotected */
    la_block_free(st->la, mb);
    count_block(st, inst, policy, -1);
    count_size(st, inst, -(int64_t)hold); /* the last touch of the instance */
    return hold;
}

void st_station(kv_store *st, kv_thread *t, kv_handle *h) {
    bool washer = at_load(&st->wash_thread, relaxed) == t->id + 1; /* a figure only: any value is right */
    rs_retire(&st->station, t, h, washer ? st->cfg->wash_retire_limit : st->cfg->retire_limit);
}

void st_free_mbhandle(void *store, kv_thread *t, kv_handle *h) {
    (void)st_release_block(store, t, h);
    st_station(store, t, h);
}

uint32_t st_reclaim(kv_store *st, kv_thread *t) {
    return hp_reclaim(&st->hp, t, st_block_hold, st_free_mbhandle, st);
}

void st_purge(kv_store *st) {
    rs_purge(&st->station);
}
