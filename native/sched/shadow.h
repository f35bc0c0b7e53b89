/* The shadow: 16 bytes for every 8 bytes of the arena and of the library's data.
 *
 * A granule of memory is either two words of 4 bytes, each with the epochs of its last write and of its last reads as long as
 * those are one after the other, or *rich*: a record in the pool, which knows bytes, concurrent readers and atomic
 * accesses. A granule becomes rich when it is accessed by bytes, by unordered readers or atomically, and is made simple
 * again by the next execution, which takes records of earlier ones for nothing.
 */
#ifndef RACEWASH_SHADOW_H
#define RACEWASH_SHADOW_H

#include "sched.h"

enum { RICH_TAG = 0xFF, TID_MASK = 0xFF, POOL_UNIT = 32 };

typedef struct shadow_word {
    uint32_t w, r;
} shadow_word;

typedef struct shadow_cell { /* rich: word[0].w is record number << 8 | RICH_TAG */
    shadow_word word[2];
} shadow_cell;

typedef struct shadow_entry { /* a plain access that later ones must be ordered after */
    uint32_t epoch;
    uint8_t mask; /* bytes of the granule */
    uint8_t write;
    uint16_t unused;
} shadow_entry;

enum { INLINE_ENTRIES = 3 };

/* What is known of an atomic object, that is of some bytes which were accessed atomically as one. Its clock follows it in
 * memory. Of accesses one write and one read are enough as long as each came after the one before it; else there is one of
 * each thread, in `all`. */
typedef struct shadow_atomic {
    _Alignas(16) uint32_t all; /* place of epochs of writes by thread, then of reads; 0: write and read say it all */
    uint32_t next;             /* place of the next object in this granule, 0: there is none */
    uint32_t write, read;
    uint32_t released; /* epoch of the last releasing thread when its clock covers the object's; 0: unknown */
    uint8_t mask;      /* bytes of the granule; 0: no atomic access yet */
    uint8_t releaser;  /* thread that released last */
    bool has_clock;    /* a reader by acquire gets something */
} shadow_atomic;

/* Places are POOL_UNITs from the pool's beginning. In a granule with more than one atomic object the others are chained. */
typedef struct shadow_rich {
    shadow_entry first[INLINE_ENTRIES];
    uint32_t entries; /* their place */
    uint16_t entry_cnt, entry_max;
    shadow_atomic atomic;
} shadow_rich;

static inline shadow_cell *shadow_of(uintptr_t addr) {
    uint64_t off = addr - ARENA_BASE;
    if (unlikely(off >= ARENA_BYTES)) {
        off = addr - rt.data_lo;
        if (off >= rt.data_bytes) {
            return NULL;
        }
        off += ARENA_BYTES + (rt.data_lo & 7); /* granules are those of the address */
    }
    return (shadow_cell *)(SHADOW_BASE + (off >> 3) * sizeof(shadow_cell));
}

#endif
