/* The driver on a fake target: what is run, counted, judged and reported; processes that die; nothing stays behind. */
#include "../stress/stress.h"
#include "fake_target.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define OP(name, ...)                                                                                                  \
    {                                                                                                                  \
        .code = FAKE_##name, .arg = {__VA_ARGS__}                                                                      \
    }
#define PROGRAM(array) {.ops = (array), .op_cnt = (int32_t)(sizeof(array) / sizeof(array)[0])}

static rw_outcome out;
static rw_cell cell;
static int32_t cell_cnt;

static int open_world(void **state) {
    fake_world = mmap(NULL, sizeof *fake_world, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    fake_world->attach_limit = INT64_MAX;
    fake_world->crash_attaching = -1;
    *state = fake_world;
    return 0;
}

/* After every test: what was attached is detached (unless a process died with it), and no process is left. */
static int close_world(void **state) {
    errno = 0;
    int left = waitpid(-1, NULL, WNOHANG), why = errno;
    munmap(*state, sizeof *fake_world);
    return left == -1 && why == ECHILD ? 0 : -1;
}

static rw_plan plan_of(const rw_program *program, int32_t threads, int32_t processes) {
    return (rw_plan){.thread_cnt = threads,
                     .process_cnt = processes,
                     .program_cnt = 1,
                     .programs = program,
                     .rounds = 1,
                     .shared_bytes = processes > 0 ? 4096 : 0,
                     .check_leaks = 1};
}

static void run(const rw_plan *plan, int32_t status) {
    assert_int_equal(rw_execute(&fake_target, plan, &fake_world->progress, &out, &cell, 1, &cell_cnt), status);
    assert_int_equal(out.status, status);
    assert_int_equal(fake_world->progress.phase, 0);
}

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

/* ---- Failures ---- */

static void test_create_failure(void **state) {
    fake *f = *state;
    rw_op ops[] = {OP(ADD, 1, 0)};
    rw_program program = PROGRAM(ops);
    rw_param param = {.name = "refuse", .value = 12};
    rw_plan plan = plan_of(&program, 2, 0);
    plan.params = &param;
    plan.param_cnt = 1;
    run(&plan, RW_CREATE_FAILED);
    assert_string_equal(out.message, "refused with 12");
    assert_int_equal(at_load(&f->attached, relaxed) + at_load(&f->destroyed, relaxed), 0);
}

static void test_attach_failure(void **state) {
    fake *f = *state;
    rw_op ops[] = {OP(ADD, 1, 0)};
    rw_program program = PROGRAM(ops);
    for (int32_t processes = 0; processes <= 2; processes += 2) {
        rw_plan plan = plan_of(&program, 4, processes);
        plan.setup = program;
        f->attach_limit = 3;
        f->progress.tracks[1].started = f->progress.tracks[1].ops = 9; /* of an earlier execution */
        run(&plan, RW_ATTACH_FAILED);
        assert_int_equal(f->progress.tracks[0].started + f->progress.tracks[0].ops, 0); /* of the set-up */
        assert_int_equal(f->progress.tracks[1].started + f->progress.tracks[1].ops, 0);
        assert_int_equal(out.ops, 0);
        assert_true(out.message[0] != 0);
        assert_int_equal(at_load(&f->attached, relaxed), at_load(&f->detached, relaxed));
        f->attach_limit = 0; /* not even the set-up's */
        run(&plan, RW_ATTACH_FAILED);
    }
    assert_int_equal(at_load(&f->sum, relaxed), 2);
    assert_int_equal(at_load(&f->destroyed, relaxed), 4);
}

static void test_faulty_plans(void **state) {
    (void)state;
    rw_op known[] = {OP(ADD, 1, 0)}, unknown[] = {{.code = FAKE_OP_CNT}};
    rw_program good = PROGRAM(known), bad = PROGRAM(unknown);
    rw_plan plans[8];
    for (int i = 0; i < 8; i++) {
        plans[i] = plan_of(&good, 2, 0);
    }
    plans[0].thread_cnt = 0;
    plans[1].thread_cnt = RW_MAX_THREADS + 1;
    plans[2].programs = &bad;
    plans[3].setup = bad;
    plans[4].rounds = 0;
    plans[5].program_cnt = 0;
    plans[6].process_cnt = 2; /* without a mapping */
    plans[7].process_cnt = -1;
    for (int i = 0; i < 8; i++) {
        run(&plans[i], RW_SYSTEM);
        assert_true(out.message[0] != 0);
    }
    rw_plan plan = plan_of(&good, 2, 0);
    run(&plan, RW_DONE);
}

static rlim_t address_space(void) {
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%lu", &pages), 1);
    fclose(file);
    return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

/* There is no room for all threads' stacks: those that were started end, and nothing was run. */
static void test_no_room_for_threads(void **state) {
    fake *f = *state;
    rw_op ops[] = {OP(ADD, 1, 0)};
    rw_program program = PROGRAM(ops);
    struct rlimit old;
    if (strcmp(rw_build_kind(), "none") != 0) {
        skip(); /* a sanitizer's address space has no limit */
    }
    getrlimit(RLIMIT_AS, &old);
    for (int32_t processes = 0; processes <= 3; processes += 3) {
        rw_plan plan = plan_of(&program, 200, processes);
        struct rlimit few = {.rlim_cur = address_space() + (64 << 20), .rlim_max = old.rlim_max};
        setrlimit(RLIMIT_AS, &few);
        int32_t status = rw_execute(&fake_target, &plan, &f->progress, &out, &cell, 1, &cell_cnt);
        setrlimit(RLIMIT_AS, &old);
        assert_int_equal(status, RW_SYSTEM);
        assert_int_equal(out.ops, 0);
        assert_true(at_load(&f->attached, relaxed) > 0);
        assert_int_equal(at_load(&f->attached, relaxed), at_load(&f->detached, relaxed));
    }
}

/* Descriptors run out after `room` more: whatever has been started ends, and nothing was run. */
static void test_system_refuses(void **state) {
    fake *f = *state;
    rw_op ops[] = {OP(ADD, 1, 0)};
    rw_program program = PROGRAM(ops);
    struct rlimit old, few;
    getrlimit(RLIMIT_NOFILE, &old);
    int next = dup(0);
    close(next);
    for (int room = 0; room < 6; room++) {
        for (int32_t processes = 0; processes <= 4; processes += 4) {
            rw_plan plan = plan_of(&program, 4, processes);
            plan.check_every_ms = 1;
            plan.check_leaks = 0; /* it wants descriptors itself */
            few = (struct rlimit){.rlim_cur = (rlim_t)(next + room), .rlim_max = old.rlim_max};
            setrlimit(RLIMIT_NOFILE, &few);
            int32_t status = rw_execute(&fake_target, &plan, &f->progress, &out, &cell, 1, &cell_cnt);
            setrlimit(RLIMIT_NOFILE, &old);
            bool enough = processes == 0 && room >= 2; /* the bell's two */
            assert_int_equal(status, enough ? RW_DONE : RW_SYSTEM);
            assert_int_equal(out.ops, enough ? 4 : 0);
            assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
            assert_int_equal(out.message[0] == 0, enough);
            for (int fd = next; fd < next + room; fd++) {
                assert_int_equal(fcntl(fd, F_GETFD), -1); /* every pipe was closed */
            }
        }
    }
    assert_int_equal(at_load(&f->attached, relaxed), at_load(&f->detached, relaxed));
}

/* ---- Processes that die ---- */

static void check_death(const rw_op *ops, int32_t cnt, int32_t check_every_ms, int32_t index) {
    rw_program program = {.ops = ops, .op_cnt = cnt};
    rw_plan plan = plan_of(&program, 4, 2);
    plan.check_every_ms = check_every_ms;
    run(&plan, RW_CHILD_DIED);
    assert_int_equal(out.child_index, index);
    assert_int_equal(at_load(&fake_world->quiescent, relaxed), 0); /* torn: not judged */
    assert_int_equal(at_load(&fake_world->closed, relaxed), 0);
    assert_int_equal(waitpid(-1, NULL, 0), -1);
    assert_int_equal(errno, ECHILD);
    free(fake_core);
}

static void test_signal_ends_a_process(void **state) {
    fake *f = *state;
    rw_op ops[] = {OP(MEET, 4), OP(SIGNAL, SIGUSR1, 3), OP(HANG, 0), OP(ADD, 1, 0)};
    check_death(ops, 4, 1, 1); /* thread 3 is of process 1; thread 0 of process 0 hangs and has to be killed */
    assert_true(WIFSIGNALED(out.child_status));
    assert_int_equal(WTERMSIG(out.child_status), SIGUSR1);
    assert_string_equal(out.message, "process 1 of 2 was ended by signal 10");
    const rw_track *track = &f->progress.tracks[3];
    assert_int_equal(track->started, 2);
    assert_int_equal(track->ops, 1);
    assert_int_equal(track->ring[track->ops % RW_RING].code, FAKE_SIGNAL);
    assert_int_equal(out.stats[3].ops, 1);
}

/* A key pressed reaches every process of the terminal: it is the parent's to judge. */
static void test_processes_ignore_the_interrupt_key(void **state) {
    (void)state;
    rw_op ops[] = {OP(SIGNAL, SIGINT, 0)};
    rw_program program = PROGRAM(ops);
    rw_plan plan = plan_of(&program, 2, 2);
    run(&plan, RW_DONE);
    assert_int_equal(out.ops, 2);
}

static void test_process_ends_itself(void **state) {
    (void)state;
    rw_op ops[] = {OP(ADD, 1, 0), OP(EXIT, 66, 0)};
    check_death(ops, 2, 0, 0);
    assert_true(WIFEXITED(out.child_status));
    assert_int_equal(WEXITSTATUS(out.child_status), 66);
}

/* The others end after their current operation, and give back what they hold. */
static void test_others_end_by_themselves(void **state) {
    fake *f = *state;
    rw_op ops[] = {OP(MEET, 4), OP(ADD, 1, 0), OP(EXIT, 66, 3)};
    rw_program program = PROGRAM(ops);
    rw_plan plan = plan_of(&program, 4, 2);
    plan.rounds = INT32_MAX;
    run(&plan, RW_CHILD_DIED);
    assert_int_equal(at_load(&f->attached, relaxed), 4);
    assert_int_equal(at_load(&f->detached, relaxed), 2); /* a killed process would have detached nobody */
    free(fake_core);
}

static void test_process_dies_before_the_barrier(void **state) {
    fake *f = *state;
    f->crash_attaching = 1;
    rw_op ops[] = {OP(ADD, 1, 0)};
    check_death(ops, 1, 1, 1);
    assert_int_equal(out.ops, 0);
    assert_int_equal(WTERMSIG(out.child_status), SIGKILL);
}

/* The processes' parent is killed while they hang: they become ours to reap, and they have been killed too. */
static void test_no_orphan(void **state) {
    fake *f = *state;
    rw_op ops[] = {OP(HANG, 0), OP(HANG, 1)};
    rw_program program = PROGRAM(ops);
    rw_plan plan = plan_of(&program, 2, 2);
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    pid_t middle = fork();
    if (middle == 0) {
        rw_execute(&fake_target, &plan, &f->progress, &out, &cell, 1, &cell_cnt);
        _exit(0);
    }
    wait_for(&f->hung, 2);
    kill(middle, SIGKILL);
    for (int i = 0; i < 3; i++) {
        int status;
        assert_true(wait(&status) > 0);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGKILL);
    }
    prctl(PR_SET_CHILD_SUBREAPER, 0);
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
    for (int i = 0; i < 20; i++) {
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

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
        TEST(test_create_failure),
        TEST(test_attach_failure),
        TEST(test_faulty_plans),
        TEST(test_no_room_for_threads),
        TEST(test_system_refuses),
        TEST(test_signal_ends_a_process),
        TEST(test_processes_ignore_the_interrupt_key),
        TEST(test_process_ends_itself),
        TEST(test_others_end_by_themselves),
        TEST(test_process_dies_before_the_barrier),
        TEST(test_no_orphan),
        TEST(test_leak_belongs_to_its_execution),
        TEST(test_canaries_sing_every_time),
        TEST(test_sizes),
        TEST(test_bench_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
