/* The malloc family and mappings. */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "shim.h"

/* ---- malloc ---- */

static void *allocate(uint64_t bytes, uint64_t align, bool zero, uintptr_t pc) {
    rs_point(RS_P_ALLOC, 0);
    if (unlikely((rt.flags & RS_FAIL_ALLOC) != 0) && !rt.reliable && sched_draw(RS_C_FAIL, 2) != 0) {
        errno = ENOMEM;
        return NULL;
    }
    void *p = heap_alloc(bytes, align, zero, pc);
    if (unlikely(rt.mode & MODE_TRACE)) {
        trace_event(RS_P_ALLOC, (uintptr_t)p, (uint32_t)bytes, (uint64_t)(uintptr_t)p, pc);
    }
    if (unlikely(p == NULL)) {
        errno = ENOMEM;
    }
    return p;
}

static void free_point(const void *p, uintptr_t pc) {
    rs_point(RS_P_FREE, (uintptr_t)p);
    if (unlikely(rt.mode & MODE_TRACE)) {
        trace_event(RS_P_FREE, (uintptr_t)p, 0, 0, pc);
    }
}

static void release(void *p, uintptr_t pc) {
    if (p == NULL) {
        return;
    }
    if (!heap_owns(p)) { /* made before the batch, or inside the C library */
        free(p);
        return;
    }
    if (!rt.active) { /* of an execution that is over */
        return;
    }
    free_point(p, pc);
    heap_free(p, pc);
}

void *SHIM(malloc)(size_t bytes) {
    return rt.active ? allocate(bytes, 16, false, RS_CALLER) : malloc(bytes);
}

void *SHIM(calloc)(size_t n, size_t bytes) {
    size_t all;
    if (!rt.active) {
        return calloc(n, bytes);
    }
    if (__builtin_mul_overflow(n, bytes, &all)) {
        errno = ENOMEM;
        return NULL;
    }
    return allocate(all, 16, true, RS_CALLER);
}

void SHIM(free)(void *p) {
    release(p, RS_CALLER);
}

static void *reallocate(void *p, size_t bytes, uintptr_t pc) {
    if (p == NULL) {
        return allocate(bytes, 16, false, pc);
    }
    size_t had = heap_size(p);
    void *q = allocate(bytes, 16, false, pc);
    if (q != NULL) {
        size_t n = had < bytes ? had : bytes;
        access_range((uintptr_t)p, n, false, pc);
        access_range((uintptr_t)q, n, true, pc);
        memcpy(q, p, n);
        release(p, pc);
    }
    return q;
}

void *SHIM(realloc)(void *p, size_t bytes) {
    if (!rt.active || (p != NULL && !heap_owns(p))) {
        return realloc(p, bytes);
    }
    return reallocate(p, bytes, RS_CALLER);
}

void *SHIM(reallocarray)(void *p, size_t n, size_t bytes) {
    size_t all;
    if (__builtin_mul_overflow(n, bytes, &all)) {
        errno = ENOMEM;
        return NULL;
    }
    return !rt.active || (p != NULL && !heap_owns(p)) ? realloc(p, all) : reallocate(p, all, RS_CALLER);
}

void *SHIM(aligned_alloc)(size_t align, size_t bytes) {
    return rt.active ? allocate(bytes, align, false, RS_CALLER) : aligned_alloc(align, bytes);
}

void *SHIM(memalign)(size_t align, size_t bytes) {
    return rt.active ? allocate(bytes, align, false, RS_CALLER) : memalign(align, bytes);
}

int SHIM(posix_memalign)(void **out, size_t align, size_t bytes) {
    if (!rt.active) {
        return posix_memalign(out, align, bytes);
    }
    if (align < sizeof(void *) || (align & (align - 1)) != 0) {
        return EINVAL;
    }
    void *p = allocate(bytes, align, false, RS_CALLER);
    if (p == NULL) {
        return ENOMEM;
    }
    *out = p;
    return 0;
}

size_t SHIM(malloc_usable_size)(void *p) {
    return heap_owns(p) ? heap_size(p) : malloc_usable_size(p);
}

static char *duplicate(const char *s, size_t n, uintptr_t pc) {
    access_range((uintptr_t)s, n, false, pc);
    char *copy = rt.active ? allocate(n + 1, 16, false, pc) : malloc(n + 1);
    if (copy != NULL) {
        access_range((uintptr_t)copy, n + 1, true, pc);
        memcpy(copy, s, n);
        copy[n] = '\0';
    }
    return copy;
}

char *SHIM(strdup)(const char *s) {
    return duplicate(s, strlen(s), RS_CALLER);
}

char *SHIM(strndup)(const char *s, size_t n) {
    return duplicate(s, strnlen(s, n), RS_CALLER);
}

/* ---- Mappings: anonymous ones are large objects of the heap; all others go to the system ---- */

enum { PAGE = 4096 };

static size_t whole_pages(size_t bytes) {
    return (bytes + PAGE - 1) / PAGE * PAGE;
}

void *SHIM(mmap)(void *at, size_t bytes, int protection, int flags, int fd, off_t offset) {
    if (!rt.active || (flags & MAP_ANONYMOUS) == 0 || (flags & MAP_FIXED) != 0) {
        rt.unseen += rt.active;
        return mmap(at, bytes, protection, flags, fd, offset);
    }
    void *p = allocate(whole_pages(bytes), PAGE, true, RS_CALLER);
    return p != NULL ? p : MAP_FAILED;
}

int SHIM(munmap)(void *at, size_t bytes) {
    if (!heap_owns(at)) {
        return munmap(at, bytes);
    }
    if (bytes == 0) {
        errno = EINVAL;
        return -1;
    }
    if (rt.active) {
        free_point(at, RS_CALLER);
        heap_unmap(at, whole_pages(bytes), RS_CALLER);
    }
    return 0;
}

int SHIM(mprotect)(void *at, size_t bytes, int protection) {
    return heap_owns(at) ? 0 : mprotect(at, bytes, protection);
}

/* Advice that frees pages makes them read as zero. */
int SHIM(madvise)(void *at, size_t bytes, int advice) {
    if (!heap_owns(at)) {
        return madvise(at, bytes, advice);
    }
    if (advice == MADV_DONTNEED || advice == MADV_REMOVE) {
        memset(at, 0, bytes);
    }
    return 0;
}
