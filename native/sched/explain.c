/* What the second run writes down: for each watched address its accesses, and its object's birth and death. */
#include "explain.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum { WATCHES = 16, ACCESSES = 128 };

typedef struct noted_access {
    uint32_t epoch;
    uint8_t mask, write, atomic;
    rs_where where;
} noted_access;

typedef struct watch {
    uintptr_t granule, object;
    uint64_t cnt; /* of accesses; the last ACCESSES are kept */
    bool made, freed;
    rs_where made_at, freed_at;
    noted_access accesses[ACCESSES];
} watch;

static struct {
    watch *watches;
    int32_t cnt;
} explain RS_STATE;

void explain_clear(void) {
    explain.cnt = 0;
}

static watch *watch_of(uintptr_t granule) {
    for (int32_t i = 0; i < explain.cnt; i++) {
        if (explain.watches[i].granule == granule) {
            return &explain.watches[i];
        }
    }
    return NULL;
}

void explain_watch(uintptr_t addr) {
    uintptr_t granule = addr & ~(uintptr_t)7;
    if (explain.watches == NULL) {
        void *p = mmap(NULL, WATCHES * sizeof(watch), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED) {
            return; /* findings without first stacks */
        }
        explain.watches = p;
    }
    if (explain.cnt < WATCHES && watch_of(granule) == NULL) {
        watch *w = &explain.watches[explain.cnt++];
        w->granule = granule;
        w->object = 0;
        w->cnt = 0;
        w->made = w->freed = false;
    }
}

void explain_note_access(uintptr_t addr, uint64_t bytes, bool write, bool atomic, uintptr_t pc) {
    for (int32_t i = 0; i < explain.cnt; i++) {
        watch *w = &explain.watches[i];
        uintptr_t from = addr > w->granule ? addr : w->granule;
        uintptr_t to = addr + bytes < w->granule + 8 ? addr + bytes : w->granule + 8;
        if (from >= to) {
            continue;
        }
        noted_access *a = &w->accesses[w->cnt++ % ACCESSES];
        a->epoch = rt.epoch;
        a->mask = (uint8_t)(((1u << (to - from)) - 1) << (from - w->granule));
        a->write = write;
        a->atomic = atomic;
        where_now(&a->where, pc, "%s%s of %llu bytes", atomic ? "atomic " : "", write ? "write" : "read",
                  (unsigned long long)bytes);
    }
}

void explain_note_alloc(uintptr_t addr, uint64_t bytes, uintptr_t pc) {
    for (int32_t i = 0; i < explain.cnt; i++) {
        watch *w = &explain.watches[i];
        if (w->granule + 8 > addr - 16 && w->granule < addr + bytes + 16) {
            w->object = addr;
            w->made = true;
            w->freed = false;
            where_now(&w->made_at, pc, "allocated");
            explain_note_access(w->granule, 8, true, false, pc); /* its memory is written by being made */
        }
    }
}

void explain_note_free(uintptr_t addr, uint64_t bytes, uintptr_t pc) {
    for (int32_t i = 0; i < explain.cnt; i++) {
        watch *w = &explain.watches[i];
        if (w->granule + 8 > addr && w->granule < addr + bytes) {
            w->freed = true;
            where_now(&w->freed_at, pc, "freed");
            explain_note_access(w->granule, 8, true, false, pc);
        }
    }
}

bool explain_access(rs_where *out, uintptr_t granule, uint32_t epoch, uint8_t mask, bool write, bool atomic) {
    const watch *w = watch_of(granule);
    if (w == NULL) {
        return false;
    }
    uint64_t oldest = w->cnt > ACCESSES ? w->cnt - ACCESSES : 0;
    for (uint64_t i = w->cnt; i-- > oldest;) {
        const noted_access *a = &w->accesses[i % ACCESSES];
        if (a->epoch == epoch && (a->mask & mask) != 0 && a->write == write && a->atomic == atomic) {
            *out = a->where;
            return true;
        }
    }
    return false;
}

bool explain_alloc(rs_where *out, uintptr_t addr) {
    const watch *w = watch_of(addr & ~(uintptr_t)7);
    if (w != NULL && w->made) {
        *out = w->made_at;
    }
    return w != NULL && w->made;
}

bool explain_free(rs_where *out, uintptr_t addr) {
    const watch *w = watch_of(addr & ~(uintptr_t)7);
    if (w != NULL && w->freed) {
        *out = w->freed_at;
    }
    return w != NULL && w->freed;
}

uintptr_t explain_object(uintptr_t addr) {
    const watch *w = watch_of(addr & ~(uintptr_t)7);
    return w != NULL ? w->object : 0;
}
