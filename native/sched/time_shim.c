/* Time, sleep, yield and chance: all virtual, all the same in every run. */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <threads.h>
#include <unistd.h>

#include <linux/futex.h>
#include <stdarg.h>
#include <string.h>

#include "faults.h"
#include "shim.h"
#include "strategy.h"

uint64_t shim_deadline(const struct timespec *ts) {
    uint64_t ns = ns_of(ts);
    if ((rt.flags & RS_TIMEOUTS) != 0 && sched_draw(RS_C_EXPIRE, 2) != 0) {
        ns = clock_peek();
    }
    return ns > 0 ? ns : 1;
}

/* ---- Clocks: all of them show the same time, but for a plan's faults ---- */

static struct timespec timespec_of(uint64_t ns) {
    return (struct timespec){.tv_sec = (time_t)(ns / UINT64_C(1000000000)),
                             .tv_nsec = (long)(ns % UINT64_C(1000000000))};
}

static uint64_t read_clock(bool real, uintptr_t pc) {
    uint64_t ns = clock_now();
    if (unlikely(rt.clock_faults)) {
        ns = faults_clock(real, ns);
    }
    if (unlikely(rt.mode & MODE_TRACE)) {
        trace_event(RS_P_CLOCK, 0, 8, ns, pc);
    }
    return ns;
}

int SHIM(clock_gettime)(clockid_t clock, struct timespec *ts) {
    if (!rt.active) {
        return clock_gettime(clock, ts);
    }
    uint64_t ns = read_clock(clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE, RS_CALLER);
    access_range((uintptr_t)ts, sizeof *ts, true, RS_CALLER);
    *ts = timespec_of(ns);
    return 0;
}

int SHIM(timespec_get)(struct timespec *ts, int base) {
    if (!rt.active) {
        return timespec_get(ts, base);
    }
    uint64_t ns = read_clock(base == TIME_UTC, RS_CALLER);
    access_range((uintptr_t)ts, sizeof *ts, true, RS_CALLER);
    *ts = timespec_of(ns);
    return base;
}

int SHIM(gettimeofday)(struct timeval *tv, void *zone) {
    if (!rt.active) {
        return gettimeofday(tv, zone);
    }
    uint64_t us = read_clock(true, RS_CALLER) / 1000;
    access_range((uintptr_t)tv, sizeof *tv, true, RS_CALLER);
    *tv = (struct timeval){.tv_sec = (time_t)(us / 1000000), .tv_usec = (suseconds_t)(us % 1000000)};
    return 0;
}

time_t SHIM(time)(time_t *out) {
    if (!rt.active) {
        return time(out);
    }
    time_t now = (time_t)(read_clock(true, RS_CALLER) / UINT64_C(1000000000));
    if (out != NULL) {
        access_range((uintptr_t)out, sizeof *out, true, RS_CALLER);
        *out = now;
    }
    return now;
}

clock_t SHIM(clock)(void) {
    return rt.active ? (clock_t)(read_clock(false, RS_CALLER) / 1000) : clock();
}

/* ---- Sleeping ---- */

static void sleep_until(uint64_t ns, uintptr_t pc) {
    rs_point(RS_P_SLEEP, 0);
    if (unlikely(rt.mode & MODE_TRACE)) {
        trace_event(RS_P_SLEEP, 0, 8, ns, pc);
    }
    if (ns > clock_peek()) {
        sched_block(&rt.cur->deadline, "time to pass", -1, ns);
    } else {
        sched_yield_now();
    }
}

int SHIM(nanosleep)(const struct timespec *want, struct timespec *left) {
    if (!rt.active) {
        return nanosleep(want, left);
    }
    sleep_until(clock_peek() + ns_of(want), RS_CALLER);
    return 0;
}

int SHIM(clock_nanosleep)(clockid_t clock, int flags, const struct timespec *want, struct timespec *left) {
    if (!rt.active) {
        return clock_nanosleep(clock, flags, want, left);
    }
    sleep_until((flags & TIMER_ABSTIME) != 0 ? ns_of(want) : clock_peek() + ns_of(want), RS_CALLER);
    return 0;
}

int SHIM(usleep)(useconds_t us) {
    if (!rt.active) {
        return usleep(us);
    }
    sleep_until(clock_peek() + (uint64_t)us * 1000, RS_CALLER);
    return 0;
}

unsigned SHIM(sleep)(unsigned seconds) {
    if (!rt.active) {
        return sleep(seconds);
    }
    sleep_until(clock_peek() + (uint64_t)seconds * UINT64_C(1000000000), RS_CALLER);
    return 0;
}

int SHIM(thrd_sleep)(const struct timespec *want, struct timespec *left) {
    return SHIM(nanosleep)(want, left);
}

int SHIM(sched_yield)(void) {
    if (!rt.active) {
        return sched_yield();
    }
    sched_yield_now();
    return 0;
}

int SHIM(pthread_yield)(void) {
    return SHIM(sched_yield)();
}

void SHIM(thrd_yield)(void) {
    (void)SHIM(sched_yield)();
}

/* ---- Chance: a stream for each thread, the same in every execution, so that a choice list alone repeats it. One that
 * threads shared would let what a thread draws depend on others' drawing, which is no point ---- */

static uint64_t chance(void) {
    rs_rng r = {.s = rt.cur->chance};
    uint64_t value = rng_next(&r);
    rt.cur->chance = r.s;
    return value;
}

int SHIM(rand)(void) {
    return rt.active ? (int)(chance() & RAND_MAX) : rand();
}

long SHIM(random)(void) {
    return rt.active ? (long)(chance() & RAND_MAX) : random();
}

static void fill_by_chance(void *out, size_t bytes, uintptr_t pc) {
    access_range((uintptr_t)out, bytes, true, pc);
    for (size_t i = 0; i < bytes; i++) {
        ((uint8_t *)out)[i] = (uint8_t)(chance() >> 24);
    }
}

ssize_t SHIM(getrandom)(void *out, size_t bytes, unsigned flags) {
    if (!rt.active) {
        return getrandom(out, bytes, flags);
    }
    fill_by_chance(out, bytes, RS_CALLER);
    return (ssize_t)bytes;
}

int SHIM(getentropy)(void *out, size_t bytes) {
    if (!rt.active) {
        return getentropy(out, bytes);
    }
    fill_by_chance(out, bytes, RS_CALLER);
    return 0;
}

/* ---- Futexes, which std::atomic::wait is made of ---- */

/* Without a time-out: 0, which means none. */
static uint64_t futex_deadline(const struct timespec *timeout, bool absolute) {
    uint64_t ns = timeout == NULL ? 0 : ns_of(timeout) + (absolute ? 0 : clock_peek());
    return timeout != NULL && ns == 0 ? 1 : ns;
}

static long futex(const uint32_t *word, int op, uint32_t value, const struct timespec *timeout, uintptr_t pc) {
    int what = op & FUTEX_CMD_MASK;
    if (what == FUTEX_WAIT || what == FUTEX_WAIT_BITSET) {
        shim_point(RS_P_WAIT, word, pc);
        if (*word != value) {
            errno = EAGAIN;
            return -1;
        }
        if (!sched_block(word, "a futex", -1, futex_deadline(timeout, what == FUTEX_WAIT_BITSET))) {
            errno = ETIMEDOUT;
            return -1;
        }
        return 0;
    }
    if (what == FUTEX_WAKE || what == FUTEX_WAKE_BITSET) {
        shim_point(RS_P_SIGNAL, word, pc);
        rs_wrote();
        return value >= FIBER_MAX ? sched_wake_all(word) : sched_wake_some(word, (int32_t)value);
    }
    finding_fatal(RS_F_UNSUPPORTED, (uintptr_t)word, pc, "the futex operation %d is not simulated", what);
}

long SHIM(syscall)(long number, ...) {
    va_list args;
    long a[6];
    va_start(args, number);
    for (int i = 0; i < 6; i++) {
        a[i] = va_arg(args, long);
    }
    va_end(args);
    if (rt.active && number == SYS_futex) {
        return futex((const uint32_t *)a[0], (int)a[1], (uint32_t)a[2], (const struct timespec *)a[3], RS_CALLER);
    }
    rt.unseen++;
    return syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
