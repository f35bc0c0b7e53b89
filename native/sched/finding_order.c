/* Findings of a history that no sequential order explains. */
#include <stdio.h>

#include "finding_private.h"
#include "history.h"

/* The same model and the same operations, however often and in whichever threads. */
static uint64_t order_key(const rl_result *found, const rs_call *calls) {
    uint64_t h = (uint64_t)found->model;
    for (int32_t i = 0; i < found->window_cnt; i++) {
        bool again = false;
        for (int32_t j = 0; j < i && !again; j++) {
            again = calls[found->window[j]].op.code == calls[found->window[i]].op.code;
        }
        h += again ? 0
                   : finding_hash(UINT64_C(0xCBF29CE484222325), rt.target->ops[calls[found->window[i]].op.code].name);
    }
    return h >> 8 | ((uint64_t)RS_F_ORDER + 1) << 56;
}

void finding_order(const rl_result *found, const rl_op *ops, const rs_call *calls) {
    noted *n = finding_new(order_key(found, calls), RS_F_ORDER);
    if (n == NULL) {
        return;
    }
    rs_finding *f = &n->finding;
    f->model = found->model;
    f->window_cnt = found->window_cnt;
    f->window_left = found->window_left;
    f->step = 0;
    int used = snprintf(f->message, sizeof f->message, "not linearizable: no order explains what these did to a %s",
                        rl_model_name(found->model));
    for (int32_t i = 0; i < found->window_cnt; i++) {
        int32_t at = found->window[i];
        f->window[i] = (rs_done){ops[at], calls[at]};
        f->step = calls[at].to_step > f->step ? calls[at].to_step : f->step;
        if (used > 0 && (size_t)used < sizeof f->message) {
            char who[16];
            used += snprintf(f->message + used, sizeof f->message - (size_t)used, "%s %s of %s", i > 0 ? "," : ":",
                             rt.target->ops[calls[at].op.code].name,
                             calls[at].thread < 0 ? "the set-up" : rs_thread_text(calls[at].thread + 1, who));
        }
    }
}
