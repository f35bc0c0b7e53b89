/* What comes before a batch's first execution and after its last one. */
#include <stdio.h>
#include <string.h>

#include "batch.h"
#include "choice.h"
#include "coverage.h"
#include "execute.h"
#include "finding.h"
#include "heap.h"
#include "history.h"
#include "memory_model.h"
#include "race.h"
#include "shim.h"
#include "trace.h"

enum { STEP_BOUND = 1000000, STEP_BOUND_MAX = 100000000, CHOICES = 1000000 };

rs_options rs_settings RS_STATE;

int32_t batch_fail(rs_result *out, int32_t status, const char *message) {
    out->status = status;
    snprintf(out->message, sizeof out->message, "%s", message);
    return status;
}

int64_t batch_clock(clockid_t clock) {
    struct timespec ts;
    clock_gettime(clock, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* Does the plan stop a thread that goes on later? When depends on the others' steps. */
static bool stall_ends(const rw_plan *plan) {
    for (int32_t i = 0; i < plan->fault_cnt; i++) {
        if (plan->faults[i].kind == RW_FAULT_STALL && plan->faults[i].steps != 0) {
            return true;
        }
    }
    return false;
}

bool batch_is_exhaustive(const rs_strategy *strategy) {
    return strategy == &strategy_dfs || strategy == &strategy_dfs_plain;
}

int32_t batch_prepare(batch *b, const rw_target *target, const rw_plan *plan, const rs_options *options,
                      rs_result *out) {
    memset(out, 0, sizeof *out);
    out->diverged_at = -1;
    const char *fault = target != NULL ? execute_fault(target, plan) : NULL;
    if (fault != NULL) {
        return batch_fail(out, RS_BAD_REQUEST, fault);
    }
    rs_settings = *options;
    rs_settings.step_bound = options->step_bound > 0 ? options->step_bound : STEP_BOUND;
    if (rs_settings.step_bound > STEP_BOUND_MAX) {
        return batch_fail(out, RS_BAD_REQUEST, "the step bound is above 100,000,000");
    }
    if (!memory_model_find(options->memory_model, &rt.model)) {
        return batch_fail(out, RS_BAD_REQUEST, "there is no such memory model");
    }
    snprintf(out->memory_model, sizeof out->memory_model, "%s", options->memory_model ? options->memory_model : "sc");
    b->strategy = strategy_find(options->strategy);
    if (b->strategy == NULL) {
        return batch_fail(out, RS_BAD_REQUEST, "there is no such strategy");
    }
    if (target != NULL && b->strategy == &strategy_dfs && stall_ends(plan)) {
        return batch_fail(out, RS_BAD_REQUEST,
                          "the strategy dfs takes no thread that stops for some steps: which orders are alike then, it "
                          "can't know");
    }
    bool endless = options->executions <= 0 && options->milliseconds <= 0 && options->progress == NULL;
    if (endless && !batch_is_exhaustive(b->strategy)) {
        return batch_fail(out, RS_BAD_REQUEST,
                          "the batch has no end: name executions, milliseconds or a progress area");
    }
    b->threads = target != NULL ? plan->thread_cnt + 2 : 8;
    if (!state_find()) {
        return batch_fail(out, RS_NO_MEMORY, "the library's own data was not found");
    }
    rt.told = options->progress != NULL ? options->progress : &sched_nobodys;
    if (!region_map() || !choice_room(options->max_choices > 0 ? options->max_choices : CHOICES, options->log) ||
        !race_room(b->threads + 1)) {
        return batch_fail(out, RS_NO_MEMORY, "the runtime's fixed addresses are taken, or there is no memory");
    }
    if (region_take_over()) {
        race_wipe();
        heap_begin_batch();
    }
    return RS_DONE;
}

void batch_begin(batch *b, const rw_target *target, const rw_plan *plan, rs_result *out) {
    b->out = out;
    b->look_in = b->look_every = 1;
    b->began_ns = b->looked_ns = batch_clock(CLOCK_MONOTONIC);
    b->began_cpu_ns = batch_clock(CLOCK_THREAD_CPUTIME_ID);
    rt.target = target;
    rt.plan = plan;
    rt.flags = (uint32_t)rs_settings.flags;
    rt.check_every = rs_settings.check_every;
    rt.plain = rt.foreign = rt.unseen = rt.operations = rt.demotions = 0;
    memset(rt.points, 0, sizeof rt.points);
    memset(&tally, 0, sizeof tally);
    fiber_begin();
    thread_begin_batch();
    state_save();
    distinct_begin();
    coverage_begin_batch();
    guided_forget();
    dfs_forget();
    findings_begin_batch(rs_settings.max_findings);
    history_begin_batch();
    crash_guard();
}

int32_t batch_end(batch *b) {
    rs_result *out = b->out;
    crash_unguard();
    state_restore();
    out->findings = findings_all(&out->finding_cnt);
    out->distinct = distinct_count();
    out->distinct_full = distinct_full();
    for (int32_t kind = 0; kind < RS_POINT_KINDS; kind++) {
        out->points_by_kind[kind] = (int64_t)rt.points[kind];
        out->points += (int64_t)rt.points[kind];
    }
    out->plain_accesses = (int64_t)rt.plain;
    out->foreign_accesses = (int64_t)rt.foreign;
    out->unseen = (int64_t)rt.unseen;
    out->operations = (int64_t)rt.operations;
    out->demotions = (int64_t)rt.demotions;
    out->coverage = coverage_total();
    out->cut = dfs_cuts();
    memcpy(out->invariant_checks, tally.checks, sizeof out->invariant_checks);
    out->calibration[0] = calibration.steps;
    out->calibration[1] = calibration.threads;
    out->event_cnt = trace_count();
    history_result(out);
    out->choices = choices.at;
    out->choice_cnt = choices.cnt;
    out->nanoseconds = batch_clock(CLOCK_MONOTONIC) - b->began_ns;
    out->cpu_nanoseconds = batch_clock(CLOCK_THREAD_CPUTIME_ID) - b->began_cpu_ns;
    return out->status;
}
