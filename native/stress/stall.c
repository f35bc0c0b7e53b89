/* Threads that a plan stops on real threads: between two of their operations, where they hold what it names.
 *
 * One stopped for ever does no more; what it holds stays held until all others have ended, as with any context, and is given
 * back then. One stopped for some steps waits until the others have ended so many operations, or until all that still
 * run are stopped like it.
 */
#include "execution.h"

static uint64_t others_ops(const rw_lane *lane) {
    const rw_execution *ex = lane->ex;
    uint64_t sum = 0;
    for (int32_t i = 0; i < ex->plan->thread_cnt; i++) {
        sum += i == lane->index ? 0 : progress_look(&ex->progress->tracks[i].ops);
    }
    return sum;
}

static bool alone(const rw_execution *ex) {
    uint32_t running = 0;
    for (int32_t i = 0; i < ex->plan->thread_cnt; i++) {
        running += at_load(&ex->shared->lanes[i].left, relaxed) == 0;
    }
    return at_load(&ex->shared->parked, relaxed) >= running;
}

static void park(const rw_lane *lane, uint64_t steps) {
    rw_shared *s = lane->ex->shared;
    uint64_t from = others_ops(lane), end = s->deadline_ns;
    unsigned spins = 0;
    at_add(&s->parked, 1, relaxed);
    while (others_ops(lane) - from < steps && !alone(lane->ex) && !execution_stopped(lane->ex) &&
           (end == 0 || prim_now_ns() < end)) {
        cpu_relax(&spins);
    }
    at_sub(&s->parked, 1, relaxed);
}

bool stall_between(rw_lane *lane) {
    const rw_execution *ex = lane->ex;
    if (ex->faults == NULL || lane == &ex->shared->lanes[RW_MAX_THREADS]) {
        return false;
    }
    const int32_t *holds = ex->target->holding != NULL ? ex->target->holding(lane->context) : NULL;
    const rw_fault *fault = faults_stall(ex->faults, lane->index, holds);
    if (fault == NULL) {
        return false;
    }
    if (fault->steps == 0) {
        return true;
    }
    park(lane, fault->steps);
    return false;
}
