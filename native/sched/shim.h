/* What the shims share. A shim is __wrap_NAME: the link step renames the calls of the code under test to it (wrap.txt), and
 * nobody else's, so that in here NAME is the system's own function. Outside of executions a shim passes the call on.
 */
#ifndef RACEWASH_SHIM_H
#define RACEWASH_SHIM_H

#include <errno.h>
#include <time.h>

#include "access.h"
#include "explain.h"
#include "finding.h"
#include "sched.h"
#include "trace.h"

#define SHIM(name) __wrap_##name

static inline uint64_t ns_of(const struct timespec *ts) {
    return (uint64_t)ts->tv_sec * UINT64_C(1000000000) + (uint64_t)ts->tv_nsec;
}

/* A deadline given by the code under test: never 0, which would mean none. A choice may bring it forward. */
uint64_t shim_deadline(const struct timespec *ts);

/* A point on an object of a lock's kind: the memory must be there. */
static inline void shim_point(uint32_t kind, const void *obj, uintptr_t pc) {
    rs_point(kind, (uintptr_t)obj);
    heap_check((uintptr_t)obj, 4, true, pc);
    if (unlikely(rt.mode & MODE_TRACE)) {
        trace_event(kind, (uintptr_t)obj, 0, 0, pc);
    }
}

/* mutex.c, for condition variables: without points. */
struct rs_mutex;
bool mutex_is_mine(const void *mutex);
void mutex_give(void *mutex);
void mutex_take(void *mutex);
/* thread_shim.c */
void thread_run_destructors(void);
void thread_begin_batch(void);
void thread_begin(void);
/* process_shim.c */
void process_begin(void);
void process_run_at_exit(void);

#endif
