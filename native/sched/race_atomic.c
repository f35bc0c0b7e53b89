/* Atomic operations: what they race with, and what they order. Two that are neighbours in a granule have nothing to do with
 * each other; two that overlap in part (C has no such) order as if each had seen what the other did. */
#include <string.h>

#include "race_private.h"

#define HOT inline __attribute__((always_inline))

static bool acquires(int order) {
    return order == __ATOMIC_ACQUIRE || order == __ATOMIC_CONSUME || order == __ATOMIC_ACQ_REL ||
           order == __ATOMIC_SEQ_CST;
}

static bool releases(int order) {
    return order == __ATOMIC_RELEASE || order == __ATOMIC_ACQ_REL || order == __ATOMIC_SEQ_CST;
}

/* ---- What they order ---- */

static inline uint32_t *clock_of(const shadow_atomic *o) {
    return (uint32_t *)(uintptr_t)(o + 1);
}

static inline bool covered(uint32_t epoch) {
    return epoch != 0 && epoch <= rt.vc[epoch & TID_MASK];
}

/* What a load takes over: at once when it acquires, at the next acquire fence otherwise. */
static HOT void take(const shadow_atomic *o, bool acquire) {
    if (o->has_clock && !covered(o->released)) {
        race_join(acquire ? rt.vc : rt.cur->fence_acquire, clock_of(o));
    }
}

/* What a store leaves for those who acquire it. A relaxed store leaves what the thread's last release fence covered. A
 * read-modify-write goes on with the release sequence of the store before it, and so does a relaxed store by the thread
 * that released last (C11 5.1.2.4; C++20 and C23 no longer count it); any other store ends it. */
static HOT void leave(shadow_atomic *o, bool release, bool reads) {
    const uint32_t *what = release ? rt.vc : rt.cur->fence_release;
    bool goes_on = o->has_clock && (reads || (!release && o->releaser == rt.cur->tid));
    if (!release && !rt.cur->fenced) {
        o->has_clock = goes_on;
        return;
    }
    if (goes_on) {
        bool whole = release && covered(o->released); /* all that is in it, this thread has seen */
        race_join(clock_of(o), what);
        o->released = whole ? rt.epoch : 0;
    } else {
        race_copy(clock_of(o), what);
        o->has_clock = true;
        o->released = release ? rt.epoch : 0;
    }
    o->releaser = (uint8_t)rt.cur->tid;
}

void race_fence(int order) {
    if (rt.vc == NULL) {
        return;
    }
    if (acquires(order)) {
        race_join(rt.vc, rt.cur->fence_acquire);
    }
    if (releases(order)) {
        race_copy(rt.cur->fence_release, rt.vc);
        rt.cur->fenced = 1;
        race_tick();
    }
}

/* ---- What they race with ---- */

static void judge_pair(const race_access *a, uint8_t mask, uint32_t write, uint32_t read) {
    if (!race_before(write)) {
        race_report(a, write, mask, true, true);
    } else if (a->write && !race_before(read)) {
        race_report(a, read, mask, false, true);
    }
}

static void judge_object(const shadow_atomic *o, const race_access *a) {
    if (o->all == 0) {
        judge_pair(a, o->mask, o->write, o->read);
        return;
    }
    const uint32_t *all = race_at(o->all);
    for (uint32_t i = 0; i < race.stride; i++) {
        judge_pair(a, o->mask, all[i], all[race.stride + i]);
    }
}

static inline shadow_atomic *after(const shadow_atomic *o) {
    return o->next != 0 ? race_at(o->next) : NULL;
}

void race_judge_atomics(const shadow_rich *r, const race_access *a) {
    for (const shadow_atomic *o = &r->atomic; o != NULL; o = after(o)) {
        if ((o->mask & a->mask) != 0) {
            judge_object(o, a);
        }
    }
}

/* Not one after the other: from here on one of each thread. */
static __attribute__((noinline)) void note_each(shadow_atomic *o, bool write) {
    if (o->all == 0) {
        uint32_t *fresh = race_clock(2);
        fresh[o->write & TID_MASK] = o->write;
        fresh[race.stride + (o->read & TID_MASK)] = o->read;
        o->all = race_place(fresh);
    }
    uint32_t *all = race_at(o->all);
    all[(write ? 0 : race.stride) + (uint32_t)rt.cur->tid] = rt.epoch;
}

static HOT void note(shadow_atomic *o, bool write) {
    uint32_t *last = write ? &o->write : &o->read;
    if (likely(o->all == 0 && race_before(*last))) {
        *last = rt.epoch;
    } else {
        note_each(o, write);
    }
}

/* ---- The operation ---- */

/* Not the first object of the granule. */
static __attribute__((noinline)) shadow_atomic *another_object(shadow_rich *r, uint8_t mask) {
    shadow_atomic *o = &r->atomic;
    while (o->next != 0) {
        o = race_at(o->next);
        if (o->mask == mask) {
            return o;
        }
    }
    shadow_atomic *fresh = race_pool(sizeof *fresh + race.stride * sizeof(uint32_t));
    memset(fresh, 0, sizeof *fresh);
    fresh->mask = mask;
    o->next = race_place(fresh);
    return fresh;
}

static HOT shadow_atomic *object_of(shadow_rich *r, uint8_t mask) {
    if (unlikely(r->atomic.mask != mask && r->atomic.mask != 0)) {
        return another_object(r, mask);
    }
    r->atomic.mask = mask;
    return &r->atomic;
}

/* The other objects with some of these bytes: a store over all of one ends what it had, as in leave(). */
static __attribute__((noinline)) void meet_others(shadow_rich *r, const race_access *a, bool reads, bool acquire) {
    for (shadow_atomic *o = &r->atomic; o != NULL; o = after(o)) {
        if (o->mask == a->mask || (o->mask & a->mask) == 0) {
            continue;
        }
        if (reads) {
            take(o, acquire);
        } else if ((o->mask & ~a->mask) == 0) {
            o->has_clock = o->has_clock && o->releaser == rt.cur->tid;
        }
    }
}

/* In one granule, but for what it leaves there. */
static HOT shadow_atomic *enter(shadow_cell *cell, const race_access *a, bool reads, bool acquire) {
    shadow_rich *r = race_rich_of(cell);
    race_judge_entries(r, a);
    shadow_atomic *o = object_of(r, a->mask);
    note(o, a->write);
    if (reads) {
        take(o, acquire);
    }
    if (unlikely(r->atomic.next != 0)) {
        meet_others(r, a, reads, acquire);
    }
    return o;
}

/* One of 16 bytes has an object in each of two granules, and leaves in both what it has got from both. */
static __attribute__((noinline)) void enter_both(shadow_cell *cell, race_access *a, bool reads, int order) {
    shadow_atomic *lower = enter(cell, a, reads, acquires(order));
    a->granule += 8;
    a->addr += 8;
    shadow_cell *next = shadow_of(a->granule);
    shadow_atomic *upper = next != NULL ? enter(next, a, reads, acquires(order)) : lower;
    if (a->write) {
        leave(lower, releases(order), reads);
        leave(upper, releases(order), reads);
    }
}

void race_atomic(uintptr_t addr, uint32_t size, bool reads, bool writes, int order, uintptr_t pc) {
    shadow_cell *cell = shadow_of(addr);
    if (cell == NULL || rt.vc == NULL) {
        return;
    }
    uint32_t in_granule = size < 8 ? size : 8;
    race_access a = {.granule = addr & ~(uintptr_t)7,
                     .mask = (uint8_t)(((1u << in_granule) - 1) << (addr & 7)),
                     .write = writes,
                     .atomic = true,
                     .size = size,
                     .addr = addr,
                     .pc = pc};
    if (unlikely(size > 8)) {
        enter_both(cell, &a, reads, order);
    } else {
        shadow_atomic *o = enter(cell, &a, reads, acquires(order));
        if (writes) {
            leave(o, releases(order), reads);
        }
    }
    if (writes && releases(order)) {
        race_tick();
    }
}
