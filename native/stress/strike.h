/* Planned kills and pauses of the processes that share a core: what the struck process does, and what is known of it.
 *
 * A process strikes itself: just before an operation, or from a timer's handler at whatever it is doing then. A struck one
 * can't tell that it has stopped, so it is always the parent that resumes it (processes.c), having waited for the stop;
 * whoever sees that it is time rings. All of it lies in the mapping that the processes share.
 */
#ifndef RACEWASH_STRIKE_H
#define RACEWASH_STRIKE_H

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

#include "../atomics.h"
#include "stress.h"

typedef struct rw_execution rw_execution;
typedef struct rw_lane rw_lane;

/* STRIKE_DUE: a pause is over, and the parent has been rung for. */
enum { STRIKE_NONE = 0, STRIKE_KILLED, STRIKE_STOPPING, STRIKE_DUE };

typedef struct rw_strike { /* one process's */
    _Atomic(uint32_t) state;
    _Atomic(uint32_t) locked;    /* its striking thread was at a lock */
    _Atomic(uint64_t) resume_at; /* operations of all */
} rw_strike;

typedef struct strike_aim { /* a lane's timer for one fault */
    rw_lane *lane;
    const rw_fault *fault;
    timer_t timer;
    bool timed; /* there is one */
} strike_aim;

typedef struct rw_strikes {
    _Atomic(uint64_t) done; /* operations begun by all */
    int news[2];            /* a pipe to the parent */
    rw_strike of[RW_MAX_THREADS];
} rw_strikes;

/* Before the first fork. False: no pipe. Without a planned strike ex->strikes stays NULL. */
bool strikes_open(rw_execution *ex);
void strikes_close(rw_execution *ex);
/* In the child, before its threads. */
void strikes_arm(const rw_execution *ex);
/* Before each operation of a lane: may not return, or only when the process has been resumed. */
void strikes_meet(rw_lane *lane);
/* Some lane or process runs no more: is there one that a paused process can wait for? Any process. */
void strikes_look(const rw_execution *ex);

/* ---- The parent's (strike_parent.c) ---- */

/* A process has ended. True: by the plan; it is counted, its threads have left, and orphans are marked. */
bool strikes_bury(rw_execution *ex, int32_t index, int status);
/* There are news: whose pause is over goes on. `pids` by process. */
void strikes_hear(rw_execution *ex, const pid_t *pids);
/* A number that changes while anybody gets on. */
uint64_t strikes_life(const rw_execution *ex);
/* How long that may stay the same, milliseconds; 0: as long as it likes. */
int strikes_patience_ms(const rw_execution *ex);
/* It has stayed the same: let the paused ones go on. False: there is none. */
bool strikes_relieve(rw_execution *ex, const pid_t *pids);

/* What is wrong with a plan's kills, pauses and limits, or NULL. */
const char *strikes_wrong(const rw_target *target, const rw_plan *plan);

#endif
