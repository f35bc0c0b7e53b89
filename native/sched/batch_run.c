/* One execution of a batch, and what it gave; a finding is explained by a second run. */
#include <string.h>

#include "batch.h"
#include "choice.h"
#include "execute.h"
#include "explain.h"
#include "faults.h"
#include "finding.h"
#include "heap.h"
#include "history.h"
#include "memory_model.h"
#include "race.h"
#include "replay.h"
#include "shim.h"

/* ---- One execution ---- */

static void run_once(const rs_strategy *strategy, uint64_t seed, uint32_t extra_mode) {
    rt.strategy = strategy;
    rt.seed = seed;
    rt.whole_mode = extra_mode | ((rt.flags & RS_RACES) != 0 ? MODE_RACE : 0) |
                    ((rt.flags & RS_PLAIN_POINTS) != 0 ? MODE_PLAIN : 0);
    rt.base_mode = rt.whole_mode;
    state_restore();
    heap_begin();
    thread_begin();
    process_begin();
    findings_begin();
    history_begin();
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
 * all that can be had, and without those who look on: they have seen it. */
static void run_again(batch *b, uint64_t seed, uint32_t extra_mode) {
    if (rt.fiber_cnt > b->threads) {
        b->threads = rt.fiber_cnt;
    }
    if (!race_room(b->threads + 1)) {
        return;
    }
    race_wipe();
    rs_choice *list = choice_copy();
    const rs_strategy *made_by = rt.strategy;
    void (*observer)(const rs_fiber *) = rt.observer; /* has seen all of it */
    rt.observer = NULL;
    replay_set(list, choices.cnt, false);
    strategy_replay.begin(seed);
    run_once(&strategy_replay, seed, extra_mode);
    rt.strategy = made_by;
    rt.observer = observer;
}

/* What even the repetition has no clocks for stays unjudged: an execution of millions of releases. */
void batch_run(batch *b, const rs_strategy *strategy, uint64_t seed, uint32_t extra_mode) {
    run_once(strategy, seed, extra_mode);
    if ((rt.flags & RS_RACES) != 0 && race_worn_out()) {
        run_again(b, seed, extra_mode);
    }
}

/* ---- What it gave ---- */

void batch_sum_up(batch *b) {
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
    (void)distinct_add(choices.hash);
    history_count();
    faults_sum(&out->faults);
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
    batch_run(b, &strategy_replay, seed, MODE_EXPLAIN);
    findings_explained(rt.hash == hash);
    memcpy(rt.points, points, sizeof points);
    tally = kept;
    rt.plain = plain;
    rt.foreign = foreign;
    rt.operations = operations;
    rt.demotions = demotions;
}

bool batch_judge(batch *b, uint64_t seed) {
    int32_t fresh, cnt = findings_end(&fresh);
    b->out->finding_total += cnt > 0;
    if (fresh > 0 && (rt.flags & RS_NO_CONFIRM) == 0) {
        explain(b, seed);
    }
    return cnt > 0;
}
