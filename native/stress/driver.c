/* One execution from create to destroy: see stress.h. */
#include "execution.h"

#include <stdio.h>
#include <sys/mman.h>

#include "fault_plan.h"

static int32_t fail(rw_outcome *out, int32_t status, const char *why) {
    out->status = status;
    snprintf(out->message, sizeof out->message, "%s", why);
    return status;
}

/* ---- Before ---- */

static bool program_fits(const rw_target *target, const rw_program *program) {
    for (int32_t i = 0; i < program->op_cnt; i++) {
        if (program->ops[i].code < 0 || program->ops[i].code >= target->op_cnt) {
            return false;
        }
    }
    return program->op_cnt >= 0;
}

static const char *fault_of(const rw_target *target, const rw_plan *plan) {
    if (target->abi != RW_TARGET_ABI) {
        return "the target speaks another version of the ABI than the driver";
    }
    if (plan->thread_cnt < 1 || plan->thread_cnt > RW_MAX_THREADS) {
        return "the number of threads is not between 1 and 256";
    }
    if (plan->program_cnt < 1 || plan->rounds < 1) {
        return "the plan has no program, or no round of it";
    }
    if (plan->process_cnt < 0 || (plan->process_cnt > 0 && plan->shared_bytes <= 0)) {
        return "processes need a shared mapping, and their number is not negative";
    }
    bool fits = program_fits(target, &plan->setup);
    for (int32_t i = 0; i < plan->program_cnt; i++) {
        fits = fits && program_fits(target, &plan->programs[i]);
    }
    if (!fits) {
        return "a program has an operation that the target does not know";
    }
    if (fault_plans(plan, RW_FAULT_CLOCK)) {
        return "the clock of real threads is the system's: its faults need the scheduled runtime";
    }
    const char *wrong = fault_plan_wrong(target, plan);
    return wrong != NULL ? wrong : strikes_wrong(target, plan);
}

static rw_shared *make_shared(rw_execution *ex) {
    rw_shared *s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (s == MAP_FAILED) {
        return NULL;
    }
    sem_init(&s->ended, 1, 0);
    for (int32_t i = 0; i < ex->plan->thread_cnt; i++) {
        s->lanes[i].ex = ex;
        s->lanes[i].index = i;
    }
    return s;
}

static void restart_tracks(rw_progress *progress, int32_t cnt) {
    for (int32_t i = 0; i < cnt; i++) {
        progress_show(&progress->tracks[i].ops, 0);
        progress_show(&progress->tracks[i].started, 0);
    }
}

/* The set-up's operations are shown on track 0 and counted nowhere. */
static bool run_setup(rw_execution *ex) {
    const rw_program *program = &ex->plan->setup;
    rw_lane *lane = &ex->shared->lanes[RW_MAX_THREADS];
    if (program->op_cnt == 0) {
        return true;
    }
    lane->ex = ex;
    lane->context = ex->target->attach(ex->core, 0);
    if (lane->context == NULL) {
        return fault_plans_failure(ex->plan); /* refused by a failure: the threads begin on an empty core */
    }
    space_begin(&ex->space);
    interp_run(lane, program, 1, 0);
    space_end(&ex->space);
    ex->target->detach(lane->context);
    restart_tracks(ex->progress, 1);
    return true;
}

/* ---- After ---- */

static void collect_lanes(const rw_execution *ex) {
    const rw_shared *s = ex->shared;
    rw_outcome *out = ex->outcome;
    uint64_t last = s->started_ns;
    bool stopped = ex->shared->lanes[RW_MAX_THREADS].stopped;
    for (int32_t i = 0; i < ex->plan->thread_cnt; i++) {
        const rw_lane *lane = &s->lanes[i];
        out->stats[i] = lane->stats;
        out->stats[i].ops = 0; /* counted by code: a lane whose process died has not stored its total */
        for (int code = 0; code < 16; code++) {
            out->stats[i].ops += lane->stats.codes[code];
        }
        out->ops += out->stats[i].ops;
        last = lane->ended_ns > last ? lane->ended_ns : last;
        stopped = stopped || lane->stopped;
    }
    out->nanoseconds = last - s->started_ns;
    uint32_t halt = at_load(&s->halt, relaxed);
    if (out->status == RW_CHILD_DIED) {
        return;
    }
    if (halt == HALT_ATTACH) {
        fail(out, RW_ATTACH_FAILED, "the target had no room for a thread's context");
    } else if (halt == HALT_SYSTEM) {
        fail(out, RW_SYSTEM, "the system refused a thread, a process or a pipe");
    } else if (stopped && halt != HALT_ENOUGH) {
        fail(out, RW_STOPPED, "stopped before the programs' end");
    }
}

/* ---- The execution ---- */

static void run_and_judge(rw_execution *ex, rw_cell *cells, int32_t max_cells, int32_t *cell_cnt) {
    enter(ex, PHASE_SETUP);
    if (!run_setup(ex)) {
        crew_halt(ex->shared, HALT_ATTACH);
    } else {
        enter(ex, PHASE_THREADS);
        if (ex->process_cnt > 0) {
            processes_run(ex);
        } else {
            checker_run_beside_crew(ex);
            space_end(&ex->space);
        }
    }
    collect_lanes(ex);
    judge_execution(ex, cells, max_cells, cell_cnt);
}

static rw_core *create(rw_execution *ex) {
    const rw_plan *plan = ex->plan;
    rw_outcome *out = ex->outcome;
    if (plan->fault_cnt == 0) {
        return ex->target->create(plan->params, plan->param_cnt, plan->shared_bytes, out->message, sizeof out->message);
    }
    ex->faults = faults_make(ex->target, plan);
    if (ex->faults == NULL) {
        snprintf(out->message, sizeof out->message, "the system refused the mapping for the faults");
        return NULL;
    }
    if (!fault_plans_failure(plan)) {
        return ex->target->create(plan->params, plan->param_cnt, plan->shared_bytes, out->message, sizeof out->message);
    }
    ex->space = space_of(plan);
    out->processes.cramped = ex->space.room > 0;
    faults_cramp(ex->faults, ex->space.room > 0);
    space_begin(&ex->space);
    rw_core *core = ex->target->create_failing(plan->params, plan->param_cnt, plan->shared_bytes,
                                               faults_hook(ex->faults), out->message, sizeof out->message);
    space_end(&ex->space);
    out->processes.refused = faults_cramp(ex->faults, false) || (core == NULL && ex->space.room > 0);
    return core;
}

static int32_t execute(rw_execution *ex, rw_cell *cells, int32_t max_cells, int32_t *cell_cnt) {
    const rw_plan *plan = ex->plan;
    rw_outcome *out = ex->outcome;
    const char *fault = fault_of(ex->target, plan);
    if (fault != NULL) {
        return fail(out, RW_SYSTEM, fault);
    }
    progress_show(&ex->progress->thread_cnt, (uint64_t)plan->thread_cnt);
    restart_tracks(ex->progress, plan->thread_cnt);
    enter(ex, PHASE_CREATE);
    ex->core = create(ex);
    if (ex->core == NULL) {
        return out->status = out->processes.refused > 0 ? RW_DONE : RW_CREATE_FAILED;
    }
    out->message[0] = '\0';
    ex->shared = make_shared(ex);
    if (ex->shared == NULL) {
        ex->target->destroy(ex->core);
        return fail(out, RW_SYSTEM, "the system refused the mapping for the threads' figures");
    }
    run_and_judge(ex, cells, max_cells, cell_cnt);
    sem_destroy(&ex->shared->ended);
    munmap(ex->shared, sizeof *ex->shared);
    return out->status;
}

RW_EXPORT int32_t rw_execute(const rw_target *target, const rw_plan *plan, rw_progress *progress, rw_outcome *outcome,
                             rw_cell *cells, int32_t max_cells, int32_t *cell_cnt) {
    rw_execution ex = {.target = target, .plan = plan, .progress = progress, .outcome = outcome};
    ex.process_cnt = plan->process_cnt < plan->thread_cnt ? plan->process_cnt : plan->thread_cnt;
    memset(outcome, 0, sizeof *outcome);
    *cell_cnt = 0;
    execute(&ex, cells, max_cells, cell_cnt);
    faults_free(ex.faults, &outcome->faults);
    if (plan->check_leaks && outcome->status != RW_CHILD_DIED && leak_found()) { /* a torn core is left as it is */
        outcome->leaked = 1;
        if (outcome->message[0] == '\0') {
            fail(outcome, outcome->status, "memory was lost: see LeakSanitizer's report");
        }
    }
    progress_show(&progress->executions, progress_look(&progress->executions) + 1);
    enter(&ex, PHASE_IDLE);
    return outcome->status;
}
