/* Wash: refresh scores, choose FULL blocks of low score, retire and reclaim them (A13, A14).
 *
 * temporary: one heap, allocated when the wash starts and freed when it ends, on every path (Q10). preallocated: heaps
 * per tenant and per cache with a hold size, tenant and instance tables, allocated at creation, kept for ever.
 *
 * One round at a time, by a lock that is held while a round allocates (which may start a sync wash: it doesn't take
 * this lock), reclaims and waits for the retire station's grace period: no call of this file inside a QClock section.
 * Source of the algorithm: OceanBase seekdb, src/share/cache/ob_kvcache_store.cpp (wash, refresh_score).
 */
#ifndef RACEWASH_WASH_H
#define RACEWASH_WASH_H

#include "store.h"

typedef struct kv_wash kv_wash;

typedef struct wash_result {
    uint64_t wanted;    /* bytes the policy asked for */
    uint32_t heap_size; /* places of the heap (after) or sum of the tenants' heaps' places (before) */
    uint32_t at_once;   /* retired at once for their low score, or because their tenant or instance is gone */
    uint32_t retired;   /* retired from the heap */
    uint32_t reclaimed;
} wash_result;

/* KV_OK, KV_NO_MEMORY (nothing is left behind, *out is NULL). */
kv_rc wash_init(kv_wash **out, kv_store *st, inst_table *insts, const kv_config *cfg, kv_thread *t, bool shared);
void wash_destroy(kv_wash *w); /* NULL allowed */
/* One wash round; waits for the round of another thread. KV_OK also when nothing was to be washed. KV_NO_MEMORY: no
 * heap; KV_NO_HAZARD: the scan ended early; reclaim and purge still ran. `force_bytes` > 0 replaces the computed size
 * (tests, suites) and, before, the thresholds. `out` may be NULL. */
kv_rc wash_run(kv_wash *w, kv_thread *t, uint64_t force_bytes, wash_result *out);
/* A13. KV_OK, KV_NO_HAZARD (ended early). */
kv_rc wash_refresh_score(kv_wash *w, kv_thread *t);
/* Before only; out of range: nothing is done. Any thread, from the next round on. */
void wash_set_priority(kv_wash *w, uint32_t cache, int64_t priority);
void wash_set_hold_size(kv_wash *w, uint32_t cache, uint64_t bytes); /* > 0: a heap of its own */
/* Last published washable size: bytes of the FULL blocks that the last complete scan met and did not retire at once.
 * After, one figure stands for all tenants. */
int64_t wash_washable(kv_wash *w, uint32_t tenant);
/* Bytes to wash by the formula after; the whole of A14's formulas is in wash_size.h. */
uint64_t wash_compute_size(kv_wash *w, uint64_t limit, uint64_t used, uint64_t reserved);
/* Exclude washes (forced flush). Not recursive. */
void wash_lock(kv_wash *w, kv_thread *t);
void wash_unlock(kv_wash *w, kv_thread *t);

#endif
