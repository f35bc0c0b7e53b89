/* The scheduler: points, and an execution from its beginning to its end. Who runs next is sched_next.c's business. */
#include "sched.h"

#include "checker.h"
#include "choice.h"
#include "finding.h"
#include "sched_private.h"
#include "stall.h"
#include "strategy.h"

enum { SPIN_PATIENCE = 16 * LOOK_EVERY };

rs_progress sched_nobodys RS_STATE;
rs_runtime rt RS_STATE = {.told = &sched_nobodys};

static void go_to(rs_fiber *next, bool preempted) {
    rs_fiber *cur = rt.cur;
    if (next != cur) {
        rt.switches++;
        rt.preemptions += preempted;
        rt.told->preemptions = rt.preemptions;
        rs_mix((uint64_t)next->tid + 1);
        fiber_switch(cur, next);
    }
}

/* ---- Points ---- */

/* Looks that happen at steps that depend on nothing but the step. */
static void look_around(rs_fiber *f, uint64_t step) {
    if (rt.timed_cnt > 0) {
        sched_expire_due();
    }
    if (step - rt.wrote_at > SPIN_LOADS && f->watched == 0 && rt.live_cnt > 1) { /* alone, the bound is enough */
        spin_watch(f);
        rt.mode |= MODE_WATCH;
    }
    if (rt.spinner_cnt > 0 && step % SPIN_PATIENCE == 0) {
        sched_revive_spinners();
    }
}

static RS_COLD void bound_reached(uint64_t step) {
    if (rt.fair) {
        finding_livelock("still running");
        sched_end();
    }
    rt.fair = true;
    rt.bound += step;
}

void sched_slow(uint32_t kind, uintptr_t addr) {
    rs_fiber *f = rt.cur;
    if (unlikely(!rt.active || rt.checking)) {
        sched_set_fuel(FUEL_IDLE);
        return;
    }
    uint64_t step = rs_step();
    f->kind = kind;
    f->addr = addr;
    if (unlikely(step >= rt.bound)) {
        bound_reached(step);
    }
    if (step % LOOK_EVERY == 0) {
        look_around(f, step);
    }
    if (unlikely(rt.check_every > 0)) {
        sched_count_decisions();
        checker_look();
    }
    if (unlikely(rt.stalls) && stall_point(f)) {
        return;
    }
    rs_fiber *next = sched_next(true, false);
    go_to(next, true);
}

/* One step that is not a point of the fast path. */
static void take_step(void) {
    if (--rt.fuel <= 0) {
        rt.step_end++;
        rt.fuel = 1;
    }
}

/* Leave the processor: to whom the strategy says. */
void sched_give_way(bool yielded) {
    take_step();
    if (unlikely(rs_step() >= rt.bound)) {
        bound_reached(rs_step());
    }
    rs_fiber *next = sched_next(false, yielded);
    go_to(next, false);
}

uint32_t sched_draw(uint32_t kind, uint32_t n) {
    if (n < 2 || !rt.active || rt.checking) {
        return 0;
    }
    take_step();
    rt.points[RS_P_DRAW]++;
    uint32_t value = rt.strategy->draw(kind, n);
    if (value != 0) {
        choice_note(rs_step(), kind, value);
    }
    rs_mix((uint64_t)kind << 32 | value);
    return value;
}

/* ---- One execution ---- */

void sched_begin(void) {
    rt.ready_cnt = rt.spinner_cnt = rt.fiber_cnt = rt.live_cnt = rt.timed_cnt = 0;
    rt.fuel = 1;
    rt.step_end = 1;
    rt.asked_at = 0;
    rt.hash = UINT64_C(0x243F6A8885A308D3);
    rt.fair = rt.ending = rt.checking = rt.judging = false;
    rt.stalls = rt.clock_faults = false;
    rt.granted = 0;
    rt.stalled_cnt = rt.dead_cnt = 0;
    rt.wait_seq = 0;
    rt.spin_rounds = 0;
    rt.spin_reads = 0;
    rt.checker = NULL;
    rt.check_waits = false;
    rt.decisions = rt.switches = rt.preemptions = 0;
    rt.check_at = (uint64_t)rt.check_every;
    rt.bound = (uint64_t)rs_settings.step_bound;
    rt.mode = rt.base_mode;
    clock_begin();
    choice_begin();
}

void sched_run(void *(*start)(void *), void *arg) {
    rs_fiber *main_fiber = sched_spawn(start, arg);
    sched_set_fuel(sched_limited(LOOK_EVERY));
    rt.active = true;
    fiber_enter(main_fiber);
    rt.active = false;
    rt.mode = 0;
}

_Noreturn void sched_end(void) {
    rt.ending = true;
    sched_count_decisions();
    fiber_leave();
}
