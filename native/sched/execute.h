/* One execution of a plan, inside fiber 0. */
#ifndef RACEWASH_EXECUTE_H
#define RACEWASH_EXECUTE_H

#include "sched.h"

typedef struct rs_tally { /* what executions add up to, beyond the runtime's own counters */
    int64_t checks[RW_MAX_INVARIANTS];
    bool whole; /* the last execution came to its end, so that what is live is a leak */
} rs_tally;

extern rs_tally tally;

/* NULL: the plan can be run; else what is wrong with it. */
const char *execute_fault(const rw_target *target, const rw_plan *plan);
void *execute_plan(void *arg);
/* The same of a whole program: its main is the first thread. */
void *execute_program(void *arg);
/* Its last thread ends, and main has left before. */
void execute_program_left(void);
void execute_set_program(int (*main_function)(int, char **), int argc, char **argv);

#endif
