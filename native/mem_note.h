/* The seam through which the label allocator announces every object, since no heap oracle sees inside chunks.
 *
 * Resolved at link time, not in the instrumented archive: nothing in `native` and `tsan`, poisoning in `asan`,
 * the scheduled runtime's heap oracle in `sched`.
 */
#ifndef RACEWASH_MEM_NOTE_H
#define RACEWASH_MEM_NOTE_H

#include <stddef.h>
#include <stdint.h>

/* [ptr, ptr + size) came from the memory source: no object yet, only the allocator's own code touches it. */
void mem_note_region(void *ptr, size_t size);
/* [ptr, ptr + size) became a live object of `label` (index). */
void mem_note_alloc(void *ptr, size_t size, uint32_t label);
/* [ptr, ptr + size) is dead: any later access before the next mem_note_alloc is a defect. */
void mem_note_free(void *ptr, size_t size, uint32_t label);
/* [ptr, ptr + size) is about to go back to the memory source: forget what was said of it. */
void mem_note_forget(void *ptr, size_t size);

#endif
