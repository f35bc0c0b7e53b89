/* Create, set up, run the programs' threads, judge, close, destroy: the same order as the real-thread driver's. */
#include "execute.h"

#include <string.h>

#include "../stress/fault_plan.h"
#include "checker.h"
#include "faults.h"
#include "finding.h"
#include "history.h"
#include "judge.h"
#include "race.h"
#include "shim.h"
#include "stall.h"
#include "trace.h"

rs_tally tally RS_STATE;
static rw_thread *contexts[FIBER_MAX] RS_STATE;
static rs_fiber *runners[FIBER_MAX] RS_STATE; /* by program: the target may start threads of its own between them */

/* ---- The plan ---- */

static bool program_fits(const rw_target *target, const rw_program *program) {
    for (int32_t i = 0; i < program->op_cnt; i++) {
        if (program->ops[i].code < 0 || program->ops[i].code >= target->op_cnt) {
            return false;
        }
    }
    return program->op_cnt >= 0;
}

const char *execute_fault(const rw_target *target, const rw_plan *plan) {
    if (target->abi != RW_TARGET_ABI) {
        return "the target speaks another version of the ABI than the runtime";
    }
    if (plan->thread_cnt < 1 || plan->thread_cnt > FIBER_MAX - 2) {
        return "the number of threads is not between 1 and 253";
    }
    if (plan->program_cnt < 1 || plan->rounds < 1) {
        return "the plan has no program, or no round of it";
    }
    bool fits = program_fits(target, &plan->setup);
    for (int32_t i = 0; i < plan->program_cnt; i++) {
        fits = fits && program_fits(target, &plan->programs[i]);
    }
    return fits ? fault_plan_wrong(target, plan) : "a program has an operation that the target does not know";
}

/* ---- Threads ---- */

static void run_program(rw_thread *context, const rw_program *program, int32_t rounds, int32_t thread) {
    int64_t (*run)(rw_thread *, const rw_op *) = rt.target->run;
    const rw_deed *deed = history_deed(context);
    for (int32_t round = 0; round < rounds; round++) {
        for (int32_t i = 0; i < program->op_cnt; i++) {
            const rw_op *op = &program->ops[i];
            int32_t call = deed != NULL ? history_invoked(thread, op) : HISTORY_NONE;
            if (trace_all()) {
                trace_event(RS_E_CALL, 0, 0, (uint64_t)(round * program->op_cnt + i), 0);
            }
            int64_t rc = run(context, op);
            if (trace_all()) {
                trace_event(RS_E_RETURN, 0, 0, (uint64_t)rc, 0);
            }
            if (call != HISTORY_NONE) {
                history_responded(call, rc, deed);
            }
            rt.cur->ops++;
        }
    }
}

/* Where allocations are made to fail, a refusal is what should come of it. */
static void refused(const char *what, const char *why) {
    if (!faults_wanted()) {
        finding_note(RS_F_CREATE, 0, NULL, NULL, NULL, "%s%s", what, why);
    }
}

static bool attached(int32_t i) {
    if (contexts[i] == NULL) {
        contexts[i] = rt.target->attach(rt.core, i);
        if (contexts[i] != NULL && rt.stalls) {
            stall_attached(i, contexts[i]);
        }
    }
    return contexts[i] != NULL;
}

static void *program_main(void *arg) {
    int32_t i = (int32_t)(intptr_t)arg;
    const rw_plan *plan = rt.plan;
    if (!attached(i)) {
        refused("the target had no room for a thread's context", "");
        return NULL;
    }
    run_program(contexts[i], &plan->programs[i % plan->program_cnt], plan->rounds, i);
    return NULL;
}

static bool run_setup(void) {
    const rw_program *setup = &rt.plan->setup;
    if (setup->op_cnt == 0) {
        return true;
    }
    rw_thread *context = rt.target->attach(rt.core, 0);
    if (context == NULL) {
        return false;
    }
    run_program(context, setup, 1, HISTORY_SETUP);
    rt.target->detach(context);
    return true;
}

static void join_one(rs_fiber *f) {
    while (f->state != FIBER_DONE && f->state != FIBER_DEAD) {
        sched_block(f, "the end", f->tid, 0);
    }
    race_joined(f);
    rt.operations += (uint64_t)f->ops;
}

static void run_threads(void) {
    int32_t cnt = rt.plan->thread_cnt;
    stall_begin();
    for (int32_t i = 0; i < cnt; i++) {
        contexts[i] = NULL;
        if ((rt.flags & RS_ATTACHED) != 0) {
            (void)attached(i); /* else the thread tries again, and says what is wrong */
        }
    }
    for (intptr_t i = 0; i < cnt; i++) {
        rs_point(RS_P_THREAD, 0);
        runners[i] = sched_spawn(program_main, (void *)i);
        if (runners[i] != NULL) {
            runners[i]->program = (int32_t)i;
        } else {
            refused("the target's own threads left no room for those of the plan", "");
        }
    }
    checker_start();
    for (int32_t i = 0; i < cnt; i++) {
        if (runners[i] != NULL) {
            join_one(runners[i]);
        }
    }
    checker_finish();
    if (rt.fiber_cnt == 1 + cnt + (rt.check_every > 0)) { /* all threads that there ever were have been joined */
        race_judge(false);
    }
    rt.judging = rt.dead_cnt > 0;
    for (int32_t i = 0; i < cnt; i++) {
        if (contexts[i] != NULL && (runners[i] == NULL || runners[i]->state != FIBER_DEAD)) {
            rt.target->detach(contexts[i]);
        }
    }
}

/* ---- The execution ---- */

static rw_core *create(char *why, int64_t room) {
    const rw_plan *plan = rt.plan;
    const rw_hook *hook = faults_begin();
    return faults_wanted() ? rt.target->create_failing(plan->params, plan->param_cnt, 0, hook, why, room)
                           : rt.target->create(plan->params, plan->param_cnt, 0, why, room);
}

void *execute_plan(void *arg) {
    (void)arg;
    const rw_target *target = rt.target;
    char why[RW_TEXT_LEN];
    why[0] = '\0';
    tally.whole = rt.reliable = false;
    race_judge(false);
    rt.core = create(why, sizeof why);
    if (rt.core == NULL) {
        refused("the target refused to create a core: ", why);
        process_run_at_exit();
        tally.whole = true;
        return NULL;
    }
    bool whole = run_setup();
    if (!whole) {
        refused("the target had no room for the set-up's context", "");
    }
    if (whole || rt.plan->fault_cnt > 0) { /* by plan, only the set-up was refused */
        run_threads();
        if (rt.judging) {
            judge_beside_the_dead();
            return NULL;
        }
        history_judge();
    }
    judge_at_rest();
    target->close(rt.core);
    judge_collect();
    target->destroy(rt.core);
    process_run_at_exit();
    tally.whole = true;
    return NULL;
}

/* ---- A whole program ---- */

static struct {
    int (*main_function)(int, char **);
    int argc;
    char **argv;
} program RS_STATE;

void execute_set_program(int (*main_function)(int, char **), int argc, char **argv) {
    program.main_function = main_function;
    program.argc = argc;
    program.argv = argv;
}

void *execute_program(void *arg) {
    (void)arg;
    tally.whole = rt.reliable = false;
    int code = program.main_function(program.argc, program.argv);
    if (code != 0) {
        finding_note(RS_F_ABORT, 0, NULL, NULL, NULL, "main returned %d", code);
    }
    process_run_at_exit();
    tally.whole = rt.live_cnt == 1; /* what a thread that still runs holds is no leak */
    return NULL;
}

void execute_program_left(void) {
    if (rt.target == NULL) {
        process_run_at_exit();
        tally.whole = true;
    }
}
