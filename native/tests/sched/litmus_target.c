/* The target of the exhaustive search's tests: see the header. A thread folds each value that it gets into its history. */
#include "litmus_target.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "../../atomics.h"

struct rw_thread {
    rw_core *core;
    int64_t *history;
};

struct rw_core {
    _Atomic(int64_t) shared[LIT_VARIABLES];
    int64_t locked[LIT_VARIABLES]; /* each under its mutex */
    pthread_mutex_t mutex[LIT_VARIABLES];
    pthread_cond_t changed;
    int64_t history[LIT_THREADS];
    rw_thread threads[LIT_THREADS];
};

static const rw_op_desc ops[LIT_OPS] = {
    [LIT_LOAD] = {"load", "remember a variable", 1, {"variable"}},
    [LIT_STORE] = {"store", "set a variable", 2, {"variable", "value"}},
    [LIT_ADD] = {"add", "add to a variable, remember what it was", 2, {"variable", "value"}},
    [LIT_CAS] = {"cas", "replace 0 or remember what is there", 2, {"variable", "value"}},
    [LIT_LOCKED] = {"locked", "change what a mutex protects, remember what it was", 2, {"variable", "value"}},
    [LIT_TRY] = {"try", "the same if the mutex is free", 2, {"variable", "value"}},
    [LIT_YIELD] = {"yield", "give way", 0, {NULL}},
    [LIT_WAIT] = {"wait", "wait for the condition unless the variable under mutex 0 is set", 0, {NULL}},
    [LIT_RANDOM] = {"random", "remember a random number", 0, {NULL}},
    [LIT_WAKE] = {"wake", "set the variable under mutex 0 and signal the condition", 0, {NULL}},
};

static rw_core *create(const rw_param *params, int32_t n, int64_t shared_bytes, char *err, int64_t err_len) {
    (void)params, (void)n, (void)shared_bytes, (void)err, (void)err_len;
    rw_core *core = calloc(1, sizeof *core);
    for (int i = 0; i < LIT_VARIABLES; i++) {
        pthread_mutex_init(&core->mutex[i], NULL);
    }
    pthread_cond_init(&core->changed, NULL);
    return core;
}

static void close_core(rw_core *core) {
    (void)core;
}

static rw_thread *attach(rw_core *core, int32_t tid) {
    core->threads[tid] = (rw_thread){core, &core->history[tid]};
    return &core->threads[tid];
}

static void detach(rw_thread *thread) {
    (void)thread;
}

static void remember(rw_thread *thread, int64_t value) {
    *thread->history = *thread->history * 31 + value + 1;
}

static void change(rw_thread *thread, int64_t variable, int64_t value) {
    remember(thread, thread->core->locked[variable]);
    thread->core->locked[variable] = thread->core->locked[variable] * 7 + value;
}

static void wait_for_it(rw_core *core, rw_thread *thread) {
    pthread_mutex_lock(&core->mutex[0]);
    while (core->locked[0] == 0) {
        pthread_cond_wait(&core->changed, &core->mutex[0]);
        remember(thread, 5);
    }
    pthread_mutex_unlock(&core->mutex[0]);
}

static int64_t run(rw_thread *thread, const rw_op *op) {
    rw_core *core = thread->core;
    int64_t variable = op->arg[0], value = op->arg[1], old = 0;
    switch (op->code) {
    case LIT_LOAD:
        remember(thread, at_load(&core->shared[variable], acquire));
        break;
    case LIT_STORE:
        at_store(&core->shared[variable], value, release);
        break;
    case LIT_ADD:
        remember(thread, at_add(&core->shared[variable], value, acq_rel));
        break;
    case LIT_CAS:
        (void)at_cas(&core->shared[variable], &old, value, acq_rel, acquire);
        remember(thread, old);
        break;
    case LIT_LOCKED:
        pthread_mutex_lock(&core->mutex[variable]);
        change(thread, variable, value);
        pthread_mutex_unlock(&core->mutex[variable]);
        break;
    case LIT_TRY:
        if (pthread_mutex_trylock(&core->mutex[variable]) == 0) {
            change(thread, variable, value);
            pthread_mutex_unlock(&core->mutex[variable]);
        }
        break;
    case LIT_RANDOM:
        remember(thread, rand());
        break;
    case LIT_WAIT:
        wait_for_it(core, thread);
        break;
    case LIT_WAKE:
        pthread_mutex_lock(&core->mutex[0]);
        change(thread, 0, 1);
        pthread_mutex_unlock(&core->mutex[0]);
        pthread_cond_signal(&core->changed);
        break;
    default:
        sched_yield();
    }
    return 0;
}

static int64_t check(rw_core *core, int32_t when) {
    (void)core, (void)when;
    return 0;
}

static int64_t checks(rw_core *core, int32_t invariant) {
    (void)core, (void)invariant;
    return 0;
}

static int32_t violations(rw_core *core, rw_violation *out, int32_t max) {
    (void)core, (void)out, (void)max;
    return 0;
}

static int32_t snapshot(rw_core *core, rw_cell *out, int32_t max) {
    for (int32_t i = 0; i < LIT_STATE && i < max; i++) {
        int32_t n = LIT_VARIABLES;
        out[i].value = i < n       ? at_load(&core->shared[i], relaxed)
                       : i < 2 * n ? core->locked[i - n]
                                   : core->history[i - 2 * n];
    }
    return LIT_STATE;
}

static void destroy(rw_core *core) {
    free(core);
}

const rw_target *litmus_target(void) {
    static const rw_target target = {
        .abi = RW_TARGET_ABI,
        .name = "litmus",
        .ops = ops,
        .op_cnt = LIT_OPS,
        .create = create,
        .close = close_core,
        .destroy = destroy,
        .attach = attach,
        .detach = detach,
        .run = run,
        .check = check,
        .checks = checks,
        .violations = violations,
        .snapshot = snapshot,
    };
    return &target;
}
