/* The scheduler: which fiber runs, until when, and what happens when none can. */
#include "sched.h"

#include <string.h>

#include "checker.h"
#include "choice.h"
#include "finding.h"
#include "sched_private.h"
#include "strategy.h"

/* Spinning and deadlines are looked at when the step is a multiple of this, whatever fuel the strategy grants, so that a
 * replay, which grants other fuel, sees them at the same steps. */
enum { LOOK_EVERY = 64, SPIN_PATIENCE = 16 * LOOK_EVERY, FAIR_FUEL = 16 };

rs_runtime rt RS_STATE;

/* ---- The ready set ---- */

static void count_decisions(void) {
    uint64_t step = rs_step();
    if (rt.ready_cnt > 1) {
        rt.decisions += step - rt.asked_at;
    }
    rt.asked_at = step;
}

static void set_fuel(int64_t fuel) {
    rt.step_end = rs_step() + (uint64_t)fuel;
    rt.fuel = fuel;
}

void sched_ask_soon(void) {
    set_fuel(1);
}

void sched_ready_add(rs_fiber *f) {
    if (unlikely(f == rt.checker)) { /* not one of those to choose from */
        f->state = FIBER_READY;
        sched_ask_soon();
        return;
    }
    count_decisions();
    f->state = FIBER_READY;
    f->ready_at = (uint8_t)rt.ready_cnt;
    rt.ready[rt.ready_cnt++] = (uint8_t)f->tid;
    sched_ask_soon();
}

void sched_ready_remove(rs_fiber *f, fiber_state state) {
    count_decisions();
    uint8_t last = rt.ready[--rt.ready_cnt];
    rt.ready[f->ready_at] = last;
    rt.fibers[last]->ready_at = f->ready_at;
    f->state = (uint8_t)state;
}

/* ---- Deadlines ---- */

static void find_next_deadline(void) {
    rt.next_deadline = UINT64_MAX;
    for (int32_t i = 0; rt.timed_cnt > 0 && i < rt.fiber_cnt; i++) {
        const rs_fiber *f = rt.fibers[i];
        if (f->state == FIBER_BLOCKED && f->timed && f->deadline < rt.next_deadline) {
            rt.next_deadline = f->deadline;
        }
    }
}

void sched_unblock(rs_fiber *f) {
    if (f->timed) {
        f->timed = 0;
        rt.timed_cnt--;
        find_next_deadline();
    }
    f->wait_obj = NULL;
    sched_ready_add(f);
}

static void expire_due(void) {
    uint64_t now = clock_peek();
    for (int32_t i = 0; rt.next_deadline <= now && i < rt.fiber_cnt; i++) {
        rs_fiber *f = rt.fibers[i];
        if (f->state == FIBER_BLOCKED && f->timed && f->deadline <= now) {
            f->expired = 1;
            sched_unblock(f);
        }
    }
}

/* ---- Choosing ---- */

static int32_t standard_choice(const rs_fiber *cur, bool can_go_on) {
    if (can_go_on) {
        return cur->tid;
    }
    for (int32_t i = 1; i <= rt.fiber_cnt; i++) { /* the running one comes last */
        int32_t tid = (cur->tid + i) % rt.fiber_cnt;
        if (rt.fibers[tid]->state == FIBER_READY && rt.fibers[tid] != rt.checker) {
            return tid;
        }
    }
    return -1;
}

void sched_revive_spinners(void) {
    for (int32_t i = 0; i < rt.fiber_cnt; i++) {
        if (rt.fibers[i]->state == FIBER_SPINNING) {
            sched_ready_add(rt.fibers[i]);
        }
    }
    rt.spinner_cnt = 0;
    rt.mode &= ~(uint32_t)MODE_SPINNERS;
}

/* Nobody is ready: time passes, else the spinners have another look, else nothing will ever happen. */
static RS_COLD void make_ready(void) {
    if (rt.timed_cnt > 0) {
        clock_advance_to(rt.next_deadline);
        expire_due();
    } else if (rt.spinner_cnt > 0) {
        if (!spin_all()) {
            sched_end();
        }
        sched_revive_spinners();
    } else {
        finding_deadlock();
        sched_end();
    }
}

static int64_t limited(int64_t fuel) {
    uint64_t step = rs_step();
    int64_t look = LOOK_EVERY - (int64_t)(step % LOOK_EVERY);
    int64_t left = (int64_t)(rt.bound - step);
    fuel = fuel < look ? fuel : look;
    fuel = fuel < left ? fuel : left;
    fuel = (rt.observer != NULL && rt.live_cnt > 1) || rt.check_waits ? 1 : fuel;
    if (rt.check_every > 0 && rt.ready_cnt > 1) {
        int64_t until = (int64_t)(rt.check_at - rt.decisions);
        fuel = until < fuel ? until : fuel;
    }
    return fuel > 0 ? fuel : 1;
}

static rs_fiber *ask(bool can_go_on, bool yielded) {
    int64_t fuel = 1;
    rs_view view = {.ready = rt.ready,
                    .ready_cnt = rt.ready_cnt,
                    .current = rt.cur->tid,
                    .can_go_on = can_go_on,
                    .yielded = yielded,
                    .standard = standard_choice(rt.cur, can_go_on),
                    .step = rs_step()};
    int32_t tid;
    if (unlikely(rt.fair) && rt.strategy != &strategy_replay) { /* a replay's list has these choices too */
        tid = standard_choice(rt.cur, false);
        fuel = FAIR_FUEL;
    } else {
        tid = rt.strategy->choose(&view, &fuel);
    }
    if (tid != view.standard) {
        choice_note(view.step, RS_C_THREAD, (uint32_t)tid);
    }
    set_fuel(limited(fuel));
    return rt.fibers[tid];
}

static rs_fiber *next_fiber(bool can_go_on, bool yielded) {
    count_decisions();
    while (rt.ready_cnt == 0) {
        make_ready();
        can_go_on = can_go_on && rt.cur->state == FIBER_READY;
    }
    rs_fiber *next;
    if (rt.ready_cnt == 1) {
        set_fuel(limited(LOOK_EVERY));
        next = rt.fibers[rt.ready[0]];
    } else {
        next = ask(can_go_on, yielded);
    }
    if (unlikely(rt.observer != NULL)) {
        rt.observer(next);
    }
    return next;
}

static void go_to(rs_fiber *next, bool preempted) {
    rs_fiber *cur = rt.cur;
    if (next != cur) {
        rt.switches++;
        rt.preemptions += preempted;
        rs_mix((uint64_t)next->tid + 1);
        fiber_switch(cur, next);
    }
}

/* ---- Points ---- */

/* Looks that happen at steps that depend on nothing but the step. */
static void look_around(rs_fiber *f, uint64_t step) {
    if (rt.timed_cnt > 0) {
        expire_due();
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
        set_fuel(FUEL_IDLE);
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
        count_decisions();
        checker_look();
    }
    rs_fiber *next = next_fiber(true, false);
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
    rs_fiber *next = next_fiber(false, yielded);
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
    rt.fair = rt.ending = rt.checking = false;
    rt.wait_seq = 0;
    rt.spin_rounds = 0;
    rt.chance = 0;
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
    set_fuel(limited(LOOK_EVERY));
    rt.active = true;
    fiber_enter(main_fiber);
    rt.active = false;
    rt.mode = 0;
}

_Noreturn void sched_end(void) {
    rt.ending = true;
    count_decisions();
    fiber_leave();
}
