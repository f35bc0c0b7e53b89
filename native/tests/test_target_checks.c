/* Each judgement fires: a sound core is damaged in one place, and exactly the expected invariant is found broken.
 *
 * What a test damages it repairs before the core is destroyed, so that only the judge is tried.
 */
#include "target_fixture.h"

#include "../core/la_private.h"

/* ---- Helpers ---- */

/* The handle that the first put filled: the current LRU block. */
static kv_handle *current_of(tx *x, uint32_t cache, uint32_t tenant) {
    kv_inst *inst;
    if (x->core->cfg.wash == KV_WASH_TEMPORARY) {
        return at_load(&x->st->current[KV_LRU], relaxed);
    }
    assert_int_equal(inst_find(&x->c->insts, cache, tenant, &inst), KV_OK);
    inst_put(&x->c->insts, inst);
    return at_load(&inst->current[KV_LRU], relaxed);
}

static kv_inst *inst_of(tx *x, uint32_t cache, uint32_t tenant) {
    kv_inst *inst;
    assert_int_equal(inst_find(&x->c->insts, cache, tenant, &inst), KV_OK);
    inst_put(&x->c->insts, inst);
    return inst;
}

static kv_node *node_of(tx *x, int64_t key) {
    unsigned char bytes[KT_KEY_BYTES];
    kt_make_key(key, bytes);
    uint64_t hash = map_hash(bytes, sizeof bytes);
    kv_node *node = at_load(map_head(&x->c->map, (uint32_t)(hash % x->c->map.bucket_num)), relaxed);
    while (node != NULL && node->hash != hash) {
        node = at_load(&node->next, relaxed);
    }
    assert_non_null(node);
    return node;
}

/* Instance 0 with keys 1 .. 3. */
static void open_filled(tx *x, unsigned layout) {
    tx_open(x, layout);
    for (int64_t key = 1; key <= 3; key++) {
        assert_int_equal(RUN3("put", 0, key, 100), KV_OK);
    }
    tx_clean(x, RW_INSTANT | RW_QUIESCENT);
}

static void judge(tx *x, int32_t when, const char *id) {
    assert_true(x->target->check(x->core, when) > 0);
    tx_only(x, id);
}

#define EACH_LAYOUT(x)                                                                                                 \
    (void)state;                                                                                                       \
    tx of_##x, *x = &of_##x;                                                                                           \
    for (unsigned layout = TX_BEFORE; layout <= TX_AFTER; layout += TX_AFTER)

/* ---- At any instant ---- */

static void test_i1(void **state) {
    (void)state;
    tx y, *x = &y;
    open_filled(x, TX_AFTER);
    kv_handle *h = ha_at(&x->st->handles, 2);
    h->handle_idx = 7;
    judge(x, RW_INSTANT, "I1");
    judge(x, RW_QUIESCENT, "I1");
    h->handle_idx = 2;
    tx_drop(x);
    /* A block that isn't there: ensure says so, and nobody follows it. */
    open_filled(x, TX_AFTER);
    h = at_load(&x->st->handles.blocks[0], relaxed);
    at_store(&x->st->handles.blocks[0], NULL, relaxed);
    at_store(&x->core->block_seen[0], 0, relaxed); /* or it is I2 as well */
    assert_int_equal(RUN0("traverse"), -1);
    rw_violation found[4];
    assert_true(x->target->violations(x->core, found, 4) >= 1);
    at_store(&x->st->handles.blocks[0], h, relaxed);
    tx_drop(x);
}

static void test_i2(void **state) {
    (void)state;
    tx y, *x = &y;
    open_filled(x, TX_AFTER);
    kv_handle *block = at_load(&x->st->handles.blocks[1], relaxed), *other = calloc(4, sizeof *other);
    assert_int_equal(RUN2("ensure", 0, 12), KV_OK);
    assert_int_equal(RUN0("block_pointers"), KV_OK);
    block = at_load(&x->st->handles.blocks[2], relaxed);
    at_store(&x->st->handles.blocks[2], other, relaxed);
    assert_int_equal(RUN0("block_pointers"), -1);
    tx_only(x, "I2");
    judge(x, RW_INSTANT | RW_QUIESCENT, "I2");
    at_store(&x->st->handles.blocks[2], block, relaxed);
    free(other);
    tx_drop(x);
}

static void test_i3(void **state) {
    EACH_LAYOUT(x) {
        open_filled(x, layout);
        at_store(&x->st->cur_mb_num, 2, relaxed);
        judge(x, RW_INSTANT, "I3");
        at_store(&x->st->cur_mb_num, 3, relaxed);
        tx_drop(x);
    }
}

static void test_i4(void **state) {
    EACH_LAYOUT(x) {
        open_filled(x, layout);
        kv_handle *h = pool_pop(&x->st->pool);
        assert_int_equal(pool_push(&x->st->pool, h), KV_OK);
        rs_slot *slot = &x->st->station.slots[1]; /* in the pool, and in the station */
        slot->prepare = h;
        slot->prepare_cnt = 1;
        judge(x, RW_QUIESCENT, "I4");
        slot->prepare = NULL;
        slot->prepare_cnt = 0;
        tx_drop(x);
        open_filled(x, layout);
        for (int i = 0; i < 12; i++) { /* as if another thread had them all in its slots */
            at_store(&x->core->owner[i], 9, relaxed);
        }
        assert_int_equal(RUN3("alloc_mb", KV_LRU, TX_BLOCK, 0), -1);
        tx_only(x, "I4");
        tx_drop(x);
        open_filled(x, layout);
        assert_int_equal(RUN3("alloc_mb", KV_LRU, TX_BLOCK, 0), KV_OK);
        h = x->th->mbs[0].handle;
        st_set_full(x->st, h, 0);
        assert_true(st_retire(x->st, h)); /* taken out of a thread's hands */
        assert_int_equal(RUN1("free_mb", 0), -1);
        tx_only(x, "I4");
        tx_drop(x);
    }
}

static void test_i5(void **state) {
    EACH_LAYOUT(x) {
        open_filled(x, layout);
        kv_handle *h = current_of(x, 0, 0);
        kv_mem_block *mb = at_load(&h->mem_block, relaxed);
        at_store(&h->mem_block, NULL, relaxed);
        assert_int_equal(RUN0("traverse"), -1);
        judge(x, RW_QUIESCENT, "I5");
        at_store(&h->mem_block, mb, relaxed);
        tx_drop(x);
    }
}

static void test_i6(void **state) {
    EACH_LAYOUT(x) {
        open_filled(x, layout);
        assert_int_equal(RUN3("get_hold", 0, 0, 2), KV_OK);
        char *value = x->th->holds[0].pin.pair->value;
        value[99] ^= 1; /* the pattern */
        assert_int_equal(RUN1("hold_verify", 0), -1);
        assert_int_equal(RUN2("get", 0, 2), -1);
        tx_only(x, "I6");
        value[99] ^= 1;
        assert_int_equal(RUN1("hold_drop", 0), KV_OK);
        tx_drop(x);
        /* Another value of the same key, whole, in the place of the pinned one. */
        open_filled(x, layout);
        assert_int_equal(RUN3("get_hold", 0, 0, 2), KV_OK);
        kt_make_value(x->th->holds[0].pin.pair->value, 100, kt_name(0, 2), 12345);
        assert_int_equal(RUN1("hold_verify", 0), -1);
        tx_only(x, "I6");
        tx_drop(x);
        /* The pinned incarnation's block is another one by now. */
        open_filled(x, layout);
        assert_int_equal(RUN3("get_hold", 0, 0, 2), KV_OK);
        kv_handle *h = x->th->holds[0].pin.holder.handle;
        at_add(&h->seq_num, 2, relaxed);
        assert_int_equal(RUN1("hold_verify", 0), -1);
        tx_only(x, "I6");
        at_sub(&h->seq_num, 2, relaxed);
        tx_drop(x);
        /* A block of one's own. */
        open_filled(x, layout);
        assert_int_equal(RUN3("alloc_mb", KV_LRU, TX_BLOCK, 0), KV_OK);
        assert_int_equal(RUN2("fill_mb", 0, 3), KV_OK);
        kv_mem_block *mb = at_load(&x->th->mbs[0].handle->mem_block, relaxed);
        ((char *)((kv_pair *)(void *)(mb + 1))->value)[3] ^= 1;
        assert_int_equal(RUN1("free_mb", 0), -1);
        tx_only(x, "I6");
        tx_drop(x);
    }
}

static void test_i7(void **state) {
    EACH_LAYOUT(x) {
        open_filled(x, layout);
        kv_mem_block *mb = at_load(&current_of(x, 0, 0)->mem_block, relaxed);
        uint64_t word = at_load(&mb->atomic_pos, relaxed);
        at_store(&mb->atomic_pos, word + TX_BLOCK, relaxed);
        assert_int_equal(RUN0("traverse"), -1);
        judge(x, RW_QUIESCENT, "I7");
        at_store(&mb->atomic_pos, word - (UINT64_C(1) << 32), relaxed); /* a pair that isn't counted */
        judge(x, RW_QUIESCENT, "I7");
        at_store(&mb->atomic_pos, word, relaxed);
        ((kv_pair *)(void *)(mb + 1))->size -= 8; /* its end lies inside it */
        judge(x, RW_QUIESCENT, "I7");
        ((kv_pair *)(void *)(mb + 1))->size += 8;
        tx_drop(x);
    }
}

static void test_i8(void **state) {
    EACH_LAYOUT(x) {
        open_filled(x, layout);
        kv_handle *h = current_of(x, 0, 0);
        at_store(&x->core->seq_seen[ha_index(&x->st->handles, h)], 3, relaxed); /* it was higher before */
        assert_int_equal(RUN0("traverse"), -1);
        tx_only(x, "I8");
        tx_drop(x);
        open_filled(x, layout);
        node_of(x, 2)->seq += 5; /* of an incarnation to come */
        judge(x, RW_INSTANT, "I8");
        node_of(x, 2)->seq -= 5;
        kv_pair *pair = node_of(x, 2)->pair;
        node_of(x, 2)->pair = node_of(x, 3)->pair; /* another key's */
        judge(x, RW_QUIESCENT, "I8");
        node_of(x, 2)->pair = pair;
        pair->magic++;
        assert_int_equal(RUN2("get", 0, 2), -1);
        tx_only(x, "I8");
        pair->magic--;
        tx_drop(x);
    }
}

static void test_i9(void **state) {
    EACH_LAYOUT(x) {
        open_filled(x, layout);
        la_account *a = &x->c->la->sets[0][LA_CTX_DEFAULT].accounts[KV_L_USER];
        a->used = -8;
        assert_int_equal(RUN0("read_accounts"), -1);
        judge(x, RW_INSTANT, "I9");
        a->used = a->hold = 8;
        a->count = 1; /* no room for header and tail */
        judge(x, RW_INSTANT, "I9");
        *a = (la_account){0};
        tx_drop(x);
    }
}

static void test_i10(void **state) {
    EACH_LAYOUT(x) {
        open_filled(x, layout);
        assert_int_equal(RUN0("hv_hold"), KV_OK);
        kv_node *node = node_of(x, 2), copy = *node;
        memset(node, 0xD5, sizeof *node); /* as the node allocator leaves it */
        assert_int_equal(RUN0("hv_drop"), -1);
        judge(x, RW_INSTANT | RW_QUIESCENT, "I10");
        memcpy(node, &copy, sizeof copy);
        tx_drop(x);
        open_filled(x, layout);
        node = node_of(x, 2);
        kv_inst *inst = node->inst;
        node->inst = (kv_inst *)x->c; /* one that was destroyed */
        judge(x, RW_QUIESCENT, "I10");
        node->inst = inst;
        tx_drop(x);
    }
}

typedef struct reuser {
    kv_handle *handle;
    _Atomic(bool) stop;
} reuser;

static void *reuse(void *arg) {
    reuser *r = arg;
    while (!at_load(&r->stop, relaxed)) {
        at_add(&r->handle->seq_num, 1, seq_cst); /* a new life, while a section that met the old one is open */
    }
    return NULL;
}

static void test_i11(void **state) {
    EACH_LAYOUT(x) {
        pthread_t thread;
        tx_open(x, layout);
        for (int slot = 0; slot < 3; slot++) {
            assert_int_equal(RUN3("alloc_mb", KV_LRU, TX_BLOCK, slot), KV_OK);
        }
        reuser r = {.handle = x->th->mbs[0].handle};
        assert_int_equal(pthread_create(&thread, NULL, reuse, &r), 0);
        while (RUN0("traverse") == KV_OK) { /* ends with the first section that the other thread ran in */
        }
        at_store(&r.stop, true, relaxed);
        pthread_join(thread, NULL);
        tx_only(x, "I11");
        tx_drop(x);
    }
}

static void test_i12(void **state) {
    (void)state;
    for (unsigned layout = TX_BEFORE; layout <= TX_AFTER; layout += TX_AFTER) {
        tx y, *x = &y;
        tx_open_with(x, layout, 0, &(rw_param){"bucket_num", 1}, 1);
        for (int64_t key = 1; key <= 3; key++) {
            assert_int_equal(RUN3("put", 0, key, 50), KV_OK);
        }
        kv_node *last = node_of(x, 1), *middle = node_of(x, 2);
        at_store(&last->next, node_of(x, 3), relaxed); /* the first one: new nodes come to the head */
        judge(x, RW_INSTANT, "I12");
        judge(x, RW_QUIESCENT, "I12");
        at_store(&last->next, NULL, relaxed);
        kv_node copy = *middle;
        middle->hash = last->hash;
        middle->pair = last->pair;
        judge(x, RW_INSTANT | RW_QUIESCENT, "I12");
        middle->hash = copy.hash;
        middle->pair = copy.pair;
        tx_drop(x);
    }
}

typedef struct keeper { /* a thread that keeps a lock while it is judged */
    prim_lock_t *lock;        /* or, NULL: */
    pthread_rwlock_t *table;
    pthread_barrier_t both;
} keeper;

static void *keep(void *arg) {
    keeper *k = arg;
    if (k->lock != NULL) {
        prim_lock(k->lock);
    } else {
        pthread_rwlock_rdlock(k->table);
    }
    pthread_barrier_wait(&k->both);
    pthread_barrier_wait(&k->both);
    if (k->lock != NULL) {
        prim_unlock(k->lock);
    } else {
        pthread_rwlock_unlock(k->table);
    }
    return NULL;
}

static void judge_kept(tx *x, prim_lock_t *lock, pthread_rwlock_t *table) {
    keeper k = {.lock = lock, .table = table};
    pthread_t thread;
    int64_t before = x->target->check(x->core, 0);
    pthread_barrier_init(&k.both, NULL, 2);
    assert_int_equal(pthread_create(&thread, NULL, keep, &k), 0);
    pthread_barrier_wait(&k.both);
    assert_int_equal(x->target->check(x->core, RW_QUIESCENT), before + 1);
    pthread_barrier_wait(&k.both);
    pthread_join(thread, NULL);
    pthread_barrier_destroy(&k.both);
    tx_only(x, "I13");
}

static void test_i13(void **state) {
    EACH_LAYOUT(x) {
        open_filled(x, layout);
        x->th->judge.t->no_wash = 1; /* as a bucket lock that was left behind has it */
        assert_int_equal(RUN2("get", 0, 1), -1);
        tx_only(x, "I13");
        assert_int_equal(RUN2("get", 0, 1), KV_OK); /* said once */
        tx_drop(x);
        open_filled(x, layout);
        judge_kept(x, &x->c->map.locks[2], NULL);
        judge_kept(x, &x->st->station.slots[1].lock, NULL);
        judge_kept(x, &x->st->hp.wash_lock, NULL);
        judge_kept(x, &x->st->hp.free_lock, NULL);
        judge_kept(x, &x->st->hp.bitmap_lock, NULL);
        judge_kept(x, &x->c->thread_lock, NULL);
        judge_kept(x, NULL, &x->c->insts.lock);
        tx_drop(x);
    }
}

/* ---- At quiescence ---- */

static void test_q1(void **state) {
    EACH_LAYOUT(x) {
        open_filled(x, layout);
        kv_handle *h = pool_pop(&x->st->pool), *other;
        judge(x, RW_QUIESCENT, "Q1"); /* lost */
        assert_int_equal(pool_push(&x->st->pool, h), KV_OK);
        tx_drop(x);
        open_filled(x, layout);
        h = pool_pop(&x->st->pool);
        other = pool_pop(&x->st->pool);
        assert_int_equal(pool_push(&x->st->pool, h), KV_OK);
        assert_int_equal(pool_push(&x->st->pool, h), KV_OK);
        judge(x, RW_QUIESCENT, "Q1"); /* twice in the pool, and the other lost */
        assert_ptr_equal(pool_pop(&x->st->pool), h);
        assert_int_equal(pool_push(&x->st->pool, other), KV_OK);
        tx_drop(x);
        open_filled(x, layout);
        at_add(&x->st->supplying, 1, relaxed);
        judge(x, RW_QUIESCENT, "Q1");
        at_sub(&x->st->supplying, 1, relaxed);
        tx_drop(x);
        /* Unlinked, and nowhere else. */
        open_filled(x, layout);
        assert_int_equal(RUN3("alloc_mb", KV_LRU, TX_BLOCK, 0), KV_OK);
        h = x->th->mbs[0].handle;
        dl_delete(&x->st->lists[0], &h->link);
        judge(x, RW_QUIESCENT, "Q1");
        at_store(&h->link.next, 0, relaxed);
        dl_insert_tail(&x->st->lists[0], &h->link);
        tx_drop(x);
    }
}

/* A list that runs in a circle, a retired handle that the retire list has lost. */
static void test_q1_of_lists(void **state) {
    EACH_LAYOUT(x) {
        open_filled(x, layout);
        assert_int_equal(RUN3("alloc_mb", KV_LRU, TX_BLOCK, 0), KV_OK);
        kv_link *link = &x->th->mbs[0].handle->link, *first = dl_next(&x->st->lists[0], &x->st->lists[0].head);
        uintptr_t next = at_load(&link->next, relaxed);
        at_store(&link->next, (uintptr_t)first, relaxed);
        judge(x, RW_QUIESCENT, "Q1");
        at_store(&link->next, next, relaxed);
        assert_int_equal(RUN1("free_mb", 0), KV_OK);
        kv_handle *retired = at_xchg(&x->st->hp.retired, NULL, relaxed);
        int64_t bytes = at_xchg(&x->st->hp.retired_bytes, 0, relaxed);
        assert_non_null(retired);
        judge(x, RW_QUIESCENT, "Q1");
        at_store(&x->st->hp.retired, retired, relaxed);
        at_store(&x->st->hp.retired_bytes, bytes, relaxed);
        tx_drop(x);
    }
}

static void damage_count(tx *x, unsigned layout, _Atomic(int64_t) *(*count)(tx *x), const char *id) {
    open_filled(x, layout);
    at_add(count(x), 3, relaxed);
    judge(x, RW_QUIESCENT, id);
    at_sub(count(x), 3, relaxed);
    tx_drop(x);
}

static _Atomic(int64_t) *store_size(tx *x) {
    return &x->st->store_size;
}

static _Atomic(int64_t) *lfu_blocks(tx *x) {
    return &x->st->policy_cnt[KV_LFU];
}

static _Atomic(int64_t) *owned_blocks(tx *x) {
    return &inst_of(x, 0, 0)->mb_cnt[KV_LRU];
}

static _Atomic(int64_t) *inst_bytes(tx *x) {
    return &inst_of(x, 0, 0)->store_size;
}

static _Atomic(int64_t) *inst_pairs(tx *x) {
    return &inst_of(x, 0, 0)->kv_cnt;
}

static _Atomic(int64_t) *block_pairs(tx *x) {
    return &current_of(x, 0, 0)->kv_cnt;
}

static _Atomic(int64_t) *pooled_pairs(tx *x) {
    uint64_t first = at_load(&x->st->pool.pop, relaxed);
    return &at_load(&x->st->pool.slots[first % x->st->pool.cap], relaxed)->kv_cnt;
}

static _Atomic(int64_t) *references(tx *x) {
    return &x->c->insts.slots[0].pins;
}

static _Atomic(int64_t) *node_bytes(tx *x) {
    return &inst_of(x, 0, 0)->nodes->live_bytes;
}

static _Atomic(int64_t) *waiting_in_slot(tx *x) {
    return &x->c->map.hv.slots[1].waiting_cnt;
}

static _Atomic(int64_t) *waiting_of_inst(tx *x) {
    return &inst_of(x, 0, 0)->waiting_nodes;
}

static _Atomic(int64_t) *retired_bytes(tx *x) {
    return &x->st->hp.retired_bytes;
}

static void test_counts(void **state) {
    EACH_LAYOUT(x) {
        damage_count(x, layout, store_size, "Q2");
        damage_count(x, layout, lfu_blocks, "Q2");
        damage_count(x, layout, inst_bytes, layout == TX_BEFORE ? "Q2" : "Q3");
        damage_count(x, layout, inst_pairs, "Q3");
        damage_count(x, layout, block_pairs, "Q4");
        damage_count(x, layout, pooled_pairs, "Q4");
        damage_count(x, layout, references, "Q6");
        damage_count(x, layout, node_bytes, "Q7");
        damage_count(x, layout, waiting_in_slot, "Q9");
        damage_count(x, layout, waiting_of_inst, "Q9");
        damage_count(x, layout, retired_bytes, "Q9");
    }
    damage_count(x, TX_BEFORE, owned_blocks, "Q2");
}

static void test_q5(void **state) {
    EACH_LAYOUT(x) {
        open_filled(x, layout);
        la_set *set = &x->c->la->sets[0][LA_CTX_DEFAULT];
        set->accounts[KV_L_USER].hold += 16; /* counted, but not in the heap */
        judge(x, RW_QUIESCENT, "Q5");
        set->accounts[KV_L_USER].hold -= 16;
        tx_drop(x);
        open_filled(x, layout);
        set = &x->c->la->sets[0][LA_CTX_DEFAULT];
        set->free_blocks -= LA_BLOCK;
        judge(x, RW_QUIESCENT, "Q5");
        set->free_blocks += LA_BLOCK;
        tx_drop(x);
        for (int label = 0; label < KV_LABEL_COUNT; label++) { /* an object that its label's owners don't know of */
            if (label == KV_L_WASH || label == KV_L_CACHE) {
                continue; /* Q10, Q2 */
            }
            open_filled(x, layout);
            void *lost = la_malloc(x->c->la, NULL, 0, LA_CTX_DEFAULT, (kv_label)label, 100);
            judge(x, RW_QUIESCENT, "Q5");
            la_free(x->c->la, lost);
            tx_drop(x);
        }
    }
}

static void test_q6(void **state) {
    EACH_LAYOUT(x) {
        open_filled(x, layout);
        hp_holder holder = {0};
        uint32_t slot;
        assert_int_equal(hp_protect(&x->st->hp, x->th->judge.t, current_of(x, 0, 0), &holder), KV_OK);
        judge(x, RW_QUIESCENT, "Q6");
        hp_release(&x->st->hp, x->th->judge.t, &holder);
        tx_drop(x);
        open_filled(x, layout);
        assert_int_equal(hv_acquire(&x->c->map.hv, x->th->judge.t, &slot), KV_OK);
        judge(x, RW_QUIESCENT, "Q6");
        hv_release(&x->c->map.hv, x->th->judge.t, slot);
        tx_drop(x);
        open_filled(x, layout);
        slot = qc_enter(&x->st->clock, x->th->judge.t);
        judge(x, RW_QUIESCENT, "Q6");
        qc_leave(&x->st->clock, slot);
        tx_drop(x);
    }
}

/* A dropped instance whose node stays although nobody holds a version; an allocator that keeps an empty block. */
static void test_q7(void **state) {
    EACH_LAYOUT(x) {
        open_filled(x, layout);
        assert_int_equal(RUN3("alloc_mb", KV_LRU, TX_BLOCK, 0), KV_OK); /* keeps nothing of the instance */
        assert_int_equal(RUN0("hv_hold"), KV_OK); /* nothing is freed meanwhile */
        assert_int_equal(RUN1("drop_instance", 0), KV_OK);
        hv_node *waiting = NULL;
        for (uint32_t i = 0; waiting == NULL; i++) {
            waiting = at_load(&x->c->map.hv.slots[i].waiting, relaxed);
        }
        uint64_t version = waiting->version;
        waiting->version = UINT64_MAX - 1; /* as if it had been unlinked after all versions to come */
        assert_int_equal(RUN0("hv_drop"), KV_OK);
        judge(x, RW_QUIESCENT, "Q7");
        waiting->version = version;
        tx_drop(x);
        tx_open(x, layout);
        void *block = la_malloc(x->c->la, NULL, 0, LA_CTX_DEFAULT, KV_L_MAP_NODE, TX_BLOCK);
        at_add(&x->c->map.nodes.block_cnt, 1, relaxed);
        judge(x, RW_QUIESCENT, "Q7");
        at_sub(&x->c->map.nodes.block_cnt, 1, relaxed);
        la_free(x->c->la, block);
        tx_drop(x);
    }
}

static void test_q8(void **state) {
    EACH_LAYOUT(x) {
        open_filled(x, layout);
        x->target->detach(x->th);
        void *lost = la_malloc(x->c->la, NULL, 0, LA_CTX_DEFAULT, KV_L_MAP_NODE, 100);
        assert_non_null(lost);
        x->target->close(x->core);
        tx_only(x, "Q8");
        assert_int_equal(x->target->check(x->core, RW_INSTANT | RW_QUIESCENT | RW_DESTROYED), 1);
        assert_null(x->target->attach(x->core, 0)); /* nothing is left to attach to */
        x->target->destroy(x->core);
    }
}

static void test_q9_of_the_station(void **state) {
    EACH_LAYOUT(x) {
        open_filled(x, layout);
        x->st->station.slots[0].retire_cnt++;
        judge(x, RW_QUIESCENT, "Q9");
        x->st->station.slots[0].retire_cnt--;
        tx_drop(x);
    }
}

static void test_q10(void **state) {
    EACH_LAYOUT(x) {
        open_filled(x, layout);
        void *heap = la_malloc(x->c->la, NULL, 0, LA_CTX_DEFAULT, KV_L_WASH, 100);
        judge(x, RW_QUIESCENT, "Q10");
        la_free(x->c->la, heap);
        tx_drop(x);
    }
}

/* ---- Codes, objects, the table of violations ---- */

static void test_c1(void **state) {
    (void)state;
    tx y, *x = &y;
    tx_open(x, TX_AFTER);
    kt_judge_end(&x->th->judge, tx_code(x, "get"), KV_NOT_FOUND);
    tx_clean(x, 0);
    kt_judge_end(&x->th->judge, tx_code(x, "get"), KV_EXISTS);
    kt_judge_end(&x->th->judge, tx_code(x, "purge"), KV_RC_COUNT);
    tx_only(x, "C1");
    tx_drop(x);
}

static void test_h1(void **state) {
    EACH_LAYOUT(x) {
        tx_open(x, layout);
        assert_int_equal(RUN3("la_alloc", 0, KV_L_USER, 50), KV_OK);
        ((char *)x->th->objects[0].p)[20] ^= 1;
        assert_int_equal(RUN1("la_free", 0), -1);
        tx_only(x, "H1");
        assert_int_equal(RUN2("node_alloc", 0, 50), KV_OK);
        ((char *)x->th->nodes[0].p)[49] ^= 1;
        assert_int_equal(RUN1("node_free", 0), -1);
        tx_only(x, "H1");
        int inside;
        la_free(x->c->la, (char *)&inside + 1); /* what the label allocator itself notices */
        tx_only(x, "H1");
        tx_drop(x);
    }
}

static void test_wrong_free_of_a_node(void **state) {
    (void)state;
    tx y, *x = &y;
    tx_open(x, TX_AFTER);
    assert_int_equal(RUN2("node_alloc", 0, 50), KV_OK);
    assert_int_equal(RUN2("node_alloc", 1, 50), KV_OK); /* keeps the block */
    assert_int_equal(na_free(&x->c->map.nodes, x->th->nodes[0].p), KV_OK);
    assert_int_equal(na_free(&x->c->map.nodes, x->th->nodes[0].p), KV_WRONG_OWNER);
    tx_only(x, "Q7");
    x->th->nodes[0].p = NULL;
    tx_drop(x);
}

static void test_violations_are_kept_by_place(void **state) {
    (void)state;
    tx y, *x = &y;
    rw_violation found[KT_VIOLATIONS + 1];
    tx_open(x, TX_AFTER);
    for (int i = 0; i < 3; i++) {
        kt_report(x->core, "Q1", i == 0 ? "first" : "later", "/somewhere/native/core/store.c", 7);
    }
    assert_int_equal(x->target->violations(x->core, found, 8), 1);
    assert_string_equal(found[0].text, "first");
    assert_string_equal(found[0].file, "native/core/store.c");
    assert_int_equal(found[0].line, 7);
    assert_int_equal(found[0].thread, -1);
    assert_int_equal(found[0].count, 3);
    for (int line = 100; line < 100 + 2 * KT_VIOLATIONS; line++) { /* more places than the table has */
        kt_report(x->core, "Q1", "many", "store.c", line);
    }
    assert_int_equal(x->target->violations(x->core, found, KT_VIOLATIONS + 1), KT_VIOLATIONS);
    assert_int_equal(x->target->check(x->core, 0), 3 + 2 * KT_VIOLATIONS); /* none is forgotten */
    tx_drop(x);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_i1),
        cmocka_unit_test(test_i2),
        cmocka_unit_test(test_i3),
        cmocka_unit_test(test_i4),
        cmocka_unit_test(test_i5),
        cmocka_unit_test(test_i6),
        cmocka_unit_test(test_i7),
        cmocka_unit_test(test_i8),
        cmocka_unit_test(test_i9),
        cmocka_unit_test(test_i10),
        cmocka_unit_test(test_i11),
        cmocka_unit_test(test_i12),
        cmocka_unit_test(test_i13),
        cmocka_unit_test(test_q1),
        cmocka_unit_test(test_q1_of_lists),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_q5),
        cmocka_unit_test(test_q6),
        cmocka_unit_test(test_q7),
        cmocka_unit_test(test_q8),
        cmocka_unit_test(test_q9_of_the_station),
        cmocka_unit_test(test_q10),
        cmocka_unit_test(test_c1),
        cmocka_unit_test(test_h1),
        cmocka_unit_test(test_wrong_free_of_a_node),
        cmocka_unit_test(test_violations_are_kept_by_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
