/* Writes down events as they happen; values that are addresses in the library are made relative to it. */
#include "trace.h"

#include "breakpoint.h"

static struct {
    rs_event *events;
    int64_t max, cnt;
    int32_t last;
} trace RS_STATE;

void trace_begin(rs_event *events, int64_t max) {
    trace.events = events;
    trace.max = events != NULL ? max : 0;
    trace.cnt = 0;
    trace.last = 0;
}

void trace_event(uint32_t kind, uintptr_t addr, uint32_t size, uint64_t value, uintptr_t pc) {
    int32_t tid = rt.cur->tid;
    if (trace.cnt < trace.max) {
        trace.events[trace.cnt] = (rs_event){.step = (uint32_t)rs_step(),
                                             .thread = (int16_t)(tid - 1),
                                             .kind = (uint16_t)kind,
                                             .size = size,
                                             .chosen = tid != trace.last,
                                             .address = rs_normal(addr),
                                             .value = rs_normal(value),
                                             .pc = pc - rt.module_lo < rt.module_bytes ? pc - 1 - rt.module_lo : 0};
    }
    trace.cnt++;
    trace.last = tid;
    breakpoint_passed();
}

int64_t trace_count(void) {
    return trace.cnt;
}
