/* The strategies that follow what somebody else has decided: a list of choices, or a hand-written order. */
#ifndef RACEWASH_REPLAY_H
#define RACEWASH_REPLAY_H

#include "strategy.h"

/* The list stays the caller's and must outlive the execution. */
void replay_set(const rs_choice *list, int32_t cnt, bool tolerant);
/* The step at which the list did not fit, -1: it fits. */
int64_t replay_diverged(void);

void force_set(const rs_leg *legs, int32_t cnt);
/* The leg that could not be kept, -1: all were. */
int32_t force_broken(void);

#endif
