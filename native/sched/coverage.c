/* Two small tables: the last writer of an address in this execution, and the pairs that the batch has seen.
 *
 * Both forget when they are full, by overwriting: coverage guides, it proves nothing. A pair counts with whether writer and
 * reader are the same thread.
 */
#include "coverage.h"

#include <string.h>

enum { WRITERS = 1 << 12, PAIR_BITS = 1 << 18 };

typedef struct writer {
    uint64_t place;
    uint32_t execution, pc;
    int32_t tid;
} writer;

static struct {
    writer writers[WRITERS];
    uint64_t pairs[PAIR_BITS / 64];
    uint32_t execution;
    int32_t fresh;
    int64_t total;
} cover RS_STATE;

void coverage_begin_batch(void) {
    memset(cover.pairs, 0, sizeof cover.pairs);
    cover.total = 0;
}

void coverage_begin(void) {
    cover.execution++;
    cover.fresh = 0;
}

int32_t coverage_fresh(void) {
    return cover.fresh;
}

int64_t coverage_total(void) {
    return cover.total;
}

static uint64_t mixed(uint64_t x) {
    x *= UINT64_C(0x9E3779B97F4A7C15);
    return x ^ x >> 32;
}

static void add_pair(uint32_t from, uint32_t to, bool other) {
    uint64_t bit = mixed(mixed(from) + to * 2 + other) % PAIR_BITS;
    if ((cover.pairs[bit / 64] >> bit % 64 & 1) == 0) {
        cover.pairs[bit / 64] |= UINT64_C(1) << bit % 64;
        cover.fresh++;
        cover.total++;
    }
}

void coverage_access(uintptr_t addr, bool reads, bool writes, uintptr_t pc) {
    uint64_t place = rs_place(addr);
    writer *w = &cover.writers[mixed(place >> 2) % WRITERS];
    uint32_t here = (uint32_t)rs_normal(pc);
    bool known = w->place == place && w->execution == cover.execution;
    if (reads) {
        add_pair(known ? w->pc : 0, here, known && w->tid != rt.cur->tid);
    }
    if (writes) {
        *w = (writer){.place = place, .execution = cover.execution, .pc = here, .tid = rt.cur->tid};
    }
}
