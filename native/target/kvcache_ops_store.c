/* Operations on the store: supply, visits, blocks of a thread's own. */
#include "kvcache_private.h"

enum {
    KT_BLOCK_MIN = 64,
    KT_BLOCK_MAX = 1 << 30,
    KT_OWN = -1,      /* stands for the instance in a program's own pairs */
    KT_PATIENCE_US = 500 * 1000, /* half of what the core waits for a supplier */
    KT_OWN_BYTES = 16 /* of their values at least: room for a whole stamp */
};

static kv_store *store_of_judge(kt_judge *j) {
    return &j->core->cache->store;
}

static kv_store *store_of(rw_thread *th) {
    return store_of_judge(&th->judge);
}

/* ---- Supply ---- */

KT_OP(supply) {
    kt_judge *j = &th->judge;
    kv_store *st = store_of(th);
    if (arg[0] < 1) {
        return KV_INVALID;
    }
    if (!st_try_supply(st, j->t, (uint64_t)arg[0])) {
        bool all = at_load(&st->cur_mb_num, acquire) >= st->max_handles;
        KT_CHECK(j, L1, all || la_refused(st->la) != 0, "a supply failed with memory to be had and handles left");
        return all ? KV_NO_HANDLE : KV_NO_MEMORY;
    }
    kt_did_count(th, (int64_t)kt_check_supplied(&th->judge));
    return KV_OK;
}

/* A block made for [start, end) must be there, whole, when it returns. */
KT_OP(ensure) {
    kt_judge *j = &th->judge;
    handle_array *ha = &store_of(th)->handles;
    if (arg[0] < 0 || arg[1] < 0 || (arg[0] < arg[1] && arg[1] > ha->max)) {
        return KV_INVALID;
    }
    if (!ha_ensure_blocks(ha, j->t, (uint64_t)arg[0], (uint64_t)arg[1])) {
        return KV_NO_MEMORY;
    }
    for (int64_t i = arg[0]; i < arg[1]; i++) {
        kv_handle *h = ha_at(ha, (uint64_t)i);
        if (!KT_CHECK(j, I1, h != NULL && ha_index(ha, h) == (uint64_t)i, "ensure of [%lld, %lld) left handle %lld %s",
                      (long long)arg[0], (long long)arg[1], (long long)i,
                      h == NULL ? "without a block" : "with another's index")) {
            break;
        }
    }
    return KV_OK;
}

KT_OP(block_pointers) {
    (void)arg;
    kt_check_pointers(&th->judge);
    return KV_OK;
}

KT_OP(traverse) {
    (void)arg;
    kt_did_count(th, (int64_t)kt_check_supplied(&th->judge));
    return kt_check_handles(&th->judge);
}

KT_OP(check_now) {
    (void)arg;
    kt_check_instant(&th->judge);
    return KV_OK;
}

KT_OP(mb_info) {
    kt_judge *j = &th->judge;
    kv_mb_info info;
    (void)arg;
    kv_rc rc = st_mb_info(store_of(th), j->t, &info);
    if (rc == KV_OK) {
        KT_CHECK(j, I3, info.supplied <= (int64_t)store_of(th)->max_handles, "%lld handles supplied of %llu",
                 (long long)info.supplied, (unsigned long long)store_of(th)->max_handles);
        KT_CHECK(j, I5, info.hold >= (info.using_ + info.full) * (int64_t)sizeof(kv_mem_block),
                 "%lld blocks in use hold %lld bytes", (long long)(info.using_ + info.full), (long long)info.hold);
        kt_did_count(th, info.supplied);
    }
    return rc;
}

/* ---- Blocks of one's own ---- */

/* Until more handles were asked for than there are, each allocation gets one: those that a supplier still pushes are
 * waited for (W2). Not judged when memory was short, or when a supplier may have been taken for dead. */
static void judge_want(kt_judge *j, uint64_t us) {
    kv_store *st = store_of_judge(j);
    uint64_t wanted = at_load(&j->core->wanted, relaxed); /* now: others may have taken all since this one began */
    KT_CHECK(j, L1, wanted > st->max_handles || us >= KT_PATIENCE_US || la_refused(st->la) != 0,
             "no handle was found, but only %llu of %llu were ever asked for", (unsigned long long)wanted,
             (unsigned long long)st->max_handles);
}

/* The same handle in two threads' hands shows here, before it does harm. */
static void enter_owner(rw_thread *th, kt_mb *mb) {
    kt_judge *j = &th->judge;
    uint64_t idx = ha_index(&store_of(th)->handles, mb->handle);
    int32_t nobody = 0;
    mb->owned = at_cas(&j->core->owner[idx], &nobody, j->tid + 2, relaxed, relaxed);
    kt_look_at_seq(j, mb->handle, idx);
    KT_CHECK(j, I4, mb->owned, "handle %llu was handed out while thread %d has it", (unsigned long long)idx,
             nobody - 2);
    kt_did_handle(th, RW_D_TAKE, idx);
}

KT_OP(alloc_mb) {
    kt_judge *j = &th->judge;
    if (arg[0] < 0 || arg[0] >= KV_POLICY_COUNT || arg[1] < KT_BLOCK_MIN || arg[1] > KT_BLOCK_MAX ||
        !kt_slot_ok(arg[2])) {
        return KV_INVALID;
    }
    kt_mb *mb = &th->mbs[arg[2]];
    if (mb->handle != NULL) {
        return KV_BAD_STATE;
    }
    kv_handle *h;
    uint64_t began = kv_now_us(&j->core->env);
    at_add(&j->core->wanted, 1, relaxed);
    /* Of no instance, in either layout: before, such a block is the server's own. */
    kv_rc rc = st_alloc_mbhandle(store_of(th), j->t, NULL, (kv_policy)arg[0], (uint64_t)arg[1], &h);
    if (rc == KV_NO_HANDLE) {
        judge_want(j, kv_now_us(&j->core->env) - began);
    }
    if (rc != KV_OK) {
        return rc;
    }
    *mb = (kt_mb){.handle = h, .first_stamp = th->stamp + 1, .seq = at_load(&h->seq_num, acquire)};
    enter_owner(th, mb);
    KT_CHECK(j, I5, at_load(&h->mem_block, acquire) != NULL, "a block was handed out without memory");
    return KV_OK;
}

KT_OP(fill_mb) {
    if (!kt_slot_ok(arg[0]) || arg[1] < 1) {
        return KV_INVALID;
    }
    kt_mb *mb = &th->mbs[arg[0]];
    kv_mem_block *block = mb->handle != NULL ? at_load(&mb->handle->mem_block, acquire) : NULL;
    if (block == NULL) {
        return KV_BAD_STATE;
    }
    for (int64_t i = 0; i < arg[1]; i++) {
        uint64_t stamp = mb->first_stamp + mb->pairs;
        uint32_t bytes = KT_OWN_BYTES + (uint32_t)(stamp % 57);
        kv_pair *pair = mb_alloc(block, KT_KEY_BYTES, bytes);
        if (pair == NULL) {
            return KV_OVERFLOW;
        }
        mb->pairs++;
        th->stamp = th->stamp < stamp ? stamp : th->stamp;
        kt_make_key((int64_t)stamp, pair->key);
        kt_make_value(pair->value, bytes, kt_name(KT_OWN, (int64_t)stamp), stamp);
    }
    return KV_OK;
}

/* Pair i of a block that only this thread has filled. */
static bool pair_whole(const kt_mb *mb, uint32_t i, const kv_pair *pair) {
    unsigned char key[KT_KEY_BYTES];
    uint64_t stamp = mb->first_stamp + i, met = 0;
    uint32_t bytes = KT_OWN_BYTES + (uint32_t)(stamp % 57);
    kt_make_key((int64_t)stamp, key);
    return pair->magic == KV_PAIR_MAGIC && pair->size == mb_pair_bytes(KT_KEY_BYTES, bytes) &&
           memcmp(pair->key, key, sizeof key) == 0 &&
           kt_value_is(pair->value, bytes, kt_name(KT_OWN, (int64_t)stamp), &met) && met == stamp;
}

/* No pair of such a block was ever in the map, so whatever is counted or scored there was meant for another
 * incarnation of the handle (W17). */
static void verify_untouched(kt_judge *j, const kt_mb *mb) {
    const kv_handle *h = mb->handle;
    int64_t seq = at_load(&h->seq_num, acquire);
    /* Retired under the thread's hands it is I4's; in use as another incarnation it is ours. */
    KT_CHECK(j, I8, seq == mb->seq || at_load(&h->status, acquire) == KV_FREE,
             "a block in a thread's hands was incarnation %lld and is %lld", (long long)mb->seq, (long long)seq);
    double score = double_of_bits(at_load(&h->score, relaxed));
    int64_t pairs = at_load(&h->kv_cnt, relaxed), gets = at_load(&h->get_cnt, relaxed);
    KT_CHECK(j, I8, score == 0 && pairs == 0 && gets == 0 && at_load(&h->recent_get_cnt, relaxed) == 0,
             "a block in a thread's hands has score %g, %lld pairs, %lld gets of another incarnation", score,
             (long long)pairs, (long long)gets);
}

static void verify_mb(rw_thread *th, const kt_mb *mb) {
    kt_judge *j = &th->judge;
    const kv_mem_block *block = at_load(&mb->handle->mem_block, acquire);
    if (!KT_CHECK(j, I5, block != NULL, "a USING block lost its memory")) {
        return;
    }
    verify_untouched(j, mb);
    uint64_t at = 0;
    for (uint32_t i = 0; i < mb->pairs; i++) {
        const kv_pair *pair = (const kv_pair *)(const void *)((const char *)(block + 1) + at);
        if (!KT_CHECK(j, I6, pair_whole(mb, i, pair), "pair %u of %u of a block of one's own changed", i, mb->pairs)) {
            return;
        }
        at += pair->size;
    }
    KT_CHECK(j, I7, at == mb_used(block) && mb->pairs == mb_pairs(block) && at <= block->payload,
             "a block of %llu bytes was filled with %u pairs, %llu bytes, but says %llu pairs, %llu bytes",
             (unsigned long long)block->payload, mb->pairs, (unsigned long long)at, (unsigned long long)mb_pairs(block),
             (unsigned long long)mb_used(block));
}

/* Closed and retired under a protection taken while it was USING: once FULL a wash may retire it before us, and what
 * we then retire must still be this incarnation. */
kv_rc kt_free_mb(rw_thread *th, kt_mb *mb) {
    kt_judge *j = &th->judge;
    kv_store *st = store_of(th);
    kv_handle *h = mb->handle;
    hp_holder holder = {0};
    if (h == NULL) {
        return KV_BAD_STATE;
    }
    verify_mb(th, mb);
    kt_did_handle(th, RW_D_GIVE, ha_index(&st->handles, h));
    if (mb->owned) {
        at_store(&j->core->owner[ha_index(&st->handles, h)], 0, relaxed);
    }
    *mb = (kt_mb){0};
    kv_rc rc = hp_protect(&st->hp, j->t, h, &holder);
    if (!KT_CHECK(j, I4, rc != KV_GONE, "a USING block in a thread's hands was retired")) {
        return KV_OK;
    }
    st_set_full(st, h, 0);
    if (rc == KV_OK) {
        (void)st_retire(st, h);
        kt_look_at_seq(j, h, ha_index(&st->handles, h));
        hp_release(&st->hp, j->t, &holder);
    }
    return rc; /* without a hazard pointer it is FULL, of score 0: the next wash takes it */
}

KT_OP(free_mb) {
    return kt_slot_ok(arg[0]) ? kt_free_mb(th, &th->mbs[arg[0]]) : KV_INVALID;
}
