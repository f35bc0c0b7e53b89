/* Label allocator: chunk (2 MB) -> block (8 KB) -> object, with every byte accounted to (tenant, context, label).
 *
 * Model: one object set per (tenant, context), each under its own lock, over chunks taken from a prim_mem. An object
 * of n bytes costs max(n, 16) + 48 header + 16 tail, rounded up to 16. Costs up to 8 KB are carved from an 8 KB block
 * in 8 B cells: best fit among free objects of its size class, else the last remainder, else first fit of the
 * next larger class, else a fresh block; free neighbours merge; an entirely free block goes back to its chunk. Larger
 * costs take whole blocks of one chunk; costs above a chunk's payload take a chunk of their own (4 KB granular).
 * An entirely free chunk is returned. Memory blocks of the cache are a chunk each and counted as cache hold.
 *
 * At quiescence exactly: chunk bytes = labels' hold + free cells + free blocks + chunk headers + tables + cache hold.
 * Source of the algorithm: OceanBase oblib, lib/alloc (ObjectSet, BlockSet, AChunkMgr), as the specification's
 * chapter 3 describes it; the source's second object set with size-class bins is not modelled.
 */
#ifndef RACEWASH_LABEL_ALLOC_H
#define RACEWASH_LABEL_ALLOC_H

#include "../prim.h"
#include "kv_types.h"

enum {
    LA_CHUNK = 2 << 20,
    LA_CHUNK_HEADER = 16 << 10,
    LA_BLOCK = 8 << 10,
    LA_CELL = 8,
    LA_OBJ_HEADER = 48,
    LA_OBJ_TAIL = 16
};

/* Every place in the library that allocates, in no particular order: how fault plans and sweeps know them all. A place
 * registers itself by being compiled; env.fail_alloc is asked with its file and line. */
typedef struct la_site {
    const char *file, *function;
    int line;
} la_site;

const la_site *const *la_sites(uint32_t *cnt);

/* The linker lists pointers that lie in a section; pointers, since it may leave gaps between larger objects. */
#define LA_SITE()                                                                                                      \
    static const la_site la_here = {__FILE__, __func__, __LINE__};                                                     \
    static const la_site *const la_listed __attribute__((section("la_sites"), used)) = &la_here

typedef enum la_ctx { LA_CTX_DEFAULT = 0, LA_CTX_CACHE = 1, LA_CTX_COUNT } la_ctx;

typedef struct la_alloc la_alloc;

typedef struct la_account { /* one (tenant, context, label) or a sum of such; bytes and objects */
    int64_t used, hold, count;
    int64_t peak_used, peak_hold;
} la_account;

typedef struct la_totals { /* one tenant, or all; bytes */
    int64_t chunk_bytes;   /* everything taken from the memory source, tables included */
    int64_t label_hold;    /* sum of the labels' hold, without KV_L_CACHE */
    int64_t free_cells;    /* free bytes inside blocks that hold objects */
    int64_t free_blocks;   /* free 8 KB blocks inside chunks */
    int64_t chunk_headers; /* 16 KB a chunk */
    int64_t tables;        /* the allocator's own book-keeping */
    int64_t cache_hold;    /* memory blocks, payload and 32 B header */
    int64_t washed;        /* part of free_blocks whose pages were given back: not counted against the limit */
    int64_t limit;         /* 0: none */
    int64_t peak_chunk_bytes;
} la_totals;

/* Asks the cache to give back at least `need` bytes. Called without any lock of the allocator, never nested
 * (t->no_wash guards). KV_OK when at least that much was returned through la_block_free. */
typedef kv_rc (*la_sync_wash_fn)(void *arg, kv_thread *t, uint32_t tenant, uint64_t need);

/* Make an allocator. Its tables live in the memory source too. KV_OK, KV_NO_MEMORY. */
kv_rc la_create(prim_mem *mem, const kv_env *env, kv_backing backing, la_alloc **out);
/* Return every chunk and the tables. Objects still live are the caller's leak (seen before by la_account_of). */
void la_destroy(la_alloc *la);

void la_set_sync_wash(la_alloc *la, la_sync_wash_fn fn, void *arg);
/* Bytes a tenant may hold in chunks (0: no limit). May be lowered below what is held: later requests then wash. */
void la_set_limit(la_alloc *la, uint32_t tenant, uint64_t bytes);
uint64_t la_limit(const la_alloc *la, uint32_t tenant);
uint64_t la_tenant_hold(const la_alloc *la, uint32_t tenant); /* chunk bytes counted against the limit */
uint64_t la_cache_hold(const la_alloc *la, uint32_t tenant);

/* n bytes, 16-byte aligned, contents undefined; NULL when the limit, the source or an injected fault says no.
 * Any thread; `t` may be NULL (then a full limit fails at once instead of washing). */
void *la_malloc_at(la_alloc *la, kv_thread *t, uint32_t tenant, la_ctx ctx, kv_label label, size_t n, const char *file,
                   int line);
#define la_malloc(la, t, tenant, ctx, label, n)                                                                        \
    __extension__({                                                                                                    \
        LA_SITE();                                                                                                     \
        la_malloc_at((la), (t), (tenant), (ctx), (label), (n), la_here.file, la_here.line);                            \
    })
/* The same, zeroed. */
void *la_zalloc_at(la_alloc *la, kv_thread *t, uint32_t tenant, la_ctx ctx, kv_label label, size_t n, const char *file,
                   int line);
#define la_zalloc(la, t, tenant, ctx, label, n)                                                                        \
    __extension__({                                                                                                    \
        LA_SITE();                                                                                                     \
        la_zalloc_at((la), (t), (tenant), (ctx), (label), (n), la_here.file, la_here.line);                            \
    })
/* Free an object; NULL is allowed. A broken header or tail, or a pointer that is not the start of a live object, is
 * reported through env.report as "heap" and the object is left alone. */
void la_free(la_alloc *la, void *p);

/* A memory block of `bytes` (header included): a chunk of its own, counted as cache hold of `tenant`. */
void *la_block_alloc_at(la_alloc *la, kv_thread *t, uint32_t tenant, size_t bytes, const char *file, int line);
#define la_block_alloc(la, t, tenant, bytes)                                                                           \
    __extension__({                                                                                                    \
        LA_SITE();                                                                                                     \
        la_block_alloc_at((la), (t), (tenant), (bytes), la_here.file, la_here.line);                                   \
    })
void la_block_free(la_alloc *la, void *block);

/* The allocator's own wash: give runs of free blocks of all contexts back to the system. Bytes given back. */
uint64_t la_wash(la_alloc *la);

/* Requests since creation that could not be met: limit, source or injected fault. Any thread. */
int64_t la_refused(const la_alloc *la);

/* Used and hold of one live object (bytes). */
void la_object_size(const void *p, size_t *used, size_t *hold);

/* Accounts as the running counters say. Each is consistent in itself; exact together only at quiescence. */
la_account la_account_of(la_alloc *la, uint32_t tenant, la_ctx ctx, kv_label label);
la_account la_label_account(la_alloc *la, kv_label label); /* summed over tenants and contexts, peaks too */
la_totals la_totals_of(la_alloc *la, uint32_t tenant);
la_totals la_totals_all(la_alloc *la);

/* The same recomputed from the heap itself by walking chunks, blocks and objects (takes the set locks). */
void la_recount(la_alloc *la, la_account accounts[KV_MAX_TENANT_NUM][LA_CTX_COUNT][KV_LABEL_COUNT],
                la_totals totals[KV_MAX_TENANT_NUM]);

#endif
