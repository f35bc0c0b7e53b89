/* Between the files of the scheduler. */
#ifndef RACEWASH_SCHED_PRIVATE_H
#define RACEWASH_SCHED_PRIVATE_H

#include "sched.h"

void sched_ready_add(rs_fiber *f);
void sched_ready_remove(rs_fiber *f, fiber_state state);
/* A blocked fiber becomes ready, whatever it waited for. */
void sched_unblock(rs_fiber *f);
/* Leave the processor to whom the strategy says. */
void sched_give_way(bool yielded);
void sched_revive_spinners(void);
/* The running fiber spins: put it back. */
void sched_demote(void);
/* The running thread is over: does not return. */
void sched_thread_ended(void *result);

#endif
