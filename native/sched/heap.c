/* Objects and their map. heap_judge.c says what is wrong with an access. */
#include "heap.h"

#include <string.h>

#include "explain.h"
#include "finding.h"
#include "heap_private.h"
#include "race.h"

enum {
    GAP = 16,            /* behind an object, and the header before it */
    LARGE = 64 << 10,    /* objects from this size on lie in the large part */
    LARGE_GAP = 64,
    PAGE = 4096,
    AHEAD = 256 << 10,   /* the map says HEAP_NOWHERE so far ahead of the small part's end */
    BLOCK = 32 << 10,    /* of arena: one page of map */
    FILL = 0xBE
};

heap_state heap RS_STATE;

/* ---- The map ---- */

static void map_set(uintptr_t addr, uint64_t bytes, uint8_t what) {
    uint64_t from = (addr - ARENA_BASE) >> 3, to = (addr + bytes - ARENA_BASE + 7) >> 3;
    memset(heap_map + from, what, to - from);
    if (addr >= LARGE_BASE) { /* the small part's map is made anew as a whole */
        uint64_t first = (addr - LARGE_BASE) / BLOCK, last = (addr + bytes - 1 - LARGE_BASE) / BLOCK;
        memset(heap.touched + first, 1, last - first + 1);
        heap.touched_end = last + 1 > heap.touched_end ? last + 1 : heap.touched_end;
    }
}

static void map_open(uintptr_t addr, uint64_t bytes) {
    map_set(addr, bytes & ~UINT64_C(7), HEAP_OPEN);
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
    heap.large_end = LARGE_BASE;
    heap.touched_end = 0;
}

static void close_ahead(uintptr_t to) {
    while (heap.closed_to < to + AHEAD) {
        memset(heap_map + ((heap.closed_to - ARENA_BASE) >> 3), HEAP_NOWHERE, AHEAD / 8);
        heap.closed_to += AHEAD;
    }
}

void heap_begin(void) {
    if (heap.closed_to == ARENA_BASE) {
        close_ahead(ARENA_BASE);
    }
    heap.small_end = ARENA_BASE;
    heap.large_end = LARGE_BASE;
    heap.last = 0;
    heap.live = 0;
}

static void clean_large(void) {
    const uint64_t *words = (const uint64_t *)(heap_dirty + SMALL_BYTES / PAGE);
    uint64_t pages = (heap.large_end - LARGE_BASE + PAGE - 1) / PAGE;
    for (uint64_t i = 0; i <= pages / 8; i++) {
        for (uint64_t page = i * 8; words[i] != 0 && page < i * 8 + 8; page++) {
            uint8_t *dirty = heap_dirty + SMALL_BYTES / PAGE + page;
            if (*dirty != 0) {
                *dirty = 0;
                memset((void *)(LARGE_BASE + page * PAGE), 0, PAGE);
            }
        }
    }
    for (uint64_t block = 0; block < heap.touched_end; block++) {
        if (heap.touched[block] != 0) {
            heap.touched[block] = 0;
            memset(heap_map + (LARGE_BASE - ARENA_BASE + block * BLOCK) / 8, HEAP_OPEN, BLOCK / 8);
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
            close_ahead(heap.small_end);
        }
        return at;
    }
    align = align < PAGE ? PAGE : align;
    at = (heap.large_end + LARGE_GAP + align - 1) & ~(uintptr_t)(align - 1);
    if (bytes > LARGE_BYTES || at + bytes + LARGE_GAP > LARGE_BASE + LARGE_BYTES) {
        return 0;
    }
    heap.large_end = at + bytes + LARGE_GAP;
    map_set(at - LARGE_GAP, LARGE_GAP, HEAP_GAP);
    map_set((at + bytes + 7) & ~UINT64_C(7), LARGE_GAP, HEAP_GAP);
    heap_dirty[(at - 1 - ARENA_BASE) / PAGE] = 1; /* the header */
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
    map_open(at, bytes);
    if (bytes < LARGE) {
        map_set(at + ((bytes + 7) & ~UINT64_C(7)), GAP, HEAP_GAP);
        map_set(at - GAP, GAP, HEAP_GAP);
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

void heap_free(void *p, uintptr_t pc) {
    uintptr_t at = (uintptr_t)p;
    heap_header *h = heap_header_of(at);
    if (h == NULL || h->state == HEAP_DEAD) {
        heap_bad_free(at, h, pc);
    }
    h->state = HEAP_DEAD;
    heap.live--;
    uint64_t bytes = h->bytes > 0 ? h->bytes : 1;
    if (rt.mode & MODE_RACE) {
        race_free(at, bytes < LARGE ? bytes : 64, pc);
    }
    map_set(at, bytes, HEAP_FREE);
    if (unlikely(rt.mode & MODE_EXPLAIN)) {
        explain_note_free(at, bytes, pc);
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

/* ---- The label allocator's objects (mem_note.h) ---- */

static bool noted(const void *p) {
    return heap_owns(p) && rt.active;
}

void mem_note_region(void *ptr, size_t size) {
    (void)ptr;
    (void)size; /* open as a whole: gaps come with the objects */
}

void mem_note_alloc(void *ptr, size_t size, uint32_t label) {
    (void)label;
    uintptr_t at = (uintptr_t)ptr;
    if (!noted(ptr)) {
        return;
    }
    map_set(at - GAP, GAP, HEAP_NOTED_GAP);
    map_set(at + size, GAP, HEAP_NOTED_GAP); /* its first granule may be the object's last */
    map_open(at, size);
    if (rt.mode & MODE_RACE) {
        race_alloc(at, size > 0 ? size : 1);
    }
    if (unlikely(rt.mode & MODE_EXPLAIN)) {
        explain_note_alloc(at, size, RS_CALLER);
    }
}

void mem_note_free(void *ptr, size_t size, uint32_t label) {
    (void)label;
    if (!noted(ptr)) {
        return;
    }
    if (rt.mode & MODE_RACE) {
        race_free((uintptr_t)ptr, size > 0 ? size : 1, RS_CALLER);
    }
    map_set((uintptr_t)ptr, size > 0 ? size : 1, HEAP_NOTED_FREE);
    if (unlikely(rt.mode & MODE_EXPLAIN)) {
        explain_note_free((uintptr_t)ptr, size, RS_CALLER);
    }
}

void mem_note_forget(void *ptr, size_t size) {
    if (noted(ptr) && size > 0) {
        map_set((uintptr_t)ptr, size, HEAP_OPEN);
    }
}
