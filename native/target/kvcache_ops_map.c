/* Operations on single pairs and on pins. */
#include "kvcache_private.h"

enum { KT_VALUE_MAX = 64 << 20, KT_BUFFER_KEPT = 64 << 10 };

static kv_cache *cache_of(rw_thread *th) {
    return th->judge.core->cache;
}

/* The pair may need a block, and another for each race that it loses: handles asked for are no longer counted. */
static void remember(rw_thread *th, int64_t instance, int64_t key) {
    _Atomic(uint64_t) *wanted = &th->judge.core->wanted;
    if (at_load(wanted, relaxed) < UINT64_MAX / 2) {
        at_store(wanted, UINT64_MAX / 2, relaxed);
    }
    uint32_t i = th->recent_cnt++ % KT_RECENT;
    th->recent[i].instance = instance;
    th->recent[i].key = key;
}

/* ---- Put ---- */

static void *value_room(rw_thread *th, size_t bytes) {
    if (bytes > th->buffer_bytes) {
        prim_object_free(th->buffer);
        th->buffer = prim_object_alloc(bytes);
        th->buffer_bytes = th->buffer != NULL ? bytes : 0;
    }
    return th->buffer;
}

static kv_rc put(rw_thread *th, const int64_t *arg, bool overwrite) {
    unsigned char key[KT_KEY_BYTES];
    uint32_t cache, tenant;
    if (!kt_instance(th, arg[0], &cache, &tenant) || arg[2] < 1 || arg[2] > KT_VALUE_MAX) {
        return KV_INVALID;
    }
    uint32_t bytes = (uint32_t)arg[2];
    void *value = value_room(th, bytes);
    if (value == NULL) {
        return KV_NO_MEMORY;
    }
    remember(th, arg[0], arg[1]);
    kt_make_key(arg[1], key);
    kt_make_value(value, bytes, kt_name(arg[0], arg[1]), ++th->stamp);
    kv_rc rc = kv_put(th->judge.t, cache, tenant, key, sizeof key, value, bytes, overwrite);
    if (rc == KV_OK || rc == KV_EXISTS) { /* after any other end nothing was linked */
        kt_did_key(th,
                   rc == KV_EXISTS ? RW_D_EXISTS
                   : overwrite     ? RW_D_PUT
                                   : RW_D_ADD,
                   arg[0], arg[1], kt_value_number(bytes, th->stamp));
    }
    if (th->buffer_bytes > KT_BUFFER_KEPT) { /* many threads with a large value once would hold much for ever */
        prim_object_free(th->buffer);
        th->buffer = NULL;
        th->buffer_bytes = 0;
    }
    return rc;
}

KT_OP(put) {
    return put(th, arg, true);
}

KT_OP(put_absent) {
    return put(th, arg, false);
}

/* ---- Get ---- */

/* The pair found is the key's (I8: its node matched the incarnation it was made for), and whole (I6). */
static bool verify(kt_judge *j, const kv_pin *pin, int64_t instance, int64_t key, uint64_t *stamp) {
    unsigned char expected[KT_KEY_BYTES];
    const kv_pair *pair = pin->pair;
    kt_make_key(key, expected);
    bool own = pair->magic == KV_PAIR_MAGIC && pin->key_len == KT_KEY_BYTES &&
               pair->size == mb_pair_bytes(pin->key_len, pin->value_len) &&
               memcmp(pair->key, expected, KT_KEY_BYTES) == 0;
    return KT_CHECK(j, I8, own, "get of key %lld met a pair of magic %x, %u bytes, that isn't the key's",
                    (long long)key, pair->magic, pair->size) &&
           KT_CHECK(j, I6, kt_value_is(pair->value, pin->value_len, kt_name(instance, key), stamp),
                    "the value of instance %lld, key %lld (%u bytes, stamp %llx) is none that was ever put",
                    (long long)instance, (long long)key, pin->value_len, (unsigned long long)*stamp);
}

static kv_rc get(rw_thread *th, int64_t instance, int64_t key, kv_pin *pin, uint64_t *stamp) {
    unsigned char bytes[KT_KEY_BYTES];
    uint32_t cache, tenant;
    if (!kt_instance(th, instance, &cache, &tenant)) {
        return KV_INVALID;
    }
    remember(th, instance, key);
    kt_make_key(key, bytes);
    kv_rc rc = kv_get(th->judge.t, cache, tenant, bytes, sizeof bytes, pin);
    if (rc == KV_NOT_FOUND) {
        kt_did_key(th, RW_D_MISS, instance, key, 0);
    } else if (rc == KV_OK && verify(&th->judge, pin, instance, key, stamp)) {
        kt_did_key(th, RW_D_HIT, instance, key, kt_value_number(pin->value_len, *stamp));
    }
    return rc;
}

KT_OP(get) {
    kv_pin pin;
    uint64_t stamp = 0;
    kv_rc rc = get(th, arg[0], arg[1], &pin, &stamp);
    if (rc == KV_OK) {
        kv_unpin(th->judge.t, &pin);
    }
    return rc;
}

KT_OP(erase) {
    unsigned char key[KT_KEY_BYTES];
    uint32_t cache, tenant;
    if (!kt_instance(th, arg[0], &cache, &tenant)) {
        return KV_INVALID;
    }
    kt_make_key(arg[1], key);
    kv_rc rc = kv_erase(th->judge.t, cache, tenant, key, sizeof key);
    if (rc == KV_OK || rc == KV_NOT_FOUND) {
        kt_did_key(th, rc == KV_OK ? RW_D_ERASE : RW_D_ABSENT, arg[0], arg[1], 0);
    }
    return rc;
}

/* ---- Pins ---- */

static void note_block(kt_judge *j, kt_hold *hold) {
    kv_handle *h = hold->pin.holder.handle;
    hold->block = at_load(&h->mem_block, acquire);
    hold->seq = at_load(&h->seq_num, acquire);
    if (KT_CHECK(j, I6, hold->block != NULL, "a protected incarnation has no block")) {
        const char *at = (const char *)hold->pin.pair, *first = (const char *)(hold->block + 1);
        KT_CHECK(j, I7, at >= first && at + hold->pin.pair->size <= first + mb_used(hold->block),
                 "a pair of %u bytes lies outside the used part of its block", hold->pin.pair->size);
    }
}

static void verify_hold(kt_judge *j, const kt_hold *hold) {
    uint64_t stamp = hold->stamp;
    kv_handle *h = hold->pin.holder.handle;
    int64_t seq = at_load(&h->seq_num, acquire);
    /* Retired it may be, once: reclaim then keeps handle and block until the release. */
    KT_CHECK(j, I6, at_load(&h->mem_block, acquire) == hold->block && (seq == hold->seq || seq == hold->seq + 1),
             "a pinned block went: incarnation %lld has become %lld", (long long)hold->seq, (long long)seq);
    (void)verify(j, &hold->pin, hold->instance, hold->key, &stamp);
    KT_CHECK(j, I6, stamp == hold->stamp, "a pinned value changed: stamp %llx has become %llx",
             (unsigned long long)hold->stamp, (unsigned long long)stamp);
}

KT_OP(get_hold) {
    if (!kt_slot_ok(arg[0])) {
        return KV_INVALID;
    }
    kt_hold *hold = &th->holds[arg[0]];
    if (hold->filled) {
        return KV_BAD_STATE;
    }
    kv_rc rc = get(th, arg[1], arg[2], &hold->pin, &hold->stamp);
    if (rc == KV_OK) {
        hold->filled = true;
        hold->instance = arg[1];
        hold->key = arg[2];
        note_block(&th->judge, hold);
    }
    return rc;
}

KT_OP(hold_verify) {
    if (!kt_slot_ok(arg[0])) {
        return KV_INVALID;
    }
    if (!th->holds[arg[0]].filled) {
        return KV_BAD_STATE;
    }
    verify_hold(&th->judge, &th->holds[arg[0]]);
    return KV_OK;
}

KT_OP(hold_share) {
    if (!kt_slot_ok(arg[0]) || !kt_slot_ok(arg[1])) {
        return KV_INVALID;
    }
    kt_hold *from = &th->holds[arg[0]], *to = &th->holds[arg[1]];
    if (!from->filled || to->filled) {
        return KV_BAD_STATE;
    }
    hp_holder second = {0};
    kv_rc rc = hp_share(&cache_of(th)->store.hp, th->judge.t, &from->pin.holder, &second);
    if (rc == KV_OK) {
        *to = *from;
        to->pin.holder = second;
    }
    return rc;
}

void kt_drop_hold(rw_thread *th, kt_hold *hold) {
    if (hold->filled) {
        verify_hold(&th->judge, hold);
        kv_unpin(th->judge.t, &hold->pin);
        hold->filled = false;
    }
}

KT_OP(hold_drop) {
    if (!kt_slot_ok(arg[0])) {
        return KV_INVALID;
    }
    if (!th->holds[arg[0]].filled) {
        return KV_BAD_STATE;
    }
    kt_drop_hold(th, &th->holds[arg[0]]);
    return KV_OK;
}
