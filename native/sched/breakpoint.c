/* Nothing happens here: rs_stop_here exists only so that a debugger can stop in it. */
#include "breakpoint.h"

static int64_t stop_at RS_STATE = -1;

RW_EXPORT void rs_stop_at(int64_t step) {
    stop_at = step;
}

RW_EXPORT RS_COLD void rs_stop_here(void) {
    __asm__ volatile("" : : : "memory");
}

void breakpoint_passed(void) {
    if (stop_at >= 0 && rs_step() == (uint64_t)stop_at) {
        stop_at = -1; /* once: the execution may be repeated to explain a finding */
        rs_stop_here();
    }
}
