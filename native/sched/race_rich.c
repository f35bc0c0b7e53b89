/* Granules that two words don't describe: several threads' reads, parts of words, atomic operations. */
#include <string.h>

#include "race_private.h"

static void add_entry(shadow_rich *r, uint32_t epoch, uint8_t mask, bool write) {
    if (epoch == 0 || (epoch & TID_MASK) == RICH_TAG) {
        return; /* never accessed, or the record of an earlier execution */
    }
    if (r->entry_cnt == r->entry_max) {
        shadow_entry *more = race_pool((uint64_t)r->entry_max * 2 * sizeof *more);
        memcpy(more, r->entries, r->entry_cnt * sizeof *more);
        r->entries = more;
        r->entry_max = (uint16_t)(r->entry_max * 2);
    }
    r->entries[r->entry_cnt++] = (shadow_entry){.epoch = epoch, .mask = mask, .write = write};
}

static shadow_rich *rich_of(shadow_cell *cell) {
    shadow_rich *r = race_rich_at(cell->word[0].w);
    if (likely(r != NULL)) {
        return r;
    }
    r = race_pool(sizeof *r + race.stride * sizeof(uint32_t));
    memset(r, 0, sizeof *r);
    r->entries = r->first;
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
    uint32_t record = race.first_record + (uint32_t)(((uintptr_t)r - POOL_BASE) / POOL_UNIT);
    cell->word[0].w = record << 8 | RICH_TAG;
    return r;
}

static inline void judge_entries(const shadow_rich *r, const race_access *a) {
    for (uint32_t i = 0; i < r->entry_cnt; i++) {
        const shadow_entry *e = &r->entries[i];
        if ((e->mask & a->mask) != 0 && (a->write || e->write) && !race_before(e->epoch)) {
            race_report(a, e->epoch, e->mask, e->write, false);
        }
    }
}

static void judge_atomic(const race_access *a, uint8_t mask, uint32_t write, uint32_t read) {
    if (!race_before(write)) {
        race_report(a, write, mask, true, true);
    } else if (a->write && !race_before(read)) {
        race_report(a, read, mask, false, true);
    }
}

static void judge_atomics(const shadow_rich *r, const race_access *a) {
    if ((r->atomic_mask & a->mask) == 0) {
        return;
    }
    if (r->all == NULL) {
        judge_atomic(a, r->atomic_mask, r->write, r->read);
        return;
    }
    for (uint32_t i = 0; i < race.stride; i++) {
        judge_atomic(a, r->atomic_mask, r->all[i], r->all[race.stride + i]);
    }
}

static void note_atomic(shadow_rich *r, bool write) {
    uint32_t *last = write ? &r->write : &r->read;
    if (r->all == NULL) {
        if (race_before(*last)) {
            *last = rt.epoch;
            return;
        }
        r->all = race_clock(2);
        r->all[r->write & TID_MASK] = r->write;
        r->all[race.stride + (r->read & TID_MASK)] = r->read;
    }
    r->all[(write ? 0 : race.stride) + (uint32_t)rt.cur->tid] = rt.epoch;
}

/* A later access that is unordered with a dropped entry is unordered with the new one too, and conflicts with it. */
static void replace_entries(shadow_rich *r, const race_access *a) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < r->entry_cnt; i++) {
        shadow_entry e = r->entries[i];
        bool covered = (e.mask & ~a->mask) == 0 && (a->write || !e.write) && race_before(e.epoch);
        r->entries[kept] = e;
        kept += !covered;
    }
    r->entry_cnt = kept;
    add_entry(r, rt.epoch, a->mask, a->write);
}

void race_rich_access(shadow_cell *cell, const race_access *a) {
    shadow_rich *r = rich_of(cell);
    for (uint32_t i = 0; i < r->entry_cnt; i++) {
        const shadow_entry *e = &r->entries[i];
        if (e->epoch == rt.epoch && (a->mask & ~e->mask) == 0 && e->write >= a->write) {
            return;
        }
    }
    judge_entries(r, a);
    judge_atomics(r, a);
    replace_entries(r, a);
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
    shadow_rich *r = rich_of(cell);
    judge_entries(r, &a);
    r->atomic_mask |= a.mask;
    note_atomic(r, writes);
    race_synchronise(r, reads, writes, order);
}

void race_rich_freed(const shadow_rich *r, const race_access *a) {
    judge_entries(r, a);
    judge_atomics(r, a);
}
