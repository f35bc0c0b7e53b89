/* The runtime's memory at fixed addresses: what the code under test sees is the same in every process.
 *
 *   arena    heap of the code under test (small objects, then large ones) and the fibers' stacks
 *   map      one byte for 8 bytes of the arena: may they be accessed (heap.c)
 *   dirty    one byte for a page of the arena's large part: was it written (heap.c)
 *   shadow   16 bytes for 8 bytes of the arena and of the library's data: who accessed them (race.c)
 *   pool     records that the race detector needs in one execution
 *
 * All of it lies below 0x8000000000, where libtsan allows an application's mappings, and is reserved only: pages come with
 * use. Two libraries of this kind in one process share it, one batch at a time.
 */
#ifndef RACEWASH_REGION_H
#define RACEWASH_REGION_H

#include <stdbool.h>
#include <stdint.h>

#define GIB (UINT64_C(1) << 30)
#define ARENA_BASE UINT64_C(0x1000000000)
#define SMALL_BYTES (2 * GIB)
#define LARGE_BASE (ARENA_BASE + SMALL_BYTES)
#define LARGE_BYTES (5 * GIB / 2)
#define STACKS_BASE (LARGE_BASE + LARGE_BYTES)
#define ARENA_BYTES (5 * GIB)
#define DATA_BYTES (GIB / 16) /* largest data section that the race detector covers */
#define MAP_BASE (ARENA_BASE + 8 * GIB)
#define DIRTY_BASE (MAP_BASE + 2 * GIB)
#define POOL_BASE (DIRTY_BASE + GIB)
#define POOL_BYTES GIB
#define SHADOW_BASE (POOL_BASE + 2 * GIB)
#define SHADOW_BYTES (2 * (ARENA_BYTES + DATA_BYTES))
#define HEADER_BASE (SHADOW_BASE + 12 * GIB)

/* Map everything. False: another user of the addresses, or no memory; then nothing stays mapped. Later calls do nothing. */
bool region_map(void);
/* True when the last batch in these mappings was another library's: what lies in them means nothing to this one. */
bool region_take_over(void);
/* Give the pages of [at, at + bytes) back: they read as zero afterwards. */
void region_clear(uint64_t at, uint64_t bytes);

#endif
