/* How much to wash: the formulas of A14 for both layouts, without any state.
 *
 * Source: OceanBase seekdb, src/share/cache/ob_kvcache_store.cpp (compute_tenant_wash_size and its successor).
 */
#ifndef RACEWASH_WASH_SIZE_H
#define RACEWASH_WASH_SIZE_H

#include "kv_types.h"

typedef struct wsize_tenant { /* bytes */
    uint64_t used, lower, upper; /* memory held; limits (0: none) */
    uint64_t cache;              /* of it in blocks of the cache */
    uint64_t min, max;           /* filled by wsize_bounds */
    uint64_t wash;               /* filled by wsize_share */
} wsize_tenant;

/* Memory to keep free: limit / 10 up to 1 GB, else log10(GB) * limit / 20 + 100 MB; at least `reserved`. */
uint64_t wsize_reserve(uint64_t limit, uint64_t reserved);
/* After: max(0, used - limit + reserve). No limit (0): nothing. */
uint64_t wsize_after(uint64_t limit, uint64_t used, uint64_t reserved);

/* Before: each tenant's minimum and maximum, both capped by its cache. */
void wsize_bounds(wsize_tenant *tenants, uint32_t n);
/* Before: what the whole system wants: min(used - limit, 0) + reserve, at least 0. */
uint64_t wsize_system(uint64_t limit, uint64_t used, uint64_t reserved);
/* Before: share `total` out. The minima reach: minimum each; the maxima reach: the remainder in proportion to max -
 * min; else maximum, and the rest in proportion to the caches. Returns the sum of the shares. */
uint64_t wsize_share(wsize_tenant *tenants, uint32_t n, uint64_t total);

/* Before: a tenant's wash is worth while from here on, in bytes; all tenants' together, in blocks. */
uint64_t wsize_tenant_threshold(uint64_t cache);
uint64_t wsize_global_threshold(uint64_t blocks);

#endif
