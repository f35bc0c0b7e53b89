/* The operating system: private and shared memory sources, locks, clocks. */
#include "prim.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

/* ---- The arena: page runs with boundary tags, free runs in bins by the power of two below their length ---- */

enum { ARENA_BINS = 32, ARENA_NONE = 0 }; /* page 0 is book-keeping, so it ends lists */

typedef struct arena_page { /* one a page; only a run's first and last page mean anything */
    uint32_t len;           /* pages of the run */
    uint32_t next, prev;    /* in its bin, of a free run's first page */
    uint32_t free;
} arena_page;

struct prim_mem {
    bool shared;
    size_t map_bytes;
    uint32_t first, end; /* pages handed out are [first, end); page `end` is a used sentinel */
    prim_lock_t lock;    /* guards what follows */
    uint32_t bins[ARENA_BINS];
    uint32_t bins_used; /* bit b: bin b isn't empty */
    arena_page pages[]; /* end + 1 */
};

static size_t pages_of(size_t bytes) {
    return bytes / PRIM_PAGE + (bytes % PRIM_PAGE != 0);
}

static uint32_t bin_of(uint32_t len) {
    return 31 - (uint32_t)__builtin_clz(len);
}

static void arena_link(prim_mem *mem, uint32_t at, uint32_t len) {
    uint32_t bin = bin_of(len), head = mem->bins[bin];
    mem->pages[at] = (arena_page){.len = len, .next = head, .prev = ARENA_NONE, .free = 1};
    mem->pages[at + len - 1].len = len;
    mem->pages[at + len - 1].free = 1;
    if (head != ARENA_NONE) {
        mem->pages[head].prev = at;
    }
    mem->bins[bin] = at;
    mem->bins_used |= UINT32_C(1) << bin;
}

static void arena_unlink(prim_mem *mem, uint32_t at) {
    arena_page *p = &mem->pages[at];
    uint32_t bin = bin_of(p->len);
    if (p->next != ARENA_NONE) {
        mem->pages[p->next].prev = p->prev;
    }
    if (p->prev != ARENA_NONE) {
        mem->pages[p->prev].next = p->next;
    } else {
        mem->bins[bin] = p->next;
    }
    if (mem->bins[bin] == ARENA_NONE) {
        mem->bins_used &= ~(UINT32_C(1) << bin);
    }
}

static void arena_mark_used(prim_mem *mem, uint32_t at, uint32_t len) {
    mem->pages[at].len = mem->pages[at + len - 1].len = len;
    mem->pages[at].free = mem->pages[at + len - 1].free = 0;
}

/* First fit in the bin of the length itself, else any run of the next larger bin in use. */
static uint32_t arena_find(prim_mem *mem, uint32_t len) {
    uint32_t bin = bin_of(len);
    for (uint32_t at = mem->bins[bin]; at != ARENA_NONE; at = mem->pages[at].next) {
        if (mem->pages[at].len >= len) {
            return at;
        }
    }
    uint32_t larger = bin + 1 < ARENA_BINS ? mem->bins_used >> (bin + 1) << (bin + 1) : 0;
    return larger != 0 ? mem->bins[__builtin_ctz(larger)] : ARENA_NONE;
}

static void *arena_alloc(prim_mem *mem, size_t bytes) {
    size_t len = pages_of(bytes);
    if (len == 0 || len > mem->end - mem->first) {
        return NULL;
    }
    prim_lock(&mem->lock);
    uint32_t at = arena_find(mem, (uint32_t)len);
    if (at != ARENA_NONE) {
        uint32_t rest = mem->pages[at].len - (uint32_t)len;
        arena_unlink(mem, at);
        arena_mark_used(mem, at, (uint32_t)len);
        if (rest > 0) {
            arena_link(mem, at + (uint32_t)len, rest);
        }
    }
    prim_unlock(&mem->lock);
    return at != ARENA_NONE ? (char *)mem + (size_t)at * PRIM_PAGE : NULL;
}

static void arena_free(prim_mem *mem, void *region, size_t bytes) {
    uint32_t at = (uint32_t)((size_t)((char *)region - (char *)mem) / PRIM_PAGE);
    uint32_t len = (uint32_t)pages_of(bytes);
    prim_mem_discard(mem, region, bytes); /* before the lock: the pages are still the caller's */
    prim_lock(&mem->lock);
    if (mem->pages[at + len].free) {
        uint32_t more = mem->pages[at + len].len;
        arena_unlink(mem, at + len);
        len += more;
    }
    if (at > mem->first && mem->pages[at - 1].free) {
        uint32_t more = mem->pages[at - 1].len;
        at -= more;
        arena_unlink(mem, at);
        len += more;
    }
    /* Inner pages keep stale tags: only the pages beside a used run are ever asked, and those are ends of runs. */
    arena_link(mem, at, len);
    prim_unlock(&mem->lock);
}

prim_mem *prim_mem_arena(size_t bytes) {
    size_t pages = pages_of(bytes);
    if (pages == 0 || pages > UINT32_MAX / 2) {
        return NULL;
    }
    /* The table covers its own pages too: at most one page of table for every 256 pages, plus rounding. */
    size_t head = pages_of(sizeof(prim_mem) + (pages + pages / 128 + 16) * sizeof(arena_page));
    size_t map_bytes = (head + pages) * PRIM_PAGE;
    prim_mem *mem = mmap(NULL, map_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mem == MAP_FAILED) {
        return NULL;
    }
    mem->shared = true;
    mem->map_bytes = map_bytes;
    mem->first = (uint32_t)head;
    mem->end = (uint32_t)(head + pages);
    prim_lock_init(&mem->lock, true);
    arena_link(mem, mem->first, (uint32_t)pages);
    return mem;
}

void prim_mem_close(prim_mem *mem) {
    if (mem != NULL && mem->shared) {
        prim_lock_destroy(&mem->lock);
        munmap(mem, mem->map_bytes);
    }
}

/* ---- Both sources ---- */

static const prim_mem private_source = {.shared = false};

prim_mem *prim_mem_private(void) {
    return (prim_mem *)&private_source; /* never written: every function looks at `shared` first */
}

bool prim_mem_shared(const prim_mem *mem) {
    return mem->shared;
}

void *prim_mem_alloc(prim_mem *mem, size_t bytes) {
    if (mem->shared) {
        return arena_alloc(mem, bytes);
    }
    void *p = NULL;
    if (bytes == 0 || bytes > SIZE_MAX / 2 || posix_memalign(&p, PRIM_PAGE, pages_of(bytes) * PRIM_PAGE) != 0) {
        return NULL;
    }
    return p;
}

void prim_mem_free(prim_mem *mem, void *region, size_t bytes) {
    if (region == NULL) {
        return;
    }
    if (mem->shared) {
        arena_free(mem, region, bytes);
    } else {
        free(region);
    }
}

void prim_mem_discard(prim_mem *mem, void *p, size_t bytes) {
    uintptr_t start = ((uintptr_t)p + PRIM_PAGE - 1) / PRIM_PAGE * PRIM_PAGE;
    uintptr_t end = ((uintptr_t)p + bytes) / PRIM_PAGE * PRIM_PAGE;
    if (start < end) { /* advice: where it is refused, the pages simply stay */
        (void)madvise((void *)start, end - start, mem->shared ? MADV_REMOVE : MADV_DONTNEED);
    }
}

void *prim_object_alloc(size_t bytes) {
    return malloc(bytes);
}

void prim_object_free(void *object) {
    free(object);
}

/* ---- Locks and clocks ---- */

void prim_lock_init(prim_lock_t *lock, bool shared) {
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    if (shared) {
        pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
        pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    }
    pthread_mutex_init(&lock->mutex, &attr);
    pthread_mutexattr_destroy(&attr);
}

void prim_lock_destroy(prim_lock_t *lock) {
    pthread_mutex_destroy(&lock->mutex);
}

bool prim_lock(prim_lock_t *lock) {
    if (pthread_mutex_lock(&lock->mutex) == EOWNERDEAD) {
        pthread_mutex_consistent(&lock->mutex);
        return false;
    }
    return true;
}

bool prim_trylock(prim_lock_t *lock) {
    int rc = pthread_mutex_trylock(&lock->mutex);
    if (rc == EOWNERDEAD) {
        pthread_mutex_consistent(&lock->mutex);
    }
    return rc == 0 || rc == EOWNERDEAD;
}

void prim_unlock(prim_lock_t *lock) {
    pthread_mutex_unlock(&lock->mutex);
}

uint64_t prim_now_ns(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * UINT64_C(1000000000) + (uint64_t)ts.tv_nsec;
}

uint64_t prim_now_us(void) {
    return prim_now_ns() / 1000;
}
