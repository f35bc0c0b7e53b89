/* Fault plans on real threads: the state lies in a mapping that forked processes share. */
#include "faults.h"

#include <sys/mman.h>

#include "execution.h"
#include "fault_plan.h"

struct rw_faults {
    rw_hook hook;
    const rw_target *target;
    bool cramped, refused;
    fault_state state;
};

/* Who a thread is: nothing of a plan depends on it but its conditions and draws. A key, not thread-local data, of which
 * the library has none: the scheduled runtime would have to swap it. */
static pthread_key_t own_lane;
static pthread_once_t own_lane_made = PTHREAD_ONCE_INIT;
static const uint64_t CRAMPED = UINT64_C(1) << (RW_MAX_SITES - 1); /* no place: the system has refused */
enum { LANE_BASE = 1 - FAULT_OFF }; /* a key's first value is NULL: no program's thread */

static void make_own_lane(void) {
    (void)pthread_key_create(&own_lane, NULL);
}

static int32_t lane(void) {
    intptr_t kept = (intptr_t)pthread_getspecific(own_lane);
    return kept == 0 ? RW_NO_THREAD : (int32_t)kept - LANE_BASE;
}

void faults_be_lane(const rw_faults *f, int32_t index) {
    if (f != NULL) {
        (void)pthread_setspecific(own_lane, (const void *)(intptr_t)(index + LANE_BASE));
    }
}

static int32_t alloc(void *ctx, int32_t site, const char *label) {
    rw_faults *f = ctx;
    if (!fault_met(&f->state, f->target, lane(), site, label)) {
        return 0;
    }
    fault_made(&f->state, lane(), site);
    return 1;
}

static uint64_t taken(void *ctx) {
    rw_faults *f = ctx;
    f->refused = f->refused || f->cramped;
    return fault_taken(&f->state, lane()) | (f->cramped ? CRAMPED : 0);
}

static void forgive(void *ctx, int32_t benign) {
    at_add(&((rw_faults *)ctx)->state.benign[benign], 1, relaxed);
}

rw_faults *faults_make(const rw_target *target, const rw_plan *plan) {
    rw_faults *f = mmap(NULL, sizeof *f, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (f == MAP_FAILED) {
        return NULL;
    }
    (void)pthread_once(&own_lane_made, make_own_lane);
    f->target = target;
    f->state.plan = plan;
    f->hook = (rw_hook){.ctx = f, .alloc = alloc, .taken = taken, .forgive = forgive};
    return f;
}

const rw_hook *faults_hook(const rw_faults *f) {
    return &f->hook;
}

const rw_fault *faults_stall(rw_faults *f, int32_t index, const int32_t *holds) {
    const rw_plan *plan = f->state.plan;
    const rw_fault *due = NULL;
    for (int32_t i = 0; i < plan->fault_cnt; i++) {
        const rw_fault *one = &plan->faults[i];
        bool held = one->hold == RW_ANY_HOLD || (holds != NULL && holds[one->hold] > 0);
        if (held && fault_is(one, RW_FAULT_STALL, index) && at_add(&f->state.met[i], 1, relaxed) == one->skip) {
            due = due == NULL || one->steps == 0 ? one : due;
        }
    }
    if (due != NULL) {
        at_add(&f->state.failed, 1, relaxed);
        rw_fault_here(-1);
    }
    return due;
}

bool faults_due(rw_faults *f, int32_t i, int32_t who, uint64_t *nth) {
    *nth = at_add(&f->state.met[i], 1, relaxed);
    return at_load(&f->state.off, relaxed) == 0 && fault_due(&f->state, (uint32_t)i, who, *nth, *nth);
}

bool faults_cramp(rw_faults *f, bool on) {
    f->cramped = on;
    return f->refused;
}

void faults_end(rw_faults *f) {
    at_store(&f->state.off, 1, relaxed);
}

void faults_free(rw_faults *f, rw_fault_counts *out) {
    if (f != NULL) {
        fault_add(&f->state, out);
        munmap(f, sizeof *f);
    }
}
