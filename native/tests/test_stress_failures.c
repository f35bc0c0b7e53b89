/* The driver when something fails: targets, plans, the system, processes that die. Nothing stays behind. */
#include "stress_fixture.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>

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

int main(void) {
    const struct CMUnitTest tests[] = {
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
