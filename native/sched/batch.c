/* Batches: executions one after the other under a strategy. */
#include <stdio.h>
#include <string.h>

#include "batch.h"
#include "choice.h"
#include "coverage.h"
#include "execute.h"
#include "replay.h"
#include "trace.h"

enum { LOOK_MAX = 4096 };

/* ---- While it runs ---- */

static void show_progress(const batch *b, uint64_t seed) {
    rs_progress *p = rs_settings.progress;
    if (p != NULL) {
        p->executions = (uint64_t)b->out->executions;
        p->decisions = (uint64_t)b->out->decisions;
        p->distinct = (uint64_t)distinct_count();
        p->coverage = (uint64_t)coverage_total();
        p->findings = (uint64_t)b->out->finding_total;
        p->seed = seed;
        p->points = 0;
        for (int32_t kind = 0; kind < RS_POINT_KINDS; kind++) {
            p->points += rt.points[kind];
        }
    }
}

static bool stopped(void) {
    const rs_progress *p = rs_settings.progress;
    return p != NULL && __atomic_load_n(&p->stop, __ATOMIC_RELAXED) != 0;
}

/* Is the time over? The clock is looked at about once a millisecond. */
static bool time_is_over(batch *b) {
    if (rs_settings.milliseconds <= 0 || --b->look_in > 0) {
        return false;
    }
    int64_t now = batch_clock(CLOCK_MONOTONIC), since = now - b->looked_ns;
    b->look_every = since < 500000 && b->look_every < LOOK_MAX ? b->look_every * 2 : b->look_every;
    b->look_every = since > 2000000 && b->look_every > 1 ? b->look_every / 2 : b->look_every;
    b->look_in = b->look_every;
    b->looked_ns = now;
    return now - b->began_ns >= rs_settings.milliseconds * 1000000;
}

/* ---- Exploration ---- */

/* One execution in the default order, which measures; what it finds is kept like any other's. */
static void calibrate(batch *b) {
    strategy_default.begin(0);
    rt.observer = calibrate_point;
    batch_run(b, &strategy_default, rs_settings.first_seed, 0);
    rt.observer = NULL;
    if (rt.dead_cnt == 0) { /* else it would count among those who waited, in no execution that is counted */
        (void)batch_judge(b, rs_settings.first_seed);
    }
    memset(rt.points, 0, sizeof rt.points);
    memset(&tally, 0, sizeof tally);
    rt.plain = rt.foreign = rt.operations = rt.demotions = 0;
    if (rs_settings.calibration[0] > 0) {
        calibration.steps = rs_settings.calibration[0];
    }
}

static uint32_t modes_of(const batch *b) {
    bool guided = b->strategy == &strategy_guided || b->strategy == &strategy_portfolio;
    return (guided || (rt.flags & RS_COVERAGE) != 0 ? MODE_COVER : 0) | (rs_settings.events != NULL ? MODE_TRACE : 0);
}

RW_EXPORT int32_t rs_explore(const rw_target *target, const rw_plan *plan, const rs_options *options, rs_result *out) {
    batch b = {0};
    if (batch_prepare(&b, target, plan, options, out) != RS_DONE) {
        return out->status;
    }
    batch_begin(&b, target, plan, out);
    calibrate(&b);
    uint32_t mode = modes_of(&b);
    for (int64_t i = 0; options->executions <= 0 || i < options->executions; i++) {
        uint64_t seed = options->first_seed + (uint64_t)i;
        rt.strategy = b.strategy;
        if (!b.strategy->begin(seed)) {
            out->exhausted = !batch_is_exhaustive(b.strategy) || dfs_complete();
            break;
        }
        coverage_begin();
        trace_begin(rs_settings.events, rs_settings.event_max);
        show_progress(&b, seed);
        rt.observer = batch_is_exhaustive(rt.strategy) ? dfs_event : NULL;
        batch_run(&b, rt.strategy, seed, mode);
        rt.observer = NULL;
        batch_sum_up(&b);
        if (rs_settings.trace_hashes != NULL && options->executions > 0) {
            rs_settings.trace_hashes[i] = rt.hash;
        }
        bool found = batch_judge(&b, seed);
        if ((found && (rt.flags & RS_FIRST_ONLY) != 0) || time_is_over(&b)) {
            break;
        }
        if (unlikely(stopped())) {
            batch_fail(out, RS_STOPPED, "stopped before its end");
            break;
        }
    }
    return batch_end(&b);
}

/* ---- One execution by somebody else's choices ---- */

static void run_single(batch *b, const rs_strategy *strategy, uint64_t seed) {
    strategy->begin(seed);
    coverage_begin();
    trace_begin(rs_settings.events, rs_settings.event_max);
    batch_run(b, strategy, seed, modes_of(b) & ~(uint32_t)MODE_COVER);
    batch_sum_up(b);
    if (rs_settings.trace_hashes != NULL) {
        rs_settings.trace_hashes[0] = rt.hash;
    }
}

RW_EXPORT int32_t rs_replay(const rw_target *target, const rw_plan *plan, const rs_options *options,
                            const rs_choice *list, int32_t cnt, rs_result *out) {
    batch b = {0};
    if (batch_prepare(&b, target, plan, options, out) != RS_DONE) {
        return out->status;
    }
    batch_begin(&b, target, plan, out);
    replay_set(list, cnt, (options->flags & RS_TOLERANT) != 0);
    run_single(&b, &strategy_replay, options->first_seed);
    out->diverged_at = replay_diverged();
    if (out->diverged_at >= 0 && (options->flags & RS_TOLERANT) == 0) {
        snprintf(out->message, sizeof out->message, "the list of choices does not fit the execution at step %lld",
                 (long long)out->diverged_at);
        out->status = RS_DIVERGED;
    }
    (void)batch_judge(&b, options->first_seed);
    return batch_end(&b);
}

RW_EXPORT int32_t rs_force(const rw_target *target, const rw_plan *plan, const rs_options *options, const rs_leg *legs,
                           int32_t cnt, rs_result *out) {
    batch b = {0};
    if (batch_prepare(&b, target, plan, options, out) != RS_DONE) {
        return out->status;
    }
    batch_begin(&b, target, plan, out);
    force_set(legs, cnt);
    run_single(&b, &strategy_force, options->first_seed);
    if (force_broken() >= 0) {
        snprintf(out->message, sizeof out->message, "leg %d of the order could not be kept", (int)force_broken());
        out->status = RS_DIVERGED;
    }
    (void)batch_judge(&b, options->first_seed);
    return batch_end(&b);
}
