/* What the operations did, in the words of the sequential models (target.h). Only the thread's own memory is touched. */
#include "kvcache_private.h"

const rw_deed *kt_deed(rw_thread *th) {
    return &th->deed;
}

void kt_did_key(rw_thread *th, int32_t action, int64_t instance, int64_t key, int64_t value) {
    th->deed = (rw_deed){.model = RW_M_CACHE,
                         .action = action,
                         .object = {instance % KV_MAX_CACHE_NUM, instance / KV_MAX_CACHE_NUM, key},
                         .value = value};
}

void kt_did_clear(rw_thread *th, kv_rc rc, int64_t cache, int64_t tenant) {
    if (rc == KV_OK) {
        th->deed = (rw_deed){.model = RW_M_CACHE, .action = RW_D_CLEAR, .object = {cache, tenant, RW_ANY}};
    } else {
        th->deed.evicts = 1;
    }
}

void kt_did_evict(rw_thread *th) {
    th->deed.evicts = 1;
}

void kt_did_handle(rw_thread *th, int32_t action, uint64_t handle) {
    th->deed = (rw_deed){.model = RW_M_POOL, .action = action, .object = {(int64_t)handle}};
}

void kt_did_count(rw_thread *th, int64_t supplied) {
    th->deed = (rw_deed){.model = RW_M_COUNT, .action = RW_D_READ, .value = supplied};
}
