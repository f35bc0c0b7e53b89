/* Wash: refresh scores, choose FULL blocks of low score, retire and reclaim them (A13, A14).
 *
 * temporary: one heap, allocated when the wash starts and freed when it ends, on every path (Q10). preallocated: heaps
 * per tenant and per cache with a hold size, tenant and instance tables, allocated at creation, kept for ever.
 */
#ifndef RACEWASH_WASH_H
#define RACEWASH_WASH_H

#include "store.h"

typedef struct kv_wash kv_wash;

typedef struct wash_result {
    uint64_t wanted;    /* bytes the policy asked for */
    uint32_t heap_size; /* places of the heap (after) or sum of places (before) */
    uint32_t at_once;   /* retired at once for their low score, or because their tenant is gone */
    uint32_t retired;   /* retired from the heap */
    uint32_t reclaimed;
} wash_result;

kv_rc wash_init(kv_wash **out, kv_store *st, inst_table *insts, const kv_config *cfg, kv_thread *t, bool shared);
void wash_destroy(kv_wash *w); /* NULL allowed */
/* One wash round; waits for the round of another thread. KV_OK also when nothing was to be washed. KV_NO_MEMORY: no
 * heap; reclaim and purge still ran. `force_bytes` > 0 replaces the computed size (tests, suites). */
kv_rc wash_run(kv_wash *w, kv_thread *t, uint64_t force_bytes, wash_result *out);
/* A13. KV_OK, KV_NO_HAZARD (ended early). */
kv_rc wash_refresh_score(kv_wash *w, kv_thread *t);
void wash_set_priority(kv_wash *w, uint32_t cache, int64_t priority);
void wash_set_hold_size(kv_wash *w, uint32_t cache, uint64_t bytes); /* before: a heap of its own */
int64_t wash_washable(kv_wash *w, uint32_t tenant);                  /* last published washable size */
uint64_t wash_compute_size(kv_wash *w, uint64_t limit, uint64_t used, uint64_t reserved);
/* Exclude washes (forced flush). */
void wash_lock(kv_wash *w);
void wash_unlock(kv_wash *w);

#endif
