/* Store: supply, allocation, retirement and reuse of memory blocks through their handles (A2, A4, A5, A9, A15).
 *
 * Who may call what. Everything below is for any number of threads at once unless it says quiescence. Nothing here may
 * be called inside a QClock section: reclaim takes the bitmap lock, whose holder may wait for the clock, and the
 * station waits for it too. Inside the store's own sections nothing waits but for list neighbours and the allocator's
 * locks, and no allocation starts a sync wash (no_wash is raised). Allocations made here otherwise may start one.
 *
 * A block is USING while somebody owns the right to close it: whoever took it out of `current` by compare-exchange, or
 * its allocator until it was published there. Only a FULL block can be retired.
 * Source of the algorithm: OceanBase seekdb, src/share/cache/ob_kvcache_store.cpp.
 */
#ifndef RACEWASH_STORE_H
#define RACEWASH_STORE_H

#include "dlist.h"
#include "handle_pool.h"
#include "hazard_ptr.h"
#include "instances.h"
#include "mem_block.h"
#include "retire.h"

typedef struct kv_store {
    la_alloc *la;
    const kv_env *env;
    const kv_config *cfg;
    handle_array handles;
    handle_pool pool;
    hp_domain hp;
    qclock clock;
    retire_station station;
    dlist *lists;       /* KV_MAX_TENANT_NUM lists before, list 0 alone after */
    uint32_t list_cnt;
    inst_table *insts;  /* before: block counts and sizes go to the owning instance */
    uint32_t parts;     /* of init that are done: what destroy has to undo (W7) */
    uint64_t max_handles;
    _Alignas(64) _Atomic(uint64_t) cur_mb_num; /* handles supplied so far */
    _Alignas(64) _Atomic(int64_t) store_size;  /* bytes of blocks held, retired ones included */
    _Atomic(int64_t) policy_cnt[KV_POLICY_COUNT];
    _Atomic(kv_handle *) current[KV_POLICY_COUNT]; /* after only; before they are the instance's */
    _Atomic(uint64_t) base_score; /* after: bits of a double */
    _Atomic(uint32_t) wash_thread; /* 1 + id of the thread that ran the first wash; 0: none yet */
    _Atomic(int64_t) supplying;    /* suppliers between winning the count and their last push (W2) */
} kv_store;

/* cfg must be resolved (no zeros left) and outlive the store. KV_OK, KV_NO_MEMORY (all parts made are freed). */
kv_rc st_init(kv_store *st, la_alloc *la, const kv_env *env, const kv_config *cfg, kv_thread *t, inst_table *insts,
              bool shared);
/* Free every block still held (retired ones too, W8), purge, free all parts. Threads' caches returned before. */
void st_destroy(kv_store *st, kv_thread *t);

/* A2. True: handles were supplied, by this thread or another; false: at the maximum, or no memory. An increment of the
 * supplied count by at most n; when another supplier won meanwhile this one adds nothing. */
bool st_try_supply(kv_store *st, kv_thread *t, uint64_t n);
/* A4. A USING block of `block_bytes` (header included) in the list; inst is NULL after. KV_OK, KV_NO_HANDLE,
 * KV_NO_MEMORY. A failure leaves nothing changed. */
kv_rc st_alloc_mbhandle(kv_store *st, kv_thread *t, kv_inst *inst, kv_policy policy, uint64_t block_bytes,
                        kv_handle **out);
/* A5. A pair in a current block of `policy`; out_holder protects the handle until the node is in the map. */
kv_rc st_alloc_kvpair(kv_store *st, kv_thread *t, kv_inst *inst, kv_policy policy, uint32_t key_len, uint32_t value_len,
                      kv_handle **out_handle, kv_pair **out_pair, hp_holder *out_holder);
/* Score += base, then USING -> FULL. The caller owns the right to close h (see above), so nobody can retire it before
 * the second step, and the sum cannot land in another incarnation (W17). Anything but USING: nothing is done. */
void st_set_full(kv_store *st, kv_handle *h, double base);
/* A7 with the block's hold. The caller protects h, or alone may retire it: the block must not vanish meanwhile. */
bool st_retire(kv_store *st, kv_handle *h);
/* A9 as reclaim's callback: counters, list delete under QClock, block freed, into the station. */
void st_free_mbhandle(void *store, kv_thread *t, kv_handle *h);
uint32_t st_reclaim(kv_store *st, kv_thread *t); /* handles reclaimed */
void st_purge(kv_store *st);
/* Mark the current blocks of an instance (before) full, so that they can be washed; NULL: the store's own (after). */
void st_close_current(kv_store *st, kv_thread *t, kv_inst *inst);

/* A15. Retire FULL blocks from the list's head until `need` bytes were given back through la_block_free. KV_OK,
 * KV_NOT_ENOUGH, KV_TIMEOUT (blocks retired by then wait for the next reclaim). `tenant` chooses the list (before);
 * ignored after. Serves la_malloc, so it may be called with a hazard version, hazard pointers or the wash lock held. */
kv_rc st_sync_wash(kv_store *st, kv_thread *t, uint32_t tenant, uint64_t need);
/* Retire and reclaim every FULL block of a tenant (before; UINT32_MAX: of all) or all (after). The number of blocks
 * that were not FULL. `force`: no time-out; the caller excludes washes. */
uint32_t st_flush(kv_store *st, kv_thread *t, uint32_t tenant, bool force);

/* Hold of the handle's block, 0 without one. h protected, owned or retired. */
/* Times a step is tried again while no hazard pointer can be allocated. W9: upstream retries for ever. */
enum { ST_HAZARD_TRIES = 64 };
/* hp_protect, tried again, yielding, while no hazard pointer can be had. Sets the holder either way. */
kv_rc st_protect(kv_store *st, kv_thread *t, kv_handle *h, hp_holder *holder);

uint64_t st_block_hold(const kv_handle *h);
/* Visit the handles of a list (QClock held inside); quiescence only. */
void st_each_listed(kv_store *st, uint32_t list, void (*visit)(void *arg, kv_handle *h), void *arg);

typedef struct kv_mb_info { /* get_memblock_info: blocks by status and policy, below the supplied count */
    int64_t supplied, free, using_, full, lru, lfu, kv_cnt, hold;
} kv_mb_info;
/* Protects each handle by status. KV_OK, KV_NO_HAZARD (ended early). */
kv_rc st_mb_info(kv_store *st, kv_thread *t, kv_mb_info *out);

#endif
