/* Batches: executions one after the other under a strategy, their findings explained by a second run. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "choice.h"
#include "coverage.h"
#include "execute.h"
#include "explain.h"
#include "faults.h"
#include "finding.h"
#include "heap.h"
#include "memory_model.h"
#include "race.h"
#include "replay.h"
#include "shim.h"
#include "trace.h"

enum { STEP_BOUND = 1000000, STEP_BOUND_MAX = 100000000, CHOICES = 1000000, LOOK_MAX = 4096 };

rs_options rs_settings RS_STATE;

typedef struct batch {
    rs_result *out;
    const rs_strategy *strategy; /* the one asked for */
    int64_t began_ns, began_cpu_ns, look_in, look_every, looked_ns;
    int32_t threads; /* for which the race detector has room */
} batch;

static int32_t fail(rs_result *out, int32_t status, const char *message) {
    out->status = status;
    snprintf(out->message, sizeof out->message, "%s", message);
    return status;
}

static int64_t ns_by(clockid_t clock) {
    struct timespec ts;
    clock_gettime(clock, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* ---- One execution ---- */

static void run_once(const rs_strategy *strategy, uint64_t seed, uint32_t extra_mode) {
    rt.strategy = strategy;
    rt.seed = seed;
    rt.base_mode = extra_mode | ((rt.flags & RS_RACES) != 0 ? MODE_RACE : 0) |
                   ((rt.flags & RS_PLAIN_POINTS) != 0 ? MODE_PLAIN : 0);
    state_restore();
    heap_begin();
    thread_begin();
    process_begin();
    findings_begin();
    if (rt.base_mode & MODE_RACE) {
        race_begin();
    }
    if (rt.model != NULL) {
        rt.model->begin();
    }
    sched_begin();
    sched_run(rt.target != NULL ? execute_plan : execute_program, NULL);
    heap_end(tally.whole && (rt.flags & RS_NO_LEAKS) == 0);
}

/* The race detector ran out of clocks, records or room for threads in the middle: once more from the list of choices, with
 * more of all. False: it can't be had. */
static bool run_again(batch *b, uint64_t seed, uint32_t extra_mode) {
    if (rt.fiber_cnt > b->threads) {
        b->threads = rt.fiber_cnt;
    }
    if (!race_room(b->threads + 1)) {
        return false;
    }
    race_wipe();
    rs_choice *list = choice_copy();
    const rs_strategy *made_by = rt.strategy;
    replay_set(list, choices.cnt, false);
    strategy_replay.begin(seed);
    run_once(&strategy_replay, seed, extra_mode);
    rt.strategy = made_by;
    return true;
}

static void run(batch *b, const rs_strategy *strategy, uint64_t seed, uint32_t extra_mode) {
    run_once(strategy, seed, extra_mode);
    for (int tries = 0; (rt.flags & RS_RACES) != 0 && race_worn_out() && tries < 8; tries++) {
        if (!run_again(b, seed, extra_mode)) {
            break;
        }
    }
}

/* ---- What it gave ---- */

static void sum_up(batch *b) {
    rs_result *out = b->out;
    int64_t steps = (int64_t)rs_step();
    out->executions++;
    out->decisions += (int64_t)rt.decisions;
    out->switches += (int64_t)rt.switches;
    out->preemptions += (int64_t)rt.preemptions;
    out->max_steps = steps > out->max_steps ? steps : out->max_steps;
    out->bounded += rt.fair;
    out->thread_max = rt.fiber_cnt > out->thread_max ? rt.fiber_cnt : out->thread_max;
    out->shared_words += race_shared_words();
    out->trace_hash = rt.hash;
    out->batch_hash = (out->batch_hash ^ rt.hash) * UINT64_C(0x9E3779B97F4A7C15);
    faults_sum(&out->faults);
    (void)distinct_add(choices.hash);
}

static void explain(batch *b, uint64_t seed) {
    int32_t cnt;
    const rs_finding *f;
    uint64_t hash = rt.hash;
    explain_clear();
    for (int32_t i = 0; i < (cnt = findings_now(&f, i)); i++) {
        explain_watch(f->address);
    }
    rs_choice *list = choice_copy();
    uint64_t points[RS_POINT_KINDS];
    memcpy(points, rt.points, sizeof points);
    rs_tally kept = tally;
    uint64_t plain = rt.plain, foreign = rt.foreign, operations = rt.operations, demotions = rt.demotions;
    replay_set(list, choices.cnt, false);
    strategy_replay.begin(seed);
    run(b, &strategy_replay, seed, MODE_EXPLAIN);
    if (rt.hash == hash) {
        findings_explained();
    }
    memcpy(rt.points, points, sizeof points);
    tally = kept;
    rt.plain = plain;
    rt.foreign = foreign;
    rt.operations = operations;
    rt.demotions = demotions;
}

/* True when there was a finding. */
static bool judge(batch *b, uint64_t seed) {
    int32_t fresh, cnt = findings_end(&fresh);
    b->out->finding_total += cnt > 0;
    if (fresh > 0 && (rt.flags & RS_NO_CONFIRM) == 0) {
        explain(b, seed);
    }
    return cnt > 0;
}

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
    int64_t now = ns_by(CLOCK_MONOTONIC), since = now - b->looked_ns;
    b->look_every = since < 500000 && b->look_every < LOOK_MAX ? b->look_every * 2 : b->look_every;
    b->look_every = since > 2000000 && b->look_every > 1 ? b->look_every / 2 : b->look_every;
    b->look_in = b->look_every;
    b->looked_ns = now;
    return now - b->began_ns >= rs_settings.milliseconds * 1000000;
}

/* ---- Before and after ---- */

static bool is_exhaustive(const rs_strategy *strategy) {
    return strategy == &strategy_dfs || strategy == &strategy_dfs_plain;
}

static int32_t prepare(batch *b, const rw_target *target, const rw_plan *plan, const rs_options *options,
                       rs_result *out) {
    memset(out, 0, sizeof *out);
    out->diverged_at = -1;
    const char *fault = target != NULL ? execute_fault(target, plan) : NULL;
    if (fault != NULL) {
        return fail(out, RS_BAD_REQUEST, fault);
    }
    rs_settings = *options;
    rs_settings.step_bound = options->step_bound > 0 ? options->step_bound : STEP_BOUND;
    if (rs_settings.step_bound > STEP_BOUND_MAX) {
        return fail(out, RS_BAD_REQUEST, "the step bound is above 100,000,000");
    }
    if (!memory_model_find(options->memory_model, &rt.model)) {
        return fail(out, RS_BAD_REQUEST, "there is no such memory model");
    }
    snprintf(out->memory_model, sizeof out->memory_model, "%s", options->memory_model ? options->memory_model : "sc");
    b->strategy = strategy_find(options->strategy);
    if (b->strategy == NULL) {
        return fail(out, RS_BAD_REQUEST, "there is no such strategy");
    }
    bool endless = options->executions <= 0 && options->milliseconds <= 0 && options->progress == NULL;
    if (endless && !is_exhaustive(b->strategy)) {
        return fail(out, RS_BAD_REQUEST, "the batch has no end: name executions, milliseconds or a progress area");
    }
    b->threads = target != NULL ? plan->thread_cnt + 2 : 8;
    if (!state_find()) {
        return fail(out, RS_NO_MEMORY, "the library's own data was not found");
    }
    if (!region_map() || !choice_room(options->max_choices > 0 ? options->max_choices : CHOICES) ||
        !race_room(b->threads + 1)) {
        return fail(out, RS_NO_MEMORY, "the runtime's fixed addresses are taken, or there is no memory");
    }
    if (region_take_over()) {
        race_wipe();
        heap_begin_batch();
    }
    return RS_DONE;
}

static void begin_batch(batch *b, const rw_target *target, const rw_plan *plan, rs_result *out) {
    b->out = out;
    b->look_in = b->look_every = 1;
    b->began_ns = b->looked_ns = ns_by(CLOCK_MONOTONIC);
    b->began_cpu_ns = ns_by(CLOCK_THREAD_CPUTIME_ID);
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
    crash_guard();
}

static int32_t end_batch(batch *b) {
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
    out->choices = choices.at;
    out->choice_cnt = choices.cnt;
    out->nanoseconds = ns_by(CLOCK_MONOTONIC) - b->began_ns;
    out->cpu_nanoseconds = ns_by(CLOCK_THREAD_CPUTIME_ID) - b->began_cpu_ns;
    return out->status;
}

/* One execution in the default order, which measures; what it finds is kept like any other's. */
static void calibrate(batch *b) {
    strategy_default.begin(0);
    rt.observer = calibrate_point;
    run(b, &strategy_default, rs_settings.first_seed, 0);
    rt.observer = NULL;
    (void)judge(b, rs_settings.first_seed);
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
    if (prepare(&b, target, plan, options, out) != RS_DONE) {
        return out->status;
    }
    begin_batch(&b, target, plan, out);
    calibrate(&b);
    uint32_t mode = modes_of(&b);
    for (int64_t i = 0; options->executions <= 0 || i < options->executions; i++) {
        uint64_t seed = options->first_seed + (uint64_t)i;
        rt.strategy = b.strategy;
        if (!b.strategy->begin(seed)) {
            out->exhausted = !is_exhaustive(b.strategy) || dfs_complete();
            break;
        }
        coverage_begin();
        trace_begin(rs_settings.events, rs_settings.event_max);
        show_progress(&b, seed);
        rt.observer = is_exhaustive(rt.strategy) ? dfs_event : NULL;
        run(&b, rt.strategy, seed, mode);
        rt.observer = NULL;
        sum_up(&b);
        if (rs_settings.trace_hashes != NULL && options->executions > 0) {
            rs_settings.trace_hashes[i] = rt.hash;
        }
        bool found = judge(&b, seed);
        if ((found && (rt.flags & RS_FIRST_ONLY) != 0) || time_is_over(&b)) {
            break;
        }
        if (unlikely(stopped())) {
            fail(out, RS_STOPPED, "stopped before its end");
            break;
        }
    }
    return end_batch(&b);
}

/* ---- One execution by somebody else's choices ---- */

static void run_single(batch *b, const rs_strategy *strategy, uint64_t seed) {
    strategy->begin(seed);
    coverage_begin();
    trace_begin(rs_settings.events, rs_settings.event_max);
    run(b, strategy, seed, modes_of(b) & ~(uint32_t)MODE_COVER);
    sum_up(b);
    if (rs_settings.trace_hashes != NULL) {
        rs_settings.trace_hashes[0] = rt.hash;
    }
}

RW_EXPORT int32_t rs_replay(const rw_target *target, const rw_plan *plan, const rs_options *options,
                            const rs_choice *list, int32_t cnt, rs_result *out) {
    batch b = {0};
    if (prepare(&b, target, plan, options, out) != RS_DONE) {
        return out->status;
    }
    begin_batch(&b, target, plan, out);
    replay_set(list, cnt, (options->flags & RS_TOLERANT) != 0);
    run_single(&b, &strategy_replay, options->first_seed);
    out->diverged_at = replay_diverged();
    if (out->diverged_at >= 0 && (options->flags & RS_TOLERANT) == 0) {
        snprintf(out->message, sizeof out->message, "the list of choices does not fit the execution at step %lld",
                 (long long)out->diverged_at);
        out->status = RS_DIVERGED;
    }
    (void)judge(&b, options->first_seed);
    return end_batch(&b);
}

RW_EXPORT int32_t rs_force(const rw_target *target, const rw_plan *plan, const rs_options *options, const rs_leg *legs,
                           int32_t cnt, rs_result *out) {
    batch b = {0};
    if (prepare(&b, target, plan, options, out) != RS_DONE) {
        return out->status;
    }
    begin_batch(&b, target, plan, out);
    force_set(legs, cnt);
    run_single(&b, &strategy_force, options->first_seed);
    if (force_broken() >= 0) {
        snprintf(out->message, sizeof out->message, "leg %d of the order could not be kept", (int)force_broken());
        out->status = RS_DIVERGED;
    }
    (void)judge(&b, options->first_seed);
    return end_batch(&b);
}
