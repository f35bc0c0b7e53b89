/* Small targets for tests, the canary and `racewash bench`. They are instrumented like any code under test. */
#ifndef RACEWASH_WORKLOAD_H
#define RACEWASH_WORKLOAD_H

#include "../stress/stress.h"

/* Defects of workload B, by the value of its parameter "defect". */
enum {
    SEG_SOUND = 0,
    SEG_COUNT_EARLY = 1,   /* the count is advanced before the blocks exist */
    SEG_PUBLISH_EARLY = 2, /* a block is published before it is initialised */
    SEG_LOSER_LEAKS = 3,   /* who loses the publication keeps its block */
    SEG_PLAIN_STORE = 4,   /* a store publishes instead of a compare-exchange */
    SEG_RELAXED = 5        /* published without release */
};

extern const rw_target workload_increments, workload_segments, workload_canary;

#endif
