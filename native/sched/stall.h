/* Threads that a plan stops at a point of theirs: for some steps of the others, or for ever.
 *
 * While such a fault is to come every point of every thread is looked at. The strategy is asked no more often for that:
 * what it has granted is spent point by point. When a stopped thread goes on depends on steps alone, so that a replay,
 * which grants other fuel, sees it at the same step. A thread stopped for a while goes on early when nobody else can.
 */
#ifndef RACEWASH_STALL_H
#define RACEWASH_STALL_H

#include "sched.h"

/* The programs' threads begin. */
void stall_begin(void);
/* NULL: it has no context. Told once a thread is attached. */
void stall_attached(int32_t thread, rw_thread *context);
/* The running fiber is at a point: true when nobody is to be asked who runs now, it having been stopped or not. */
bool stall_point(rs_fiber *f);
int64_t stall_limited(int64_t fuel); /* so much of it that no look is missed */
void stall_resume_due(void);
void stall_resume_first(void);
/* What a thread holds, as words; returns `out`. */
const char *stall_holds_text(int32_t thread, char *out, size_t room);

#endif
