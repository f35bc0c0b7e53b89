/* Histories are kept by the runtime alone: no point, no choice, nothing that the code under test could notice. */
#include "history.h"

#include <sys/mman.h>

#include "finding.h"

/* Operations of an execution; configurations that are tried for one history, which few need more than a hundred of. */
enum { HISTORY_MAX = 1 << 16, HISTORY_BUDGET = 1 << 18 };

static struct {
    rl_op *ops; /* NULL: not asked for */
    rs_call *calls;
    void *memory;
    int64_t bytes;
    int32_t cnt;
    bool lost;     /* an operation had no place */
    uint64_t time; /* invocations and responses so far */
    int32_t verdict; /* of the execution under way; -1: none yet */
    int64_t judged, undecided;
} history RS_STATE;

static void *reserve(uint64_t bytes) {
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

void history_begin_batch(void) {
    history.judged = history.undecided = 0;
    history.cnt = 0;
    if ((rt.flags & RS_HISTORY) != 0 && history.memory == NULL) {
        history.bytes = rl_memory(HISTORY_MAX, HISTORY_BUDGET);
        history.ops = reserve(HISTORY_MAX * sizeof *history.ops);
        history.calls = reserve(HISTORY_MAX * sizeof *history.calls);
        history.memory = reserve((uint64_t)history.bytes);
    }
}

void history_begin(void) {
    history.cnt = 0;
    history.time = 0;
    history.lost = false;
    history.verdict = -1;
}

const rw_deed *history_deed(rw_thread *context) {
    if ((rt.flags & RS_HISTORY) == 0 || rt.target->deed == NULL) {
        return NULL;
    }
    return rt.target->deed(context);
}

int32_t history_invoked(int32_t thread, const rw_op *op) {
    if (history.cnt == HISTORY_MAX || history.memory == NULL || history.ops == NULL || history.calls == NULL) {
        history.lost = true;
        return HISTORY_NONE;
    }
    history.ops[history.cnt] = (rl_op){.from = ++history.time, .to = UINT64_MAX};
    history.calls[history.cnt] = (rs_call){.op = *op, .from_step = rs_step(), .thread = thread};
    return history.cnt++;
}

void history_responded(int32_t call, int64_t rc, const rw_deed *deed) {
    rl_op *op = &history.ops[call];
    op->to = ++history.time;
    op->deed = *deed;
    history.calls[call].rc = rc;
    history.calls[call].to_step = rs_step();
    /* What the set-up leaves in its hands goes back when it detaches, of which no operation tells. */
    if (history.calls[call].thread == HISTORY_SETUP && deed->model == RW_M_POOL) {
        op->deed.model = RW_M_NONE;
    }
}

void history_judge(void) {
    rl_result found;
    if ((rt.flags & RS_HISTORY) == 0 || rt.target->deed == NULL) {
        return;
    }
    int32_t verdict = RL_UNDECIDED;
    if (!history.lost) {
        verdict = rl_check(history.ops, history.cnt, HISTORY_BUDGET, history.memory, history.bytes, &found);
    }
    history.verdict = verdict;
    if (verdict == RL_VIOLATED) {
        finding_order(&found, history.ops, history.calls);
    }
}

void history_count(void) {
    bool judged = history.verdict == RL_LINEARIZABLE || history.verdict == RL_VIOLATED;
    history.judged += judged;
    history.undecided += history.verdict >= 0 && !judged;
}

void history_result(rs_result *out) {
    out->judged = history.judged;
    out->undecided = history.undecided;
    out->history = history.ops;
    out->calls = history.calls;
    out->history_cnt = history.cnt;
}
