/* Inside the bucket map: what its files share. Private to map_*.c and bucket_map.c. */
#ifndef RACEWASH_MAP_PRIVATE_H
#define RACEWASH_MAP_PRIVATE_H

#include "bucket_map.h"

/* Times a whole locked step is tried again when no hazard pointer could be allocated, the lock released in between.
 * W9: the source tries for ever, in the cleaning even with the bucket lock held. */
enum { BM_HAZARD_TRIES = 3 };

typedef _Atomic(kv_node *) bm_link; /* a bucket head or a node's next */

/* What an address in the map is looked up by. */
typedef struct bm_key {
    kv_inst *inst;
    uint64_t hash; /* compared hash: hash + cache id */
    const void *key;
    uint32_t len;
    uint32_t bucket;
} bm_key;

bm_key bm_key_of(const bucket_map *m, kv_inst *inst, const void *key, uint32_t len);

/* Bucket lock. While it is held no allocation of this thread starts a sync wash. */
void bm_lock(bucket_map *m, kv_thread *t, uint32_t bucket);
void bm_unlock(bucket_map *m, kv_thread *t, uint32_t bucket);
/* Between two tries after KV_NO_HAZARD: gives the processor away. False when `tries` is used up. */
bool bm_try_again(kv_rc rc, unsigned *tries);

/* KV_OK: out holds the node's incarnation; KV_GONE: garbage; KV_NO_HAZARD. */
kv_rc bm_protect(bucket_map *m, kv_thread *t, const kv_node *node, hp_holder *out);
/* Cheap part of the comparison: no pair is read. */
static inline bool bm_may_match(const kv_node *node, const bm_key *k) {
    return node->hash == k->hash && node->inst == k->inst && node->key_len == k->len;
}
/* The rest; the node is protected. */
static inline bool bm_matches(const kv_node *node, const bm_key *k) {
    return bm_may_match(node, k) && memcmp(node->pair->key, k->key, k->len) == 0;
}
/* Sequence number for a node of a protected handle; -1 when it was retired meanwhile. */
int64_t bm_node_seq(kv_handle *h);

/* A pair of `policy` filled with key and value, and an unlinked node for it. The pair's holder is held until the node
 * is linked or given up. KV_OK; else nothing is left behind. May start a sync wash: no bucket lock is held. */
kv_rc bm_make_node(bucket_map *m, kv_thread *t, const bm_key *k, kv_policy policy, const void *value,
                   uint32_t value_len, kv_node **out, hp_holder *holder);
/* Free a node that was never linked. */
void bm_drop_node(kv_node *node);

/* ---- Bucket lock held, a hazard-version slot held ---- */

/* Count a node in, just before its link is stored. */
void bm_count_in(bucket_map *m, kv_node *node);
/* Count a node out that was just unlinked and hand it to the station. `matched`: its incarnation is protected, so
 * that its handle's count is still its own (Q4). */
void bm_bury(bucket_map *m, uint32_t slot, kv_node *node, bool matched);
/* Take the node at *link out of its chain, and bury it. */
void bm_unlink(bucket_map *m, uint32_t slot, bm_link *link, kv_node *node, bool matched);
/* Put `fresh` in the place of the node at *link; the old one is not buried. */
void bm_replace(bm_link *link, kv_node *old, kv_node *fresh);
/* Replace the node at *link by a copy; NULL when there is no memory (nothing changed). */
kv_node *bm_copy_fragment(bucket_map *m, kv_thread *t, uint32_t slot, bm_link *link, kv_node *node);

#endif
