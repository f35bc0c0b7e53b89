/* Between the files of the heap. */
#ifndef RACEWASH_HEAP_PRIVATE_H
#define RACEWASH_HEAP_PRIVATE_H

#include "heap.h"

enum { HEAP_LIVE = 0xA1, HEAP_DEAD = 0xDE };
enum {
    GAP = 16, /* behind an object, and the header before it */
    PAGE = 4096
};

typedef struct heap_header { /* the 16 bytes before an object */
    uint32_t bytes;
    uint32_t before; /* the object made before it, in units of 16 bytes from the arena's base; 0: none */
    uint32_t pc;     /* where it was made, as offset in the library */
    uint16_t tid;
    uint8_t state, unused;
} heap_header;

typedef struct heap_state {
    uintptr_t small_end, large_end; /* what follows is free */
    uintptr_t closed_to, large_closed_to; /* the parts' maps are filled in up to here */
    uintptr_t last;                 /* the object made last */
    int64_t live;
    uint64_t touched_end;
    uint8_t touched[LARGE_BYTES >> 15]; /* by 32 KB of the large part: its map was written */
} heap_state;

extern heap_state heap;

void heap_map_set(uintptr_t addr, uint64_t bytes, uint8_t what);
void heap_map_open(uintptr_t addr, uint64_t bytes);
heap_header *heap_header_of(uintptr_t at);
/* The object of malloc's that begins at or before addr, the nearest one; 0: none. */
uintptr_t heap_object_before(uintptr_t addr);
_Noreturn void heap_bad_free(uintptr_t at, const heap_header *h, uintptr_t pc);
void heap_report_leaks(void);

#endif
