/* The scheduled runtime from outside: it finds what is planted, is silent where nothing is, and repeats itself exactly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../sched/sched_api.h"
#include "misuse_target.h"

enum { EXECUTIONS = 1000, SEEDS = 10000, MANY = 8 };

static const char *const strategies[] = {"portfolio", "random", "pct", "pos", "surw", "guided"};
enum { STRATEGIES = sizeof strategies / sizeof strategies[0] };
static const char *own_path;

/* ---- Plans ---- */

typedef struct plan_of {
    rw_plan plan;
    rw_program programs[64];
    rw_op ops[64][MANY];
    rw_param param;
} plan_of;

static void add_op(plan_of *p, int thread, int32_t code, int64_t arg) {
    rw_program *program = &p->programs[thread];
    p->ops[thread][program->op_cnt++] = (rw_op){.code = code, .arg = {arg}};
    program->ops = p->ops[thread];
    p->plan.programs = p->programs;
    p->plan.rounds = 1;
    if (thread >= p->plan.thread_cnt) {
        p->plan.thread_cnt = p->plan.program_cnt = thread + 1;
    }
}

static plan_of segments_plan(int64_t defect) {
    static plan_of p;
    memset(&p, 0, sizeof p);
    p.param = (rw_param){"defect", defect};
    p.plan.params = &p.param;
    p.plan.param_cnt = 1;
    for (int thread = 0; thread < 3; thread++) {
        add_op(&p, thread, 0, 64);
        add_op(&p, thread, 0, 64);
    }
    add_op(&p, 3, 1, 0);
    return p;
}

/* A copy of the structure points into the original. */
static rw_plan *settled(plan_of *p) {
    for (int32_t i = 0; i < p->plan.program_cnt; i++) {
        p->programs[i].ops = p->ops[i];
    }
    p->plan.programs = p->programs;
    p->plan.params = p->plan.param_cnt > 0 ? &p->param : NULL;
    return &p->plan;
}

static rs_options options_of(const char *strategy, int64_t executions, int32_t flags) {
    return (rs_options){
        .strategy = strategy, .executions = executions, .first_seed = 1, .flags = flags, .preemption_bound = -1};
}

static const rs_finding *finding_of(const rs_result *result, int32_t kind) {
    for (int32_t i = 0; i < result->finding_cnt; i++) {
        if (result->findings[i].kind == kind) {
            return &result->findings[i];
        }
    }
    return NULL;
}

static void print_findings(const rs_result *result) {
    for (int32_t i = 0; i < result->finding_cnt; i++) {
        print_error("%s: %s\n", rs_finding_name(result->findings[i].kind), result->findings[i].message);
    }
}

static rs_result run_misuse(plan_of *p, rs_options options) {
    rs_result result;
    assert_int_equal(rs_explore(misuse_target(), settled(p), &options, &result), RS_DONE);
    return result;
}

/* Two threads with one operation each. */
static rs_result run_two(int32_t first, int64_t arg, int32_t second, int64_t arg2, int32_t flags) {
    static plan_of p;
    memset(&p, 0, sizeof p);
    add_op(&p, 0, first, arg);
    add_op(&p, 1, second, arg2);
    return run_misuse(&p, options_of("random", 400, flags));
}

static void expect_kind(rs_result result, int32_t kind) {
    if (finding_of(&result, kind) == NULL || result.finding_cnt != 1) {
        print_findings(&result);
        print_error("expected %s\n", rs_finding_name(kind));
        fail();
    }
    assert_true(finding_of(&result, kind)->confirmed);
}

static void expect_silence(rs_result result) {
    print_findings(&result);
    assert_int_equal(result.finding_cnt, 0);
}

/* ---- It finds ---- */

static void test_canary(void **state) {
    (void)state;
    char message[100];
    assert_int_equal(rs_canary(message, sizeof message), 1);
}

static void replays(const rw_target *target, const rw_plan *plan, const rs_finding *f, int32_t flags) {
    int32_t kind = f->kind, cnt = f->choice_cnt;
    uint64_t hash = f->trace_hash;
    rs_choice *list = malloc((size_t)cnt * sizeof *list + 1);
    memcpy(list, f->choices, (size_t)cnt * sizeof *list);
    for (int i = 0; i < 100; i++) {
        rs_options options = options_of(NULL, 1, flags | RS_NO_CONFIRM);
        rs_result result;
        assert_int_equal(rs_replay(target, plan, &options, list, cnt, &result), RS_DONE);
        assert_non_null(finding_of(&result, kind));
        assert_true(result.trace_hash == hash);
    }
    free(list);
}

static void test_each_seeded_defect_is_found_and_replayed(void **state) {
    (void)state;
    for (int64_t defect = 1; defect <= 5; defect++) {
        for (int s = 0; s < STRATEGIES; s++) {
            plan_of p = segments_plan(defect);
            rs_options options = options_of(strategies[s], EXECUTIONS, RS_RACES);
            rs_result result;
            assert_int_equal(rs_explore(rs_workload("segments"), settled(&p), &options, &result), RS_DONE);
            if (result.finding_cnt == 0) {
                fail_msg("%s did not find defect %d", strategies[s], (int)defect);
            }
            assert_true(result.findings[0].confirmed);
            if (s == 1 || s == 2) {
                replays(rs_workload("segments"), settled(&p), &result.findings[0], RS_RACES);
            }
        }
    }
}

static void test_nothing_is_found_where_nothing_is(void **state) {
    (void)state;
    for (int s = 0; s < STRATEGIES; s++) {
        plan_of p = segments_plan(0);
        rs_options options = options_of(strategies[s], EXECUTIONS, RS_RACES);
        rs_result result;
        assert_int_equal(rs_explore(rs_workload("segments"), settled(&p), &options, &result), RS_DONE);
        expect_silence(result);
        assert_int_equal(result.executions, EXECUTIONS);
        assert_true(result.distinct > EXECUTIONS / 10);
    }
}

static void test_heap(void **state) {
    (void)state;
    expect_kind(run_two(MIS_USE_AFTER_FREE, 0, MIS_NOTHING, 0, 0), RS_F_FREED);
    expect_kind(run_two(MIS_OUT_OF_BOUNDS, 0, MIS_NOTHING, 0, 0), RS_F_BOUNDS);
    expect_kind(run_two(MIS_LIBRARY_COPY, 0, MIS_NOTHING, 0, 0), RS_F_BOUNDS);
    expect_kind(run_two(MIS_DOUBLE_FREE, 0, MIS_NOTHING, 0, 0), RS_F_DOUBLE_FREE);
    expect_kind(run_two(MIS_BAD_FREE, 0, MIS_NOTHING, 0, 0), RS_F_BAD_FREE);
    expect_kind(run_two(MIS_LEAK, 0, MIS_NOTHING, 0, 0), RS_F_LEAK);
    rs_result result = run_two(MIS_FREED_UNDER, 0, MIS_FREE_SHARED, 0, 0);
    expect_kind(result, RS_F_FREED);
    const rs_finding *f = finding_of(&result, RS_F_FREED);
    for (int i = 0; i < 3; i++) {
        assert_true(f->stacks[i].depth > 0); /* access, free, allocation */
    }
}

static void test_locks(void **state) {
    (void)state;
    rs_result result = run_two(MIS_LOCK_AB, 0, MIS_LOCK_BA, 0, 0);
    expect_kind(result, RS_F_DEADLOCK);
    assert_non_null(strstr(finding_of(&result, RS_F_DEADLOCK)->message, "waits for a mutex of thread"));
    result = run_two(MIS_WAIT_FLAG, 0, MIS_SET_FLAG, 0, 0);
    expect_kind(result, RS_F_DEADLOCK); /* a lost wake-up */
    assert_non_null(strstr(finding_of(&result, RS_F_DEADLOCK)->message, "waits for a condition"));
    expect_kind(run_two(MIS_UNLOCK_OTHERS, 0, MIS_NOTHING, 0, 0), RS_F_MUTEX);
    expect_kind(run_two(MIS_LOCK_DESTROYED, 0, MIS_NOTHING, 0, 0), RS_F_MUTEX);
    expect_kind(run_two(MIS_UNINITIALISED, 0, MIS_NOTHING, 0, 0), RS_F_MUTEX);
    expect_silence(run_two(MIS_LOCK_AB, 0, MIS_LOCK_AB, 0, RS_RACES));
}

static void test_deaths_end_the_execution_only(void **state) {
    (void)state;
    expect_kind(run_two(MIS_ABORT, 0, MIS_NOTHING, 0, 0), RS_F_ABORT);
    expect_kind(run_two(MIS_ASSERT, 0, MIS_NOTHING, 0, 0), RS_F_ABORT);
    rs_result result = run_two(MIS_SEGV, 0, MIS_NOTHING, 0, 0);
    expect_kind(result, RS_F_SIGNAL);
    const rs_stack *s = &finding_of(&result, RS_F_SIGNAL)->stacks[0];
    assert_true(s->depth > 1);
    /* As a return address is: one after the beginning of the instruction. */
    assert_int_equal(s->pc[0], (uintptr_t)misuse_write + 1 - rs_module_base());
    expect_kind(run_two(MIS_RECURSE, 0, MIS_NOTHING, 0, 0), RS_F_OVERFLOW);
}

static void test_races(void **state) {
    (void)state;
    rs_result result = run_two(MIS_WRITE_WORD, 0, MIS_READ_WORD, 0, RS_RACES);
    const rs_finding *f = finding_of(&result, RS_F_RACE);
    assert_non_null(f);
    assert_true(f->stacks[0].depth > 1 && f->stacks[1].depth > 1);
    assert_int_equal(f->stacks[0].thread + f->stacks[1].thread, 1);
    assert_non_null(finding_of((result = run_two(MIS_WRITE_BYTE, 3, MIS_WRITE_BYTE, 3, RS_RACES), &result), RS_F_RACE));
    expect_silence(run_two(MIS_WRITE_BYTE, 2, MIS_WRITE_BYTE, 3, RS_RACES)); /* neighbours within a word */
    expect_silence(run_two(MIS_READ_WORD, 0, MIS_READ_WORD, 0, RS_RACES));
    expect_silence(run_two(MIS_LOCKED_ADD, 0, MIS_LOCKED_ADD, 0, RS_RACES));
    expect_silence(run_two(MIS_FENCED_PUT, 0, MIS_FENCED_GET, 0, RS_RACES));
    result = run_two(MIS_RELAXED_PUT, 0, MIS_RELAXED_GET, 0, RS_RACES);
    assert_non_null(finding_of(&result, RS_F_RACE));
    expect_silence(run_two(MIS_WRITE_WORD, 0, MIS_READ_WORD, 0, 0)); /* nobody looks */
}

/* More releases than a clock has ticks: what comes after them is not judged, and not misjudged. */
static void test_races_of_an_execution_that_wears_clocks_out(void **state) {
    (void)state;
    static plan_of p;
    rs_result result;
    memset(&p, 0, sizeof p);
    add_op(&p, 0, MIS_RELEASE_MANY, (1 << 24) + 1);
    add_op(&p, 1, MIS_NOTHING, 0);
    rs_options options = options_of(NULL, 1, RS_RACES | RS_NO_CONFIRM);
    options.step_bound = 1 << 25;
    assert_int_equal(rs_replay(misuse_target(), settled(&p), &options, NULL, 0, &result), RS_DONE);
    assert_true(result.max_steps > 1 << 24);
    expect_silence(result);
    expect_kind(run_two(MIS_WRITE_WORD, 0, MIS_WRITE_WORD, 0, RS_RACES), RS_F_RACE); /* it judges again */
}

/* ---- Spinning, time, depth ---- */

static void test_spinning(void **state) {
    (void)state;
    for (int s = 0; s < STRATEGIES; s++) {
        static plan_of p;
        memset(&p, 0, sizeof p);
        add_op(&p, 0, MIS_SPIN_FOR_FLAG, 0);
        add_op(&p, 1, MIS_SPIN_PLAIN_YIELD, 0);
        add_op(&p, 2, MIS_RAISE_FLAG, 0);
        rs_result result = run_misuse(&p, options_of(strategies[s], 300, 0));
        expect_silence(result);
        assert_int_equal(result.bounded, 0);
        assert_true(result.max_steps < 20000);
    }
    rs_result result = run_two(MIS_SPIN_FOR_EVER, 0, MIS_SPIN_FOR_EVER, 0, RS_NO_CONFIRM);
    assert_non_null(finding_of(&result, RS_F_LIVELOCK));
    assert_true(result.max_steps < 100000); /* seen as such, long before the bound */
}

static void test_time_is_virtual(void **state) {
    (void)state;
    rs_result result = run_two(MIS_SLEEP, 3600, MIS_READ_CLOCK_UNTIL, INT64_C(60000000000), 0);
    expect_silence(result);
    assert_true(result.nanoseconds < INT64_C(10000000000));
}

/* Whoever polls with a time-out is no spinner, however long that is. */
static void test_polling_ends(void **state) {
    (void)state;
    static plan_of p;
    memset(&p, 0, sizeof p);
    add_op(&p, 0, MIS_POLL_UNTIL, INT64_C(600000000000));
    add_op(&p, 1, MIS_POLL_UNTIL, INT64_C(600000000000));
    rs_result result = run_misuse(&p, options_of("portfolio", 100, 0));
    expect_silence(result);
    assert_int_equal(result.bounded, 0);
}

/* A queue must be able to hold ten: walks that are too even never get there. */
static void test_deep_states_are_reached(void **state) {
    (void)state;
    static plan_of p;
    memset(&p, 0, sizeof p);
    add_op(&p, 0, MIS_QUEUE_PUT, 0);
    add_op(&p, 1, MIS_QUEUE_TAKE, 0);
    p.plan.rounds = 12;
    rs_result result = run_misuse(&p, options_of("portfolio", 1000, 0));
    expect_kind(result, RS_F_INVARIANT);
}

static void test_many_threads(void **state) {
    (void)state;
    static plan_of p;
    memset(&p, 0, sizeof p);
    for (int thread = 0; thread < 64; thread++) {
        add_op(&p, thread, MIS_LOCKED_ADD, 0);
    }
    rs_result result = run_misuse(&p, options_of("portfolio", 40, RS_RACES));
    expect_silence(result);
    assert_int_equal(result.thread_max, 65);
}

/* Depth 3: A{0, 4}, B{1, 3}, C{2} and A{0, 3}, B{1, 4}, C{2} need two changes, each in another order of priorities. */
static void test_priorities_change_in_any_order(void **state) {
    (void)state;
    for (int64_t last = 3; last <= 4; last++) {
        static plan_of p;
        memset(&p, 0, sizeof p);
        add_op(&p, 0, MIS_COME, 0);
        add_op(&p, 0, MIS_COME, last);
        add_op(&p, 1, MIS_COME, 1);
        add_op(&p, 1, MIS_COME, 7 - last);
        add_op(&p, 2, MIS_COME, 2);
        rs_options options = options_of("pct", 5000, RS_ATTACHED);
        options.depth = 3;
        expect_kind(run_misuse(&p, options), RS_F_INVARIANT);
    }
}

/* What the race detector does again because its room was too small is not measured twice. */
static void test_room_is_no_matter_of_calibration(void **state) {
    (void)state;
    static plan_of p;
    memset(&p, 0, sizeof p);
    add_op(&p, 0, MIS_SPAWN, 0);
    rs_result small = run_misuse(&p, options_of("pct", 10, RS_RACES));
    expect_silence(small);
    assert_true(small.thread_max > 8);
    int64_t steps = small.calibration[0];
    assert_int_equal(steps, run_misuse(&p, options_of("pct", 10, 0)).calibration[0]);
}

/* Threads of the target's own begin before the last program's: each program's end is waited for all the same. */
static void test_a_target_may_start_threads_before_all_programs_run(void **state) {
    (void)state;
    static plan_of p;
    memset(&p, 0, sizeof p);
    add_op(&p, 0, MIS_SPAWN, 0);
    for (int32_t i = 0; i < 4; i++) {
        add_op(&p, 1, MIS_LOCKED_ADD, 0);
    }
    rs_result result = run_misuse(&p, options_of("random", 400, RS_RACES));
    expect_silence(result);
    assert_int_equal(result.operations, 400 * 5);
}

static void test_a_plan_whose_threads_find_no_room_is_refused(void **state) {
    (void)state;
    static plan_of p;
    memset(&p, 0, sizeof p);
    add_op(&p, 0, MIS_SPAWN, 250);
    add_op(&p, 1, MIS_NOTHING, 0);
    expect_kind(run_misuse(&p, options_of("pct", 40, RS_ATTACHED)), RS_F_CREATE);
}

/* ---- The instant check ---- */

/* It holds a while it waits for b: whoever waits for a then waits for the check, which can go on. */
static void test_the_check_goes_on_when_nobody_else_can(void **state) {
    (void)state;
    static plan_of p;
    memset(&p, 0, sizeof p);
    add_op(&p, 0, MIS_LOCK_ONE, 1);
    add_op(&p, 1, MIS_LOCK_ONE, 0);
    rs_options options = options_of("random", EXECUTIONS, 0);
    options.check_every = 1;
    expect_silence(run_misuse(&p, options));
}

/* ---- Exactness ---- */

static int write_hashes(const char *strategy, int64_t executions) {
    plan_of p = segments_plan(0);
    uint64_t *hashes = calloc((size_t)executions, sizeof *hashes);
    rs_options options = options_of(strategy, executions, 0);
    rs_result result;
    options.trace_hashes = hashes;
    if (rs_explore(rs_workload("segments"), settled(&p), &options, &result) != RS_DONE) {
        return 1;
    }
    size_t written = fwrite(hashes, sizeof *hashes, (size_t)executions, stdout);
    free(hashes);
    return written == (size_t)executions ? 0 : 1;
}

static void hashes_of_process(const char *strategy, uint64_t *out, size_t cnt) {
    char command[1000];
    snprintf(command, sizeof command, "%s hashes %s %zu", own_path, strategy, cnt);
    FILE *child = popen(command, "r");
    assert_non_null(child);
    assert_int_equal(fread(out, sizeof *out, cnt, child), cnt);
    assert_int_equal(pclose(child), 0);
}

static void test_processes_agree(void **state) {
    (void)state;
    uint64_t *first = calloc(SEEDS, sizeof *first), *second = calloc(SEEDS, sizeof *second);
    for (int s = 0; s < STRATEGIES; s++) {
        hashes_of_process(strategies[s], first, SEEDS / STRATEGIES);
        hashes_of_process(strategies[s], second, SEEDS / STRATEGIES);
        assert_memory_equal(first, second, SEEDS / STRATEGIES * sizeof *first);
    }
    free(first);
    free(second);
}

/* The same seed gives the same execution, wherever in a batch it comes and whatever the oracles. */
static void test_place_in_the_batch_does_not_matter(void **state) {
    (void)state;
    plan_of p = segments_plan(0);
    uint64_t together[64], alone;
    rs_options options = options_of("random", 64, 0);
    rs_result result;
    options.trace_hashes = together;
    rs_explore(rs_workload("segments"), settled(&p), &options, &result);
    for (int i = 63; i >= 0; i--) {
        options = options_of("random", 1, RS_RACES | RS_COVERAGE);
        options.first_seed = (uint64_t)i + 1;
        options.trace_hashes = &alone;
        rs_explore(rs_workload("segments"), settled(&p), &options, &result);
        assert_true(alone == together[i]);
    }
}

static void test_randomness_of_the_program_is_repeated(void **state) {
    (void)state;
    static plan_of p;
    uint64_t first[50], second[50];
    memset(&p, 0, sizeof p);
    add_op(&p, 0, MIS_RANDOM_BRANCH, 0);
    add_op(&p, 1, MIS_RANDOM_BRANCH, 0);
    rs_options options = options_of("random", 50, 0);
    options.trace_hashes = first;
    (void)run_misuse(&p, options);
    options.trace_hashes = second;
    (void)run_misuse(&p, options);
    assert_memory_equal(first, second, sizeof first);
}

static void test_any_part_of_a_list_is_a_list(void **state) {
    (void)state;
    plan_of p = segments_plan(1);
    rs_options options = options_of("random", 50, RS_FIRST_ONLY);
    rs_result result;
    rs_explore(rs_workload("segments"), settled(&p), &options, &result);
    assert_true(result.finding_cnt > 0);
    int32_t cnt = result.findings[0].choice_cnt;
    rs_choice *list = malloc((size_t)cnt * sizeof *list), *part = malloc((size_t)cnt * sizeof *part);
    memcpy(list, result.findings[0].choices, (size_t)cnt * sizeof *list);
    for (int32_t left_out = 0; left_out < cnt; left_out += 7) {
        int32_t n = 0;
        for (int32_t i = 0; i < cnt; i++) {
            if (i != left_out) {
                part[n++] = list[i];
            }
        }
        options = options_of(NULL, 1, RS_TOLERANT);
        assert_int_equal(rs_replay(rs_workload("segments"), settled(&p), &options, part, n, &result), RS_DONE);
        options = options_of(NULL, 1, 0);
        int32_t status = rs_replay(rs_workload("segments"), settled(&p), &options, part, n, &result);
        assert_true(status == RS_DONE || (status == RS_DIVERGED && result.diverged_at >= 0));
    }
    free(list);
    free(part);
}

static void test_hand_written_order(void **state) {
    (void)state;
    static plan_of p;
    rs_result result;
    memset(&p, 0, sizeof p);
    p.param = (rw_param){"expected", 2};
    p.plan.param_cnt = 1;
    add_op(&p, 0, 1, 1); /* add_torn: a load, then a store */
    add_op(&p, 1, 1, 1);
    const rs_leg legs[] = {{0, RS_P_STORE, 1}, {1, -1, 0}};
    rs_options options = options_of(NULL, 1, 0);
    assert_int_equal(rs_force(rs_workload("increments"), settled(&p), &options, legs, 2, &result), RS_DONE);
    assert_non_null(finding_of(&result, RS_F_INVARIANT));
    assert_int_equal(rs_force(rs_workload("increments"), settled(&p), &options, legs, 0, &result), RS_DONE);
    expect_silence(result);
}

/* ---- All of them ---- */

static rs_result search_all(int threads, int64_t adds, int32_t code, int32_t bound) {
    static plan_of p;
    rs_result result;
    memset(&p, 0, sizeof p);
    for (int thread = 0; thread < threads; thread++) {
        add_op(&p, thread, code, adds);
    }
    p.param = (rw_param){"expected", threads * adds};
    p.plan.param_cnt = 1;
    rs_options options = options_of("dfs", 0, 0);
    options.preemption_bound = bound;
    assert_int_equal(rs_explore(rs_workload("increments"), settled(&p), &options, &result), RS_DONE);
    return result;
}

static void test_exhaustive_search(void **state) {
    (void)state;
    rs_result result = search_all(2, 3, 0, -1);
    assert_int_equal(result.exhausted, 1);
    expect_silence(result);
    assert_true(result.executions >= 20); /* the orders of three and three */
    result = search_all(2, 2, 1, -1);
    assert_int_equal(result.exhausted, 1);
    assert_non_null(finding_of(&result, RS_F_INVARIANT));
    int64_t all = result.executions;
    result = search_all(2, 2, 1, 0); /* no preemption: no lost update */
    assert_int_equal(result.exhausted, 1);
    expect_silence(result);
    result = search_all(2, 2, 1, 1);
    assert_non_null(finding_of(&result, RS_F_INVARIANT));
    assert_true(result.executions < all);
}

/* Beyond the step bound the scheduler chooses itself: what that leaves out may be what is wrong. */
static void test_a_search_cut_short_is_not_exhausted(void **state) {
    (void)state;
    static const char *const searches[] = {"dfs", "dfs-plain"};
    for (int s = 0; s < 2; s++) {
        static plan_of p;
        rs_result result;
        memset(&p, 0, sizeof p);
        p.param = (rw_param){"expected", 42};
        p.plan.param_cnt = 1;
        for (int thread = 0; thread < 2; thread++) {
            add_op(&p, thread, 0, 20);
            add_op(&p, thread, 1, 1); /* add_torn */
        }
        rs_options options = options_of(searches[s], 0, 0);
        options.preemption_bound = 1;
        options.step_bound = 40;
        assert_int_equal(rs_explore(rs_workload("increments"), settled(&p), &options, &result), RS_DONE);
        assert_true(result.bounded > 0);
        assert_int_equal(result.exhausted, 0);
        options.step_bound = 0;
        assert_int_equal(rs_explore(rs_workload("increments"), settled(&p), &options, &result), RS_DONE);
        assert_non_null(finding_of(&result, RS_F_INVARIANT));
        assert_int_equal(result.exhausted, 1);
    }
}

/* Also where the reader uses another word than the object's first. */
static void test_an_exhaustive_search_frees_under_readers(void **state) {
    (void)state;
    for (int64_t byte = 0; byte <= 8; byte += 8) {
        static plan_of p;
        memset(&p, 0, sizeof p);
        add_op(&p, 0, MIS_FREED_UNDER, byte);
        add_op(&p, 1, MIS_FREE_SHARED, 0);
        rs_result result = run_misuse(&p, options_of("dfs", 0, 0));
        assert_int_equal(result.exhausted, 1);
        assert_non_null(finding_of(&result, RS_F_FREED));
    }
}

static void test_refusals(void **state) {
    (void)state;
    plan_of p = segments_plan(0);
    rs_options options = options_of("no such", 1, 0);
    rs_result result;
    assert_int_equal(rs_explore(rs_workload("segments"), settled(&p), &options, &result), RS_BAD_REQUEST);
    assert_string_equal(result.message, "there is no such strategy");
    options = options_of("random", 1, 0);
    options.memory_model = "tso";
    assert_int_equal(rs_explore(rs_workload("segments"), settled(&p), &options, &result), RS_BAD_REQUEST);
    options.memory_model = "sc";
    p.ops[0][0].code = 99;
    assert_int_equal(rs_explore(rs_workload("segments"), settled(&p), &options, &result), RS_BAD_REQUEST);
    options = options_of("random", 0, 0);
    p = segments_plan(0);
    assert_int_equal(rs_explore(rs_workload("segments"), settled(&p), &options, &result), RS_BAD_REQUEST);
    assert_null(rs_workload("no such"));
    assert_int_equal(rs_sizeof("rs_result"), sizeof(rs_result));
}

int main(int argc, char **argv) {
    own_path = argv[0];
    if (argc == 4 && strcmp(argv[1], "hashes") == 0) {
        return write_hashes(argv[2], atoll(argv[3]));
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_canary),
        cmocka_unit_test(test_each_seeded_defect_is_found_and_replayed),
        cmocka_unit_test(test_nothing_is_found_where_nothing_is),
        cmocka_unit_test(test_heap),
        cmocka_unit_test(test_locks),
        cmocka_unit_test(test_deaths_end_the_execution_only),
        cmocka_unit_test(test_races),
        cmocka_unit_test(test_races_of_an_execution_that_wears_clocks_out),
        cmocka_unit_test(test_spinning),
        cmocka_unit_test(test_time_is_virtual),
        cmocka_unit_test(test_polling_ends),
        cmocka_unit_test(test_deep_states_are_reached),
        cmocka_unit_test(test_many_threads),
        cmocka_unit_test(test_priorities_change_in_any_order),
        cmocka_unit_test(test_room_is_no_matter_of_calibration),
        cmocka_unit_test(test_a_target_may_start_threads_before_all_programs_run),
        cmocka_unit_test(test_a_plan_whose_threads_find_no_room_is_refused),
        cmocka_unit_test(test_the_check_goes_on_when_nobody_else_can),
        cmocka_unit_test(test_processes_agree),
        cmocka_unit_test(test_place_in_the_batch_does_not_matter),
        cmocka_unit_test(test_randomness_of_the_program_is_repeated),
        cmocka_unit_test(test_any_part_of_a_list_is_a_list),
        cmocka_unit_test(test_hand_written_order),
        cmocka_unit_test(test_exhaustive_search),
        cmocka_unit_test(test_a_search_cut_short_is_not_exhausted),
        cmocka_unit_test(test_an_exhaustive_search_frees_under_readers),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
