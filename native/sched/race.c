/* Clocks, threads, locks, and the pool. race_access.c, race_rich.c and race_atomic.c judge accesses. */
#include "race.h"

#include <string.h>
#include <sys/mman.h>

#include "race_private.h"

/* Numbers of records begin above what the system's own locks, used before the batch, may have left where the number of
 * their clock lies here. The pool's last piece is for what an operation still needs that finds the rest used up. */
enum { RECORD_MIN = 1 << 20, RECORD_MAX = 0xFFFFF0, SPARE = 1 << 20 };

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
    race.first_record = RECORD_MIN;
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

void race_give_up(void) {
    race.worn_out = true;
    rt.whole_mode &= ~(uint32_t)MODE_RACE;
    rt.base_mode &= ~(uint32_t)MODE_RACE;
    rt.mode &= ~(uint32_t)MODE_RACE;
}

void *race_pool(uint64_t bytes) {
    bytes = (bytes + POOL_UNIT - 1) / POOL_UNIT * POOL_UNIT;
    uint64_t end = race.pool_used + bytes;
    bool used_up = end > POOL_BYTES - SPARE || race.first_record + end / POOL_UNIT > RECORD_MAX;
    if (unlikely(race.worn_out ? end > POOL_BYTES : used_up)) {
        race_give_up();
        race.pool_used = POOL_BYTES - SPARE;
    }
    void *p = (void *)(POOL_BASE + race.pool_used);
    race.pool_used += bytes;
    return p;
}

uint32_t *race_clock(uint32_t clocks) {
    uint64_t bytes = (uint64_t)clocks * race.stride * sizeof(uint32_t);
    return memset(race_pool(bytes), 0, bytes);
}

/* ---- Threads ---- */

void race_thread_begins(rs_fiber *f) {
    if ((rt.flags & RS_RACES) == 0 || (uint32_t)f->tid >= race.stride) {
        f->vc = NULL;
        if ((rt.flags & RS_RACES) != 0) { /* more threads than clocks have room for */
            race_give_up();
        }
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
        race_copy(f->vc, rt.vc);
        race_tick();
    }
    f->vc[f->tid] = race.base << 8 | (uint32_t)f->tid;
}

void race_thread_ends(rs_fiber *f) {
    (void)f; /* its clock stays as it is, for race_joined */
}

void race_joined(const rs_fiber *f) {
    if (rt.vc != NULL && f->vc != NULL) {
        race_join(rt.vc, f->vc);
    }
}

/* ---- Locks ---- */

static uint32_t *sync_clock(race_sync sync) {
    return sync >= race.first_record ? race_at(sync - race.first_record) : NULL;
}

void race_acquire(race_sync sync) {
    const uint32_t *clock = rt.vc != NULL ? sync_clock(sync) : NULL;
    if (clock != NULL) {
        race_join(rt.vc, clock);
    }
}

void race_release(race_sync *sync) {
    if (rt.vc == NULL) {
        return;
    }
    uint32_t *clock = sync_clock(*sync);
    if (clock == NULL) {
        clock = race_clock(1);
        *sync = race.first_record + race_place(clock);
    }
    race_join(clock, rt.vc);
    race_tick();
}
