/* The heap of the code under test: a bump allocator that never reuses memory within an execution.
 *
 * So every freed object is in quarantine until the execution ends. Each object has a header of 16 bytes before it and a gap
 * behind it, both closed to accesses; the map has one byte for 8 bytes: 0 all may be accessed, 1-7 only so many
 * first ones, else why not. Small objects are filled at their birth; large ones read as zero, which is kept true by
 * clearing all of their pages when the execution ends. The label allocator announces the objects inside its
 * chunks through mem_note.h and is judged like malloc.
 */
#ifndef RACEWASH_HEAP_H
#define RACEWASH_HEAP_H

#include "sched.h"

enum {
    HEAP_OPEN = 0,
    HEAP_NOTED_GAP = 0xF9,  /* around an object of the label allocator */
    HEAP_GAP = 0xFA,
    HEAP_NOWHERE = 0xFB,    /* not allocated yet */
    HEAP_NOTED_FREE = 0xFC, /* a dead object of the label allocator */
    HEAP_FREE = 0xFD
};

enum { /* of a page */
       HEAP_WRITTEN = 1,
       HEAP_JUDGED = 2 /* written, but what was in it was judged when that was freed: the page need not be */
};

#define heap_map ((uint8_t *)MAP_BASE)
#define heap_dirty ((uint8_t *)DIRTY_BASE)

void heap_begin_batch(void);
void heap_begin(void);
void heap_end(bool judge_leaks);
/* NULL: no room. align: a power of two, at least 16. */
void *heap_alloc(uint64_t bytes, uint64_t align, bool zero, uintptr_t pc);
void heap_free(void *p, uintptr_t pc);
/* Whole pages of a large object; with the last of them it is freed. */
void heap_unmap(void *p, uint64_t bytes, uintptr_t pc);
uint64_t heap_size(const void *p);
bool heap_owns(const void *p);

RS_COLD void heap_refuse(uintptr_t addr, uint64_t bytes, bool write, uintptr_t pc);
/* A byte of the map that isn't HEAP_OPEN stands for some of it: may [addr, addr + bytes) be accessed? */
void heap_check_slow(uintptr_t addr, uint64_t bytes, bool write, uintptr_t pc);

/* An access that does not cross a granule of 8 bytes, or one of 16 that is aligned: nothing speaks against it? */
static inline bool heap_open(uintptr_t addr, uint32_t size, bool write) {
    uint64_t off = addr - ARENA_BASE;
    if (off >= ARENA_BYTES) {
        return true;
    }
    if (write) {
        heap_dirty[off >> 12] = HEAP_WRITTEN;
    }
    return heap_map[off >> 3] == HEAP_OPEN && (size <= 8 || heap_map[(off >> 3) + 1] == HEAP_OPEN);
}

static inline void heap_check(uintptr_t addr, uint32_t size, bool write, uintptr_t pc) {
    if (unlikely(!heap_open(addr, size, write))) {
        heap_check_slow(addr, size, write, pc);
    }
}

void heap_check_range(uintptr_t addr, uint64_t bytes, bool write, uintptr_t pc);

#endif
