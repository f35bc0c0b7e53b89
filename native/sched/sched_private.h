/* Between the files of the scheduler. */
#ifndef RACEWASH_SCHED_PRIVATE_H
#define RACEWASH_SCHED_PRIVATE_H

#include "sched.h"

/* Spinning and deadlines are looked at when the step is a multiple of this, whatever fuel the strategy grants, so that a
 * replay, which grants other fuel, sees them at the same steps. */
enum { LOOK_EVERY = 64 };

static inline void sched_count_decisions(void) {
    uint64_t step = rs_step();
    if (rt.ready_cnt > 1) {
        rt.decisions += step - rt.asked_at;
    }
    rt.asked_at = step;
}

static inline void sched_set_fuel(int64_t fuel) {
    rt.step_end = rs_step() + (uint64_t)fuel;
    rt.fuel = fuel;
}

/* ---- sched_next.c ---- */

/* Who runs next, when somebody is left that can. */
rs_fiber *sched_next(bool can_go_on, bool yielded);
/* So much of the fuel as leaves all looks at their steps. */
int64_t sched_limited(int64_t fuel);
/* Deadlines that are over wake who waits. */
void sched_expire_due(void);
void sched_ready_add(rs_fiber *f);
void sched_ready_remove(rs_fiber *f, fiber_state state);
/* A blocked fiber becomes ready, whatever it waited for. */
void sched_unblock(rs_fiber *f);
void sched_revive_spinners(void);

/* ---- sched.c, sched_wait.c ---- */

/* Leave the processor to whom the strategy says. */
void sched_give_way(bool yielded);
/* The running fiber spins: put it back. */
void sched_demote(void);
/* The running thread is over: does not return. */
void sched_thread_ended(void *result);

#endif
