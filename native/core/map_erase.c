/* Bucket map: erase of one key, of everything, by cache, tenant or instance (A19). */
#include "map_private.h"

/* ---- One key ---- */

static kv_rc erase_locked(bucket_map *m, kv_thread *t, uint32_t slot, const bm_key *k) {
    bm_link *link = map_head(m, k->bucket);
    kv_node *node;
    while ((node = at_load(link, relaxed)) != NULL) { /* relaxed: chains change under this lock only */
        hp_holder holder;
        kv_rc rc = bm_may_match(node, k) ? bm_protect(m, t, node, &holder) : KV_NOT_FOUND;
        if (rc == KV_NO_HAZARD) {
            return rc;
        }
        if (rc == KV_GONE) {
            bm_unlink(m, slot, link, node, false);
            continue;
        }
        if (rc == KV_OK) {
            bool found = bm_matches(node, k);
            if (found) {
                bm_unlink(m, slot, link, node, true);
            }
            hp_release(&m->store->hp, t, &holder);
            if (found) {
                return KV_OK;
            }
        }
        link = &node->next;
    }
    return KV_NOT_FOUND;
}

kv_rc map_erase(bucket_map *m, kv_thread *t, kv_inst *inst, const void *key, uint32_t key_len) {
    bm_key k = bm_key_of(m, inst, key, key_len);
    uint32_t slot;
    unsigned tries = 0;
    kv_rc rc = hv_acquire(&m->hv, t, &slot);
    if (rc != KV_OK) {
        return rc;
    }
    do {
        bm_lock(m, t, k.bucket);
        rc = erase_locked(m, t, slot, &k);
        bm_unlock(m, t, k.bucket);
    } while (bm_try_again(rc, &tries));
    hv_release(&m->hv, t, slot);
    return rc;
}

/* ---- Many ---- */

typedef struct scope { /* which nodes go; UINT32_MAX and NULL: any */
    uint32_t cache, tenant;
    const kv_inst *inst;
} scope;

static bool in_scope(const scope *s, const kv_inst *inst) {
    return (s->inst == NULL || s->inst == inst) && (s->cache == UINT32_MAX || s->cache == inst->cache) &&
           (s->tenant == UINT32_MAX || s->tenant == inst->tenant);
}

static kv_rc erase_bucket_locked(bucket_map *m, kv_thread *t, uint32_t slot, uint32_t bucket, const scope *s) {
    bm_link *link = map_head(m, bucket);
    kv_node *node;
    while ((node = at_load(link, relaxed)) != NULL) {
        if (!in_scope(s, node->inst)) {
            link = &node->next;
            continue;
        }
        hp_holder holder; /* protected while its handle's count is touched: the next incarnation's is not its own */
        kv_rc rc = bm_protect(m, t, node, &holder);
        if (rc == KV_NO_HAZARD) {
            return rc;
        }
        bm_unlink(m, slot, link, node, rc == KV_OK);
        hp_release(&m->store->hp, t, &holder);
    }
    return KV_OK;
}

/* One bucket under its lock, its version slot only when there is something in it. The look is made under the lock:
 * a put that has just seen its instance alive must not slip in behind an unlocked one. */
static kv_rc erase_bucket(bucket_map *m, kv_thread *t, uint32_t bucket, const scope *s) {
    kv_rc rc = KV_OK;
    uint32_t slot = UINT32_MAX;
    bm_lock(m, t, bucket);
    if (at_load(map_head(m, bucket), relaxed) != NULL) {
        rc = hv_acquire(&m->hv, t, &slot);
        if (rc == KV_OK) {
            rc = erase_bucket_locked(m, t, slot, bucket, s);
        }
    }
    bm_unlock(m, t, bucket);
    if (slot != UINT32_MAX) {
        hv_release(&m->hv, t, slot);
    }
    return rc;
}

static kv_rc erase_scope(bucket_map *m, kv_thread *t, scope s) {
    kv_rc rc = KV_OK;
    for (uint32_t b = 0; b < m->bucket_num && rc == KV_OK; b++) {
        unsigned tries = 0;
        do {
            rc = erase_bucket(m, t, b, &s);
        } while (bm_try_again(rc, &tries));
    }
    hv_retire_all(&m->hv, t); /* W1: by version, for everybody alike */
    return rc;
}

kv_rc map_erase_all(bucket_map *m, kv_thread *t) {
    return erase_scope(m, t, (scope){UINT32_MAX, UINT32_MAX, NULL});
}

kv_rc map_erase_cache(bucket_map *m, kv_thread *t, uint32_t cache) {
    return erase_scope(m, t, (scope){cache, UINT32_MAX, NULL});
}

kv_rc map_erase_tenant(bucket_map *m, kv_thread *t, uint32_t tenant) {
    return erase_scope(m, t, (scope){UINT32_MAX, tenant, NULL});
}

kv_rc map_erase_inst(bucket_map *m, kv_thread *t, kv_inst *inst) {
    return erase_scope(m, t, (scope){UINT32_MAX, UINT32_MAX, inst});
}
