/* The operating system's seam: the shared arena, locks whose owner dies, clocks; and pairs in a memory block. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../core/mem_block.h"

enum { ARENA_PAGES = 300, REGIONS = 40, STEPS = 4000 };

typedef struct region {
    uint32_t *p;
    uint32_t pages, tag; /* the first word of page i is tag + i */
} region;

static void mark(region *r) {
    for (uint32_t i = 0; i < r->pages; i++) {
        r->p[(size_t)i * PRIM_PAGE / sizeof(uint32_t)] = r->tag + i;
    }
}

static void verify(const region *r) {
    for (uint32_t i = 0; i < r->pages; i++) {
        assert_int_equal(r->p[(size_t)i * PRIM_PAGE / sizeof(uint32_t)], r->tag + i);
    }
}

static uint64_t next_random(uint64_t *x) {
    *x ^= *x << 13, *x ^= *x >> 7, *x ^= *x << 17;
    return *x;
}

/* Regions keep what is written to them, so they never overlap; when all are back, the whole arena is one region again. */
static void test_arena_regions(void **state) {
    (void)state;
    prim_mem *mem = prim_mem_arena((size_t)ARENA_PAGES * PRIM_PAGE);
    region regions[REGIONS] = {{0}};
    uint64_t x = 838;
    uint32_t refused = 0;
    assert_true(prim_mem_shared(mem));
    for (uint32_t step = 0; step < STEPS; step++) {
        region *r = &regions[next_random(&x) % REGIONS];
        if (r->p != NULL) {
            verify(r);
            prim_mem_free(mem, r->p, (size_t)r->pages * PRIM_PAGE);
            r->p = NULL;
            continue;
        }
        r->pages = 1 + (uint32_t)(next_random(&x) % 20);
        r->tag = step * 100;
        r->p = prim_mem_alloc(mem, (size_t)r->pages * PRIM_PAGE - next_random(&x) % PRIM_PAGE);
        if (r->p == NULL) {
            refused++;
        } else {
            assert_int_equal((uintptr_t)r->p % PRIM_PAGE, 0);
            mark(r);
        }
    }
    assert_true(refused > 0); /* it was full at times */
    for (uint32_t i = 0; i < REGIONS; i++) {
        if (regions[i].p != NULL) {
            prim_mem_free(mem, regions[i].p, (size_t)regions[i].pages * PRIM_PAGE);
        }
    }
    void *whole = prim_mem_alloc(mem, (size_t)ARENA_PAGES * PRIM_PAGE);
    assert_non_null(whole);
    assert_null(prim_mem_alloc(mem, 1));
    assert_null(prim_mem_alloc(mem, 0));
    prim_mem_free(mem, whole, (size_t)ARENA_PAGES * PRIM_PAGE);
    assert_null(prim_mem_alloc(mem, (size_t)(ARENA_PAGES + 1) * PRIM_PAGE));
    prim_mem_close(mem);
}

typedef struct common { /* in the arena: what parent and child both see */
    prim_lock_t lock;
    int64_t value;
    char *other;
} common;

static int exit_code_of(pid_t child) {
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_arena_is_shared_and_locks_outlive_their_owner(void **state) {
    (void)state;
    prim_mem *mem = prim_mem_arena(8 * PRIM_PAGE);
    common *c = prim_mem_alloc(mem, sizeof *c);
    prim_lock_init(&c->lock, true);
    assert_true(prim_lock(&c->lock));
    prim_unlock(&c->lock);
    pid_t child = fork();
    if (child == 0) {
        bool whole = prim_lock(&c->lock);
        c->value = 838;
        c->other = prim_mem_alloc(mem, PRIM_PAGE);
        c->other[0] = 'x';
        _exit(whole ? 7 : 8); /* with the lock held */
    }
    assert_int_equal(exit_code_of(child), 7);
    assert_false(prim_lock(&c->lock)); /* once: the owner died inside */
    assert_int_equal(c->value, 838);
    assert_int_equal(c->other[0], 'x'); /* allocated there, mapped here too */
    prim_unlock(&c->lock);
    assert_true(prim_lock(&c->lock));
    prim_unlock(&c->lock);
    assert_true(prim_trylock(&c->lock));
    prim_unlock(&c->lock);
    prim_lock_destroy(&c->lock);
    prim_mem_close(mem);
}

static void *try_it(void *arg) {
    return prim_trylock(arg) ? arg : NULL;
}

static void test_trylock_of_a_held_lock(void **state) {
    (void)state;
    prim_lock_t lock;
    pthread_t thread;
    void *taken = &lock;
    prim_lock_init(&lock, false);
    assert_true(prim_lock(&lock));
    assert_int_equal(pthread_create(&thread, NULL, try_it, &lock), 0);
    pthread_join(thread, &taken);
    assert_null(taken);
    prim_unlock(&lock);
    prim_lock_destroy(&lock);
}

static void test_clocks_agree_and_never_go_back(void **state) {
    (void)state;
    uint64_t us = prim_now_us(), ns = prim_now_ns();
    assert_in_range(ns / 1000 - us, 0, 10 * 1000 * 1000);
    assert_true(prim_now_ns() >= ns);
    assert_true(prim_now_us() >= us);
}

/* ---- Memory block ---- */

enum { PAYLOAD = 64 << 10, PLACERS = 4, VALUE = 13 };

static void test_pairs_up_to_the_last_byte(void **state) {
    (void)state;
    static _Alignas(8) char memory[sizeof(kv_mem_block) + 128];
    kv_mem_block *mb = (kv_mem_block *)(void *)memory;
    mb_init(mb, sizeof memory);
    assert_int_equal(mb_pair_bytes(8, 0), 32);
    assert_int_equal(mb_pair_bytes(8, 1), 40); /* 8-byte aligned */
    assert_null(mb_alloc(mb, 8, 128 - 32 + 1));
    assert_int_equal(mb_used(mb), 0); /* what doesn't fit takes nothing */
    kv_pair *a = mb_alloc(mb, 8, 56), *b = mb_alloc(mb, 8, 8);
    assert_ptr_equal(a, mb + 1);
    assert_ptr_equal(b, (char *)a + 88);
    assert_int_equal(a->size, 88);
    assert_ptr_equal(a->value, (char *)a->key + 8);
    assert_int_equal(mb_used(mb), 128);
    assert_int_equal(mb_pairs(mb), 2);
    assert_null(mb_alloc(mb, 0, 0)); /* full to the last byte */
    assert_null(mb_alloc(mb, UINT32_MAX, UINT32_MAX));
}

static kv_mem_block *raced;

static void *place(void *arg) {
    uintptr_t placed = 0;
    for (kv_pair *p; (p = mb_alloc(raced, 1, VALUE)) != NULL; placed++) {
        memset(p->key, *(const int *)arg, 1 + VALUE);
    }
    return (void *)placed;
}

static void test_pairs_of_many_threads_do_not_overlap(void **state) {
    (void)state;
    raced = aligned_alloc(64, PAYLOAD + 64);
    mb_init(raced, PAYLOAD + sizeof *raced);
    pthread_t threads[PLACERS];
    int ids[PLACERS];
    uintptr_t placed = 0;
    for (int i = 0; i < PLACERS; i++) {
        ids[i] = i + 1;
        assert_int_equal(pthread_create(&threads[i], NULL, place, &ids[i]), 0);
    }
    for (int i = 0; i < PLACERS; i++) {
        void *n;
        pthread_join(threads[i], &n);
        placed += (uintptr_t)n;
    }
    uint64_t bytes = mb_pair_bytes(1, VALUE);
    assert_int_equal(placed, PAYLOAD / bytes);
    assert_int_equal(mb_pairs(raced), placed);
    for (uint64_t at = 0; at < mb_used(raced); at += bytes) {
        const kv_pair *p = (const kv_pair *)(const void *)((const char *)(raced + 1) + at);
        assert_int_equal(p->magic, KV_PAIR_MAGIC);
        for (int i = 1; i <= VALUE; i++) {
            assert_int_equal(((const char *)p->key)[i], ((const char *)p->key)[0]);
        }
    }
    free(raced);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arena_regions),
        cmocka_unit_test(test_arena_is_shared_and_locks_outlive_their_owner),
        cmocka_unit_test(test_trylock_of_a_held_lock),
        cmocka_unit_test(test_clocks_agree_and_never_go_back),
        cmocka_unit_test(test_pairs_up_to_the_last_byte),
        cmocka_unit_test(test_pairs_of_many_threads_do_not_overlap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
