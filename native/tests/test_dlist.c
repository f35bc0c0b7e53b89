/* List of handles: order, stale hints, a deleter stopped half-way, and threads that insert, delete, traverse and
 * reuse. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../core/dlist.h"
#include "../core/handle_pool.h"
#include "../core/retire.h"

enum { THREADS = 4, HANDLES = 24, OWN = 6, TURNS = 3000, ROUNDS = 60, WALK_MAX = 100000 };
enum { POOLED = 0, LISTED = 1, UNLINKED = 2 };

typedef struct fixture {
    kv_env env;
    la_alloc *la;
    kv_thread t;
    dlist list, other;
    handle_pool pool;
    qclock clock;
    retire_station station;
    kv_handle h[HANDLES];
    _Atomic(int64_t) state[HANDLES];
    _Atomic(int64_t) wrong, visits, next_id, reused;
    int rounds;
} fixture;

static void reuse(void *arg, kv_handle *h) {
    fixture *f = arg;
    at_store(&f->state[h - f->h], POOLED, relaxed);
    at_store(&h->link.next, 0, relaxed);
    at_store(&h->link.prev, 0, relaxed);
    at_add(&f->reused, 1, relaxed);
    if (pool_push(&f->pool, h) != KV_OK) {
        at_add(&f->wrong, 1, relaxed);
    }
}

static fixture *open_fixture(void) {
    fixture *f = aligned_alloc(64, (sizeof *f + 63) / 64 * 64);
    memset(f, 0, sizeof *f);
    assert_int_equal(la_create(prim_mem_private(), &f->env, KV_BACKING_MALLOC, &f->la), KV_OK);
    assert_int_equal(pool_init(&f->pool, f->la, &f->t, HANDLES, NULL), KV_OK);
    assert_int_equal(qc_init(&f->clock, f->la, &f->t, 8), KV_OK);
    assert_int_equal(rs_init(&f->station, f->la, &f->t, &f->clock, 2, reuse, f), KV_OK);
    dl_init(&f->list);
    dl_init(&f->other);
    return f;
}

static void close_fixture(fixture *f) {
    rs_destroy(&f->station);
    qc_destroy(&f->clock);
    pool_destroy(&f->pool);
    la_destroy(f->la);
    free(f);
}

/* Handles in list order; every hint right, no mark. */
static uint64_t walk(dlist *l, kv_handle **out, uint64_t max) {
    uint64_t n = 0;
    kv_link *prev = &l->head;
    for (kv_link *at; (at = dl_next(l, prev)) != NULL && n < max; prev = at) {
        assert_ptr_equal((kv_link *)at_load(&at->prev, relaxed), prev);
        assert_int_equal(at_load(&at->next, relaxed) & 1, 0);
        out[n++] = kv_handle_of_link(at);
    }
    assert_ptr_equal((kv_link *)at_load(&l->head.prev, relaxed), prev);
    return n;
}

static void check_order(fixture *f, int n, ...) {
    kv_handle *seen[HANDLES];
    va_list ap;
    assert_int_equal(walk(&f->list, seen, HANDLES), n);
    assert_int_equal(dl_size(&f->list), n);
    va_start(ap, n);
    for (int i = 0; i < n; i++) {
        assert_ptr_equal(seen[i], &f->h[va_arg(ap, int)]);
    }
    va_end(ap);
}

static void insert(fixture *f, int i) {
    dl_insert_tail(&f->list, &f->h[i].link);
}

static void remove_at(fixture *f, int i) {
    dl_delete(&f->list, &f->h[i].link);
}

static void test_order(void **state) {
    (void)state;
    fixture *f = open_fixture();
    check_order(f, 0);
    for (int i = 0; i < 5; i++) {
        insert(f, i);
    }
    check_order(f, 5, 0, 1, 2, 3, 4);
    remove_at(f, 2);
    check_order(f, 4, 0, 1, 3, 4);
    remove_at(f, 4);
    remove_at(f, 0);
    check_order(f, 2, 1, 3);
    insert(f, 4); /* its next is still marked from its last life */
    check_order(f, 3, 1, 3, 4);
    assert_ptr_equal(dl_next(&f->list, &f->h[0].link), &f->h[1].link); /* a deleted link still leads on */
    remove_at(f, 1);
    remove_at(f, 3);
    remove_at(f, 4);
    check_order(f, 0);
    close_fixture(f);
}

/* A hint may name anything: a reset link, a link being inserted, another list's link. */
static void test_stale_hints(void **state) {
    (void)state;
    fixture *f = open_fixture();
    dl_insert_tail(&f->other, &f->h[20].link);
    /* as dl_insert_tail leaves it before linking */
    at_store(&f->h[22].link.next, (uintptr_t)&f->list.head | 1, relaxed);
    uintptr_t hints[] = {0,
                         (uintptr_t)&f->h[21].link,
                         (uintptr_t)&f->h[20].link,
                         (uintptr_t)&f->h[22].link,
                         (uintptr_t)&f->other.head,
                         (uintptr_t)&f->h[3].link};
    for (unsigned k = 0; k < sizeof hints / sizeof hints[0]; k++) {
        for (int i = 0; i < 4; i++) {
            if (i == 2) {
                at_store(&f->list.head.prev, hints[k], relaxed);
            }
            insert(f, i);
        }
        assert_int_equal(dl_size(&f->list), 4);
        for (int i = 0; i < 4; i++) {
            at_store(&f->h[(i + 2) % 4].link.prev, hints[k], relaxed);
            remove_at(f, (i + 2) % 4);
        }
        assert_int_equal(dl_size(&f->list), 0);
    }
    assert_int_equal(dl_size(&f->other), 1);
    close_fixture(f);
}

static void *delete_third(void *arg) {
    fixture *f = arg;
    remove_at(f, 2);
    at_store(&f->state[2], UNLINKED, release);
    return NULL;
}

static void nap(void) {
    uint64_t end = prim_now_us() + 5000;
    while (prim_now_us() < end) {
        sched_yield();
    }
}

/* The deleter of link 1 stops after its mark: deleting 2 waits and leaves 3 and 0 free to go meanwhile. */
static void test_stopped_neighbour(void **state) {
    (void)state;
    fixture *f = open_fixture();
    for (int i = 0; i < 5; i++) {
        insert(f, i);
    }
    at_or(&f->h[1].link.next, 1, acq_rel);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, delete_third, f), 0);
    nap();
    assert_int_equal(at_load(&f->state[2], acquire), 0);
    remove_at(f, 3);
    remove_at(f, 0);
    nap();
    assert_int_equal(at_load(&f->state[2], acquire), 0);
    assert_int_equal(dl_size(&f->list), 3); /* 1 and 2 wait for the stopped one, 4 lives */
    at_and(&f->h[1].link.next, ~(uintptr_t)1, acq_rel);
    remove_at(f, 1);
    pthread_join(thread, NULL);
    check_order(f, 1, 4);
    close_fixture(f);
}

static void traverse(fixture *f, const kv_thread *t) {
    uint32_t slot = qc_enter(&f->clock, t);
    int n = 0;
    for (kv_link *at = &f->list.head; (at = dl_next(&f->list, at)) != NULL; n++) {
        kv_handle *h = kv_handle_of_link(at);
        /* I11: what a section meets is not reused before the section ends. */
        if (h < f->h || h >= f->h + HANDLES || n > WALK_MAX || at_load(&f->state[h - f->h], relaxed) == POOLED) {
            at_add(&f->wrong, 1, relaxed);
            break;
        }
    }
    at_add(&f->visits, n, relaxed);
    qc_leave(&f->clock, slot);
}

static void *worker(void *arg) {
    fixture *f = arg;
    kv_thread t = {.id = (uint32_t)at_add(&f->next_id, 1, relaxed)};
    unsigned seed = t.id * 7919u + (unsigned)f->rounds;
    kv_handle *own[OWN];
    int n = 0;
    for (int turn = 0; turn < TURNS; turn++) {
        unsigned dice = (unsigned)rand_r(&seed) % 16;
        kv_handle *h;
        if (dice == 0) {
            traverse(f, &t);
        } else if (n < OWN && dice < 9) {
            if ((h = pool_pop(&f->pool)) == NULL) {
                continue;
            }
            at_store(&f->state[h - f->h], LISTED, relaxed);
            own[n++] = h;
            uint32_t slot = qc_enter(&f->clock, &t);
            dl_insert_tail(&f->list, &h->link);
            qc_leave(&f->clock, slot);
        } else if (n > 0) {
            int k = rand_r(&seed) % n;
            h = own[k];
            own[k] = own[--n];
            uint32_t slot = qc_enter(&f->clock, &t);
            dl_delete(&f->list, &h->link);
            qc_leave(&f->clock, slot);
            at_store(&f->state[h - f->h], UNLINKED, relaxed);
            rs_retire(&f->station, &t, h, 1);
        }
    }
    return NULL;
}

static void test_race(void **state) {
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        fixture *f = open_fixture();
        f->rounds = round;
        for (int i = 0; i < HANDLES; i++) {
            assert_int_equal(pool_push(&f->pool, &f->h[i]), KV_OK);
        }
        pthread_t threads[THREADS];
        for (int i = 0; i < THREADS; i++) {
            assert_int_equal(pthread_create(&threads[i], NULL, worker, f), 0);
        }
        for (int i = 0; i < THREADS; i++) {
            pthread_join(threads[i], NULL);
        }
        assert_int_equal(at_load(&f->wrong, relaxed), 0);
        rs_purge(&f->station);
        kv_handle *seen[HANDLES + 1];
        uint64_t listed = walk(&f->list, seen, HANDLES + 1);
        uint64_t expected = 0;
        for (int i = 0; i < HANDLES; i++) {
            expected += at_load(&f->state[i], relaxed) == LISTED;
            assert_int_not_equal(at_load(&f->state[i], relaxed), UNLINKED);
        }
        assert_int_equal(listed, expected);
        for (uint64_t i = 0; i < listed; i++) {
            assert_int_equal(at_xchg(&f->state[seen[i] - f->h], POOLED, relaxed), LISTED); /* none twice */
        }
        assert_int_equal(listed + pool_size(&f->pool), HANDLES); /* Q1 */
        assert_true(at_load(&f->reused, relaxed) > 1000 && at_load(&f->visits, relaxed) > 100);
        close_fixture(f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_stale_hints),
        cmocka_unit_test(test_stopped_neighbour),
        cmocka_unit_test(test_race),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
