/* Stopped threads: who is stopped where, and when it goes on. */
#include "stall.h"

#include <stdio.h>
#include <string.h>

#include "../stress/fault_plan.h"
#include "faults.h"
#include "sched_private.h"

static struct {
    int32_t to_come;                      /* faults that have not stopped anybody yet */
    uint32_t made;                        /* those that have, by bit */
    const int32_t *holding[FIBER_MAX];    /* by thread: the target's figures */
} stall RS_STATE;

/* ---- Which point ---- */

void stall_begin(void) {
    memset(stall.holding, 0, sizeof stall.holding);
    stall.to_come = 0;
    stall.made = 0;
    for (int32_t i = 0; i < rt.plan->fault_cnt; i++) {
        stall.to_come += rt.plan->faults[i].kind == RW_FAULT_STALL;
    }
    rt.stall_until = UINT64_MAX;
    rt.stalls = stall.to_come > 0;
    if (rt.stalls) {
        sched_ask_soon();
    }
}

void stall_attached(int32_t thread, rw_thread *context) {
    if (rt.target->holding != NULL) {
        stall.holding[thread] = rt.target->holding(context);
    }
}

static bool holds(int32_t thread, int32_t hold) {
    return hold == RW_ANY_HOLD || (stall.holding[thread] != NULL && stall.holding[thread][hold] > 0);
}

/* The fault whose point this is; of several the one that stops longest. */
static const rw_fault *due(int32_t thread) {
    const rw_fault *best = NULL;
    for (int32_t i = 0; i < rt.plan->fault_cnt; i++) {
        const rw_fault *f = &rt.plan->faults[i];
        if (!fault_is(f, RW_FAULT_STALL, thread) || !holds(thread, f->hold)) {
            continue;
        }
        if (faults_met(i) == f->skip && (stall.made >> i & 1) == 0) {
            stall.made |= UINT32_C(1) << i;
            stall.to_come--;
            best = best == NULL || (best->steps != 0 && (f->steps == 0 || f->steps > best->steps)) ? f : best;
        }
    }
    return best;
}

/* ---- Stopping, going on ---- */

static void find_next(void) {
    rt.stall_until = UINT64_MAX;
    for (int32_t i = 0; rt.stalled_cnt > 0 && i < rt.fiber_cnt; i++) {
        const rs_fiber *f = rt.fibers[i];
        if (f->state == FIBER_STALLED && f->stalled_until < rt.stall_until) {
            rt.stall_until = f->stalled_until;
        }
    }
    rt.stalls = stall.to_come > 0 || rt.stalled_cnt > 0;
}

static void stop(rs_fiber *f, const rw_fault *fault) {
    faults_made_elsewhere();
    f->stalled_until = fault->steps == 0 || fault->steps > INT64_MAX ? UINT64_MAX : rs_step() + fault->steps;
    if (fault->steps == 0) {
        rt.dead_cnt++;
        sched_ready_remove(f, FIBER_DEAD);
        sched_wake_all(f); /* whoever waits for its end */
    } else {
        rt.stalled_cnt++;
        sched_ready_remove(f, FIBER_STALLED);
    }
    find_next();
}

static void go_on(uint64_t step) {
    for (int32_t i = 0; i < rt.fiber_cnt; i++) {
        rs_fiber *f = rt.fibers[i];
        if (f->state == FIBER_STALLED && f->stalled_until <= step) {
            rt.stalled_cnt--;
            sched_ready_add(f);
        }
    }
    find_next();
}

void stall_resume_due(void) {
    if (rs_step() >= rt.stall_until) {
        go_on(rs_step());
    }
}

void stall_resume_first(void) {
    go_on(rt.stall_until);
}

bool stall_point(rs_fiber *f) {
    const rw_fault *fault = stall.to_come > 0 && f->program != PROGRAM_NONE && !rt.judging ? due(f->program) : NULL;
    if (fault != NULL) {
        stop(f, fault);
        sched_give_way(false);
        return true;
    }
    uint64_t step = rs_step();
    if (rt.observer == NULL && rt.ready_cnt > 1 && step < rt.granted && step < rt.stall_until) {
        sched_set_fuel(stall_limited((int64_t)(rt.granted - step)));
        return true;
    }
    return false;
}

int64_t stall_limited(int64_t fuel) {
    if (stall.to_come > 0) {
        return 1;
    }
    uint64_t step = rs_step(), left = rt.stall_until > step ? rt.stall_until - step : 1;
    return (uint64_t)fuel < left ? fuel : (int64_t)left;
}

/* ---- Words ---- */

const char *stall_holds_text(int32_t thread, char *out, size_t room) {
    size_t used = 0;
    for (int32_t i = 0; i < rt.target->hold_cnt && used < room; i++) {
        if (stall.holding[thread] != NULL && stall.holding[thread][i] > 0) {
            int n = snprintf(out + used, room - used, "%s%s", used > 0 ? " and " : "", rt.target->holds[i]);
            used += n > 0 ? (size_t)n : 0;
        }
    }
    if (used == 0) {
        snprintf(out, room, "nothing that the target names");
    }
    return out;
}
