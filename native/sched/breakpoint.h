/* A place for a debugger to stop: one step of a traced execution. */
#ifndef RACEWASH_BREAKPOINT_H
#define RACEWASH_BREAKPOINT_H

#include "sched.h"

/* Only called where events are noted, so that an execution without a trace pays nothing. */
RS_COLD void breakpoint_passed(void);

#endif
