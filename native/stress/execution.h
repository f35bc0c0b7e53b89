/* One execution, as the driver's files see it: what is run, the lanes of its threads, and who calls whom.
 *
 * What threads leave behind lies in one shared mapping, whether they are this process's or forked ones', so that
 * there is one way to collect it.
 */
#ifndef RACEWASH_EXECUTION_H
#define RACEWASH_EXECUTION_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <time.h>

#include "../prim.h"
#include "faults.h"
#include "progress.h"
#include "space.h"
#include "strike.h"

/* Why lanes end early: the first reason stays. */
enum { HALT_NONE = 0, HALT_ATTACH, HALT_SYSTEM, HALT_DIED, HALT_ENOUGH };

typedef struct rw_execution rw_execution;

/* One thread's place; lanes don't share cache lines. */
typedef struct rw_lane {
    _Alignas(64) rw_thread_stats stats;
    rw_execution *ex;
    rw_thread *context;
    pthread_t thread;
    int32_t index;
    bool stopped; /* the stop flag ended it before its program's end */
    bool orphan;  /* its process died between two operations: the context is there still */
    _Atomic(uint32_t) left;    /* it runs no operation any more */
    _Atomic(uint32_t) parting; /* its context is being detached: LANE_PARTING, LANE_PARTED */
    uint64_t ended_ns;
    strike_aim aims[RW_MAX_FAULTS];
} rw_lane;

enum { LANE_PARTING = 1, LANE_PARTED };

typedef struct rw_shared {
    _Alignas(64) _Atomic(uint32_t) halt;    /* looked at before every operation */
    _Alignas(64) _Atomic(uint32_t) arrived; /* attached, waiting at the barrier */
    _Atomic(uint32_t) go;                   /* written once, by the last to arrive */
    _Atomic(uint32_t) parked;               /* threads that the plan has stopped for now */
    uint64_t started_ns, deadline_ns;       /* valid after go; deadline_ns 0: none */
    sem_t ended;                            /* processes: a post for each when nobody runs any more, or more */
    rw_strikes strikes;                     /* planned kills and pauses */
    rw_lane lanes[RW_MAX_THREADS + 1];      /* the last one is the set-up program's */
} rw_shared;

struct rw_execution {
    const rw_target *target;
    const rw_plan *plan;
    rw_progress *progress;
    rw_outcome *outcome;
    rw_core *core;
    rw_shared *shared;
    rw_faults *faults;   /* NULL: the plan has none */
    rw_strikes *strikes; /* NULL: no process is killed or paused by plan */
    space_limit space;
    int32_t process_cnt; /* 0: threads of this process */
};

enum { PHASE_IDLE = 0, PHASE_CREATE, PHASE_SETUP, PHASE_THREADS, PHASE_CHECK, PHASE_DESTROY };

static inline void enter(const rw_execution *ex, uint64_t phase) {
    progress_show(&ex->progress->phase, phase);
}

/* interp.c: run the lane's program in its context, `rounds` times. Any number of lanes at once, each by one thread. */
void interp_run(rw_lane *lane, const rw_program *program, int32_t rounds, uint64_t deadline_ns);

/* Has somebody said that lanes are to end? */
static inline bool execution_stopped(const rw_execution *ex) {
    return progress_look(&ex->progress->stop) != 0 || at_load(&ex->shared->halt, relaxed) != HALT_NONE;
}

/* stall.c: between two operations of a lane. True: the plan lets it do no more. */
bool stall_between(rw_lane *lane);

/* crew.c: run lanes first, first + step, ... on threads of this process: attach, barrier, programs, join, (processes:
 * wait until no other process runs), detach. */
void crew_run(rw_execution *ex, int32_t first, int32_t step);
/* Wait until the threads start; false: they never will. */
bool crew_await_start(rw_shared *shared);
/* End every lane after its current operation, those at the barrier at once. Any thread, any process. */
void crew_halt(rw_shared *shared, uint32_t why);

/* The lane runs no operation any more, whoever says so. Any process; more than once does no harm. */
void crew_leave(const rw_execution *ex, rw_lane *lane);

/* checker.c: a pipe; ringing makes its first end readable. */
bool checker_make_bell(int bell[2]);
void checker_ring(const int bell[2]);
/* Judge the instant invariants every check_every_ms, from the start until `bell` can be read. */
void checker_run(rw_execution *ex, int bell);
/* crew_run of all lanes in this process, with a checker's thread beside it when the plan wants one. */
void checker_run_beside_crew(rw_execution *ex);

/* processes.c: the same with forked processes; fills status, child_status and child_index when one died. */
void processes_run(rw_execution *ex);

/* judge.c: after the threads; the core is gone then, or must not be touched. */
void judge_execution(const rw_execution *ex, rw_cell *cells, int32_t max_cells, int32_t *cell_cnt);

/* sanitizer.c: true when LeakSanitizer is part of this build and has reported a leak (on stderr) just now. */
bool leak_found(void);

#endif
