/* A hand-written order: this thread to that point, then the other; the default order after the last leg.
 *
 * A leg holds from its beginning until its thread stands before the wanted point, blocks or ends. A leg whose thread can't
 * run when its turn comes is left out and remembered as broken.
 */
#include "replay.h"

static struct {
    const rs_leg *legs;
    int32_t cnt, at;
    int64_t passed; /* points of the leg's kind that its thread has begun in this leg */
    bool entered;   /* the leg's thread has been chosen at least once */
    int32_t broken;
} force RS_STATE;

void force_set(const rs_leg *legs, int32_t cnt) {
    force.legs = legs;
    force.cnt = cnt;
}

int32_t force_broken(void) {
    return force.broken;
}

static bool begin(uint64_t seed) {
    (void)seed;
    force.at = 0;
    force.passed = 0;
    force.entered = false;
    force.broken = -1;
    return true;
}

static void next_leg(void) {
    force.at++;
    force.passed = 0;
    force.entered = false;
}

/* The leg's thread is ready, pending before a point. Has it come to where the leg ends? */
static bool reached(const rs_leg *leg, const rs_fiber *f) {
    return leg->points > 0 && (leg->kind < 0 || (uint32_t)leg->kind == f->kind) && force.passed + 1 >= leg->points;
}

static int32_t choose(const rs_view *view, int64_t *fuel) {
    (void)fuel;
    while (force.at < force.cnt) {
        const rs_leg *leg = &force.legs[force.at];
        int32_t tid = leg->thread + 1;
        bool ready = tid >= 0 && tid < rt.fiber_cnt && rt.fibers[tid]->state == FIBER_READY;
        bool stopped = force.entered && (!ready || (view->current == tid && !view->can_go_on));
        if (stopped || !ready) {
            if (!force.entered && (tid >= rt.fiber_cnt || rt.fibers[tid]->state == FIBER_UNUSED)) {
                return rt.fibers[0]->state == FIBER_READY ? 0 : view->standard; /* it is not born yet */
            }
            if (!force.entered && force.broken < 0) {
                force.broken = force.at;
            }
            next_leg();
            continue;
        }
        const rs_fiber *f = rt.fibers[tid];
        if (reached(leg, f)) {
            next_leg();
            continue;
        }
        force.passed += leg->kind < 0 || (uint32_t)leg->kind == f->kind;
        force.entered = true;
        return tid;
    }
    return view->standard;
}

static uint32_t draw(uint32_t kind, uint32_t n) {
    (void)kind;
    (void)n;
    return 0;
}

const rs_strategy strategy_force = {"force", "follows a hand-written order", begin, choose, draw};
