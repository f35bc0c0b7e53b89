/* Operations that each do one wrong (or right) thing, for the tests of the scheduled runtime. */
#ifndef RACEWASH_MISUSE_TARGET_H
#define RACEWASH_MISUSE_TARGET_H

#include "../../target/target.h"

enum {
    MIS_NOTHING,
    MIS_USE_AFTER_FREE,
    MIS_OUT_OF_BOUNDS,
    MIS_DOUBLE_FREE,
    MIS_BAD_FREE,
    MIS_LEAK,
    MIS_LOCK_AB,
    MIS_LOCK_BA,
    MIS_WAIT_FLAG,   /* checks the flag outside of the mutex: may miss the signal */
    MIS_SET_FLAG,
    MIS_UNLOCK_OTHERS,
    MIS_LOCK_DESTROYED,
    MIS_SPIN_FOR_EVER,
    MIS_SPIN_PLAIN_YIELD,
    MIS_SPIN_FOR_FLAG,
    MIS_RAISE_FLAG,
    MIS_ABORT,
    MIS_ASSERT,
    MIS_SEGV,
    MIS_RECURSE,
    MIS_WRITE_BYTE,   /* arg: which of eight neighbours */
    MIS_WRITE_WORD,
    MIS_READ_WORD,
    MIS_FENCED_PUT,   /* publication by fences and relaxed operations */
    MIS_FENCED_GET,
    MIS_RELAXED_PUT,
    MIS_RELAXED_GET,
    MIS_LOCKED_ADD,
    MIS_QUEUE_PUT,
    MIS_QUEUE_TAKE,
    MIS_SLEEP,
    MIS_READ_CLOCK_UNTIL, /* arg: nanoseconds */
    MIS_RANDOM_BRANCH,
    MIS_FREED_UNDER,      /* writes what another thread may have freed; arg: which byte */
    MIS_FREE_SHARED,
    MIS_UNINITIALISED,
    MIS_LIBRARY_COPY,     /* strcpy beyond the end */
    MIS_LOCK_ONE,         /* arg: which */
    MIS_COME,             /* arg: the place at which it is to come, among all of these */
    MIS_POLL_UNTIL,       /* arg: nanoseconds, waiting for the flag so long */
    MIS_SPAWN,            /* threads of its own: eight, which the detector has no room for at first, and arg more */
    MIS_RELEASE_MANY,     /* arg: times; each after a write of its own */
    MIS_OPS
};

/* Its instant check takes the mutex a, and b inside of it. */
const rw_target *misuse_target(void);
/* Its first instruction writes to *p. MIS_SEGV calls it with nothing. */
void misuse_write(int *p);

#endif
