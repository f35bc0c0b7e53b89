/* Node allocator: lock-free FIFO block allocator for map nodes (A20).
 *
 * Blocks have a bump position and a reference count that starts at K; an allocated item adds its size, freeing
 * subtracts it; closing a block subtracts K, and whoever reaches 0 frees it. One per instance (before) or one
 * shared (after).
 */
#ifndef RACEWASH_NODE_ALLOC_H
#define RACEWASH_NODE_ALLOC_H

#include "kv_types.h"
#include "label_alloc.h"

enum { NA_ITEM_HEADER = 32 };

struct na_block;

typedef struct node_alloc {
    la_alloc *la;
    const kv_env *env;
    uint32_t tenant;
    uint32_t block_bytes;
    _Atomic(struct na_block *) arena; /* the open block, or NULL */
    _Atomic(int64_t) arena_refs;      /* threads looking at the arena's block right now */
    _Atomic(int64_t) block_cnt;
    _Atomic(int64_t) live_bytes;      /* items' bytes, headers included */
} node_alloc;

kv_rc na_init(node_alloc *na, la_alloc *la, const kv_env *env, uint32_t tenant, uint32_t block_bytes);
/* Close the open block. Blocks with live items stay (they are leaks, visible in the label). */
void na_destroy(node_alloc *na);
void *na_alloc(node_alloc *na, kv_thread *t, size_t size); /* 16-byte aligned, NULL when out of memory; lock-free */
/* KV_OK, or KV_WRONG_OWNER (reported as Q7, item kept). */
kv_rc na_free(node_alloc *na, void *item);
/* True when the item's block is closed and less than 80 % of it is live. */
bool na_fragmented(const void *item);

#endif
