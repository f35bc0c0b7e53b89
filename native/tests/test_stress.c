/* The driver on a fake target: what is run, counted, judged and reported; sanitizers; the benchmark. */
#include "stress_fixture.h"

static int64_t sum(const uint64_t *values, int cnt) {
    int64_t all = 0;
    for (int i = 0; i < cnt; i++) {
        all += (int64_t)values[i];
    }
    return all;
}

/* ---- What is run and counted ---- */

static void check_counts(int32_t threads, int32_t processes) {
    fake *f = fake_world;
    rw_op ops[] = {OP(ADD, 1, 0), OP(ADD, 10, 3), OP(ADD, 100, 14), OP(ADD, 1000, 15), OP(ADD, 0, 99)};
    rw_op first[] = {OP(ADD, 1000000, 0)};
    rw_program programs[2] = {PROGRAM(ops), PROGRAM(ops)};
    programs[1].op_cnt = 2; /* odd threads */
    rw_plan plan = plan_of(programs, threads, processes);
    plan.program_cnt = 2;
    plan.setup = (rw_program)PROGRAM(first);
    plan.rounds = 3;
    plan.latency_every = 2;
    run(&plan, RW_DONE);
    int32_t odd = threads / 2, even = threads - odd;
    assert_int_equal(at_load(&f->sum, relaxed), 1000000 + 3 * (odd * 11 + even * 1111));
    assert_int_equal(out.ops, 3 * (odd * 2 + even * 5));
    assert_int_equal(out.violation_cnt, 0);
    assert_int_equal(out.message[0], 0);
    for (int32_t i = 0; i < threads; i++) {
        const rw_thread_stats *s = &out.stats[i];
        uint64_t own = i % 2 ? 6 : 15;
        assert_int_equal(s->ops, own);
        assert_int_equal(s->codes[0], 3);
        assert_int_equal(s->codes[3], 3);
        assert_int_equal(s->codes[14], i % 2 ? 0 : 3);
        assert_int_equal(s->codes[15], i % 2 ? 0 : 6);
        assert_int_equal(sum(s->codes, 16), own);
        assert_int_equal(sum(s->latency, RW_BUCKETS), (own + 1) / 2);
        assert_true(s->nanoseconds > 0 && s->nanoseconds <= out.nanoseconds);
        assert_int_equal(f->progress.tracks[i].ops, own);
        assert_int_equal(f->progress.tracks[i].started, own);
    }
    assert_int_equal(out.stats[threads].ops, 0);
    assert_int_equal(cell_cnt, 1);
    assert_int_equal(cell.value, at_load(&f->sum, relaxed));
    assert_int_equal(at_load(&f->attached, relaxed), threads + 1);
    assert_int_equal(at_load(&f->detached, relaxed), threads + 1);
    assert_int_equal(at_load(&f->at_quiescence, relaxed), threads + 1);
    assert_int_equal(at_load(&f->closed, relaxed), 1);
    assert_int_equal(at_load(&f->destroyed, relaxed), 1);
    assert_int_equal(out.checks[0], 1);
    assert_int_equal(out.checks[1], 1);
    assert_int_equal(f->progress.executions, 1);
    assert_int_equal(f->progress.thread_cnt, threads);
}

static void test_counts_of_threads(void **state) {
    (void)state;
    check_counts(5, 0);
}

static void test_counts_of_processes(void **state) {
    fake *f = *state;
    check_counts(5, 3); /* two of two threads, one of one */
    for (int32_t i = 0; i < 5; i++) {
        int64_t pid = at_load(&f->thread_pid[i], relaxed);
        assert_int_not_equal(pid, getpid());
        assert_true((pid == at_load(&f->thread_pid[0], relaxed)) == (i % 3 == 0));
    }
}

static void test_more_processes_than_threads(void **state) {
    (void)state;
    check_counts(2, 7);
}

static void test_setup_runs_first(void **state) {
    fake *f = *state;
    rw_op first[] = {OP(ADD, 5, 0), OP(STOP, 4)}, then[] = {OP(STOP, 3), OP(ADD, 7, 0)};
    rw_program program = PROGRAM(then);
    rw_plan plan = plan_of(&program, 1, 0);
    plan.setup = (rw_program)PROGRAM(first);
    run(&plan, RW_STOPPED); /* the thread's first operation was the third call */
    assert_int_equal(at_load(&f->sum, relaxed), 5);
    assert_int_equal(out.ops, 1);
}

static void test_all_threads_run_at_once(void **state) {
    fake *f = *state;
    rw_op ops[] = {OP(MEET, 12)};
    rw_program program = PROGRAM(ops);
    for (int32_t processes = 0; processes <= 3; processes += 3) {
        rw_plan plan = plan_of(&program, 12, processes);
        at_store(&f->met, 0, relaxed);
        run(&plan, RW_DONE); /* or for ever */
        assert_int_equal(out.ops, 12);
    }
}

static void test_nobody_detaches_while_others_run(void **state) {
    (void)state;
    rw_op watch[] = {OP(WATCH, 50)}, brief[] = {OP(ADD, 1, 0)};
    rw_program programs[2] = {PROGRAM(watch), PROGRAM(brief)};
    for (int32_t processes = 0; processes <= 2; processes += 2) {
        rw_plan plan = plan_of(programs, 2, processes);
        plan.program_cnt = 2;
        run(&plan, RW_DONE);
        assert_int_equal(out.stats[0].codes[0], 1);
    }
}

static void test_ring(void **state) {
    fake *f = *state;
    rw_op ops[75];
    for (int i = 0; i < 75; i++) {
        ops[i] = (rw_op)OP(ADD, i, i % 3, -i, 5);
    }
    rw_program program = PROGRAM(ops);
    rw_plan plan = plan_of(&program, 2, 0);
    run(&plan, RW_DONE);
    const rw_track *track = &f->progress.tracks[1];
    assert_int_equal(track->started, 75);
    for (int i = 75 - RW_RING; i < 75; i++) {
        assert_memory_equal(&track->ring[i % RW_RING], &ops[i], sizeof ops[i]);
    }
}

static void test_violations_are_collected(void **state) {
    (void)state;
    rw_op ops[] = {OP(VIOLATE, 1), OP(ADD, 1, 0)};
    rw_program program = PROGRAM(ops);
    rw_plan plan = plan_of(&program, 2, 0);
    run(&plan, RW_DONE);
    assert_int_equal(out.violation_cnt, 1);
    assert_string_equal(out.violations[0].text, "met on purpose");
    assert_int_equal(out.violations[0].count, 1);
    assert_int_equal(out.stats[0].codes[15], 1);
    assert_int_equal(out.ops, 4); /* a thread goes on after one */
}

/* ---- Ends ---- */

static void test_stop_flag(void **state) {
    fake *f = *state;
    rw_op ops[] = {OP(STOP, 1000)};
    rw_program program = PROGRAM(ops);
    for (int32_t processes = 0; processes <= 2; processes += 2) {
        f->progress.stop = 0;
        at_store(&f->calls, 0, relaxed);
        rw_plan plan = plan_of(&program, 2, processes);
        plan.rounds = INT32_MAX;
        run(&plan, RW_STOPPED);
        assert_int_equal(out.ops, at_load(&f->calls, relaxed));
        assert_int_equal(out.ops, out.stats[0].ops + out.stats[1].ops);
        assert_true(out.ops >= 1000);
        assert_true(out.nanoseconds > 0);
        assert_int_equal(cell_cnt, 1);
    }
    assert_int_equal(at_load(&f->quiescent, relaxed), 2);
    f->progress.stop = 0;
    at_store(&f->calls, 0, relaxed);
    rw_plan plan = plan_of(&program, 1, 0);
    plan.rounds = INT32_MAX;
    run(&plan, RW_STOPPED);
    assert_int_equal(out.ops, 1000); /* alone: exactly after the current operation */
}

static void test_deadline(void **state) {
    (void)state;
    rw_op ops[] = {OP(ADD, 1, 0)};
    rw_program program = PROGRAM(ops);
    for (int32_t every = 0; every <= 100; every += 50) {
        rw_plan plan = plan_of(&program, 3, 0);
        plan.rounds = INT32_MAX;
        plan.deadline_ms = 20;
        plan.latency_every = every;
        run(&plan, RW_DONE);
        assert_true(out.nanoseconds >= 20000000);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(sum(out.stats[i].latency, RW_BUCKETS), every ? (out.stats[i].ops + every - 1) / every : 0);
        }
    }
}

static void test_checker_runs_beside(void **state) {
    fake *f = *state;
    rw_op ops[] = {OP(CHECKED, 4)};
    rw_program program = PROGRAM(ops);
    for (int32_t processes = 0; processes <= 2; processes += 2) {
        at_store(&f->instant, 0, relaxed);
        rw_plan plan = plan_of(&program, 2, processes);
        plan.check_every_ms = 1;
        run(&plan, RW_DONE); /* or for ever */
        assert_true(out.checks[0] >= 5); /* at rest once more */
        assert_int_equal(at_load(&f->instant, relaxed), out.checks[0]);
    }
}

/* ---- Sanitizers ---- */

static void test_leak_belongs_to_its_execution(void **state) {
    fake *f = *state;
    rw_op ops[] = {OP(LEAK, 40)};
    rw_program program = PROGRAM(ops);
    rw_plan plan = plan_of(&program, 1, 0);
    run(&plan, RW_DONE);
    free((void *)~at_load(&f->leaked, relaxed));
    bool expected = strcmp(rw_build_kind(), "address") == 0;
    assert_int_equal(out.leaked, expected);
    assert_int_equal(strstr(out.message, "LeakSanitizer") != NULL, expected);
    plan.check_leaks = 0;
    run(&plan, RW_DONE);
    assert_int_equal(out.leaked, 0); /* nobody has looked */
    free((void *)~at_load(&f->leaked, relaxed));
    plan.check_leaks = 1;
    rw_op clean[] = {OP(ADD, 1, 0)};
    rw_program other = PROGRAM(clean);
    plan.programs = &other;
    run(&plan, RW_DONE);
    assert_int_equal(out.leaked, 0);
}

/* What a canary writes to stderr, in a process of its own. */
static void canary_report(void (*canary)(void), char *report, size_t size) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], STDERR_FILENO);
        canary();
        _exit(0);
    }
    close(ends[1]);
    size_t got = 0;
    for (ssize_t n; got < size - 1 && (n = read(ends[0], report + got, size - 1 - got)) > 0;) {
        got += (size_t)n;
    }
    report[got] = '\0';
    close(ends[0]);
    waitpid(pid, NULL, 0);
}

static void test_canaries_sing_every_time(void **state) {
    (void)state;
    static char report[1 << 16];
    const char *kind = rw_build_kind();
    for (int i = 0; i < 5; i++) {
        canary_report(rw_canary_race, report, sizeof report);
        assert_int_equal(strstr(report, "data race") != NULL, strcmp(kind, "thread") == 0);
        canary_report(rw_canary_overflow, report, sizeof report);
        assert_int_equal(strstr(report, "heap-buffer-overflow") != NULL, strcmp(kind, "address") == 0);
    }
}

static void test_sizes(void **state) {
    (void)state;
    assert_int_equal(rw_sizeof("rw_outcome"), sizeof(rw_outcome));
    assert_int_equal(rw_sizeof("rw_track"), 21 * 64); /* tracks share no cache line */
    assert_int_equal(rw_sizeof("rw_nothing"), 0);
}

/* ---- Bench, on the real core ---- */

static void test_bench_kinds(void **state) {
    (void)state;
    const char *const kinds[] = {"driver", "bare", "get", "traverse-segmented", "traverse-flat", "count"};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        assert_true(rw_bench(kinds[i], 2, 1000, NULL, 0) > 0);
    }
    rw_param unknown = {.name = "no_such_thing", .value = 1};
    assert_int_equal(rw_bench("get", 1, 1000, &unknown, 1), -1);
    assert_int_equal(rw_bench("nothing", 1, 1000, NULL, 0), -1);
    assert_int_equal(rw_bench("count", 0, 1000, NULL, 0), -1);
    assert_int_equal(rw_bench("count", RW_MAX_THREADS + 1, 1000, NULL, 0), -1);
    assert_int_equal(rw_bench("count", 1, 0, NULL, 0), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_counts_of_threads),
        TEST(test_counts_of_processes),
        TEST(test_more_processes_than_threads),
        TEST(test_setup_runs_first),
        TEST(test_all_threads_run_at_once),
        TEST(test_nobody_detaches_while_others_run),
        TEST(test_ring),
        TEST(test_violations_are_collected),
        TEST(test_stop_flag),
        TEST(test_deadline),
        TEST(test_checker_runs_beside),
        TEST(test_leak_belongs_to_its_execution),
        TEST(test_canaries_sing_every_time),
        TEST(test_sizes),
        TEST(test_bench_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
