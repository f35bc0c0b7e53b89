/* Every call to the operating system: memory sources, locks, time. The core calls nothing else outside.
 *
 * A memory source hands out page-granular regions. Two kinds: private (malloc family, so that sanitizers see
 * each region) and an arena: one shared anonymous mapping reserved before a fork, at the same address in all
 * processes, holding its own book-keeping, so that a whole core can be raced by processes.
 */
#ifndef RACEWASH_PRIM_H
#define RACEWASH_PRIM_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PRIM_PAGE = 4096 };

typedef struct prim_mem prim_mem;

/* The private source: a constant object without state. Regions are PRIM_PAGE aligned, contents undefined. */
prim_mem *prim_mem_private(void);

/* A shared arena able to hand out `bytes` in total. NULL when the mapping fails. */
prim_mem *prim_mem_arena(size_t bytes);
/* Unmap an arena (after which nothing of it may be touched); nothing for the private source. */
void prim_mem_close(prim_mem *mem);

/* True when regions are visible to forked processes (locks must be process-shared). */
bool prim_mem_shared(const prim_mem *mem);

/* A region of `bytes` (rounded up to PRIM_PAGE), or NULL. Any thread, no lock of the caller's needed. */
void *prim_mem_alloc(prim_mem *mem, size_t bytes);
/* Give a region back; `bytes` as asked for. */
void prim_mem_free(prim_mem *mem, void *region, size_t bytes);
/* Give the pages of [p, p + bytes) back to the system but keep the addresses; contents become undefined. */
void prim_mem_discard(prim_mem *mem, void *p, size_t bytes);

/* One object from the process's own heap, where a leak checker sees it; never of an arena. NULL: none left. */
void *prim_object_alloc(size_t bytes);
void prim_object_free(void *object);

/* A mutex; robust and process-shared when `shared`: if its owner process dies, the next locker gets the lock,
 * and prim_lock returns false once so that the caller can note that the protected state may be torn. */
typedef struct prim_lock_t {
    pthread_mutex_t mutex;
} prim_lock_t;

void prim_lock_init(prim_lock_t *lock, bool shared);
void prim_lock_destroy(prim_lock_t *lock);
bool prim_lock(prim_lock_t *lock);
bool prim_trylock(prim_lock_t *lock); /* true: taken */
void prim_unlock(prim_lock_t *lock);

uint64_t prim_now_us(void); /* monotonic clock, microseconds */
uint64_t prim_now_ns(void); /* monotonic clock, nanoseconds */

#endif
