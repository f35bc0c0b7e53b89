/* Judgement of an execution whose programs have ended, and what the target has recorded. */
#include "judge.h"

#include "execute.h"
#include "faults.h"
#include "finding.h"

void judge_recorded(void) {
    static rw_violation violations[RW_MAX_VIOLATIONS] RS_STATE;
    int32_t cnt = rt.target->violations(rt.core, violations, RW_MAX_VIOLATIONS);
    for (int32_t i = 0; i < cnt && i < RW_MAX_VIOLATIONS; i++) {
        finding_violation(&violations[i]);
    }
}

void judge_collect(void) {
    judge_recorded();
    for (int32_t i = 0; i < rt.target->invariant_cnt && i < RW_MAX_INVARIANTS; i++) {
        tally.checks[i] += rt.target->checks(rt.core, i);
    }
}

void judge_at_rest(void) {
    faults_stop();
    rt.reliable = true;
    if (rt.check_every > 0) {
        rt.target->check(rt.core, RW_INSTANT);
    }
    rt.target->check(rt.core, RW_QUIESCENT);
    if (faults_wanted()) {
        rt.target->recover(rt.core);
        rt.target->check(rt.core, RW_QUIESCENT);
    }
}

/* Some threads stand in the middle of an operation, for ever: what they hold stays held, so nothing is at rest, and neither
 * can the core be destroyed nor a leak be told from what they have in hand. */
void judge_beside_the_dead(void) {
    faults_stop();
    rt.reliable = true;
    if (rt.target->outlive != NULL) { /* first: it waits for less */
        rt.target->outlive(rt.core);
    }
    rt.target->check(rt.core, RW_INSTANT);
    judge_collect();
}
