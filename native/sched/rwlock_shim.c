/* Reader-writer locks; zero is an unlocked one, as the static initialiser says. Writers don't go first: who gets it is the
 * scheduler's choice. */
#include <pthread.h>
#include <string.h>

#include "shim.h"

enum { NESTED = 1, DEAD = 0x5EAD };

typedef struct rs_rwlock {
    uint32_t readers;
    int32_t writer; /* tid + 1 */
    uint32_t waiters;
    race_sync read_sync, write_sync; /* what readers, and writers, have released */
    uint32_t reads[(FIBER_MAX + 31) / 32]; /* a bit for each thread that reads */
    uint32_t state; /* NESTED: a reader has locked it again, so that until nobody reads the bits don't say who does */
} rs_rwlock;

_Static_assert(sizeof(rs_rwlock) <= sizeof(pthread_rwlock_t), "room in a reader-writer lock");

static inline void look_at(const rs_rwlock *l, uintptr_t pc) {
    if (unlikely((l->state & ~(uint32_t)NESTED) != 0)) {
        finding_fatal(RS_F_MUTEX, (uintptr_t)l, pc, "a reader-writer lock is used that was %s",
                      l->state == DEAD ? "destroyed" : "never initialised");
    }
}

static inline int32_t me(void) {
    return rt.cur->tid + 1;
}

static void enter_reader(rs_rwlock *l) {
    uint32_t *word = &l->reads[rt.cur->tid / 32], bit = 1u << rt.cur->tid % 32;
    l->state |= (*word & bit) != 0 ? NESTED : 0;
    *word |= bit;
    l->readers++;
}

static bool leave_reader(rs_rwlock *l) {
    uint32_t *word = &l->reads[rt.cur->tid / 32], bit = 1u << rt.cur->tid % 32;
    if (l->readers == 0 || (*word & bit) == 0) {
        return false;
    }
    if (l->state != NESTED) {
        *word &= ~bit;
    }
    if (--l->readers == 0) {
        memset(l->reads, 0, sizeof l->reads);
        l->state = 0;
    }
    return true;
}

static int take(rs_rwlock *l, bool write, bool may_wait, uint64_t deadline, uintptr_t pc) {
    shim_point(RS_P_LOCK, l, pc);
    look_at(l, pc);
    if (l->writer == me()) {
        return EDEADLK;
    }
    while (l->writer != 0 || (write && l->readers > 0)) {
        if (!may_wait) {
            if (rt.mode & MODE_WATCH) {
                spin_loaded((uintptr_t)l, (uint64_t)l->writer << 32 | l->readers);
            }
            return EBUSY;
        }
        l->waiters++;
        bool woken = sched_block(l, "a reader-writer lock", l->writer - 1, deadline);
        l->waiters--;
        if (!woken) {
            return ETIMEDOUT;
        }
    }
    if (write) {
        l->writer = me();
    } else {
        enter_reader(l);
    }
    rs_wrote();
    if (rt.mode & MODE_RACE) {
        race_acquire(l->write_sync);
        if (write) {
            race_acquire(l->read_sync);
        }
    }
    return 0;
}

static int give(rs_rwlock *l, uintptr_t pc) {
    shim_point(RS_P_UNLOCK, l, pc);
    look_at(l, pc);
    bool write = l->writer != 0;
    if (write ? l->writer != me() : !leave_reader(l)) {
        finding_fatal(RS_F_MUTEX, (uintptr_t)l, pc, "a reader-writer lock is unlocked by who has not locked it");
    }
    if (rt.mode & MODE_RACE) {
        race_release(write ? &l->write_sync : &l->read_sync);
    }
    if (write) {
        l->writer = 0;
    }
    rs_wrote();
    if (l->waiters > 0) {
        sched_wake_all(l);
    }
    return 0;
}

#define L ((rs_rwlock *)(void *)l)

int SHIM(pthread_rwlock_init)(pthread_rwlock_t *l, const pthread_rwlockattr_t *attr) {
    if (!rt.active) {
        return pthread_rwlock_init(l, attr);
    }
    access_range((uintptr_t)l, sizeof *l, true, RS_CALLER);
    memset(l, 0, sizeof *l);
    return 0;
}

int SHIM(pthread_rwlock_destroy)(pthread_rwlock_t *l) {
    if (!rt.active) {
        return pthread_rwlock_destroy(l);
    }
    access_range((uintptr_t)l, sizeof *l, true, RS_CALLER);
    look_at(L, RS_CALLER);
    if (L->writer != 0 || L->readers > 0) {
        finding_fatal(RS_F_MUTEX, (uintptr_t)l, RS_CALLER, "a locked reader-writer lock is destroyed");
    }
    L->state = DEAD;
    return 0;
}

int SHIM(pthread_rwlock_rdlock)(pthread_rwlock_t *l) {
    return rt.active ? take(L, false, true, 0, RS_CALLER) : pthread_rwlock_rdlock(l);
}

int SHIM(pthread_rwlock_wrlock)(pthread_rwlock_t *l) {
    return rt.active ? take(L, true, true, 0, RS_CALLER) : pthread_rwlock_wrlock(l);
}

int SHIM(pthread_rwlock_tryrdlock)(pthread_rwlock_t *l) {
    return rt.active ? take(L, false, false, 0, RS_CALLER) : pthread_rwlock_tryrdlock(l);
}

int SHIM(pthread_rwlock_trywrlock)(pthread_rwlock_t *l) {
    return rt.active ? take(L, true, false, 0, RS_CALLER) : pthread_rwlock_trywrlock(l);
}

int SHIM(pthread_rwlock_timedrdlock)(pthread_rwlock_t *l, const struct timespec *until) {
    return rt.active ? take(L, false, true, shim_deadline(until), RS_CALLER) : pthread_rwlock_timedrdlock(l, until);
}

int SHIM(pthread_rwlock_timedwrlock)(pthread_rwlock_t *l, const struct timespec *until) {
    return rt.active ? take(L, true, true, shim_deadline(until), RS_CALLER) : pthread_rwlock_timedwrlock(l, until);
}

int SHIM(pthread_rwlock_clockrdlock)(pthread_rwlock_t *l, clockid_t clock, const struct timespec *until) {
    return rt.active ? take(L, false, true, shim_deadline(until), RS_CALLER)
                     : pthread_rwlock_clockrdlock(l, clock, until);
}

int SHIM(pthread_rwlock_clockwrlock)(pthread_rwlock_t *l, clockid_t clock, const struct timespec *until) {
    return rt.active ? take(L, true, true, shim_deadline(until), RS_CALLER)
                     : pthread_rwlock_clockwrlock(l, clock, until);
}

int SHIM(pthread_rwlock_unlock)(pthread_rwlock_t *l) {
    return rt.active ? give(L, RS_CALLER) : pthread_rwlock_unlock(l);
}
