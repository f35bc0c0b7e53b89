/* The target of the scheduled runtime's tests: see the header. */
#include "misuse_target.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../atomics.h"

enum { QUEUE = 16, SPAWNED = 8, SPAWNED_MOST = 300 };

struct rw_core {
    pthread_mutex_t a, b;
    pthread_cond_t changed;
    bool flag_set; /* under a */
    _Atomic(int) flag;
    _Alignas(8) char bytes[8];
    int word;
    _Atomic(int) ready;
    int payload;
    int queued, deepest; /* under a */
    char *shared;
    _Atomic(int) come;
    int in_place;
    int64_t violations;
};

struct rw_thread {
    rw_core *core;
    int32_t tid;
};

static rw_op_desc ops[MIS_OPS];
static const rw_invariant_desc invariants[] = {{"M1", "the queue never holds ten", RW_QUIESCENT}};
static const char *const codes[] = {"ok"};

/* What the compiler must not see through. */
static void *opaque(void *p) {
    __asm__ volatile("" : "+r"(p) : : "memory");
    return p;
}

/* In assembly, so that the address of what fails is known. */
#if defined(__x86_64__)
#define WRITE "movl $1, (%rdi)"
#elif defined(__aarch64__)
#define WRITE "str wzr, [x0]"
#endif
__asm__(".pushsection .text\n.globl misuse_write\n.hidden misuse_write\n.type misuse_write, %function\n"
        "misuse_write:\n" WRITE "\nret\n.size misuse_write, . - misuse_write\n.popsection\n");

static rw_core *create(const rw_param *params, int32_t n, int64_t shared_bytes, char *err, int64_t err_len) {
    (void)params;
    (void)shared_bytes;
    if (n > 0) {
        snprintf(err, (size_t)err_len, "there are no parameters");
        return NULL;
    }
    rw_core *core = calloc(1, sizeof *core);
    pthread_mutex_init(&core->a, NULL);
    pthread_mutex_init(&core->b, NULL);
    pthread_cond_init(&core->changed, NULL);
    core->shared = calloc(1, 16);
    return core;
}

static void heap_misuse(int32_t code) {
    char *p = malloc(24);
    p[0] = 1;
    switch (code) {
    case MIS_USE_AFTER_FREE:
        free(p);
        *(volatile char *)opaque(p) = 2;
        break;
    case MIS_OUT_OF_BOUNDS:
        *(char *)opaque(p + 24) = 2;
        free(p);
        break;
    case MIS_DOUBLE_FREE:
        free(p);
        free(opaque(p));
        break;
    case MIS_BAD_FREE:
        free(opaque(p + 8));
        break;
    case MIS_LIBRARY_COPY:
        strcpy(p, opaque("just too long to fit in there"));
        free(p);
        break;
    default: /* MIS_LEAK */
        opaque(p);
    }
}

static void lock_both(pthread_mutex_t *first, pthread_mutex_t *second) {
    pthread_mutex_lock(first);
    pthread_mutex_lock(second);
    pthread_mutex_unlock(second);
    pthread_mutex_unlock(first);
}

static void wait_flag(rw_core *core) {
    if (at_load(&core->flag, acquire) == 0) { /* outside of the mutex: the signal may come before the wait */
        pthread_mutex_lock(&core->a);
        pthread_cond_wait(&core->changed, &core->a);
        pthread_mutex_unlock(&core->a);
    }
}

static void set_flag(rw_core *core) {
    at_store(&core->flag, 1, release);
    pthread_mutex_lock(&core->a);
    pthread_cond_signal(&core->changed);
    pthread_mutex_unlock(&core->a);
}

static __attribute__((noinline)) int recurse(int depth) {
    volatile char room[1024];
    room[0] = (char)depth;
    return (opaque(&depth) != NULL ? recurse(depth + 1) : 0) + room[0];
}

static void queue(rw_core *core, int by) {
    pthread_mutex_lock(&core->a);
    core->queued += core->queued + by >= 0 ? by : 0;
    core->deepest = core->queued > core->deepest ? core->queued : core->deepest;
    pthread_mutex_unlock(&core->a);
}

static void read_clock_until(int64_t ns, _Atomic(int) *flag) {
    struct timespec began, now;
    clock_gettime(CLOCK_MONOTONIC, &began);
    do {
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while ((flag == NULL || at_load(flag, acquire) == 0) &&
             (now.tv_sec - began.tv_sec) * INT64_C(1000000000) + now.tv_nsec - began.tv_nsec < ns);
}

static void misuse_locks(rw_core *core, int32_t code) {
    pthread_mutex_t local;
    switch (code) {
    case MIS_UNLOCK_OTHERS:
        pthread_mutex_unlock(&core->b);
        break;
    case MIS_LOCK_DESTROYED:
        pthread_mutex_init(&local, NULL);
        pthread_mutex_destroy(&local);
        pthread_mutex_lock(opaque(&local));
        break;
    default: /* MIS_UNINITIALISED */
        memset(&local, 0xBE, sizeof local);
        pthread_mutex_lock(opaque(&local));
    }
}

static void *nothing(void *arg) {
    return arg;
}

static void spawn(int64_t more) {
    pthread_t threads[SPAWNED_MOST];
    int cnt = 0;
    while (cnt < SPAWNED + more && pthread_create(&threads[cnt], NULL, nothing, NULL) == 0) {
        cnt++;
    }
    while (cnt > 0) {
        pthread_join(threads[--cnt], NULL);
    }
}

static void lock_one(pthread_mutex_t *mutex) {
    pthread_mutex_lock(mutex);
    pthread_mutex_unlock(mutex);
}

static int64_t run(rw_thread *thread, const rw_op *op) {
    rw_core *core = thread->core;
    unsigned spins = 0;
    switch (op->code) {
    case MIS_NOTHING:
        break;
    case MIS_USE_AFTER_FREE:
    case MIS_OUT_OF_BOUNDS:
    case MIS_DOUBLE_FREE:
    case MIS_BAD_FREE:
    case MIS_LEAK:
    case MIS_LIBRARY_COPY:
        heap_misuse(op->code);
        break;
    case MIS_LOCK_AB:
        lock_both(&core->a, &core->b);
        break;
    case MIS_LOCK_BA:
        lock_both(&core->b, &core->a);
        break;
    case MIS_WAIT_FLAG:
        wait_flag(core);
        break;
    case MIS_SET_FLAG:
        set_flag(core);
        break;
    case MIS_UNLOCK_OTHERS:
    case MIS_LOCK_DESTROYED:
    case MIS_UNINITIALISED:
        misuse_locks(core, op->code);
        break;
    case MIS_SPIN_FOR_EVER:
        while (at_load(&core->flag, acquire) != 77) {
        }
        break;
    case MIS_SPIN_PLAIN_YIELD:
    case MIS_SPIN_FOR_FLAG:
        while (at_load(&core->flag, acquire) == 0) {
            if (op->code == MIS_SPIN_PLAIN_YIELD) {
                cpu_relax(&spins);
            }
        }
        break;
    case MIS_RAISE_FLAG:
        at_store(&core->flag, 1, release);
        break;
    case MIS_ABORT:
        abort();
    case MIS_ASSERT:
        assert(op->arg[0] == -1);
        break;
    case MIS_SEGV:
        misuse_write(opaque(NULL));
        break;
    case MIS_RECURSE:
        return recurse(0) & 0;
    case MIS_WRITE_BYTE:
        core->bytes[op->arg[0]]++;
        break;
    case MIS_WRITE_WORD:
        core->word = thread->tid;
        break;
    case MIS_READ_WORD:
        return core->word == -1;
    case MIS_FENCED_PUT:
        core->payload = 42;
        atomic_thread_fence(memory_order_release);
        at_store(&core->ready, 1, relaxed);
        break;
    case MIS_FENCED_GET:
        if (at_load(&core->ready, relaxed) == 1) {
            atomic_thread_fence(memory_order_acquire);
            core->violations += core->payload != 42;
        }
        break;
    case MIS_RELAXED_PUT:
        core->payload = 42;
        at_store(&core->ready, 1, relaxed);
        break;
    case MIS_RELAXED_GET:
        if (at_load(&core->ready, acquire) == 1) {
            core->violations += core->payload != 42;
        }
        break;
    case MIS_LOCKED_ADD:
        pthread_mutex_lock(&core->a);
        core->word++;
        pthread_mutex_unlock(&core->a);
        break;
    case MIS_QUEUE_PUT:
        queue(core, 1);
        break;
    case MIS_QUEUE_TAKE:
        queue(core, -1);
        break;
    case MIS_SLEEP:
        nanosleep(&(struct timespec){.tv_sec = op->arg[0]}, NULL);
        break;
    case MIS_READ_CLOCK_UNTIL:
        read_clock_until(op->arg[0], NULL);
        break;
    case MIS_RANDOM_BRANCH:
        if (rand() % 2 == 0) {
            at_add(&core->flag, 2, relaxed);
        }
        break;
    case MIS_LOCK_ONE:
        lock_one(op->arg[0] == 0 ? &core->a : &core->b);
        break;
    case MIS_COME:
        core->in_place += at_add(&core->come, 1, relaxed) == op->arg[0];
        break;
    case MIS_POLL_UNTIL:
        read_clock_until(op->arg[0], &core->flag);
        break;
    case MIS_SPAWN:
        spawn(op->arg[0]);
        break;
    case MIS_FREED_UNDER: {
        volatile char *p = __atomic_load_n(&core->shared, __ATOMIC_ACQUIRE);
        if (p != NULL) {
            p[op->arg[0]] = 3;
        }
        break;
    }
    case MIS_RELEASE_MANY:
        for (int64_t i = 0; i < op->arg[0]; i++) {
            core->word++;
            at_store(&core->flag, 1, release);
        }
        break;
    default: /* MIS_FREE_SHARED */
        free(__atomic_exchange_n(&core->shared, NULL, __ATOMIC_ACQ_REL));
    }
    return 0;
}

static int64_t check(rw_core *core, int32_t when) {
    if ((when & RW_INSTANT) != 0) {
        lock_both(&core->a, &core->b);
    }
    if ((when & RW_QUIESCENT) != 0) {
        core->violations += core->deepest >= 10;
        core->violations += core->in_place > 0 && core->in_place == at_load(&core->come, relaxed);
    }
    return core->violations;
}

static int64_t checks(rw_core *core, int32_t invariant) {
    (void)core;
    (void)invariant;
    return 1;
}

static int32_t violations(rw_core *core, rw_violation *out, int32_t max) {
    if (core->violations == 0 || max < 1) {
        return 0;
    }
    *out = (rw_violation){.id = "M1",
                          .text = "ten were queued, a payload was missing, or all came in their places",
                          .line = 1,
                          .thread = -1};
    return 1;
}

static int32_t snapshot(rw_core *core, rw_cell *out, int32_t max) {
    (void)core;
    (void)out;
    (void)max;
    return 0;
}

static void close_core(rw_core *core) {
    (void)core;
}

static void destroy(rw_core *core) {
    free(core->shared);
    pthread_mutex_destroy(&core->a);
    pthread_mutex_destroy(&core->b);
    pthread_cond_destroy(&core->changed);
    free(core);
}

static rw_thread *attach(rw_core *core, int32_t tid) {
    rw_thread *thread = malloc(sizeof *thread);
    *thread = (rw_thread){.core = core, .tid = tid};
    return thread;
}

static void detach(rw_thread *thread) {
    free(thread);
}

const rw_target *misuse_target(void) {
    static const rw_target target = {
        .abi = RW_TARGET_ABI,
        .name = "misuse",
        .ops = ops,
        .op_cnt = MIS_OPS,
        .invariants = invariants,
        .invariant_cnt = 1,
        .codes = codes,
        .code_cnt = 1,
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
