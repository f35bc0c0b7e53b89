/* Writes down events as they happen; values that are addresses in the library are made relative to it. */
#include "trace.h"

#include "breakpoint.h"
#include <string.h>

static struct {
    rs_event *events;
    int64_t max, cnt;
    int32_t last;
    rs_event *pending; /* a plain write whose value is in memory only after it */
    uintptr_t pending_addr;
} trace RS_STATE;

void trace_begin(rs_event *events, int64_t max) {
    trace.events = events;
    trace.max = events != NULL ? max : 0;
    trace.cnt = 0;
    rt.told->events = 0;
    trace.last = 0;
    trace.pending = NULL;
}

static uint64_t value_at(uintptr_t addr, uint32_t size) {
    uint64_t value = 0;
    memcpy(&value, (const void *)addr, size < 8 ? size : 8);
    return rs_normal(value);
}

void trace_event(uint32_t kind, uintptr_t addr, uint32_t size, uint64_t value, uintptr_t pc) {
    int32_t tid = rt.cur->tid;
    if (trace.pending != NULL) {
        trace.pending->value = value_at(trace.pending_addr, trace.pending->size);
        trace.pending = NULL;
    }
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
    rt.told->events = (uint64_t)trace.cnt;
    breakpoint_passed();
}

void trace_plain(uintptr_t addr, uint64_t bytes, bool write, uintptr_t pc) {
    bool heap = addr - ARENA_BASE < STACKS_BASE - ARENA_BASE;
    if (rt.cur->tid == 0 || (!heap && addr - rt.data_lo >= rt.data_bytes)) {
        return;
    }
    uint32_t size = bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;
    int64_t at = trace.cnt;
    trace_event(write ? RS_E_WRITE : RS_E_READ, addr, size, write ? 0 : value_at(addr, size), pc);
    if (write && at < trace.max) {
        trace.pending = &trace.events[at];
        trace.pending_addr = addr;
    }
}

int64_t trace_count(void) {
    return trace.cnt;
}
