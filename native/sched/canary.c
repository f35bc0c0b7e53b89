/* Nothing checked is an error: a planted race must be found, else nothing else that was not found means anything. */
#include <stdio.h>
#include <string.h>

#include "../workload/workload.h"
#include "sched.h"

RW_EXPORT int32_t rs_canary(char *message, int64_t message_len) {
    static const rw_op touch = {.code = 0, .arg = {1}};
    const rw_program program = {.ops = &touch, .op_cnt = 1};
    const rw_plan plan = {.thread_cnt = 2, .program_cnt = 1, .programs = &program, .rounds = 1};
    const rs_options options = {.strategy = "random", .executions = 4, .flags = RS_RACES};
    rs_result result;
    const char *why = "the planted race was not found";
    if (rs_explore(&workload_canary, &plan, &options, &result) != RS_DONE) {
        why = result.message;
    } else if (result.finding_cnt >= 1 && result.findings[0].kind == RS_F_RACE) {
        const rs_finding *f = &result.findings[0];
        bool shown = f->confirmed && f->stacks[0].depth > 0 && f->stacks[1].depth > 0 && f->stacks[1].pc[0] != 0;
        if (shown) {
            snprintf(message, (size_t)message_len, "the planted race was found");
            return 1;
        }
        why = "the planted race was found, but not shown again by its choices";
    }
    snprintf(message, (size_t)message_len, "%s", why);
    return 0;
}

RW_EXPORT const rw_target *rs_workload(const char *name) {
    const rw_target *const all[] = {&workload_increments, &workload_segments, &workload_canary};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (strcmp(all[i]->name, name) == 0) {
            return all[i];
        }
    }
    return NULL;
}
