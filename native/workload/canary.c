/* The canary's target: two threads write one word with nothing to order them. */
#include "workload.h"

#include <stddef.h>

struct rw_core {
    int64_t word;
};

struct rw_thread {
    rw_core *core;
};

static rw_core the_core;
static rw_thread the_threads[2];
static const rw_op_desc ops[] = {{"touch", "write the word", 0, {NULL}}};

static rw_core *create(const rw_param *params, int32_t n, int64_t shared_bytes, char *err, int64_t err_len) {
    (void)params;
    (void)n;
    (void)shared_bytes;
    (void)err;
    (void)err_len;
    return &the_core;
}

static void nothing(rw_core *core) {
    (void)core;
}

static rw_thread *attach(rw_core *core, int32_t tid) {
    the_threads[tid % 2].core = core;
    return &the_threads[tid % 2];
}

static void detach(rw_thread *thread) {
    (void)thread;
}

static int64_t run(rw_thread *thread, const rw_op *op) {
    thread->core->word += op->arg[0];
    return 0;
}

static int64_t check(rw_core *core, int32_t when) {
    (void)core;
    (void)when;
    return 0;
}

static int64_t checks(rw_core *core, int32_t invariant) {
    (void)core;
    (void)invariant;
    return 0;
}

static int32_t violations(rw_core *core, rw_violation *out, int32_t max) {
    (void)core;
    (void)out;
    (void)max;
    return 0;
}

static int32_t snapshot(rw_core *core, rw_cell *out, int32_t max) {
    (void)core;
    (void)out;
    (void)max;
    return 0;
}

const rw_target workload_canary = {
    RW_TARGET_ABI, "canary", NULL, 0,     ops,    1,          NULL,     0,    NULL, 0, create, nothing, nothing,
    attach,        detach,   run,  check, checks, violations, snapshot, NULL, NULL, 0, NULL,   0,       NULL,
    NULL,          NULL,     0,    NULL,  NULL};
