/* The events of one execution, for those who want to see it. */
#ifndef RACEWASH_TRACE_H
#define RACEWASH_TRACE_H

#include "sched.h"

void trace_begin(rs_event *events, int64_t max);
RS_COLD void trace_event(uint32_t kind, uintptr_t addr, uint32_t size, uint64_t value, uintptr_t pc);
/* A plain access, about to be made, of a thread that runs a program; stacks are left out. */
RS_COLD void trace_plain(uintptr_t addr, uint64_t bytes, bool write, uintptr_t pc);
int64_t trace_count(void);

/* Are events that are no points wanted now? */
static inline bool trace_all(void) {
    return unlikely((rt.mode & MODE_TRACE) != 0 && (rt.flags & RS_TRACE_ALL) != 0);
}

#endif
