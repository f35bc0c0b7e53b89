/* Replay: follow a list of choices; where it is silent, the default holds.
 *
 * A choice that can't be made (the thread is not runnable, the step was passed) means that the execution is another one:
 * the list is then followed no further, and the rest is the default order or, when asked for, a random walk.
 */
#include "replay.h"

static struct {
    const rs_choice *list;
    int32_t cnt, at;
    int64_t diverged_at;
    bool tolerant, wandering;
} replay RS_STATE;

void replay_set(const rs_choice *list, int32_t cnt, bool tolerant) {
    replay.list = list;
    replay.cnt = cnt;
    replay.tolerant = tolerant;
}

int64_t replay_diverged(void) {
    return replay.diverged_at;
}

static bool begin(uint64_t seed) {
    replay.at = 0;
    replay.diverged_at = -1;
    replay.wandering = false;
    return strategy_random.begin(seed);
}

static void diverge(uint64_t step) {
    replay.diverged_at = (int64_t)step;
    replay.at = replay.cnt;
    replay.wandering = replay.tolerant;
}

static const rs_choice *entry_for(uint64_t step) {
    if (replay.at >= replay.cnt) {
        return NULL;
    }
    const rs_choice *c = &replay.list[replay.at];
    if (c->step < step) {
        diverge(step);
        return NULL;
    }
    return c->step == step ? c : NULL;
}

static int32_t choose(const rs_view *view, int64_t *fuel) {
    const rs_choice *c = entry_for(view->step);
    int32_t tid = view->standard;
    if (c != NULL) {
        if (c->kind == RS_C_THREAD && c->value < rt.fiber_cnt && rt.fibers[c->value]->state == FIBER_READY) {
            tid = c->value;
            replay.at++;
        } else {
            diverge(view->step);
        }
    }
    if (replay.wandering) {
        return strategy_random.choose(view, fuel);
    }
    *fuel = replay.at < replay.cnt ? (int64_t)(replay.list[replay.at].step - view->step) : INT32_MAX;
    return tid;
}

static uint32_t draw(uint32_t kind, uint32_t n) {
    const rs_choice *c = entry_for(rs_step());
    if (c != NULL && (c->kind != kind || c->value >= n)) {
        diverge(rs_step());
        c = NULL;
    }
    if (c != NULL) {
        replay.at++;
        return c->value;
    }
    return replay.wandering ? strategy_random.draw(kind, n) : 0;
}

const rs_strategy strategy_replay = {"replay", "follows a list of choices", begin, choose, draw};
