/* Which fiber runs next and until when, and what happens when none can. */
#include "checker.h"
#include "choice.h"
#include "finding.h"
#include "sched_private.h"
#include "stall.h"
#include "strategy.h"

enum { FAIR_FUEL = 16 };

/* ---- The ready set ---- */

void sched_ask_soon(void) {
    rt.granted = 0;
    sched_set_fuel(1);
}

void sched_ready_add(rs_fiber *f) {
    if (unlikely(f == rt.checker)) { /* not one of those to choose from */
        f->state = FIBER_READY;
        sched_ask_soon();
        return;
    }
    sched_count_decisions();
    f->state = FIBER_READY;
    f->ready_at = (uint8_t)rt.ready_cnt;
    rt.ready[rt.ready_cnt++] = (uint8_t)f->tid;
    sched_ask_soon();
}

void sched_ready_remove(rs_fiber *f, fiber_state state) {
    sched_count_decisions();
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

void sched_expire_due(void) {
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

/* Nobody is ready: time passes, else a stopped thread goes on, else the spinners have another look, else nothing will ever happen. */
static RS_COLD void make_ready(void) {
    if (rt.timed_cnt > 0) {
        clock_advance_to(rt.next_deadline);
        sched_expire_due();
    } else if (rt.stalled_cnt > 0) {
        stall_resume_first();
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

/* So that all looks happen at their steps, but for stopped threads'. */
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

int64_t sched_limited(int64_t fuel) {
    fuel = limited(fuel);
    return unlikely(rt.stalls) ? stall_limited(fuel) : fuel;
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
    fuel = limited(fuel);
    rt.granted = view.step + (uint64_t)fuel;
    sched_set_fuel(unlikely(rt.stalls) ? stall_limited(fuel) : fuel);
    return rt.fibers[tid];
}

rs_fiber *sched_next(bool can_go_on, bool yielded) {
    sched_count_decisions();
    if (unlikely(rt.stalled_cnt > 0)) {
        stall_resume_due();
    }
    while (rt.ready_cnt == 0) {
        if (unlikely(rt.check_waits)) {
            checker_alone();
        }
        if (rt.ready_cnt == 0) {
            make_ready();
        }
        can_go_on = can_go_on && rt.cur->state == FIBER_READY;
    }
    rs_fiber *next;
    if (rt.ready_cnt == 1) {
        sched_set_fuel(sched_limited(LOOK_EVERY));
        next = rt.fibers[rt.ready[0]];
    } else {
        next = ask(can_go_on, yielded);
    }
    if (unlikely(rt.observer != NULL)) {
        rt.observer(next);
    }
    return next;
}
