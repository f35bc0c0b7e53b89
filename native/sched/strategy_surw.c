/* SURW: a walk that is uniform over the interleavings of a few selected operations.
 *
 * Source: Zhao, Wolff, Mathur, Roychoudhury, "Selectively uniform concurrency testing", ASPLOS 2025. A random walk
 * favours some interleavings by far; choosing each thread with a probability in proportion to the number of operations
 * that it still has makes them equally likely. All operations are too many for that, so each execution selects the
 * operations on some objects: here on one of sixteen classes of addresses, drawn in proportion to nothing but its being
 * used by two threads. Between selected operations threads run freely; the thread intended for the next selected one is
 * drawn by what is left. Deviation: the numbers of operations come from one calibrating execution of the default order.
 */
#include "strategy.h"

enum { CLASSES = 16, ALL = CLASSES };

static struct {
    rs_rng rng;
    int32_t class; /* of the selected operations; ALL: every one is */
    int32_t intended;
    uint32_t left[FIBER_MAX]; /* selected operations that a thread still has, as far as known */
} surw RS_STATE;

int32_t surw_class(uintptr_t addr) {
    return (int32_t)((rs_place(addr) >> 3) * UINT64_C(0x9E3779B97F4A7C15) >> 60);
}

static bool shared(int32_t class) {
    int32_t users = 0;
    for (int32_t tid = 1; tid < calibration.threads; tid++) {
        users += calibration.events[tid][class] > 0;
    }
    return users > 1;
}

static int32_t draw_class(void) {
    int32_t cnt = 0, of[CLASSES];
    for (int32_t class = 0; class < CLASSES; class++) {
        if (shared(class)) {
            of[cnt++] = class;
        }
    }
    /* One time in cnt + 1 all operations are selected. */
    uint32_t nth = rng_below(&surw.rng, (uint32_t)cnt + 1);
    return nth < (uint32_t)cnt ? of[nth] : ALL;
}

static bool begin(uint64_t seed) {
    surw.rng = rng_of(seed);
    surw.class = draw_class();
    surw.intended = -1;
    for (int32_t tid = 0; tid < FIBER_MAX; tid++) {
        uint32_t n = 0;
        for (int32_t class = 0; tid < calibration.threads && class < CLASSES; class++) {
            n += surw.class == ALL || surw.class == class ? calibration.events[tid][class] : 0;
        }
        surw.left[tid] = n;
    }
    return true;
}

static bool selected(const rs_fiber *f) {
    return f->addr != 0 && (surw.class == ALL || surw_class(f->addr) == surw.class);
}

static int32_t draw_by_left(const rs_view *view) {
    uint64_t sum = 0;
    for (int32_t i = 0; i < view->ready_cnt; i++) {
        sum += surw.left[view->ready[i]] + 1; /* + 1: an estimate that was too low excludes nobody */
    }
    uint64_t at = rng_next(&surw.rng) % sum;
    for (int32_t i = 0;; i++) {
        uint64_t weight = surw.left[view->ready[i]] + 1;
        if (at < weight) {
            return view->ready[i];
        }
        at -= weight;
    }
}

/* Anybody whose pending operation is not selected, or the intended thread. */
static int32_t draw_free(const rs_view *view) {
    int32_t cnt = 0;
    uint8_t of[FIBER_MAX];
    for (int32_t i = 0; i < view->ready_cnt; i++) {
        const rs_fiber *f = rt.fibers[view->ready[i]];
        if ((f->tid == surw.intended || !selected(f)) && !(view->yielded && f->tid == view->current)) {
            of[cnt++] = (uint8_t)f->tid;
        }
    }
    return cnt > 0 ? of[rng_below(&surw.rng, (uint32_t)cnt)] : -1;
}

static int32_t choose(const rs_view *view, int64_t *fuel) {
    (void)fuel;
    if (surw.intended < 0 || rt.fibers[surw.intended]->state != FIBER_READY) {
        surw.intended = draw_by_left(view);
    }
    int32_t tid = draw_free(view);
    if (tid < 0) { /* only the yielding one, and selected operations of threads that were not intended */
        tid = surw.intended = draw_by_left(view);
    }
    if (selected(rt.fibers[tid])) {
        surw.left[tid] -= surw.left[tid] > 0;
        surw.intended = -1;
    }
    return tid;
}

static uint32_t draw(uint32_t kind, uint32_t n) {
    return rng_draw(&surw.rng, kind, n);
}

const rs_strategy strategy_surw = {
    "surw", "uniform over the orders of operations on selected objects (Zhao and others, ASPLOS 2025)", begin, choose,
    draw};
