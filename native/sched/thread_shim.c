/* Threads: create, join, detach, exit, once; pthread's and C11's. A pthread_t is made of the thread's number, so that
 * it is the same in every process. */
#include <pthread.h>
#include <string.h>
#include <threads.h>

#include "sched_private.h"
#include "shim.h"

static const uintptr_t THREAD_BASE = 0x5254000000;

/* ---- Threads ---- */

static pthread_t name_of(int32_t tid) {
    return (pthread_t)(THREAD_BASE + (uintptr_t)tid * 64);
}

static rs_fiber *thread_of(pthread_t thread) {
    uintptr_t tid = ((uintptr_t)thread - THREAD_BASE) / 64;
    return tid < (uintptr_t)rt.fiber_cnt ? rt.fibers[tid] : NULL;
}

static rs_fiber *create(void *(*start)(void *), void *arg, uintptr_t pc) {
    rs_point(RS_P_THREAD, 0);
    rs_wrote();
    rs_fiber *f = sched_spawn(start, arg);
    if (unlikely(rt.mode & MODE_TRACE) && f != NULL) {
        trace_event(RS_P_THREAD, 0, 0, (uint64_t)f->tid, pc);
    }
    return f;
}

static int join(pthread_t thread, void **result, bool may_wait, uint64_t deadline, uintptr_t pc) {
    rs_point(RS_P_THREAD, 0);
    rs_fiber *f = thread_of(thread);
    char who[16];
    if (f == NULL || f->joined || f->detached) {
        finding_fatal(RS_F_THREAD, 0, pc, "%s is joined %s", f ? rs_thread_text(f->tid, who) : "an unknown thread",
                      f && f->joined ? "for the second time" : "though it can't be");
    }
    if (f == rt.cur) {
        return EDEADLK;
    }
    while (f->state != FIBER_DONE) {
        if (!may_wait) {
            return EBUSY;
        }
        if (!sched_block(f, "the end", f->tid, deadline) && f->state != FIBER_DONE) {
            return ETIMEDOUT;
        }
    }
    f->joined = 1;
    race_joined(f);
    if (result != NULL) {
        *result = f->result;
    }
    return 0;
}

int SHIM(pthread_create)(pthread_t *out, const pthread_attr_t *attr, void *(*start)(void *), void *arg) {
    if (!rt.active) {
        rt.unseen++;
        return pthread_create(out, attr, start, arg);
    }
    rs_fiber *f = create(start, arg, RS_CALLER);
    if (f == NULL) {
        return EAGAIN;
    }
    int detached = PTHREAD_CREATE_JOINABLE;
    if (attr != NULL) {
        pthread_attr_getdetachstate(attr, &detached);
    }
    f->detached = detached == PTHREAD_CREATE_DETACHED;
    *out = name_of(f->tid);
    return 0;
}

int SHIM(pthread_join)(pthread_t thread, void **result) {
    return rt.active ? join(thread, result, true, 0, RS_CALLER) : pthread_join(thread, result);
}

int SHIM(pthread_tryjoin_np)(pthread_t thread, void **result) {
    return rt.active ? join(thread, result, false, 0, RS_CALLER) : pthread_tryjoin_np(thread, result);
}

int SHIM(pthread_timedjoin_np)(pthread_t thread, void **result, const struct timespec *until) {
    return rt.active ? join(thread, result, true, shim_deadline(until), RS_CALLER)
                     : pthread_timedjoin_np(thread, result, until);
}

int SHIM(pthread_detach)(pthread_t thread) {
    if (!rt.active) {
        return pthread_detach(thread);
    }
    rs_fiber *f = thread_of(thread);
    if (f == NULL || f->detached || f->joined) {
        return EINVAL;
    }
    f->detached = 1;
    return 0;
}

pthread_t SHIM(pthread_self)(void) {
    return rt.active ? name_of(rt.cur->tid) : pthread_self();
}

/* Destructors of C++ objects on the stack are not run: it would need the unwinder's help. */
_Noreturn void SHIM(pthread_exit)(void *result) {
    if (!rt.active) {
        pthread_exit(result);
    }
    thread_run_destructors();
    sched_thread_ended(result);
    __builtin_unreachable();
}

int SHIM(pthread_setname_np)(pthread_t thread, const char *name) {
    return rt.active ? 0 : pthread_setname_np(thread, name);
}

/* ---- Once ---- */

enum { ONCE_NEW = 0, ONCE_RUNS = 1, ONCE_DONE = 2 };

static void once(volatile int *state, void (*function)(void), uintptr_t pc) {
    rs_point(RS_P_LOCK, (uintptr_t)state);
    while (*state == ONCE_RUNS) {
        sched_block((void *)state, "a once", -1, 0);
    }
    if (*state == ONCE_NEW) {
        *state = ONCE_RUNS;
        function();
        *state = ONCE_DONE;
        rs_wrote();
        if (rt.mode & MODE_RACE) {
            race_atomic((uintptr_t)state, sizeof *state, false, true, __ATOMIC_RELEASE, pc);
        }
        sched_wake_all((void *)state);
    } else if (rt.mode & MODE_RACE) {
        race_atomic((uintptr_t)state, sizeof *state, true, false, __ATOMIC_ACQUIRE, pc);
    }
}

int SHIM(pthread_once)(pthread_once_t *state, void (*function)(void)) {
    if (!rt.active) {
        return pthread_once(state, function);
    }
    once(state, function, RS_CALLER);
    return 0;
}

void SHIM(call_once)(once_flag *flag, void (*function)(void)) {
    once((volatile int *)(void *)flag, function, RS_CALLER);
}

/* C++ local statics: the first byte says "built" to code that never calls; the second is in use by a builder. */
int SHIM(__cxa_guard_acquire)(uint64_t *guard) {
    volatile uint8_t *g = (volatile uint8_t *)guard;
    if (rt.active) {
        rs_point(RS_P_LOCK, (uintptr_t)g);
        while (g[1] != 0) {
            sched_block((void *)g, "a local static's construction", -1, 0);
        }
        if (rt.mode & MODE_RACE) {
            race_atomic((uintptr_t)g, 1, true, false, __ATOMIC_ACQUIRE, RS_CALLER);
        }
    }
    if (g[0] != 0) {
        return 0;
    }
    g[1] = 1;
    return 1;
}

static void guard_leave(volatile uint8_t *g, uint8_t built, uintptr_t pc) {
    g[1] = 0;
    g[0] = built;
    if (rt.active) {
        rs_wrote();
        if (rt.mode & MODE_RACE) {
            race_atomic((uintptr_t)g, 1, false, true, __ATOMIC_RELEASE, pc);
        }
        sched_wake_all((void *)g);
    }
}

void SHIM(__cxa_guard_release)(uint64_t *guard) {
    guard_leave((volatile uint8_t *)guard, 1, RS_CALLER);
}

void SHIM(__cxa_guard_abort)(uint64_t *guard) {
    guard_leave((volatile uint8_t *)guard, 0, RS_CALLER);
}

/* ---- C11 ---- */

int SHIM(thrd_create)(thrd_t *out, thrd_start_t start, void *arg) {
    union {
        thrd_start_t c11;
        void *(*posix)(void *);
    } f = {start}; /* an int comes back in the register of a pointer's low half; the rest is cut off in thrd_join */
    return SHIM(pthread_create)((pthread_t *)out, NULL, f.posix, arg) == 0 ? thrd_success : thrd_error;
}

int SHIM(thrd_join)(thrd_t thread, int *result) {
    void *value;
    int rc = SHIM(pthread_join)((pthread_t)thread, &value);
    if (rc == 0 && result != NULL) {
        *result = (int)(intptr_t)value;
    }
    return rc == 0 ? thrd_success : thrd_error;
}

int SHIM(thrd_detach)(thrd_t thread) {
    return SHIM(pthread_detach)((pthread_t)thread) == 0 ? thrd_success : thrd_error;
}

thrd_t SHIM(thrd_current)(void) {
    return (thrd_t)SHIM(pthread_self)();
}

_Noreturn void SHIM(thrd_exit)(int result) {
    SHIM(pthread_exit)((void *)(intptr_t)result);
}
