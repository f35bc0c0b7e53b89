/* Judges accesses: is each ordered after all earlier ones that it conflicts with? */
#include <string.h>

#include "explain.h"
#include "finding.h"
#include "race_private.h"

static inline bool before(uint32_t epoch) {
    return epoch <= rt.vc[epoch & TID_MASK];
}

typedef struct access { /* the one being judged */
    uintptr_t granule;
    uint8_t mask;
    bool write, atomic;
    uint32_t size;
    uintptr_t addr, pc;
} access;

static RS_COLD void report(const access *a, uint32_t epoch, uint8_t mask, bool write, bool atomic) {
    rs_where now, then;
    int32_t tid = (int32_t)(epoch & TID_MASK);
    race.shared_words++;
    where_now(&now, a->pc, "%s%s of %u bytes", a->atomic ? "atomic " : "", a->write ? "write" : "read", a->size);
    if (!explain_access(&then, a->granule, epoch, mask, write, atomic)) {
        memset(&then, 0, sizeof then);
        then.tid = tid;
        strcpy(then.what, write ? (atomic ? "atomic write" : "write") : (atomic ? "atomic read" : "read"));
    }
    char me[16], other[16];
    finding_note(RS_F_RACE, a->addr, &now, &then, NULL, "data race: %s by %s is not ordered after the %s by %s",
                 now.what, rs_thread_text(rt.cur->tid, me), then.what, rs_thread_text(tid, other));
}

/* ---- Rich granules ---- */

static shadow_rich *rich_at(uint32_t word) {
    uint32_t record = word >> 8;
    return (word & TID_MASK) == RICH_TAG && record >= race.first_record
               ? (shadow_rich *)(POOL_BASE + (uint64_t)(record - race.first_record) * POOL_UNIT)
               : NULL;
}

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
    shadow_rich *r = rich_at(cell->word[0].w);
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

static inline void judge_entries(const shadow_rich *r, const access *a) {
    for (uint32_t i = 0; i < r->entry_cnt; i++) {
        const shadow_entry *e = &r->entries[i];
        if ((e->mask & a->mask) != 0 && (a->write || e->write) && !before(e->epoch)) {
            report(a, e->epoch, e->mask, e->write, false);
        }
    }
}

static void judge_atomic(const access *a, uint8_t mask, uint32_t write, uint32_t read) {
    if (!before(write)) {
        report(a, write, mask, true, true);
    } else if (a->write && !before(read)) {
        report(a, read, mask, false, true);
    }
}

static void judge_atomics(const shadow_rich *r, const access *a) {
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
        if (before(*last)) {
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
static void replace_entries(shadow_rich *r, const access *a) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < r->entry_cnt; i++) {
        shadow_entry e = r->entries[i];
        bool covered = (e.mask & ~a->mask) == 0 && (a->write || !e.write) && before(e.epoch);
        r->entries[kept] = e;
        kept += !covered;
    }
    r->entry_cnt = kept;
    add_entry(r, rt.epoch, a->mask, a->write);
}

static void rich_access(shadow_cell *cell, const access *a) {
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
    access a = {.granule = addr & ~(uintptr_t)7,
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

/* ---- Words ---- */

/* Ordered after what the word has seen; false: only a rich granule can say it. */
static inline bool word_access(shadow_word *word, const access *a, uint8_t mask) {
    if (unlikely(!before(word->w))) {
        report(a, word->w, mask, true, false);
    }
    if (a->write) {
        if (unlikely(!before(word->r))) {
            report(a, word->r, mask, false, false);
        }
        word->w = rt.epoch;
        word->r = 0;
        return true;
    }
    if (unlikely(!before(word->r))) {
        return false;
    }
    word->r = rt.epoch;
    return true;
}

static RS_COLD void forget_record(shadow_cell *cell) {
    memset(cell, 0, sizeof *cell);
}

static void granule_access(shadow_cell *cell, const access *a) {
    if ((cell->word[0].w & TID_MASK) == RICH_TAG) {
        if (rich_at(cell->word[0].w) != NULL) {
            rich_access(cell, a);
            return;
        }
        forget_record(cell);
    }
    bool low = (a->mask & 0x0F) != 0, high = (a->mask & 0xF0) != 0;
    bool words = (!low || (a->mask & 0x0F) == 0x0F) && (!high || (a->mask & 0xF0) == 0xF0);
    if (!words || (low && !word_access(&cell->word[0], a, 0x0F)) || (high && !word_access(&cell->word[1], a, 0xF0))) {
        rich_access(cell, a);
    }
}

/* The usual cases, without a record: one word, or both with the same history, and nothing unordered. */
static inline bool quick(shadow_cell *cell, uint8_t mask, bool write) {
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
    if (unlikely(!before(was.w) || !before(was.r))) {
        return false;
    }
    shadow_word now = write ? (shadow_word){e, 0} : (shadow_word){was.w, e};
    *word = now;
    if (both) {
        cell->word[1] = now;
    }
    return true;
}

static __attribute__((noinline)) void plain_slow(uintptr_t addr, uint32_t size, bool write, uintptr_t pc) {
    shadow_cell *cell = shadow_of(addr);
    if (cell == NULL || rt.vc == NULL) {
        rt.foreign++;
        return;
    }
    access a = {.granule = addr & ~(uintptr_t)7,
                .mask = (uint8_t)(((1u << size) - 1) << (addr & 7)), /* size 8: all ones */
                .write = write,
                .size = size,
                .addr = addr,
                .pc = pc};
    granule_access(cell, &a);
}

void race_plain(uintptr_t addr, uint32_t size, bool write, uintptr_t pc) {
    shadow_cell *cell = shadow_of(addr);
    if (unlikely(cell == NULL || rt.vc == NULL) ||
        unlikely(!quick(cell, (uint8_t)(((1u << size) - 1) << (addr & 7)), write))) {
        plain_slow(addr, size, write, pc);
    }
}

/* ---- Ranges ---- */

void race_range(uintptr_t addr, uint64_t bytes, bool write, uintptr_t pc) {
    if (rt.vc == NULL || bytes == 0 || shadow_of(addr) == NULL || shadow_of(addr + bytes - 1) == NULL) {
        rt.foreign++;
        return;
    }
    access a = {.write = write, .size = (uint32_t)bytes, .addr = addr, .pc = pc};
    for (uintptr_t at = addr, end = addr + bytes; at < end; at = (at & ~(uintptr_t)7) + 8) {
        uint64_t first = at & 7, last = end - (at - first) < 8 ? end - (at - first) : 8;
        a.granule = at - first;
        a.mask = (uint8_t)(0xFFu << first & 0xFFu >> (8 - last));
        a.addr = at;
        shadow_cell *cell = shadow_of(at);
        if (!quick(cell, a.mask, write)) {
            granule_access(cell, &a);
        }
    }
}

void race_alloc(uintptr_t addr, uint64_t bytes) {
    if (rt.vc == NULL) {
        return;
    }
    shadow_cell *cell = shadow_of(addr), *end = shadow_of(addr + bytes - 1) + 1;
    shadow_cell made = {{{rt.epoch, 0}, {rt.epoch, 0}}};
    while (cell < end) {
        *cell++ = made;
    }
}

/* As a write, but it need not be remembered: whatever comes after it is a use after free. */
void race_free(uintptr_t addr, uint64_t bytes, uintptr_t pc) {
    if (rt.vc == NULL) {
        return;
    }
    shadow_cell *cell = shadow_of(addr), *end = shadow_of(addr + bytes - 1) + 1;
    for (uintptr_t at = addr & ~(uintptr_t)7; cell < end; cell++, at += 8) {
        const shadow_word *w = cell->word;
        if (likely((w->w & TID_MASK) != RICH_TAG && before(w[0].w) && before(w[0].r) && before(w[1].w) &&
                   before(w[1].r))) {
            continue;
        }
        access a = {.granule = at, .mask = 0xFF, .write = true, .size = (uint32_t)bytes, .addr = at, .pc = pc};
        const shadow_rich *r = rich_at(w->w);
        if (r != NULL) {
            judge_entries(r, &a);
            judge_atomics(r, &a);
        } else {
            granule_access(cell, &a);
        }
    }
}
