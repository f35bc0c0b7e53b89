/* Virtual time: it moves with the points, with every reading, and to the next deadline when nobody can run.
 *
 * A loop that only waits for time to pass would need millions of readings at the usual tick. As long as nobody writes
 * anything between two readings, the tick doubles, so that such a loop ends after a few dozen.
 */
#include "sched.h"

enum { POINT_NS = 10, TICK_NS = 1000 };
static const uint64_t EPOCH_NS = UINT64_C(1000000000000000); /* not zero, as a real clock would not be */
static const uint64_t TICK_MAX_NS = UINT64_C(1000000000);

void clock_begin(void) {
    rt.clock_ns = EPOCH_NS;
    rt.clock_step = 0;
    rt.clock_tick = TICK_NS;
    rt.clock_write = 0;
    rt.next_deadline = UINT64_MAX;
}

uint64_t clock_peek(void) {
    return rt.clock_ns + (rs_step() - rt.clock_step) * POINT_NS;
}

void clock_advance_to(uint64_t ns) {
    uint64_t now = clock_peek();
    rt.clock_ns = ns > now ? ns : now;
    rt.clock_step = rs_step();
}

uint64_t clock_now(void) {
    if (!rt.active || rt.checking) {
        return clock_peek();
    }
    rs_point(RS_P_CLOCK, 0);
    bool idle = rt.writes == rt.clock_write;
    rt.clock_tick = !idle ? TICK_NS : rt.clock_tick < TICK_MAX_NS ? rt.clock_tick * 2 : TICK_MAX_NS;
    rt.clock_write = rt.writes;
    clock_advance_to(clock_peek() + rt.clock_tick);
    return rt.clock_ns;
}
