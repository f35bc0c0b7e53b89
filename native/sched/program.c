/* Runs an unmodified program under the scheduler: its main is called once for each execution.
 *
 * Linked with --wrap=main. What is run is said by the environment: RACEWASH_SCHED="strategy executions seed", each of them
 * optional. The summary and the findings go to stderr; exit codes are those of the racewash command.
 */
#include <stdio.h>
#include <stdlib.h>

#include "execute.h"
#include "shim.h"

int __real_main(int argc, char **argv) __attribute__((weak));
int __wrap_main(int argc, char **argv);

static void print_finding(const rs_finding *f) {
    fprintf(stderr, "%s (%lld executions, first seed %llu): %s\n", rs_finding_name(f->kind), (long long)f->count,
            (unsigned long long)f->seed, f->message);
    for (int32_t s = 0; s < RS_STACKS; s++) {
        if (f->stacks[s].what[0] != '\0') {
            fprintf(stderr, "  %s:", f->stacks[s].what);
            for (int32_t i = 0; i < f->stacks[s].depth; i++) {
                fprintf(stderr, " %#llx", (unsigned long long)f->stacks[s].pc[i]);
            }
            fputc('\n', stderr);
        }
    }
}

int __wrap_main(int argc, char **argv) {
    char strategy[32] = "portfolio", message[RW_TEXT_LEN];
    long long executions = 1000, seed = 1;
    const char *asked = getenv("RACEWASH_SCHED");
    if (asked != NULL) {
        (void)sscanf(asked, "%31s %lld %lld", strategy, &executions, &seed);
    }
    if (!rs_canary(message, sizeof message)) {
        fprintf(stderr, "%s\n", message);
        return 3;
    }
    rs_options options = {
        .strategy = strategy, .executions = executions, .first_seed = (uint64_t)seed, .flags = RS_RACES};
    rs_result result;
    execute_set_program(__real_main, argc, argv);
    if (rs_explore(NULL, NULL, &options, &result) != RS_DONE) {
        fprintf(stderr, "%s\n", result.message);
        return 2;
    }
    fprintf(stderr, "%lld executions, %lld schedules, %lld points, %lld threads, trace %016llx\n",
            (long long)result.executions, (long long)result.distinct, (long long)result.points,
            (long long)result.thread_max, (unsigned long long)result.batch_hash);
    for (int32_t i = 0; i < result.finding_cnt; i++) {
        print_finding(&result.findings[i]);
    }
    return result.finding_cnt > 0;
}
