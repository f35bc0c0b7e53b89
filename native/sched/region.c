/* Fixed mappings: made once in a process, shared by all libraries of this kind in it. */
#include "sched.h"

#include <string.h>
#include <sys/mman.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

typedef struct header { /* at HEADER_BASE: says that the mappings around are such */
    uint64_t magic;
    const void *owner; /* the library that ran the last batch */
} header;

static const uint64_t MAGIC = UINT64_C(0x7261636577617368);
static bool mapped RS_STATE;

static const struct {
    uint64_t at, bytes;
} parts[] = {
    {HEADER_BASE, 4096},     {ARENA_BASE, ARENA_BYTES},   {MAP_BASE, ARENA_BYTES / 8}, {DIRTY_BASE, ARENA_BYTES / 4096},
    {POOL_BASE, POOL_BYTES}, {SHADOW_BASE, SHADOW_BYTES},
};
enum { PARTS = sizeof parts / sizeof parts[0] };

static bool map_part(int i) {
    void *want = (void *)parts[i].at;
    void *got = mmap(want, parts[i].bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (got == want) {
        (void)madvise(got, parts[i].bytes, MADV_DONTDUMP);
        return true;
    }
    if (got != MAP_FAILED) { /* a kernel that doesn't know the flag took the address for a hint */
        munmap(got, parts[i].bytes);
    }
    return false;
}

/* Another library's mappings are there already? Asked of the kernel, since the address may be anybody's. */
static bool mapped_by_other(void) {
    unsigned char in_core;
    if (mincore((void *)HEADER_BASE, 4096, &in_core) != 0) {
        return false;
    }
    return ((const header *)HEADER_BASE)->magic == MAGIC;
}

bool region_map(void) {
    if (mapped || mapped_by_other()) {
        mapped = true;
        return true;
    }
    for (int i = 0; i < PARTS; i++) {
        if (!map_part(i)) {
            while (i-- > 0) {
                munmap((void *)parts[i].at, parts[i].bytes);
            }
            return false;
        }
    }
    ((header *)HEADER_BASE)->magic = MAGIC;
    mapped = true;
    return true;
}

bool region_take_over(void) {
    header *h = (header *)HEADER_BASE;
    bool other = h->owner != &rt;
    h->owner = &rt;
    return other;
}

void region_clear(uint64_t at, uint64_t bytes) {
    (void)madvise((void *)at, bytes, MADV_DONTNEED);
}
