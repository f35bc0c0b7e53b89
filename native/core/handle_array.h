/* Handle array: all handles by index; flat (one allocation) or segmented (8 KB blocks published on demand).
 *
 * A traverser may visit every index below the count that the store publishes; blocks exist before that count is
 * advanced (A2), so it never meets a null block. A published block pointer never changes until destroy (I2).
 */
#ifndef RACEWASH_HANDLE_ARRAY_H
#define RACEWASH_HANDLE_ARRAY_H

#include "handle.h"
#include "label_alloc.h"

enum { HA_BLOCK_BYTES = 8192 - 256 }; /* payload of a normal block: one 8 KB allocator block */

typedef struct handle_array {
    la_alloc *la;
    kv_handles_layout layout;
    uint32_t max;       /* handles */
    uint32_t per_block; /* handles per block (segmented) */
    uint32_t block_cnt; /* ceil(max / per_block) */
    uint64_t inverse;   /* (2^64 - 1) / per_block: ha_at multiplies, a traversal would wait for its divisions */
    char *flat;         /* flat: handles, then (behind them) the pool's slots */
    _Atomic(kv_handle *) *blocks; /* segmented: block pointers, null until published */
} handle_array;

/* Flat: allocates (120 + 8) * max zeroed bytes, the second part being the pool's slots (ha_flat_slots). Segmented:
 * allocates the pointer array only; per_block 0: as many as fill HA_BLOCK_BYTES. KV_OK, KV_INVALID (max 0) or
 * KV_NO_MEMORY; after a failure nothing is left behind. */
kv_rc ha_init(handle_array *ha, la_alloc *la, kv_thread *t, kv_handles_layout layout, uint32_t max, uint32_t per_block);
/* Free everything. Callers guarantee that nobody uses a handle any more. Safe after a failed or missing init. */
void ha_destroy(handle_array *ha);
/* Flat layout: where the pool's slots lie; NULL in the segmented layout. */
void *ha_flat_slots(handle_array *ha);

/* A1: make every block of handle indexes [start, end) exist. Any number of threads at once. False when an allocation
 * fails: blocks already published stay; or when end is above max. Always true in the flat layout. */
bool ha_ensure_blocks(handle_array *ha, kv_thread *t, uint64_t start, uint64_t end);

/* Handle of an index; NULL from max on, and when its block is not published (never so below the supplied count). */
kv_handle *ha_at(handle_array *ha, uint64_t idx);
/* Index of a handle of this array. */
uint64_t ha_index(const handle_array *ha, const kv_handle *h);
/* True when h is a handle of this array (used by checks). Linear in the number of blocks. */
bool ha_owns(handle_array *ha, const kv_handle *h);
/* Blocks published so far (segmented), or 1 (flat). */
uint32_t ha_published(handle_array *ha);

#endif
