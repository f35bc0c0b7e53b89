/* The KV cache as a target: its tables, every operation in both layouts, threads, processes, snapshots. */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "target_fixture.h"

/* ---- Tables ---- */

static void test_the_tables_are_whole(void **state) {
    (void)state;
    const rw_target *t = rw_target_get();
    assert_int_equal(t->abi, RW_TARGET_ABI);
    assert_string_equal(t->name, "kvcache");
    for (int32_t i = 0; i < t->op_cnt; i++) {
        const rw_op_desc *d = &t->ops[i];
        size_t length = strlen(d->purpose);
        assert_true(length > 0 && d->purpose[length - 1] == '.');
        assert_true(d->arg_cnt >= 0 && d->arg_cnt <= RW_MAX_ARGS);
        for (int32_t a = 0; a < RW_MAX_ARGS; a++) {
            assert_int_equal(d->args[a] != NULL, a < d->arg_cnt);
        }
        for (int32_t k = 0; k < i; k++) {
            assert_string_not_equal(d->name, t->ops[k].name);
        }
    }
    assert_true(t->invariant_cnt <= 64); /* rw_outcome.checks */
    for (int32_t i = 0; i < t->invariant_cnt; i++) {
        assert_true(strlen(t->invariants[i].id) < RW_ID_LEN);
        assert_true(t->invariants[i].when != 0);
    }
    assert_int_equal(t->code_cnt, KV_RC_COUNT);
}

static void test_standards_are_the_cores(void **state) {
    (void)state;
    const rw_target *t = rw_target_get();
    kv_config cfg;
    kv_config_default(&cfg);
    int compared = 0;
#define STANDARD(field)                                                                                                \
    for (int32_t i = 0; i < t->param_cnt; i++) {                                                                       \
        if (strcmp(t->params[i].name, #field) == 0) {                                                                  \
            assert_int_equal(t->params[i].standard, (int64_t)cfg.field);                                               \
            assert_true(t->params[i].min <= t->params[i].standard && t->params[i].standard <= t->params[i].max);       \
            compared++;                                                                                                \
        }                                                                                                              \
    }
    STANDARD(memory_limit)
    STANDARD(max_cache_size)
    STANDARD(block_size)
    STANDARD(max_cpu)
    STANDARD(qclock_slots)
    STANDARD(station_slots)
    STANDARD(max_handles)
    STANDARD(handles_per_block)
    STANDARD(supply_num)
    STANDARD(retire_limit)
    STANDARD(wash_retire_limit)
    STANDARD(bucket_num)
    STANDARD(bucket_size)
    STANDARD(lock_stripes)
    STANDARD(hv_slots)
    STANDARD(hv_waiting)
    STANDARD(hp_cache)
    STANDARD(hp_batch)
    STANDARD(hp_per_block)
    STANDARD(node_block_size)
    STANDARD(sync_wash_timeout_us)
    STANDARD(sync_wash_steps)
    STANDARD(max_threads)
    STANDARD(zero_score_millis)
    STANDARD(buckets)
    STANDARD(handles)
    STANDARD(nodes)
    STANDARD(wash)
    STANDARD(backing)
    STANDARD(protect)
#undef STANDARD
    assert_int_equal(compared, t->param_cnt);
}

/* docs/invariants.md, whose rows `racewash list invariants` prints, says what the table says: | id | claim | when | */
static void test_the_document_is_the_table(void **state) {
    (void)state;
    const rw_target *t = rw_target_get();
    char path[1024], line[1024], row[1024];
    snprintf(path, sizeof path, "%s", __FILE__);
    char *slash = strrchr(path, '/');
    snprintf(slash != NULL ? slash + 1 : path, 64, "../../docs/invariants.md");
    FILE *doc = fopen(path, "r");
    assert_non_null(doc);
    int32_t met = 0;
    while (fgets(line, sizeof line, doc) != NULL) {
        if (strncmp(line, "| ", 2) != 0 || strncmp(line, "| Id ", 5) == 0) {
            continue;
        }
        assert_true(met < t->invariant_cnt);
        const rw_invariant_desc *d = &t->invariants[met++];
        const char *instant = (d->when & RW_INSTANT) != 0 ? "instant" : "";
        const char *quiescent = (d->when & RW_QUIESCENT) != 0 ? "quiescent" : "";
        const char *destroyed = (d->when & RW_DESTROYED) != 0 ? "destroyed" : "";
        snprintf(row, sizeof row, "| %s | %s | %s%s%s%s | ", d->id, d->claim, instant,
                 instant[0] != '\0' && quiescent[0] != '\0' ? ", " : "", quiescent, destroyed);
        line[strlen(row)] = '\0';
        assert_string_equal(line, row);
    }
    fclose(doc);
    assert_int_equal(met, t->invariant_cnt);
}

/* ---- Creation ---- */

static void refused(const rw_param *more, int64_t shared, const char *word) {
    const rw_target *t = rw_target_get();
    rw_param params[TX_PARAMS];
    char err[256] = "";
    assert_null(t->create(params, tx_params(params, TX_AFTER, more, 1), shared, err, sizeof err));
    assert_non_null(strstr(err, word));
    assert_int_equal(err[strlen(err) - 1], '.');
}

static void test_wrong_parameters_are_named(void **state) {
    (void)state;
    refused(&(rw_param){"max_handels", 3}, 0, "max_handels");
    refused(&(rw_param){"bucket_num", -1}, 0, "bucket_num");
    refused(&(rw_param){"block_size", 1028}, 0, "block_size");
    refused(&(rw_param){"max_handles", 12}, 4096, "4096");
    refused(&(rw_param){"backing", KV_BACKING_MALLOC}, TX_SHARED, "backing");
    refused(&(rw_param){"max_handles", 12}, 64 << 10, "65536"); /* room for the judge, none for the core */
    refused(&(rw_param){"bucket_num", 60000000}, 0, "NO_MEMORY");
}

/* ---- Every operation ---- */

static void pairs(tx *x) {
    assert_int_equal(RUN2("get", 33, 7), KV_NOT_FOUND);
    assert_int_equal(RUN3("put", 33, 7, 100), KV_OK);
    assert_int_equal(RUN3("put_absent", 33, 7, 100), KV_EXISTS);
    assert_int_equal(RUN3("put_absent", 33, 8, 1), KV_OK);
    for (int64_t bytes = 1; bytes < 40; bytes++) {
        assert_int_equal(RUN3("put", 1, bytes, bytes), KV_OK);
        assert_int_equal(RUN2("get", 1, bytes), KV_OK);
    }
    assert_int_equal(RUN3("put", 33, 9, TX_BLOCK - 32 - 40), KV_OK); /* exactly a block's payload */
    assert_int_equal(RUN3("put", 33, 10, TX_BLOCK), KV_OK);          /* larger: a block of its own */
    assert_int_equal(RUN2("get", 33, 10), KV_OK);
    assert_int_equal(RUN2("erase", 33, 10), KV_OK);
    assert_int_equal(RUN2("erase", 33, 10), KV_NOT_FOUND);
    assert_int_equal(RUN3("put", 33, 7, 0), KV_INVALID);
    assert_int_equal(RUN3("put", 33, 7, INT64_MAX), KV_INVALID);
    assert_int_equal(RUN3("put", -1, 7, 5), KV_INVALID);
    assert_int_equal(RUN3("put", 160, 7, 5), KV_INVALID);
    assert_int_equal(RUN2("get", 160, 7), KV_INVALID);
    assert_int_equal(RUN2("erase", -1, 7), KV_INVALID);
}

static void pins(tx *x) {
    assert_int_equal(RUN1("hold_verify", 0), KV_BAD_STATE);
    assert_int_equal(RUN1("hold_drop", 0), KV_BAD_STATE);
    assert_int_equal(RUN2("hold_share", 0, 1), KV_BAD_STATE);
    assert_int_equal(RUN3("get_hold", 0, 33, 99), KV_NOT_FOUND);
    assert_int_equal(RUN1("hold_verify", 0), KV_BAD_STATE); /* a miss leaves the slot empty */
    assert_int_equal(RUN3("put", 33, 7, 100), KV_OK);
    assert_int_equal(RUN3("get_hold", 0, 33, 7), KV_OK);
    assert_int_equal(RUN3("get_hold", 0, 33, 7), KV_BAD_STATE);
    assert_int_equal(RUN2("hold_share", 0, 0), KV_BAD_STATE);
    assert_int_equal(RUN2("hold_share", 0, 1), KV_OK);
    assert_int_equal(RUN2("hold_share", 1, 0), KV_BAD_STATE);
    assert_int_equal(RUN1("flush", 1), KV_OK);
    assert_int_equal(RUN3("put", 33, 7, 50), KV_OK);
    assert_int_equal(RUN1("flush", 1), KV_OK); /* what is pinned may be retired, but stays */
    assert_int_equal(RUN2("hold_share", 1, 2), KV_OK);
    tx_clean(x, RW_INSTANT | RW_QUIESCENT); /* with pins held */
    for (int slot = 0; slot < 3; slot++) {
        assert_int_equal(RUN1("hold_verify", slot), KV_OK);
        assert_int_equal(RUN1("hold_drop", slot), KV_OK);
        tx_clean(x, RW_QUIESCENT);
    }
    assert_int_equal(RUN3("get_hold", 8, 33, 7), KV_INVALID);
    assert_int_equal(RUN1("hold_drop", -1), KV_INVALID);
    assert_int_equal(RUN2("hold_share", 0, 9), KV_INVALID);
}

static void versions(tx *x) {
    assert_int_equal(RUN0("hv_drop"), KV_BAD_STATE);
    assert_int_equal(RUN3("put", 33, 7, 100), KV_OK);
    assert_int_equal(RUN0("hv_hold"), KV_OK);
    assert_int_equal(RUN0("hv_hold"), KV_BAD_STATE);
    assert_true(x->th->note_cnt > 0);
    assert_int_equal(RUN2("erase", 33, 7), KV_OK);
    assert_int_equal(RUN0("clean_garbage"), KV_OK);
    tx_clean(x, RW_INSTANT | RW_QUIESCENT); /* with a version held */
    assert_int_equal(RUN0("hv_drop"), KV_OK);
}

static void instances(tx *x) {
    assert_int_equal(RUN1("create_instance", 34), KV_OK);
    assert_int_equal(RUN1("create_instance", 160), KV_INVALID);
    for (int64_t key = 0; key < 6; key++) {
        assert_int_equal(RUN3("put", 34, key, 20), KV_OK);
        assert_int_equal(RUN3("put", 66, key, 20), KV_OK);
    }
    assert_int_equal(RUN0("replace_fragments"), KV_OK);
    assert_int_equal(RUN1("drop_instance", 34), KV_OK);
    tx_clean(x, RW_INSTANT | RW_QUIESCENT);
    assert_int_equal(RUN1("drop_instance", 5), KV_NOT_FOUND);
    assert_int_equal(RUN1("drop_instance", -5), KV_INVALID);
    assert_int_equal(RUN1("erase_cache", 2), KV_OK);
    assert_int_equal(RUN2("get", 66, 0), KV_NOT_FOUND);
    assert_int_equal(RUN1("erase_cache", 32), KV_INVALID);
    assert_int_equal(RUN1("erase_tenant", 1), KV_OK);
    assert_int_equal(RUN1("erase_tenant", 5), KV_INVALID);
    assert_int_equal(RUN0("erase_all"), KV_OK);
}

static void blocks(tx *x) {
    assert_int_equal(RUN1("supply", 2), KV_OK);
    assert_int_equal(RUN1("supply", 0), KV_INVALID);
    assert_int_equal(RUN2("ensure", 3, 12), KV_OK);
    assert_int_equal(RUN2("ensure", 5, 5), KV_OK);
    assert_int_equal(RUN2("ensure", 5, 13), KV_INVALID);
    assert_int_equal(RUN2("ensure", -1, 3), KV_INVALID);
    assert_int_equal(RUN0("block_pointers"), KV_OK);
    assert_int_equal(RUN1("free_mb", 0), KV_BAD_STATE);
    assert_int_equal(RUN2("fill_mb", 0, 1), KV_BAD_STATE);
    assert_int_equal(RUN3("alloc_mb", KV_LRU, TX_BLOCK, 0), KV_OK);
    assert_int_equal(RUN3("alloc_mb", KV_LRU, TX_BLOCK, 0), KV_BAD_STATE);
    assert_int_equal(RUN3("alloc_mb", KV_LFU, TX_BLOCK / 2, 1), KV_OK);
    assert_int_equal(RUN3("alloc_mb", 2, TX_BLOCK, 2), KV_INVALID);
    assert_int_equal(RUN3("alloc_mb", KV_LRU, 32, 2), KV_INVALID);
    assert_int_equal(RUN3("alloc_mb", KV_LRU, TX_BLOCK, 8), KV_INVALID);
    assert_int_equal(RUN2("fill_mb", 0, 3), KV_OK);
    assert_int_equal(RUN2("fill_mb", 1, 1), KV_OK);
    assert_int_equal(RUN2("fill_mb", 0, 100), KV_OVERFLOW);
    assert_int_equal(RUN2("fill_mb", 0, 0), KV_INVALID);
    assert_int_equal(RUN0("traverse"), KV_OK);
    assert_int_equal(RUN0("mb_info"), KV_OK);
    tx_clean(x, RW_INSTANT | RW_QUIESCENT); /* with blocks in a thread's hands */
    assert_int_equal(RUN1("free_mb", 0), KV_OK);
    assert_int_equal(RUN1("free_mb", 0), KV_BAD_STATE);
    assert_int_equal(RUN1("free_mb", 1), KV_OK);
    tx_clean(x, RW_QUIESCENT); /* retired, not reclaimed */
    assert_int_equal(RUN0("reclaim"), KV_OK);
    tx_clean(x, RW_QUIESCENT);
    assert_int_equal(RUN0("purge"), KV_OK);
}

static void washes(tx *x) {
    assert_int_equal(RUN0("refresh_score"), KV_OK);
    assert_int_equal(RUN2("set_priority", 1, 10), KV_OK);
    assert_int_equal(RUN2("set_priority", 32, 10), KV_INVALID);
    assert_int_equal(RUN2("set_hold_size", 1, TX_BLOCK), KV_OK);
    assert_int_equal(RUN2("set_hold_size", 1, -1), KV_INVALID);
    assert_int_equal(RUN1("wash", 0), KV_OK);
    assert_int_equal(RUN1("wash", 2 * TX_BLOCK), KV_OK);
    assert_int_equal(RUN1("wash", -1), KV_INVALID);
    assert_int_equal(RUN1("sync_wash", 64 * TX_BLOCK), KV_NOT_ENOUGH);
    assert_int_equal(RUN1("sync_wash", -1), KV_INVALID);
    assert_int_equal(RUN1("flush", 0), KV_OK);
    assert_int_equal(RUN0("check_now"), KV_OK);
}

static void memory(tx *x) {
    assert_int_equal(RUN1("node_free", 0), KV_BAD_STATE);
    assert_int_equal(RUN2("node_alloc", 0, 80), KV_OK);
    assert_int_equal(RUN2("node_alloc", 0, 80), KV_BAD_STATE);
    assert_int_equal(RUN2("node_alloc", 1, TX_BLOCK + 1), KV_OK);
    assert_int_equal(RUN2("node_alloc", 1, 0), KV_INVALID);
    assert_int_equal(RUN1("la_free", 0), KV_BAD_STATE);
    assert_int_equal(RUN3("la_alloc", 0, KV_L_USER, 1), KV_OK);
    assert_int_equal(RUN3("la_alloc", 0, KV_L_USER, 1), KV_BAD_STATE);
    assert_int_equal(RUN3("la_alloc", 1, KV_L_USER, 3 << 20), KV_OK);
    assert_int_equal(RUN3("la_alloc", 2, KV_L_MAP_NODE, 8), KV_INVALID); /* the core's own */
    tx_clean(x, RW_INSTANT | RW_QUIESCENT);                              /* with nodes and objects held */
    assert_int_equal(RUN1("set_limit", 4 << 20), KV_OK);
    assert_int_equal(RUN3("la_alloc", 2, KV_L_USER, 8 << 20), KV_NO_MEMORY);
    assert_int_equal(RUN1("set_limit", 64 << 20), KV_OK);
    assert_int_equal(RUN1("set_limit", -1), KV_INVALID);
    assert_int_equal(RUN0("read_accounts"), KV_OK);
    assert_int_equal(RUN0("la_wash"), KV_OK);
    assert_int_equal(RUN0("hp_wash"), KV_OK);
    assert_int_equal(RUN1("node_free", 1), KV_OK);
    assert_int_equal(RUN1("la_free", 1), KV_OK);
    rw_op none = {.code = x->target->op_cnt};
    assert_int_equal(x->target->run(x->th, &none), KV_INVALID);
}

static void every_operation(unsigned layout, int64_t shared, const rw_param *more, int32_t n) {
    void (*const parts[])(tx *x) = {pairs, pins, versions, instances, blocks, washes, memory};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        tx x;
        tx_open_with(&x, layout, shared, more, n);
        tx_clean(&x, RW_INSTANT | RW_QUIESCENT);
        parts[i](&x);
        tx_clean(&x, RW_INSTANT | RW_QUIESCENT);
        tx_close(&x);
    }
}

static void test_every_operation_in_every_layout(void **state) {
    (void)state;
    for (unsigned layout = TX_BEFORE; layout <= TX_AFTER; layout++) {
        every_operation(layout, 0, NULL, 0);
    }
    every_operation(TX_AFTER, 0, &(rw_param){"backing", KV_BACKING_MALLOC}, 1);
    every_operation(TX_BEFORE, 0, &(rw_param){"backing", KV_BACKING_MALLOC}, 1);
    every_operation(TX_AFTER, 0, &(rw_param){"protect", KV_PROTECT_REFCNT}, 1);
    every_operation(TX_AFTER, TX_SHARED, NULL, 0);
    every_operation(TX_BEFORE, TX_SHARED, NULL, 0);
}

/* What a thread still holds goes back with it, whatever it is. */
static void test_detach_gives_everything_back(void **state) {
    (void)state;
    for (unsigned layout = TX_BEFORE; layout <= TX_AFTER; layout += TX_AFTER) {
        tx y, *x = &y;
        tx_open(x, layout);
        assert_int_equal(RUN3("put", 1, 1, 100), KV_OK);
        assert_int_equal(RUN3("get_hold", 0, 1, 1), KV_OK);
        assert_int_equal(RUN2("hold_share", 0, 1), KV_OK);
        assert_int_equal(RUN0("hv_hold"), KV_OK);
        assert_int_equal(RUN3("alloc_mb", KV_LRU, TX_BLOCK, 3), KV_OK);
        assert_int_equal(RUN2("fill_mb", 3, 2), KV_OK);
        assert_int_equal(RUN2("node_alloc", 7, 10), KV_OK);
        assert_int_equal(RUN3("la_alloc", 7, KV_L_USER, 10), KV_OK);
        tx_clean(x, RW_INSTANT | RW_QUIESCENT);
        tx_close(x);
    }
}

/* ---- Threads and processes ---- */

typedef struct worker {
    tx *x;
    int index, steps;
    pthread_t thread;
} worker;

static uint64_t random_of(uint64_t *state) { /* xorshift64*, Vigna */
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

/* Operations that only say what must be so: at random they say what need not be. */
static bool is_claim(const tx *x, int32_t code) {
    return strcmp(x->target->ops[code].name, "must") == 0 || strcmp(x->target->ops[code].name, "figure") == 0;
}

/* Any other operation with arguments that are mostly in range; slots are filled and dropped without a plan. */
static rw_op random_op(const tx *x, uint64_t *r) {
    static const int64_t small[] = {0, 1, 2, 3, 32, 33, 40, 100, 500, TX_BLOCK, 2 * TX_BLOCK};
    rw_op op = {.code = -1};
    do {
        op.code = (int32_t)(random_of(r) % (uint64_t)x->target->op_cnt);
    } while (is_claim(x, op.code));
    const rw_op_desc *d = &x->target->ops[op.code];
    for (int32_t a = 0; a < d->arg_cnt; a++) {
        op.arg[a] = small[random_of(r) % 11];
        if (strcmp(d->args[a], "slot") == 0 || strcmp(d->args[a], "from") == 0 || strcmp(d->args[a], "to") == 0) {
            op.arg[a] = (int64_t)(random_of(r) % 4);
        } else if (strcmp(d->args[a], "instance") == 0) {
            op.arg[a] = (int64_t)(random_of(r) % 2 + 32 * (random_of(r) % 2));
        } else if (strcmp(d->args[a], "key") == 0) {
            op.arg[a] = (int64_t)(random_of(r) % 6);
        } else if (strcmp(d->args[a], "policy") == 0) {
            op.arg[a] = (int64_t)(random_of(r) % 2);
        } else if (strcmp(d->args[a], "label") == 0) {
            op.arg[a] = KV_L_USER;
        }
    }
    if (strcmp(d->name, "set_limit") == 0) {
        op.arg[0] = (int64_t)(random_of(r) % 8 + 4) << 20;
    } else if (strcmp(d->name, "erase_all") == 0 && random_of(r) % 4 != 0) {
        op.code = tx_code(x, "put");
        op.arg[1] = 1, op.arg[2] = 60;
    }
    return op;
}

static void *work(void *arg) {
    worker *w = arg;
    uint64_t r = 77 + (uint64_t)w->index;
    rw_thread *th = w->x->target->attach(w->x->core, w->index);
    if (th == NULL) {
        return "no room";
    }
    for (int i = 0; i < w->steps; i++) {
        rw_op op = random_op(w->x, &r);
        if (w->x->target->run(th, &op) < 0) {
            break; /* recorded */
        }
    }
    w->x->target->detach(th);
    return NULL;
}

enum { WORKERS = 4, STEPS = 1500, CHECKS = 20 };

static void race(tx *x) {
    worker workers[WORKERS];
    for (int i = 0; i < WORKERS; i++) {
        workers[i] = (worker){.x = x, .index = i + 1, .steps = STEPS};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < CHECKS; i++) {
        x->target->check(x->core, RW_INSTANT);
    }
    for (int i = 0; i < WORKERS; i++) {
        void *result;
        pthread_join(workers[i].thread, &result);
        assert_null(result);
    }
}

/* Every invariant that operations and instant checks can judge has been; F1 and F2 are judged where something fails, C2 where a
 * program claims something, B1 beside the dead. */
static void all_judged(const tx *x) {
    for (int32_t i = 0; i < x->target->invariant_cnt; i++) {
        const char *id = x->target->invariants[i].id;
        if (id[0] == 'F' || id[0] == 'B' || strcmp(id, "C2") == 0) {
            continue;
        }
        if (x->target->checks(x->core, i) == 0) {
            print_message("%s was never judged\n", x->target->invariants[i].id);
        }
        assert_true(x->target->checks(x->core, i) > 0);
    }
}

static void test_threads_race_and_nothing_is_found(void **state) {
    (void)state;
    for (int turn = 0; turn < 4; turn++) {
        tx x;
        tx_open_with(&x, turn % 2 == 0 ? TX_AFTER : TX_BEFORE, 0, &(rw_param){"backing", turn / 2}, 1);
        race(&x);
        x.target->detach(x.th);
        tx_clean(&x, RW_QUIESCENT);
        x.target->close(x.core);
        tx_clean(&x, RW_DESTROYED);
        all_judged(&x);
        x.target->destroy(x.core);
    }
}

/* Process `index` of a race: the last one checks, the others run. One thread each: where two threads of a process meet
 * through a third process, libtsan sees no order between them and reports races that are none. */
static void race_as_process(tx *x, int index) {
    worker w = {.x = x, .index = index + 1, .steps = STEPS};
    for (int i = 0; index == WORKERS && i < CHECKS; i++) {
        x->target->check(x->core, RW_INSTANT);
    }
    _exit(index == WORKERS || work(&w) == NULL ? 0 : 1);
}

/* What is found and what is judged in another process lies in the shared core. */
static void test_processes_share_a_core(void **state) {
    (void)state;
    for (unsigned layout = TX_BEFORE; layout <= TX_AFTER; layout += TX_AFTER) {
        tx x;
        tx_open_with(&x, layout, TX_SHARED, NULL, 0);
        for (int i = 0; i <= WORKERS; i++) {
            if (fork() == 0) {
                race_as_process(&x, i);
            }
        }
        for (int i = 0; i <= WORKERS; i++) {
            int status;
            assert_true(wait(&status) > 0);
            assert_int_equal(status, 0);
        }
        assert_true(tx_checks(&x, "C1") >= WORKERS);
        assert_true(tx_checks(&x, "I3") >= CHECKS);
        tx_close(&x);
    }
}

static void test_processes_share_what_is_found(void **state) {
    (void)state;
    tx x;
    tx_open_with(&x, TX_AFTER, TX_SHARED, NULL, 0);
    if (fork() == 0) {
        kt_report(x.core, "Q7", "planted", __FILE__, __LINE__);
        _exit(0);
    }
    assert_true(wait(NULL) > 0);
    tx_only(&x, "Q7");
    tx_drop(&x);
}

static void test_contexts_are_limited(void **state) {
    (void)state;
    tx x;
    rw_thread *th[16];
    int32_t n = 0;
    tx_open(&x, TX_AFTER);
    while (n < 16 && (th[n] = x.target->attach(x.core, n)) != NULL) {
        n++;
    }
    assert_int_equal(n, 15); /* 16 in all */
    tx_clean(&x, RW_INSTANT | RW_QUIESCENT); /* the checker needs no room */
    while (n > 0) {
        x.target->detach(th[--n]);
    }
    tx_close(&x);
}

/* ---- Snapshots ---- */

static const rw_cell *cell_of(const rw_cell *cells, int32_t n, const char *group, const char *name, const char *field) {
    for (int32_t i = 0; i < n; i++) {
        if (strcmp(cells[i].group, group) == 0 && strcmp(cells[i].name, name) == 0 &&
            strcmp(cells[i].field, field) == 0) {
            return &cells[i];
        }
    }
    print_message("no cell %s %s %s\n", group, name, field);
    fail();
    return NULL;
}

static void test_snapshot(void **state) {
    (void)state;
    enum { CELLS = 512 };
    rw_cell *cells = calloc(CELLS, sizeof *cells);
    for (unsigned layout = TX_BEFORE; layout <= TX_AFTER; layout += TX_AFTER) {
        tx y, *x = &y;
        tx_open(x, layout);
        assert_int_equal(RUN3("put", 33, 1, 100), KV_OK);
        assert_int_equal(RUN2("get", 33, 1), KV_OK);
        int32_t n = x->target->snapshot(x->core, NULL, 0);
        assert_true(n > 100 && n < CELLS);
        assert_int_equal(x->target->snapshot(x->core, cells, 3), n);
        assert_int_equal(cells[3].group[0], 0); /* not beyond max */
        assert_int_equal(x->target->snapshot(x->core, cells, CELLS), n);
        assert_int_equal(cell_of(cells, n, "instances", "1/1", "pairs")->value, 1);
        assert_int_equal(cell_of(cells, n, "instances", "1/1", "hits")->value, 1);
        assert_int_equal(cell_of(cells, n, "handles", "array", "supplied")->value, 3);
        assert_int_equal(cell_of(cells, n, "handles", "pool", "length")->value, 2);
        assert_int_equal(cell_of(cells, n, "handles", "pool_slots", "used")->value, 12 * 8);
        assert_true(cell_of(cells, n, "handles", "pool_slots", "hold")->value >= 12 * 8);
        assert_int_equal(cell_of(cells, n, "store", "handles", "using")->value, 1);
        assert_int_equal(cell_of(cells, n, "map", "chains", "nodes")->value, 1);
        assert_int_equal(cell_of(cells, n, "labels", "CACHE_INST_MAP", "count")->value, 2);
        assert_true(cell_of(cells, n, "labels", "KvstCachWashStr", "peak_hold")->value > 0);
        assert_true(cell_of(cells, n, "totals", "all", "chunk_bytes")->value > 0);
        for (int32_t i = 0; i < n; i++) { /* every name is whole and there once */
            assert_ptr_equal(cell_of(cells, n, cells[i].group, cells[i].name, cells[i].field), &cells[i]);
        }
        memset(cells, 0, CELLS * sizeof *cells);
        tx_close(x);
    }
    free(cells);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_tables_are_whole),
        cmocka_unit_test(test_standards_are_the_cores),
        cmocka_unit_test(test_the_document_is_the_table),
        cmocka_unit_test(test_wrong_parameters_are_named),
        cmocka_unit_test(test_every_operation_in_every_layout),
        cmocka_unit_test(test_detach_gives_everything_back),
        cmocka_unit_test(test_threads_race_and_nothing_is_found),
        cmocka_unit_test(test_processes_share_a_core),
        cmocka_unit_test(test_processes_share_what_is_found),
        cmocka_unit_test(test_contexts_are_limited),
        cmocka_unit_test(test_snapshot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
