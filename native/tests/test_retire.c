/* QClock and retire station: strictness, limits, purge, failures, and readers whose link is never reused under them. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../core/retire.h"

enum { HANDLES = 300, RING = 16, READERS = 2, WRITERS = 2, TURNS = 8000, READS = 2000, LIMIT_BIG = 1000 };

typedef struct fixture {
    kv_env env;
    la_alloc *la;
    kv_thread t;
    qclock q;
    retire_station rs;
    int fail_at;
    kv_handle h[HANDLES];
    uint64_t handed[HANDLES]; /* how often, under the station's slot lock (one slot per thread id in use) */
    uint64_t handed_total;
    kv_handle *handed_last;
    /* race */
    _Atomic(kv_handle *) shared;
    kv_handle ring[WRITERS][RING];
    uint64_t value[WRITERS][RING]; /* plain: the grace period alone orders its accesses */
    _Atomic(uint64_t) free_bits[WRITERS];
    _Atomic(int64_t) wrong, done, reads, next_id;
} fixture;

static bool fail_alloc(void *ctx, kv_label label, size_t size, const char *file, int line) {
    (void)label, (void)size, (void)file, (void)line;
    fixture *f = ctx;
    return f->fail_at > 0 && --f->fail_at == 0;
}

static void hand_out(void *arg, kv_handle *h) {
    fixture *f = arg;
    assert_null(at_load(&h->retire_link, relaxed));
    f->handed[h - f->h]++;
    f->handed_total++;
    f->handed_last = h;
}

static fixture *open_fixture(uint32_t qc_slots, uint32_t rs_slots, rs_reuse_fn fn) {
    fixture *f = aligned_alloc(64, (sizeof *f + 63) / 64 * 64);
    memset(f, 0, sizeof *f);
    f->env.ctx = f;
    f->env.fail_alloc = fail_alloc;
    assert_int_equal(la_create(prim_mem_private(), &f->env, KV_BACKING_MALLOC, &f->la), KV_OK);
    assert_int_equal(qc_init(&f->q, f->la, &f->t, qc_slots), KV_OK);
    assert_int_equal(rs_init(&f->rs, f->la, &f->t, &f->q, rs_slots, fn, f), KV_OK);
    return f;
}

static void close_fixture(fixture *f) {
    for (int twice = 0; twice < 2; twice++) {
        rs_destroy(&f->rs);
        qc_destroy(&f->q);
    }
    assert_int_equal(la_label_account(f->la, KV_L_QCLOCK).used, 0);
    assert_int_equal(la_label_account(f->la, KV_L_STATION).used, 0);
    la_destroy(f->la);
    free(f);
}

static void test_clock(void **state) {
    (void)state;
    fixture *f = open_fixture(3, 1, hand_out);
    qclock *q = &f->q;
    assert_int_equal((uintptr_t)q->slots % 64, 0);
    assert_int_equal(qc_now(q), 1);
    assert_true(qc_quiescent(q, 0));
    assert_false(qc_quiescent(q, 1)); /* not below the clock */
    uint32_t a = qc_enter(q, &f->t);
    qc_advance(q);
    assert_false(qc_quiescent(q, 1)); /* the section started at 1 */
    uint32_t b = qc_enter(q, &f->t), c = qc_enter(q, &f->t);
    assert_true(a != b && b != c && a != c);
    assert_int_equal(qc_open(q), 3);
    qc_leave(q, a);
    assert_true(qc_quiescent(q, 1));
    assert_int_equal(at_load(&q->low, relaxed), 2);
    qc_advance(q);
    assert_false(qc_quiescent(q, 2)); /* strictly: b and c started at 2 */
    qc_leave(q, b);
    assert_false(qc_quiescent(q, 2));
    qc_leave(q, c);
    qc_wait(q, 2);
    assert_true(qc_quiescent(q, 2));
    assert_false(qc_quiescent(q, 3));
    assert_int_equal(qc_open(q), 0);
    close_fixture(f);
}

static void test_limit_and_purge(void **state) {
    (void)state;
    fixture *f = open_fixture(4, 2, hand_out);
    for (int i = 0; i < 3; i++) {
        rs_retire(&f->rs, &f->t, &f->h[i], 2);
    }
    /* The third went over the limit: the (empty) retire list was handed out, these three wait for the next turn. */
    assert_int_equal(f->handed_total, 0);
    assert_int_equal(rs_size(&f->rs), 3);
    for (int i = 3; i < 6; i++) {
        rs_retire(&f->rs, &f->t, &f->h[i], 2);
    }
    for (int i = 0; i < 6; i++) {
        assert_int_equal(f->handed[i], i < 3); /* the older three, never the prepare list */
    }
    rs_retire(&f->rs, &f->t, &f->h[6], 2);
    kv_thread other = {.id = 1};
    rs_retire(&f->rs, &other, &f->h[7], 2);
    assert_int_equal(rs_size(&f->rs), 5);
    rs_purge(&f->rs);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(f->handed[i], 1);
    }
    assert_int_equal(rs_size(&f->rs), 0);
    rs_purge(&f->rs);
    assert_int_equal(f->handed_total, 8);
    close_fixture(f);
}

static void visit(void *arg, kv_handle *h) {
    (void)h;
    ++*(int *)arg;
}

static void test_try_at_63(void **state) {
    (void)state;
    fixture *f = open_fixture(4, 1, hand_out);
    for (int i = 0; i < 63; i++) {
        rs_retire(&f->rs, &f->t, &f->h[i], LIMIT_BIG);
    }
    assert_int_equal(f->rs.slots[0].retire_cnt, 63); /* nothing was open: the try turned the lists */
    uint32_t slot = qc_enter(&f->q, &f->t); /* later than the 63, and not in their way */
    for (int i = 63; i < 126; i++) {
        rs_retire(&f->rs, &f->t, &f->h[i], LIMIT_BIG);
    }
    assert_int_equal(f->handed_total, 63);
    for (int i = 126; i < 126 + 63; i++) { /* retired after the section began at a clock not above the noted one */
        rs_retire(&f->rs, &f->t, &f->h[i], LIMIT_BIG);
    }
    assert_int_equal(f->handed_total, 63); /* tried, not waited */
    assert_int_equal(f->rs.slots[0].prepare_cnt, 63);
    int seen = 0;
    rs_each(&f->rs, visit, &seen);
    assert_int_equal(seen, 126);
    qc_leave(&f->q, slot);
    rs_purge(&f->rs);
    assert_int_equal(f->handed_total, 189);
    close_fixture(f);
}

static void test_failures(void **state) {
    (void)state;
    fixture *f = open_fixture(2, 2, hand_out);
    qclock q;
    retire_station rs;
    f->fail_at = 1;
    assert_int_equal(qc_init(&q, f->la, &f->t, 2), KV_NO_MEMORY);
    qc_destroy(&q);
    f->fail_at = 1;
    assert_int_equal(rs_init(&rs, f->la, &f->t, &f->q, 2, hand_out, f), KV_NO_MEMORY);
    rs_destroy(&rs);
    close_fixture(f);
}

/* ---- Race: writers replace one shared link and retire the old one, readers stay on it for a while ---- */

static void free_ring(void *arg, kv_handle *h) {
    fixture *f = arg;
    uint64_t at = (uint64_t)(h - &f->ring[0][0]);
    f->value[at / RING][at % RING] = UINT64_MAX; /* a reader still on it would see this, or race */
    at_or(&f->free_bits[at / RING], (uint64_t)1 << at % RING, release);
}

static void *writer(void *arg) {
    fixture *f = arg;
    kv_thread t = {.id = (uint32_t)at_add(&f->next_id, 1, relaxed)};
    uint32_t w = t.id % WRITERS;
    for (int turn = 0; turn < TURNS || at_load(&f->reads, relaxed) < READS; turn++) {
        uint64_t bits = at_load(&f->free_bits[w], acquire);
        if (bits == 0) {
            at_add(&f->wrong, 1, relaxed); /* limit 3: at most 4 + 4 wait, one is shared by each writer */
            break;
        }
        int k = __builtin_ctzll(bits);
        at_and(&f->free_bits[w], ~((uint64_t)1 << k), acq_rel);
        f->value[w][k] = (uint64_t)turn;
        kv_handle *old = at_xchg(&f->shared, &f->ring[w][k], seq_cst);
        if (old != NULL) {
            kv_thread owner = {.id = (uint32_t)((old - &f->ring[0][0]) / RING)}; /* so that a ring's bits are its own */
            rs_retire(&f->rs, &owner, old, 3);
        }
    }
    at_add(&f->done, 1, release);
    return NULL;
}

static void *reader(void *arg) {
    fixture *f = arg;
    kv_thread t = {.id = (uint32_t)at_add(&f->next_id, 1, relaxed)};
    while (at_load(&f->done, acquire) < WRITERS) {
        uint32_t slot = qc_enter(&f->q, &t);
        kv_handle *h = at_load(&f->shared, seq_cst);
        if (h != NULL) {
            uint64_t at = (uint64_t)(h - &f->ring[0][0]), v = f->value[at / RING][at % RING];
            for (int i = 0; i < 20; i++) {
                if (f->value[at / RING][at % RING] != v || v == UINT64_MAX) {
                    at_add(&f->wrong, 1, relaxed);
                }
                at_load(&f->done, acquire);
            }
            at_add(&f->reads, 1, relaxed);
        }
        qc_leave(&f->q, slot);
    }
    return NULL;
}

static void test_race(void **state) {
    (void)state;
    fixture *f = open_fixture(3, WRITERS, free_ring); /* fewer slots than sections at times: some wait */
    for (int w = 0; w < WRITERS; w++) {
        at_store(&f->free_bits[w], ((uint64_t)1 << RING) - 1, relaxed);
    }
    pthread_t threads[READERS + WRITERS];
    for (int i = 0; i < READERS + WRITERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, i < WRITERS ? writer : reader, f), 0);
    }
    for (int i = 0; i < READERS + WRITERS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(at_load(&f->wrong, relaxed), 0);
    rs_purge(&f->rs);
    assert_int_equal(rs_size(&f->rs), 0);
    int in_use = 0;
    for (int w = 0; w < WRITERS; w++) {
        in_use += RING - __builtin_popcountll(at_load(&f->free_bits[w], relaxed));
    }
    assert_int_equal(in_use, 1);
    close_fixture(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clock),     cmocka_unit_test(test_limit_and_purge),
        cmocka_unit_test(test_try_at_63), cmocka_unit_test(test_failures),
        cmocka_unit_test(test_race),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
