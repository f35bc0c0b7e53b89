/* Hazard pointers: protect a handle's incarnation, and with it its memory block (A6 - A8).
 *
 * Order that makes it right. Reader: store the handle into its hazard pointer (seq_cst), then load status / seq_num
 * (seq_cst). Reclaimer: status = FREE and seq_num + 1 (seq_cst), then load every hazard pointer (seq_cst). In the
 * single total order of these operations either the reader sees the retirement and backs off, or the reclaimer sees the
 * hazard pointer and keeps the handle. By status instead of seq_num the same holds: status USING or FULL seen after the
 * store is that of an incarnation not retired yet. Reference-count mode: the same with ref_cnt + 1 (seq_cst) in place
 * of the store and a seq_cst load of ref_cnt in place of the scan.
 *
 * What KV_OK promises until release: the incarnation's block is not freed, the handle not reset, and both may be read.
 * Contents: by status, the re-check reads the store (release) that made the handle USING as its last step, or a
 * compare-exchange that continues it. By seq_num, the caller has learnt (handle, seq, pair) from something published
 * with release after the pair was written (a map node), or read seq from the handle itself while protecting it.
 * End: release stores null with release order, the scan's load acquires it (or any later store to the same hazard
 * pointer, whose owners follow one another by program order or the free lists' lock), and only then the callback frees.
 * Protection is of the block, not of the status: a protected incarnation may be retired at any time.
 * Source: M. Michael, "Hazard Pointers" (2004); OceanBase seekdb, ob_kvcache_hazard_domain.cpp; here by bitmap.
 */
#ifndef RACEWASH_HAZARD_PTR_H
#define RACEWASH_HAZARD_PTR_H

#include "handle_array.h"

struct hp_block;

struct kv_hazptr { /* 24 B */
    _Atomic(kv_handle *) handle; /* null: protects nothing */
    kv_hazptr *next;             /* in a free list: its thread's cache, or (under the lock) its block's */
    struct hp_block *block;
};

typedef struct hp_shared { /* control block of a shared protection */
    _Atomic(int64_t) refs;
    kv_hazptr *hp;
} hp_shared;

/* One protection: of an own hazard pointer, of a share in one, or (reference-count mode) of a count. Zero: none.
 * Raw and shared are separate fields, not a union (W16). */
typedef struct hp_holder {
    kv_handle *handle;
    kv_hazptr *hp;
    hp_shared *shared;
} hp_holder;

typedef struct hp_domain {
    la_alloc *la;
    handle_array *handles;
    kv_protect_mode mode;
    uint32_t cache_max, batch, per_block;
    uint32_t bitmap_words;
    prim_lock_t wash_lock;   /* excludes the tiny allocator's wash and traversal of its blocks */
    prim_lock_t free_lock;   /* blocks' own free lists and `common`; after wash_lock when both are taken */
    prim_lock_t bitmap_lock; /* one reclaim at a time */
    uint64_t *bitmap;        /* one bit per handle index */
    _Atomic(struct hp_block *) blocks; /* every block, for the scan */
    struct hp_block *common;           /* blocks whose free hazard pointers are handed out; under free_lock */
    _Atomic(kv_handle *) retired;      /* retire list, linked through retire_link */
    _Atomic(int64_t) retired_bytes;    /* may lag, or dip below zero for a moment */
    _Atomic(int64_t) block_cnt;
} hp_domain;

kv_rc hp_init(hp_domain *d, la_alloc *la, kv_thread *t, handle_array *handles, const kv_config *cfg, bool shared);
void hp_destroy(hp_domain *d); /* every thread cache returned before; safe after a failed or missing init */
void hp_thread_release(hp_domain *d, kv_thread *t); /* give the thread's cache back (detach) */

/* Protect incarnation `seq` of h, or whatever incarnation is alive (status USING or FULL). KV_OK: out holds it;
 * KV_GONE: not that incarnation, or FREE; KV_NO_HAZARD. `out` must be empty. */
kv_rc hp_protect_seq(hp_domain *d, kv_thread *t, kv_handle *h, int64_t seq, hp_holder *out);
kv_rc hp_protect(hp_domain *d, kv_thread *t, kv_handle *h, hp_holder *out);
/* Any thread may release a holder, one does; the hazard pointer goes to the cache of the thread that released it last.
 * An empty holder: nothing. */
void hp_release(hp_domain *d, kv_thread *t, hp_holder *holder);
/* Make dst (empty) a second holder of what src (not empty, used by this thread alone meanwhile) protects: afresh if
 * possible, else both share one. KV_OK, KV_NO_MEMORY (src as it was). */
kv_rc hp_share(hp_domain *d, kv_thread *t, hp_holder *src, hp_holder *dst);

/* A7. FULL -> FREE; only the winner (true) goes on: seq_num + 1, retire list, retired bytes += bytes (the same that the
 * hp_bytes_fn of hp_reclaim will say). */
bool hp_retire(hp_domain *d, kv_handle *h, uint64_t bytes);
/* Hold of the block of a retired handle, for the byte counter. NULL: 0 for every handle. */
typedef uint64_t (*hp_bytes_fn)(const kv_handle *h);
typedef void (*hp_reclaim_fn)(void *arg, kv_thread *t, kv_handle *h);
/* A8. Calls back, under the bitmap lock, for every retired handle that no hazard pointer (or count) protects; puts the
 * rest back. The callback must neither reclaim nor allocate in a way that could start a sync wash. Handles
 * reclaimed. */
uint32_t hp_reclaim(hp_domain *d, kv_thread *t, hp_bytes_fn bytes, hp_reclaim_fn fn, void *arg);
/* The tiny allocator's wash: free blocks all of whose hazard pointers are free. Bytes freed. */
uint64_t hp_wash(hp_domain *d);

/* Hazard pointers that protect something; reference-count mode: sum of counts (checks; quiescence). */
uint32_t hp_set_count(hp_domain *d);
uint64_t hp_retired_count(hp_domain *d); /* length of the retire list; quiescence */
void hp_each_retired(hp_domain *d, void (*visit)(void *arg, kv_handle *h), void *arg); /* quiescence */

#endif
