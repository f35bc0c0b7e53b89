/* The events of one execution, for those who want to see it. */
#ifndef RACEWASH_TRACE_H
#define RACEWASH_TRACE_H

#include "sched.h"

void trace_begin(rs_event *events, int64_t max);
RS_COLD void trace_event(uint32_t kind, uintptr_t addr, uint32_t size, uint64_t value, uintptr_t pc);
int64_t trace_count(void);

#endif
