/* Between the files of the race detector. */
#ifndef RACEWASH_RACE_PRIVATE_H
#define RACEWASH_RACE_PRIVATE_H

#include "race_quick.h"

enum { CLOCK_MAX = 0xFFFFF0 };

typedef struct race_state {
    uint32_t base, top;     /* clocks of this execution begin at base; none is above top */
    uint32_t stride;        /* entries of a clock */
    uint32_t first_record;  /* records with a smaller number are of earlier executions */
    uint64_t pool_used;
    uint32_t *clocks;
    bool worn_out;
    int64_t shared_words;
} race_state;

extern race_state race;

typedef struct race_access { /* the one being judged */
    uintptr_t granule;
    uint8_t mask;
    bool write, atomic;
    uint32_t size;
    uintptr_t addr, pc;
} race_access;

/* ---- The pool ---- */

static inline void *race_at(uint32_t place) {
    return (void *)(POOL_BASE + (uint64_t)place * POOL_UNIT);
}

static inline uint32_t race_place(const void *p) {
    return (uint32_t)(((uintptr_t)p - POOL_BASE) / POOL_UNIT);
}

/* Both are never at place 0 when a granule's record has been made before. */
void *race_pool(uint64_t bytes);       /* not zeroed */
uint32_t *race_clock(uint32_t clocks); /* zeroed */
/* Clocks or the pool have run out: nothing more is judged in this execution. */
RS_COLD void race_give_up(void);

/* ---- Clocks ---- */

/* Clocks have a multiple of eight entries; most have eight. */
typedef uint32_t race_lanes __attribute__((vector_size(16), aligned(16)));

static inline void race_join(uint32_t *to, const uint32_t *from) {
    race_lanes *t = (race_lanes *)to;
    const race_lanes *f = (const race_lanes *)from;
    for (uint32_t i = 0; i < race.stride / 4; i += 2) {
        race_lanes older = (race_lanes)(t[i] < f[i]), older1 = (race_lanes)(t[i + 1] < f[i + 1]);
        t[i] = (f[i] & older) | (t[i] & ~older);
        t[i + 1] = (f[i + 1] & older1) | (t[i + 1] & ~older1);
    }
}

static inline void race_copy(uint32_t *to, const uint32_t *from) {
    race_lanes *t = (race_lanes *)to;
    const race_lanes *f = (const race_lanes *)from;
    for (uint32_t i = 0; i < race.stride / 4; i += 2) {
        t[i] = f[i];
        t[i + 1] = f[i + 1];
    }
}

/* What the running thread does from now on is later than what it has released. */
static inline void race_tick(void) {
    uint32_t next = rt.epoch + (1 << 8);
    rt.epoch = rt.vc[rt.cur->tid] = next;
    if (unlikely(next >> 8 > race.top)) {
        race.top = next >> 8;
        if (unlikely(race.top > CLOCK_MAX)) {
            race_give_up();
        }
    }
}

/* ---- race_access.c ---- */

/* The access is not ordered after this other one. */
RS_COLD void race_report(const race_access *a, uint32_t epoch, uint8_t mask, bool write, bool atomic);

/* ---- race_rich.c ---- */

/* The record that a granule's first word names; NULL: none, or of an earlier execution. */
static inline shadow_rich *race_rich_at(uint32_t word) {
    uint32_t record = word >> 8;
    return (word & TID_MASK) == RICH_TAG && record >= race.first_record ? race_at(record - race.first_record) : NULL;
}

shadow_rich *race_rich_make(shadow_cell *cell);

static inline shadow_rich *race_rich_of(shadow_cell *cell) {
    shadow_rich *r = race_rich_at(cell->word[0].w);
    return likely(r != NULL) ? r : race_rich_make(cell);
}

static inline void race_judge_entries(const shadow_rich *r, const race_access *a) {
    const shadow_entry *entries = race_at(r->entries);
    for (uint32_t i = 0; i < r->entry_cnt; i++) {
        const shadow_entry *e = &entries[i];
        if ((e->mask & a->mask) != 0 && (a->write || e->write) && !race_before(e->epoch)) {
            race_report(a, e->epoch, e->mask, e->write, false);
        }
    }
}

void race_rich_access(shadow_cell *cell, const race_access *a);
void race_rich_freed(const shadow_rich *r, const race_access *a);

/* ---- race_atomic.c ---- */

/* A plain access: ordered after the atomic ones? */
void race_judge_atomics(const shadow_rich *r, const race_access *a);

#endif
