/* The checker: a history's objects one after the other, until one has no order. */
#include "linear_private.h"

RW_EXPORT int64_t rl_memory(int32_t cnt, int64_t budget) {
    int64_t marks = 64; /* at most half of them used, and all smaller tables before it */
    while (marks < 2 * budget + 2) {
        marks *= 2;
    }
    return 512 + 256 * ((int64_t)cnt + 1) + 2 * 16 * marks;
}

static bool whole(const rl_op *ops, int32_t cnt) {
    for (int32_t i = 0; i < cnt; i++) {
        if (ops[i].from > ops[i].to || !rl_known(&ops[i].deed)) {
            return false;
        }
    }
    return cnt >= 0;
}

static void tell(const rl_part *part, int32_t verdict, rl_result *out) {
    out->verdict = verdict;
    out->model = part->model;
    memcpy(out->object, part->object, sizeof out->object);
}

RW_EXPORT int32_t rl_check(const rl_op *ops, int32_t cnt, int64_t budget, void *memory, int64_t bytes, rl_result *out) {
    rl_area area = {memory, (char *)memory + bytes};
    rl_parts parts;
    int64_t left = budget;
    memset(out, 0, sizeof *out);
    if (!whole(ops, cnt)) {
        return out->verdict = RL_BAD;
    }
    if (!rl_divide(&parts, ops, cnt, &area)) {
        return out->verdict = RL_UNDECIDED;
    }
    for (int32_t at = 0; at < parts.cnt;) {
        rl_area rest = area;
        rl_part part;
        if (!rl_next_part(&parts, &at, &part, &rest)) {
            return out->verdict = RL_UNDECIDED;
        }
        int32_t verdict = rl_search(&part, RL_WHOLE, &left, rest);
        out->tried = budget - left;
        if (verdict == RL_VIOLATED) { /* of several it is told first, and it outweighs what was undecided */
            tell(&part, verdict, out);
            rl_window(&part, ops, budget, rest, out);
            return verdict;
        }
        if (verdict == RL_UNDECIDED && out->verdict == RL_LINEARIZABLE) {
            tell(&part, verdict, out);
        }
    }
    return out->verdict;
}
