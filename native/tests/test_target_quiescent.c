/* Each judgement of a core at rest, or destroyed, fires, and nothing else does. */
#include "target_damage.h"

#include "../core/la_private.h"

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

/* ---- The table of violations ---- */

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
        cmocka_unit_test(test_q1),
        cmocka_unit_test(test_q1_of_lists),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_q5),
        cmocka_unit_test(test_q6),
        cmocka_unit_test(test_q7),
        cmocka_unit_test(test_q8),
        cmocka_unit_test(test_q9_of_the_station),
        cmocka_unit_test(test_q10),
        cmocka_unit_test(test_wrong_free_of_a_node),
        cmocka_unit_test(test_violations_are_kept_by_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
