/* The exhaustive search reaches the same final states as the one without reduction, in far fewer executions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "../../sched/sched_api.h"
#include "litmus_target.h"

enum { OPS = 4, PROGRAMS = 200, ROOM = 4096, UNBOUNDED = -1 };

/* ---- Final states ---- */

typedef struct final_states {
    int32_t cnt;
    uint64_t seen[ROOM];
} final_states;

static final_states *states; /* outside of what is put back between executions */

static int64_t remember_state(rw_core *core, int32_t when) {
    rw_cell cells[LIT_STATE];
    uint64_t hash = 1;
    if ((when & RW_QUIESCENT) == 0) {
        return 0;
    }
    (void)litmus_target()->snapshot(core, cells, LIT_STATE);
    for (int32_t i = 0; i < LIT_STATE; i++) {
        hash = (hash ^ (uint64_t)cells[i].value) * UINT64_C(0x9E3779B97F4A7C15);
        hash ^= hash >> 29;
    }
    for (int32_t i = 0; i < states->cnt; i++) {
        if (states->seen[i] == hash) {
            return 0;
        }
    }
    if (states->cnt < ROOM) {
        states->seen[states->cnt++] = hash;
    }
    return 0;
}

static int by_value(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static rs_result search(const char *strategy, const rw_plan *plan, int32_t bound, final_states *found) {
    static rw_target target;
    rs_result result;
    rs_options options = {
        .strategy = strategy, .preemption_bound = bound, .executions = 1000000, .flags = RS_NO_CONFIRM};
    target = *litmus_target();
    target.check = remember_state;
    states->cnt = 0;
    assert_int_equal(rs_explore(&target, plan, &options, &result), RS_DONE);
    assert_int_equal(result.exhausted, 1);
    qsort(states->seen, (size_t)states->cnt, sizeof states->seen[0], by_value);
    *found = *states;
    return result;
}

/* ---- Programs ---- */

typedef struct litmus {
    rw_plan plan;
    rw_program programs[LIT_THREADS];
    rw_op ops[LIT_THREADS][OPS];
} litmus;

static void add_op(litmus *p, int thread, int32_t code, int64_t variable, int64_t value) {
    rw_program *program = &p->programs[thread];
    p->ops[thread][program->op_cnt++] = (rw_op){.code = code, .arg = {variable, value}};
    program->ops = p->ops[thread];
    p->plan.programs = p->programs;
    p->plan.rounds = 1;
    if (thread >= p->plan.thread_cnt) {
        p->plan.thread_cnt = p->plan.program_cnt = thread + 1;
    }
}

static uint32_t draw(uint64_t *state, uint32_t n) {
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((*state >> 33) % n);
}

/* Two threads with up to four operations, or three with up to two. */
static void make_program(litmus *p, uint64_t seed, int32_t kinds) {
    memset(p, 0, sizeof *p);
    uint64_t random = seed * 2 + 1;
    int threads = draw(&random, 2) == 0 ? 2 : 3;
    for (int thread = 0; thread < threads; thread++) {
        int ops = 1 + (int)draw(&random, threads == 2 ? 4 : 2);
        for (int i = 0; i < ops; i++) {
            int32_t code = (int32_t)draw(&random, (uint32_t)kinds);
            add_op(p, thread, code, draw(&random, 2), 1 + draw(&random, 3));
        }
    }
}

static void print_program(const litmus *p) {
    for (int32_t thread = 0; thread < p->plan.thread_cnt; thread++) {
        for (int32_t i = 0; i < p->programs[thread].op_cnt; i++) {
            const rw_op *op = &p->ops[thread][i];
            print_error("%s(%d, %d) ", litmus_target()->ops[op->code].name, (int)op->arg[0], (int)op->arg[1]);
        }
        print_error("\n");
    }
}

/* Deadlocks are final states too; how many kinds there are is compared. Adds up the executions of both. */
static void compare(const litmus *p, int32_t bound, int64_t *reduced, int64_t *plain) {
    static final_states few, all;
    rs_result first = search("dfs", &p->plan, bound, &few), second = search("dfs-plain", &p->plan, bound, &all);
    bool same = few.cnt == all.cnt && memcmp(few.seen, all.seen, (size_t)few.cnt * sizeof few.seen[0]) == 0;
    if (!same || (first.finding_cnt > 0) != (second.finding_cnt > 0)) {
        print_error("bound %d: %d final states of %d, %d findings of %d\n", bound, few.cnt, all.cnt, first.finding_cnt,
                    second.finding_cnt);
        print_program(p);
        fail();
    }
    *reduced += first.executions;
    *plain += second.executions;
}

static void compare_many(int32_t kinds, int32_t lowest) {
    static litmus p;
    int64_t reduced = 0, plain = 0;
    for (uint64_t seed = 0; seed < PROGRAMS; seed++) {
        make_program(&p, seed, kinds);
        for (int32_t bound = lowest; bound <= 3; bound++) {
            compare(&p, bound, &reduced, &plain);
        }
    }
    print_message("%lld executions instead of %lld\n", (long long)reduced, (long long)plain);
    assert_true(reduced < plain / 2);
}

/* ---- Tests ---- */

static void test_random_programs(void **state) {
    (void)state;
    compare_many(LIT_YIELD, UNBOUNDED);
}

/* Without a bound who yields gives way, in whichever order its neighbours are. */
static void test_programs_that_yield(void **state) {
    (void)state;
    compare_many(LIT_YIELD + 1, 0);
}

static void test_conditions(void **state) {
    (void)state;
    static litmus p;
    int64_t reduced = 0, plain = 0;
    for (int32_t variant = 0; variant < 8; variant++) {
        memset(&p, 0, sizeof p);
        add_op(&p, 0, LIT_WAIT, 0, 0);
        add_op(&p, 1, (variant & 1) != 0 ? LIT_WAIT : LIT_LOCKED, 0, 2);
        add_op(&p, 1, (variant & 2) != 0 ? LIT_ADD : LIT_TRY, 0, 1);
        add_op(&p, 2, LIT_WAKE, 0, 0);
        if ((variant & 4) != 0) {
            add_op(&p, 2, LIT_WAKE, 0, 0);
        }
        for (int32_t bound = 0; bound <= 2; bound++) {
            compare(&p, bound, &reduced, &plain);
        }
    }
}

/* What a thread draws does not depend on when others draw, as the search takes it. */
static void test_random_numbers(void **state) {
    (void)state;
    static litmus p;
    int64_t reduced = 0, plain = 0;
    memset(&p, 0, sizeof p);
    for (int thread = 0; thread < 3; thread++) {
        add_op(&p, thread, LIT_LOAD, 0, 0);
        add_op(&p, thread, LIT_RANDOM, 0, 0);
    }
    for (int32_t bound = UNBOUNDED; bound <= 2; bound++) {
        compare(&p, bound, &reduced, &plain);
    }
}

int main(void) {
    states = mmap(NULL, sizeof *states, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_programs),
        cmocka_unit_test(test_programs_that_yield),
        cmocka_unit_test(test_conditions),
        cmocka_unit_test(test_random_numbers),
    };
    return states == MAP_FAILED ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
