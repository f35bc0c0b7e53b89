/* One thread's loop over its program. No allocation, and no system call but the sampled looks at the clock. */
#include "execution.h"
#include "fault_plan.h"

/* Operations between two looks at the clock for the deadline; samples are looks too. */
enum { LOOK_EVERY = 64, OTHER_CODE = 15 };

typedef struct clockwork { /* which operations are timed: by their number, so that the loop compares one */
    uint64_t next, next_sample, next_look;
    uint64_t every;       /* operations between samples */
    uint64_t deadline_ns; /* UINT64_MAX: none */
} clockwork;

static void plan_next(clockwork *clock) {
    clock->next = clock->next_sample < clock->next_look ? clock->next_sample : clock->next_look;
}

static clockwork clockwork_of(int32_t latency_every, uint64_t deadline_ns) {
    clockwork clock = {.deadline_ns = deadline_ns > 0 ? deadline_ns : UINT64_MAX,
                       .every = latency_every > 0 ? (uint64_t)latency_every : 0};
    clock.next_sample = latency_every > 0 ? 0 : UINT64_MAX;
    clock.next_look = deadline_ns > 0 ? 0 : UINT64_MAX;
    plan_next(&clock);
    return clock;
}

static int bucket_of(uint64_t ns) {
    int bucket = ns > 0 ? 63 - __builtin_clzll(ns) : 0;
    return bucket < RW_BUCKETS ? bucket : RW_BUCKETS - 1;
}

/* The clock was looked at just before: `now`. */
static __attribute__((noinline)) int64_t run_timed(rw_lane *lane, const rw_op *op, clockwork *clock, uint64_t nth,
                                                   uint64_t now) {
    int64_t rc = lane->ex->target->run(lane->context, op);
    if (nth == clock->next_sample) {
        lane->stats.latency[bucket_of(prim_now_ns() - now)]++;
        clock->next_sample += clock->every;
    }
    if (clock->deadline_ns != UINT64_MAX) {
        clock->next_look = nth + LOOK_EVERY;
    }
    plan_next(clock);
    return rc;
}

/* Returns the number of operations done; sets lane->stopped when the flag ended it. */
static uint64_t loop(rw_lane *lane, const rw_program *program, int32_t rounds, clockwork clock) {
    const rw_execution *ex = lane->ex;
    rw_track *track = &ex->progress->tracks[lane->index];
    int64_t (*run)(rw_thread *, const rw_op *) = ex->target->run;
    bool stalls = ex->faults != NULL && fault_plans(ex->plan, RW_FAULT_STALL);
    bool struck = ex->strikes != NULL;
    uint64_t done = 0;
    for (int32_t round = 0; round < rounds; round++) {
        for (const rw_op *op = program->ops, *end = op + program->op_cnt; op < end; op++) {
            if (execution_stopped(ex)) {
                lane->stopped = true;
                return done;
            }
            if (struck) {
                strikes_meet(lane);
            }
            int64_t rc;
            if (done == clock.next) {
                uint64_t now = prim_now_ns();
                if (now >= clock.deadline_ns) {
                    return done;
                }
                track_begin(track, done, op);
                rc = run_timed(lane, op, &clock, done, now);
            } else {
                track_begin(track, done, op);
                rc = run(lane->context, op);
            }
            lane->stats.codes[rc >= 0 && rc < OTHER_CODE ? rc : OTHER_CODE]++;
            progress_show(&track->ops, ++done);
            if (stalls && stall_between(lane)) {
                return done;
            }
        }
    }
    return done;
}

void interp_run(rw_lane *lane, const rw_program *program, int32_t rounds, uint64_t deadline_ns) {
    uint64_t began = prim_now_ns();
    lane->stats.ops = loop(lane, program, rounds, clockwork_of(lane->ex->plan->latency_every, deadline_ns));
    lane->ended_ns = prim_now_ns();
    lane->stats.nanoseconds = lane->ended_ns - began;
}
