/* Mutexes and spin locks. The state lies in the pthread_mutex_t itself, at glibc's own places for lock, count, owner and
 * kind, so that static initialisers mean what they should, and so that it is put back with the rest of the memory. */
#include <pthread.h>
#include <string.h>
#include <threads.h>

#include "shim.h"

typedef struct rs_mutex {
    int32_t locked;
    uint32_t count; /* of a recursive one: times locked again */
    int32_t owner; /* tid + 1 */
    uint32_t waiters;
    int32_t kind;
    race_sync sync;
} rs_mutex;

enum { NORMAL = 0, RECURSIVE = 1, ERRORCHECK = 2, ADAPTIVE = 3, DEAD = 0x5EAD, KNOWN_KINDS = 0x3FF };

_Static_assert(sizeof(rs_mutex) <= sizeof(pthread_mutex_t), "room in a mutex");
_Static_assert(sizeof(rs_mutex) <= sizeof(mtx_t), "room in a C11 mutex");

static RS_COLD _Noreturn void misuse(const rs_mutex *m, uintptr_t pc, const char *what) {
    char who[16];
    finding_fatal(RS_F_MUTEX, (uintptr_t)m, pc, "invalid use of a mutex by %s: %s", rs_thread_text(rt.cur->tid, who),
                  what);
}

static inline void look_at(const rs_mutex *m, uintptr_t pc) {
    if (unlikely((m->kind & ~KNOWN_KINDS) != 0)) {
        misuse(m, pc, m->kind == DEAD ? "it was destroyed" : "it was never initialised");
    }
}

static inline int32_t me(void) {
    return rt.cur->tid + 1;
}

static inline void own(rs_mutex *m) {
    m->locked = 1;
    m->owner = me();
    rs_wrote();
    if (rt.mode & MODE_RACE) {
        race_acquire(m->sync);
    }
}

/* False: the deadline came first. */
static bool await(rs_mutex *m, uint64_t deadline) {
    while (m->locked) {
        m->waiters++;
        bool woken = sched_block(m, "a mutex", m->owner - 1, deadline);
        m->waiters--;
        if (!woken && m->locked) {
            return false;
        }
    }
    return true;
}

static int lock(rs_mutex *m, uint64_t deadline, uintptr_t pc) {
    shim_point(RS_P_LOCK, m, pc);
    look_at(m, pc);
    if (m->locked && m->owner == me()) {
        int32_t kind = m->kind & 3;
        if (kind == RECURSIVE) {
            m->count++;
            return 0;
        }
        if (kind == ERRORCHECK) {
            return EDEADLK;
        }
    }
    if (!await(m, deadline)) {
        return ETIMEDOUT;
    }
    own(m);
    return 0;
}

static int try_lock(rs_mutex *m, uintptr_t pc) {
    shim_point(RS_P_LOCK, m, pc);
    look_at(m, pc);
    if (m->locked) {
        if (m->owner == me() && (m->kind & 3) == RECURSIVE) {
            m->count++;
            return 0;
        }
        if (rt.mode & MODE_WATCH) {
            spin_loaded((uintptr_t)m, (uint64_t)m->owner);
        }
        return EBUSY;
    }
    own(m);
    return 0;
}

static inline void disown(rs_mutex *m) {
    if (rt.mode & MODE_RACE) {
        race_release(&m->sync);
    }
    m->locked = m->owner = 0;
    rs_wrote();
    if (m->waiters > 0) {
        sched_wake_all(m);
    }
}

static int unlock(rs_mutex *m, uintptr_t pc) {
    shim_point(RS_P_UNLOCK, m, pc);
    look_at(m, pc);
    if (!m->locked || m->owner != me()) {
        if ((m->kind & 3) == ERRORCHECK) {
            return EPERM;
        }
        misuse(m, pc, m->locked ? "it unlocks what another thread has locked" : "it unlocks what nobody has locked");
    }
    if (m->count > 0) {
        m->count--;
        return 0;
    }
    disown(m);
    return 0;
}

static void make(rs_mutex *m, int32_t kind, uintptr_t pc) {
    access_range((uintptr_t)m, sizeof *m, true, pc);
    memset(m, 0, sizeof *m);
    m->kind = kind;
}

static void end(rs_mutex *m, uintptr_t pc) {
    access_range((uintptr_t)m, sizeof *m, true, pc);
    look_at(m, pc);
    if (m->locked) {
        misuse(m, pc, "it destroys a locked one");
    }
    m->kind = DEAD;
}

bool mutex_is_mine(const void *mutex) {
    const rs_mutex *m = mutex;
    return m->locked && m->owner == me();
}

void mutex_give(void *mutex) {
    disown(mutex);
}

void mutex_take(void *mutex) {
    (void)await(mutex, 0);
    own(mutex);
}

/* ---- pthread ---- */

#define M ((rs_mutex *)(void *)m)

int SHIM(pthread_mutex_init)(pthread_mutex_t *m, const pthread_mutexattr_t *attr) {
    if (!rt.active) {
        return pthread_mutex_init(m, attr);
    }
    int kind = PTHREAD_MUTEX_DEFAULT;
    if (attr != NULL) {
        pthread_mutexattr_gettype(attr, &kind);
    }
    make(M, kind, RS_CALLER);
    return 0;
}

int SHIM(pthread_mutex_destroy)(pthread_mutex_t *m) {
    if (!rt.active) {
        return pthread_mutex_destroy(m);
    }
    end(M, RS_CALLER);
    return 0;
}

int SHIM(pthread_mutex_lock)(pthread_mutex_t *m) {
    return rt.active ? lock(M, 0, RS_CALLER) : pthread_mutex_lock(m);
}

int SHIM(pthread_mutex_trylock)(pthread_mutex_t *m) {
    return rt.active ? try_lock(M, RS_CALLER) : pthread_mutex_trylock(m);
}

int SHIM(pthread_mutex_timedlock)(pthread_mutex_t *m, const struct timespec *until) {
    return rt.active ? lock(M, shim_deadline(until), RS_CALLER) : pthread_mutex_timedlock(m, until);
}

int SHIM(pthread_mutex_clocklock)(pthread_mutex_t *m, clockid_t clock, const struct timespec *until) {
    return rt.active ? lock(M, shim_deadline(until), RS_CALLER) : pthread_mutex_clocklock(m, clock, until);
}

int SHIM(pthread_mutex_unlock)(pthread_mutex_t *m) {
    return rt.active ? unlock(M, RS_CALLER) : pthread_mutex_unlock(m);
}

int SHIM(pthread_mutex_consistent)(pthread_mutex_t *m) {
    return rt.active ? 0 : pthread_mutex_consistent(m); /* no owner dies here */
}

/* ---- C11 ---- */

int SHIM(mtx_init)(mtx_t *m, int type) {
    make(M, (type & mtx_recursive) != 0 ? RECURSIVE : NORMAL, RS_CALLER);
    return thrd_success;
}

void SHIM(mtx_destroy)(mtx_t *m) {
    end(M, RS_CALLER);
}

int SHIM(mtx_lock)(mtx_t *m) {
    return rt.active ? (lock(M, 0, RS_CALLER) == 0 ? thrd_success : thrd_error) : mtx_lock(m);
}

int SHIM(mtx_trylock)(mtx_t *m) {
    return rt.active ? (try_lock(M, RS_CALLER) == 0 ? thrd_success : thrd_busy) : mtx_trylock(m);
}

int SHIM(mtx_timedlock)(mtx_t *m, const struct timespec *until) {
    return rt.active ? (lock(M, shim_deadline(until), RS_CALLER) == 0 ? thrd_success : thrd_timedout)
                     : mtx_timedlock(m, until);
}

int SHIM(mtx_unlock)(mtx_t *m) {
    return rt.active ? (unlock(M, RS_CALLER) == 0 ? thrd_success : thrd_error) : mtx_unlock(m);
}

/* ---- Spin locks: one word, so the clock is the shadow's. A waiter is blocked: nothing is learnt from its spinning. ---- */

static void spin_sync(volatile int *s, bool reads, bool writes, int order, uintptr_t pc) {
    if (rt.mode & MODE_RACE) {
        race_atomic((uintptr_t)s, sizeof *s, reads, writes, order, pc);
    }
}

int SHIM(pthread_spin_init)(pthread_spinlock_t *s, int shared) {
    (void)shared;
    *s = 0;
    return 0;
}

int SHIM(pthread_spin_destroy)(pthread_spinlock_t *s) {
    (void)s;
    return 0;
}

int SHIM(pthread_spin_trylock)(pthread_spinlock_t *s) {
    shim_point(RS_P_LOCK, (void *)s, RS_CALLER);
    if (*s != 0) {
        if (rt.mode & MODE_WATCH) {
            spin_loaded((uintptr_t)s, (uint64_t)*s);
        }
        return EBUSY;
    }
    *s = me();
    rs_wrote();
    spin_sync(s, true, true, __ATOMIC_ACQUIRE, RS_CALLER);
    return 0;
}

int SHIM(pthread_spin_lock)(pthread_spinlock_t *s) {
    shim_point(RS_P_LOCK, (void *)s, RS_CALLER);
    while (*s != 0) {
        sched_block((void *)s, "a spin lock", *s - 1, 0);
    }
    *s = me();
    rs_wrote();
    spin_sync(s, true, true, __ATOMIC_ACQUIRE, RS_CALLER);
    return 0;
}

int SHIM(pthread_spin_unlock)(pthread_spinlock_t *s) {
    shim_point(RS_P_UNLOCK, (void *)s, RS_CALLER);
    if (*s != me()) {
        finding_fatal(RS_F_MUTEX, (uintptr_t)s, RS_CALLER, "a spin lock is unlocked by who has not locked it");
    }
    spin_sync(s, false, true, __ATOMIC_RELEASE, RS_CALLER);
    *s = 0;
    rs_wrote();
    sched_wake_all((void *)s);
    return 0;
}
