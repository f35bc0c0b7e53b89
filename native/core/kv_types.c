/* Names of labels and return codes, and the default creation parameters (chapter 2 of the specification). */
#include "kv_types.h"

const char *const kv_label_names[KV_LABEL_COUNT] = {
    [KV_L_MB_HANDLE] = "CACHE_MB_HANDLE",
    [KV_L_MAP_NODE] = "CACHE_MAP_NODE",
    [KV_L_MAP_BKT] = "CACHE_MAP_BKT",
    [KV_L_MAP_LOCK] = "CACHE_MAP_LOCK",
    [KV_L_INST] = "CACHE_INST_MAP",
    [KV_L_WASH] = "KvstCachWashStr",
    [KV_L_HAZ_PTR] = "HazardPointer",
    [KV_L_HAZ_VERSION] = "HazardVersion",
    [KV_L_QCLOCK] = "QClock",
    [KV_L_STATION] = "RetireStation",
    [KV_L_MB_LIST] = "CACHE_MB_LIST",
    [KV_L_CORE] = "CACHE_CORE",
    [KV_L_CACHE] = "KVSTORE_CACHE",
    [KV_L_USER] = "USER",
};

const char *const kv_rc_names[KV_RC_COUNT] = {
    [KV_OK] = "OK",
    [KV_NO_MEMORY] = "NO_MEMORY",
    [KV_NO_HANDLE] = "NO_HANDLE",
    [KV_EXISTS] = "EXISTS",
    [KV_NOT_FOUND] = "NOT_FOUND",
    [KV_NO_SLOT] = "NO_SLOT",
    [KV_NO_HAZARD] = "NO_HAZARD",
    [KV_GONE] = "GONE",
    [KV_TIMEOUT] = "TIMEOUT",
    [KV_NOT_ENOUGH] = "NOT_ENOUGH",
    [KV_OVERFLOW] = "OVERFLOW",
    [KV_BAD_STATE] = "BAD_STATE",
    [KV_INVALID] = "INVALID",
    [KV_DELETED] = "DELETED",
    [KV_WRONG_OWNER] = "WRONG_OWNER",
};

/* Figures left 0 follow from others when a cache is created. */
void kv_config_default(kv_config *cfg) {
    *cfg = (kv_config){
        .memory_limit = UINT64_C(2) << 30,
        .block_size = (2 << 20) - (16 << 10),
        .max_cpu = 64,
        .supply_num = 128,
        .retire_limit = 8,
        .wash_retire_limit = 1024,
        .bucket_size = 4096,
        .lock_stripes = 1024, /* the specification is silent: 40 KB of locks, 8 for each thread of a 128-thread run */
        .hv_slots = 1024,
        .hv_waiting = 512,
        .hp_cache = 128,
        .hp_batch = 64,
        .node_block_size = (64 << 10) - 256,
        .sync_wash_timeout_us = 100000,
        .sync_wash_steps = 512,
        .max_threads = 128,
        .buckets = KV_BUCKETS_CONTIGUOUS,
        .handles = KV_HANDLES_SEGMENTED,
        .nodes = KV_NODES_SHARED,
        .wash = KV_WASH_TEMPORARY,
        .backing = KV_BACKING_CHUNKS,
        .protect = KV_PROTECT_HAZARD,
    };
}
