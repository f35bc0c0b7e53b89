/* The operations of seekdb_ops.h on our core. One thread: no protection is needed but where the operation says so. */
#include "model_private.h"
#include "seekdb_layout.h"

#define MD_OP(name) static kv_rc op_##name(rw_thread *th, const int64_t *arg)

static kv_store *store_of(rw_thread *th) {
    return &th->core->cache->store;
}

static bool slot_ok(int64_t slot) {
    return slot >= 0 && slot < MD_SLOTS;
}

MD_OP(supply) {
    if (arg[0] < 0) {
        return KV_INVALID;
    }
    return st_try_supply(store_of(th), th->t, (uint64_t)arg[0]) ? KV_OK : KV_NO_HANDLE;
}

/* ---- Blocks of one's own ---- */

MD_OP(alloc_mb) {
    rw_core *core = th->core;
    if (arg[0] < 0 || arg[0] >= KV_POLICY_COUNT || arg[1] < core->cache->cfg.block_size || arg[1] > SK_BLOCK_MAX ||
        !slot_ok(arg[2])) {
        return KV_INVALID;
    }
    md_mb *mb = &th->mbs[arg[2]];
    if (mb->handle != NULL) {
        return KV_BAD_STATE;
    }
    if (core->blocks >= core->blocks_max) {
        return KV_NO_MEMORY;
    }
    kv_rc rc = st_alloc_mbhandle(store_of(th), th->t, core->inst[arg[2] % MD_CACHES], (kv_policy)arg[0],
                                 (uint64_t)arg[1], &mb->handle);
    if (rc != KV_OK) {
        mb->handle = NULL;
        return rc;
    }
    mb->pairs = 0;
    core->blocks++;
    return KV_OK;
}

MD_OP(fill_mb) {
    if (!slot_ok(arg[0]) || arg[1] < 1 || arg[1] > SK_PAIRS_MAX) {
        return KV_INVALID;
    }
    md_mb *mb = &th->mbs[arg[0]];
    if (mb->handle == NULL) {
        return KV_BAD_STATE;
    }
    kv_mem_block *block = at_load(&mb->handle->mem_block, acquire);
    for (int64_t i = 0; i < arg[1]; i++, mb->pairs++) {
        if (mb_alloc(block, SK_KEY_BYTES, (uint32_t)sk_value_bytes(mb->pairs)) == NULL) {
            return KV_OVERFLOW;
        }
    }
    return KV_OK;
}

static kv_handle *take(rw_thread *th, int64_t slot) {
    kv_handle *h = th->mbs[slot].handle;
    th->mbs[slot].handle = NULL;
    th->core->blocks -= h != NULL;
    return h;
}

static kv_rc free_block(rw_thread *th, int64_t slot) {
    kv_handle *h = take(th, slot);
    if (h == NULL) {
        return KV_BAD_STATE;
    }
    st_set_full(store_of(th), h, 0);
    (void)st_retire(store_of(th), h);
    return KV_OK;
}

MD_OP(free_mb) {
    return slot_ok(arg[0]) ? free_block(th, arg[0]) : KV_INVALID;
}

MD_OP(set_full) {
    if (!slot_ok(arg[0]) || arg[1] < 0 || arg[1] > SK_SCORE_MAX) {
        return KV_INVALID;
    }
    kv_handle *h = take(th, arg[0]);
    if (h == NULL) {
        return KV_BAD_STATE;
    }
    st_set_full(store_of(th), h, (double)arg[1] / 1000.0);
    return KV_OK;
}

/* ---- Protections ---- */

static kv_handle *handle_at(rw_thread *th, int64_t index) {
    kv_store *st = store_of(th);
    uint64_t supplied = at_load(&st->cur_mb_num, acquire);
    return index >= 0 && supplied > 0 ? ha_at(&st->handles, (uint64_t)index % supplied) : NULL;
}

MD_OP(retire) {
    kv_handle *h = handle_at(th, arg[0]);
    hp_holder holder = {0};
    if (h == NULL) {
        return KV_INVALID;
    }
    kv_rc rc = hp_protect(&store_of(th)->hp, th->t, h, &holder);
    if (rc == KV_OK) {
        rc = st_retire(store_of(th), h) ? KV_OK : KV_BAD_STATE;
        hp_release(&store_of(th)->hp, th->t, &holder);
    }
    return rc;
}

MD_OP(hit) {
    kv_handle *h = handle_at(th, arg[0]);
    hp_holder holder = {0};
    if (h == NULL || arg[1] < 1 || arg[1] > SK_HITS_MAX) {
        return KV_INVALID;
    }
    kv_rc rc = hp_protect(&store_of(th)->hp, th->t, h, &holder);
    if (rc == KV_OK) {
        at_add(&h->get_cnt, arg[1], relaxed);
        at_add(&h->recent_get_cnt, arg[1], relaxed);
        hp_release(&store_of(th)->hp, th->t, &holder);
    }
    return rc;
}

static hp_holder *empty_hold(rw_thread *th, int64_t slot) {
    return th->holds[slot].handle == NULL ? &th->holds[slot] : NULL;
}

MD_OP(hold_mb) {
    kv_handle *h = handle_at(th, arg[1]);
    if (!slot_ok(arg[0]) || h == NULL) {
        return KV_INVALID;
    }
    hp_holder *holder = empty_hold(th, arg[0]);
    return holder != NULL ? hp_protect(&store_of(th)->hp, th->t, h, holder) : KV_BAD_STATE;
}

MD_OP(hold_seq) {
    kv_handle *h = handle_at(th, arg[1]);
    if (!slot_ok(arg[0]) || h == NULL || arg[2] < 0) {
        return KV_INVALID;
    }
    hp_holder *holder = empty_hold(th, arg[0]);
    int64_t seq = at_load(&h->seq_num, acquire) - arg[2];
    return holder != NULL ? hp_protect_seq(&store_of(th)->hp, th->t, h, seq, holder) : KV_BAD_STATE;
}

MD_OP(hold_verify) {
    return !slot_ok(arg[0]) ? KV_INVALID : th->holds[arg[0]].handle != NULL ? KV_OK : KV_BAD_STATE;
}

MD_OP(hold_share) {
    if (!slot_ok(arg[0]) || !slot_ok(arg[1])) {
        return KV_INVALID;
    }
    hp_holder *from = &th->holds[arg[0]], *to = &th->holds[arg[1]];
    if (from->handle == NULL || to->handle != NULL) {
        return KV_BAD_STATE;
    }
    return hp_share(&store_of(th)->hp, th->t, from, to);
}

MD_OP(hold_drop) {
    if (!slot_ok(arg[0])) {
        return KV_INVALID;
    }
    if (th->holds[arg[0]].handle == NULL) {
        return KV_BAD_STATE;
    }
    hp_release(&store_of(th)->hp, th->t, &th->holds[arg[0]]);
    return KV_OK;
}

/* ---- Reclaim, washes, visits ---- */

MD_OP(reclaim) {
    (void)arg;
    (void)st_reclaim(store_of(th), th->t);
    return KV_OK;
}

MD_OP(purge) {
    (void)arg;
    st_purge(store_of(th));
    return KV_OK;
}

MD_OP(refresh_score) {
    (void)arg;
    return wash_refresh_score(th->core->cache->wash, th->t);
}

MD_OP(wash) {
    int64_t size = 0;
    if (arg[0] < 0) {
        return KV_INVALID;
    }
    for (int i = 0; i < MD_CACHES; i++) {
        size += at_load(&th->core->inst[i]->store_size, relaxed);
    }
    size = arg[0] < size ? arg[0] : size;
    return size >= SK_WASH_MIN ? kv_wash_now(th->t, (uint64_t)size, NULL) : KV_BAD_STATE;
}

MD_OP(sync_wash) {
    return arg[0] >= 1 ? kv_sync_wash(th->t, 0, (uint64_t)arg[0]) : KV_INVALID;
}

MD_OP(flush) {
    uint32_t busy = kv_flush(th->t, 0, arg[0] != 0);
    return arg[0] != 0 && busy > 0 ? KV_BAD_STATE : KV_OK;
}

MD_OP(set_priority) {
    if (arg[0] < 0 || arg[0] >= MD_CACHES || arg[1] < 1 || arg[1] > 1000) {
        return KV_INVALID;
    }
    wash_set_priority(th->core->cache->wash, (uint32_t)arg[0], arg[1]);
    return KV_OK;
}

MD_OP(hp_wash) {
    (void)arg;
    (void)hp_wash(&store_of(th)->hp);
    return KV_OK;
}

MD_OP(traverse) {
    (void)th;
    (void)arg;
    return KV_OK; /* a visit: it judges, and changes nothing */
}

MD_OP(mb_info) {
    kv_mb_info info;
    (void)arg;
    return st_mb_info(store_of(th), th->t, &info);
}

MD_OP(check_now) {
    (void)th;
    (void)arg;
    return KV_OK;
}

/* ---- The table ---- */

int64_t md_run(rw_thread *th, const rw_op *op) {
#define CALL(name, codes, ...) op_##name,
    static kv_rc (*const calls[])(rw_thread *, const int64_t *) = {SK_OPS(CALL)};
#undef CALL
    return op->code >= 0 && op->code < SK_OP_CNT ? calls[op->code](th, op->arg) : KV_INVALID;
}

void md_detach(rw_thread *th) {
    for (int i = 0; i < MD_SLOTS; i++) {
        hp_release(&store_of(th)->hp, th->t, &th->holds[i]);
        (void)free_block(th, i);
    }
    kv_thread_detach(th->t);
    prim_object_free(th);
}
