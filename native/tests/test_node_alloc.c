/* Node allocator: blocks open, close and go; fragments; misuse; failures; threads that free each other's items. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../core/node_alloc.h"

enum { BLOCK = 1024, HEADER = 32, ITEM = 96, COST = ITEM + NA_ITEM_HEADER, PER_BLOCK = (BLOCK - HEADER) / COST };

typedef struct fixture {
    kv_env env;
    la_alloc *la;
    node_alloc na;
    kv_thread t;
    bool fail;
    int reports;
    char id[8];
} fixture;

static bool fail_alloc(void *ctx, kv_label label, size_t size, const char *file, int line) {
    (void)label, (void)size, (void)file, (void)line;
    return ((fixture *)ctx)->fail;
}

static void note_report(void *ctx, const char *id, const char *what, const char *file, int line) {
    (void)what, (void)file, (void)line;
    fixture *f = ctx;
    f->reports++;
    strncpy(f->id, id, sizeof f->id - 1);
}

static void open_fixture(fixture *f) {
    memset(f, 0, sizeof *f);
    f->env.ctx = f;
    f->env.fail_alloc = fail_alloc;
    f->env.report = note_report;
    assert_int_equal(la_create(prim_mem_private(), &f->env, KV_BACKING_MALLOC, &f->la), KV_OK);
    assert_int_equal(na_init(&f->na, f->la, &f->env, 0, BLOCK), KV_OK);
}

static int64_t blocks_in_label(fixture *f) {
    return la_label_account(f->la, KV_L_MAP_NODE).count;
}

static void close_fixture(fixture *f) {
    na_destroy(&f->na);
    assert_int_equal(at_load(&f->na.live_bytes, relaxed), 0);
    assert_int_equal(at_load(&f->na.block_cnt, relaxed), 0);
    assert_int_equal(blocks_in_label(f), 0);
    la_destroy(f->la);
}

static void test_empty_open_block_goes_at_once(void **state) {
    (void)state;
    fixture f;
    open_fixture(&f);
    assert_int_equal(blocks_in_label(&f), 0); /* nothing before the first item */
    for (int i = 0; i < 3; i++) {
        void *p = na_alloc(&f.na, &f.t, ITEM);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        memset(p, 0xFF, ITEM);
        assert_int_equal(f.na.live_bytes, COST);
        assert_int_equal(blocks_in_label(&f), 1);
        assert_int_equal(na_free(&f.na, p), KV_OK);
        assert_int_equal(blocks_in_label(&f), 0);
        assert_int_equal(f.na.arena_refs[0] + f.na.arena_refs[1], 0);
    }
    close_fixture(&f);
}

static void test_blocks_close_when_full(void **state) {
    (void)state;
    fixture f;
    void *p[3 * PER_BLOCK];
    open_fixture(&f);
    for (int i = 0; i < 3 * PER_BLOCK; i++) {
        p[i] = na_alloc(&f.na, &f.t, ITEM);
        memset(p[i], i, ITEM);
        assert_int_equal(f.na.block_cnt, i / PER_BLOCK + 1);
    }
    for (int i = 0; i < 3 * PER_BLOCK; i++) {
        for (int k = 0; k < ITEM; k++) {
            assert_int_equal(((unsigned char *)p[i])[k], (unsigned char)i); /* items don't overlap */
        }
    }
    for (int i = 0; i < PER_BLOCK; i++) { /* a closed block goes with its last item */
        assert_int_equal(f.na.block_cnt, 3);
        assert_int_equal(na_free(&f.na, p[i]), KV_OK);
    }
    assert_int_equal(f.na.block_cnt, 2);
    for (int i = PER_BLOCK; i < 3 * PER_BLOCK; i++) {
        assert_int_equal(na_free(&f.na, p[i]), KV_OK);
    }
    assert_int_equal(f.na.block_cnt, 0); /* the open one too */
    close_fixture(&f);
}

static void test_fragments(void **state) {
    (void)state;
    fixture f;
    void *p[PER_BLOCK + 1];
    open_fixture(&f);
    for (int i = 0; i < PER_BLOCK; i++) {
        p[i] = na_alloc(&f.na, &f.t, ITEM);
        assert_false(na_fragmented(p[i])); /* open, hardly used: not a fragment */
    }
    assert_int_equal(na_free(&f.na, p[0]), KV_OK);
    assert_false(na_fragmented(p[1]));
    p[PER_BLOCK] = na_alloc(&f.na, &f.t, ITEM); /* does not fit: closes the first block */
    assert_false(na_fragmented(p[PER_BLOCK]));
    int live = PER_BLOCK - 1;
    for (int i = 1; i < PER_BLOCK; i++) {
        assert_int_equal(na_fragmented(p[PER_BLOCK - 1]), live * COST * 100 < BLOCK * 80);
        if (i < PER_BLOCK - 1) {
            na_free(&f.na, p[i]);
            live--;
        }
    }
    assert_true(na_fragmented(p[PER_BLOCK - 1]));
    na_free(&f.na, p[PER_BLOCK - 1]);
    na_free(&f.na, p[PER_BLOCK]);
    close_fixture(&f);
}

static void test_large_items(void **state) {
    (void)state;
    fixture f;
    open_fixture(&f);
    void *small = na_alloc(&f.na, &f.t, ITEM);
    void *fits = na_alloc(&f.na, &f.t, BLOCK - HEADER - NA_ITEM_HEADER); /* a whole block's payload */
    void *large = na_alloc(&f.na, &f.t, 3 * BLOCK);
    assert_non_null(large);
    memset(large, 1, 3 * BLOCK);
    assert_false(na_fragmented(large));
    assert_int_equal(f.na.block_cnt, 3);
    na_free(&f.na, large);
    assert_int_equal(f.na.block_cnt, 2);
    na_free(&f.na, fits);
    na_free(&f.na, small);
    close_fixture(&f);
}

static void test_wrong_owner(void **state) {
    (void)state;
    fixture f;
    node_alloc other;
    open_fixture(&f);
    assert_int_equal(na_init(&other, f.la, &f.env, 0, BLOCK), KV_OK);
    void *p = na_alloc(&f.na, &f.t, ITEM), *q = na_alloc(&f.na, &f.t, ITEM);
    assert_int_equal(na_free(&other, p), KV_WRONG_OWNER);
    assert_int_equal(f.reports, 1);
    assert_string_equal(f.id, "Q7");
    assert_int_equal(f.na.live_bytes, 2 * COST); /* kept */
    assert_int_equal(na_free(&f.na, p), KV_OK);
    assert_int_equal(na_free(&f.na, p), KV_WRONG_OWNER); /* twice: its block still lives through q */
    assert_int_equal(f.reports, 2);
    na_free(&f.na, q);
    na_destroy(&other);
    close_fixture(&f);
}

static void test_no_memory(void **state) {
    (void)state;
    fixture f;
    open_fixture(&f);
    f.fail = true;
    assert_null(na_alloc(&f.na, &f.t, ITEM));
    assert_null(na_alloc(&f.na, &f.t, 2 * BLOCK));
    f.fail = false;
    void *p = na_alloc(&f.na, &f.t, ITEM);
    f.fail = true;
    void *q = na_alloc(&f.na, &f.t, ITEM); /* the open block still serves */
    assert_non_null(q);
    assert_null(na_alloc(&f.na, &f.t, BLOCK - HEADER - NA_ITEM_HEADER)); /* closes it and finds no other */
    assert_int_equal(f.na.block_cnt, 1);
    na_free(&f.na, p);
    na_free(&f.na, q);
    assert_int_equal(f.na.block_cnt, 0);
    close_fixture(&f);
}

static void test_too_small_block(void **state) {
    (void)state;
    fixture f;
    open_fixture(&f);
    node_alloc tiny;
    assert_int_equal(na_init(&tiny, f.la, &f.env, 0, HEADER), KV_INVALID);
    close_fixture(&f);
}

/* ---- Threads that free each other's items ---- */

enum { THREADS = 4, ROUNDS = 60000, BOXES = 16 };

typedef struct race {
    fixture f;
    _Atomic(uint64_t *) boxes[BOXES];
    _Atomic(int64_t) bad;
    _Atomic(uint32_t) ids;
} race;

static void check_and_free(race *r, uint64_t *p) {
    uint64_t words = p[0] >> 32;
    for (uint64_t i = 1; i < words; i++) {
        if (p[i] != p[0] + i) {
            at_add(&r->bad, 1, relaxed);
        }
    }
    if (na_free(&r->f.na, p) != KV_OK) {
        at_add(&r->bad, 1, relaxed);
    }
}

static void *race_main(void *arg) {
    race *r = arg;
    kv_thread t = {.id = at_add(&r->ids, 1, relaxed)};
    uint64_t rnd = 88172645463325252u + t.id;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        rnd ^= rnd << 13, rnd ^= rnd >> 7, rnd ^= rnd << 17;
        uint64_t words = rnd % 64 == 0 ? 200 : 4 + rnd % 20; /* now and then a block of its own */
        uint64_t *p = na_alloc(&r->f.na, &t, words * 8);
        p[0] = words << 32 | (uint32_t)rnd;
        for (uint64_t k = 1; k < words; k++) {
            p[k] = p[0] + k;
        }
        (void)na_fragmented(p);
        /* Few boxes: the allocator is often empty, so that closing an empty open block races with taking from it. */
        uint64_t *old = at_xchg(&r->boxes[(rnd >> 20) % (i % 512 < 256 ? 1 : BOXES)], p, acq_rel);
        if (old != NULL) {
            check_and_free(r, old);
        }
        if (i % 512 == 0) {
            for (int b = 0; b < BOXES; b++) {
                if ((old = at_xchg(&r->boxes[b], NULL, acq_rel)) != NULL) {
                    check_and_free(r, old);
                }
            }
        }
    }
    return NULL;
}

static void test_race(void **state) {
    (void)state;
    static race r;
    pthread_t th[THREADS];
    memset(&r, 0, sizeof r);
    open_fixture(&r.f);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&th[i], NULL, race_main, &r), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(th[i], NULL);
    }
    for (int b = 0; b < BOXES; b++) {
        if (r.boxes[b] != NULL) {
            check_and_free(&r, r.boxes[b]);
        }
    }
    assert_int_equal(r.bad, 0);
    assert_int_equal(r.f.reports, 0);
    assert_int_equal(r.f.na.arena_refs[0], 0);
    assert_int_equal(r.f.na.arena_refs[1], 0);
    assert_int_equal(r.f.na.block_cnt, 0); /* even before destroy: the last item closed the open block */
    close_fixture(&r.f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty_open_block_goes_at_once),
        cmocka_unit_test(test_blocks_close_when_full),
        cmocka_unit_test(test_fragments),
        cmocka_unit_test(test_large_items),
        cmocka_unit_test(test_wrong_owner),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_too_small_block),
        cmocka_unit_test(test_race),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
