/* Workload A: threads that add to one atomic counter; afterwards it must have the sum. */
#include <stdio.h>
#include <string.h>

#include "../atomics.h"
#include "workload.h"

struct rw_core {
    _Atomic(int64_t) total;
    int64_t expected; /* written by the creating thread, before and after the others */
    int64_t violations, checks;
};

struct rw_thread {
    rw_core *core;
};

static rw_core the_core;
enum { THREADS = 64 };

static rw_thread the_threads[THREADS];

static const rw_param_desc params[] = {{"expected", "the sum that must come out; 0: not judged", 0, 0, INT64_MAX}};
static const rw_op_desc ops[] = {{"add", "n atomic increments", 1, {"n"}},
                                 {"add_torn", "n increments as a load and a store: a planted defect", 1, {"n"}}};
static const rw_invariant_desc invariants[] = {{"A1", "the counter is the number of increments", RW_QUIESCENT}};
static const char *const codes[] = {"ok"};

static rw_core *create(const rw_param *given, int32_t n, int64_t shared_bytes, char *err, int64_t err_len) {
    (void)shared_bytes;
    if (n > 1 || (n == 1 && strcmp(given[0].name, "expected") != 0)) {
        snprintf(err, (size_t)err_len, "the only parameter is 'expected'");
        return NULL;
    }
    the_core.expected = n == 1 ? given[0].value : 0;
    return &the_core;
}

static void close_core(rw_core *core) {
    (void)core;
}

static rw_thread *attach(rw_core *core, int32_t tid) {
    if (tid >= THREADS) {
        return NULL;
    }
    the_threads[tid].core = core;
    return &the_threads[tid];
}

static void detach(rw_thread *thread) {
    (void)thread;
}

static int64_t run(rw_thread *thread, const rw_op *op) {
    rw_core *core = thread->core;
    for (int64_t i = 0; i < op->arg[0]; i++) {
        if (op->code == 0) {
            at_add(&core->total, 1, seq_cst);
        } else {
            at_store(&core->total, at_load(&core->total, seq_cst) + 1, seq_cst);
        }
    }
    return 0;
}

static int64_t check(rw_core *core, int32_t when) {
    if ((when & RW_QUIESCENT) != 0 && core->expected != 0) {
        core->checks++;
        core->violations += at_load(&core->total, relaxed) != core->expected;
    }
    return core->violations;
}

static int64_t checks(rw_core *core, int32_t invariant) {
    (void)invariant;
    return core->checks;
}

static int32_t violations(rw_core *core, rw_violation *out, int32_t max) {
    if (core->violations == 0 || max < 1) {
        return 0;
    }
    *out = (rw_violation){.id = "A1", .file = __FILE__, .line = __LINE__, .thread = -1, .count = core->violations};
    snprintf(out->text, sizeof out->text, "the counter is %lld instead of %lld",
             (long long)at_load(&core->total, relaxed), (long long)core->expected);
    return 1;
}

static int32_t snapshot(rw_core *core, rw_cell *out, int32_t max) {
    if (max > 0) {
        *out = (rw_cell){.group = "counter", .name = "total", .field = "value"};
        out->value = at_load(&core->total, relaxed);
    }
    return 1;
}

const rw_target workload_increments = {
    RW_TARGET_ABI, "increments", params,     1,      ops,    2,    invariants, 1,      codes,      1,
    create,        close_core,   close_core, attach, detach, run,  check,      checks, violations, snapshot,
    NULL,          NULL,         0,          NULL,   0,      NULL, NULL,       NULL,   0,          NULL,
    NULL};
