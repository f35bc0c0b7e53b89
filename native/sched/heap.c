/* Objects and their map. heap_judge.c says what is wrong with an access, heap_note.c has the label allocator's objects. */
#include "heap.h"

#include <string.h>

#include "explain.h"
#include "finding.h"
#include "heap_private.h"
#include "race.h"

enum {
    LARGE = 64 << 10, /* objects from this size on lie in the large part */
    LARGE_GAP = 64,
    AHEAD = 256 << 10, /* the map says HEAP_NOWHERE so far ahead of either part's end */
    BLOCK = 32 << 10, /* of arena: one page of map */
    FILL = 0xBE
};

heap_state heap RS_STATE;

/* ---- The map ---- */

void heap_map_set(uintptr_t addr, uint64_t bytes, uint8_t what) {
    uint64_t from = (addr - ARENA_BASE) >> 3, to = (addr + bytes - ARENA_BASE + 7) >> 3;
    memset(heap_map + from, what, to - from);
    if (addr >= LARGE_BASE) { /* the small part's map is made anew as a whole */
        uint64_t first = (addr - LARGE_BASE) / BLOCK, last = (addr + bytes - 1 - LARGE_BASE) / BLOCK;
        memset(heap.touched + first, 1, last - first + 1);
        heap.touched_end = last + 1 > heap.touched_end ? last + 1 : heap.touched_end;
    }
}

void heap_map_open(uintptr_t addr, uint64_t bytes) {
    heap_map_set(addr, bytes & ~UINT64_C(7), HEAP_OPEN);
    if ((bytes & 7) != 0) {
        heap_map[(addr + bytes - ARENA_BASE) >> 3] = (uint8_t)(bytes & 7);
    }
}

/* ---- Executions ---- */

void heap_begin_batch(void) {
    region_clear(MAP_BASE, ARENA_BYTES / 8);
    region_clear(DIRTY_BASE, ARENA_BYTES / PAGE);
    region_clear(LARGE_BASE, LARGE_BYTES);
    heap.small_end = ARENA_BASE;
    heap.closed_to = ARENA_BASE;
    heap.large_end = heap.large_closed_to = LARGE_BASE;
    heap.touched_end = 0;
}

static void close_ahead(uintptr_t *closed_to, uintptr_t end) {
    while (*closed_to < end + AHEAD) {
        memset(heap_map + ((*closed_to - ARENA_BASE) >> 3), HEAP_NOWHERE, AHEAD / 8);
        *closed_to += AHEAD;
    }
}

void heap_begin(void) {
    if (heap.closed_to == ARENA_BASE) {
        close_ahead(&heap.closed_to, ARENA_BASE);
        close_ahead(&heap.large_closed_to, LARGE_BASE);
    }
    heap.small_end = ARENA_BASE;
    heap.large_end = LARGE_BASE;
    heap.last = 0;
    heap.live = 0;
}

/* The first page from this one on that was written; `pages` when none was. */
static uint64_t next_written(const uint8_t *dirty, uint64_t page, uint64_t pages) {
    while (page < pages && dirty[page] == 0) {
        page += page % 8 == 0 && *(const uint64_t *)(dirty + page) == 0 ? 8 : 1;
    }
    return page < pages ? page : pages;
}

/* The other pages are given back: what the kernel and functions that are not listed have written was not noted. */
static void zero_large(void) {
    uint8_t *dirty = heap_dirty + SMALL_BYTES / PAGE;
    uint64_t pages = (heap.large_end - LARGE_BASE + PAGE - 1) / PAGE;
    for (uint64_t page = 0; page < pages; page++) {
        uint64_t written = next_written(dirty, page, pages);
        if (written > page) {
            region_clear(LARGE_BASE + page * PAGE, (written - page) * PAGE);
        }
        if (written < pages) {
            memset((void *)(LARGE_BASE + written * PAGE), 0, PAGE);
            dirty[written] = 0;
        }
        page = written;
    }
}

static void clean_large(void) {
    zero_large();
    for (uint64_t block = 0; block < heap.touched_end; block++) {
        if (heap.touched[block] != 0) {
            heap.touched[block] = 0;
            memset(heap_map + (LARGE_BASE - ARENA_BASE + block * BLOCK) / 8, HEAP_NOWHERE, BLOCK / 8);
        }
    }
    heap.touched_end = 0;
}

void heap_end(bool judge_leaks) {
    if (judge_leaks && heap.live > 0) {
        heap_report_leaks();
    }
    if (heap.small_end > ARENA_BASE) {
        memset(heap_map, HEAP_NOWHERE, (heap.small_end - ARENA_BASE + 7) / 8);
    }
    if (heap.large_end > LARGE_BASE) {
        clean_large();
    }
}

/* ---- Objects ---- */

static uintptr_t place(uint64_t bytes, uint64_t align) {
    uintptr_t at;
    if (bytes < LARGE) {
        at = (heap.small_end + sizeof(heap_header) + align - 1) & ~(uintptr_t)(align - 1);
        if (at + bytes + GAP > LARGE_BASE) {
            return 0;
        }
        heap.small_end = at + ((bytes + 7) & ~UINT64_C(7)) + GAP;
        if (unlikely(heap.small_end > heap.closed_to)) {
            close_ahead(&heap.closed_to, heap.small_end);
        }
        return at;
    }
    align = align < PAGE ? PAGE : align;
    at = (heap.large_end + LARGE_GAP + align - 1) & ~(uintptr_t)(align - 1);
    if (bytes > LARGE_BYTES || at + bytes + 2 * AHEAD > LARGE_BASE + LARGE_BYTES) { /* behind it are the stacks */
        return 0;
    }
    heap.large_end = at + bytes + LARGE_GAP;
    close_ahead(&heap.large_closed_to, heap.large_end);
    heap_map_set(at - LARGE_GAP, LARGE_GAP, HEAP_GAP);
    heap_map_set((at + bytes + 7) & ~UINT64_C(7), LARGE_GAP, HEAP_GAP);
    heap_dirty[(at - 1 - ARENA_BASE) / PAGE] = HEAP_WRITTEN; /* the header */
    return at;
}

void *heap_alloc(uint64_t bytes, uint64_t align, bool zero, uintptr_t pc) {
    uintptr_t at = place(bytes, align < GAP ? GAP : align);
    if (at == 0) {
        return NULL;
    }
    heap_header *h = (heap_header *)at - 1;
    *h = (heap_header){.bytes = (uint32_t)bytes,
                       .before = (uint32_t)(heap.last == 0 ? 0 : (heap.last - ARENA_BASE) / GAP),
                       .pc = (uint32_t)rs_normal(pc),
                       .tid = (uint16_t)rt.cur->tid,
                       .state = HEAP_LIVE};
    heap.last = at;
    heap.live++;
    heap_map_open(at, bytes);
    if (bytes < LARGE) {
        heap_map_set(at + ((bytes + 7) & ~UINT64_C(7)), GAP, HEAP_GAP);
        heap_map_set(at - GAP, GAP, HEAP_GAP);
        memset((void *)at, zero ? 0 : FILL, bytes);
        if (rt.mode & MODE_RACE) {
            race_alloc(at, bytes > 0 ? bytes : 1);
        }
    }
    if (unlikely(rt.mode & MODE_EXPLAIN)) {
        explain_note_alloc(at, bytes, pc);
    }
    return (void *)at;
}

heap_header *heap_header_of(uintptr_t at) {
    if (at % GAP != 0 || at <= ARENA_BASE || at > heap.large_end || (at > heap.small_end && at < LARGE_BASE)) {
        return NULL;
    }
    heap_header *h = (heap_header *)at - 1;
    return h->state == HEAP_LIVE || h->state == HEAP_DEAD ? h : NULL;
}

/* Of a large object the pages that were written, since it may be far larger than what was used of it, and as far as the first
 * one with a race. */
static void judge_free(uintptr_t at, uint64_t bytes, uintptr_t pc) {
    if (at < LARGE_BASE) {
        race_free(at, bytes, pc);
        return;
    }
    int64_t before = race_shared_words();
    for (uintptr_t end = at + bytes, next; at < end && race_shared_words() == before; at = next) {
        next = (at & ~(uintptr_t)(PAGE - 1)) + PAGE;
        if (heap_dirty[(at - ARENA_BASE) / PAGE] == HEAP_WRITTEN) {
            race_free(at, (next < end ? next : end) - at, pc);
        }
    }
}

static void close_freed(uintptr_t at, uint64_t bytes, uintptr_t pc) {
    if (rt.mode & MODE_RACE) {
        judge_free(at, bytes, pc);
    }
    heap_map_set(at, bytes, HEAP_FREE);
    if (unlikely(rt.mode & MODE_EXPLAIN)) {
        explain_note_free(at, bytes, pc);
    }
}

void heap_free(void *p, uintptr_t pc) {
    uintptr_t at = (uintptr_t)p;
    heap_header *h = heap_header_of(at);
    if (h == NULL || h->state == HEAP_DEAD) {
        heap_bad_free(at, h, pc);
    }
    h->state = HEAP_DEAD;
    heap.live--;
    close_freed(at, h->bytes > 0 ? h->bytes : 1, pc);
}

/* Is nothing left of a mapping? */
static bool all_freed(uintptr_t at, uint64_t bytes) {
    const uint8_t *m = heap_map + ((at - ARENA_BASE) >> 3);
    return m[0] == HEAP_FREE && memcmp(m, m + 1, bytes / 8 - 1) == 0;
}

/* The mapping that all of [at, at + bytes) lies in; NULL: none. */
static heap_header *mapping_around(uintptr_t at, uint64_t bytes) {
    uintptr_t whole = heap_object_before(at);
    heap_header *h = (heap_header *)whole - 1;
    bool inside = whole != 0 && at % PAGE == 0 && bytes <= h->bytes && at - whole <= h->bytes - bytes;
    return inside ? h : NULL;
}

void heap_unmap(void *p, uint64_t bytes, uintptr_t pc) {
    uintptr_t at = (uintptr_t)p;
    heap_header *h = mapping_around(at, bytes);
    if (h == NULL || h->state == HEAP_DEAD) {
        heap_bad_free(at, h, pc);
    }
    close_freed(at, bytes, pc);
    if (bytes == h->bytes || all_freed((uintptr_t)(h + 1), h->bytes)) {
        h->state = HEAP_DEAD;
        heap.live--;
    }
}

uint64_t heap_size(const void *p) {
    const heap_header *h = heap_header_of((uintptr_t)p);
    return h != NULL ? h->bytes : 0;
}

bool heap_owns(const void *p) {
    uintptr_t at = (uintptr_t)p;
    return at - ARENA_BASE < ARENA_BYTES;
}
