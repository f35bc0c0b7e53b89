/* Between the files of the batches. */
#ifndef RACEWASH_BATCH_H
#define RACEWASH_BATCH_H

#include <time.h>

#include "strategy.h"

typedef struct batch {
    rs_result *out;
    const rs_strategy *strategy; /* the one asked for */
    int64_t began_ns, began_cpu_ns, look_in, look_every, looked_ns;
    int32_t threads; /* for which the race detector has room */
} batch;

/* ---- batch_begin.c ---- */

/* Fill in that it can't be done, and why; returns the status. */
int32_t batch_fail(rs_result *out, int32_t status, const char *message);
int64_t batch_clock(clockid_t clock); /* nanoseconds */
bool batch_is_exhaustive(const rs_strategy *strategy);
/* Look through what is asked for, and make room; target NULL: a whole program. */
int32_t batch_prepare(batch *b, const rw_target *target, const rw_plan *plan, const rs_options *options,
                      rs_result *out);
void batch_begin(batch *b, const rw_target *target, const rw_plan *plan, rs_result *out);
int32_t batch_end(batch *b);

/* ---- batch_run.c ---- */

/* One execution, repeated with more room where the race detector ran out of it. */
void batch_run(batch *b, const rs_strategy *strategy, uint64_t seed, uint32_t extra_mode);
void batch_sum_up(batch *b);
/* Keep what it found, explained by a second run; true when there was something. */
bool batch_judge(batch *b, uint64_t seed);

#endif
