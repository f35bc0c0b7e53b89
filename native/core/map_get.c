/* Bucket map: get (A18), and the move of a hot pair into an LFU block. */
#include "map_private.h"

/* Find and protect the pair. Without the bucket lock, or with it; a version slot is held. *suspect: a retired node
 * was met that may have been the key's. */
static kv_rc find(bucket_map *m, kv_thread *t, const bm_key *k, kv_node **out, hp_holder *holder, bool *suspect) {
    kv_node *node = at_load(map_head(m, k->bucket), seq_cst); /* seq_cst: see hazard_version.h */
    *suspect = false;
    for (; node != NULL; node = at_load(&node->next, seq_cst)) {
        if (!bm_may_match(node, k)) {
            continue;
        }
        kv_rc rc = bm_protect(m, t, node, holder);
        if (rc == KV_GONE) {
            *suspect = true;
        } else if (rc != KV_OK) {
            return rc;
        } else if (bm_matches(node, k)) {
            *out = node;
            return KV_OK;
        } else {
            hp_release(&m->store->hp, t, holder);
        }
    }
    return KV_NOT_FOUND;
}

/* The same, final: a miss that met a retired node looks again under the lock. A move checks, under this lock, that the
 * pair isn't retired and then links its copy; without the second look we could miss the pair between the two and
 * meet it afterwards, which no sequence of puts and drops explains. */
static kv_rc find_surely(bucket_map *m, kv_thread *t, const bm_key *k, kv_node **out, hp_holder *holder) {
    bool suspect;
    kv_rc rc = find(m, t, k, out, holder, &suspect);
    if (rc == KV_NOT_FOUND && suspect) {
        bm_lock(m, t, k->bucket);
        rc = find(m, t, k, out, holder, &suspect);
        bm_unlock(m, t, k->bucket);
    }
    return rc;
}

/* W11: heuristic counters are counted up by a load and a store. A lost update makes a score or a hot pair come a
 * little later, and that is all; an atomic increment would make every get of a block wait for its line. Counts that
 * must be exact (hits, misses, kv_cnt) are real increments. */
static void count_loosely(_Atomic(int64_t) *counter) {
    at_store(counter, at_load(counter, relaxed) + 1, relaxed);
}

/* Hot: asked for more often than the average pair of its block, by more than two. */
static bool is_hot(kv_handle *h, int64_t node_cnt) {
    int64_t pairs = at_load(&h->kv_cnt, relaxed);
    return node_cnt > at_load(&h->get_cnt, relaxed) / ((pairs > 0 ? pairs : 0) + 1) + 2;
}

/* Put `fresh`, a copy of `node`'s pair, in its place, if it is still in the chain and not retired. */
static bool replace_if_chained(bucket_map *m, kv_thread *t, uint32_t slot, uint32_t bucket, kv_node *node,
                               kv_node *fresh) {
    bool done = false;
    bm_lock(m, t, bucket);
    bm_link *link = map_head(m, bucket);
    kv_node *at;
    while ((at = at_load(link, relaxed)) != NULL && at != node) {
        link = &at->next;
    }
    /* Retired: a getter may have missed it already, so it must not come back. A retirement after this look is harmless:
     * whoever meets the retired node waits for our lock before it reports a miss. */
    if (at == node && bm_node_seq(node->handle) == node->seq) {
        bm_count_in(m, fresh);
        bm_replace(link, node, fresh);
        bm_bury(m, slot, node, true); /* its incarnation is the caller's holder's */
        done = true;
    }
    bm_unlock(m, t, bucket);
    return done;
}

/* Move a hot pair of an LRU block into an LFU block. An optimisation: any failure leaves everything as it is. The
 * caller's holder protects the old pair, its slot the old node. */
static void move_if_hot(bucket_map *m, kv_thread *t, uint32_t slot, const bm_key *k, kv_node *node) {
    kv_handle *h = node->handle;
    int64_t cnt = at_load(&node->get_cnt, relaxed);
    if (at_load(&h->policy, relaxed) != KV_LRU || !is_hot(h, cnt)) {
        return;
    }
    /* Claimed by resetting the count: other getters don't try the same move at the same time, and after a failure
     * the pair must become hot again first. So nothing needs to be allocated under the bucket lock. */
    int64_t claimed = cnt;
    if (!at_cas(&node->get_cnt, &claimed, 0, relaxed, relaxed)) {
        return;
    }
    kv_node *fresh;
    hp_holder holder;
    if (bm_make_node(m, t, k, KV_LFU, node->pair->value, node->value_len, &fresh, &holder) != KV_OK) {
        return;
    }
    at_store(&fresh->get_cnt, cnt, relaxed);
    if (replace_if_chained(m, t, slot, k->bucket, node, fresh)) {
        at_add(&fresh->handle->get_cnt, cnt, relaxed); /* still protected by holder */
    } else {
        bm_drop_node(fresh);
    }
    hp_release(&m->store->hp, t, &holder);
}

kv_rc map_get(bucket_map *m, kv_thread *t, kv_inst *inst, const void *key, uint32_t key_len, kv_pin *out) {
    bm_key k = bm_key_of(m, inst, key, key_len);
    kv_node *node = NULL;
    uint32_t slot;
    unsigned tries = 0;
    memset(out, 0, sizeof *out);
    kv_rc rc = hv_acquire(&m->hv, t, &slot);
    if (rc != KV_OK) {
        return rc;
    }
    do {
        rc = find_surely(m, t, &k, &node, &out->holder);
    } while (bm_try_again(rc, &tries));
    if (rc == KV_OK) {
        out->pair = node->pair;
        out->key_len = node->key_len;
        out->value_len = node->value_len;
        count_loosely(&node->get_cnt);
        count_loosely(&node->handle->get_cnt);
        count_loosely(&node->handle->recent_get_cnt);
        at_add(&inst->hits, 1, relaxed); /* exact: hits + misses = gets */
        move_if_hot(m, t, slot, &k, node);
    } else if (rc == KV_NOT_FOUND) {
        at_add(&inst->misses, 1, relaxed);
    }
    hv_release(&m->hv, t, slot);
    return rc;
}

void map_unpin(bucket_map *m, kv_thread *t, kv_pin *pin) {
    hp_release(&m->store->hp, t, &pin->holder);
    memset(pin, 0, sizeof *pin);
}
