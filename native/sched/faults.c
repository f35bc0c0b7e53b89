/* Fault plans in the scheduled runtime, and allocations whose failing is a choice. Threads that stop: stall.c.
 *
 * A plan's counters say which allocation fails; with RS_FAIL_ALLOC each of the others is a choice of the strategy too. The
 * counters are touched by one fiber at a time, so their order is the schedule's.
 */
#include "faults.h"

#include "../stress/fault_plan.h"

enum { CLOCK_STANDS = 1, CLOCK_JUMPS = 2, CLOCK_WAYS = 3 };

static const int64_t HOUR_NS = INT64_C(3600000000000);

static fault_state state RS_STATE;
static bool at_work RS_STATE;

static struct {
    uint64_t shown[2]; /* last, by the monotonic and the real-time clock */
    int64_t offset;    /* of the real-time clock */
} clocks RS_STATE;

bool faults_wanted(void) {
    return rt.target->create_failing != NULL &&
           (fault_plans(rt.plan, RW_FAULT_ALLOC) || (rt.flags & RS_FAIL_ALLOC) != 0);
}

/* Index of the running program; the creating thread; FAULT_OFF: a judge. */
static int32_t lane(void) {
    if (rt.checking || rt.cur == rt.checker) {
        return FAULT_OFF;
    }
    return rt.cur->tid == 0 || rt.cur->program != PROGRAM_NONE ? rt.cur->program : FAULT_OFF;
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
    if (rt.plan->fault_cnt == 0 && !faults_wanted() && (rt.flags & RS_CLOCKS) == 0) {
        return NULL;
    }
    memset(&state, 0, sizeof state);
    state.plan = rt.plan;
    at_work = true;
    memset(&clocks, 0, sizeof clocks);
    rt.clock_faults = fault_plans(rt.plan, RW_FAULT_CLOCK) || (rt.flags & RS_CLOCKS) != 0;
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

/* ---- Faults that are no allocations' ---- */

uint64_t faults_met(int32_t i) {
    return at_add(&state.met[i], 1, relaxed);
}

void faults_made_elsewhere(void) {
    at_add(&state.failed, 1, relaxed);
    rw_fault_here(-1);
}

void faults_blocked(bool judging) {
    at_add(judging ? &state.unjudged : &state.blocked, 1, relaxed);
}

/* Forward, all clocks jump, as when the machine was asleep; and what was due meanwhile is due now. Back jumps the
 * real-time clock alone. */
static uint64_t jumped(int64_t jump, uint64_t now) {
    if (jump < 0) {
        int64_t back = (int64_t)now + clocks.offset + jump;
        clocks.offset = back > 0 ? clocks.offset + jump : -(int64_t)now;
        return now;
    }
    uint64_t room = (uint64_t)INT64_MAX / 2 - now;
    clock_advance_to(now + ((uint64_t)jump < room ? (uint64_t)jump : room));
    return clock_peek();
}

static bool clock_due(int32_t i, int32_t who, bool real) {
    const rw_fault *f = &rt.plan->faults[i];
    if (!fault_is(f, RW_FAULT_CLOCK, who) || (f->jump < 0 && !real)) {
        return false;
    }
    uint64_t nth = faults_met(i);
    return fault_due(&state, (uint32_t)i, who, nth, state.lanes[who + 1].met[i]++);
}

/* What the strategy makes of a reading. Returns the jump, 0 where the clock stands still; false: neither. */
static bool clock_chosen(int64_t *jump) {
    uint32_t way = (rt.flags & RS_CLOCKS) != 0 ? sched_draw(RS_C_CLOCK, CLOCK_WAYS) : 0;
    *jump = way == CLOCK_JUMPS ? HOUR_NS : 0;
    return way != 0;
}

uint64_t faults_clock(bool real, uint64_t now) {
    int32_t who = lane();
    bool stands = false;
    int64_t jump;
    if (who == FAULT_OFF || at_load(&state.off, relaxed) != 0) {
        return real ? now + (uint64_t)clocks.offset : now;
    }
    for (int32_t i = 0; i < rt.plan->fault_cnt; i++) {
        if (clock_due(i, who, real)) {
            faults_made_elsewhere();
            now = jumped(rt.plan->faults[i].jump, now);
            stands |= rt.plan->faults[i].jump == 0;
        }
    }
    if (clock_chosen(&jump)) {
        faults_made_elsewhere();
        now = jumped(jump, now);
        stands |= jump == 0;
    }
    if (!stands || clocks.shown[real] == 0) {
        clocks.shown[real] = real ? now + (uint64_t)clocks.offset : now;
    }
    return clocks.shown[real];
}
