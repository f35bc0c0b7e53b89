/* A small core behind the target's table: creation, operations by name, and what was found. */
#ifndef RACEWASH_TARGET_FIXTURE_H
#define RACEWASH_TARGET_FIXTURE_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../target/kvcache_private.h"

enum { TX_BLOCK = 1024, TX_FOUND = 64, TX_SHARED = 96 << 20 };

typedef struct tx {
    const rw_target *target;
    rw_core *core;
    rw_thread *th;
    kv_cache *c;
    kv_store *st;
} tx;

/* 12 handles, 4 a block, 3 a supply; blocks of 1 KB; everything else small too. */
static const rw_param tx_small[] = {
    {"memory_limit", 64 << 20},
    {"block_size", TX_BLOCK},
    {"max_handles", 12},
    {"handles_per_block", 4},
    {"supply_num", 3},
    {"retire_limit", 1},
    {"wash_retire_limit", 4},
    {"qclock_slots", 64},
    {"station_slots", 4},
    {"bucket_num", 7},
    {"bucket_size", 4},
    {"lock_stripes", 3},
    {"hv_slots", 16},
    {"hv_waiting", 4},
    {"hp_cache", 8},
    {"hp_batch", 2},
    {"hp_per_block", 4},
    {"node_block_size", TX_BLOCK},
    {"max_threads", 16},
};
enum { TX_SMALL = sizeof tx_small / sizeof tx_small[0], TX_PARAMS = TX_SMALL + 16 };

/* `layout`: bit by bit buckets, handles, nodes, wash after. */
static inline int32_t tx_params(rw_param *out, unsigned layout, const rw_param *more, int32_t n) {
    static const char *const parts[] = {"buckets", "handles", "nodes", "wash"};
    int32_t count = TX_SMALL;
    memcpy(out, tx_small, sizeof tx_small);
    for (unsigned i = 0; i < 4; i++) {
        out[count++] = (rw_param){parts[i], layout >> i & 1};
    }
    for (int32_t i = 0; i < n; i++) {
        out[count++] = more[i]; /* the last of a name counts */
    }
    return count;
}

enum { TX_BEFORE = 0, TX_AFTER = 15 };

static inline void tx_open_with(tx *x, unsigned layout, int64_t shared, const rw_param *more, int32_t n) {
    rw_param params[TX_PARAMS];
    char err[256] = "";
    int32_t count = tx_params(params, layout, more, n);
    memset(x, 0, sizeof *x);
    x->target = rw_target_get();
    x->core = x->target->create(params, count, shared, err, sizeof err);
    if (x->core == NULL) {
        print_message("%s\n", err);
    }
    assert_non_null(x->core);
    x->c = x->core->cache;
    x->st = &x->c->store;
    x->th = x->target->attach(x->core, 0);
    assert_non_null(x->th);
}

static inline void tx_open(tx *x, unsigned layout) {
    tx_open_with(x, layout, 0, NULL, 0);
}

static inline int32_t tx_code(const tx *x, const char *name) {
    for (int32_t i = 0; i < x->target->op_cnt; i++) {
        if (strcmp(x->target->ops[i].name, name) == 0) {
            return i;
        }
    }
    print_message("no operation %s\n", name);
    fail();
    return -1;
}

static inline int64_t tx_run(const tx *x, rw_thread *th, const char *name, int64_t a, int64_t b, int64_t c) {
    rw_op op = {.code = tx_code(x, name), .arg = {a, b, c, 0}};
    return x->target->run(th, &op);
}

#define RUN3(name, a, b, c) tx_run(x, x->th, name, a, b, c)
#define RUN2(name, a, b) tx_run(x, x->th, name, a, b, 0)
#define RUN1(name, a) tx_run(x, x->th, name, a, 0, 0)
#define RUN0(name) tx_run(x, x->th, name, 0, 0, 0)

static inline void tx_show(const tx *x) {
    rw_violation found[TX_FOUND];
    int32_t n = x->target->violations(x->core, found, TX_FOUND);
    for (int32_t i = 0; i < n; i++) {
        print_message("%s x%lld: %s (%s:%d)\n", found[i].id, (long long)found[i].count, found[i].text, found[i].file,
                      found[i].line);
    }
}

static inline void tx_clean(const tx *x, int32_t when) {
    int64_t n = x->target->check(x->core, when);
    if (n != 0) {
        tx_show(x);
    }
    assert_int_equal(n, 0);
}

/* At least one violation, and every one is `id`. */
static inline void tx_only(const tx *x, const char *id) {
    rw_violation found[TX_FOUND];
    int32_t n = x->target->violations(x->core, found, TX_FOUND), others = 0;
    for (int32_t i = 0; i < n; i++) {
        others += strcmp(found[i].id, id) != 0;
        assert_true(strncmp(found[i].file, "native/", 7) == 0);
        assert_true(found[i].line > 0 && found[i].count > 0 && found[i].text[0] != '\0');
    }
    if (n == 0 || others > 0) {
        print_message("expected %s only, found:\n", id);
        tx_show(x);
    }
    assert_true(n > 0);
    assert_int_equal(others, 0);
}

static inline int64_t tx_checks(const tx *x, const char *id) {
    for (int32_t i = 0; i < x->target->invariant_cnt; i++) {
        if (strcmp(x->target->invariants[i].id, id) == 0) {
            return x->target->checks(x->core, i);
        }
    }
    print_message("no invariant %s\n", id);
    fail();
    return -1;
}

/* Give everything back, judge, destroy: nothing may be found. */
static inline void tx_close(tx *x) {
    x->target->detach(x->th);
    tx_clean(x, RW_INSTANT | RW_QUIESCENT);
    x->target->close(x->core);
    tx_clean(x, RW_DESTROYED);
    x->target->destroy(x->core);
}

/* Free a core that was damaged on purpose and repaired again. */
static inline void tx_drop(tx *x) {
    x->target->detach(x->th);
    x->target->destroy(x->core);
}

#endif
