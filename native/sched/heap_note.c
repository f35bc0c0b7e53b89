/* The label allocator's objects inside its chunks: it announces them through mem_note.h. */
#include "../mem_note.h"

#include "explain.h"
#include "heap_private.h"
#include "race.h"

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
    heap_map_set(at - GAP, GAP, HEAP_NOTED_GAP);
    heap_map_set(at + size, GAP, HEAP_NOTED_GAP); /* its first granule may be the object's last */
    heap_map_open(at, size);
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
    heap_map_set((uintptr_t)ptr, size > 0 ? size : 1, HEAP_NOTED_FREE);
    if (unlikely(rt.mode & MODE_EXPLAIN)) {
        explain_note_free((uintptr_t)ptr, size, RS_CALLER);
    }
}

void mem_note_forget(void *ptr, size_t size) {
    if (!noted(ptr) || size == 0) {
        return;
    }
    heap_map_set((uintptr_t)ptr, size, HEAP_OPEN);
    uint8_t *dirty = heap_dirty + ((uintptr_t)ptr - ARENA_BASE + PAGE - 1) / PAGE;
    for (uint8_t *end = heap_dirty + ((uintptr_t)ptr + size - ARENA_BASE) / PAGE; dirty < end; dirty++) {
        *dirty = *dirty != 0 ? HEAP_JUDGED : 0;
    }
}
