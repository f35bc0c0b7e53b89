/* Handle array: flat, or segmented into blocks published on demand (A1). The contract is in the header.
 *
 * Source of the algorithm: OceanBase seekdb, src/share/cache/ob_kvcache_store.cpp (ensure_blocks of pull request 838).
 */
#include "handle_array.h"

static kv_rc init_flat(handle_array *ha, kv_thread *t) {
    size_t bytes = (size_t)(KV_HANDLE_BYTES_FLAT + sizeof(kv_handle *)) * ha->max;
    ha->flat = la_zalloc(ha->la, t, 0, LA_CTX_DEFAULT, KV_L_MB_HANDLE, bytes);
    return ha->flat == NULL ? KV_NO_MEMORY : KV_OK;
}

static kv_rc init_segmented(handle_array *ha, kv_thread *t, uint32_t per_block) {
    ha->per_block = per_block != 0 ? per_block : HA_BLOCK_BYTES / KV_HANDLE_BYTES_SEGMENTED;
    ha->inverse = UINT64_MAX / ha->per_block;
    ha->block_cnt = (uint32_t)(((uint64_t)ha->max + ha->per_block - 1) / ha->per_block);
    ha->blocks = la_zalloc(ha->la, t, 0, LA_CTX_DEFAULT, KV_L_MB_HANDLE, (size_t)ha->block_cnt * sizeof *ha->blocks);
    return ha->blocks == NULL ? KV_NO_MEMORY : KV_OK;
}

kv_rc ha_init(handle_array *ha, la_alloc *la, kv_thread *t, kv_handles_layout layout, uint32_t max,
              uint32_t per_block) {
    memset(ha, 0, sizeof *ha);
    if (max == 0) {
        return KV_INVALID;
    }
    ha->la = la;
    ha->layout = layout;
    ha->max = max;
    kv_rc rc = layout == KV_HANDLES_FLAT ? init_flat(ha, t) : init_segmented(ha, t, per_block);
    if (rc != KV_OK) {
        memset(ha, 0, sizeof *ha); /* so that a destroy after it does nothing (W7) */
    }
    return rc;
}

/* W7: upstream's destroy returns early when the init failed half-way and leaks; here each part stands for itself. */
void ha_destroy(handle_array *ha) {
    if (ha->flat != NULL) {
        la_free(ha->la, ha->flat);
    }
    if (ha->blocks != NULL) {
        for (uint32_t b = 0; b < ha->block_cnt; b++) {
            la_free(ha->la, at_load(&ha->blocks[b], acquire)); /* acquire: the publisher's writes end before the free */
        }
        la_free(ha->la, ha->blocks);
    }
    memset(ha, 0, sizeof *ha);
}

void *ha_flat_slots(handle_array *ha) {
    return ha->flat == NULL ? NULL : ha->flat + (size_t)KV_HANDLE_BYTES_FLAT * ha->max;
}

/* Make block b exist. The index of every slot is written before the block is published: also in the last block,
 * where indexes may lie beyond the maximum, which ha_at refuses and the supply never reaches (I3). */
static bool publish_block(handle_array *ha, kv_thread *t, uint32_t b) {
    size_t bytes = (size_t)ha->per_block * KV_HANDLE_BYTES_SEGMENTED;
    kv_handle *block = la_zalloc(ha->la, t, 0, LA_CTX_DEFAULT, KV_L_MB_HANDLE, bytes);
    if (block == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < ha->per_block; i++) {
        block[i].handle_idx = (int64_t)b * ha->per_block + i;
    }
    kv_handle *none = NULL;
    /* release: zeroed fields and indexes go with the pointer, ha_at acquires. Acquire on failure for the same reason as
     * in ha_ensure_blocks. */
    if (!at_cas(&ha->blocks[b], &none, block, release, acquire)) {
        la_free(ha->la, block); /* a loser frees its own: the winner's pointer never changes again (I2) */
    }
    return true;
}

bool ha_ensure_blocks(handle_array *ha, kv_thread *t, uint64_t start, uint64_t end) {
    if (start >= end || ha->layout == KV_HANDLES_FLAT) {
        return true;
    }
    if (end > ha->max) {
        return false;
    }
    uint32_t last = (uint32_t)((end - 1) / ha->per_block);
    for (uint32_t b = (uint32_t)(start / ha->per_block); b <= last; b++) {
        /* This look (or the failed exchange) happens before the count that the caller publishes next, so by read-read
         * coherence no traverser below that count can still load null (I1). */
        if (at_load(&ha->blocks[b], acquire) == NULL && !publish_block(ha, t, b)) {
            return false;
        }
    }
    return true;
}

kv_handle *ha_at(handle_array *ha, uint64_t idx) {
    if (idx >= ha->max) {
        return NULL;
    }
    if (ha->layout == KV_HANDLES_FLAT) {
        return (kv_handle *)(void *)(ha->flat + idx * KV_HANDLE_BYTES_FLAT);
    }
    /* idx / per_block, exact for all 32-bit indexes and blocks of less than 2^31: the inverse is too small by less than
     * one part in 2^64 / per_block, which idx + 1 in place of idx outweighs without reaching the next block. */
    uint64_t b = (uint64_t)((unsigned __int128)ha->inverse * (idx + 1) >> 64);
    kv_handle *block = at_load(&ha->blocks[b], acquire);
    return block == NULL ? NULL : block + (idx - b * ha->per_block);
}

uint64_t ha_index(const handle_array *ha, const kv_handle *h) {
    if (ha->layout == KV_HANDLES_FLAT) {
        return (uint64_t)((const char *)h - ha->flat) / KV_HANDLE_BYTES_FLAT;
    }
    return (uint64_t)h->handle_idx; /* plain: constant since publication */
}

/* True when p is the start of one of n handles of `stride` bytes from base. By integers: p may be anything. */
static bool within(const void *p, const void *base, uint64_t n, uint64_t stride) {
    uintptr_t at = (uintptr_t)p, from = (uintptr_t)base;
    return at >= from && at < from + n * stride && (at - from) % stride == 0;
}

bool ha_owns(handle_array *ha, const kv_handle *h) {
    if (ha->layout == KV_HANDLES_FLAT) {
        return within(h, ha->flat, ha->max, KV_HANDLE_BYTES_FLAT);
    }
    for (uint32_t b = 0; b < ha->block_cnt; b++) {
        const kv_handle *block = at_load(&ha->blocks[b], acquire);
        uint64_t first = (uint64_t)b * ha->per_block;
        uint64_t n = ha->max - first < ha->per_block ? ha->max - first : ha->per_block;
        if (block != NULL && within(h, block, n, KV_HANDLE_BYTES_SEGMENTED)) {
            return true;
        }
    }
    return false;
}

uint32_t ha_published(handle_array *ha) {
    if (ha->layout == KV_HANDLES_FLAT) {
        return 1;
    }
    uint32_t n = 0;
    for (uint32_t b = 0; b < ha->block_cnt; b++) {
        n += at_load(&ha->blocks[b], relaxed) != NULL;
    }
    return n;
}
