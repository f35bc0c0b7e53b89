/* Virtual time: it moves with the points, with every reading, and to the next deadline when nobody can run.
 *
 * A loop that waits for time to pass would need millions of readings at the usual tick. After some readings by one thread with
 * no other running in between, the tick doubles with each further one; and it doubles with every few hundred readings of
 * an execution, for loops that wait in turn.
 */
#include "sched.h"

enum { POINT_NS = 10, TICK_NS = 1000, ALONE = 32, READINGS = 256, DOUBLINGS = 20 };
static const uint64_t EPOCH_NS = UINT64_C(1000000000000000); /* not zero, as a real clock would not be */

void clock_begin(void) {
    rt.clock_ns = EPOCH_NS;
    rt.clock_step = 0;
    rt.clock_reads = rt.clock_alone = 0;
    rt.clock_switches = 0;
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
    rt.clock_alone = rt.clock_switches == rt.switches ? rt.clock_alone + 1 : 0;
    rt.clock_switches = rt.switches;
    uint64_t doublings = rt.clock_reads++ / READINGS + (rt.clock_alone > ALONE ? rt.clock_alone - ALONE : 0);
    clock_advance_to(clock_peek() + ((uint64_t)TICK_NS << (doublings < DOUBLINGS ? doublings : DOUBLINGS)));
    return rt.clock_ns;
}
