/* Each judgement that is made at any instant fires, and nothing else does. */
#include "target_damage.h"

#include "../core/la_private.h"

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
        /* What was meant for another life of a handle lands in a block of one's own. */
        tx_open(x, layout);
        assert_int_equal(RUN3("alloc_mb", KV_LRU, TX_BLOCK, 0), KV_OK);
        at_store(&x->th->mbs[0].handle->score, bits_of_double(0.5), relaxed);
        assert_int_equal(RUN1("free_mb", 0), -1);
        tx_only(x, "I8");
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

/* ---- Codes and objects ---- */

static void test_c1(void **state) {
    (void)state;
    tx y, *x = &y;
    tx_open(x, TX_AFTER);
    kt_judge_end(&x->th->judge, tx_code(x, "get"), KV_NOT_FOUND, false);
    tx_clean(x, 0);
    kt_judge_end(&x->th->judge, tx_code(x, "get"), KV_EXISTS, false);
    kt_judge_end(&x->th->judge, tx_code(x, "purge"), KV_RC_COUNT, false);
    tx_only(x, "C1");
    tx_drop(x);
}

static void test_c2(void **state) {
    (void)state;
    tx y, *x = &y;
    tx_open(x, TX_AFTER);
    assert_int_equal(RUN2("get", 0, 1), KV_NOT_FOUND); /* only what must be so is judged */
    assert_int_equal(RUN0("must"), KV_OK);
    assert_int_equal(RUN0("purge"), KV_OK);
    assert_int_equal(RUN2("get", 0, 1), KV_NOT_FOUND); /* and only the next one */
    int64_t supplied = (int64_t)at_load(&x->st->cur_mb_num, acquire);
    assert_int_equal(RUN3("figure", 0, supplied, supplied), KV_OK);
    assert_int_equal(RUN3("figure", 1, 0, 0), KV_OK);
    assert_int_equal(RUN3("figure", 2, 0, 0), KV_INVALID);
    tx_clean(x, 0);
    assert_int_equal(RUN0("must"), KV_OK);
    assert_int_equal(RUN2("get", 0, 1), -1);
    tx_only(x, "C2");
    assert_int_equal(RUN3("figure", 0, supplied + 1, supplied + 1), -1);
    assert_int_equal(RUN3("figure", 1, 1, 9), -1);
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_i1),  cmocka_unit_test(test_i2),  cmocka_unit_test(test_i3),  cmocka_unit_test(test_i4),
        cmocka_unit_test(test_i5),  cmocka_unit_test(test_i6),  cmocka_unit_test(test_i7),  cmocka_unit_test(test_i8),
        cmocka_unit_test(test_i9),  cmocka_unit_test(test_i10), cmocka_unit_test(test_i11), cmocka_unit_test(test_i12),
        cmocka_unit_test(test_i13), cmocka_unit_test(test_c1),  cmocka_unit_test(test_c2),  cmocka_unit_test(test_h1),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
