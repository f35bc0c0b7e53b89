/* What oracles say, while an execution runs: noted once each, shown by a second run, kept by the batch. */
#ifndef RACEWASH_FINDING_H
#define RACEWASH_FINDING_H

#include "sched.h"

/* A stack as the runtime sees it: return addresses, of the access and of the calls it is inside of. */
typedef struct rs_where {
    int32_t tid; /* -1: unknown */
    char what[64];
    int32_t depth;
    uintptr_t pc[RS_STACK_DEPTH];
} rs_where;

/* The running fiber, here: `pc` is the return address of its call of the runtime. */
void where_now(rs_where *w, uintptr_t pc, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Note a finding of the execution under way; the same kind at the same place is noted once in an execution. Null
 * pointers: no such stack. Returns true when it is new in this execution. */
bool finding_note(int32_t kind, uintptr_t address, const rs_where *second, const rs_where *first, const rs_where *third,
                  const char *format, ...) __attribute__((format(printf, 6, 7)));
/* The same, and the execution ends here. */
_Noreturn void finding_fatal(int32_t kind, uintptr_t address, uintptr_t pc, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void finding_violation(const rw_violation *v);
/* A history without an order: `ops` and `calls` are the execution's, the result says which of them. */
void finding_order(const rl_result *found, const rl_op *ops, const rs_call *calls);
void finding_livelock(const char *why);
void finding_deadlock(void);

/* For the batch */
void findings_begin_batch(int32_t max);
void findings_begin(void);
/* The execution is over: number of findings in it, and how many of them are new in the batch (to be explained). */
int32_t findings_end(int32_t *fresh);
/* Run again with stacks noted, by the same trace or not: findings of the batch that the second run met are confirmed. */
void findings_explained(bool same);
/* The ith of the execution under way, NULL past the end; returns their number. */
int32_t findings_now(const rs_finding **out, int32_t i);
const rs_finding *findings_all(int32_t *cnt);

#endif
