/* From a violated part to the shortest window of it that shows the violation.
 *
 * Three steps, none of which can make an explicable part inexplicable:
 * - end early: cut behind the first response up to which no order explains everything. What has not ended by then may
 *   have taken effect or not.
 * - begin late: leave out what had ended before a moment, as long as the rest has no order from *any* state. What was
 *   running at that moment may belong to what was left out, so it may be left out too.
 * - leave out, one by one, operations that only looked, when there are few.
 */
#include "linear_private.h"

enum { FEW = 64 }; /* operations, up to which they are tried one by one */

typedef struct narrowing {
    const rl_part *part;
    int64_t budget; /* for each search */
    rl_area area;
    int64_t tried;
} narrowing;

/* Is the window still inexplicable? Without an answer it is not narrowed. */
static bool violated(narrowing *n, rl_frame frame) {
    int64_t left = n->budget;
    int32_t verdict = rl_search(n->part, frame, &left, n->area);
    n->tried += n->budget - left;
    return verdict == RL_VIOLATED;
}

static uint64_t end_of(const rl_part *part, int32_t i) {
    return part->ops[part->by_response[i]]->to;
}

static uint64_t early_end(narrowing *n) {
    int32_t low = 0, high = n->part->cnt - 1; /* the first response that makes it a violation */
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (violated(n, (rl_frame){0, end_of(n->part, middle)})) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return end_of(n->part, low);
}

static uint64_t late_begin(narrowing *n, uint64_t to) {
    int32_t low = 0, high = n->part->cnt - 1; /* the last invocation to begin with */
    if (n->part->model == RW_M_QUEUE) {
        return 0; /* what it may hold at the beginning is too much */
    }
    while (low < high) {
        int32_t middle = low + (high - low + 1) / 2;
        if (violated(n, (rl_frame){n->part->ops[middle]->from, to})) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    uint64_t from = n->part->ops[low]->from;
    return low > 0 || violated(n, (rl_frame){from, to}) ? from : 0;
}

static bool in_window(const rl_part *part, int32_t i, rl_frame frame) {
    return !part->out[i] && part->ops[i]->to >= frame.from && part->ops[i]->from <= frame.to;
}

static int32_t count(const rl_part *part, rl_frame frame) {
    int32_t cnt = 0;
    for (int32_t i = 0; i < part->cnt; i++) {
        cnt += in_window(part, i, frame);
    }
    return cnt;
}

void rl_window(const rl_part *part, const rl_op *first, int64_t budget, rl_area area, rl_result *out) {
    narrowing n = {.part = part, .budget = budget, .area = area};
    rl_frame frame = {0, early_end(&n)};
    frame.from = late_begin(&n, frame.to);
    bool few = count(part, frame) <= FEW;
    for (int32_t i = part->cnt - 1; few && i >= 0; i--) {
        if (in_window(part, i, frame) && rl_observes(part->ops[i]->deed.action)) {
            part->out[i] = true;
            part->out[i] = violated(&n, frame);
        }
    }
    for (int32_t i = 0; i < part->cnt; i++) {
        if (in_window(part, i, frame)) {
            if (out->window_cnt < RL_WINDOW) {
                out->window[out->window_cnt++] = (int32_t)(part->ops[i] - first);
            } else {
                out->window_left++;
            }
        }
    }
    out->tried += n.tried;
}
