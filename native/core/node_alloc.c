/* Node allocator: blocks with a bump position and a count of live bytes (A20). The scheme is told in the header. */
#include "node_alloc.h"

#define NA_K ((uint64_t)INT64_MAX)
#define NA_LIVE UINT64_C(0x4E4F44454C495645)
#define NA_DEAD UINT64_C(0x4E4F444544454144)

enum { NA_ALIGN = 16, NA_SCRIBBLE = 0xD5, NA_FRAGMENT_PERCENT = 80 };

typedef struct na_block {
    node_alloc *owner;
    uint64_t bytes; /* header included */
    /* Live bytes, + K while open. Unsigned: K + live bytes stays far below 2^64, where a signed count would wrap. */
    _Atomic(uint64_t) refs;
    _Atomic(uint64_t) pos; /* where the next item starts, from the start of the block; runs past the end when full */
} na_block;

typedef struct na_item {
    uint64_t magic;
    na_block *block;
    uint64_t bytes; /* header included */
    uint64_t reserved;
} na_item;

_Static_assert(sizeof(na_item) == NA_ITEM_HEADER, "item header");
_Static_assert(sizeof(na_block) % NA_ALIGN == 0, "items are aligned");

static na_block *block_of(uintptr_t word) {
    return (na_block *)(word & ~(uintptr_t)1);
}

kv_rc na_init(node_alloc *na, la_alloc *la, const kv_env *env, uint32_t tenant, uint32_t block_bytes) {
    memset(na, 0, sizeof *na);
    na->la = la;
    na->env = env;
    na->tenant = tenant;
    na->block_bytes = block_bytes;
    return block_bytes > sizeof(na_block) + NA_ITEM_HEADER ? KV_OK : KV_INVALID;
}

static na_block *new_block(node_alloc *na, kv_thread *t, uint64_t bytes) {
    na_block *blk = la_malloc(na->la, t, na->tenant, LA_CTX_DEFAULT, KV_L_MAP_NODE, bytes);
    if (blk != NULL) {
        blk->owner = na;
        blk->bytes = bytes;
        at_add(&na->block_cnt, 1, relaxed);
    }
    return blk;
}

static void free_block(node_alloc *na, na_block *blk) {
    at_sub(&na->block_cnt, 1, relaxed);
    la_free(na->la, blk);
}

static void *make_item(node_alloc *na, na_block *blk, uint64_t pos, uint64_t need) {
    na_item *item = (na_item *)((char *)blk + pos);
    item->magic = NA_LIVE;
    item->block = blk;
    item->bytes = need;
    item->reserved = 0;
    at_add(&na->live_bytes, (int64_t)need, relaxed);
    return item + 1;
}

/* Look at the arena's block under a short reference. Its word, or 0 when there is none (then nothing is held). */
static uintptr_t arena_enter(node_alloc *na) {
    uintptr_t word = at_load(&na->arena, relaxed); /* a guess, checked below */
    while (block_of(word) != NULL) {
        /* seq_cst twice, against the closer's clearing of the arena and its look at the references: either we see the
         * arena cleared, or the closer sees our reference. */
        at_add(&na->arena_refs[word & 1], 1, seq_cst);
        uintptr_t now = at_load(&na->arena, seq_cst);
        if (now == word) {
            return word; /* the same block again under the same address would be as good: our reference counts for it */
        }
        at_sub(&na->arena_refs[word & 1], 1, release);
        word = now;
    }
    return 0;
}

static void arena_leave(node_alloc *na, uintptr_t word) {
    at_sub(&na->arena_refs[word & 1], 1, release); /* what we did to the block, its live bytes too, goes before */
}

/* Clear the arena if it still is `word`. True: the caller must close the block (after leaving). */
static bool arena_clear(node_alloc *na, uintptr_t word) {
    return at_cas(&na->arena, &word, (word & 1) ^ 1, seq_cst, relaxed);
}

/* Second half of closing, for the one who cleared the arena. */
static void close_block(node_alloc *na, uintptr_t word) {
    unsigned spins = 0;
    while (at_load(&na->arena_refs[word & 1], seq_cst) != 0) {
        cpu_relax(&spins); /* sections are a few instructions long; readers of the next block use the other counter */
    }
    if (at_sub(&block_of(word)->refs, NA_K, acq_rel) == NA_K) {
        free_block(na, block_of(word));
    }
}

static void *take_from_arena(node_alloc *na, uint64_t need) {
    for (;;) {
        uintptr_t word = arena_enter(na);
        na_block *blk = block_of(word);
        if (blk == NULL) {
            return NULL;
        }
        uint64_t pos = at_add(&blk->pos, need, relaxed); /* only uniqueness is asked of it */
        if (pos + need <= blk->bytes) {
            at_add(&blk->refs, need, relaxed); /* published to the closer by arena_leave */
            arena_leave(na, word);
            return make_item(na, blk, pos, need);
        }
        bool closer = arena_clear(na, word); /* while our reference still keeps the address from being reused */
        arena_leave(na, word);
        if (closer) {
            close_block(na, word);
        }
    }
}

/* Make `blk` the arena's block; false when there is one already. */
static bool install(node_alloc *na, na_block *blk) {
    uintptr_t word = at_load(&na->arena, relaxed);
    while (block_of(word) == NULL) {
        /* seq_cst as every change of the arena; its release half publishes the block's header */
        if (at_cas_weak(&na->arena, &word, (uintptr_t)blk | (word & 1), seq_cst, relaxed)) {
            return true;
        }
    }
    return false;
}

void *na_alloc(node_alloc *na, kv_thread *t, size_t size) {
    uint64_t need = (size + NA_ITEM_HEADER + NA_ALIGN - 1) & ~(uint64_t)(NA_ALIGN - 1);
    bool large = need > na->block_bytes - sizeof(na_block);
    na_block *fresh = NULL;
    for (;;) {
        void *item = large ? NULL : take_from_arena(na, need);
        if (item != NULL) {
            if (fresh != NULL) {
                free_block(na, fresh);
            }
            return item;
        }
        if (fresh == NULL && (fresh = new_block(na, t, large ? sizeof(na_block) + need : na->block_bytes)) == NULL) {
            return large ? NULL : take_from_arena(na, need); /* somebody else may have got the last one */
        }
        /* The first item is ours before anybody sees the block: each installation serves at least its maker. */
        at_store(&fresh->pos, sizeof(na_block) + need, relaxed);
        at_store(&fresh->refs, large ? need : NA_K + need, relaxed);
        if (large || install(na, fresh)) {
            return make_item(na, fresh, sizeof(na_block), need);
        }
    }
}

/* The block was seen open and empty: close it if it still is so. */
static void close_if_empty(node_alloc *na, const na_block *seen) {
    uintptr_t word = arena_enter(na);
    if (block_of(word) == NULL) {
        return;
    }
    bool closer = block_of(word) == seen && at_load(&block_of(word)->refs, relaxed) == NA_K && arena_clear(na, word);
    arena_leave(na, word);
    if (closer) {
        close_block(na, word); /* an item bumped meanwhile keeps it alive: its bytes were added before we subtract K */
    }
}

kv_rc na_free(node_alloc *na, void *ptr) {
    na_item *item = (na_item *)ptr - 1;
    if (item->magic != NA_LIVE) {
        kv_report(na->env, "Q7", "not a live node: freed twice, or overwritten", __FILE__, __LINE__);
        return KV_WRONG_OWNER;
    }
    na_block *blk = item->block;
    if (blk->owner != na) {
        kv_report(na->env, "Q7", "node freed to an allocator that did not make it", __FILE__, __LINE__);
        return KV_WRONG_OWNER;
    }
    uint64_t bytes = item->bytes;
    memset(ptr, NA_SCRIBBLE, bytes - NA_ITEM_HEADER); /* a late reader becomes a race or a crash, not luck */
    item->magic = NA_DEAD;
    at_sub(&na->live_bytes, (int64_t)bytes, relaxed);
    /* release: our accesses precede the block's release; acquire: as the last one we free after everybody's */
    uint64_t left = at_sub(&blk->refs, bytes, acq_rel) - bytes;
    if (left == 0) {
        free_block(na, blk);
    } else if (left == NA_K) {
        close_if_empty(na, blk); /* compares the address only: the block may be gone by now */
    }
    return KV_OK;
}

void na_destroy(node_alloc *na) {
    uintptr_t word = at_load(&na->arena, acquire);
    if (block_of(word) != NULL && arena_clear(na, word)) {
        close_block(na, word);
    }
}

bool na_fragmented(const void *ptr) {
    const na_item *item = (const na_item *)ptr - 1;
    uint64_t refs = at_load(&item->block->refs, relaxed); /* a judgement of the moment */
    return refs < NA_K && refs * 100 < item->block->bytes * NA_FRAGMENT_PERCENT;
}
