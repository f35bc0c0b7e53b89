/* PCT: random priorities and d - 1 random points at which the running thread falls below all others.
 *
 * Source: Burckhardt, Kothari, Musuvathi, Nagarakatte, "A randomized scheduler with probabilistic guarantees of finding
 * bugs", ASPLOS 2010: a defect of depth d is found with probability at least 1 / (n k^(d-1)) in each execution of n threads
 * and k steps. Each change point has a priority of its own, below all threads' first ones; which of them is the higher
 * does not depend on which comes first. Deviations: k is calibrated by one execution of the default order and counts points
 * with a choice only; a thread that yields or spins falls too, below all others (else the highest one could spin for
 * ever); priorities of threads are drawn when they are first seen.
 */
#include "strategy.h"

enum { DEPTH_MAX = 64 };

typedef struct change {
    uint64_t at;
    int64_t priority; /* of the thread that runs then, from then on */
} change;

static struct {
    rs_rng rng;
    int32_t change_cnt, next_change;
    change changes[DEPTH_MAX]; /* in the order of their points */
    int64_t lowest;
    int32_t seen;              /* threads below have a priority */
    int64_t priority[FIBER_MAX];
} pct RS_STATE;

static void draw_changes(int32_t cnt, uint64_t steps) {
    pct.change_cnt = cnt;
    pct.next_change = 0;
    for (int32_t i = 0; i < cnt; i++) {
        change drawn = {.at = 1 + rng_next(&pct.rng) % steps, .priority = -i - 1}; /* the order of drawing is random */
        int32_t j = i;
        for (; j > 0 && pct.changes[j - 1].at > drawn.at; j--) {
            pct.changes[j] = pct.changes[j - 1];
        }
        pct.changes[j] = drawn;
    }
}

static bool begin(uint64_t seed) {
    pct.rng = rng_of(seed);
    int32_t depth = rs_settings.depth > 0 ? rs_settings.depth : 3;
    depth = depth <= DEPTH_MAX ? depth : DEPTH_MAX;
    draw_changes(depth - 1, calibration.steps > 0 ? (uint64_t)calibration.steps : 1);
    pct.lowest = -DEPTH_MAX;
    pct.seen = 0;
    return true;
}

static int32_t choose(const rs_view *view, int64_t *fuel) {
    for (; pct.seen < rt.fiber_cnt; pct.seen++) {
        pct.priority[pct.seen] = (int64_t)(rng_next(&pct.rng) >> 2) + 1;
    }
    if (view->yielded) {
        pct.priority[view->current] = --pct.lowest;
    }
    while (pct.next_change < pct.change_cnt && rt.decisions >= pct.changes[pct.next_change].at) {
        pct.priority[view->current] = pct.changes[pct.next_change++].priority;
    }
    int32_t best = view->ready[0];
    for (int32_t i = 1; i < view->ready_cnt; i++) {
        int32_t tid = view->ready[i];
        best = pct.priority[tid] > pct.priority[best] ? tid : best;
    }
    *fuel = pct.next_change < pct.change_cnt ? (int64_t)(pct.changes[pct.next_change].at - rt.decisions) : INT32_MAX;
    return best;
}

static uint32_t draw(uint32_t kind, uint32_t n) {
    return rng_draw(&pct.rng, kind, n);
}

const rs_strategy strategy_pct = {
    "pct", "random priorities, changed at d - 1 random points (Burckhardt and others, ASPLOS 2010)", begin, choose,
    draw};
