/* Hazard versions: what protects, what frees, failures, and readers racing with deleters. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../core/hazard_version.h"

enum { ALIVE = 0x600D, DEAD = 0xDEAD };

typedef struct item {
    hv_node hv;
    uint32_t state;
    uint64_t value; /* plain: a read after the free is a race */
} item;

typedef struct fixture {
    kv_env env;
    la_alloc *la;
    hv_station s;
    kv_thread t;
    bool fail;
    _Atomic(int64_t) freed;
} fixture;

static bool fail_alloc(void *ctx, kv_label label, size_t size, const char *file, int line) {
    (void)label, (void)size, (void)file, (void)line;
    return ((fixture *)ctx)->fail;
}

static void free_item(void *arg, kv_thread *t, hv_node *node) {
    (void)t;
    item *it = (item *)node;
    if (it->state != ALIVE) {
        abort(); /* freed twice */
    }
    it->state = DEAD;
    it->value = 0;
    at_add(&((fixture *)arg)->freed, 1, relaxed);
    free(it);
}

static item *new_item(uint64_t value) {
    item *it = calloc(1, sizeof *it);
    it->state = ALIVE;
    it->value = value;
    return it;
}

static void open_fixture(fixture *f, uint32_t slots, uint32_t threshold) {
    memset(f, 0, sizeof *f);
    f->env.ctx = f;
    f->env.fail_alloc = fail_alloc;
    assert_int_equal(la_create(prim_mem_private(), &f->env, KV_BACKING_MALLOC, &f->la), KV_OK);
    assert_int_equal(hv_init(&f->s, f->la, &f->t, slots, threshold, free_item, f), KV_OK);
}

static void close_fixture(fixture *f) {
    hv_destroy(&f->s, &f->t);
    assert_int_equal(la_label_account(f->la, KV_L_HAZ_VERSION).count, 0);
    la_destroy(f->la);
}

static void delete_one(fixture *f, uint32_t slot) {
    hv_delete_node(&f->s, slot, &new_item(1)->hv);
}

static void test_init_failure(void **state) {
    (void)state;
    fixture f;
    open_fixture(&f, 4, 8);
    hv_station other;
    f.fail = true;
    assert_int_equal(hv_init(&other, f.la, &f.t, 4, 8, free_item, &f), KV_NO_MEMORY);
    hv_destroy(&other, &f.t); /* safe after the failure */
    f.fail = false;
    assert_int_equal(la_label_account(f.la, KV_L_HAZ_VERSION).count, 1);
    close_fixture(&f);
}

static void test_slots_run_out(void **state) {
    (void)state;
    fixture f;
    uint32_t a, b, c;
    open_fixture(&f, 2, 8);
    assert_int_equal(hv_acquire(&f.s, &f.t, &a), KV_OK);
    assert_int_equal(hv_acquire(&f.s, &f.t, &b), KV_OK);
    assert_int_not_equal(a, b);
    assert_int_equal(hv_held(&f.s), 2);
    assert_int_equal(hv_acquire(&f.s, &f.t, &c), KV_NO_SLOT);
    hv_release(&f.s, &f.t, a);
    assert_int_equal(hv_acquire(&f.s, &f.t, &c), KV_OK);
    assert_int_equal(c, a);
    hv_release(&f.s, &f.t, b);
    hv_release(&f.s, &f.t, c);
    assert_int_equal(hv_held(&f.s), 0);
    close_fixture(&f);
}

static void test_older_reader_keeps(void **state) {
    (void)state;
    fixture f;
    uint32_t reader, deleter;
    open_fixture(&f, 4, 100);
    assert_int_equal(hv_acquire(&f.s, &f.t, &reader), KV_OK);
    assert_int_equal(hv_acquire(&f.s, &f.t, &deleter), KV_OK);
    delete_one(&f, deleter);
    hv_release(&f.s, &f.t, deleter);
    hv_retire_all(&f.s, &f.t);
    assert_int_equal(f.freed, 0);
    assert_int_equal(hv_waiting(&f.s), 1);
    assert_int_equal(hv_waiting_listed(&f.s), 1);
    hv_release(&f.s, &f.t, reader);
    hv_retire_all(&f.s, &f.t);
    assert_int_equal(f.freed, 1);
    assert_int_equal(hv_waiting(&f.s), 0);
    assert_int_equal(hv_waiting_listed(&f.s), 0);
    close_fixture(&f);
}

static void test_newer_reader_keeps_nothing_older(void **state) {
    (void)state;
    fixture f;
    uint32_t reader, deleter;
    open_fixture(&f, 4, 100);
    assert_int_equal(hv_acquire(&f.s, &f.t, &deleter), KV_OK);
    delete_one(&f, deleter);
    assert_int_equal(hv_acquire(&f.s, &f.t, &reader), KV_OK); /* started after the first deletion */
    delete_one(&f, deleter); /* the reader's own version: must stay */
    hv_release(&f.s, &f.t, deleter);
    uint64_t min = hv_min_version(&f.s);
    hv_retire_all(&f.s, &f.t);
    assert_int_equal(f.freed, 1);
    assert_int_equal(hv_waiting(&f.s), 1);
    hv_release(&f.s, &f.t, reader);
    assert_true(hv_min_version(&f.s) > min);
    hv_retire_all(&f.s, &f.t);
    assert_int_equal(f.freed, 2);
    assert_int_equal(hv_min_version(&f.s), at_load(&f.s.version, relaxed)); /* nobody holds: the global version */
    close_fixture(&f);
}

static void test_release_retires_at_threshold(void **state) {
    (void)state;
    fixture f;
    uint32_t slot;
    open_fixture(&f, 4, 3);
    for (int n = 1; n <= 3; n++) {
        assert_int_equal(hv_acquire(&f.s, &f.t, &slot), KV_OK);
        delete_one(&f, slot);
        hv_release(&f.s, &f.t, slot);
        assert_int_equal(f.freed, n < 3 ? 0 : 3);
    }
    close_fixture(&f);
}

static void test_destroy_frees_all(void **state) {
    (void)state;
    fixture f;
    uint32_t slot;
    open_fixture(&f, 1, 100);
    assert_int_equal(hv_acquire(&f.s, &f.t, &slot), KV_OK);
    delete_one(&f, slot);
    delete_one(&f, slot);
    close_fixture(&f); /* W15: the table is full */
    assert_int_equal(f.freed, 2);
}

/* ---- Readers and deleters ---- */

enum { CELLS = 4, READERS = 2, WRITERS = 2, ROUNDS = 100000 };

typedef struct race {
    fixture f;
    _Atomic(item *) cells[CELLS];
    _Atomic(int64_t) made, bad;
    _Atomic(uint32_t) ids;
} race;

static void *reader_main(void *arg) {
    race *r = arg;
    kv_thread t = {.id = at_add(&r->ids, 1, relaxed)};
    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint32_t slot;
        if (hv_acquire(&r->f.s, &t, &slot) != KV_OK) {
            continue; /* fewer slots than threads */
        }
        item *it = at_load(&r->cells[i % CELLS], seq_cst);
        if (it->state != ALIVE || it->value % CELLS != i % CELLS) {
            at_add(&r->bad, 1, relaxed);
        }
        hv_release(&r->f.s, &t, slot);
    }
    return NULL;
}

static void *writer_main(void *arg) {
    race *r = arg;
    kv_thread t = {.id = at_add(&r->ids, 1, relaxed)};
    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint32_t slot;
        if (hv_acquire(&r->f.s, &t, &slot) != KV_OK) {
            continue;
        }
        at_add(&r->made, 1, relaxed);
        item *old = at_xchg(&r->cells[i % CELLS], new_item(i), seq_cst);
        hv_delete_node(&r->f.s, slot, &old->hv);
        hv_release(&r->f.s, &t, slot);
        if (i % 1024 == 0) {
            hv_retire_all(&r->f.s, &t);
        }
    }
    return NULL;
}

static void run_race(uint32_t slots) {
    static race r; /* cache-line aligned */
    pthread_t th[READERS + WRITERS];
    memset(&r, 0, sizeof r);
    open_fixture(&r.f, slots, 7);
    for (uint32_t i = 0; i < CELLS; i++) {
        at_store(&r.cells[i], new_item(i), relaxed);
    }
    for (int i = 0; i < READERS + WRITERS; i++) {
        assert_int_equal(pthread_create(&th[i], NULL, i < READERS ? reader_main : writer_main, &r), 0);
    }
    for (int i = 0; i < READERS + WRITERS; i++) {
        pthread_join(th[i], NULL);
    }
    assert_int_equal(r.bad, 0);
    assert_int_equal(hv_held(&r.f.s), 0);
    assert_int_equal(hv_waiting(&r.f.s), hv_waiting_listed(&r.f.s));
    hv_retire_all(&r.f.s, &r.f.t);
    assert_int_equal(hv_waiting(&r.f.s), 0);
    assert_int_equal(r.f.freed, r.made);
    for (uint32_t i = 0; i < CELLS; i++) {
        free(r.cells[i]);
    }
    close_fixture(&r.f);
}

static void test_race(void **state) {
    (void)state;
    run_race(8);
}

static void test_race_for_slots(void **state) {
    (void)state;
    run_race(2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_init_failure),
        cmocka_unit_test(test_slots_run_out),
        cmocka_unit_test(test_older_reader_keeps),
        cmocka_unit_test(test_newer_reader_keeps_nothing_older),
        cmocka_unit_test(test_release_retires_at_threshold),
        cmocka_unit_test(test_destroy_frees_all),
        cmocka_unit_test(test_race),
        cmocka_unit_test(test_race_for_slots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
