/* The race detector's fast path, inlined into what the compiler calls for each access: sizes are constants there. */
#ifndef RACEWASH_RACE_QUICK_H
#define RACEWASH_RACE_QUICK_H

#include "race.h"
#include "shadow.h"

/* All of it, for an access of up to 8 bytes within a granule. */
void race_plain_slow(uintptr_t addr, uint32_t size, bool write, uintptr_t pc);

/* Is it ordered before what the running thread does now? */
static inline bool race_before(uint32_t epoch) {
    return epoch <= rt.vc[epoch & TID_MASK];
}

/* The usual cases, without a record: one word, or both with the same history, and nothing unordered. */
static inline bool race_quick(shadow_cell *cell, uint8_t mask, bool write) {
    shadow_word *word = mask == 0xF0 ? &cell->word[1] : &cell->word[0];
    shadow_word was = *word;
    bool both = mask == 0xFF;
    if ((cell->word[0].w & TID_MASK) == RICH_TAG || !(both || mask == 0x0F || mask == 0xF0) ||
        (both && (cell->word[1].w != was.w || cell->word[1].r != was.r))) {
        return false;
    }
    uint32_t e = rt.epoch;
    if (was.w == e || (!write && was.r == e)) {
        return true; /* as much was done in this epoch */
    }
    if (unlikely(!race_before(was.w) || !race_before(was.r))) {
        return false;
    }
    shadow_word now = write ? (shadow_word){e, 0} : (shadow_word){was.w, e};
    *word = now;
    if (both) {
        cell->word[1] = now;
    }
    return true;
}

/* A plain access of up to 8 bytes within a granule, anywhere; what is neither arena nor the library's data is not judged. */
static inline void race_plain(uintptr_t addr, uint32_t size, bool write, uintptr_t pc) {
    shadow_cell *cell = shadow_of(addr);
    uint8_t mask = size == 8 ? 0xFF : (uint8_t)(((1u << size) - 1) << (addr & 7));
    if (unlikely(cell == NULL || rt.vc == NULL) || unlikely(!race_quick(cell, mask, write))) {
        race_plain_slow(addr, size, write, pc);
    }
}

#endif
