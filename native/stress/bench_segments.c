/* Workload B on real threads: what the scheduled runtime's executions of it are compared with. */
#include <stdlib.h>

#include "../workload/workload.h"
#include "bench.h"

enum { SUPPLIERS = 3, SUPPLY = 64, SUPPLIES = 2, THREADS = SUPPLIERS + 1, FAILED = -1 };

static bool sound(const rw_outcome *out) {
    return out->status == RW_DONE && out->violation_cnt == 0;
}

/* The plan is that of harness/explore/workloads.py: three suppliers of two rounds, one traverser. */
int64_t bench_segments(uint64_t n) {
    static const rw_op supply = {.code = 0, .arg = {SUPPLY}}, traverse = {.code = 1};
    const rw_op twice[SUPPLIES] = {supply, supply};
    const rw_program supplier = {.ops = twice, .op_cnt = SUPPLIES};
    const rw_program programs[THREADS] = {supplier, supplier, supplier, {.ops = &traverse, .op_cnt = 1}};
    const rw_plan plan = {.thread_cnt = THREADS, .program_cnt = THREADS, .programs = programs, .rounds = 1};
    rw_progress *progress = calloc(1, sizeof *progress);
    rw_outcome *out = calloc(1, sizeof *out);
    bool good = progress != NULL && out != NULL;
    uint64_t began = prim_now_ns();
    for (uint64_t i = 0; good && i < n; i++) {
        int32_t cells;
        (void)rw_execute(&workload_segments, &plan, progress, out, NULL, 0, &cells);
        good = sound(out);
    }
    uint64_t took = prim_now_ns() - began;
    free(progress);
    free(out);
    return good ? (int64_t)took : FAILED;
}
