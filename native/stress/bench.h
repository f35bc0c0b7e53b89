/* Inside the benchmark: what is measured (bench_loops.c), and how (bench.c). Knows the KV cache's own adapter. */
#ifndef RACEWASH_BENCH_H
#define RACEWASH_BENCH_H

#include "../target/kvcache_private.h"
#include "execution.h"

enum {
    BENCH_KEYS = 64, /* pairs an instance; operations of a program */
    BENCH_VALUE_BYTES = 64,
    BENCH_HANDLES = 2000 /* of the traversal */
};

typedef struct bench bench;

typedef struct bench_lane {
    _Alignas(64) bench *b;
    rw_thread *context;
    pthread_t thread;
    int32_t index;
    uint64_t ended_ns;
} bench_lane;

struct bench {
    const rw_target *target;
    rw_core *core; /* NULL: the kind needs none */
    void (*loop)(const bench_lane *lane);
    int32_t threads;
    uint64_t n;
    _Alignas(64) _Atomic(int32_t) arrived;
    _Atomic(uint64_t) started_ns; /* 0: not yet */
    bench_lane lanes[RW_MAX_THREADS];
};

/* The ith operation of the program that driver and bare run, and its key. */
const char *bench_step_name(int64_t i);
int64_t bench_key_at(int64_t i);
bool bench_step_has_key(int64_t i);

/* Loops of n operations by a lane. */
void bench_bare(const bench_lane *lane);     /* the program's calls of the core, and nothing else */
void bench_get(const bench_lane *lane);      /* from the instance of the lane's number */
void bench_traverse(const bench_lane *lane); /* n counts handles */
void bench_count(const bench_lane *lane);

/* Nanoseconds of n executions of workload B, each on threads of its own; negative when one failed. */
int64_t bench_segments(uint64_t n);

#endif
