/* Clocks, threads, synchronisation, and the records of granules. race_access.c and race_rich.c judge accesses. */
#include "race.h"

#include <string.h>
#include <sys/mman.h>

#include "race_private.h"

enum { CLOCK_MAX = 0xFFFFF0, RECORD_MAX = 0xFFFFF0 };

race_state race RS_STATE;

/* ---- Room ---- */

bool race_room(int32_t threads) {
    int32_t stride = 8;
    while (stride < threads && stride < 256) {
        stride *= 2;
    }
    race.stride = (uint32_t)stride;
    if (race.clocks == NULL) {
        uint64_t bytes = (uint64_t)FIBER_MAX * 3 * 256 * sizeof(uint32_t);
        void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        race.clocks = p == MAP_FAILED ? NULL : p;
    }
    return race.clocks != NULL;
}

void race_wipe(void) {
    region_clear(SHADOW_BASE, SHADOW_BYTES);
    race.base = 1;
    race.top = 0;
    race.first_record = 1;
    race.pool_used = 0;
    race.worn_out = false;
}

void race_begin(void) {
    if (race.base == 0 || race.top > CLOCK_MAX / 2 || race.first_record + race.pool_used / POOL_UNIT > RECORD_MAX / 2) {
        race_wipe();
    }
    race.base = race.top + 1;
    race.top = race.base;
    race.first_record += race.pool_used / POOL_UNIT;
    race.pool_used = 0;
    race.shared_words = 0;
    race.worn_out = false;
}

bool race_worn_out(void) {
    return race.worn_out;
}

int64_t race_shared_words(void) {
    return race.shared_words;
}

void race_judge(bool on) {
    uint32_t several = MODE_RACE | MODE_COVER; /* what only looks at what goes on between threads */
    rt.base_mode = on ? rt.whole_mode : rt.whole_mode & ~several;
    rt.mode = (rt.mode & ~several) | (rt.base_mode & several);
}

/* Not zeroed. When the numbers of records run out the rest of the execution is judged on the pool's last record: wrong, but it
 * is repeated. */
void *race_pool(uint64_t bytes) {
    bytes = (bytes + POOL_UNIT - 1) / POOL_UNIT * POOL_UNIT;
    if (unlikely(race.pool_used + bytes > POOL_BYTES ||
                 race.first_record + (race.pool_used + bytes) / POOL_UNIT > RECORD_MAX)) {
        race.worn_out = true;
        race.pool_used = 0;
    }
    void *p = (void *)(POOL_BASE + race.pool_used);
    race.pool_used += bytes;
    return p;
}

/* Zeroed. */
uint32_t *race_clock(uint32_t clocks) {
    uint64_t bytes = (uint64_t)clocks * race.stride * sizeof(uint32_t);
    return memset(race_pool(bytes), 0, bytes);
}

/* ---- Clocks ---- */

/* Clocks have a multiple of eight entries; most have eight. */
typedef uint32_t lanes __attribute__((vector_size(16), aligned(16)));

static inline void join(uint32_t *to, const uint32_t *from) {
    lanes *t = (lanes *)to;
    const lanes *f = (const lanes *)from;
    for (uint32_t i = 0; i < race.stride / 4; i += 2) {
        lanes older = (lanes)(t[i] < f[i]), older1 = (lanes)(t[i + 1] < f[i + 1]);
        t[i] = (f[i] & older) | (t[i] & ~older);
        t[i + 1] = (f[i + 1] & older1) | (t[i + 1] & ~older1);
    }
}

static inline void copy(uint32_t *to, const uint32_t *from) {
    lanes *t = (lanes *)to;
    const lanes *f = (const lanes *)from;
    for (uint32_t i = 0; i < race.stride / 4; i += 2) {
        t[i] = f[i];
        t[i + 1] = f[i + 1];
    }
}

/* What the running thread does from now on is later than what it has released. */
static inline void tick(void) {
    uint32_t next = rt.epoch + (1 << 8);
    rt.epoch = rt.vc[rt.cur->tid] = next;
    if (unlikely(next >> 8 > race.top)) {
        race.top = next >> 8;
        race.worn_out |= race.top > CLOCK_MAX;
    }
}

void race_thread_begins(rs_fiber *f) {
    if ((rt.flags & RS_RACES) == 0 || (uint32_t)f->tid >= race.stride) {
        f->vc = NULL;
        race.worn_out |= (rt.flags & RS_RACES) != 0; /* more threads than clocks have room for */
        return;
    }
    uint32_t *clocks = race.clocks + (uint64_t)f->tid * 3 * 256;
    f->vc = clocks;
    f->fenced = 0;
    f->fence_acquire = clocks + 256;
    f->fence_release = clocks + 512;
    memset(f->fence_acquire, 0, race.stride * sizeof(uint32_t));
    memset(f->fence_release, 0, race.stride * sizeof(uint32_t));
    if (f->tid == 0) {
        for (uint32_t i = 0; i < race.stride; i++) {
            f->vc[i] = (race.base - 1) << 8 | i;
        }
    } else if (rt.vc != NULL) {
        copy(f->vc, rt.vc);
        tick();
    }
    f->vc[f->tid] = race.base << 8 | (uint32_t)f->tid;
}

void race_thread_ends(rs_fiber *f) {
    (void)f; /* its clock stays as it is, for race_joined */
}

void race_joined(const rs_fiber *f) {
    if (rt.vc != NULL && f->vc != NULL) {
        join(rt.vc, f->vc);
    }
}

/* ---- Locks ---- */

static uint32_t *sync_clock(race_sync sync) {
    return sync >= race.first_record ? (uint32_t *)(POOL_BASE + (uint64_t)(sync - race.first_record) * POOL_UNIT)
                                     : NULL;
}

void race_acquire(race_sync sync) {
    const uint32_t *clock = rt.vc != NULL ? sync_clock(sync) : NULL;
    if (clock != NULL) {
        join(rt.vc, clock);
    }
}

void race_release(race_sync *sync) {
    if (rt.vc == NULL) {
        return;
    }
    uint32_t *clock = sync_clock(*sync);
    if (clock == NULL) {
        clock = race_clock(1);
        *sync = race.first_record + (uint32_t)(((uintptr_t)clock - POOL_BASE) / POOL_UNIT);
    }
    join(clock, rt.vc);
    tick();
}

/* ---- Atomic operations ---- */

static bool acquires(int order) {
    return order == __ATOMIC_ACQUIRE || order == __ATOMIC_CONSUME || order == __ATOMIC_ACQ_REL ||
           order == __ATOMIC_SEQ_CST;
}

static bool releases(int order) {
    return order == __ATOMIC_RELEASE || order == __ATOMIC_ACQ_REL || order == __ATOMIC_SEQ_CST;
}

static inline bool covered(uint32_t epoch) {
    return epoch != 0 && epoch <= rt.vc[epoch & TID_MASK];
}

/* What a load takes over: at once when it acquires, at the next acquire fence otherwise. */
static void take(const shadow_rich *r, bool acquire) {
    if (r->has_clock && !covered(r->released)) {
        join(acquire ? rt.vc : rt.cur->fence_acquire, r->clock);
    }
}

/* What a store leaves for those who acquire it. A relaxed store leaves what the thread's last release fence covered, and
 * ends the release sequence of the store before it; a read-modify-write goes on with that sequence (C11 5.1.2.4). */
static void leave(shadow_rich *r, bool release, bool reads) {
    const uint32_t *what = release ? rt.vc : rt.cur->fence_release;
    if (!release && !rt.cur->fenced) {
        r->has_clock = r->has_clock && reads;
    } else if (reads && r->has_clock) {
        bool whole = release && covered(r->released); /* all that is in it, this thread has seen */
        join(r->clock, what);
        r->released = whole ? rt.epoch : 0;
    } else {
        copy(r->clock, what);
        r->has_clock = true;
        r->released = release ? rt.epoch : 0;
    }
}

void race_synchronise(shadow_rich *r, bool reads, bool writes, int order) {
    if (reads) {
        take(r, acquires(order));
    }
    if (writes) {
        bool release = releases(order);
        leave(r, release, reads);
        if (release) {
            tick();
        }
    }
}

void race_fence(int order) {
    if (rt.vc == NULL) {
        return;
    }
    if (acquires(order)) {
        join(rt.vc, rt.cur->fence_acquire);
    }
    if (releases(order)) {
        copy(rt.cur->fence_release, rt.vc);
        rt.cur->fenced = 1;
        tick();
    }
}
