/* A target without a cache behind it: counters in shared memory, and operations that crash, hang, leak or meet. */
#ifndef RACEWASH_FAKE_TARGET_H
#define RACEWASH_FAKE_TARGET_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "../atomics.h"
#include "../prim.h"
#include "../stress/stress.h"

enum {
    FAKE_ADD,      /* amount, return code */
    FAKE_MEET,     /* n: wait until n threads are in here */
    FAKE_STOP,     /* n: the nth call sets the stop flag */
    FAKE_CHECKED,  /* n: wait until so many instant checks were made */
    FAKE_VIOLATE,  /* thread */
    FAKE_SIGNAL,   /* signal, thread: ends the process of that thread */
    FAKE_EXIT,     /* code, thread */
    FAKE_HANG,     /* thread: never returns */
    FAKE_LEAK,     /* bytes */
    FAKE_WATCH, /* milliseconds: returns 1 when a thread is detached meanwhile */
    FAKE_OP_CNT
};

typedef struct fake { /* what all executions of a test leave behind; in a shared mapping, so that children write too */
    rw_progress progress;
    _Atomic(int64_t) sum, calls, met, attached, detached, instant, quiescent, setup_sum, at_quiescence;
    _Atomic(int64_t) violations, closed, destroyed, hung, pids;
    _Atomic(int64_t) pid[RW_MAX_THREADS + 1];
    _Atomic(int64_t) thread_pid[RW_MAX_THREADS]; /* by thread */
    int64_t attach_limit; /* threads from this one on find no room */
    int64_t crash_attaching; /* this thread's process ends while it attaches; negative: none */
    _Atomic(uintptr_t) leaked; /* the leaked block's address, inverted: no leak checker takes it for one */
} fake;

struct rw_core {
    fake *f;
};

struct rw_thread {
    rw_core *core;
    int32_t tid;
};

static fake *fake_world; /* of the test under way */
static rw_core *fake_core; /* made last */

static rw_core *fake_create(const rw_param *params, int32_t n, int64_t shared_bytes, char *err, int64_t err_len) {
    (void)shared_bytes;
    snprintf(err, (size_t)err_len, "of no interest");
    for (int32_t i = 0; i < n; i++) {
        if (strcmp(params[i].name, "refuse") == 0) {
            snprintf(err, (size_t)err_len, "refused with %d", (int)params[i].value);
            return NULL;
        }
    }
    rw_core *core = malloc(sizeof *core);
    core->f = fake_world;
    return fake_core = core;
}

static void fake_close(rw_core *core) {
    at_add(&core->f->closed, 1, relaxed);
}

static void fake_destroy(rw_core *core) {
    at_add(&core->f->destroyed, 1, relaxed);
    free(core);
}

static rw_thread *fake_attach(rw_core *core, int32_t tid) {
    fake *f = core->f;
    if (tid == f->crash_attaching) {
        raise(SIGKILL);
    }
    if (tid >= f->attach_limit) {
        return NULL;
    }
    rw_thread *t = malloc(sizeof *t);
    *t = (rw_thread){.core = core, .tid = tid};
    at_add(&f->attached, 1, relaxed);
    at_store(&f->thread_pid[tid], getpid(), relaxed);
    return t;
}

static void fake_detach(rw_thread *t) {
    at_add(&t->core->f->detached, 1, relaxed);
    free(t);
}

static void wait_for(const _Atomic(int64_t) *value, int64_t least) {
    unsigned spins = 0;
    while (at_load(value, acquire) < least) {
        cpu_relax(&spins);
    }
}

static int64_t fake_run(rw_thread *t, const rw_op *op) {
    fake *f = t->core->f;
    int64_t calls = at_add(&f->calls, 1, relaxed) + 1;
    switch (op->code) {
    case FAKE_ADD:
        at_add(&f->sum, op->arg[0], relaxed);
        return op->arg[1];
    case FAKE_MEET:
        at_add(&f->met, 1, acq_rel);
        wait_for(&f->met, op->arg[0]);
        return 0;
    case FAKE_STOP:
        if (calls == op->arg[0]) {
            at_store((_Atomic(uint64_t) *)&f->progress.stop, 1, relaxed);
        }
        return 0;
    case FAKE_CHECKED:
        wait_for(&f->instant, op->arg[0]);
        return 0;
    case FAKE_VIOLATE:
        at_add(&f->violations, t->tid == op->arg[0], relaxed);
        return -1;
    case FAKE_SIGNAL:
        return t->tid == op->arg[1] ? raise((int)op->arg[0]) : 0;
    case FAKE_EXIT:
        if (t->tid == op->arg[1]) {
            _exit((int)op->arg[0]);
        }
        return 0;
    case FAKE_HANG:
        if (t->tid == op->arg[0]) {
            at_store(&f->pid[at_add(&f->pids, 1, relaxed)], getpid(), relaxed);
            at_add(&f->hung, 1, release);
            wait_for(&f->hung, INT64_MAX);
        }
        return 0;
    case FAKE_WATCH: {
        uint64_t until = prim_now_ns() + (uint64_t)op->arg[0] * 1000000;
        int64_t before = at_load(&f->detached, relaxed), now = before;
        while (now == before && prim_now_ns() < until) {
            now = at_load(&f->detached, relaxed);
        }
        return now != before;
    }
    default:
        at_store(&f->leaked, ~(uintptr_t)malloc((size_t)op->arg[0]), relaxed);
        return 0;
    }
}

static int64_t fake_check(rw_core *core, int32_t when) {
    fake *f = core->f;
    if (when == RW_INSTANT) {
        at_add(&f->instant, 1, release);
    } else {
        assert_int_equal(when, RW_QUIESCENT);
        at_add(&f->quiescent, 1, relaxed);
        at_store(&f->at_quiescence, at_load(&f->detached, relaxed), relaxed);
    }
    return at_load(&f->violations, relaxed);
}

static int64_t fake_checks(rw_core *core, int32_t invariant) {
    return invariant == 0 ? at_load(&core->f->instant, relaxed) : at_load(&core->f->quiescent, relaxed);
}

static int32_t fake_violations(rw_core *core, rw_violation *out, int32_t max) {
    int64_t count = at_load(&core->f->violations, relaxed);
    if (count == 0 || max == 0) {
        return 0;
    }
    *out = (rw_violation){.id = "I1", .text = "met on purpose", .line = 7, .count = count};
    return 1;
}

static int32_t fake_snapshot(rw_core *core, rw_cell *out, int32_t max) {
    if (max > 0) {
        *out = (rw_cell){.group = "fake", .name = "sum", .field = "now", .value = at_load(&core->f->sum, relaxed)};
    }
    return 1;
}

static const rw_op_desc fake_ops[FAKE_OP_CNT] = {{.name = "add"}};
static const rw_invariant_desc fake_invariants[] = {{.id = "I1", .when = RW_INSTANT},
                                                    {.id = "Q1", .when = RW_QUIESCENT}};

static const rw_target fake_target = {
    .abi = RW_TARGET_ABI,
    .name = "fake",
    .ops = fake_ops,
    .op_cnt = FAKE_OP_CNT,
    .invariants = fake_invariants,
    .invariant_cnt = 2,
    .create = fake_create,
    .close = fake_close,
    .destroy = fake_destroy,
    .attach = fake_attach,
    .detach = fake_detach,
    .run = fake_run,
    .check = fake_check,
    .checks = fake_checks,
    .violations = fake_violations,
    .snapshot = fake_snapshot,
};

#endif
