/* The sequential models. Each state stands for all states that the object may be in: an eviction that nobody has seen yet
 * leaves a cache both with and without the pair, and the next operation that looks decides which it was. */
#include "linear_private.h"

static const char *const models[RW_MODELS] = {"nothing", "cache", "pool", "count", "queue"};
static const char *const actions[RW_DEEDS] = {"nothing", "put",  "add",  "exists", "hit",  "miss", "erase", "absent",
                                              "clear",   "take", "give", "read",   "push", "full", "pop",   "empty"};

RW_EXPORT const char *rl_model_name(int32_t model) {
    return model >= 0 && model < RW_MODELS ? models[model] : NULL;
}

RW_EXPORT const char *rl_action_name(int32_t action) {
    return action >= 0 && action < RW_DEEDS ? actions[action] : NULL;
}

bool rl_known(const rw_deed *deed) {
    switch (deed->model) {
    case RW_M_CACHE:
        return deed->action >= RW_D_PUT && deed->action <= RW_D_CLEAR;
    case RW_M_POOL:
        return deed->action == RW_D_TAKE || deed->action == RW_D_GIVE;
    case RW_M_COUNT:
        return deed->action == RW_D_READ;
    case RW_M_QUEUE:
        return deed->action >= RW_D_PUSH && deed->action <= RW_D_EMPTY;
    default:
        return deed->model == RW_M_NONE;
    }
}

bool rl_observes(int32_t action) {
    return action == RW_D_EXISTS || action == RW_D_HIT || action == RW_D_MISS || action == RW_D_ABSENT ||
           action == RW_D_READ || action == RW_D_FULL || action == RW_D_EMPTY;
}

rl_state rl_first(int32_t model) {
    return (rl_state){.bits = RL_IS_NONE, .value = model == RW_M_COUNT ? INT64_MIN : 0};
}

/* ---- Steps ---- */

static bool become(rl_state *state, uint32_t bits, int64_t value) {
    state->bits = bits;
    state->value = value;
    return true;
}

static bool may_be_there(const rl_state *state) {
    return (state->bits & (RL_IS_VALUE | RL_IS_ANY)) != 0;
}

static bool may_be_absent(const rl_state *state) {
    return (state->bits & (RL_IS_NONE | RL_IS_ANY)) != 0;
}

static bool cache_step(const rw_deed *deed, rl_state *state) {
    switch (deed->action) {
    case RW_D_PUT:
        return become(state, RL_IS_VALUE, deed->value);
    case RW_D_ADD:
        return may_be_absent(state) && become(state, RL_IS_VALUE, deed->value);
    case RW_D_EXISTS: /* an unknown pair stays unknown */
        return may_be_there(state) && become(state, state->bits & ~(uint32_t)RL_IS_NONE, state->value);
    case RW_D_HIT:
        return ((state->bits & RL_IS_ANY) != 0 || ((state->bits & RL_IS_VALUE) != 0 && state->value == deed->value)) &&
               become(state, RL_IS_VALUE, deed->value);
    case RW_D_MISS:
    case RW_D_ABSENT:
        return may_be_absent(state) && become(state, RL_IS_NONE, 0);
    case RW_D_ERASE:
        return may_be_there(state) && become(state, RL_IS_NONE, 0);
    default:
        return become(state, RL_IS_NONE, 0);
    }
}

static bool pool_step(const rw_deed *deed, rl_state *state) {
    return deed->action == RW_D_TAKE ? may_be_absent(state) && become(state, RL_IS_VALUE, 0)
                                     : may_be_there(state) && become(state, RL_IS_NONE, 0);
}

static bool count_step(const rw_deed *deed, rl_state *state) {
    return deed->value >= state->value && become(state, RL_IS_VALUE, deed->value);
}

static bool queue_step(const rw_deed *deed, rl_state *state, const rl_queue *queue) {
    int64_t held = (int64_t)state->tail - state->head;
    switch (deed->action) {
    case RW_D_PUSH:
        if (held >= deed->object[1]) {
            return false;
        }
        /* Whoever takes this back to a shorter log overwrites it; no state on the stack has a longer one. */
        queue->log[state->tail] = deed->value;
        queue->prefix[state->tail + 1] = queue->prefix[state->tail] * RL_BASE + rl_mix((uint64_t)deed->value);
        state->tail++;
        return true;
    case RW_D_POP:
        return held > 0 && queue->log[state->head++] == deed->value;
    case RW_D_FULL:
        return held >= deed->object[1];
    default:
        return held == 0;
    }
}

bool rl_step(const rl_op *op, rl_state *state, const rl_queue *queue) {
    switch (op->deed.model) {
    case RW_M_CACHE:
        return cache_step(&op->deed, state);
    case RW_M_POOL:
        return pool_step(&op->deed, state);
    case RW_M_COUNT:
        return count_step(&op->deed, state);
    default:
        return queue_step(&op->deed, state, queue);
    }
}

/* ---- Hashes ---- */

/* The finisher of SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014). */
uint64_t rl_mix(uint64_t x) {
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

uint64_t rl_state_hash(const rl_state *state, const rl_queue *queue) {
    if (queue->log == NULL) {
        return rl_mix((uint64_t)state->value) + state->bits;
    }
    uint32_t held = state->tail - state->head;
    return rl_mix(queue->prefix[state->tail] - queue->prefix[state->head] * queue->power[held]) + held;
}
