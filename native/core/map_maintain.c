/* Bucket map: background rounds (cleaning of garbage nodes, replacing of fragments, A19) and the visit of all nodes. */
#include "map_private.h"

enum {
    CLEAN_PART = 50,
    CLEAN_MAX = 200000,
    REPLACE_PART = 100,
    REPLACE_MAX = 100000,
    REPLACE_BUCKET_US = 1000000 /* time for one bucket */
};

static uint32_t clean_amount(uint32_t bucket_num) {
    uint32_t n = bucket_num / CLEAN_PART;
    if (n > CLEAN_MAX) {
        n = n / 10 > CLEAN_MAX ? n / 10 : CLEAN_MAX;
    }
    return n > 0 ? n : 1;
}

static uint32_t replace_amount(uint32_t bucket_num) {
    uint32_t n = bucket_num / REPLACE_PART;
    n = n < REPLACE_MAX ? n : REPLACE_MAX;
    return n > 0 ? n : 1;
}

/* One bucket's work, locked, slot held: adds to *n. */
typedef kv_rc (*bucket_fn)(bucket_map *m, kv_thread *t, uint32_t slot, uint32_t bucket, uint32_t *n);

static kv_rc clean_bucket(bucket_map *m, kv_thread *t, uint32_t slot, uint32_t bucket, uint32_t *n) {
    bm_link *link = map_head(m, bucket);
    kv_node *node;
    while ((node = at_load(link, relaxed)) != NULL) {
        hp_holder holder;
        kv_rc rc = bm_protect(m, t, node, &holder);
        if (rc == KV_GONE) {
            bm_unlink(m, slot, link, node, false);
            ++*n;
            continue;
        }
        if (rc != KV_OK) {
            return rc;
        }
        hp_release(&m->store->hp, t, &holder);
        link = &node->next;
    }
    return KV_OK;
}

static kv_rc replace_bucket(bucket_map *m, kv_thread *t, uint32_t slot, uint32_t bucket, uint32_t *n) {
    bm_link *link = map_head(m, bucket);
    kv_node *node;
    uint64_t start = kv_now_us(m->env);
    while ((node = at_load(link, relaxed)) != NULL && kv_now_us(m->env) - start <= REPLACE_BUCKET_US) {
        if (na_fragmented(node)) {
            kv_node *copy = bm_copy_fragment(m, t, slot, link, node);
            if (copy == NULL) {
                break; /* no memory now; the fragments stay for a later round */
            }
            ++*n;
            node = copy;
        }
        link = &node->next;
    }
    return KV_OK;
}

/* A bucket under one version slot and its lock; empty buckets are skipped by a look without the lock (a bucket that
 * fills just then is the next round's), checked again with it. */
static kv_rc visit_bucket(bucket_map *m, kv_thread *t, uint32_t bucket, bucket_fn work, uint32_t *n) {
    uint32_t slot;
    if (at_load(map_head(m, bucket), relaxed) == NULL) {
        return KV_OK; /* not followed, so no order is needed */
    }
    kv_rc rc = hv_acquire(&m->hv, t, &slot);
    if (rc != KV_OK) {
        return rc;
    }
    bm_lock(m, t, bucket);
    if (at_load(map_head(m, bucket), relaxed) != NULL) {
        rc = work(m, t, slot, bucket, n);
    }
    bm_unlock(m, t, bucket);
    hv_release(&m->hv, t, slot);
    return rc;
}

/* The next `amount` buckets after *pos. Rounds of two threads take different parts. */
static kv_rc round_of(bucket_map *m, kv_thread *t, _Atomic(uint64_t) *pos, uint32_t amount, bucket_fn work,
                      uint32_t *n) {
    uint64_t start = at_add(pos, amount, relaxed);
    kv_rc rc = KV_OK;
    *n = 0;
    for (uint32_t i = 0; i < amount && rc == KV_OK; i++) {
        unsigned tries = 0;
        do {
            rc = visit_bucket(m, t, (uint32_t)((start + i) % m->bucket_num), work, n);
        } while (bm_try_again(rc, &tries));
    }
    return rc;
}

kv_rc map_clean_garbage(bucket_map *m, kv_thread *t, uint32_t *n) {
    kv_rc rc = round_of(m, t, &m->clean_pos, clean_amount(m->bucket_num), clean_bucket, n);
    hv_retire_all(&m->hv, t);
    return rc;
}

kv_rc map_replace_fragments(bucket_map *m, kv_thread *t, uint32_t *n) {
    return round_of(m, t, &m->replace_pos, replace_amount(m->bucket_num), replace_bucket, n);
}

void map_each(bucket_map *m, kv_thread *t, void (*visit)(void *arg, uint32_t bucket, kv_node *node), void *arg) {
    for (uint32_t b = 0; b < m->bucket_num; b++) {
        if (at_load(map_head(m, b), relaxed) == NULL) {
            continue; /* empty at this moment, which is all that a visit promises while others write */
        }
        bm_lock(m, t, b);
        for (kv_node *node = at_load(map_head(m, b), relaxed); node != NULL; node = at_load(&node->next, relaxed)) {
            visit(arg, b, node);
        }
        bm_unlock(m, t, b);
    }
}
