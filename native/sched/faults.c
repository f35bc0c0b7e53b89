/* Fault plans in the scheduled runtime, and allocations whose failing is a choice.
 *
 * A plan's counters say which allocation fails; with RS_FAIL_ALLOC each of the others is a choice of the strategy too. The
 * counters are touched by one fiber at a time, so their order is the schedule's.
 */
#include "faults.h"

#include "../stress/fault_plan.h"

static fault_state state RS_STATE;
static bool at_work RS_STATE;

bool faults_wanted(void) {
    return rt.target->create_failing != NULL && (rt.plan->fault_cnt > 0 || (rt.flags & RS_FAIL_ALLOC) != 0);
}

/* Index of the running program; the creating thread; FAULT_OFF: a judge. */
static int32_t lane(void) {
    if (rt.checking || rt.cur == rt.checker) {
        return FAULT_OFF;
    }
    return rt.cur->tid <= rt.plan->thread_cnt ? rt.cur->tid - 1 : FAULT_OFF;
}

static int32_t alloc(void *ctx, int32_t site, const char *label) {
    (void)ctx;
    int32_t who = lane();
    if (who == FAULT_OFF || at_load(&state.off, relaxed) != 0) {
        return 0;
    }
    bool fails = fault_met(&state, rt.target, who, site, label);
    if (!fails && (rt.flags & RS_FAIL_ALLOC) != 0) {
        fails = sched_draw(RS_C_FAIL, 2) != 0;
    }
    if (fails) {
        fault_made(&state, who, site);
    }
    return fails;
}

static uint64_t taken(void *ctx) {
    (void)ctx;
    return fault_taken(&state, lane());
}

static void forgive(void *ctx, int32_t benign) {
    (void)ctx;
    at_add(&state.benign[benign], 1, relaxed);
}

const rw_hook *faults_begin(void) {
    static const rw_hook hook = {.alloc = alloc, .taken = taken, .forgive = forgive};
    memset(&state, 0, sizeof state);
    state.plan = rt.plan;
    at_work = true;
    return &hook;
}

void faults_stop(void) {
    at_store(&state.off, 1, relaxed);
}

void faults_sum(rw_fault_counts *sum) {
    if (at_work) {
        fault_add(&state, sum);
        at_work = false;
    }
}
