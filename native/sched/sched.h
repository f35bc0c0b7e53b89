/* The scheduled runtime inside: its state, and the fast path that every point takes.
 *
 * Model: an execution is a sequence of points. At a point the running fiber spends one unit of *fuel*; while there is
 * some, it goes on, which costs a decrement. When the fuel is used up the scheduler asks the strategy who runs next and
 * for how many points. What changes the set of runnable threads takes the fuel away, so that the strategy is asked at the
 * next point. step() counts points: fuel is the distance to step_end.
 *
 * All state of the runtime is marked RS_STATE, which puts it into a section of its own: the library's other writable data is
 * the code under test's and is put back between executions (state.c). The runtime is compiled without instrumentation and
 * linked so that its own calls are not intercepted; the code under test's are (wrap.txt).
 */
#ifndef RACEWASH_SCHED_H
#define RACEWASH_SCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "region.h"
#include "sched_api.h"

#define RS_STATE __attribute__((section("rw_sched")))
#define RS_HOOK __attribute__((visibility("default"), used))
#define RS_COLD __attribute__((noinline, cold))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define RS_CALLER ((uintptr_t)__builtin_return_address(0))

enum {
    PROGRAM_NONE = -1, /* also the creating thread's index, in a plan of faults */
    FIBER_MAX = 255,   /* tid 255 marks cells of the shadow */
    CALL_DEPTH = 256,  /* of the stack of calls that is kept when findings are explained */
    FIBER_STACK = 256 << 10,
    SPIN_LOADS = 48,   /* points without a write after which a thread is watched for spinning */
    SPIN_REPEATS = 12, /* repetitions of one load with one value, when watched, that make it a spinner */
    SPIN_ROUNDS = 200, /* times in a row that all were spinning when it is called a livelock */
};
#define FUEL_IDLE (INT64_MAX / 4) /* outside of executions no point matters */

/* Why an access or operation leaves the fast path; any bit set in rt.mode. */
enum {
    MODE_RACE = 1,
    MODE_PLAIN = 2,    /* plain accesses are points */
    MODE_EXPLAIN = 4,  /* calls, accesses to watched memory and allocations are noted with their stacks */
    MODE_TRACE = 8,
    MODE_COVER = 16,
    MODE_WATCH = 32,   /* the running fiber may be spinning */
    MODE_SPINNERS = 64, /* some fiber waits for any write */
    MODES_OF_PLAIN = MODE_RACE | MODE_PLAIN | MODE_EXPLAIN | MODE_TRACE /* those that plain accesses mind */
};

typedef enum fiber_state {
    FIBER_UNUSED,
    FIBER_READY,
    FIBER_SPINNING, /* put back until somebody writes */
    FIBER_BLOCKED,
    FIBER_STALLED, /* stopped by plan: goes on after some steps */
    FIBER_DEAD,    /* stopped by plan, for ever */
    FIBER_DONE
} fiber_state;

typedef struct rs_fiber {
    void *sp;
    int32_t tid;      /* 0: creates, checks, destroys */
    int32_t program;  /* index; PROGRAM_NONE: creates, checks, or was started by the target */
    uint8_t state;    /* fiber_state */
    uint8_t timed;    /* blocked with a deadline */
    uint8_t expired;  /* woken by its deadline */
    uint8_t watched;  /* MODE_WATCH or 0 */
    uint8_t detached, joined, fenced;
    uint8_t cancelled;
    uint8_t ready_at; /* index in rt.ready */
    /* The pending operation: what it does when it runs next. */
    uint32_t kind;
    uintptr_t addr;
    /* Waiting */
    const void *wait_obj;
    const char *wait_what; /* "lock", "condition", ... */
    int32_t wait_for;      /* the thread that has it, -1: nobody in particular */
    uint64_t wait_seq, deadline;
    uint64_t stalled_until; /* step */
    /* Spinning */
    uint64_t last_write; /* rt.wrote_at while it does not run */
    uintptr_t spin_addr;
    uint64_t spin_value;
    uint32_t spin_repeats, spin_loads, spin_window;
    /* Race detector: its clock, and those of fences */
    uint32_t *vc, *fence_acquire, *fence_release;
    /* The thread's own */
    void *(*start)(void *);
    void *arg, *result;
    int saved_errno;
    void *exception[2];
    char *tls;        /* its copy of the library's thread-local block */
    int32_t key_cnt;  /* used of keys */
    void *keys[64];   /* pthread keys */
    void *resume;     /* where its last words go when it ends by pthread_exit: a jmp_buf */
    uint64_t chance;  /* state of what rand() and the like give */
    int64_t ops;      /* operations of its program that have ended */
    uint64_t points;  /* passed in all; only kept exact at switches */
    int32_t depth;    /* of calls */
    uintptr_t calls[CALL_DEPTH];
} rs_fiber;

struct rs_strategy;
struct rs_memory_model;

typedef struct rs_runtime {
    /* Hot: one cache line or two */
    int64_t fuel;
    uint64_t step_end; /* step when the fuel is used up */
    uint64_t hash;
    uint32_t mode;
    uint32_t epoch;    /* of the running fiber: vc[tid] */
    rs_fiber *cur;
    uint32_t *vc;
    uint64_t wrote_at; /* step of the running fiber's last write, lock operation, ... */
    uintptr_t module_lo; /* where the library lies: addresses are hashed and reported relative to it */
    uint64_t module_bytes;
    uint64_t plain, foreign;
    uintptr_t data_lo; /* the library's writable data */
    uint64_t data_bytes;
    uint64_t points[RS_POINT_KINDS];

    bool active;       /* an execution is under way */
    bool checking;     /* instant invariants are being judged: no points, no choices */
    bool ending;       /* the execution is over, whatever still runs */
    bool reliable;     /* allocations no longer fail by choice */
    bool fair;         /* the step bound was passed: round robin */
    bool stalls;       /* the plan may still stop a thread, or has stopped one: see stall.h */
    bool clock_faults; /* the plan meddles with the clock */
    bool judging;      /* all threads have ended but those that the plan has stopped for ever */
    int32_t ready_cnt, spinner_cnt, fiber_cnt, live_cnt, timed_cnt;
    uint8_t ready[FIBER_MAX];
    uint64_t wait_seq;
    uint64_t asked_at; /* step of the last decision */
    uint64_t granted;  /* until that step nobody need be asked, however often somebody looks */
    uint64_t stall_until; /* step at which the next stopped thread goes on */
    int32_t stalled_cnt, dead_cnt;
    uint64_t next_deadline, clock_ns, clock_step;
    uint64_t clock_reads, clock_alone, clock_switches; /* readings: all, and in a row by one thread */
    uint32_t spin_rounds;
    uint64_t spin_reads; /* clock_reads at the last of them */
    uint64_t bound, check_at;
    bool check_waits;  /* a check that had to wait goes on at the next point */
    rs_fiber *checker; /* judges instant invariants; NULL: not in this execution, or not yet */
    uint64_t decisions, switches, preemptions, demotions, unseen, operations;
    int64_t check_every;
    uint32_t flags;
    uint32_t base_mode, whole_mode; /* of all fibers now, and while several run */
    /* Told of every operation about to be done, for strategies that look at them all; NULL: nobody. */
    void (*observer)(const rs_fiber *next);
    const struct rs_strategy *strategy;
    const struct rs_memory_model *model; /* NULL: sequential consistency, inline */
    const rw_target *target;
    const rw_plan *plan;
    rw_core *core;
    uint64_t seed;
    rs_progress *told; /* the batch's, or sched_nobodys: never NULL */
    rs_fiber *fibers[FIBER_MAX];
} rs_runtime;

extern rs_runtime rt;
extern rs_progress sched_nobodys; /* which nobody reads */

static inline uint64_t rs_step(void) {
    return rt.step_end - (uint64_t)rt.fuel;
}

/* state.c, for addresses outside of the library (and above the arena) */
uint64_t rs_normal_outside(uintptr_t a);
uint64_t rs_place_outside(uintptr_t a);

/* Addresses in the library and in its thread-local block differ between processes, those in the arena don't. */
static inline uint64_t rs_normal(uintptr_t a) {
    return a - rt.module_lo < rt.module_bytes ? a - rt.module_lo : rs_normal_outside(a);
}

/* What choices and hashes may depend on: the same in every process, wherever the address lies. Nothing that is placed at
 * random lies below the arena. */
static inline uint64_t rs_place(uintptr_t a) {
    return likely(a < ARENA_BASE + ARENA_BYTES)         ? a
           : likely(a - rt.module_lo < rt.module_bytes) ? a - rt.module_lo
                                                        : rs_place_outside(a);
}

/* One to one in either argument, so that one difference is never lost; batches compare all 64 bits. */
static inline void rs_mix(uint64_t word) {
    rt.hash = (rt.hash + word) * UINT64_C(0x9E3779B97F4A7C15);
}

static inline void rs_count_point(uint32_t kind, uintptr_t addr) {
    rt.points[kind]++;
    rs_mix((rs_place(addr) << 5) + kind);
    rt.fuel--;
}

/* sched.c: the fuel is used up at a point. */
void sched_slow(uint32_t kind, uintptr_t addr);

/* A point: the operation that the running fiber is about to do. Others may run before it returns. */
static inline void rs_point(uint32_t kind, uintptr_t addr) {
    rs_count_point(kind, addr);
    if (unlikely(rt.fuel <= 0)) {
        sched_slow(kind, addr);
    }
}

/* ---- sched.c ---- */

void sched_begin(void);
/* Run fiber 0 on `start` until the execution is over. */
void sched_run(void *(*start)(void *), void *arg);
/* The execution is over: never returns to the calling fiber. */
_Noreturn void sched_end(void);
/* The strategy is asked at the next point. */
void sched_ask_soon(void);
/* Wait for `obj` until woken; false: the deadline (virtual nanoseconds, 0: none) came first. */
bool sched_block(const void *obj, const char *what, int32_t owner, uint64_t deadline);
void sched_wake(rs_fiber *f);
/* Wake all that wait for obj, or `n` of them by choice; how many were woken. */
int32_t sched_wake_all(const void *obj);
int32_t sched_wake_some(const void *obj, int32_t n);
int32_t sched_waiting(const void *obj); /* how many wait for it */
void sched_yield_now(void);
/* Any write: spinners may look again. */
void sched_wake_spinners(void);
rs_fiber *sched_spawn(void *(*start)(void *), void *arg); /* NULL: too many */
rs_fiber *sched_spawn_apart(void *(*start)(void *), void *arg);
/* One more step that is a choice among 0 .. n-1. */
uint32_t sched_draw(uint32_t kind, uint32_t n);
/* spin.c: begin to watch; the running, watched fiber has loaded a value. */
void spin_watch(rs_fiber *f);
void spin_loaded(uintptr_t addr, uint64_t value);
/* All runnable threads spin: false when that has lasted too long. */
bool spin_all(void);
/* clock.c: virtual time in nanoseconds; reading it moves it. */
uint64_t clock_now(void);
uint64_t clock_peek(void);
void clock_begin(void);
void clock_advance_to(uint64_t ns);

static inline void rs_wrote(void) {
    rt.wrote_at = rs_step();
    if (unlikely(rt.mode & (MODE_SPINNERS | MODE_WATCH))) {
        sched_wake_spinners();
    }
}

/* ---- fiber.c ---- */

rs_fiber *fiber_make(int32_t tid);
/* Prepare it to run `entry` when switched to. */
void fiber_prepare(rs_fiber *f, void (*entry)(void));
void fiber_switch(rs_fiber *from, rs_fiber *to);
/* Leave the fibers, back to whoever called fiber_enter. */
_Noreturn void fiber_leave(void);
void fiber_enter(rs_fiber *first);
void fiber_begin(void);
bool fiber_guards(uintptr_t addr); /* is it in the guard below some stack? */
void rs_switch_stack(void **save_sp, void *to_sp); /* switch_*.S */

/* ---- Others that everybody calls ---- */

/* state.c */
bool state_find(void);   /* where the library and its data lie */
void state_save(void);
void state_restore(void);
/* names.c */
const char *rs_thread_text(int32_t tid, char text[16]);
/* crash.c: fatal signals end the execution, not the process, between these two. */
void crash_guard(void);
void crash_unguard(void);

#endif
