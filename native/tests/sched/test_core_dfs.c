/* Walks through a scenario of the real core and prints the final states: called twice, with and without reduction.
 *
 *   test_core_dfs STRATEGY BOUND < PLAN
 *
 * PLAN has a line for each part: `param NAME VALUE`, `setup CODE ARG...`, `op THREAD CODE ARG...`, always four arguments. A
 * final state is the target's snapshot and what each thread's operations have returned. Printed: how it ended, the number
 * of executions and of findings, then the states' hashes, sorted.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../../sched/sched_api.h"

enum { PARAMS = 64, OPS = 16, THREADS = 8, CELLS = 4096, STATES = 1 << 16, NAME = 64 };

typedef struct final_states {
    int64_t cnt;
    uint64_t seen[STATES];
} final_states;

static final_states *states; /* outside of what is put back between executions */

/* ---- The plan ---- */

static struct {
    rw_plan plan;
    rw_param params[PARAMS];
    char names[PARAMS][NAME];
    rw_program programs[THREADS];
    rw_op setup[OPS], ops[THREADS][OPS];
} given;

static void refuse(const char *why) {
    fprintf(stderr, "%s\n", why);
    exit(2);
}

static rw_op read_op(void) {
    rw_op op = {0};
    if (scanf("%" SCNd32, &op.code) != 1) {
        refuse("an operation has no code");
    }
    for (int i = 0; i < RW_MAX_ARGS; i++) {
        if (scanf("%" SCNd64, &op.arg[i]) != 1) {
            refuse("an operation has too few arguments");
        }
    }
    return op;
}

static void add_op(rw_program *program, rw_op *ops) {
    if (program->op_cnt == OPS) {
        refuse("there are too many operations");
    }
    ops[program->op_cnt++] = read_op();
    program->ops = ops;
}

static void read_plan(void) {
    char word[NAME];
    rw_plan *plan = &given.plan;
    while (scanf("%63s", word) == 1) {
        int thread;
        if (strcmp(word, "param") == 0 && plan->param_cnt < PARAMS) {
            rw_param *p = &given.params[plan->param_cnt];
            p->name = given.names[plan->param_cnt++];
            if (scanf("%63s %" SCNd64, (char *)(uintptr_t)p->name, &p->value) != 2) {
                refuse("a parameter has no value");
            }
        } else if (strcmp(word, "setup") == 0) {
            add_op(&plan->setup, given.setup);
        } else if (strcmp(word, "op") == 0 && scanf("%d", &thread) == 1 && thread >= 0 && thread < THREADS) {
            add_op(&given.programs[thread], given.ops[thread]);
            plan->thread_cnt = thread >= plan->thread_cnt ? thread + 1 : plan->thread_cnt;
        } else {
            refuse("the plan has a line that is not understood");
        }
    }
    plan->params = given.params;
    plan->programs = given.programs;
    plan->program_cnt = plan->thread_cnt;
    plan->rounds = 1;
}

/* ---- The core, watched ---- */

static uint64_t returned[THREADS]; /* put back between executions like all data of the code under test */

static uint64_t mixed(uint64_t hash, uint64_t word) {
    hash = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);
    return hash ^ hash >> 29;
}

/* Which thread a context belongs to is told by the operation: they lie in the programs' arrays. */
static int64_t run_and_note(rw_thread *thread, const rw_op *op) {
    int64_t code = rw_target_get()->run(thread, op);
    for (int i = 0; i < THREADS; i++) {
        if (op >= given.ops[i] && op < given.ops[i] + OPS) {
            returned[i] = mixed(returned[i] + 1, (uint64_t)code);
        }
    }
    return code;
}

static void remember(uint64_t hash) {
    for (int64_t i = 0; i < states->cnt; i++) {
        if (states->seen[i] == hash) {
            return;
        }
    }
    if (states->cnt == STATES) {
        refuse("there are too many final states");
    }
    states->seen[states->cnt++] = hash;
}

static int64_t check_and_note(rw_core *core, int32_t when) {
    static rw_cell cells[CELLS];
    if ((when & RW_QUIESCENT) != 0) {
        uint64_t hash = 1;
        int32_t cnt = rw_target_get()->snapshot(core, cells, CELLS);
        if (cnt > CELLS) {
            refuse("the snapshot has too many cells");
        }
        for (int32_t i = 0; i < cnt; i++) {
            hash = mixed(hash, (uint64_t)cells[i].value);
        }
        for (int i = 0; i < THREADS; i++) {
            hash = mixed(hash, returned[i]);
        }
        remember(hash);
    }
    return rw_target_get()->check(core, when);
}

static int by_value(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv) {
    if (argc != 3) {
        refuse("usage: test_core_dfs STRATEGY BOUND < PLAN");
    }
    read_plan();
    states = mmap(NULL, sizeof *states, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    rw_target target = *rw_target_get();
    target.run = run_and_note;
    target.check = check_and_note;
    rs_options options = {.strategy = argv[1],
                          .preemption_bound = atoi(argv[2]),
                          .executions = 1000000,
                          .flags = RS_ATTACHED | RS_NO_CONFIRM};
    rs_result result;
    if (rs_explore(&target, &given.plan, &options, &result) != RS_DONE) {
        refuse(result.message);
    }
    qsort(states->seen, (size_t)states->cnt, sizeof states->seen[0], by_value);
    printf("%s %" PRId64 " %d\n", result.exhausted ? "exhausted" : "cut", result.executions, result.finding_cnt);
    for (int64_t i = 0; i < states->cnt; i++) {
        printf("%016" PRIx64 "\n", states->seen[i]);
    }
    return 0;
}
