/* Random walk: at each point, with some probability, somebody else runs.
 *
 * With probability 1 it is the uniform walk, which keeps threads so even that deep states are hardly ever reached; bursts
 * reach them. By default each execution draws a probability of its own from 1, 1/2, 1/4 ... 1/64.
 */
#include "strategy.h"

enum { PROBABILITIES = 7 };

static struct {
    rs_rng rng;
    uint32_t probability; /* scaled by 2^32, 0: one */
} walk RS_STATE;

/* Exactly geometric but for log2, which is taken as linear between powers of two: no floating point, so that all machines
 * draw the same. */
int64_t rng_distance(rs_rng *r, uint32_t probability) {
    uint32_t u = (uint32_t)(rng_next(r) >> 32) | 1;
    uint32_t zeros = (uint32_t)__builtin_clz(u);
    uint32_t fraction = (uint32_t)((uint64_t)u << (zeros + 1));
    uint64_t log2 = ((uint64_t)zeros << 16) + 65536 - (fraction >> 16); /* of 2^32 / u, scaled by 2^16 */
    uint64_t natural = log2 * 45426 >> 16;                              /* times ln 2 */
    return 1 + (int64_t)((natural << 16) / probability);
}

static bool begin(uint64_t seed) {
    walk.rng = rng_of(seed);
    double p = rs_settings.switch_probability;
    if (p <= 0) {
        uint32_t halvings = rng_below(&walk.rng, PROBABILITIES);
        walk.probability = halvings == 0 ? 0 : UINT32_C(1) << (32 - halvings);
    } else {
        walk.probability = p >= 1 ? 0 : (uint32_t)(p * 4294967296.0);
        walk.probability += p < 1 && walk.probability == 0;
    }
    return true;
}

static int32_t choose(const rs_view *view, int64_t *fuel) {
    if (walk.probability != 0) {
        *fuel = rng_distance(&walk.rng, walk.probability);
    }
    uint32_t n = (uint32_t)view->ready_cnt;
    int32_t tid = view->ready[rng_below(&walk.rng, n)];
    if (view->yielded && tid == view->current) { /* whoever yields gives way if anybody else can run */
        tid = view->ready[(uint32_t)(rt.fibers[tid]->ready_at + 1) % n];
    }
    return tid;
}

static uint32_t draw(uint32_t kind, uint32_t n) {
    return rng_draw(&walk.rng, kind, n);
}

const rs_strategy strategy_random = {
    "random", "a random walk with a switch probability: bursty by default, uniform with probability 1", begin, choose,
    draw};
