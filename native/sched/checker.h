/* Judges the instant invariants while threads run, at every k-th choice.
 *
 * It is a fiber of its own, since a check may wait for a lock, but none that a strategy chooses: when its time has come the
 * running fiber is interrupted, the check runs as one step, and the interrupted fiber goes on. A check that has to wait
 * goes on at a later point, or when nobody else can run. Nothing in it is a point or a choice, so the same list of choices
 * fits as long as k is the same. To the race detector it is a thread as any other, since a check may move and free memory: what
 * it acquires at one lock it releases at the next, which orders threads that nothing else orders.
 */
#ifndef RACEWASH_CHECKER_H
#define RACEWASH_CHECKER_H

#include "sched.h"

void checker_start(void);
/* The running fiber is at a point: interrupt it if a check is due or can go on. */
void checker_look(void);
/* Nobody else can run: a check under way goes on, and may give back what they wait for. None begins here. */
void checker_alone(void);
/* Called inside a check that can't go on just now. */
void checker_pause(void);
/* All threads have ended: let a check under way come to its end. */
void checker_finish(void);

#endif
