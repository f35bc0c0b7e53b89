/* Names and sizes, for those who print. */
#include <stdio.h>
#include <string.h>

#include "sched.h"

static const char *const points[] = {
    [RS_P_LOAD] = "load",     [RS_P_STORE] = "store",   [RS_P_RMW] = "rmw",       [RS_P_CAS] = "cas",
    [RS_P_FENCE] = "fence",   [RS_P_LOCK] = "lock",     [RS_P_UNLOCK] = "unlock", [RS_P_WAIT] = "wait",
    [RS_P_SIGNAL] = "signal", [RS_P_THREAD] = "thread", [RS_P_ALLOC] = "alloc",   [RS_P_FREE] = "free",
    [RS_P_CLOCK] = "clock",   [RS_P_YIELD] = "yield",   [RS_P_SLEEP] = "sleep",   [RS_P_VOLATILE] = "volatile",
    [RS_P_PLAIN] = "plain",   [RS_P_DRAW] = "draw",
};

static const char *const events[] = {"call", "return", "read", "write"};

static const char *const findings[] = {
    [RS_F_INVARIANT] = "invariant",
    [RS_F_RACE] = "race",
    [RS_F_FREED] = "use-after-free",
    [RS_F_BOUNDS] = "bounds",
    [RS_F_DOUBLE_FREE] = "double-free",
    [RS_F_BAD_FREE] = "bad-free",
    [RS_F_LEAK] = "leak",
    [RS_F_DEADLOCK] = "deadlock",
    [RS_F_LIVELOCK] = "livelock",
    [RS_F_MUTEX] = "mutex",
    [RS_F_SIGNAL] = "signal",
    [RS_F_ABORT] = "abort",
    [RS_F_OVERFLOW] = "stack-overflow",
    [RS_F_CREATE] = "create",
    [RS_F_THREAD] = "thread",
    [RS_F_UNSUPPORTED] = "unsupported",
    [RS_F_ORDER] = "not-linearizable",
    [RS_F_BLOCKED] = "blocked",
};

static const char *const choice_kinds[] = {"thread", "wake", "expire", "fail", "clock", "data"};

RW_EXPORT const char *rs_point_name(int32_t kind) {
    if (kind >= RS_E_CALL && kind < RS_E_END) {
        return events[kind - RS_E_CALL];
    }
    return kind >= 0 && kind < RS_P_KINDS ? points[kind] : NULL;
}

RW_EXPORT const char *rs_finding_name(int32_t kind) {
    return kind >= 0 && kind < RS_F_KINDS ? findings[kind] : NULL;
}

RW_EXPORT const char *rs_choice_name(int32_t kind) {
    return kind >= 0 && kind < RS_C_KINDS ? choice_kinds[kind] : NULL;
}

const char *rs_thread_text(int32_t tid, char text[16]) {
    if (tid == 0) {
        return "the main thread";
    }
    snprintf(text, 16, "thread %d", (int)(int16_t)(tid - 1));
    return text;
}

RW_EXPORT int64_t rs_sizeof(const char *name) {
    static const struct {
        const char *name;
        int64_t size;
    } sizes[] = {
        {"rs_choice", sizeof(rs_choice)},   {"rs_stack", sizeof(rs_stack)},   {"rs_finding", sizeof(rs_finding)},
        {"rs_event", sizeof(rs_event)},     {"rs_leg", sizeof(rs_leg)},       {"rs_progress", sizeof(rs_progress)},
        {"rs_options", sizeof(rs_options)}, {"rs_result", sizeof(rs_result)}, {"rs_call", sizeof(rs_call)},
        {"rs_done", sizeof(rs_done)},       {"rl_op", sizeof(rl_op)},         {"rl_result", sizeof(rl_result)},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        if (strcmp(sizes[i].name, name) == 0) {
            return sizes[i].size;
        }
    }
    return 0;
}

RW_EXPORT uint64_t rs_module_base(void) {
    return state_find() ? rt.module_lo : 0;
}
