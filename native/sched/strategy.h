/* A strategy makes choices. It is three functions over a state of its own; it knows neither threads' stacks nor locks.
 *
 * `begin` prepares an execution (false: there is none left), `choose` says who runs next, `draw` decides everything else.
 * The scheduler asks `choose` when the fuel that the last answer granted is used up, when the running thread blocks, ends
 * or yields, or when the set of runnable threads has changed. Recording is the scheduler's own (choice.c), the same for all.
 */
#ifndef RACEWASH_STRATEGY_H
#define RACEWASH_STRATEGY_H

#include "sched.h"

typedef struct rs_view { /* what a strategy sees when asked */
    const uint8_t *ready; /* runnable threads in no particular, but reproducible order; at least two */
    int32_t ready_cnt;
    int32_t current;      /* who ran last */
    bool can_go_on;       /* it is runnable and wants to go on (false: it blocked, ended or yielded) */
    bool yielded;         /* it is runnable, but asked to be put back, or was found spinning */
    int32_t standard;     /* the default choice */
    uint64_t step;
} rs_view;

typedef struct rs_strategy {
    const char *name, *purpose;
    bool (*begin)(uint64_t seed);
    /* Returns a runnable thread; *fuel (1 when called): points that it may run before the next question. */
    int32_t (*choose)(const rs_view *view, int64_t *fuel);
    uint32_t (*draw)(uint32_t kind, uint32_t n); /* 0 .. n-1 */
} rs_strategy;

/* What a batch has measured of its plan, for strategies that need it. */
typedef struct rs_calibration {
    int64_t steps;   /* points of one execution while two threads could run */
    int64_t threads;
    uint32_t events[FIBER_MAX][16]; /* by thread and class of object (SURW) */
} rs_calibration;

extern rs_calibration calibration;
void calibrate_point(const rs_fiber *f); /* observers of the executions */
void dfs_event(const rs_fiber *f);
void dfs_forget(void); /* before a batch */
bool dfs_complete(void); /* nothing was left out but what is above the bound */
int64_t dfs_cuts(void);
extern const rs_strategy strategy_random, strategy_pct, strategy_pos, strategy_surw, strategy_dfs, strategy_dfs_plain,
    strategy_guided, strategy_portfolio, strategy_replay, strategy_force, strategy_default;

const rs_strategy *strategy_find(const char *name);
void guided_forget(void); /* before a batch */
/* What the options of the batch say, read by the strategies' begin. */
extern rs_options rs_settings;

/* ---- Random numbers: one stream for each execution, from its seed ---- */

typedef struct rs_rng {
    uint64_t s;
    bool failed; /* what was drawn of the last failure that could have been */
} rs_rng;

static inline rs_rng rng_of(uint64_t seed) {
    return (rs_rng){.s = seed * UINT64_C(0x9E3779B97F4A7C15) + UINT64_C(0x632BE59BD9B4E019)};
}

/* splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014) */
static inline uint64_t rng_next(rs_rng *r) {
    uint64_t z = (r->s += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static inline uint32_t rng_below(rs_rng *r, uint32_t n) {
    return (uint32_t)(((rng_next(r) >> 32) * n) >> 32);
}

enum { FAILS_ONE_IN = 32, FAILS_ON_PERCENT = 75, ERRS_ONE_IN = 16 };

/* What random strategies draw: failures are rare, so that executions get anywhere, and come in runs, as where memory is
 * short: what falls back on a second try must see that fail too. Whom to wake, and data, are even. */
static inline uint32_t rng_draw(rs_rng *r, uint32_t kind, uint32_t n) {
    if (kind == RS_C_FAIL) {
        r->failed = r->failed ? rng_below(r, 100) < FAILS_ON_PERCENT : rng_below(r, FAILS_ONE_IN) == 0;
        return r->failed;
    }
    if ((kind == RS_C_EXPIRE || kind == RS_C_CLOCK) && rng_below(r, ERRS_ONE_IN) != 0) {
        return 0;
    }
    return rng_below(r, n);
}

/* Number of points up to and including the first of those that each happen with this probability, scaled by 2^32. */
int64_t rng_distance(rs_rng *r, uint32_t probability);

/* Does this kind of point change what others can see of `addr`? (POS, SURW, DPOR) */
static inline bool point_writes(uint32_t kind) {
    return kind != RS_P_LOAD && kind != RS_P_CLOCK && kind != RS_P_FENCE;
}

#endif
