/* Executions of the fake target: plans, one call, and what must be true after every test. */
#ifndef RACEWASH_STRESS_FIXTURE_H
#define RACEWASH_STRESS_FIXTURE_H

#include <errno.h>
#include <sys/wait.h>

#include "fake_target.h"

#define OP(name, ...)                                                                                                  \
    {                                                                                                                  \
        .code = FAKE_##name, .arg = {__VA_ARGS__}                                                                      \
    }
#define PROGRAM(array) {.ops = (array), .op_cnt = (int32_t)(sizeof(array) / sizeof(array)[0])}

static rw_outcome out;
static rw_cell cell;
static int32_t cell_cnt;

static inline int open_world(void **state) {
    fake_world = mmap(NULL, sizeof *fake_world, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    fake_world->attach_limit = INT64_MAX;
    fake_world->crash_attaching = -1;
    *state = fake_world;
    return 0;
}

/* After every test no process is left. */
static inline int close_world(void **state) {
    errno = 0;
    int left = waitpid(-1, NULL, WNOHANG), why = errno;
    munmap(*state, sizeof *fake_world);
    return left == -1 && why == ECHILD ? 0 : -1;
}

static inline rw_plan plan_of(const rw_program *program, int32_t threads, int32_t processes) {
    return (rw_plan){.thread_cnt = threads,
                     .process_cnt = processes,
                     .program_cnt = 1,
                     .programs = program,
                     .rounds = 1,
                     .shared_bytes = processes > 0 ? 4096 : 0,
                     .check_leaks = 1};
}

static inline void run(const rw_plan *plan, int32_t status) {
    assert_int_equal(rw_execute(&fake_target, plan, &fake_world->progress, &out, &cell, 1, &cell_cnt), status);
    assert_int_equal(out.status, status);
    assert_int_equal(fake_world->progress.phase, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

#endif
