/* The threads of one process: attached, started at a barrier that spans all processes, joined, detached. */
#include "execution.h"

#include <errno.h>

#include "fault_plan.h"

void crew_halt(rw_shared *shared, uint32_t why) {
    uint32_t none = HALT_NONE;
    at_cas(&shared->halt, &none, why, relaxed, relaxed);
}

/* ---- The barrier: spinning, so that threads start within the same moment; yielding, so that few processors do ---- */

bool crew_await_start(rw_shared *shared) {
    unsigned spins = 0;
    while (at_load(&shared->go, acquire) == 0) {
        if (at_load(&shared->halt, relaxed) != HALT_NONE) {
            return false; /* one will never arrive */
        }
        cpu_relax(&spins);
    }
    return true;
}

static bool arrive(const rw_execution *ex) {
    rw_shared *s = ex->shared;
    if (at_add(&s->arrived, 1, acq_rel) + 1 == (uint32_t)ex->plan->thread_cnt) {
        space_begin(&ex->space); /* not before: the threads' stacks are not the core's */
        s->started_ns = prim_now_ns();
        s->deadline_ns = ex->plan->deadline_ms > 0 ? s->started_ns + (uint64_t)ex->plan->deadline_ms * 1000000 : 0;
        at_store(&s->go, 1, release);
    }
    return crew_await_start(s);
}

/* The end barrier of processes sleeps: programs differ in length, and the rest should have the processors. */
void crew_leave(const rw_execution *ex, rw_lane *lane) {
    at_store(&lane->left, 1, seq_cst); /* before the others' are read: of two that leave at once, one sees both */
    if (ex->strikes != NULL) {
        strikes_look(ex);
    }
    for (int32_t i = 0; i < ex->plan->thread_cnt; i++) {
        if (at_load(&ex->shared->lanes[i].left, seq_cst) == 0) {
            return;
        }
    }
    for (int32_t i = 0; i < ex->process_cnt; i++) {
        sem_post(&ex->shared->ended);
    }
}

static void await_all(rw_shared *shared) {
    while (sem_wait(&shared->ended) != 0 && errno == EINTR) {
    }
}

/* ---- One thread ---- */

static void *lane_main(void *arg) {
    rw_lane *lane = arg;
    const rw_execution *ex = lane->ex;
    const rw_plan *plan = ex->plan;
    faults_be_lane(ex->faults, lane->index);
    lane->context = ex->target->attach(ex->core, lane->index);
    if (lane->context == NULL && !fault_plans_failure(plan)) {
        crew_halt(ex->shared, HALT_ATTACH);
    } else if (arrive(ex) && lane->context != NULL) { /* whom a failure has refused stands by */
        interp_run(lane, &plan->programs[lane->index % plan->program_cnt], plan->rounds, ex->shared->deadline_ns);
    }
    crew_leave(ex, lane);
    return NULL;
}

/* ---- All of them ---- */

void crew_run(rw_execution *ex, int32_t first, int32_t step) {
    rw_lane *lanes = ex->shared->lanes;
    int32_t cnt = ex->plan->thread_cnt, end = first;
    if (ex->process_cnt > 0 && first + step >= cnt) { /* alone in its process: it needs no further thread */
        lane_main(&lanes[first]);
        faults_be_lane(ex->faults, RW_NO_THREAD);
    } else {
        while (end < cnt && pthread_create(&lanes[end].thread, NULL, lane_main, &lanes[end]) == 0) {
            end += step;
        }
        for (int32_t i = end; i < cnt; i += step) {
            crew_halt(ex->shared, HALT_SYSTEM);
            crew_leave(ex, &lanes[i]);
        }
        for (int32_t i = first; i < end; i += step) {
            pthread_join(lanes[i].thread, NULL);
        }
    }
    if (ex->process_cnt > 0) {
        await_all(ex->shared);
    }
    for (int32_t i = first; i < cnt; i += step) {
        if (lanes[i].context != NULL) {
            at_store(&lanes[i].parting, LANE_PARTING, relaxed);
            ex->target->detach(lanes[i].context);
            at_store(&lanes[i].parting, LANE_PARTED, release);
        }
    }
}
