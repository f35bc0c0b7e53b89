/* Creation parameters: derived figures and their ranges (chapter 2 of the specification). */
#include <stdio.h>

#include "kv_cache.h"

enum { WASH_THREAD_HANDLES = 1024, SLOT_HANDLES = 8 }; /* what may wait in the retire station, at the standard limits */

typedef struct range {
    const char *name;
    size_t at; /* of a uint32_t in kv_config */
    uint32_t min, max;
} range;

/* clang-format off */
#define RANGE(field, min, max) {#field, offsetof(kv_config, field), (min), (max)}

static const range ranges[] = {
    RANGE(block_size, 128, 1u << 30),
    RANGE(max_cpu, 1, 1024),
    RANGE(qclock_slots, 1, 1u << 20),
    RANGE(station_slots, 1, 1u << 20),
    RANGE(max_handles, 1, 1u << 30),
    RANGE(handles_per_block, 1, 1u << 20),
    RANGE(supply_num, 1, 1u << 30),
    RANGE(retire_limit, 1, 1u << 30),
    RANGE(wash_retire_limit, 1, 1u << 30),
    RANGE(bucket_num, 1, 1u << 31),
    RANGE(bucket_size, 1, 1u << 31),
    RANGE(lock_stripes, 1, 1u << 20),
    RANGE(hv_slots, 1, 1u << 20),
    RANGE(hv_waiting, 1, 1u << 30),
    RANGE(hp_cache, 1, 1u << 20),
    RANGE(hp_batch, 1, 1u << 20),
    RANGE(hp_per_block, 1, 1u << 20),
    RANGE(node_block_size, 128, 1u << 30),
    RANGE(sync_wash_steps, 1, 1u << 30),
    RANGE(max_threads, 1, KV_MAX_THREADS),
};
/* clang-format on */

/* Figures that are 0 only to ask for a derived one, in the order in which they follow from each other. */
static void derive(kv_config *cfg) {
    if (cfg->max_cache_size == 0) {
        cfg->max_cache_size = cfg->memory_limit;
    }
    if (cfg->qclock_slots == 0) {
        cfg->qclock_slots = cfg->max_cpu * 64;
    }
    if (cfg->station_slots == 0) {
        cfg->station_slots = cfg->max_cpu * 32;
    }
    if (cfg->max_handles == 0 && cfg->block_size > 0) {
        uint64_t n = cfg->max_cache_size / cfg->block_size;
        n += 2 * (WASH_THREAD_HANDLES + (uint64_t)SLOT_HANDLES * cfg->qclock_slots);
        cfg->max_handles = n < UINT32_MAX ? (uint32_t)n : UINT32_MAX; /* too many: refused by its range */
    }
    if (cfg->handles_per_block == 0) {
        cfg->handles_per_block = HA_BLOCK_BYTES / sizeof(kv_handle);
    }
    if (cfg->hp_per_block == 0) {
        cfg->hp_per_block = (HA_BLOCK_BYTES - 40) / sizeof(kv_hazptr);
    }
    if (cfg->bucket_num == 0) {
        cfg->bucket_num = cfg->buckets == KV_BUCKETS_FRAGMENTED ? 786433 : 196613;
    }
}

static bool layouts_known(const kv_config *cfg) {
    return (unsigned)cfg->buckets <= KV_BUCKETS_CONTIGUOUS && (unsigned)cfg->handles <= KV_HANDLES_SEGMENTED &&
           (unsigned)cfg->nodes <= KV_NODES_SHARED && (unsigned)cfg->wash <= KV_WASH_TEMPORARY &&
           (unsigned)cfg->backing <= KV_BACKING_MALLOC && (unsigned)cfg->protect <= KV_PROTECT_REFCNT;
}

kv_rc kv_config_resolve(kv_config *cfg, char *err, size_t err_len) {
    kv_config standard;
    kv_config_default(&standard);
    err_len = err != NULL ? err_len : 0;
    derive(cfg);
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        const range *r = &ranges[i];
        uint32_t value;
        memcpy(&value, (const char *)cfg + r->at, sizeof value);
        if (value < r->min || value > r->max) {
            snprintf(err, err_len, "%s is %u, must be from %u to %u.", r->name, value, r->min, r->max);
            return KV_INVALID;
        }
    }
    if (cfg->block_size % 8 != 0) {
        snprintf(err, err_len, "block_size is %u, must be a multiple of 8.", cfg->block_size);
        return KV_INVALID;
    }
    /* 0 is "no limit". With small blocks a test may do with little. */
    if (cfg->memory_limit != 0 && cfg->memory_limit < KV_MIN_MEMORY && cfg->block_size == standard.block_size) {
        snprintf(err, err_len, "memory_limit is %llu, must be at least %u (64 MB) with blocks of the standard size.",
                 (unsigned long long)cfg->memory_limit, (unsigned)KV_MIN_MEMORY);
        return KV_INVALID;
    }
    if (!layouts_known(cfg)) {
        snprintf(err, err_len, "A layout, backing or protection mode is none of the known ones (0 or 1 each).");
        return KV_INVALID;
    }
    return KV_OK;
}
