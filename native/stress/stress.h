/* The real-thread driver: runs one execution of a scenario on pthreads or on forked processes.
 *
 * One execution: create the core, run the set-up program in one thread, start N threads at a barrier, each interpreting its own
 * program (repeated `rounds` times, or until the deadline), quiesce, check, close, destroy. No Python in between; the
 * caller releases the interpreter's lock. Progress and the last operations of every thread are written to a mapping
 * that a supervisor in another process reads, so that they survive a crash of this one.
 *
 * Sanitizers and processes: libtsan wants TSAN_OPTIONS=die_after_fork=0 when this process has threads and a forked one
 * makes some. It sees no race between processes, and with several threads in each it may take what another process has
 * ordered for a race. LeakSanitizer looks at this process alone, after an execution; what it has reported once it
 * reports again after each later one, so a worker with a leak, like one whose process died, is best replaced.
 *
 * The part between the two cffi markers is read by the Python side: plain C declarations only.
 */
#ifndef RACEWASH_STRESS_H
#define RACEWASH_STRESS_H

#include "../target/target.h"

/* cffi: begin */
enum { RW_MAX_THREADS = 256, RW_RING = 32, RW_BUCKETS = 48, RW_MAX_VIOLATIONS = 64, RW_MAX_INVARIANTS = 64 };

typedef struct rw_program {
    const rw_op *ops;
    int32_t op_cnt;
    int32_t reserved;
} rw_program;

/* Progress of one thread, in the supervisor's mapping: written by one thread with relaxed stores. The set-up program
 * shows itself on track 0; the threads' figures start at 0 after it. */
typedef struct rw_track {
    uint64_t ops;          /* operations finished: the watchdog's sign of life */
    uint64_t started;      /* operations begun; started > ops: ring[ops % 32] is running now */
    rw_op ring[32];        /* the last operations begun */
    uint64_t pad[6];
} rw_track;

typedef struct rw_progress {
    uint64_t executions; /* finished in this worker */
    uint64_t phase;      /* 0 idle, 1 create, 2 set-up, 3 threads, 4 check, 5 destroy */
    uint64_t stop;       /* set by the supervisor: threads end after their current operation */
    uint64_t seed;       /* of the execution under way */
    uint64_t thread_cnt;
    uint64_t pad[3];
    rw_track tracks[256];
} rw_progress;

typedef struct rw_thread_stats {
    uint64_t ops;
    uint64_t codes[16];     /* operations by return code (last: all others) */
    uint64_t latency[48];   /* operations by floor(log2(nanoseconds)); sampled one in `latency_every` */
    uint64_t nanoseconds;   /* in the loop */
} rw_thread_stats;

/* One kind of failure. It is met by every allocation that all its conditions fit; of those the first `skip` succeed, then
 * every `every`-th fails, with probability `chance` (drawn for each thread from `seed`), `budget` of them at most.
 * CLOCK: the same of readings of a clock, which jumps by `jump`, or stands still where that is 0.
 * STALL: met by every point of a program's thread at which it holds `hold`; at the one after the first `skip` it stops,
 * for `steps` points of the others or for ever. */
enum { RW_FAULT_ALLOC = 0, RW_FAULT_STALL = 1, RW_FAULT_CLOCK = 2, RW_ANY_HOLD = -1 };
enum { RW_MAX_FAULTS = 8, RW_CHANCE_SURE = 1000000, RW_ANY_THREAD = -2, RW_NO_THREAD = -1 };
/* What happens to whole processes. KILL and PAUSE are met by every operation of the forked process number `thread`
 * (RW_ANY_THREAD: of all); it is killed, or stopped until the others have done `ops` operations, do none any more, or
 * all wait for it. SPACE lets the address space grow by no more than `room` bytes, except for threads' stacks. */
enum { RW_FAULT_KILL = 10, RW_FAULT_PAUSE = 11, RW_FAULT_SPACE = 12 };

typedef struct rw_fault {
    int32_t kind;   /* RW_FAULT_... */
    int32_t thread; /* index of a program; RW_NO_THREAD: creation and set-up; RW_ANY_THREAD */
    const char *label; /* NULL: any */
    const char *file;  /* how the file's path ends; NULL: any */
    int64_t line;      /* 0: any */
    uint64_t skip;
    uint64_t every;  /* 0 and 1: each */
    uint64_t budget; /* 0: for ever */
    uint64_t chance; /* parts per million; 0: sure */
    uint64_t seed;
    int64_t jump;   /* nanoseconds; below 0: back, which the real-time clock alone does */
    uint64_t steps; /* 0: for ever */
    int32_t hold;   /* index in the target's holds; RW_ANY_HOLD: whatever it holds */
    int32_t reserved;
    uint64_t ops;    /* of a pause */
    uint64_t within; /* KILL, PAUSE: at a moment drawn from `seed`, so many microseconds at most after the operation's
                      * beginning; 0: just before it */
    uint64_t room;   /* of a SPACE */
} rw_fault;

typedef struct rw_fault_counts { /* of one execution, or a sum of several */
    uint64_t points;  /* allocations that could have failed; of several executions the most of one */
    uint64_t failed;  /* failures */
    uint64_t hit;     /* executions with a failure */
    uint64_t met[8];  /* by fault; of several executions the most of one */
    uint64_t blocked; /* executions in which the others waited for what a thread held that was stopped for ever */
    uint64_t unjudged; /* those in which only the judgement at the end did */
    uint64_t reached[64]; /* by site */
    uint64_t failing[64];
    uint64_t benign[32]; /* failures that a declared scope has swallowed */
} rw_fault_counts;

typedef struct rw_process_counts { /* what a plan did to whole processes in one execution */
    uint64_t killed;
    uint64_t inside;  /* of these: in the middle of an operation */
    uint64_t locked;  /* of these: holding a lock, or nobody knows */
    uint64_t stuck;   /* the others then stood still, and were ended */
    uint64_t crashed; /* of the others, after a lock's owner had died */
    uint64_t paused;
    uint64_t awaited; /* of these: resumed early, since all others waited for it */
    uint64_t cramped; /* executions with a limit of the address space */
    uint64_t refused; /* of these: the core could not be created */
} rw_process_counts;

typedef struct rw_plan {
    const rw_param *params;
    int32_t param_cnt;
    int32_t thread_cnt;     /* over all processes */
    int32_t process_cnt;    /* 0: threads of this process; n > 0: n forked processes (not more than threads) share one
                             * core, thread i in process i % n */
    int32_t program_cnt;    /* thread i runs programs[i % program_cnt] */
    const rw_program *programs;
    rw_program setup;       /* run by one thread before the barrier */
    int32_t rounds;         /* times each program is run, at least one */
    int32_t latency_every;  /* sample one operation in so many; 0: none */
    int64_t deadline_ms;    /* stop starting operations after so long; 0: no deadline */
    int64_t shared_bytes;   /* size of the mapping in the shared mode; threads of one process may use one too */
    int32_t check_every_ms; /* instant invariants while threads run, from a thread (or process) of its own; 0: never */
    int32_t fault_cnt; /* 0: nothing fails, nothing is counted */
    const rw_fault *faults;
    int32_t check_leaks; /* asan: let LeakSanitizer look afterwards, which takes longer than a small execution */
} rw_plan;

/* A process that died by plan between two operations is buried: its contexts are detached, and all is judged. One that
 * died by plan in the middle of an operation leaves a torn core, which goes unjudged but for what the others noticed
 * meanwhile of the invariants that hold all the same; neither is RW_CHILD_DIED.
 * RW_ATTACH_FAILED: no thread has run an operation. RW_CHILD_DIED: the others were ended, and killed when they did not end
 * soon; the core may be torn, so it is neither judged nor destroyed, and its mapping stays as long as this process.
 * RW_STOPPED: by the flag; judged like RW_DONE, which a deadline is too. RW_SYSTEM: a faulty plan, or the system
 * refused something. Every status but RW_DONE has a sentence in `message`. */
enum { RW_DONE = 0, RW_CREATE_FAILED = 1, RW_ATTACH_FAILED = 2, RW_CHILD_DIED = 3, RW_STOPPED = 4, RW_SYSTEM = 5 };

typedef struct rw_outcome {
    int32_t status; /* RW_DONE, ... */
    int32_t violation_cnt;
    int32_t child_status; /* wait status of the first process that died */
    int32_t child_index; /* process_cnt: the checker's */
    int32_t leaked; /* asan: LeakSanitizer reported a leak (on stderr) after destroy */
    int32_t reserved;
    uint64_t ops;
    uint64_t nanoseconds; /* from the barrier to the last thread's end */
    char message[256];
    rw_violation violations[64];
    int64_t checks[64]; /* by invariant */
    rw_fault_counts faults;
    rw_process_counts processes;
    rw_thread_stats stats[256];
} rw_outcome;

/* Run one execution; returns outcome->status. `progress` may not be NULL, and lies in a shared mapping when processes are
 * to be seen and stopped. `cells` receives the snapshot taken at quiescence, before close: *cell_cnt cells, of which
 * only max_cells are written. */
int32_t rw_execute(const rw_target *target, const rw_plan *plan, rw_progress *progress, rw_outcome *outcome,
                   rw_cell *cells, int32_t max_cells, int32_t *cell_cnt);

/* Called at each failure that a plan makes, in the thread that it is made in: a place for a debugger's breakpoint. */
void rw_fault_here(int32_t site);

/* The planted defects of the canary: each must make its sanitizer report. Called once per worker. */
void rw_canary_race(void);
void rw_canary_overflow(void);
/* Which instrumentation this library has: "none", "thread" or "address". */
const char *rw_build_kind(void);
/* Size of a structure by name, 0 when unknown: the Python side compares its own idea with the library's. */
int64_t rw_sizeof(const char *name);

/* For `racewash bench`: each returns nanoseconds for `n` operations by each of `threads`, measured inside C. kind: see bench.c. */
int64_t rw_bench(const char *kind, int32_t threads, int64_t n, const rw_param *params, int32_t param_cnt);
/* cffi: end */

#endif
