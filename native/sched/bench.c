/* What the runtime's parts cost, measured inside: for `racewash bench`. */
#include <string.h>
#include <time.h>

#include "access.h"
#include "race.h"

/* The clock of this thread: on a busy machine nobody else's work is counted. */
static int64_t now_ns(void) {
    struct timespec ts;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* Two fibers that hand over to each other, below the scheduler. */
static struct {
    rs_fiber *a, *b;
    int64_t n;
} duel RS_STATE;

static void first(void) {
    for (int64_t i = 0; i < duel.n; i += 2) {
        fiber_switch(duel.a, duel.b);
    }
    fiber_leave();
}

static void second(void) {
    for (;;) {
        fiber_switch(duel.b, duel.a);
    }
}

static int64_t bench_switch(int64_t n) {
    duel.n = n;
    duel.a = fiber_make(0);
    duel.b = fiber_make(1);
    duel.a->vc = duel.b->vc = NULL;
    fiber_prepare(duel.a, first);
    fiber_prepare(duel.b, second);
    fiber_begin();
    int64_t began = now_ns();
    fiber_enter(duel.a);
    return now_ns() - began;
}

static int64_t bench_point(int64_t n) {
    int64_t began = now_ns();
    for (int64_t i = 0; i < n; i++) {
        rt.fuel = FUEL_IDLE;
        rs_point(RS_P_LOAD, ARENA_BASE);
    }
    return now_ns() - began;
}

static int64_t bench_plain(int64_t n) {
    heap_map[0] = HEAP_OPEN;
    int64_t began = now_ns();
    for (int64_t i = 0; i < n; i++) {
        access_plain(ARENA_BASE, 4, false, 0);
    }
    return now_ns() - began;
}

RW_EXPORT int64_t rs_bench(const char *kind, int64_t n) {
    if (rt.active || !state_find() || !region_map()) {
        return -1;
    }
    uint64_t points[RS_POINT_KINDS];
    memcpy(points, rt.points, sizeof points);
    rt.mode = rt.base_mode = rt.whole_mode = 0;
    int64_t took = strcmp(kind, "switch") == 0  ? bench_switch(n)
                   : strcmp(kind, "point") == 0 ? bench_point(n)
                   : strcmp(kind, "plain") == 0 ? bench_plain(n)
                                                : -1;
    memcpy(rt.points, points, sizeof points);
    return took;
}
