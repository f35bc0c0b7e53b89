/* What an access does besides being made: the oracles, and points where plain accesses are such. */
#ifndef RACEWASH_ACCESS_H
#define RACEWASH_ACCESS_H

#include "heap.h"
#include "race_quick.h"

/* Everything that an access may need; the fast path has seen that it needs something. */
void access_slow(uintptr_t addr, uint32_t size, bool write, uintptr_t pc);
void access_range_slow(uintptr_t addr, uint64_t bytes, bool write, uintptr_t pc);

/* One plain access that doesn't cross a granule, or an aligned one of 16 bytes. */
static inline void access_plain(uintptr_t addr, uint32_t size, bool write, uintptr_t pc) {
    rt.plain++;
    bool open = heap_open(addr, size, write);
    uint32_t mode = rt.mode & MODES_OF_PLAIN;
    if (unlikely(mode != 0 || !open)) {
        if (likely(open && mode == MODE_RACE && size <= 8)) {
            race_plain(addr, size, write, pc);
        } else {
            access_slow(addr, size, write, pc);
        }
    }
}

/* Any number of bytes at any address. */
static inline void access_range(uintptr_t addr, uint64_t bytes, bool write, uintptr_t pc) {
    rt.plain++;
    heap_check_range(addr, bytes, write, pc);
    if ((rt.mode & MODES_OF_PLAIN) != 0 && bytes > 0) {
        access_range_slow(addr, bytes, write, pc);
    }
}

#endif
