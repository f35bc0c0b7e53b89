/* Label allocator: costs and placement, exact accounts, limits and washing, misuse, threads, both backings. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../core/label_alloc.h"

enum { MB = 1 << 20, PAYLOAD = LA_CHUNK - LA_CHUNK_HEADER };

typedef struct heap {
    kv_env env;
    la_alloc *la;
    int reports;
    int fail_after; /* allocations until one fails; negative: none */
} heap;

static void on_report(void *ctx, const char *id, const char *what, const char *file, int line) {
    (void)what, (void)file, (void)line;
    assert_string_equal(id, "heap");
    ((heap *)ctx)->reports++;
}

static bool on_alloc(void *ctx, kv_label label, size_t size, const char *file, int line) {
    (void)label, (void)size, (void)file, (void)line;
    return ((heap *)ctx)->fail_after >= 0 && ((heap *)ctx)->fail_after-- == 0;
}

static void open_in(heap *h, prim_mem *mem, kv_backing backing) {
    *h = (heap){.fail_after = -1};
    h->env = (kv_env){.ctx = h, .report = on_report, .fail_alloc = on_alloc};
    assert_int_equal(la_create(mem, &h->env, backing, &h->la), KV_OK);
}

static void open_heap(heap *h) {
    open_in(h, prim_mem_private(), KV_BACKING_CHUNKS);
}

static la_account user(heap *h) {
    return la_label_account(h->la, KV_L_USER);
}

static void *take(heap *h, size_t n) {
    return la_malloc(h->la, NULL, 0, LA_CTX_DEFAULT, KV_L_USER, n);
}

/* The identity of the specification's chapter 3, and the recount against the running counters, for all tenants. */
static void check(heap *h) {
    static la_account counted[KV_MAX_TENANT_NUM][LA_CTX_COUNT][KV_LABEL_COUNT];
    la_totals totals[KV_MAX_TENANT_NUM];
    la_recount(h->la, counted, totals);
    for (uint32_t tenant = 0; tenant < KV_MAX_TENANT_NUM; tenant++) {
        la_totals t = la_totals_of(h->la, tenant), r = totals[tenant];
        assert_int_equal(t.chunk_bytes,
                         t.label_hold + t.free_cells + t.free_blocks + t.chunk_headers + t.tables + t.cache_hold);
        assert_int_equal(t.chunk_bytes, r.chunk_bytes);
        assert_int_equal(t.label_hold, r.label_hold);
        assert_int_equal(t.free_cells, r.free_cells);
        assert_int_equal(t.free_blocks, r.free_blocks);
        assert_int_equal(t.chunk_headers, r.chunk_headers);
        assert_int_equal(t.cache_hold, r.cache_hold);
        assert_int_equal(t.washed, r.washed);
        assert_int_equal(la_tenant_hold(h->la, tenant), t.chunk_bytes - t.washed);
        for (uint32_t ctx = 0; ctx < LA_CTX_COUNT; ctx++) {
            for (uint32_t label = 0; label < KV_LABEL_COUNT; label++) {
                la_account a = la_account_of(h->la, tenant, (la_ctx)ctx, (kv_label)label);
                assert_int_equal(a.used, counted[tenant][ctx][label].used);
                assert_int_equal(a.hold, counted[tenant][ctx][label].hold);
                assert_int_equal(a.count, counted[tenant][ctx][label].count);
            }
        }
    }
}

/* Nothing live: not a chunk is left but the tables. */
static void close_heap(heap *h) {
    check(h);
    la_totals t = la_totals_all(h->la);
    assert_int_equal(t.chunk_bytes, t.tables);
    assert_int_equal(t.washed, 0);
    assert_int_equal(h->reports, 0);
    la_destroy(h->la);
}

/* ---- Costs and placement ---- */

static void test_cost_of_every_class(void **state) {
    (void)state;
    static const struct {
        size_t n, hold;
    } cases[] = {
        {0, 80},
        {1, 80},
        {16, 80},
        {17, 96},
        {7936, 8000},
        {8128, 8192},
        {8129, 16384},
        {32768, 40960},
        {200, 272},
        {PAYLOAD - 64, PAYLOAD},
        {PAYLOAD - 63, PAYLOAD + 4096},
        {3 * MB, 3 * MB + 4096},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        heap h;
        open_heap(&h);
        char *p = take(&h, cases[i].n);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        memset(p, 0x5A, cases[i].n);
        size_t used, hold;
        la_object_size(p, &used, &hold);
        assert_int_equal(used, cases[i].n);
        assert_int_equal(hold, cases[i].hold);
        assert_int_equal(user(&h).used, cases[i].n);
        assert_int_equal(user(&h).hold, cases[i].hold);
        assert_int_equal(user(&h).count, 1);
        check(&h);
        la_free(h.la, p);
        assert_int_equal(user(&h).hold, 0);
        assert_int_equal(user(&h).peak_hold, cases[i].hold);
        close_heap(&h);
    }
}

static void test_free_neighbours_merge(void **state) {
    (void)state;
    heap h;
    open_heap(&h);
    char *p[8]; /* 1,024 B of cells each: one block exactly */
    for (int i = 0; i < 8; i++) {
        p[i] = take(&h, 1024 - 64);
        assert_true(i == 0 || p[i] == p[i - 1] + 1024);
    }
    assert_int_equal(la_totals_of(h.la, 0).free_cells, 0);
    static const int order[] = {3, 5, 4}; /* behind, before, and both at once */
    for (int i = 0; i < 3; i++) {
        la_free(h.la, p[order[i]]);
        check(&h);
    }
    assert_ptr_equal(take(&h, 3 * 1024 - 64), p[3]);
    assert_int_equal(la_totals_of(h.la, 0).free_cells, 0);
    la_free(h.la, p[3]);
    for (int i = 0; i < 8; i++) {
        if (i < 3 || i > 5) {
            la_free(h.la, p[i]);
        }
    }
    close_heap(&h);
}

static void test_same_size_then_remainder_then_larger(void **state) {
    (void)state;
    heap h;
    open_heap(&h);
    /* 208, 272, 1072 and 272 B of cells; 6,368 B are the last remainder */
    char *small = take(&h, 136), *wall = take(&h, 200), *large = take(&h, 1000), *wall2 = take(&h, 200);
    la_free(h.la, small);
    la_free(h.la, large);
    assert_ptr_equal(take(&h, 136), small); /* just that size */
    char *rest = take(&h, 300);
    assert_ptr_equal(rest, wall2 + 272); /* the last remainder, although `large` would fit better */
    char *fill = take(&h, 6368 - 368 - 64);
    assert_ptr_equal(fill, rest + 368); /* all of it */
    assert_ptr_equal(take(&h, 300), large); /* no remainder: the smallest larger one */
    check(&h);
    la_free(h.la, small), la_free(h.la, wall), la_free(h.la, wall2), la_free(h.la, rest), la_free(h.la, fill);
    la_free(h.la, large);
    close_heap(&h);
}

static void test_runs_are_taken_by_best_fit(void **state) {
    (void)state;
    heap h;
    open_heap(&h);
    enum { BLOCK = 8192 };
    char *four = take(&h, 4 * BLOCK - 64), *wall = take(&h, 2 * BLOCK - 64);
    char *three = take(&h, 3 * BLOCK - 64), *wall2 = take(&h, 2 * BLOCK - 64);
    la_free(h.la, four);
    la_free(h.la, three);
    assert_ptr_equal(take(&h, 3 * BLOCK - 64), three);
    assert_ptr_equal(take(&h, 2 * BLOCK - 64), four);
    la_free(h.la, three);
    la_free(h.la, wall);
    check(&h);
    assert_ptr_equal(take(&h, 7 * BLOCK - 64), four + 2 * BLOCK); /* 2 left of four, wall and three, merged */
    la_free(h.la, four), la_free(h.la, four + 2 * BLOCK), la_free(h.la, wall2);
    close_heap(&h);
}

static void test_accounts_are_kept_apart(void **state) {
    (void)state;
    heap h;
    open_heap(&h);
    void *a = la_malloc(h.la, NULL, 1, LA_CTX_DEFAULT, KV_L_USER, 100);
    void *b = la_malloc(h.la, NULL, 1, LA_CTX_CACHE, KV_L_USER, 200);
    void *c = la_malloc(h.la, NULL, 2, LA_CTX_DEFAULT, KV_L_WASH, 300);
    assert_int_equal(la_account_of(h.la, 1, LA_CTX_DEFAULT, KV_L_USER).used, 100);
    assert_int_equal(la_account_of(h.la, 1, LA_CTX_CACHE, KV_L_USER).used, 200);
    assert_int_equal(la_account_of(h.la, 2, LA_CTX_DEFAULT, KV_L_WASH).used, 300);
    assert_int_equal(user(&h).used, 300);
    assert_int_equal(la_tenant_hold(h.la, 1), 2 * LA_CHUNK);
    assert_int_equal(la_tenant_hold(h.la, 2), LA_CHUNK);
    la_free(h.la, a), la_free(h.la, b), la_free(h.la, c);
    assert_null(la_malloc(h.la, NULL, KV_MAX_TENANT_NUM, LA_CTX_DEFAULT, KV_L_USER, 1));
    assert_null(take(&h, SIZE_MAX));
    close_heap(&h);
}

/* ---- Memory blocks, limits, washing ---- */

static void test_block_is_a_chunk_of_its_own(void **state) {
    (void)state;
    heap h;
    open_heap(&h);
    void *block = la_block_alloc(h.la, NULL, 0, PAYLOAD);
    int64_t tables = la_totals_of(h.la, 0).tables;
    assert_int_equal(la_tenant_hold(h.la, 0), LA_CHUNK + tables);
    assert_int_equal(la_cache_hold(h.la, 0), PAYLOAD);
    void *small = la_block_alloc(h.la, NULL, 0, 1000);
    assert_int_equal(la_cache_hold(h.la, 0), PAYLOAD + 4096); /* pages */
    assert_int_equal(la_label_account(h.la, KV_L_CACHE).used, PAYLOAD + 1000);
    assert_int_equal(la_totals_of(h.la, 0).label_hold, 0);
    check(&h);
    la_block_free(h.la, block), la_block_free(h.la, small);
    close_heap(&h);
}

typedef struct washer {
    heap *h;
    void *blocks[8];
    void *object; /* of the label itself, which goes with the first wash; NULL: none */
    int left, calls;
    uint64_t need;
    kv_rc rc;
} washer;

static kv_rc wash(void *arg, kv_thread *t, uint32_t tenant, uint64_t need) {
    washer *w = arg;
    assert_int_equal(t->no_wash, 1); /* never nested */
    assert_int_equal(tenant, 0);
    assert_null(la_malloc(w->h->la, t, 0, LA_CTX_DEFAULT, KV_L_USER, 9 * MB));
    w->calls++;
    w->need = need;
    la_free(w->h->la, w->object);
    w->object = NULL;
    for (uint64_t given = 0; w->rc == KV_OK && given < need; given += PAYLOAD) {
        if (w->left == 0) {
            return KV_NOT_ENOUGH;
        }
        la_block_free(w->h->la, w->blocks[--w->left]);
    }
    return w->rc;
}

static void test_limit_washes_and_tries_again(void **state) {
    (void)state;
    heap h;
    kv_thread t = {0};
    open_heap(&h);
    washer w = {.h = &h, .left = 8, .rc = KV_OK};
    for (int i = 0; i < 8; i++) {
        w.blocks[i] = la_block_alloc(h.la, &t, 0, PAYLOAD);
    }
    la_set_sync_wash(h.la, wash, &w);
    la_set_limit(h.la, 0, la_tenant_hold(h.la, 0));
    assert_null(take(&h, 100)); /* without a context nothing is washed */
    assert_int_equal(w.calls, 0);
    void *p = la_malloc(h.la, &t, 0, LA_CTX_DEFAULT, KV_L_USER, 100);
    assert_non_null(p);
    assert_int_equal(w.calls, 1);
    assert_int_equal(w.need, 3 * (uint64_t)LA_CHUNK); /* the request, which is a chunk, and two more */
    assert_int_equal(w.left, 8 - 4);
    void *q = la_malloc(h.la, &t, 0, LA_CTX_DEFAULT, KV_L_USER, 100);
    assert_int_equal(w.calls, 1); /* room in the chunk: no chunk, no wash */
    w.rc = KV_TIMEOUT;
    assert_null(la_malloc(h.la, &t, 0, LA_CTX_DEFAULT, KV_L_USER, 7 * MB));
    assert_int_equal(w.calls, 2); /* the wash failed: no further try */
    assert_null(la_malloc(h.la, &t, 0, LA_CTX_DEFAULT, KV_L_USER, 12 * MB));
    assert_int_equal(w.calls, 2); /* more than the cache holds: not even asked */
    assert_int_equal(t.no_wash, 0);
    check(&h);
    la_free(h.la, p), la_free(h.la, q);
    while (w.left > 0) {
        la_block_free(h.la, w.blocks[--w.left]);
    }
    close_heap(&h);
}

/* What a wash frees while a chunk is got makes room for the request: the chunk is not kept for nothing. */
static void test_room_that_comes_up_while_a_chunk_is_got_is_used(void **state) {
    (void)state;
    heap h;
    kv_thread t = {0};
    open_heap(&h);
    washer w = {.h = &h, .left = 8, .rc = KV_OK};
    void *kept = take(&h, MB / 2);
    w.object = take(&h, 5 * MB / 4);
    for (int i = 0; i < 8; i++) {
        w.blocks[i] = la_block_alloc(h.la, &t, 0, PAYLOAD);
    }
    int64_t chunks = la_totals_of(h.la, 0).chunk_bytes;
    la_set_sync_wash(h.la, wash, &w);
    la_set_limit(h.la, 0, la_tenant_hold(h.la, 0));
    void *p = la_malloc(h.la, &t, 0, LA_CTX_DEFAULT, KV_L_USER, MB);
    assert_non_null(p);
    assert_int_equal(w.calls, 1);
    assert_int_equal(la_totals_of(h.la, 0).chunk_bytes, chunks - (8 - w.left) * (int64_t)LA_CHUNK);
    la_free(h.la, p), la_free(h.la, kept);
    while (w.left > 0) {
        la_block_free(h.la, w.blocks[--w.left]);
    }
    close_heap(&h);
}

static void test_wash_gives_free_runs_back(void **state) {
    (void)state;
    heap h;
    open_heap(&h);
    uint64_t tables = (uint64_t)la_totals_of(h.la, 0).tables;
    char *p = take(&h, 5000);
    uint64_t rest = PAYLOAD - 8192;
    assert_int_equal(la_wash(h.la), rest);
    assert_int_equal(la_wash(h.la), 0);
    assert_int_equal(la_tenant_hold(h.la, 0), LA_CHUNK + tables - rest);
    check(&h);
    la_set_limit(h.la, 0, la_tenant_hold(h.la, 0) + 3 * 8192);
    char *q = take(&h, 20000); /* washed blocks come into use and count again */
    assert_non_null(q);
    memset(q, 1, 20000);
    assert_null(take(&h, 20000)); /* no room under the limit for three more */
    char *r = take(&h, 1500); /* beside p */
    assert_non_null(r);
    check(&h);
    la_set_limit(h.la, 0, 0);
    la_free(h.la, q);
    char *s = take(&h, 60000); /* partly washed */
    check(&h);
    la_free(h.la, p), la_free(h.la, r), la_free(h.la, s);
    close_heap(&h);
}

static void test_lowered_limit_and_failing_source(void **state) {
    (void)state;
    heap h;
    open_heap(&h);
    void *p = take(&h, 100);
    la_set_limit(h.la, 0, 1);
    assert_int_equal(la_limit(h.la, 0), 1);
    assert_non_null(la_malloc(h.la, NULL, 1, LA_CTX_DEFAULT, KV_L_USER, 8)); /* another tenant's limit */
    void *q = take(&h, 100);
    assert_non_null(q); /* what is held already may be used */
    assert_null(take(&h, 3 * MB));
    h.fail_after = 0;
    assert_null(take(&h, 8));
    la_free(h.la, p), la_free(h.la, q);
    check(&h);
    la_destroy(h.la); /* with an object alive: its chunk goes too */
}

static void test_arena_runs_out(void **state) {
    (void)state;
    heap h;
    prim_mem *mem = prim_mem_arena(5 * MB);
    open_in(&h, mem, KV_BACKING_CHUNKS);
    void *p = take(&h, 100), *q = take(&h, PAYLOAD - 64);
    assert_non_null(q);
    assert_null(take(&h, PAYLOAD - 64));
    check(&h);
    la_free(h.la, p);
    p = take(&h, PAYLOAD - 64);
    assert_non_null(p);
    la_free(h.la, p), la_free(h.la, q);
    close_heap(&h);
    prim_mem_close(mem);
}

/* ---- Misuse ---- */

static void test_misuse_is_reported_and_harmless(void **state) {
    (void)state;
    heap h;
    open_heap(&h);
    char *wall = take(&h, 100), *p = take(&h, 100), *block = la_block_alloc(h.la, NULL, 0, 4096);
    la_free(h.la, NULL);
    assert_int_equal(h.reports, 0);
    la_free(h.la, p);
    la_free(h.la, p);
    assert_int_equal(h.reports, 1);
    la_free(h.la, wall + 16);
    la_free(h.la, wall + 1);
    char *large = take(&h, 20000);
    la_free(h.la, large);
    la_free(h.la, large);
    assert_int_equal(h.reports, 4);
#ifndef __SANITIZE_ADDRESS__ /* which tells of these itself */
    char *over = take(&h, 50);
    char kept = over[50];
    over[50] = (char)~kept; /* one byte past the end */
    la_free(h.la, over);
    assert_int_equal(h.reports, 5);
    over[50] = kept;
    la_free(h.la, over);
    la_block_free(h.la, wall);
    assert_int_equal(h.reports, 6);
#endif
    h.reports = 0;
    la_free(h.la, wall), la_block_free(h.la, block);
    close_heap(&h);
}

/* ---- Many objects, many threads ---- */

static uint64_t next_random(uint64_t *x) {
    *x ^= *x << 13, *x ^= *x >> 7, *x ^= *x << 17;
    return *x;
}

static size_t some_size(uint64_t *x) {
    uint64_t r = next_random(x);
    return r % 64 < 56 ? r / 64 % 900 : r % 64 < 63 ? r / 64 % 60000 : r / 64 % (5 * MB / 2);
}

enum { SLOTS = 300 };

typedef struct slot {
    unsigned char *p;
    size_t n;
} slot;

static void fill(slot *s) {
    for (size_t i = 0; i < s->n; i += 97) {
        s->p[i] = (unsigned char)(s->n + i);
    }
}

static void verify(const slot *s) {
    for (size_t i = 0; i < s->n; i += 97) {
        assert_int_equal(s->p[i], (unsigned char)(s->n + i));
    }
}

/* Objects come and go; each keeps what was written to it, so extents never overlap. */
static void churn(heap *h, uint64_t seed, int steps, bool checked) {
    slot slots[SLOTS] = {{0}};
    for (int i = 0; i < steps; i++) {
        slot *s = &slots[next_random(&seed) % SLOTS];
        if (s->p != NULL) {
            verify(s);
            la_free(h->la, s->p);
            s->p = NULL;
        } else {
            s->n = some_size(&seed);
            s->p = take(h, s->n);
            assert_non_null(s->p);
            fill(s);
        }
        if (next_random(&seed) % 512 == 0) {
            la_wash(h->la);
        }
        if (checked && i % 50 == 0) {
            check(h);
        }
    }
    for (int i = 0; i < SLOTS; i++) {
        la_free(h->la, slots[i].p);
    }
}

static void test_many_objects(void **state) {
    (void)state;
    for (kv_backing backing = KV_BACKING_CHUNKS; backing <= KV_BACKING_MALLOC; backing++) {
        heap h;
        open_in(&h, prim_mem_private(), backing);
        churn(&h, 20838 + (uint64_t)backing, 6000, true);
        close_heap(&h);
    }
}

static void test_failed_placement_keeps_nothing(void **state) {
    (void)state;
    heap h;
    open_in(&h, prim_mem_private(), KV_BACKING_MALLOC);
    la_set_limit(h.la, 0, 1);
    assert_null(take(&h, 100)); /* a leak checker tells of what was got before the limit said no */
    close_heap(&h);
}

static void test_both_backings_account_alike(void **state) {
    (void)state;
    heap chunks, mallocs;
    open_in(&chunks, prim_mem_private(), KV_BACKING_CHUNKS);
    open_in(&mallocs, prim_mem_private(), KV_BACKING_MALLOC);
    churn(&chunks, 7, 3000, false);
    churn(&mallocs, 7, 3000, false);
    assert_int_equal(user(&chunks).peak_hold, user(&mallocs).peak_hold);
    assert_int_equal(la_totals_all(chunks.la).peak_chunk_bytes, la_totals_all(mallocs.la).peak_chunk_bytes);
    close_heap(&chunks);
    close_heap(&mallocs);
}

typedef struct crew_member {
    heap *h;
    uint64_t seed;
    pthread_t thread;
} crew_member;

static void *work(void *arg) {
    crew_member *m = arg;
    churn(m->h, m->seed, 4000, false);
    return NULL;
}

static void test_threads(void **state) {
    (void)state;
    heap h;
    open_heap(&h);
    crew_member crew[4];
    for (int i = 0; i < 4; i++) {
        crew[i] = (crew_member){.h = &h, .seed = 1000 + (uint64_t)i};
        assert_int_equal(pthread_create(&crew[i].thread, NULL, work, &crew[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(crew[i].thread, NULL);
    }
    close_heap(&h);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cost_of_every_class),
        cmocka_unit_test(test_free_neighbours_merge),
        cmocka_unit_test(test_same_size_then_remainder_then_larger),
        cmocka_unit_test(test_runs_are_taken_by_best_fit),
        cmocka_unit_test(test_accounts_are_kept_apart),
        cmocka_unit_test(test_block_is_a_chunk_of_its_own),
        cmocka_unit_test(test_limit_washes_and_tries_again),
        cmocka_unit_test(test_room_that_comes_up_while_a_chunk_is_got_is_used),
        cmocka_unit_test(test_wash_gives_free_runs_back),
        cmocka_unit_test(test_lowered_limit_and_failing_source),
        cmocka_unit_test(test_arena_runs_out),
        cmocka_unit_test(test_misuse_is_reported_and_harmless),
        cmocka_unit_test(test_many_objects),
        cmocka_unit_test(test_failed_placement_keeps_nothing),
        cmocka_unit_test(test_both_backings_account_alike),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
