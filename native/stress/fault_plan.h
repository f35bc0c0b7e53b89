/* A fault plan at work: which allocation fails. The same for real threads and for the scheduled runtime.
 *
 * Faults belong to the execution: the counters are one execution's, in memory that all its processes share. What is a
 * thread's own is only which thread it is, the draws of chances, and what has failed in it. Counters are relaxed
 * atomics: the n-th of all allocations is some thread's, whichever came first.
 */
#ifndef RACEWASH_FAULT_PLAN_H
#define RACEWASH_FAULT_PLAN_H

#include <stdbool.h>
#include <string.h>

#include "../atomics.h"
#include "stress.h"

enum { FAULT_LANES = RW_MAX_THREADS + 1, FAULT_OFF = -3 };

typedef struct fault_lane { /* one thread's; lane 0 is whoever creates, sets up and judges */
    uint64_t taken; /* sites, by bit */
    uint64_t met[RW_MAX_FAULTS];
} fault_lane;

typedef struct fault_state {
    const rw_plan *plan; /* NULL: no plan is at work */
    _Atomic(uint32_t) off; /* not 0: nothing fails any more */
    _Atomic(uint64_t) points, failed;
    _Atomic(uint64_t) blocked, unjudged; /* 1: it was */
    _Atomic(uint64_t) met[RW_MAX_FAULTS], spent[RW_MAX_FAULTS];
    _Atomic(uint64_t) reached[RW_MAX_SITES], failing[RW_MAX_SITES], benign[RW_MAX_BENIGN];
    fault_lane lanes[FAULT_LANES];
} fault_state;

/* splitmix64's output function (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014) */
static inline uint64_t fault_mix(uint64_t z) {
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static inline bool fault_ends(const char *path, const char *end) {
    size_t n = strlen(path), m = strlen(end);
    return m <= n && strcmp(path + n - m, end) == 0;
}

static inline bool fault_is(const rw_fault *f, int32_t kind, int32_t thread) {
    return f->kind == kind && (f->thread == RW_ANY_THREAD || f->thread == thread);
}

static inline bool fault_plans(const rw_plan *plan, int32_t kind) {
    for (int32_t i = 0; i < plan->fault_cnt; i++) {
        if (plan->faults[i].kind == kind) {
            return true;
        }
    }
    return false;
}

/* Does anything fail: an allocation, or a whole process, rather than that threads only stop? */
static inline bool fault_plans_failure(const rw_plan *plan) {
    for (int32_t i = 0; i < plan->fault_cnt; i++) {
        if (plan->faults[i].kind != RW_FAULT_STALL && plan->faults[i].kind != RW_FAULT_CLOCK) {
            return true;
        }
    }
    return false;
}

static inline bool fault_fits(const rw_fault *f, int32_t thread, const rw_site *site, const char *label) {
    return fault_is(f, RW_FAULT_ALLOC, thread) && (f->line == 0 || f->line == site->line) &&
           (f->file == NULL || fault_ends(site->file, f->file)) && (f->label == NULL || strcmp(f->label, label) == 0);
}

/* The nth allocation (or reading) that fits, `own` of its thread's before it: does it fail? */
static inline bool fault_due(fault_state *s, uint32_t i, int32_t thread, uint64_t nth, uint64_t own) {
    const rw_fault *f = &s->plan->faults[i];
    if (nth < f->skip || (f->every > 1 && (nth - f->skip) % f->every != 0)) {
        return false;
    }
    if (f->chance != 0 && f->chance < RW_CHANCE_SURE) {
        uint64_t draw =
            fault_mix(f->seed + fault_mix((uint64_t)(uint32_t)thread << 32 | i) + own * UINT64_C(0x9E3779B97F4A7C15));
        if (draw % RW_CHANCE_SURE >= f->chance) {
            return false;
        }
    }
    return f->budget == 0 || at_add(&s->spent[i], 1, relaxed) < f->budget;
}

/* An allocation at site number `place`. Every fault counts it that it fits, whatever the others say. */
static inline bool fault_met(fault_state *s, const rw_target *target, int32_t thread, int32_t place,
                             const char *label) {
    if (thread < RW_NO_THREAD || thread >= RW_MAX_THREADS || at_load(&s->off, relaxed) != 0) {
        return false;
    }
    bool fails = false;
    fault_lane *lane = &s->lanes[thread + 1];
    at_add(&s->points, 1, relaxed);
    at_add(&s->reached[place], 1, relaxed);
    for (int32_t i = 0; i < s->plan->fault_cnt; i++) {
        if (fault_fits(&s->plan->faults[i], thread, &target->sites[place], label)) {
            uint64_t nth = at_add(&s->met[i], 1, relaxed);
            fails |= fault_due(s, (uint32_t)i, thread, nth, lane->met[i]++);
        }
    }
    return fails;
}

static inline void fault_made(fault_state *s, int32_t thread, int32_t place) {
    at_add(&s->failed, 1, relaxed);
    at_add(&s->failing[place], 1, relaxed);
    s->lanes[thread + 1].taken |= UINT64_C(1) << place;
    rw_fault_here(place);
}

static inline uint64_t fault_taken(fault_state *s, int32_t thread) {
    if (thread < RW_NO_THREAD || thread >= RW_MAX_THREADS) {
        return 0;
    }
    uint64_t taken = s->lanes[thread + 1].taken;
    s->lanes[thread + 1].taken = 0;
    return taken;
}

static inline void fault_add(const fault_state *s, rw_fault_counts *sum) {
    uint64_t points = at_load(&s->points, relaxed), failed = at_load(&s->failed, relaxed);
    sum->points = points > sum->points ? points : sum->points;
    sum->failed += failed;
    sum->hit += failed > 0;
    for (int i = 0; i < RW_MAX_FAULTS; i++) {
        uint64_t met = at_load(&s->met[i], relaxed);
        sum->met[i] = met > sum->met[i] ? met : sum->met[i];
    }
    sum->blocked += at_load(&s->blocked, relaxed);
    sum->unjudged += at_load(&s->unjudged, relaxed);
    for (int i = 0; i < RW_MAX_SITES; i++) {
        sum->reached[i] += at_load(&s->reached[i], relaxed);
        sum->failing[i] += at_load(&s->failing[i], relaxed);
    }
    for (int i = 0; i < RW_MAX_BENIGN; i++) {
        sum->benign[i] += at_load(&s->benign[i], relaxed);
    }
}

/* What is wrong with a plan's faults, or NULL. */
static inline const char *fault_plan_wrong(const rw_target *target, const rw_plan *plan) {
    if (plan->fault_cnt < 0 || plan->fault_cnt > RW_MAX_FAULTS) {
        return "a plan has at most 8 faults";
    }
    if (fault_plans_failure(plan) && (target->create_failing == NULL || target->site_cnt > RW_MAX_SITES)) {
        return "the target has no allocations that can be made to fail";
    }
    for (int32_t i = 0; i < plan->fault_cnt; i++) {
        const rw_fault *f = &plan->faults[i];
        if (f->kind == RW_FAULT_STALL && f->hold != RW_ANY_HOLD && (f->hold < 0 || f->hold >= target->hold_cnt)) {
            return "a thread is to stop where it holds what the target does not know";
        }
    }
    return NULL;
}

#endif
