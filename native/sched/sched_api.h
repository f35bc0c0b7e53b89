/* The scheduled runtime's interface: batches of executions of one plan, and exact replay.
 *
 * One execution: create the core, run the set-up program, start one logical thread a program, join them, judge the
 * quiescent invariants, close, judge what must hold afterwards, destroy. All of it happens in one OS thread, the
 * caller's: logical threads are fibers, and which one runs next is a *choice* of the strategy. The same plan, options and
 * seed give the same execution bit for bit, in any process. Findings don't end the process: a crash of the code under
 * test ends the execution, and the batch goes on.
 *
 * What an execution is made of, in this order:
 *   point    a place where the scheduler may act: an atomic operation, a lock operation, an allocation, a clock read, ...
 *   choice   a point at which more than one outcome was possible (two runnable threads; a wait that may time out)
 *   schedule the list of choices that differ from the default (see rs_choice); it is enough to replay the execution
 *
 * Contract: not reentrant, one batch at a time in a process, always from the same OS thread. What a result points to
 * is the runtime's and stays until the next call. In a call no other OS thread may enter the code under test.
 *
 * The part between the two cffi markers is read by the Python side: plain C declarations only. It uses rw_target
 * (target.h), rw_plan (stress.h: params, thread_cnt, programs, program_cnt, setup, rounds are read, the rest is not) and
 * what linear.h says of histories.
 */
#ifndef RACEWASH_SCHED_API_H
#define RACEWASH_SCHED_API_H

#include "../linear/linear.h"
#include "../stress/stress.h"
#include "../target/target.h"

/* cffi: begin */
enum { RS_ABI = 2, RS_STACK_DEPTH = 32, RS_STACKS = 3, RS_POINT_KINDS = 20, RS_FINDING_KINDS = 20 };

/* Kinds of point; rs_point_name(kind) says them in words. RS_P_PLAIN and RS_P_VOLATILE: points on demand and always. */
enum {
    RS_P_LOAD = 0,
    RS_P_STORE = 1,
    RS_P_RMW = 2,
    RS_P_CAS = 3,
    RS_P_FENCE = 4,
    RS_P_LOCK = 5,
    RS_P_UNLOCK = 6,
    RS_P_WAIT = 7,
    RS_P_SIGNAL = 8,
    RS_P_THREAD = 9,
    RS_P_ALLOC = 10,
    RS_P_FREE = 11,
    RS_P_CLOCK = 12,
    RS_P_YIELD = 13,
    RS_P_SLEEP = 14,
    RS_P_VOLATILE = 15,
    RS_P_PLAIN = 16,
    RS_P_DRAW = 17,
    RS_P_KINDS = 18
};

/* Kinds of event that are no points, noted with RS_TRACE_ALL; rs_point_name says them too. Plain accesses of the threads
 * that run programs (not of stacks), and where an operation of a program begins (value: its index, counted on over the
 * rounds) and ends (value: what it returned). */
enum { RS_E_CALL = 32, RS_E_RETURN = 33, RS_E_READ = 34, RS_E_WRITE = 35, RS_E_END = 36 };

/* Kinds of choice. The default value of each is the one that a choice list need not mention:
 * RS_C_THREAD: which thread runs next; default: the one that runs, else (it blocked, ended or yielded) the next
 *              runnable one in cyclic order.
 * RS_C_WAKE:   which of n waiters a signal or an unlock wakes; default 0, the one that has waited longest.
 * RS_C_EXPIRE: does a timed wait end by its time although it could wait on; default 0, no.
 * RS_C_FAIL:   does this allocation (or weak compare-exchange) fail; default 0, no.
 * RS_C_CLOCK:  what this reading of a clock shows; default 0, the time; 1: what the last one did; 2: all clocks have
 *              jumped by an hour.
 * RS_C_DATA:   a random value that the code under test asks for; default 0. */
enum { RS_C_THREAD = 0, RS_C_WAKE = 1, RS_C_EXPIRE = 2, RS_C_FAIL = 3, RS_C_CLOCK = 4, RS_C_DATA = 5, RS_C_KINDS = 6 };

/* One choice that differs from the default. `step` counts points from the execution's start; the choice is made at
 * that point, and no two choices have the same step. A list is sorted by step; leaving any entry out gives a valid list. */
typedef struct rs_choice {
    uint32_t step;
    uint16_t kind;  /* RS_C_... */
    uint16_t value; /* thread for RS_C_THREAD */
} rs_choice;

/* Kinds of finding; rs_finding_name(kind) gives the stable names that the Python side prints. */
enum {
    RS_F_INVARIANT = 0,  /* the target's check or code recorded a violation: id, file, line are its */
    RS_F_RACE = 1,       /* two accesses, one a write, not both atomic, unordered; stacks: second, first */
    RS_F_FREED = 2,      /* use after free; stacks: access, free, allocation */
    RS_F_BOUNDS = 3,     /* outside of any object; stacks: access, -, allocation of the nearest object */
    RS_F_DOUBLE_FREE = 4,
    RS_F_BAD_FREE = 5,   /* free of what is not the start of an object */
    RS_F_LEAK = 6,       /* live at the end; stack: allocation */
    RS_F_DEADLOCK = 7,   /* nobody can run; the message says who waits for whom */
    RS_F_LIVELOCK = 8,   /* every runnable thread spins */
    RS_F_MUTEX = 9,      /* invalid use of a lock */
    RS_F_SIGNAL = 10,    /* SIGSEGV, SIGFPE, ... in the code under test */
    RS_F_ABORT = 11,     /* abort, failed assert, uncaught exception, exit */
    RS_F_OVERFLOW = 12,  /* a thread's stack is full */
    RS_F_CREATE = 13,    /* the target refused to create the core or to attach a thread */
    RS_F_THREAD = 14,    /* a thread was lost: joined twice, never joined */
    RS_F_UNSUPPORTED = 15, /* the code under test asked for what the runtime does not simulate */
    RS_F_ORDER = 16, /* no sequential order of the operations explains what they did: the finding has a window */
    RS_F_BLOCKED = 17, /* nobody gets on, for a thread that the plan has stopped for ever: who, and what it holds */
    RS_F_KINDS = 18
};

/* Return addresses, innermost first, as offsets in this library's file (0: outside of it): each is the one after what was
 * called, a crash's first one is the one after the beginning of the instruction that failed. */
typedef struct rs_stack {
    char what[64]; /* "write of 8 bytes", "freed", "allocated", ... ; empty: no such stack */
    int32_t thread; /* index of the program; -1: the one that creates and checks; -2: unknown */
    int32_t depth;
    uint64_t pc[32];
} rs_stack;

/* One call of an operation in a history: `steps` from its invocation to its response. What it did stands beside it. */
typedef struct rs_call {
    rw_op op;
    int64_t rc;
    uint64_t from_step, to_step;
    int32_t thread; /* index of the program; -1: the set-up's */
    int32_t reserved;
} rs_call;

typedef struct rs_done {
    rl_op did;
    rs_call call;
} rs_done;

typedef struct rs_finding {
    int32_t kind;
    int32_t line;    /* of the violation, else 0 */
    char id[8];      /* the invariant's, else empty */
    char file[64];
    char message[512];
    uint64_t seed;   /* of the execution that met it first */
    uint64_t step;   /* point at which it was noticed */
    uint64_t address; /* where, in the heap at its fixed place or as offset in the library; 0: nowhere */
    int64_t count;   /* executions that met it in this batch */
    int32_t confirmed; /* 1: replaying the choices has shown it again, and the stacks come from there */
    int32_t choice_cnt;
    const rs_choice *choices; /* all of the execution's choices up to its end */
    uint64_t trace_hash;
    const char *strategy; /* the one that made the choices (never "portfolio") */
    int64_t calibration[4]; /* what the strategy had measured beforehand; with the seed it gives the same run */
    rs_stack stacks[3];
    int32_t model;   /* RS_F_ORDER: the sequential model, the operations that have no order, and how many more */
    int32_t window_cnt, window_left;
    int32_t reserved;
    rs_done window[16];
} rs_finding;

/* One event of a traced execution. */
typedef struct rs_event {
    uint32_t step;
    int16_t thread; /* as in rs_stack */
    uint16_t kind;  /* RS_P_... or RS_E_... */
    uint32_t size;
    uint32_t chosen; /* 1: the thread was switched to just before */
    uint64_t address; /* as in rs_finding */
    uint64_t value;  /* read or written; the time read; the result of an allocation */
    uint64_t pc;
} rs_event;

/* One leg of a hand-written order: let `thread` run until it stands before its `points`-th point from here (0: until it
 * blocks or ends). A leg that can't be kept ends early. After the last leg the default order holds. */
typedef struct rs_leg {
    int32_t thread;
    int32_t kind;    /* count points of this kind only; -1: of all kinds */
    int64_t points;
} rs_leg;

/* Written while a batch runs, for another thread or process to read; `stop` is read. May be NULL. */
typedef struct rs_progress {
    uint64_t executions;
    uint64_t points;
    uint64_t decisions;
    uint64_t distinct;
    uint64_t coverage;
    uint64_t findings;
    uint64_t seed; /* of the execution under way: what to replay when the process dies */
    uint64_t stop; /* not 0: end after the current execution */
    /* What a process that dies leaves of the execution under way, told as it goes on: entries of the options' `log` and
     * `events` that are whole, and preemptions. */
    uint64_t choices, events, preemptions;
} rs_progress;

enum {
    RS_RACES = 1, /* happens-before race detection */
    RS_PLAIN_POINTS = 2, /* every plain access is a point */
    RS_COVERAGE = 4, /* count reads-from pairs (the guided strategy always does) */
    RS_NO_LEAKS = 8, /* don't judge what is live at the end */
    RS_FIRST_ONLY = 16, /* end the batch at the first finding */
    RS_NO_CONFIRM = 32, /* don't replay findings for their stacks */
    RS_TOLERANT = 64, /* replay: where the list no longer fits, go on with `seed` at random instead of giving up */
    RS_WEAK_CAS = 128, /* weak compare-exchanges may fail spuriously (a choice) */
    RS_TIMEOUTS = 256, /* timed waits may expire although they could wait on (a choice) */
    RS_FAIL_ALLOC = 512, /* malloc, and what the target can make fail, may fail (a choice) */
    RS_ATTACHED =
        1024, /* threads are attached before the first of them runs: their orders of attaching are no choices */
    RS_HISTORY = 2048, /* record histories and look for an order of each; adds no point and no choice */
    RS_CLOCKS = 4096, /* clocks may stand still, and jump (a choice) */
    RS_TRACE_ALL = 65536 /* with `events`: note what is no point too (RS_E_...); changes nothing else */
};

typedef struct rs_options {
    const char *strategy; /* rs_strategy_name(i); NULL: "portfolio" */
    const char *memory_model; /* "sc"; NULL: "sc" */
    uint64_t first_seed; /* execution i has seed first_seed + i */
    int64_t executions; /* at most so many; 0: until the time is over or the space is exhausted */
    int64_t milliseconds; /* at most so long, looked at every few executions; 0: no limit */
    int32_t flags; /* RS_RACES, ... */
    int32_t depth; /* PCT: number of change points + 1; 0: 3 */
    double switch_probability; /* random: at each point; 0: bursty, drawn anew for each execution; 1: uniform */
    int32_t preemption_bound; /* DFS: at most so many preemptions; negative: no bound */
    int32_t check_every; /* instant invariants at every k-th choice; 0: never */
    int64_t step_bound; /* points of one execution before fairness is forced, then as many again before it is
                               * called a livelock; 0: 1,000,000 */
    int64_t calibration[4]; /* all 0: measured when the batch begins */
    int32_t max_findings; /* different ones to keep; 0: 32 */
    int32_t max_choices; /* longest list to keep; 0: 1,000,000 */
    rs_choice *log; /* NULL, or room for max_choices, where the list of the execution under way stands */
    uint64_t *trace_hashes; /* NULL, or room for `executions` hashes, by seed */
    rs_event *events; /* NULL, or room for event_max events of the batch's last execution */
    int64_t event_max;
    rs_progress *progress;
} rs_options;

/* How a batch ends. RS_BAD_REQUEST: options or plan are wrong; RS_NO_MEMORY: the fixed address range is taken or memory is
 * short; RS_DIVERGED: a replay's list did not fit the execution (at `diverged_at`). `message` says it in a sentence. */
enum { RS_DONE = 0, RS_BAD_REQUEST = 1, RS_NO_MEMORY = 2, RS_DIVERGED = 3, RS_STOPPED = 4 };

typedef struct rs_result {
    int32_t status;
    int32_t finding_cnt; /* different ones kept */
    const rs_finding *findings;
    int64_t finding_total; /* executions with a finding */
    int64_t executions;
    int64_t distinct; /* different schedules (by hash; counted up to 2^22, then `distinct_full` is 1) */
    int32_t distinct_full;
    int32_t exhausted; /* 1: the strategy has seen all schedules up to its bound */
    int64_t cut; /* executions that DFS ended where they came to what it had seen */
    int64_t points;
    int64_t points_by_kind[20];
    int64_t decisions; /* points with more than one possible outcome */
    int64_t switches; /* from one thread to another */
    int64_t preemptions; /* switches away from a thread that could have gone on */
    int64_t max_steps; /* of one execution */
    int64_t bounded; /* executions in which fairness was forced */
    int64_t demotions; /* times a spinning thread was put back */
    int64_t plain_accesses; /* reads and writes that were no points */
    int64_t foreign_accesses; /* of memory that is neither heap, stack nor data of the library: not judged */
    int64_t shared_words; /* with RS_RACES: 8-byte words that two threads accessed with no order between them */
    int64_t unseen; /* calls that the runtime let pass to the system */
    int64_t coverage; /* different reads-from pairs */
    int64_t thread_max; /* logical threads in one execution, the creating one included */
    int64_t nanoseconds;
    int64_t cpu_nanoseconds; /* of this thread: what speed is measured by on a busy machine */
    int64_t invariant_checks[64]; /* sum over executions, by invariant */
    int64_t operations; /* of programs, finished */
    int64_t judged; /* RS_HISTORY: histories that have an order, or have none */
    int64_t undecided; /* those too long or too entangled to be judged */
    rw_fault_counts faults; /* of plans with faults, and where RS_FAIL_ALLOC is set */
    uint64_t trace_hash; /* of the last execution */
    uint64_t batch_hash; /* over all executions' trace hashes, in order */
    int64_t calibration[4]; /* to pass on to other batches of the same plan */
    int64_t event_cnt; /* events of the last execution; may be above event_max */
    int64_t diverged_at; /* step; -1: nowhere */
    int32_t choice_cnt; /* of the last execution */
    int32_t history_cnt; /* RS_HISTORY: of the last execution, by invocation */
    const rs_choice *choices;
    const rl_op *history;
    const rs_call *calls; /* the same operations' */
    char memory_model[8];
    char message[256];
} rs_result;

/* Explore; returns result->status. */
int32_t rs_explore(const rw_target *target, const rw_plan *plan, const rs_options *options, rs_result *result);
/* Run one execution by a choice list. options->first_seed is what data choices that the list doesn't name come from when
 * RS_TOLERANT is set. */
int32_t rs_replay(const rw_target *target, const rw_plan *plan, const rs_options *options, const rs_choice *choices,
                  int32_t choice_cnt, rs_result *result);
/* Run one execution by a hand-written order; result->choices is then a list for rs_replay. */
int32_t rs_force(const rw_target *target, const rw_plan *plan, const rs_options *options, const rs_leg *legs,
                 int32_t leg_cnt, rs_result *result);

/* For debuggers: the next traced execution that comes to this step calls rs_stop_here, which does nothing. */
void rs_stop_at(int64_t step);
void rs_stop_here(void);

/* A planted race in a tiny target must be found: 1, else 0 and a sentence. Nothing found means nothing without it. */
int32_t rs_canary(char *message, int64_t message_len);

/* Built-in targets for tests and `racewash bench`: "increments" (workload A), "segments" (workload B; parameter "defect"
 * plants one of five defects). NULL: no such name. */
const rw_target *rs_workload(const char *name);
/* Nanoseconds for n repetitions: "switch" (from one fiber to another), "point", "plain". Negative: unknown kind. */
int64_t rs_bench(const char *kind, int64_t n);

/* Names by index; NULL past the end. */
const char *rs_strategy_name(int32_t i);
const char *rs_strategy_purpose(int32_t i);
const char *rs_memory_model_name(int32_t i);
const char *rs_point_name(int32_t kind);
const char *rs_finding_name(int32_t kind);
const char *rs_choice_name(int32_t kind);
/* Size of a structure of this header by name, 0 when unknown. */
int64_t rs_sizeof(const char *name);
/* Where the library lies in this process: what the pcs are relative to. */
uint64_t rs_module_base(void);
/* cffi: end */

#endif
