/* The checker's fiber, and the way in and out of it. */
#include "checker.h"

#include <string.h>

#include "finding.h"
#include "race.h"

enum { FINISH_TRIES = 10000 };

static struct {
    rs_fiber *interrupted;
} checker RS_STATE;

static void *check_for_ever(void *arg) {
    (void)arg;
    for (;;) {
        rt.check_waits = true;
        rt.target->check(rt.core, RW_INSTANT);
        rt.check_waits = false;
        checker_pause();
    }
    return NULL;
}

void checker_start(void) {
    rt.check_waits = false;
    if (rt.check_every > 0) {
        rt.checker = sched_spawn_apart(check_for_ever, NULL);
        rt.check_at = rt.decisions + (uint64_t)rt.check_every;
    }
}

/* What the check counts and consumes is no part of the execution. */
static void interrupt(void) {
    rs_fiber *f = rt.cur;
    int64_t fuel = rt.fuel;
    uint64_t step_end = rt.step_end, hash = rt.hash, decisions = rt.decisions, asked_at = rt.asked_at;
    uint64_t points[RS_POINT_KINDS];
    memcpy(points, rt.points, sizeof points);
    rt.checking = true;
    rt.step_end = rs_step() + FUEL_IDLE;
    rt.fuel = FUEL_IDLE;
    checker.interrupted = f;
    fiber_switch(f, rt.checker);
    rt.checking = false;
    memcpy(rt.points, points, sizeof points);
    rt.fuel = fuel;
    rt.step_end = step_end;
    rt.hash = hash;
    rt.decisions = decisions;
    rt.asked_at = asked_at;
}

void checker_pause(void) {
    fiber_switch(rt.checker, checker.interrupted);
}

void checker_look(void) {
    if (rt.checker == NULL || rt.checker->state != FIBER_READY) {
        return;
    }
    if (rt.check_waits || rt.decisions >= rt.check_at) {
        rt.check_at = rt.decisions + (uint64_t)rt.check_every;
        interrupt();
    }
}

static bool may_go_on(void) {
    return rt.check_waits && rt.checker->state == FIBER_READY;
}

void checker_alone(void) {
    for (int32_t i = 0; may_go_on() && rt.ready_cnt == 0 && i < FINISH_TRIES; i++) {
        interrupt();
    }
}

void checker_finish(void) {
    for (int32_t i = 0; may_go_on() && i < FINISH_TRIES; i++) {
        interrupt();
    }
    if (rt.check_waits && rt.dead_cnt == 0) { /* it waits for a lock that nobody gives back any more */
        finding_deadlock();
        sched_end();
    }
    if (rt.checker != NULL) {
        race_joined(rt.checker);
        rt.checker = NULL;
        rt.check_waits = false;
    }
}
