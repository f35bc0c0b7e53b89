/* Node allocator: lock-free FIFO block allocator for map nodes (A20).
 *
 * Blocks have a bump position and a reference count that starts at K; an allocated item adds its size, freeing
 * subtracts it; closing a block subtracts K, and whoever reaches 0 frees it. One per instance (before) or one
 * shared (after). Source of the algorithm: OceanBase oblib, ObVSliceAlloc / ObLfFIFOAllocator.
 *
 * The right to close a block is the compare-exchange that clears the arena: it succeeds once per installation, whoever
 * tries. (In the source only the thread whose failed bump started within the block closes it; the others wait for
 * that thread. Here every thread whose bump failed tries.) The winner waits until nobody looks at the arena's block any
 * more, then subtracts K. Installed blocks alternate between two reference counters, so that traffic on the next block
 * cannot starve the closer of this one.
 */
#ifndef RACEWASH_NODE_ALLOC_H
#define RACEWASH_NODE_ALLOC_H

#include "kv_types.h"
#include "label_alloc.h"

enum { NA_ITEM_HEADER = 32 };

typedef struct node_alloc {
    la_alloc *la;
    const kv_env *env;
    uint32_t tenant;
    uint32_t block_bytes;
    _Atomic(uintptr_t) arena; /* the open block or 0; lowest bit: which of arena_refs its readers use */
    _Atomic(int64_t) arena_refs[2]; /* threads looking at the arena's block right now */
    _Atomic(int64_t) block_cnt;
    _Atomic(int64_t) live_bytes; /* items' bytes, headers included */
} node_alloc;

kv_rc na_init(node_alloc *na, la_alloc *la, const kv_env *env, uint32_t tenant, uint32_t block_bytes);
/* Close the open block. Blocks with live items stay (they are leaks, visible in the label). */
void na_destroy(node_alloc *na);
/* 16-byte aligned; NULL when out of memory. Lock-free but for the label allocator, which a fresh block needs (it may
 * start the sync wash), and for the closer's wait. An item larger than a block gets a block of its own, closed at
 * birth. */
void *na_alloc(node_alloc *na, kv_thread *t, size_t size);
/* KV_OK, or KV_WRONG_OWNER (reported as Q7, item kept), also for what is not a live item. An open block whose live
 * bytes fall to 0 is closed at once. The item's bytes are overwritten, so that a late reader is noticed. */
kv_rc na_free(node_alloc *na, void *item);
/* True when the item's block is closed and less than 80 % of it is live. */
bool na_fragmented(const void *item);

#endif
