/* The default order, which calibrates: every thread runs until it can't, and what it does is counted.
 *
 * Counted are the points of all threads but the creating one (PCT draws its change points among so many) and each
 * thread's points by class of address (SURW). One execution, the same for every seed: a batch's calibration depends on the plan alone.
 */
#include <string.h>

#include "strategy.h"

int32_t surw_class(uintptr_t addr);

rs_calibration calibration RS_STATE;

static bool begin(uint64_t seed) {
    (void)seed;
    memset(&calibration, 0, sizeof calibration);
    return true;
}

void calibrate_point(const rs_fiber *f) {
    calibration.steps += f->tid != 0;
    calibration.threads = rt.fiber_cnt;
    if (f->addr != 0) {
        calibration.events[f->tid][surw_class(f->addr)]++;
    }
}

static int32_t choose(const rs_view *view, int64_t *fuel) {
    *fuel = INT32_MAX;
    return view->standard;
}

static uint32_t draw(uint32_t kind, uint32_t n) {
    (void)kind;
    (void)n;
    return 0;
}

const rs_strategy strategy_default = {"default", "every thread runs until it can't", begin, choose, draw};
