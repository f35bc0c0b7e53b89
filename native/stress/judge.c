/* What an execution is judged by once its threads have ended, and how its core ends. */
#include "execution.h"

#include <string.h>

#include "fault_plan.h"

static void judge(const rw_execution *ex, rw_cell *cells, int32_t max_cells, int32_t *cell_cnt) {
    if (ex->faults != NULL) {
        faults_end(ex->faults);
    }
    ex->target->check(ex->core, RW_INSTANT);
    ex->target->check(ex->core, RW_QUIESCENT);
    *cell_cnt = ex->target->snapshot(ex->core, cells, max_cells);
    if (ex->faults != NULL && fault_plans_failure(ex->plan)) {
        ex->target->recover(ex->core);
        ex->target->check(ex->core, RW_QUIESCENT);
    }
}

/* What processes held that were killed between two operations is all that they cost: judged with it, then without it. */
static void bury(const rw_execution *ex) {
    faults_end(ex->faults);
    ex->target->check(ex->core, RW_INSTANT);
    ex->target->check(ex->core, RW_QUIESCENT);
    for (int32_t i = 0; i < ex->plan->thread_cnt; i++) {
        const rw_lane *lane = &ex->shared->lanes[i];
        if (lane->orphan) {
            ex->target->adopt(lane->context);
            ex->target->detach(lane->context);
        }
    }
}

/* What the core has noticed, also of one that a dead process may have left torn: records are only read. */
static void collect_records(const rw_execution *ex) {
    rw_outcome *out = ex->outcome;
    out->violation_cnt = ex->target->violations(ex->core, out->violations, RW_MAX_VIOLATIONS);
    for (int32_t i = 0; i < ex->target->invariant_cnt && i < RW_MAX_INVARIANTS; i++) {
        out->checks[i] = ex->target->checks(ex->core, i);
    }
}

static void collect_unhurt(const rw_execution *ex) {
    rw_outcome *out = ex->outcome;
    int32_t kept = 0, known = ex->target->invariant_cnt < 64 ? ex->target->invariant_cnt : 64;
    collect_records(ex);
    for (int32_t i = 0; i < out->violation_cnt; i++) {
        bool counts = false;
        for (int32_t id = 0; id < known && out->processes.locked == 0; id++) {
            counts = counts || ((ex->target->unhurt >> id & 1) != 0 &&
                                strcmp(ex->target->invariants[id].id, out->violations[i].id) == 0);
        }
        if (counts) {
            out->violations[kept++] = out->violations[i];
        }
    }
    out->violation_cnt = kept;
}

void judge_execution(const rw_execution *ex, rw_cell *cells, int32_t max_cells, int32_t *cell_cnt) {
    const rw_process_counts *processes = &ex->outcome->processes;
    if (ex->outcome->status == RW_CHILD_DIED) { /* the core may be torn: nothing that walks it is safe */
        collect_records(ex);
        return;
    }
    if (processes->inside > 0) {
        collect_unhurt(ex);
        ex->target->abandon(ex->core);
        return;
    }
    enter(ex, PHASE_CHECK);
    if (processes->killed > 0) {
        bury(ex);
    }
    judge(ex, cells, max_cells, cell_cnt);
    enter(ex, PHASE_DESTROY);
    ex->target->close(ex->core);
    collect_records(ex);
    ex->target->destroy(ex->core);
}
