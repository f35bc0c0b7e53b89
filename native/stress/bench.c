/* `racewash bench`: the KV cache's speed by kind, measured inside C. Knows the core itself, as the driver doesn't.
 *
 *   driver              a program of traffic and washes by rw_execute: progress, codes, sampled latencies, a deadline,
 *                       and all that the target checks
 *   bare                the same calls of the core in the same order, by a thread that does nothing else
 *   get                 gets, each protected by a hazard pointer; each thread has an instance and blocks of its own
 *   traverse-segmented  visits of handles by the core's own traversal, which protects each; the layout after
 *   traverse-flat       the same, the layout before
 *   count               additions: what the machine itself makes of a second thread
 *   segments            whole executions of workload B, each with its own four threads
 */
#include <stdlib.h>

#include "bench.h"

enum {
    LATENCY_EVERY = 64, /* as runs have it */
    NEVER_MS = 1 << 30,
    HANDLE_BLOCK_BYTES = 8192,
    MAX_PARAMS = 32,
    FAILED = -1
};

static const uint64_t NEVER = UINT64_MAX; /* a start that doesn't come */

/* ---- Threads ---- */

static void *lane_main(void *arg) {
    bench_lane *lane = arg;
    bench *b = lane->b;
    unsigned spins = 0;
    uint64_t started;
    if (at_add(&b->arrived, 1, acq_rel) + 1 == b->threads) {
        at_store(&b->started_ns, prim_now_ns(), release);
    }
    while ((started = at_load(&b->started_ns, acquire)) == 0) {
        cpu_relax(&spins);
    }
    if (started != NEVER) {
        b->loop(lane);
    }
    lane->ended_ns = prim_now_ns();
    return NULL;
}

/* From the barrier to the last thread's end. */
static int64_t run_lanes(bench *b) {
    int32_t made = 0;
    uint64_t last = 0;
    while (made < b->threads && pthread_create(&b->lanes[made].thread, NULL, lane_main, &b->lanes[made]) == 0) {
        made++;
    }
    if (made < b->threads) {
        at_store(&b->started_ns, NEVER, release);
    }
    for (int32_t i = 0; i < made; i++) {
        pthread_join(b->lanes[i].thread, NULL);
        last = b->lanes[i].ended_ns > last ? b->lanes[i].ended_ns : last;
    }
    return made < b->threads ? FAILED : (int64_t)(last - at_load(&b->started_ns, relaxed));
}

/* ---- A core with pairs ---- */

static int32_t code_of(const rw_target *target, const char *name) {
    int32_t code = 0;
    while (code < target->op_cnt && strcmp(target->ops[code].name, name) != 0) {
        code++;
    }
    return code; /* op_cnt: none, which running it says */
}

static bool run_op(bench *b, const char *name, int64_t first, int64_t second, int64_t third) {
    rw_op op = {.code = code_of(b->target, name), .arg = {first, second, third}};
    return b->target->run(b->lanes[0].context, &op) == KV_OK;
}

static bool open_lanes(bench *b, const rw_param *params, int32_t cnt) {
    char err[RW_TEXT_LEN];
    b->core = b->target->create(params, cnt, 0, err, sizeof err);
    bool good = b->core != NULL;
    for (int32_t i = 0; good && i < b->threads; i++) {
        b->lanes[i].context = b->target->attach(b->core, i);
        good = b->lanes[i].context != NULL;
    }
    return good;
}

static void close_lanes(bench *b) {
    for (int32_t i = 0; i < b->threads && b->lanes[i].context != NULL; i++) {
        b->target->detach(b->lanes[i].context);
    }
    if (b->core != NULL) {
        b->target->destroy(b->core);
    }
}

static bool put_pairs(bench *b, int32_t instances) {
    bool good = true;
    for (int64_t i = 0; good && i < (int64_t)instances * BENCH_KEYS; i++) {
        good = run_op(b, "put", i / BENCH_KEYS, i % BENCH_KEYS, BENCH_VALUE_BYTES);
    }
    return good;
}

/* As in a cache that has been filled, nearly all handles have a block; one pair in each, as large as fits. */
static bool put_blocks(bench *b) {
    int64_t bytes = HANDLE_BLOCK_BYTES - (int64_t)sizeof(kv_mem_block) - (int64_t)mb_pair_bytes(KT_KEY_BYTES, 0);
    bool good = run_op(b, "supply", BENCH_HANDLES, 0, 0);
    for (int64_t key = 0; good && key < BENCH_HANDLES * 15 / 16; key++) {
        good = run_op(b, "put", 0, key, bytes);
    }
    return good;
}

/* ---- Kinds ---- */

static int64_t measure_gets(bench *b, const rw_param *params, int32_t cnt, int32_t instances) {
    return open_lanes(b, params, cnt) && put_pairs(b, instances) ? run_lanes(b) : FAILED;
}

static int64_t measure_bare(bench *b, const rw_param *params, int32_t cnt) {
    b->loop = bench_bare;
    return measure_gets(b, params, cnt, 1);
}

static int64_t measure_get(bench *b, const rw_param *params, int32_t cnt) {
    b->loop = bench_get;
    /* Each thread its own instance, and so its own blocks: only before the pull request do instances have those. After
     * it the threads' pairs would lie in one block, and what is measured would be its counters' line going to and fro. */
    rw_param all[MAX_PARAMS + 1];
    if (cnt > 0) {
        memcpy(all, params, (size_t)cnt * sizeof *params);
    }
    all[cnt++] = (rw_param){"wash", KV_WASH_PREALLOCATED};
    return b->threads <= KV_MAX_CACHE_NUM * KV_MAX_TENANT_NUM ? measure_gets(b, all, cnt, b->threads) : FAILED;
}

static int64_t measure_count(bench *b, const rw_param *params, int32_t cnt) {
    (void)params, (void)cnt;
    b->loop = bench_count;
    return run_lanes(b);
}

static int64_t measure_traversal(bench *b, const rw_param *params, int32_t cnt, kv_handles_layout layout) {
    rw_param all[MAX_PARAMS + 3];
    if (cnt > 0) {
        memcpy(all, params, (size_t)cnt * sizeof *params);
    }
    all[cnt++] = (rw_param){"handles", layout};
    all[cnt++] = (rw_param){"max_handles", BENCH_HANDLES};
    all[cnt++] = (rw_param){"block_size", HANDLE_BLOCK_BYTES};
    b->loop = bench_traverse;
    return open_lanes(b, all, cnt) && put_blocks(b) ? run_lanes(b) : FAILED;
}

static int64_t measure_segmented(bench *b, const rw_param *params, int32_t cnt) {
    return measure_traversal(b, params, cnt, KV_HANDLES_SEGMENTED);
}

static int64_t measure_flat(bench *b, const rw_param *params, int32_t cnt) {
    return measure_traversal(b, params, cnt, KV_HANDLES_FLAT);
}

/* A whole execution, as runs make them; its own clock, from the barrier on. */
static int64_t measure_driver(bench *b, const rw_param *params, int32_t cnt) {
    rw_op puts[BENCH_KEYS], ops[BENCH_KEYS];
    for (int64_t i = 0; i < BENCH_KEYS; i++) {
        puts[i] = (rw_op){.code = code_of(b->target, "put"), .arg = {0, i, BENCH_VALUE_BYTES}};
        ops[i] = (rw_op){.code = code_of(b->target, bench_step_name(i))};
        if (bench_step_has_key(i)) {
            ops[i].arg[1] = bench_key_at(i);
            ops[i].arg[2] = BENCH_VALUE_BYTES;
        }
    }
    rw_program program = {.ops = ops, .op_cnt = BENCH_KEYS};
    rw_plan plan = {.params = params,
                    .param_cnt = cnt,
                    .thread_cnt = b->threads,
                    .program_cnt = 1,
                    .programs = &program,
                    .setup = {.ops = puts, .op_cnt = BENCH_KEYS},
                    .rounds = (int32_t)(b->n / BENCH_KEYS),
                    .latency_every = LATENCY_EVERY,
                    .deadline_ms = NEVER_MS};
    rw_progress *progress = calloc(1, sizeof *progress);
    rw_outcome *out = calloc(1, sizeof *out);
    int64_t took = FAILED;
    int32_t cells;
    if (progress != NULL && out != NULL && rw_execute(b->target, &plan, progress, out, NULL, 0, &cells) == RW_DONE &&
        out->ops == b->n * (uint64_t)b->threads) {
        took = (int64_t)out->nanoseconds;
    }
    free(progress);
    free(out);
    return took;
}

static int64_t measure_segments(bench *b, const rw_param *params, int32_t cnt) {
    (void)params, (void)cnt;
    return bench_segments(b->n);
}

static const struct {
    const char *name;
    int64_t (*measure)(bench *b, const rw_param *params, int32_t cnt);
    int64_t whole; /* operations come in multiples of it */
} kinds[] = {
    {"driver", measure_driver, BENCH_KEYS},
    {"bare", measure_bare, BENCH_KEYS},
    {"get", measure_get, BENCH_KEYS},
    {"traverse-segmented", measure_segmented, BENCH_HANDLES},
    {"traverse-flat", measure_flat, BENCH_HANDLES},
    {"count", measure_count, 1},
    {"segments", measure_segments, 1},
};

RW_EXPORT int64_t rw_bench(const char *kind, int32_t threads, int64_t n, const rw_param *params, int32_t param_cnt) {
    size_t i = 0;
    while (i < sizeof kinds / sizeof kinds[0] && strcmp(kinds[i].name, kind) != 0) {
        i++;
    }
    if (i == sizeof kinds / sizeof kinds[0] || threads < 1 || threads > RW_MAX_THREADS || n < 1 || param_cnt < 0 ||
        param_cnt > MAX_PARAMS) {
        return FAILED;
    }
    int64_t whole = kinds[i].whole, done = (n + whole - 1) / whole * whole;
    bench *b = aligned_alloc(_Alignof(bench), sizeof *b);
    if (b == NULL) {
        return FAILED;
    }
    memset(b, 0, sizeof *b);
    b->target = rw_target_get();
    b->threads = threads;
    b->n = (uint64_t)done;
    for (int32_t lane = 0; lane < threads; lane++) {
        b->lanes[lane].b = b;
        b->lanes[lane].index = lane;
    }
    int64_t took = kinds[i].measure(b, params, param_cnt);
    close_lanes(b);
    free(b);
    return took < 0 ? FAILED : (int64_t)((double)took * (double)n / (double)done);
}
