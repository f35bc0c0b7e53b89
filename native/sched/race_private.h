/* Between the files of the race detector. */
#ifndef RACEWASH_RACE_PRIVATE_H
#define RACEWASH_RACE_PRIVATE_H

#include "race_quick.h"

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

/* The record that a granule's first word names; NULL: none, or of an earlier execution. */
static inline shadow_rich *race_rich_at(uint32_t word) {
    uint32_t record = word >> 8;
    return (word & TID_MASK) == RICH_TAG && record >= race.first_record
               ? (shadow_rich *)(POOL_BASE + (uint64_t)(record - race.first_record) * POOL_UNIT)
               : NULL;
}

/* ---- race.c ---- */

void *race_pool(uint64_t bytes);
uint32_t *race_clock(uint32_t clocks);
void race_synchronise(shadow_rich *r, bool reads, bool writes, int order);

/* ---- race_access.c ---- */

/* The access is not ordered after this other one. */
RS_COLD void race_report(const race_access *a, uint32_t epoch, uint8_t mask, bool write, bool atomic);

/* ---- race_rich.c ---- */

void race_rich_access(shadow_cell *cell, const race_access *a);
void race_rich_freed(const shadow_rich *r, const race_access *a);

#endif
