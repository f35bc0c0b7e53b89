/* Waiting, waking, yielding; threads' beginnings and ends. Who runs instead is sched_next.c's business. */
#include "checker.h"
#include "execute.h"
#include "race.h"
#include "sched_private.h"
#include "shim.h"

/* ---- Waiting and waking ---- */

bool sched_block(const void *obj, const char *what, int32_t owner, uint64_t deadline) {
    rs_fiber *f = rt.cur;
    f->wait_obj = obj;
    f->wait_what = what;
    f->wait_for = owner;
    f->wait_seq = ++rt.wait_seq;
    f->expired = 0;
    f->timed = deadline != 0;
    f->deadline = deadline;
    if (deadline != 0) {
        rt.timed_cnt++;
        rt.next_deadline = deadline < rt.next_deadline ? deadline : rt.next_deadline;
    }
    rt.wrote_at = rs_step();
    f->watched = 0;
    if (unlikely(rt.checking)) {
        f->state = FIBER_BLOCKED;
        checker_pause();
    } else {
        sched_ready_remove(f, FIBER_BLOCKED);
        sched_give_way(false);
    }
    return !f->expired;
}

void sched_wake(rs_fiber *f) {
    if (f->state == FIBER_BLOCKED) {
        f->expired = 0;
        sched_unblock(f);
    }
}

static rs_fiber *longest_waiting(const void *obj, uint64_t after) {
    rs_fiber *first = NULL;
    for (int32_t i = 0; i < rt.fiber_cnt; i++) {
        rs_fiber *f = rt.fibers[i];
        if (f->state == FIBER_BLOCKED && f->wait_obj == obj && f->wait_seq > after &&
            (first == NULL || f->wait_seq < first->wait_seq)) {
            first = f;
        }
    }
    return first;
}

int32_t sched_wake_all(const void *obj) {
    int32_t n = 0;
    for (rs_fiber *f; (f = longest_waiting(obj, 0)) != NULL; n++) {
        sched_wake(f);
    }
    return n;
}

int32_t sched_waiting(const void *obj) {
    int32_t n = 0;
    for (int32_t i = 0; i < rt.fiber_cnt; i++) {
        n += rt.fibers[i]->state == FIBER_BLOCKED && rt.fibers[i]->wait_obj == obj;
    }
    return n;
}

int32_t sched_wake_some(const void *obj, int32_t n) {
    int32_t woken = 0;
    for (int32_t left; woken < n && (left = sched_waiting(obj)) > 0; woken++) {
        rs_fiber *f = longest_waiting(obj, 0);
        for (uint32_t nth = sched_draw(RS_C_WAKE, (uint32_t)left); nth > 0; nth--) {
            f = longest_waiting(obj, f->wait_seq);
        }
        sched_wake(f);
    }
    return woken;
}

void sched_yield_now(void) {
    if (unlikely(rt.checking)) {
        checker_pause();
    } else if (rt.active) {
        rs_point(RS_P_YIELD, 0);
        if (rt.ready_cnt == 1 && rt.spinner_cnt > 0) { /* those are all that it can give way to */
            sched_revive_spinners();
        }
        sched_give_way(true);
    }
}

void sched_demote(void) {
    rs_fiber *f = rt.cur;
    sched_ready_remove(f, FIBER_SPINNING);
    rt.spinner_cnt++;
    sched_give_way(true);
}

/* Somebody wrote. The writer itself is no spinner any more. */
void sched_wake_spinners(void) {
    rt.spin_rounds = 0;
    rt.cur->watched = 0;
    rt.mode &= ~(uint32_t)MODE_WATCH;
    if (rt.spinner_cnt > 0) {
        sched_revive_spinners();
    }
}

/* ---- Threads ---- */

static void thread_main(void) {
    rs_fiber *f = rt.cur;
    void *result = f->start(f->arg);
    thread_run_destructors();
    if (f->tid == 0) { /* who returns from main ends the others too; who leaves it by pthread_exit doesn't */
        sched_end();
    }
    sched_thread_ended(result);
}

static rs_fiber *spawn(void *(*start)(void *), void *arg) {
    if (rt.fiber_cnt >= FIBER_MAX) {
        return NULL;
    }
    int32_t tid = rt.fiber_cnt;
    rs_fiber *f = fiber_make(tid);
    rt.fibers[tid] = f;
    rt.fiber_cnt++;
    f->program = PROGRAM_NONE;
    f->start = start;
    f->arg = arg;
    f->result = NULL;
    f->timed = f->expired = f->watched = f->detached = f->joined = 0;
    f->wait_obj = NULL;
    f->last_write = rs_step();
    f->kind = RS_P_THREAD;
    f->addr = 0;
    f->chance = (uint64_t)tid << 32;
    f->ops = 0;
    f->depth = 0;
    f->resume = NULL;
    f->key_cnt = 0;
    f->state = FIBER_READY;
    fiber_prepare(f, thread_main);
    race_thread_begins(f);
    return f;
}

rs_fiber *sched_spawn(void *(*start)(void *), void *arg) {
    rs_fiber *f = spawn(start, arg);
    if (f != NULL) {
        rt.live_cnt++;
        if (rt.live_cnt > 1) {
            race_judge(true);
        }
        sched_ready_add(f);
    }
    return f;
}

/* A fiber that no strategy chooses. */
rs_fiber *sched_spawn_apart(void *(*start)(void *), void *arg) {
    return spawn(start, arg);
}

void sched_thread_ended(void *result) {
    rs_fiber *f = rt.cur;
    f->result = result;
    if (rt.live_cnt == 1) {
        execute_program_left();
        sched_end();
    }
    rs_wrote();
    race_thread_ends(f);
    rt.live_cnt--;
    sched_ready_remove(f, FIBER_DONE);
    sched_wake_all(f);
    sched_give_way(false);
    __builtin_unreachable();
}
