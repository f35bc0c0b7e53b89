/* POS: every pending operation has a random priority; those that conflict with the one executed draw anew.
 *
 * Source: Yuan, Yang, Gu, "Partial order aware concurrency sampling", CAV 2018: sampling priorities of operations
 * instead of threads samples partial orders more evenly than a random walk. Two operations conflict when they are at the same
 * address and one writes. Every point is a question, so it costs more than strategies with bursts.
 */
#include "strategy.h"

static struct {
    rs_rng rng;
    int32_t seen;
    uint64_t priority[FIBER_MAX]; /* of each thread's pending operation */
} pos RS_STATE;

static bool begin(uint64_t seed) {
    pos.rng = rng_of(seed);
    pos.seen = 0;
    return true;
}

static void draw_conflicting(const rs_view *view, const rs_fiber *chosen) {
    for (int32_t i = 0; i < view->ready_cnt; i++) {
        const rs_fiber *f = rt.fibers[view->ready[i]];
        if (f != chosen && f->addr == chosen->addr && (point_writes(f->kind) || point_writes(chosen->kind))) {
            pos.priority[f->tid] = rng_next(&pos.rng);
        }
    }
}

static int32_t choose(const rs_view *view, int64_t *fuel) {
    (void)fuel;
    for (; pos.seen < rt.fiber_cnt; pos.seen++) {
        pos.priority[pos.seen] = rng_next(&pos.rng);
    }
    int32_t best = -1;
    for (int32_t i = 0; i < view->ready_cnt; i++) {
        int32_t tid = view->ready[i];
        if (view->yielded && tid == view->current) {
            continue; /* what it would do next is to look again */
        }
        best = best < 0 || pos.priority[tid] > pos.priority[best] ? tid : best;
    }
    draw_conflicting(view, rt.fibers[best]);
    pos.priority[best] = rng_next(&pos.rng); /* its next operation is another one */
    return best;
}

static uint32_t draw(uint32_t kind, uint32_t n) {
    return rng_draw(&pos.rng, kind, n);
}

const rs_strategy strategy_pos = {
    "pos", "partial-order sampling: random priorities of operations (Yuan, Yang, Gu, CAV 2018)", begin, choose, draw};
