/* Operations on a store of seekdb: its own compiled functions, called as the database calls them. */
#include "seekdb_ops.h"

#include <stdlib.h>

#include "seekdb_private.h"

/* What the database returns. */
enum {
    OB_SUCCESS = 0,
    OB_ALLOCATE_MEMORY_FAILED = -4013,
    OB_ERR_UNEXPECTED = -4016,
    OB_ENTRY_NOT_EXIST = -4018, /* an empty pool */
    OB_BUF_NOT_ENOUGH = -4024,
    OB_CACHE_FREE_BLOCK_NOT_ENOUGH = -4273,
    OB_SYNC_WASH_MB_TIMEOUT = -4274
};

#define SK_OP(name) static kv_rc op_##name(rw_thread *th, const int64_t *arg)

static kv_rc unknown(rw_thread *th, const char *what, int ret) {
    SK_CHECK(th->core, th, C1, false, "%s returned %d, which its contract doesn't name", what, ret);
    return KV_INVALID;
}

/* ---- Supply ---- */

SK_OP(supply) {
    rw_core *core = th->core;
    if (arg[0] < 0) {
        return KV_INVALID;
    }
    if (!core->api->supply(core->store, arg[0])) {
        int64_t supplied = sk_word(core->store, SK_ST_SUPPLIED);
        SK_CHECK(core, th, I3, supplied == core->max, "a supply was refused at %lld handles of %lld",
                 (long long)supplied, (long long)core->max);
        return KV_NO_HANDLE;
    }
    sk_check_supplied(core, th);
    return KV_OK;
}

/* ---- Blocks of one's own ---- */

/* The same handle in two threads' hands shows here, before it does harm. */
static void enter_owner(rw_thread *th, const sk_mb *mb) {
    rw_core *core = th->core;
    int64_t idx;
    if (!SK_CHECK(core, th, I4, sk_index(core, mb->handle, &idx), "what was handed out is no handle")) {
        return;
    }
    int32_t nobody = 0;
    bool mine = at_cas(&core->owner[idx], &nobody, th->tid + 2, relaxed, relaxed);
    SK_CHECK(core, th, I4, mine, "handle %lld was handed out while thread %d has it", (long long)idx, nobody - 2);
}

static void leave_owner(rw_thread *th, const sk_mb *mb) {
    int64_t idx;
    if (sk_index(th->core, mb->handle, &idx)) {
        int32_t mine = th->tid + 2;
        (void)at_cas(&th->core->owner[idx], &mine, 0, relaxed, relaxed);
    }
}

static bool room_left(rw_core *core) {
    if (at_add(&core->blocks, 1, relaxed) < core->blocks_max) {
        return true;
    }
    at_sub(&core->blocks, 1, relaxed);
    return false;
}

SK_OP(alloc_mb) {
    rw_core *core = th->core;
    if (arg[0] < 0 || arg[0] >= KV_POLICY_COUNT || arg[1] < SK_BLOCK_SIZE || arg[1] > SK_BLOCK_MAX ||
        !sk_slot_ok(arg[2])) {
        return KV_INVALID;
    }
    sk_mb *mb = &th->mbs[arg[2]];
    if (mb->handle != NULL) {
        return KV_BAD_STATE;
    }
    if (!room_left(core)) {
        return KV_NO_MEMORY; /* ours: a process's memory is capped */
    }
    void *h = NULL;
    int ret = core->api->alloc(core->store, core->inst[arg[2] % SK_CACHES], (int)arg[0], arg[1], &h);
    if (ret != OB_SUCCESS) {
        at_sub(&core->blocks, 1, relaxed);
        at_add(&core->refused, ret == OB_ENTRY_NOT_EXIST, relaxed);
        return ret == OB_ALLOCATE_MEMORY_FAILED ? KV_NO_MEMORY
               : ret == OB_ENTRY_NOT_EXIST      ? KV_NO_HANDLE
                                                : unknown(th, "alloc_mbhandle", ret);
    }
    *mb = (sk_mb){.handle = h, .block = sk_pointer(h, SK_H_BLOCK), .seq = sk_word(h, SK_H_SEQ)};
    enter_owner(th, mb);
    SK_CHECK(core, th, I5, mb->block != NULL, "a block was handed out without memory");
    return KV_OK;
}

static unsigned char byte_of(const sk_mb *mb, int64_t i) {
    return (unsigned char)((uintptr_t)mb->handle / SK_HANDLE_BYTES + (uint64_t)mb->seq * 31 + (uint64_t)i * 7);
}

SK_OP(fill_mb) {
    rw_core *core = th->core;
    if (!sk_slot_ok(arg[0]) || arg[1] < 1 || arg[1] > SK_PAIRS_MAX) {
        return KV_INVALID;
    }
    sk_mb *mb = &th->mbs[arg[0]];
    if (mb->handle == NULL) {
        return KV_BAD_STATE;
    }
    for (int64_t i = 0; i < arg[1]; i++) {
        int64_t value = sk_value_bytes(mb->pairs), all = core->api->pair_bytes(SK_KEY_BYTES, value);
        void *pair = NULL;
        int ret = core->api->place_pair(mb->handle, SK_KEY_BYTES, value, all, &pair);
        if (ret != OB_SUCCESS) {
            return ret == OB_BUF_NOT_ENOUGH ? KV_OVERFLOW : unknown(th, "a pair's allocation", ret);
        }
        memset((char *)pair + SK_PAIR_HEADER, byte_of(mb, mb->pairs), (size_t)(SK_KEY_BYTES + value));
        mb->pairs++;
    }
    return KV_OK;
}

static bool pair_whole(const sk_mb *mb, const char *pair, int64_t i) {
    int64_t bytes = SK_KEY_BYTES + sk_value_bytes(i);
    for (int64_t k = 0; k < bytes; k++) {
        if ((unsigned char)pair[SK_PAIR_HEADER + k] != byte_of(mb, i)) {
            return false;
        }
    }
    return true;
}

static void verify_mb(rw_thread *th, const sk_mb *mb) {
    rw_core *core = th->core;
    const char *block = sk_pointer(mb->handle, SK_H_BLOCK);
    bool same =
        block == mb->block && sk_word(mb->handle, SK_H_SEQ) == mb->seq && sk_half(mb->handle, SK_H_STATUS) == KV_USING;
    if (!SK_CHECK(core, th, I4, same, "a USING block in a thread's hands was retired, or given to somebody else")) {
        return;
    }
    const char *pair = block + SK_BLOCK_HEADER;
    for (int64_t i = 0; i < mb->pairs; i++) {
        if (!SK_CHECK(core, th, I6, pair_whole(mb, pair, i), "pair %lld of %lld of a block of one's own changed",
                      (long long)i, (long long)mb->pairs)) {
            return;
        }
        pair += core->api->pair_bytes(SK_KEY_BYTES, sk_value_bytes(i));
    }
    int64_t used = pair - (block + SK_BLOCK_HEADER), pos = sk_word(block, SK_MB_POS);
    SK_CHECK(core, th, I7, pos == (used | mb->pairs << 32) && used <= sk_word(block, SK_MB_PAYLOAD),
             "a block was filled with %lld pairs, %lld bytes, but says %lld pairs, %lld bytes", (long long)mb->pairs,
             (long long)used, (long long)(pos >> 32), (long long)(pos & UINT32_MAX));
}

/* ---- Protections ---- */

typedef struct guard {
    _Alignas(16) char holder[SK_HOLDER_BYTES];
} guard;

static kv_rc protect(rw_core *core, void *holder, void *h) {
    bool ok = false;
    core->api->holder_make(holder);
    int ret = core->api->protect(holder, &ok, h);
    if (ret != OB_SUCCESS || !ok) {
        core->api->holder_drop(holder);
        return ret != OB_SUCCESS ? KV_NO_HAZARD : KV_GONE;
    }
    return KV_OK;
}

/* Closed and retired under a protection taken while it was USING: once FULL a wash may retire it before us, and what we
 * then retire must still be this incarnation. */
kv_rc sk_free_mb(rw_thread *th, sk_mb *mb) {
    rw_core *core = th->core;
    guard g = {{0}};
    void *h = mb->handle;
    if (h == NULL) {
        return KV_BAD_STATE;
    }
    verify_mb(th, mb);
    leave_owner(th, mb);
    *mb = (sk_mb){0};
    at_sub(&core->blocks, 1, relaxed);
    kv_rc rc = protect(core, g.holder, h);
    if (!SK_CHECK(core, th, I4, rc != KV_GONE, "a USING block in a thread's hands was retired")) {
        return KV_OK;
    }
    core->api->set_full(h, 0);
    if (rc == KV_OK) {
        (void)core->api->retire(h);
        core->api->release(g.holder);
        core->api->holder_drop(g.holder);
    }
    return rc; /* without a hazard pointer it is FULL, of score 0: the next wash takes it */
}

SK_OP(free_mb) {
    return sk_slot_ok(arg[0]) ? sk_free_mb(th, &th->mbs[arg[0]]) : KV_INVALID;
}

SK_OP(set_full) {
    if (!sk_slot_ok(arg[0]) || arg[1] < 0 || arg[1] > SK_SCORE_MAX) {
        return KV_INVALID;
    }
    sk_mb *mb = &th->mbs[arg[0]];
    if (mb->handle == NULL) {
        return KV_BAD_STATE;
    }
    verify_mb(th, mb);
    leave_owner(th, mb);
    at_sub(&th->core->blocks, 1, relaxed);
    void *h = mb->handle;
    *mb = (sk_mb){0};
    th->core->api->set_full(h, (double)arg[1] / 1000.0);
    return KV_OK;
}

static void *handle_at(rw_core *core, int64_t index) {
    int64_t supplied = sk_word(core->store, SK_ST_SUPPLIED);
    return index >= 0 && supplied > 0 ? sk_handle(core, index % supplied) : NULL;
}

SK_OP(retire) {
    rw_core *core = th->core;
    guard g = {{0}};
    void *h = handle_at(core, arg[0]);
    if (h == NULL) {
        return KV_INVALID;
    }
    kv_rc rc = protect(core, g.holder, h);
    if (rc == KV_OK) {
        rc = core->api->retire(h) ? KV_OK : KV_BAD_STATE;
        core->api->holder_drop(g.holder);
    }
    return rc;
}

SK_OP(hit) {
    rw_core *core = th->core;
    guard g = {{0}};
    void *h = handle_at(core, arg[0]);
    if (h == NULL || arg[1] < 1 || arg[1] > SK_HITS_MAX) {
        return KV_INVALID;
    }
    kv_rc rc = protect(core, g.holder, h);
    if (rc == KV_OK) { /* what a get of the database does to the block of the pair that it found */
        at_add((_Atomic(int64_t) *)(void *)((char *)h + SK_H_GETS), arg[1], relaxed);
        at_add((_Atomic(int64_t) *)(void *)((char *)h + SK_H_RECENT), arg[1], relaxed);
        core->api->holder_drop(g.holder);
    }
    return rc;
}

static kv_rc hold(rw_thread *th, int64_t slot, void *h, bool by_seq, int64_t seq) {
    rw_core *core = th->core;
    if (!sk_slot_ok(slot) || h == NULL) {
        return KV_INVALID;
    }
    sk_hold *hold = &th->holds[slot];
    if (hold->handle != NULL) {
        return KV_BAD_STATE;
    }
    bool ok = false;
    core->api->holder_make(hold->holder);
    int ret =
        by_seq ? core->api->protect_seq(hold->holder, &ok, h, (int32_t)seq) : core->api->protect(hold->holder, &ok, h);
    if (ret != OB_SUCCESS || !ok) {
        core->api->holder_drop(hold->holder);
        return ret != OB_SUCCESS ? KV_NO_HAZARD : KV_GONE;
    }
    hold->handle = h;
    hold->block = sk_pointer(h, SK_H_BLOCK);
    hold->seq = by_seq ? seq : sk_word(h, SK_H_SEQ);
    SK_CHECK(core, th, I6, by_seq || hold->block != NULL, "a protected incarnation has no block");
    return KV_OK;
}

SK_OP(hold_mb) {
    return hold(th, arg[0], handle_at(th->core, arg[1]), false, 0);
}

SK_OP(hold_seq) {
    void *h = handle_at(th->core, arg[1]);
    return h != NULL && arg[2] >= 0 ? hold(th, arg[0], h, true, sk_word(h, SK_H_SEQ) - arg[2]) : KV_INVALID;
}

/* Retired it may be, once: reclaim then keeps handle and block until the release. */
static void verify_hold(rw_thread *th, const sk_hold *hold) {
    int64_t seq = sk_word(hold->handle, SK_H_SEQ);
    const char *block = sk_pointer(hold->handle, SK_H_BLOCK);
    if (hold->block == NULL) {
        return; /* by number, of a handle that waits for its next use: there is no block to keep */
    }
    SK_CHECK(th->core, th, I6, block == hold->block && (seq == hold->seq || seq == hold->seq + 1),
             "a protected block went: incarnation %lld has become %lld, its block %p %p", (long long)hold->seq,
             (long long)seq, hold->block, (const void *)block);
}

SK_OP(hold_verify) {
    if (!sk_slot_ok(arg[0])) {
        return KV_INVALID;
    }
    if (th->holds[arg[0]].handle == NULL) {
        return KV_BAD_STATE;
    }
    verify_hold(th, &th->holds[arg[0]]);
    return KV_OK;
}

SK_OP(hold_share) {
    rw_core *core = th->core;
    if (!sk_slot_ok(arg[0]) || !sk_slot_ok(arg[1])) {
        return KV_INVALID;
    }
    sk_hold *from = &th->holds[arg[0]], *to = &th->holds[arg[1]];
    if (from->handle == NULL || to->handle != NULL) {
        return KV_BAD_STATE;
    }
    core->api->holder_make(to->holder);
    if (core->api->share(to->holder, from->holder) != OB_SUCCESS) {
        core->api->holder_drop(to->holder);
        return KV_NO_HAZARD;
    }
    to->handle = from->handle;
    to->block = from->block;
    to->seq = from->seq;
    SK_CHECK(core, th, I6, core->api->held(to->holder) == to->handle && core->api->held(from->holder) == from->handle,
             "two holders of one protection name different handles");
    return KV_OK;
}

void sk_drop_hold(rw_thread *th, sk_hold *hold) {
    if (hold->handle != NULL) {
        verify_hold(th, hold);
        th->core->api->holder_drop(hold->holder);
        hold->handle = NULL;
    }
}

SK_OP(hold_drop) {
    if (!sk_slot_ok(arg[0])) {
        return KV_INVALID;
    }
    if (th->holds[arg[0]].handle == NULL) {
        return KV_BAD_STATE;
    }
    sk_drop_hold(th, &th->holds[arg[0]]);
    return KV_OK;
}

/* ---- Reclaim, washes ---- */

SK_OP(reclaim) {
    rw_core *core = th->core;
    uint64_t freed = 0;
    (void)arg;
    int ret = core->api->reclaim(core->domain, core->store, &freed);
    return ret == OB_SUCCESS ? KV_OK : unknown(th, "reclaim", ret);
}

SK_OP(purge) {
    (void)arg;
    th->core->api->purge(th->core->store);
    return KV_OK;
}

SK_OP(refresh_score) {
    (void)arg;
    int ret = th->core->api->refresh_score(th->core->store);
    return ret == OB_SUCCESS                  ? KV_OK
           : ret == OB_ALLOCATE_MEMORY_FAILED ? KV_NO_HAZARD
                                              : unknown(th, "refresh_score", ret);
}

/* The tenant's limit under which the database's formula wants so many bytes washed: usage - limit + limit / 10. */
static int64_t limit_for(int64_t usage, int64_t bytes) {
    int64_t limit = usage > bytes ? (usage - bytes) / 9 * 10 + 9 : 0;
    while (limit > 0 && usage - limit + limit / 10 < bytes) {
        limit--;
    }
    return limit;
}

/* The database washes a tenant only from 8 MB on (or a 256th of its cache, which is less here). */
static int64_t worth_washing(const rw_core *core, int64_t bytes) {
    int64_t size = 0;
    for (int i = 0; i < SK_CACHES; i++) {
        size += sk_word(core->inst[i], SK_INST_SIZE);
    }
    size = bytes < size ? bytes : size;
    return size >= SK_WASH_MIN ? size : 0;
}

SK_OP(wash) {
    rw_core *core = th->core;
    if (arg[0] < 0) {
        return KV_INVALID;
    }
    if (core->live || arg[0] == 0) {
        (void)core->api->wash(core->store);
        return KV_OK;
    }
    int64_t bytes = worth_washing(core, arg[0]);
    if (bytes == 0) {
        return KV_BAD_STATE;
    }
    at_store(&core->limits.limit, limit_for(core->api->tenant_hold(core->tenant), bytes), relaxed);
    (void)core->api->wash(core->store);
    at_store(&core->limits.limit, core->limits.whole, relaxed);
    return KV_OK;
}

SK_OP(sync_wash) {
    rw_core *core = th->core;
    void *blocks = NULL;
    if (arg[0] < 1) {
        return KV_INVALID;
    }
    int ret = core->api->sync_wash(core->store, core->tenant, arg[0], &blocks, -1);
    if (ret == OB_SUCCESS) {
        char *resource = sk_pointer(core->inst[0], SK_INST_MB_LIST) + SK_LIST_RESOURCE;
        core->api->free_mbs(core->store, resource, (int64_t)core->tenant, blocks);
    }
    return ret == OB_SUCCESS                       ? KV_OK
           : ret == OB_CACHE_FREE_BLOCK_NOT_ENOUGH ? KV_NOT_ENOUGH
           : ret == OB_SYNC_WASH_MB_TIMEOUT        ? KV_TIMEOUT
                                                   : unknown(th, "sync_wash_mbs", ret);
}

SK_OP(flush) {
    rw_core *core = th->core;
    int ret = core->api->flush(core->store, core->tenant, arg[0] != 0);
    /* Forced, it says so when it met a block that isn't FULL. */
    return ret == OB_SUCCESS                    ? KV_OK
           : ret == OB_ERR_UNEXPECTED && arg[0] ? KV_BAD_STATE
           : ret == OB_SYNC_WASH_MB_TIMEOUT     ? KV_TIMEOUT
                                                : unknown(th, "flush_washable_mbs", ret);
}

SK_OP(set_priority) {
    rw_core *core = th->core;
    if (core->live || arg[0] < 0 || arg[0] >= SK_CACHES || arg[1] < 1 || arg[1] > 1000) {
        return KV_INVALID; /* a live cache's table of configurations is the database's to write */
    }
    prim_lock(&core->judging);
    int ret = core->api->set_priority(core->store, core->cache_id[arg[0]], core->priority[arg[0]], arg[1]);
    if (ret == OB_SUCCESS) {
        core->priority[arg[0]] = arg[1];
        sk_set(core->configs + arg[0] * SK_CFG_BYTES, SK_CFG_PRIORITY, arg[1]);
    }
    prim_unlock(&core->judging);
    return ret == OB_SUCCESS ? KV_OK : unknown(th, "set_priority", ret);
}

SK_OP(hp_wash) {
    (void)arg;
    th->core->api->domain_wash(th->core->domain);
    return KV_OK;
}

/* ---- Visits ---- */

SK_OP(traverse) {
    (void)arg;
    sk_check_supplied(th->core, th);
    return sk_check_handles(th->core, th);
}

SK_OP(mb_info) {
    rw_core *core = th->core;
    int64_t supplied = sk_word(core->store, SK_ST_SUPPLIED), hold_bytes = 0, blocks = 0;
    (void)arg;
    for (int64_t i = 0; i < supplied && i < core->max; i++) {
        guard g = {{0}};
        kv_rc rc = protect(core, g.holder, sk_handle(core, i));
        if (rc == KV_NO_HAZARD) {
            return rc;
        }
        if (rc == KV_OK) {
            const char *block = sk_pointer(sk_handle(core, i), SK_H_BLOCK);
            hold_bytes += block != NULL ? sk_word(block, SK_MB_PAYLOAD) + SK_BLOCK_HEADER : 0;
            blocks++;
            core->api->holder_drop(g.holder);
        }
    }
    SK_CHECK(core, th, I5, hold_bytes >= blocks * SK_BLOCK_SIZE, "%lld blocks in use hold %lld bytes",
             (long long)blocks, (long long)hold_bytes);
    return KV_OK;
}

SK_OP(check_now) {
    (void)arg;
    (void)sk_check(th->core, RW_INSTANT);
    return KV_OK;
}

/* ---- The table ---- */

#define DESCRIBE(name, codes, purpose, count, ...) {#name, purpose, count, {__VA_ARGS__}},
const rw_op_desc sk_ops[] = {SK_OPS(DESCRIBE)};
#undef DESCRIBE
const int32_t sk_op_cnt = SK_OP_CNT;

int64_t sk_run(rw_thread *th, const rw_op *op) {
#define CALL(name, codes, ...) op_##name,
    static kv_rc (*const calls[])(rw_thread *, const int64_t *) = {SK_OPS(CALL)};
#undef CALL
#define B(code) (1u << KV_##code)
#define CODES(name, codes, ...) (codes) | B(OK) | B(INVALID) | B(BAD_STATE),
    static const uint32_t named[] = {SK_OPS(CODES)};
#undef CODES
#undef B
    int64_t found = th->found;
    if (op->code < 0 || op->code >= SK_OP_CNT) {
        return KV_INVALID;
    }
    kv_rc rc = calls[op->code](th, op->arg);
    SK_CHECK(th->core, th, C1, (named[op->code] & 1u << rc) != 0, "%s ended as %s, which its contract doesn't name",
             sk_ops[op->code].name, kv_rc_names[rc]);
    return th->found == found ? (int64_t)rc : -1;
}

/* ---- Threads ---- */

rw_thread *sk_attach(rw_core *core, int32_t tid) {
    rw_thread *th = aligned_alloc(64, (sizeof *th + 63) / 64 * 64);
    if (th == NULL) {
        return NULL;
    }
    memset(th, 0, sizeof *th);
    th->core = core;
    th->tid = tid;
    prim_lock(&core->lock);
    th->next = core->threads;
    core->threads = th;
    prim_unlock(&core->lock);
    return th;
}

void sk_detach(rw_thread *th) {
    rw_core *core = th->core;
    for (int i = 0; i < SK_SLOTS && !core->closed; i++) {
        sk_drop_hold(th, &th->holds[i]);
        (void)sk_free_mb(th, &th->mbs[i]);
    }
    prim_lock(&core->lock);
    for (rw_thread **at = &core->threads; *at != NULL; at = &(*at)->next) {
        if (*at == th) {
            *at = th->next;
            break;
        }
    }
    prim_unlock(&core->lock);
    free(th);
}
