/* Judges the instant invariants while threads run, at every k-th choice.
 *
 * It is a fiber of its own, since a check may wait for a lock, but none that a strategy chooses: when its time has come the
 * running fiber is interrupted, the check runs as one step, and the interrupted fiber goes on. A check that has to wait
 * goes on at a later point. Nothing in it is a point or a choice, so the same list of choices fits as long as k is the same.
 */
#ifndef RACEWASH_CHECKER_H
#define RACEWASH_CHECKER_H

#include "sched.h"

void checker_start(void);
/* The running fiber is at a point: interrupt it if a check is due or can go on. */
void checker_look(void);
/* Called inside a check that can't go on just now. */
void checker_pause(void);
/* All threads have ended: let a check under way come to its end. */
void checker_finish(void);

#endif
