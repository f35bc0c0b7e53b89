/* Private to hazard_ptr.c and hp_tiny.c: the tiny allocator of hazard pointers (A6).
 *
 * Blocks of one 8 KB allocator block each, per_block hazard pointers in it. A free hazard pointer is either in a
 * thread's cache (kv_thread.hp_free, no lock, no shared word: the fast path) or in its block's own free list. Caches
 * are filled and emptied in batches under free_lock.
 *
 * Why a lock where the source has lock-free lists: a lock-free pop of a block would meet ABA as soon as the wash frees
 * blocks, and the lock is taken once per batch, by nobody who stays within its cache. A scan holds the wash lock alone,
 * so batches and new blocks never wait for a scan (hpt_push in hp_tiny.c says why a scan may miss a new block).
 *
 * Lock order: wash_lock, free_lock; neither is held while the label allocator is called.
 * Source of the algorithm: OceanBase seekdb, the allocator behind src/share/cache/ob_kvcache_hazard_domain.cpp.
 */
#ifndef RACEWASH_HP_TINY_H
#define RACEWASH_HP_TINY_H

#include "hazard_ptr.h"

typedef struct hp_block { /* 40 B header, hazard pointers behind it */
    struct hp_block *all_next;    /* constant after publication, but for the wash (both locks) */
    struct hp_block *common_next; /* the rest under free_lock */
    kv_hazptr *free;
    uint64_t free_cnt;
    uint64_t in_common; /* 1: linked in the domain's common list */
    kv_hazptr hps[];
} hp_block;

enum { HP_BLOCK_BYTES = 8192 - 256, HP_BLOCK_HEADER = 40 };
_Static_assert(sizeof(hp_block) == HP_BLOCK_HEADER, "header of a block of hazard pointers");
_Static_assert(sizeof(kv_hazptr) == 24, "hazard pointer");

/* A hazard pointer that protects nothing: from the thread's cache, else from the blocks, else from a new block. NULL
 * when a new block can't be allocated. */
kv_hazptr *hpt_get_slow(hp_domain *d, kv_thread *t);
static inline kv_hazptr *hpt_get(hp_domain *d, kv_thread *t) {
    kv_hazptr *hp = t->hp_free;
    if (hp == NULL) {
        return hpt_get_slow(d, t);
    }
    t->hp_free = hp->next;
    t->hp_count--;
    return hp;
}

/* Give the cache's surplus back to the blocks: `n` hazard pointers. */
void hpt_return(hp_domain *d, kv_thread *t, uint32_t n);
/* `hp` is cleared and belongs to this thread. */
static inline void hpt_put(hp_domain *d, kv_thread *t, kv_hazptr *hp) {
    hp->next = t->hp_free;
    t->hp_free = hp;
    if (++t->hp_count > d->cache_max) {
        hpt_return(d, t, t->hp_count - d->cache_max > d->batch ? t->hp_count - d->cache_max : d->batch);
    }
}

/* Visit every hazard pointer that protects something, under the wash lock. All loads seq_cst. */
void hpt_scan(hp_domain *d, void (*visit)(hp_domain *d, void *arg, kv_handle *h), void *arg);
/* Free every block; nobody uses one any more. */
void hpt_destroy(hp_domain *d);

#endif
