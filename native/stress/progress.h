/* How the driver writes the progress area: plain fields for its readers, relaxed atomic accesses here.
 *
 * A supervisor in another process reads while threads write. An entry of the ring is written before `started` counts
 * it, so that what a dead thread had begun is whole; no other order is promised.
 */
#ifndef RACEWASH_PROGRESS_H
#define RACEWASH_PROGRESS_H

#include "../atomics.h"
#include "stress.h"

static inline void progress_show(uint64_t *field, uint64_t value) {
    at_store((_Atomic(uint64_t) *)field, value, relaxed);
}

static inline uint64_t progress_look(const uint64_t *field) {
    return at_load((const _Atomic(uint64_t) *)field, relaxed);
}

/* The thread's nth operation, from 0, begins. */
static inline void track_begin(rw_track *track, uint64_t nth, const rw_op *op) {
    rw_op *entry = &track->ring[nth % RW_RING];
    at_store((_Atomic(int32_t) *)&entry->code, op->code, relaxed);
    for (int i = 0; i < RW_MAX_ARGS; i++) {
        at_store((_Atomic(int64_t) *)&entry->arg[i], op->arg[i], relaxed);
    }
    at_store((_Atomic(uint64_t) *)&track->started, nth + 1, release);
}

#endif
