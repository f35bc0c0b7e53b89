/* Guided: schedules that reached new reads-from pairs are kept; later ones follow a part of one and then wander.
 *
 * The idea is that of coverage-guided fuzzing, with reads-from pairs as coverage; see Wolff, Shi, Duck, Mathur,
 * Roychoudhury, "Greybox fuzzing for concurrency testing", ASPLOS 2024. Deviation: mutation cuts a kept list of choices at a
 * random place and goes on with a bursty random walk, instead of editing constraints. What a seed gives depends on the
 * executions before it, so a finding is repeated from its choices, never from its seed.
 */
#include "strategy.h"

#include <string.h>
#include <sys/mman.h>

#include "choice.h"
#include "coverage.h"

enum { KEPT = 256, LONGEST = 4096, FRESH_START = 4 };

static struct {
    rs_rng rng;
    rs_choice *lists; /* KEPT of LONGEST entries */
    int32_t lengths[KEPT], cnt;
    const rs_choice *follow;
    int32_t left;
} guided RS_STATE;

void guided_forget(void) {
    guided.cnt = 0;
}

/* The execution before this one, whoever made its choices. */
static void keep_last(void) {
    if (coverage_fresh() == 0 || choices.cnt == 0 || choices.cnt > LONGEST || guided.lists == NULL) {
        return;
    }
    int32_t at = guided.cnt < KEPT ? guided.cnt++ : (int32_t)rng_below(&guided.rng, KEPT);
    memcpy(guided.lists + (int64_t)at * LONGEST, choices.at, (uint64_t)choices.cnt * sizeof(rs_choice));
    guided.lengths[at] = choices.cnt;
}

static bool begin(uint64_t seed) {
    guided.rng = rng_of(~seed);
    if (guided.lists == NULL) {
        void *p = mmap(NULL, (uint64_t)KEPT * LONGEST * sizeof(rs_choice), PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        guided.lists = p == MAP_FAILED ? NULL : p;
    }
    keep_last();
    guided.left = 0;
    if (guided.cnt > 0 && rng_below(&guided.rng, FRESH_START) != 0) {
        int32_t at = (int32_t)rng_below(&guided.rng, (uint32_t)guided.cnt);
        guided.follow = guided.lists + (int64_t)at * LONGEST;
        guided.left = (int32_t)rng_below(&guided.rng, (uint32_t)guided.lengths[at]) + 1;
    }
    return strategy_random.begin(seed);
}

/* The kept list's choice for this step; what doesn't fit any more ends the following. */
static const rs_choice *followed(uint64_t step, uint32_t kind) {
    if (guided.left == 0 || guided.follow->step > step) {
        return NULL;
    }
    if (guided.follow->step < step || guided.follow->kind != kind) {
        guided.left = 0;
        return NULL;
    }
    guided.left--;
    return guided.follow++;
}

static int32_t choose(const rs_view *view, int64_t *fuel) {
    const rs_choice *c = followed(view->step, RS_C_THREAD);
    if (c != NULL && (c->value >= rt.fiber_cnt || rt.fibers[c->value]->state != FIBER_READY)) {
        guided.left = 0;
        c = NULL;
    }
    if (c == NULL && guided.left == 0) {
        return strategy_random.choose(view, fuel);
    }
    *fuel = guided.left > 0 ? (int64_t)(guided.follow->step - view->step) : 1;
    return c != NULL ? c->value : view->standard;
}

static uint32_t draw(uint32_t kind, uint32_t n) {
    const rs_choice *c = followed(rs_step(), kind);
    if (c != NULL) {
        return c->value < n ? c->value : 0;
    }
    return guided.left > 0 ? 0 : strategy_random.draw(kind, n);
}

const rs_strategy strategy_guided = {
    "guided", "keeps schedules that reach new reads-from pairs and mutates them (after Wolff and others, ASPLOS 2024)",
    begin, choose, draw};
