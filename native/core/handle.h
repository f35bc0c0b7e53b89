/* The memory-block handle: type-stable metadata of one memory block, recycled through the pool.
 *
 * 15 words in the layout before (120 B), plus handle_idx after (128 B). In the flat array the stride is 120 B and
 * handle_idx must not be touched: use ha_index(). Every field is shared, so every field is atomic; word order is
 * the source's.
 */
#ifndef RACEWASH_HANDLE_H
#define RACEWASH_HANDLE_H

#include "kv_types.h"

typedef struct kv_mem_block kv_mem_block;

typedef struct kv_link {
    _Atomic(uintptr_t) next; /* the truth; lowest bit set: this link is being deleted */
    _Atomic(uintptr_t) prev; /* a hint */
} kv_link;

struct kv_handle {
    uint64_t reserved; /* the source's vtable word: keeps the positions equal */
    kv_link link;
    _Atomic(kv_mem_block *) mem_block;
    _Atomic(kv_inst *) inst; /* owner (before); NULL after, where blocks belong to the store */
    _Atomic(int64_t) policy;
    _Atomic(int64_t) get_cnt;
    _Atomic(int64_t) recent_get_cnt;
    _Atomic(uint64_t) score; /* bits of a double */
    _Atomic(int64_t) kv_cnt;
    _Atomic(int64_t) ref_cnt;  /* reference-count mode only */
    _Atomic(int64_t) seq_num;  /* incarnation: +1 at each retirement, never reset */
    _Atomic(int64_t) last_modified; /* us */
    _Atomic(int64_t) status;
    _Atomic(kv_handle *) retire_link;
    int64_t handle_idx; /* after only; written once before the block is published */
};

enum { KV_HANDLE_BYTES_FLAT = 120, KV_HANDLE_BYTES_SEGMENTED = 128 };
_Static_assert(sizeof(struct kv_handle) == KV_HANDLE_BYTES_SEGMENTED, "handle is 16 words");
_Static_assert(offsetof(struct kv_handle, handle_idx) == KV_HANDLE_BYTES_FLAT, "15 words before");

static inline kv_handle *kv_handle_of_link(kv_link *l) {
    return (kv_handle *)((char *)l - offsetof(struct kv_handle, link));
}

#endif
