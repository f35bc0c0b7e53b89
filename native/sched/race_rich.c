/* Granules that two words don't describe: several threads' reads, parts of words, atomic operations
 * (race_atomic.c). */
#include <string.h>

#include "race_private.h"

static inline shadow_entry *entries_of(const shadow_rich *r) {
    return race_at(r->entries);
}

static void add_entry(shadow_rich *r, uint32_t epoch, uint8_t mask, bool write) {
    if (epoch == 0 || (epoch & TID_MASK) == RICH_TAG) {
        return; /* never accessed, or the record of an earlier execution */
    }
    if (r->entry_cnt == r->entry_max) {
        shadow_entry *more = race_pool((uint64_t)r->entry_max * 2 * sizeof *more);
        memcpy(more, entries_of(r), r->entry_cnt * sizeof *more);
        r->entries = race_place(more);
        r->entry_max = (uint16_t)(r->entry_max * 2);
    }
    entries_of(r)[r->entry_cnt++] = (shadow_entry){.epoch = epoch, .mask = mask, .write = write};
}

shadow_rich *race_rich_make(shadow_cell *cell) {
    shadow_rich *r = race_pool(sizeof *r + race.stride * sizeof(uint32_t));
    memset(r, 0, sizeof *r);
    r->entries = race_place(r->first);
    r->entry_max = INLINE_ENTRIES;
    shadow_word low = cell->word[0], high = cell->word[1];
    if ((low.w & TID_MASK) == RICH_TAG) {
        /* of an earlier execution */
    } else if (low.w == high.w && low.r == high.r) {
        add_entry(r, low.w, 0xFF, true);
        add_entry(r, low.r, 0xFF, false);
    } else {
        add_entry(r, low.w, 0x0F, true);
        add_entry(r, low.r, 0x0F, false);
        add_entry(r, high.w, 0xF0, true);
        add_entry(r, high.r, 0xF0, false);
    }
    cell->word[0].w = (race.first_record + race_place(r)) << 8 | RICH_TAG;
    return r;
}

/* A later access that is unordered with a dropped entry is unordered with the new one too, and conflicts with it. */
static void replace_entries(shadow_rich *r, const race_access *a) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < r->entry_cnt; i++) {
        shadow_entry e = entries_of(r)[i];
        bool covered = (e.mask & ~a->mask) == 0 && (a->write || !e.write) && race_before(e.epoch);
        entries_of(r)[kept] = e;
        kept += !covered;
    }
    r->entry_cnt = kept;
    add_entry(r, rt.epoch, a->mask, a->write);
}

void race_rich_access(shadow_cell *cell, const race_access *a) {
    shadow_rich *r = race_rich_of(cell);
    for (uint32_t i = 0; i < r->entry_cnt; i++) {
        const shadow_entry *e = &entries_of(r)[i];
        if (e->epoch == rt.epoch && (a->mask & ~e->mask) == 0 && e->write >= a->write) {
            return;
        }
    }
    race_judge_entries(r, a);
    race_judge_atomics(r, a);
    replace_entries(r, a);
}

void race_rich_freed(const shadow_rich *r, const race_access *a) {
    race_judge_entries(r, a);
    race_judge_atomics(r, a);
}
