/* A small core for unit tests: creation, faults on demand, a clock by hand, and the checks of a core at rest. */
#ifndef RACEWASH_CORE_FIXTURE_H
#define RACEWASH_CORE_FIXTURE_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../core/kv_cache.h"

typedef struct fixture {
    kv_env env;
    kv_cache *c;
    kv_store *st;
    kv_thread *t;
    _Atomic(int64_t) fail_after; /* allocations until one fails; negative: none */
    _Atomic(int64_t) fail_always;  /* 1 + label whose allocations all fail; 0: none */
    _Atomic(int64_t) reports;
    _Atomic(uint64_t) now; /* us; advances by `tick` at each look */
    uint64_t tick;
} fixture;

static inline bool fx_fail(void *ctx, kv_label label, size_t size, const char *file, int line) {
    fixture *f = ctx;
    (void)size, (void)file, (void)line;
    return at_load(&f->fail_always, relaxed) == (int64_t)label + 1 || at_sub(&f->fail_after, 1, relaxed) == 0;
}

static inline void fx_report(void *ctx, const char *id, const char *what, const char *file, int line) {
    print_message("report %s: %s (%s:%d)\n", id, what, file, line);
    at_add(&((fixture *)ctx)->reports, 1, relaxed);
}

static inline uint64_t fx_now(void *ctx) {
    fixture *f = ctx;
    return at_add(&f->now, f->tick, relaxed);
}

/* 12 handles, 4 a block, 3 a supply; blocks of 1 KB; everything else small too. */
static inline kv_config fx_config(bool after) {
    kv_config cfg;
    kv_config_default(&cfg);
    cfg.memory_limit = 0;
    cfg.block_size = 1024;
    cfg.max_handles = 12;
    cfg.handles_per_block = 4;
    cfg.supply_num = 3;
    cfg.retire_limit = 1;
    cfg.wash_retire_limit = 4;
    cfg.qclock_slots = 8;
    cfg.station_slots = 4;
    cfg.bucket_num = 7;
    cfg.bucket_size = 4;
    cfg.lock_stripes = 3;
    cfg.hv_slots = 16;
    cfg.hv_waiting = 4;
    cfg.hp_cache = 8;
    cfg.hp_batch = 2;
    cfg.hp_per_block = 4;
    cfg.node_block_size = 1024;
    cfg.max_threads = 16;
    cfg.backing = KV_BACKING_MALLOC;
    cfg.buckets = after ? KV_BUCKETS_CONTIGUOUS : KV_BUCKETS_FRAGMENTED;
    cfg.handles = after ? KV_HANDLES_SEGMENTED : KV_HANDLES_FLAT;
    cfg.nodes = after ? KV_NODES_SHARED : KV_NODES_PER_INSTANCE;
    cfg.wash = after ? KV_WASH_TEMPORARY : KV_WASH_PREALLOCATED;
    return cfg;
}

static inline void fx_prepare(fixture *f) {
    memset(f, 0, sizeof *f);
    f->env = (kv_env){.ctx = f, .now_us = fx_now, .fail_alloc = fx_fail, .report = fx_report};
    at_store(&f->fail_after, -1, relaxed);
    at_store(&f->now, 1000, relaxed);
}

static inline void fx_open(fixture *f, const kv_config *cfg) {
    fx_prepare(f);
    assert_int_equal(kv_create(prim_mem_private(), &f->env, cfg, &f->c), KV_OK);
    f->st = &f->c->store;
    f->t = kv_thread_attach(f->c);
    assert_non_null(f->t);
}

typedef struct fx_places { /* where each handle is, and what the blocks add up to */
    kv_store *st;
    uint32_t *seen; /* by handle index; at most one place each (I4) */
    uint64_t pool, list, station;
    int64_t hold, policy[KV_POLICY_COUNT];
} fx_places;

static inline void fx_see(fx_places *p, kv_handle *h) {
    uint64_t idx = ha_index(&p->st->handles, h);
    assert_true(idx < at_load(&p->st->cur_mb_num, relaxed));
    assert_int_equal(p->seen[idx]++, 0);
}

static inline void fx_see_pool(void *arg, kv_handle *h) {
    fx_see(arg, h);
    ((fx_places *)arg)->pool++;
    assert_null(at_load(&h->mem_block, relaxed));
    assert_int_equal(at_load(&h->status, relaxed), KV_FREE);
}

static inline void fx_see_station(void *arg, kv_handle *h) {
    fx_see(arg, h);
    ((fx_places *)arg)->station++;
}

static inline void fx_see_list(void *arg, kv_handle *h) {
    fx_places *p = arg;
    fx_see(p, h);
    p->list++;
    p->hold += (int64_t)st_block_hold(h);
    p->policy[at_load(&h->policy, relaxed)]++;
    assert_non_null(at_load(&h->mem_block, relaxed));
}

/* Q1, Q2, Q6 of a core that nobody is inside. Returns the handles in lists. */
static inline uint64_t fx_check(fixture *f) {
    kv_store *st = f->st;
    uint64_t supplied = at_load(&st->cur_mb_num, relaxed);
    fx_places p = {.st = st, .seen = calloc(supplied + 1, sizeof(uint32_t))};
    pool_each(&st->pool, fx_see_pool, &p);
    rs_each(&st->station, fx_see_station, &p);
    for (uint32_t i = 0; i < st->list_cnt; i++) {
        st_each_listed(st, i, fx_see_list, &p);
    }
    free(p.seen);
    assert_int_equal(p.pool + p.list + p.station, supplied);
    assert_int_equal(at_load(&st->store_size, relaxed), p.hold);
    assert_int_equal(at_load(&st->policy_cnt[KV_LRU], relaxed), p.policy[KV_LRU]);
    assert_int_equal(at_load(&st->policy_cnt[KV_LFU], relaxed), p.policy[KV_LFU]);
    assert_int_equal(la_label_account(f->c->la, KV_L_CACHE).count, p.list);
    assert_int_equal(at_load(&st->supplying, relaxed), 0);
    assert_int_equal(hp_set_count(&st->hp), 0);
    assert_int_equal(qc_open(&st->clock), 0);
    assert_int_equal(hv_held(&f->c->map.hv), 0);
    return p.list;
}

/* Q8: after the shutdown nothing but the facade and the contexts is left. */
static inline void fx_close(fixture *f) {
    kv_shutdown(f->c);
    for (int label = 0; label < KV_LABEL_COUNT; label++) {
        la_account a = la_label_account(f->c->la, (kv_label)label);
        if (label != KV_L_CORE) {
            assert_int_equal(a.count, 0);
            assert_int_equal(a.used, 0);
            assert_int_equal(a.hold, 0);
        }
    }
    kv_thread_detach(f->t);
    kv_destroy(f->c);
    assert_int_equal(at_load(&f->reports, relaxed), 0);
}

/* Threads, each on a context of its own, started together. */
typedef struct fx_crew fx_crew;
typedef struct fx_worker {
    fx_crew *crew;
    fixture *f;
    kv_thread *t;
    int index;
    int64_t result;
    pthread_t thread;
} fx_worker;

struct fx_crew {
    void (*work)(fx_worker *w);
    int count;
    _Atomic(int) ready;
    _Atomic(int) running; /* of the workers with index > 0: worker 0 may go on until it is 0 */
    fx_worker workers[8];
};

static inline void *fx_run_one(void *arg) {
    fx_worker *w = arg;
    unsigned spins = 0;
    at_add(&w->crew->ready, 1, acq_rel);
    while (at_load(&w->crew->ready, acquire) < w->crew->count) {
        cpu_relax(&spins);
    }
    w->crew->work(w);
    if (w->index > 0) {
        at_sub(&w->crew->running, 1, release);
    }
    return NULL;
}

static inline void fx_run(fixture *f, fx_crew *crew, int count, void (*work)(fx_worker *w)) {
    memset(crew, 0, sizeof *crew);
    crew->work = work;
    crew->count = count;
    at_store(&crew->running, count - 1, relaxed);
    for (int i = 0; i < count; i++) {
        crew->workers[i] = (fx_worker){.crew = crew, .f = f, .t = kv_thread_attach(f->c), .index = i};
        assert_non_null(crew->workers[i].t);
    }
    for (int i = 0; i < count; i++) {
        assert_int_equal(pthread_create(&crew->workers[i].thread, NULL, fx_run_one, &crew->workers[i]), 0);
    }
    for (int i = 0; i < count; i++) {
        pthread_join(crew->workers[i].thread, NULL);
        kv_thread_detach(crew->workers[i].t);
    }
}

/* A pseudo-random number of a worker's own (xorshift64*, Vigna). */
static inline uint64_t fx_random(uint64_t *state) {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

#endif
