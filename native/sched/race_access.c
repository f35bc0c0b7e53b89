/* Judges accesses: is each ordered after all earlier ones that it conflicts with? */
#include <string.h>

#include "explain.h"
#include "finding.h"
#include "race_private.h"

RS_COLD void race_report(const race_access *a, uint32_t epoch, uint8_t mask, bool write, bool atomic) {
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

/* ---- Words ---- */

/* Ordered after what the word has seen; false: only a rich granule can say it. */
static inline bool word_access(shadow_word *word, const race_access *a, uint8_t mask) {
    if (unlikely(!race_before(word->w))) {
        race_report(a, word->w, mask, true, false);
    }
    if (a->write) {
        if (unlikely(!race_before(word->r))) {
            race_report(a, word->r, mask, false, false);
        }
        word->w = rt.epoch;
        word->r = 0;
        return true;
    }
    if (unlikely(!race_before(word->r))) {
        return false;
    }
    word->r = rt.epoch;
    return true;
}

static RS_COLD void forget_record(shadow_cell *cell) {
    memset(cell, 0, sizeof *cell);
}

static void granule_access(shadow_cell *cell, const race_access *a) {
    if ((cell->word[0].w & TID_MASK) == RICH_TAG) {
        if (race_rich_at(cell->word[0].w) != NULL) {
            race_rich_access(cell, a);
            return;
        }
        forget_record(cell);
    }
    bool low = (a->mask & 0x0F) != 0, high = (a->mask & 0xF0) != 0;
    bool words = (!low || (a->mask & 0x0F) == 0x0F) && (!high || (a->mask & 0xF0) == 0xF0);
    if (!words || (low && !word_access(&cell->word[0], a, 0x0F)) || (high && !word_access(&cell->word[1], a, 0xF0))) {
        race_rich_access(cell, a);
    }
}

void race_plain_slow(uintptr_t addr, uint32_t size, bool write, uintptr_t pc) {
    shadow_cell *cell = shadow_of(addr);
    if (cell == NULL || rt.vc == NULL) {
        rt.foreign++;
        return;
    }
    race_access a = {.granule = addr & ~(uintptr_t)7,
                     .mask = (uint8_t)(((1u << size) - 1) << (addr & 7)), /* size 8: all ones */
                     .write = write,
                     .size = size,
                     .addr = addr,
                     .pc = pc};
    granule_access(cell, &a);
}

/* ---- Ranges ---- */

void race_range(uintptr_t addr, uint64_t bytes, bool write, uintptr_t pc) {
    if (rt.vc == NULL || bytes == 0 || shadow_of(addr) == NULL || shadow_of(addr + bytes - 1) == NULL) {
        rt.foreign++;
        return;
    }
    race_access a = {.write = write, .size = (uint32_t)bytes, .addr = addr, .pc = pc};
    for (uintptr_t at = addr, end = addr + bytes; at < end; at = (at & ~(uintptr_t)7) + 8) {
        uint64_t first = at & 7, last = end - (at - first) < 8 ? end - (at - first) : 8;
        a.granule = at - first;
        a.mask = (uint8_t)(0xFFu << first & 0xFFu >> (8 - last));
        a.addr = at;
        shadow_cell *cell = shadow_of(at);
        if (!race_quick(cell, a.mask, write)) {
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
        if (likely((w->w & TID_MASK) != RICH_TAG && race_before(w[0].w) && race_before(w[0].r) && race_before(w[1].w) &&
                   race_before(w[1].r))) {
            continue;
        }
        race_access a = {.granule = at, .mask = 0xFF, .write = true, .size = (uint32_t)bytes, .addr = at, .pc = pc};
        const shadow_rich *r = race_rich_at(w->w);
        if (r != NULL) {
            race_rich_freed(r, &a);
        } else {
            granule_access(cell, &a);
        }
    }
}
