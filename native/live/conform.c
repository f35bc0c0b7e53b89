/* One sequence on one of the two targets, the state observed after every step; and the comparison of two such runs. */
#include "live.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "observe.h"

static const double TOLERANCE = 1e-12;

#define HEAD(field) {offsetof(ob_head, field) / sizeof(int64_t), #field}
static const struct {
    size_t at;
    const char *name;
} head_names[] = {
    HEAD(code),    HEAD(supplied), HEAD(pool), HEAD(listed), HEAD(retired), HEAD(retired_bytes),
    HEAD(waiting), HEAD(size),     HEAD(lru),  HEAD(lfu),    HEAD(base),    HEAD(hold),
};
static const char *const handle_names[] = {"status", "seq",  "policy", "gets", "recent",  "score",  "pairs",
                                           "block",  "used", "pool",   "list", "retired", "station"};
enum {
    HEAD_LEN = sizeof(ob_head) / sizeof(int64_t),
    HANDLE_LEN = sizeof(ob_handle) / sizeof(int64_t),
    HEAD_NAMES = sizeof head_names / sizeof head_names[0]
};
_Static_assert(sizeof handle_names / sizeof handle_names[0] == HANDLE_LEN, "each number of a handle has a name");

RW_EXPORT void rw_conform_name(int64_t i, char *out, int64_t out_len) {
    if (i >= HEAD_LEN) {
        snprintf(out, (size_t)out_len, "%s of handle %lld", handle_names[(i - HEAD_LEN) % HANDLE_LEN],
                 (long long)((i - HEAD_LEN) / HANDLE_LEN));
        return;
    }
    size_t name = 0;
    while (name + 1 < HEAD_NAMES && head_names[name + 1].at <= (size_t)i) {
        name++;
    }
    snprintf(out, (size_t)out_len, "%s %lld", head_names[name].name, (long long)i - (long long)head_names[name].at);
}

static bool is_score(int64_t i) {
    if (i < HEAD_LEN) {
        return i >= (int64_t)(offsetof(ob_head, base) / sizeof(int64_t)) &&
               i < (int64_t)(offsetof(ob_head, hold) / sizeof(int64_t));
    }
    return (i - HEAD_LEN) % HANDLE_LEN == (int64_t)(offsetof(ob_handle, score) / sizeof(int64_t));
}

static bool equal(int64_t i, int64_t a, int64_t b) {
    double x, y;
    if (a == b || !is_score(i)) {
        return a == b;
    }
    memcpy(&x, &a, sizeof x);
    memcpy(&y, &b, sizeof y);
    return fabs(x - y) <= TOLERANCE;
}

RW_EXPORT int64_t rw_conform_compare(const int64_t *a, const int64_t *b, int64_t steps, int64_t record_len) {
    for (int64_t step = 0; step < steps; step++) {
        const int64_t *x = a + step * record_len, *y = b + step * record_len;
        if (memcmp(x, y, (size_t)record_len * sizeof *x) == 0) {
            continue;
        }
        for (int64_t i = 0; i < record_len; i++) {
            if (!equal(i, x[i], y[i])) {
                return step * record_len + i;
            }
        }
    }
    return -1;
}

static int64_t run_steps(const rw_target *target, rw_core *core, rw_thread *th, const rw_op *ops, int32_t op_cnt,
                         int64_t *out, int64_t max, int64_t *record_len) {
    int64_t (*observe)(rw_core *, rw_thread *, ob_record *) =
        strcmp(target->name, "seekdb") == 0 ? sk_observe : md_observe;
    ob_record record;
    int64_t done = 0;
    for (; done < op_cnt; done++) {
        record.head.code = target->run(th, &ops[done]);
        int64_t handles = observe(core, th, &record);
        *record_len = HEAD_LEN + handles * HANDLE_LEN;
        if (handles < 0 || (done + 1) * *record_len > max) {
            break;
        }
        memcpy(out + done * *record_len, &record, (size_t)*record_len * sizeof *out);
    }
    return done;
}

RW_EXPORT int64_t rw_conform_run(const rw_target *target, const rw_param *params, int32_t param_cnt, const rw_op *ops,
                                 int32_t op_cnt, int64_t *out, int64_t max, int64_t *record_len, char *err,
                                 int64_t err_len) {
    rw_core *core = target->create(params, param_cnt, 0, err, err_len);
    if (core == NULL) {
        return -1;
    }
    rw_thread *th = target->attach(core, 0);
    int64_t done = run_steps(target, core, th, ops, op_cnt, out, max, record_len);
    target->detach(th);
    target->destroy(core);
    return done;
}
