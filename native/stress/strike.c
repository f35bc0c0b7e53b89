/* Planned kills and pauses: see strike.h. */
#include "strike.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "execution.h"
#include "fault_plan.h"

static bool is_strike(const rw_fault *f) {
    return f->kind == RW_FAULT_KILL || f->kind == RW_FAULT_PAUSE;
}

static int strike_signal(void) {
    return SIGRTMIN + 4; /* libc takes the first two, sanitizers none */
}

static int32_t process_of(const rw_lane *lane) {
    return lane->index % lane->ex->process_cnt;
}

/* ---- Pauses end ---- */

static void ring(const rw_strikes *s) {
    while (write(s->news[1], "", 1) < 0 && errno == EINTR) { /* full: then there is something to read already */
    }
}

static void make_due(const rw_execution *ex, uint64_t done) {
    rw_strikes *s = ex->strikes;
    for (int32_t i = 0; i < ex->process_cnt; i++) {
        uint32_t stopping = STRIKE_STOPPING;
        if (at_load(&s->of[i].state, seq_cst) == STRIKE_STOPPING && done >= at_load(&s->of[i].resume_at, relaxed) &&
            at_cas(&s->of[i].state, &stopping, STRIKE_DUE, seq_cst, relaxed)) {
            ring(s);
        }
    }
}

void strikes_look(const rw_execution *ex) {
    for (int32_t i = 0; i < ex->plan->thread_cnt; i++) {
        const rw_lane *lane = &ex->shared->lanes[i];
        if (at_load(&lane->left, seq_cst) == 0 &&
            at_load(&ex->strikes->of[i % ex->process_cnt].state, seq_cst) == STRIKE_NONE) {
            return; /* it runs, and will be here again */
        }
    }
    make_due(ex, UINT64_MAX);
}

/* ---- A strike; safe in a signal's handler ---- */

/* Of robust locks only, which all of a shared core's mutexes are; one just being taken or given back counts. */
static bool at_lock(void) {
    struct robust_list_head *head = NULL;
    size_t len;
    return syscall(SYS_get_robust_list, 0, &head, &len) != 0 || head == NULL || head->list.next != &head->list ||
           head->list_op_pending != NULL;
}

/* False: another thread of this process was first, and one pause is enough; but whoever kills, kills. */
static bool claim(rw_strike *own, bool kills) {
    uint32_t none = STRIKE_NONE;
    if (kills) {
        at_store(&own->state, STRIKE_KILLED, seq_cst);
    }
    return kills || at_cas(&own->state, &none, STRIKE_STOPPING, seq_cst, relaxed);
}

static void strike(const rw_lane *lane, const rw_fault *f) {
    const rw_execution *ex = lane->ex;
    rw_strike *own = &ex->strikes->of[process_of(lane)];
    bool kills = f->kind == RW_FAULT_KILL;
    at_store(&own->locked, at_lock(), relaxed);
    at_store(&own->resume_at, at_load(&ex->strikes->done, relaxed) + f->ops, relaxed);
    if (!claim(own, kills)) {
        return;
    }
    if (!kills) {
        strikes_look(ex); /* perhaps nobody is left to wait for */
        ring(ex->strikes);
    }
    kill(getpid(), kills ? SIGKILL : SIGSTOP);
}

static void on_timer(int number, siginfo_t *info, void *context) {
    int kept = errno;
    const strike_aim *aim = info->si_value.sival_ptr;
    (void)number, (void)context;
    strike(aim->lane, aim->fault);
    errno = kept;
}

/* From now on within so many microseconds. A timer that can't be had strikes at once. */
static void strike_later(rw_lane *lane, int32_t i, uint64_t nth) {
    const rw_fault *f = &lane->ex->plan->faults[i];
    strike_aim *aim = &lane->aims[i];
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = strike_signal()};
    event.sigev_value.sival_ptr = aim;
    event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
    aim->lane = lane;
    aim->fault = f;
    aim->timed = aim->timed || timer_create(CLOCK_MONOTONIC, &event, &aim->timer) == 0;
    uint64_t ns = 1 + fault_mix(f->seed + fault_mix((uint64_t)lane->index << 32 ^ nth)) % (f->within * 1000);
    struct itimerspec when = {
        .it_value = {.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)},
    };
    if (!aim->timed || timer_settime(aim->timer, 0, &when, NULL) != 0) {
        strike(lane, f);
    }
}

void strikes_meet(rw_lane *lane) {
    const rw_execution *ex = lane->ex;
    int32_t process = process_of(lane);
    uint64_t done = at_add(&ex->strikes->done, 1, relaxed) + 1, nth;
    make_due(ex, done);
    for (int32_t i = 0; i < ex->plan->fault_cnt; i++) {
        const rw_fault *f = &ex->plan->faults[i];
        if (!is_strike(f) || (f->thread != RW_ANY_THREAD && f->thread != process) ||
            !faults_due(ex->faults, i, process, &nth)) {
            continue;
        }
        if (f->within > 0) {
            strike_later(lane, i, nth);
        } else {
            strike(lane, f);
        }
    }
}

/* ---- Around an execution ---- */

bool strikes_open(rw_execution *ex) {
    bool planned = false;
    for (int32_t i = 0; i < ex->plan->fault_cnt; i++) {
        planned = planned || is_strike(&ex->plan->faults[i]);
    }
    if (planned && pipe2(ex->shared->strikes.news, O_CLOEXEC | O_NONBLOCK) != 0) {
        return false;
    }
    ex->strikes = planned ? &ex->shared->strikes : NULL;
    return true;
}

void strikes_close(rw_execution *ex) {
    if (ex->strikes != NULL) {
        close(ex->strikes->news[0]);
        close(ex->strikes->news[1]);
    }
}

void strikes_arm(const rw_execution *ex) {
    if (ex->strikes != NULL) {
        struct sigaction act = {.sa_sigaction = on_timer, .sa_flags = SA_SIGINFO | SA_RESTART};
        sigemptyset(&act.sa_mask);
        sigaction(strike_signal(), &act, NULL);
    }
}

const char *strikes_wrong(const rw_target *target, const rw_plan *plan) {
    for (int32_t i = 0; i < plan->fault_cnt; i++) {
        const rw_fault *f = &plan->faults[i];
        if (is_strike(f) && plan->process_cnt == 0) {
            return "only one of several processes that share a core can be killed or paused";
        }
        if (is_strike(f) && (target->adopt == NULL || target->abandon == NULL)) {
            return "the target can't go on when one of its processes is gone";
        }
        if (is_strike(f) && f->thread != RW_ANY_THREAD && (f->thread < 0 || f->thread >= plan->process_cnt)) {
            return "a process that is to be killed or paused is not there";
        }
        if (f->kind == RW_FAULT_SPACE && plan->process_cnt > 0) {
            return "a core that processes share has all its memory before they start: no limit of it can be planned";
        }
    }
    return NULL;
}
