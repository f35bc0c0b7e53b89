/* Store: pairs in current blocks and blocks of their own (A5). */
#include "store_private.h"

static _Atomic(kv_handle *) *current_of(kv_store *st, kv_inst *inst, kv_policy policy) {
    return inst != NULL ? &inst->current[policy] : &st->current[policy];
}

static double base_score(kv_store *st, kv_inst *inst) {
    return double_of_bits(at_load(inst != NULL ? &inst->base_score : &st->base_score, relaxed));
}

/* A block, after one wash of the memory allocator if there was no memory: free runs of all contexts go back to the
 * system, so that they no longer count against the limit. */
static kv_rc alloc_block(kv_store *st, kv_thread *t, kv_inst *inst, kv_policy policy, uint64_t bytes, kv_handle **out) {
    kv_rc rc = st_alloc_mbhandle(st, t, inst, policy, bytes, out);
    if (rc == KV_NO_MEMORY && la_wash(st->la) > 0) {
        rc = st_alloc_mbhandle(st, t, inst, policy, bytes, out);
    }
    return rc;
}

/* A fresh block of the caller's, protected, the pair placed in it before anybody else can take its room. */
static kv_rc fresh_pair(kv_store *st, kv_thread *t, kv_inst *inst, kv_policy policy, uint64_t bytes, uint32_t key_len,
                        uint32_t value_len, kv_handle **out, kv_pair **pair, hp_holder *holder) {
    kv_handle *h;
    kv_rc rc = alloc_block(st, t, inst, policy, bytes, &h);
    if (rc != KV_OK) {
        return rc;
    }
    /* Protected while it is still USING: once FULL it may be gone before we get to it (defect 46). */
    rc = hp_protect(&st->hp, t, h, holder);
    if (rc != KV_OK) {
        st_set_full(st, h, 0); /* empty and score 0: the next wash takes it; unprotected we may not touch it any more */
        return rc;
    }
    *pair = mb_alloc(at_load(&h->mem_block, relaxed), key_len, value_len);
    *out = h;
    return KV_OK;
}

/* Larger than a block's payload: a block of its own, FULL from the start. */
static kv_rc alloc_large(kv_store *st, kv_thread *t, kv_inst *inst, kv_policy policy, uint64_t pair_bytes,
                         uint32_t key_len, uint32_t value_len, kv_handle **out, kv_pair **pair, hp_holder *holder) {
    kv_rc rc = fresh_pair(st, t, inst, policy, pair_bytes + ST_MB_HEADER, key_len, value_len, out, pair, holder);
    if (rc == KV_OK) {
        st_set_full(st, *out, base_score(st, inst));
    }
    return rc;
}

/* A pair in the current block h. KV_OK: protected. KV_GONE: h is full or no longer the current block. KV_NO_HAZARD. */
static kv_rc pair_in_current(kv_store *st, kv_thread *t, kv_inst *inst, kv_policy policy, kv_handle *h,
                             uint32_t key_len, uint32_t value_len, kv_pair **pair, hp_holder *holder) {
    kv_rc rc = hp_protect(&st->hp, t, h, holder);
    if (rc != KV_OK) {
        return rc;
    }
    /* Protected, the incarnation stays; still current, it is the one whose room may be used, and not a block that
     * another thread has just made of the same handle for itself. Relaxed: a handle stored there again later would be
     * it too. */
    if (at_load(current_of(st, inst, policy), relaxed) == h && at_load(&h->policy, relaxed) == (int64_t)policy &&
        at_load(&h->inst, relaxed) == inst) {
        *pair = mb_alloc(at_load(&h->mem_block, acquire), key_len, value_len);
        if (*pair != NULL) {
            return KV_OK;
        }
    }
    hp_release(&st->hp, t, holder);
    return KV_GONE;
}

/* Take `old` out of `current` and put h in; the winner closes the old block: whoever takes a block out of `current`
 * owns that right, so nobody can have retired it. */
static bool install(kv_store *st, kv_inst *inst, kv_policy policy, kv_handle *old, kv_handle *h) {
    _Atomic(kv_handle *) *current = current_of(st, inst, policy);
    kv_handle *expected = old;
    /* acq_rel: releases the block to those who find it here; acquires the dropper's mark, see below */
    if (!at_cas(current, &expected, h, acq_rel, relaxed)) {
        return false;
    }
    if (old != NULL) {
        st_set_full(st, old, base_score(st, inst));
    }
    /* Before: a drop marks the instance, then takes its current blocks out. Either its exchange met our block, or our
     * compare-exchange came after it in the order of this word and so sees the mark. */
    if (inst != NULL && at_load(&inst->deleted, relaxed)) {
        st_close_current(st, NULL, inst);
    }
    return true;
}

kv_rc st_alloc_kvpair(kv_store *st, kv_thread *t, kv_inst *inst, kv_policy policy, uint32_t key_len, uint32_t value_len,
                      kv_handle **out_handle, kv_pair **out_pair, hp_holder *out_holder) {
    uint64_t bytes = mb_pair_bytes(key_len, value_len);
    memset(out_holder, 0, sizeof *out_holder);
    if (bytes > UINT32_MAX - 2 * ST_MB_HEADER) {
        return KV_INVALID; /* a block's position has 32 bits */
    }
    if (bytes > st->cfg->block_size - ST_MB_HEADER) {
        return alloc_large(st, t, inst, policy, bytes, key_len, value_len, out_handle, out_pair, out_holder);
    }
    /* Ends: another turn is taken only when somebody else installed a block meanwhile, with its own pair in it. */
    for (;;) {
        kv_handle *current = at_load(current_of(st, inst, policy), acquire), *h;
        if (current != NULL) {
            kv_rc rc = pair_in_current(st, t, inst, policy, current, key_len, value_len, out_pair, out_holder);
            if (rc != KV_GONE) {
                *out_handle = current;
                return rc;
            }
            if (at_load(current_of(st, inst, policy), relaxed) != current) {
                continue; /* saves a block when the current one was replaced while we looked */
            }
        }
        kv_rc rc = fresh_pair(st, t, inst, policy, st->cfg->block_size, key_len, value_len, &h, out_pair, out_holder);
        if (rc != KV_OK) {
            return rc;
        }
        if (install(st, inst, policy, current, h)) {
            *out_handle = h;
            return KV_OK;
        }
        st_discard(st, h); /* the loser's; while protected, so it is this incarnation that is retired */
        hp_release(&st->hp, t, out_holder);
    }
}

void st_close_current(kv_store *st, kv_thread *t, kv_inst *inst) {
    (void)t;
    for (int policy = 0; policy < KV_POLICY_COUNT; policy++) {
        /* acq_rel: the right to close it comes with the exchange; releases the mark of a drop */
        kv_handle *h = at_xchg(current_of(st, inst, policy), NULL, acq_rel);
        if (h != NULL) {
            st_set_full(st, h, base_score(st, inst));
        }
    }
}
