/* Condition variables, semaphores and barriers. A signal wakes one waiter, which one is a choice; who waits when nobody will
 * ever signal shows as a deadlock, which is how a lost wake-up is found. */
#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <threads.h>

#include "shim.h"

/* ---- Condition variables: there is nothing in them, so that one may be destroyed, and its memory be freed, as soon as all
 * who waited have been woken. ---- */

static int cond_wait(void *c, void *mutex, uint64_t deadline, uintptr_t pc) {
    shim_point(RS_P_WAIT, c, pc);
    if (!mutex_is_mine(mutex)) {
        finding_fatal(RS_F_MUTEX, (uintptr_t)mutex, pc, "a condition is waited for without its mutex being locked");
    }
    mutex_give(mutex);
    bool woken = sched_block(c, "a condition", -1, deadline);
    mutex_take(mutex);
    return woken ? 0 : ETIMEDOUT;
}

static void cond_wake(void *c, bool all, uintptr_t pc) {
    shim_point(RS_P_SIGNAL, c, pc);
    rs_wrote();
    (void)(all ? sched_wake_all(c) : sched_wake_some(c, 1));
}

int SHIM(pthread_cond_init)(pthread_cond_t *c, const pthread_condattr_t *attr) {
    if (!rt.active) {
        return pthread_cond_init(c, attr);
    }
    access_range((uintptr_t)c, sizeof *c, true, RS_CALLER);
    memset(c, 0, sizeof *c);
    return 0;
}

int SHIM(pthread_cond_destroy)(pthread_cond_t *c) {
    if (!rt.active) {
        return pthread_cond_destroy(c);
    }
    if (sched_waiting(c) > 0) {
        finding_fatal(RS_F_MUTEX, (uintptr_t)c, RS_CALLER, "a condition is destroyed while somebody waits for it");
    }
    return 0;
}

int SHIM(pthread_cond_wait)(pthread_cond_t *c, pthread_mutex_t *m) {
    return rt.active ? cond_wait(c, m, 0, RS_CALLER) : pthread_cond_wait(c, m);
}

int SHIM(pthread_cond_timedwait)(pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *until) {
    return rt.active ? cond_wait(c, m, shim_deadline(until), RS_CALLER) : pthread_cond_timedwait(c, m, until);
}

int SHIM(pthread_cond_clockwait)(pthread_cond_t *c, pthread_mutex_t *m, clockid_t clock, const struct timespec *until) {
    return rt.active ? cond_wait(c, m, shim_deadline(until), RS_CALLER) : pthread_cond_clockwait(c, m, clock, until);
}

int SHIM(pthread_cond_signal)(pthread_cond_t *c) {
    if (!rt.active) {
        return pthread_cond_signal(c);
    }
    cond_wake(c, false, RS_CALLER);
    return 0;
}

int SHIM(pthread_cond_broadcast)(pthread_cond_t *c) {
    if (!rt.active) {
        return pthread_cond_broadcast(c);
    }
    cond_wake(c, true, RS_CALLER);
    return 0;
}

int SHIM(cnd_init)(cnd_t *c) {
    access_range((uintptr_t)c, sizeof *c, true, RS_CALLER);
    memset(c, 0, sizeof *c);
    return thrd_success;
}

void SHIM(cnd_destroy)(cnd_t *c) {
    (void)c;
}

int SHIM(cnd_wait)(cnd_t *c, mtx_t *m) {
    (void)cond_wait(c, m, 0, RS_CALLER);
    return thrd_success;
}

int SHIM(cnd_timedwait)(cnd_t *c, mtx_t *m, const struct timespec *until) {
    return cond_wait(c, m, shim_deadline(until), RS_CALLER) == 0 ? thrd_success : thrd_timedout;
}

int SHIM(cnd_signal)(cnd_t *c) {
    cond_wake(c, false, RS_CALLER);
    return thrd_success;
}

int SHIM(cnd_broadcast)(cnd_t *c) {
    cond_wake(c, true, RS_CALLER);
    return thrd_success;
}

/* ---- Semaphores ---- */

typedef struct rs_sem {
    uint32_t value, waiters;
    race_sync sync;
} rs_sem;

#define S ((rs_sem *)(void *)s)

static int sem_fail(int code) {
    errno = code;
    return -1;
}

static int sem_take(rs_sem *s, bool may_wait, uint64_t deadline, uintptr_t pc) {
    shim_point(RS_P_WAIT, s, pc);
    while (s->value == 0) {
        if (!may_wait) {
            if (rt.mode & MODE_WATCH) {
                spin_loaded((uintptr_t)s, 0);
            }
            return sem_fail(EAGAIN);
        }
        s->waiters++;
        bool woken = sched_block(s, "a semaphore", -1, deadline);
        s->waiters--;
        if (!woken && s->value == 0) {
            return sem_fail(ETIMEDOUT);
        }
    }
    s->value--;
    rs_wrote();
    if (rt.mode & MODE_RACE) {
        race_acquire(s->sync);
    }
    return 0;
}

int SHIM(sem_init)(sem_t *s, int shared, unsigned value) {
    if (!rt.active) {
        return sem_init(s, shared, value);
    }
    access_range((uintptr_t)s, sizeof *s, true, RS_CALLER);
    *S = (rs_sem){.value = value};
    return 0;
}

int SHIM(sem_destroy)(sem_t *s) {
    return rt.active ? 0 : sem_destroy(s);
}

int SHIM(sem_wait)(sem_t *s) {
    return rt.active ? sem_take(S, true, 0, RS_CALLER) : sem_wait(s);
}

int SHIM(sem_trywait)(sem_t *s) {
    return rt.active ? sem_take(S, false, 0, RS_CALLER) : sem_trywait(s);
}

int SHIM(sem_timedwait)(sem_t *s, const struct timespec *until) {
    return rt.active ? sem_take(S, true, shim_deadline(until), RS_CALLER) : sem_timedwait(s, until);
}

int SHIM(sem_clockwait)(sem_t *s, clockid_t clock, const struct timespec *until) {
    return rt.active ? sem_take(S, true, shim_deadline(until), RS_CALLER) : sem_clockwait(s, clock, until);
}

int SHIM(sem_post)(sem_t *s) {
    if (!rt.active) {
        return sem_post(s);
    }
    shim_point(RS_P_SIGNAL, s, RS_CALLER);
    if (rt.mode & MODE_RACE) {
        race_release(&S->sync);
    }
    S->value++;
    rs_wrote();
    if (S->waiters > 0) {
        sched_wake_all(s); /* who of them takes it is the scheduler's choice */
    }
    return 0;
}

int SHIM(sem_getvalue)(sem_t *s, int *value) {
    if (!rt.active) {
        return sem_getvalue(s, value);
    }
    shim_point(RS_P_LOAD, s, RS_CALLER);
    access_range((uintptr_t)value, sizeof *value, true, RS_CALLER);
    *value = (int)S->value;
    return 0;
}

/* ---- Barriers ---- */

typedef struct rs_barrier {
    uint32_t count, arrived;
    race_sync sync; /* of this round: who arrives at the next one is nobody's business who leaves this one */
} rs_barrier;

#define B ((rs_barrier *)(void *)b)

int SHIM(pthread_barrier_init)(pthread_barrier_t *b, const pthread_barrierattr_t *attr, unsigned count) {
    (void)attr;
    if (count == 0) {
        return EINVAL;
    }
    access_range((uintptr_t)b, sizeof *b, true, RS_CALLER);
    *B = (rs_barrier){.count = count};
    return 0;
}

int SHIM(pthread_barrier_destroy)(pthread_barrier_t *b) {
    if (rt.active && B->arrived > 0) {
        finding_fatal(RS_F_MUTEX, (uintptr_t)b, RS_CALLER, "a barrier is destroyed while somebody waits at it");
    }
    return 0;
}

/* Whoever is woken does not look at the barrier again: it may have been destroyed, made anew or freed by then. */
int SHIM(pthread_barrier_wait)(pthread_barrier_t *b) {
    shim_point(RS_P_WAIT, b, RS_CALLER);
    if (rt.mode & MODE_RACE) {
        race_release(&B->sync);
    }
    rs_wrote();
    race_sync sync = B->sync;
    bool last = ++B->arrived == B->count;
    if (last) {
        B->arrived = 0;
        B->sync = 0;
        sched_wake_all(b);
    } else {
        sched_block(b, "a barrier", -1, 0);
    }
    if (rt.mode & MODE_RACE) {
        race_acquire(sync);
    }
    return last ? PTHREAD_BARRIER_SERIAL_THREAD : 0;
}
