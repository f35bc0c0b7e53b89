/* Memory block: a large buffer into which kv pairs are bump-allocated by one compare-exchange (A5).
 *
 * Position and pair count share one 64-bit word (32 bits each), so that both advance together and a reader never sees a
 * pair that is counted but not placed.
 */
#ifndef RACEWASH_MEM_BLOCK_H
#define RACEWASH_MEM_BLOCK_H

#include "kv_types.h"
#include "label_alloc.h"

enum { KV_PAIR_MAGIC = 0x4B565041, KV_PAIR_HEADER = 24 };

typedef struct kv_pair { /* 24 B header, key and value behind it, 8-byte aligned */
    uint32_t magic;
    uint32_t size; /* of the whole pair */
    void *key;
    void *value;
} kv_pair;

typedef struct kv_mem_block { /* 32 B header at the start of the block */
    _Atomic(uint64_t) atomic_pos; /* low 32 bits: bytes used of the payload; high 32: pairs */
    uint64_t payload;             /* bytes */
    uint64_t hold;                /* bytes taken from the label allocator: payload + header */
    uint64_t reserved;
} kv_mem_block;

_Static_assert(sizeof(kv_pair) == KV_PAIR_HEADER, "pair header");
_Static_assert(sizeof(struct kv_mem_block) == 32, "block header");

void mb_init(kv_mem_block *mb, uint64_t hold);
/* Bytes a pair of these lengths takes. */
uint64_t mb_pair_bytes(uint32_t key_len, uint32_t value_len);
/* Reserve a pair; NULL when it does not fit. Any thread that protects the block. The caller fills key and value. */
kv_pair *mb_alloc(kv_mem_block *mb, uint32_t key_len, uint32_t value_len);
uint64_t mb_used(const kv_mem_block *mb);  /* bump position, bytes */
uint64_t mb_pairs(const kv_mem_block *mb); /* pairs placed */

#endif
