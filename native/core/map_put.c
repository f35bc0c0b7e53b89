/* Bucket map: put (A17). */
#include "map_private.h"

/* The locked part: walk the chain, clean it on the way, link the node. */
static kv_rc put_locked(bucket_map *m, kv_thread *t, uint32_t slot, const bm_key *k, kv_node *fresh, bool overwrite) {
    bm_link *head = map_head(m, k->bucket), *link = head;
    kv_node *node;
    if (at_load(&k->inst->deleted, acquire)) {
        return KV_DELETED; /* seen under the lock: a drop marks first and then visits every bucket under its lock */
    }
    while ((node = at_load(link, relaxed)) != NULL) { /* relaxed: chains change under this lock only */
        hp_holder holder;
        kv_rc rc = bm_protect(m, t, node, &holder);
        if (rc == KV_GONE) {
            bm_unlink(m, slot, link, node, false);
            continue;
        }
        if (rc != KV_OK) {
            return rc;
        }
        if (bm_matches(node, k)) {
            if (!overwrite) {
                hp_release(&m->store->hp, t, &holder);
                return KV_EXISTS;
            }
            bm_count_in(m, fresh);
            bm_replace(link, node, fresh);
            bm_bury(m, slot, node, true);
            hp_release(&m->store->hp, t, &holder);
            return KV_OK;
        }
        hp_release(&m->store->hp, t, &holder);
        if (na_fragmented(node)) {
            kv_node *copy = bm_copy_fragment(m, t, slot, link, node);
            node = copy != NULL ? copy : node; /* without memory the fragment stays: nothing is lost */
        }
        link = &node->next;
    }
    bm_count_in(m, fresh);
    at_store(&fresh->next, at_load(head, relaxed), relaxed);
    at_store(head, fresh, release); /* publishes the node; nothing is unlinked, so no more is asked */
    return KV_OK;
}

kv_rc map_put(bucket_map *m, kv_thread *t, kv_inst *inst, const void *key, uint32_t key_len, const void *value,
              uint32_t value_len, bool overwrite) {
    bm_key k = bm_key_of(m, inst, key, key_len);
    kv_node *fresh;
    hp_holder holder;
    uint32_t slot;
    /* Pair and node come first, so that their allocations may wash: no lock and no version is held yet. As in the
     * source, a put-if-absent that meets the key has used up its pair's bytes. */
    kv_rc rc = bm_make_node(m, t, &k, KV_LRU, value, value_len, &fresh, &holder);
    if (rc != KV_OK) {
        return rc;
    }
    rc = hv_acquire(&m->hv, t, &slot);
    if (rc == KV_OK) {
        unsigned tries = 0;
        do {
            bm_lock(m, t, k.bucket);
            rc = put_locked(m, t, slot, &k, fresh, overwrite);
            bm_unlock(m, t, k.bucket);
        } while (bm_try_again(rc, &tries));
        hv_release(&m->hv, t, slot);
    }
    if (rc != KV_OK) {
        bm_drop_node(fresh);
    }
    hp_release(&m->store->hp, t, &holder);
    return rc;
}
