/* Verifies that seekdb's objects lie as seekdb_layout.h says; the first check that fails is named in one sentence. */
#include <stdio.h>

#include "seekdb_private.h"

/* One check: `what` names it, as docs/live-target.md does. */
static bool holds(bool ok, const char *what, long long met, long long expected, char *err, size_t err_len) {
    if (!ok) {
        snprintf(err, err_len, "the layout check '%s' failed: met %lld, expected %lld; nothing else was called", what,
                 met, expected);
    }
    return ok;
}

#define EQUAL(what, met, expected)                                                                                     \
    do {                                                                                                               \
        long long met_ = (long long)(met), expected_ = (long long)(expected);                                          \
        if (!holds(met_ == expected_, what, met_, expected_, err, err_len)) {                                          \
            return false;                                                                                              \
        }                                                                                                              \
    } while (0)

/* Reads only, but for two functions that touch nothing. */
bool sk_verify_store(const rw_core *core, int64_t cache_bytes, char *err, size_t err_len) {
    const char *st = core->store;
    int64_t max = cache_bytes / SK_BLOCK_SIZE + SK_EXTRA_HANDLES;
    EQUAL("virtual functions of the store", sk_word(st, 0), (uintptr_t)core->api->store_vtable + 16);
    EQUAL("store initialised", sk_flag(st, SK_ST_INITED), true);
    EQUAL("pool initialised", sk_flag(st, SK_ST_POOL_INITED), true);
    EQUAL("block size", sk_word(st, SK_ST_BLOCK), SK_BLOCK_SIZE);
    EQUAL("payload of a block", sk_word(st, SK_ST_PAYLOAD), SK_BLOCK_SIZE - SK_BLOCK_HEADER);
    EQUAL("maximum of handles", sk_word(st, SK_ST_MAX), max);
    EQUAL("capacity of the pool", sk_word(st, SK_ST_POOL_CAP), max);
    EQUAL("pool slots behind the handles", sk_pointer(st, SK_ST_POOL_SLOTS) - core->handles, max * SK_HANDLE_BYTES);
    EQUAL("table of handles", sk_word(core->api->handles, 0), (uintptr_t)core->handles);
    for (int i = 0; i < 3; i++) {
        int64_t idx = i == 0 ? 0 : i == 1 ? 1 : max - 1;
        EQUAL("index of a handle", core->api->index_of(sk_handle(core, idx)), idx);
    }
    int64_t supplied = sk_word(st, SK_ST_SUPPLIED), pop = sk_word(st, SK_ST_POOL_POP);
    int64_t push = sk_word(st, SK_ST_POOL_PUSH);
    EQUAL("handles supplied at start", supplied >= SK_SUPPLY && supplied <= max, true);
    EQUAL("counters of the pool", pop >= 0 && push >= supplied, true);
    return true;
}

/* A new store's pool holds the first handles in order; an empty supply changes nothing, a supply of one adds one. */
bool sk_verify_private(rw_core *core, char *err, size_t err_len) {
    char *st = core->store, *slots = sk_pointer(st, SK_ST_POOL_SLOTS);
    EQUAL("first supply", sk_word(st, SK_ST_SUPPLIED), SK_SUPPLY);
    EQUAL("pops of a new pool", sk_word(st, SK_ST_POOL_POP), 0);
    EQUAL("pushes of a new pool", sk_word(st, SK_ST_POOL_PUSH), SK_SUPPLY);
    for (int64_t i = 0; i < SK_SUPPLY; i++) {
        EQUAL("handle in a pool slot", sk_pointer(slots, (size_t)i * SK_SLOT_BYTES) - core->handles,
              i * SK_HANDLE_BYTES);
    }
    EQUAL("supply of 0", core->api->supply(st, 0), true);
    EQUAL("supplied after a supply of 0", sk_word(st, SK_ST_SUPPLIED), SK_SUPPLY);
    return true;
}

/* ---- Calls on a block of our own: each field is where the call changes it ---- */

static bool verify_alloc(rw_core *core, void **handle, char *err, size_t err_len) {
    const char *inst = core->inst[0];
    int64_t size = sk_word(inst, SK_INST_SIZE), lru = sk_word(inst, SK_INST_LRU), idx;
    EQUAL("cache of an instance", sk_word(inst, SK_INST_CACHE), core->cache_id[0]);
    EQUAL("tenant of an instance", sk_word(inst, SK_INST_TENANT), core->tenant);
    EQUAL("return code of alloc_mbhandle", core->api->alloc(core->store, core->inst[0], KV_LRU, SK_BLOCK_SIZE, handle),
          0);
    const char *h = *handle, *block = sk_pointer(h, SK_H_BLOCK);
    EQUAL("handle handed out", sk_index(core, h, &idx) && idx < sk_word(core->store, SK_ST_SUPPLIED), true);
    EQUAL("status USING", sk_half(h, SK_H_STATUS), KV_USING);
    EQUAL("policy", sk_half(h, SK_H_POLICY), KV_LRU);
    EQUAL("instance of a block", sk_word(h, SK_H_INST), (uintptr_t)inst);
    EQUAL("size of an instance", sk_word(inst, SK_INST_SIZE), size + SK_BLOCK_SIZE);
    EQUAL("blocks of an instance", sk_word(inst, SK_INST_LRU), lru + 1);
    EQUAL("payload in a block", sk_word(block, SK_MB_PAYLOAD), SK_BLOCK_SIZE - SK_BLOCK_HEADER);
    EQUAL("buffer of a block", sk_word(block, SK_MB_BUFFER), (uintptr_t)block + SK_BLOCK_HEADER);
    return true;
}

static bool verify_pair(rw_core *core, void *h, char *err, size_t err_len) {
    void *pair = NULL;
    int64_t bytes = core->api->pair_bytes(16, 17);
    EQUAL("bytes of a pair", bytes, (SK_PAIR_HEADER + 16 + 17 + 7) / 8 * 8);
    EQUAL("return code of a pair", core->api->place_pair(h, 16, 17, bytes, &pair), 0);
    EQUAL("place of a pair", (uintptr_t)pair, sk_word(sk_pointer(h, SK_H_BLOCK), SK_MB_BUFFER));
    EQUAL("bump position", sk_word(sk_pointer(h, SK_H_BLOCK), SK_MB_POS), bytes | INT64_C(1) << 32);
    return true;
}

static bool verify_protect(rw_core *core, void *h, void *holder, char *err, size_t err_len) {
    bool ok = false;
    EQUAL("return code of protect", core->api->protect(holder, &ok, h), 0);
    EQUAL("protection", ok, true);
    EQUAL("hazard pointer", sk_word(sk_pointer(holder, 0), SK_HP_HANDLE), (uintptr_t)h);
    return true;
}

/* The protection keeps every reclaim away until the last look. */
static bool verify_retire(rw_core *core, void *h, char *err, size_t err_len) {
    const char *inst = core->inst[0];
    int64_t seq = sk_word(h, SK_H_SEQ), retired = sk_word(inst, SK_INST_RETIRED);
    core->api->set_full(h, 0.5);
    if (core->live && sk_half(h, SK_H_STATUS) != KV_FULL) {
        return true; /* a wash was faster */
    }
    EQUAL("status FULL", sk_half(h, SK_H_STATUS), KV_FULL);
    EQUAL("score", (int64_t)(double_of_bits((uint64_t)sk_word(h, SK_H_SCORE)) * 1000), 500);
    bool mine = core->api->retire(h);
    EQUAL("retirement", mine || core->live, true);
    EQUAL("status FREE", sk_half(h, SK_H_STATUS), KV_FREE);
    EQUAL("incarnation", sk_word(h, SK_H_SEQ), seq + 1);
    EQUAL("retired bytes of an instance", sk_word(inst, SK_INST_RETIRED), retired + SK_BLOCK_SIZE);
    if (!core->live) {
        EQUAL("retire list", sk_word(core->domain, SK_DOM_RETIRED), (uintptr_t)h + SK_H_RETIRE);
        EQUAL("retired bytes", sk_word(core->domain, SK_DOM_RETIRED_BYTES), SK_BLOCK_SIZE);
    }
    return true;
}

static bool verify_release(rw_core *core, void *h, void *holder, char *err, size_t err_len) {
    char *pointer = sk_pointer(holder, 0), *list = sk_pointer(core->inst[0], SK_INST_MB_LIST);
    if (!core->live) {
        EQUAL("head of the block list", sk_word(list, SK_H_NEXT), (uintptr_t)h + SK_H_LINK);
        EQUAL("end of the block list", sk_word(h, SK_H_NEXT), (uintptr_t)list + SK_H_LINK);
    }
    core->api->release(holder);
    EQUAL("hazard pointer released", sk_word(pointer, SK_HP_HANDLE), 0);
    return true;
}

/* In a private store, also: what reclaim and purge do with it. */
static bool verify_reclaim(rw_core *core, void *h, char *err, size_t err_len) {
    uint64_t freed = 0;
    int64_t push = sk_word(core->store, SK_ST_POOL_PUSH);
    EQUAL("return code of reclaim", core->api->reclaim(core->domain, core->store, &freed), 0);
    EQUAL("bytes reclaimed", freed, SK_BLOCK_SIZE);
    EQUAL("block of a reclaimed handle", sk_word(h, SK_H_BLOCK), 0);
    EQUAL("size after a reclaim", sk_word(core->inst[0], SK_INST_SIZE), 0);
    int64_t waiting = 0;
    for (int i = 0; i < SK_RS_SLOTS; i++) {
        const char *slot = core->station + SK_RS_FIRST + i * SK_RS_STRIDE;
        waiting += sk_word(slot, SK_RS_RETIRE_SIZE) + sk_word(slot, SK_RS_PREPARE_SIZE);
    }
    EQUAL("handles in the retire station", waiting, 1);
    core->api->purge(core->store);
    EQUAL("handles handed out by a purge", sk_word(core->store, SK_ST_POOL_PUSH), push + 1);
    return true;
}

bool sk_verify_calls(rw_core *core, char *err, size_t err_len) {
    _Alignas(16) char holder[SK_HOLDER_BYTES] = {0};
    void *h = NULL;
    if (!verify_alloc(core, &h, err, err_len) || !verify_pair(core, h, err, err_len)) {
        return false;
    }
    core->api->holder_make(holder);
    bool ok = verify_protect(core, h, holder, err, err_len) && verify_retire(core, h, err, err_len) &&
              verify_release(core, h, holder, err, err_len);
    core->api->holder_drop(holder);
    return ok && (core->live || verify_reclaim(core, h, err, err_len));
}
