/* What is judged at an execution's end. */
#ifndef RACEWASH_SCHED_JUDGE_H
#define RACEWASH_SCHED_JUDGE_H

#include "sched.h"

/* Note what the target has recorded so far. */
void judge_recorded(void);
/* The same, and add up how often it has judged: once, at the end. */
void judge_collect(void);
void judge_at_rest(void);
/* The same where the plan has stopped threads for ever. */
void judge_beside_the_dead(void);

#endif
