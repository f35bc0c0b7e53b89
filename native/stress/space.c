/* A limit of the address space: see space.h. */
#include "space.h"

#include <fcntl.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif
#include <stdlib.h>
#include <unistd.h>

enum { LARGE = 128 << 10 }; /* bytes that are asked of the system */

/* Bytes of address space that this process has; without an allocation. 0: the kernel does not say. */
static uint64_t taken(void) {
    char text[128];
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0) {
        close(fd);
    }
    text[n > 0 ? n : 0] = '\0';
    return (uint64_t)strtoull(text, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Chunks are to come from the system, not from what earlier executions have left in malloc's heaps, nor from the space
 * that it reserves for a thread's own heap. It stays so in this process, in which the first limit is best the first thing
 * that happens: heaps that threads have had are used up first. */
static void empty_heaps(void) {
#if defined(__GLIBC__)
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_MMAP_THRESHOLD, LARGE); /* else it rises with every chunk that is freed */
    malloc_trim(0);
#endif
}

space_limit space_of(const rw_plan *plan) {
    space_limit limit = {0};
    for (int32_t i = 0; i < plan->fault_cnt; i++) {
        if (plan->faults[i].kind == RW_FAULT_SPACE) {
            limit.room = plan->faults[i].room;
        }
    }
    getrlimit(RLIMIT_AS, &limit.before);
    if (limit.room > 0) {
        empty_heaps();
    }
    return limit;
}

void space_begin(const space_limit *limit) {
    uint64_t had = limit->room > 0 ? taken() : 0;
    rlim_t most = (rlim_t)(had + limit->room);
    if (had > 0 && (limit->before.rlim_cur == RLIM_INFINITY || most < limit->before.rlim_cur)) {
        setrlimit(RLIMIT_AS, &(struct rlimit){.rlim_cur = most, .rlim_max = limit->before.rlim_max});
    }
}

void space_end(const space_limit *limit) {
    if (limit->room > 0) {
        setrlimit(RLIMIT_AS, &limit->before);
    }
}
