/* The configurations that a search has met: a set of 128-bit hashes, by open addressing. */
#include "linear_private.h"

static bool is_empty(const rl_mark *m) {
    return m->high == 0 && m->low == 0;
}

static bool insert(rl_mark *at, uint64_t room, rl_mark m) {
    for (uint64_t i = m.low & (room - 1);; i = (i + 1) & (room - 1)) {
        if (is_empty(&at[i])) {
            at[i] = m;
            return true;
        }
        if (at[i].high == m.high && at[i].low == m.low) {
            return false;
        }
    }
}

/* Twice as large, behind the old one; what that leaves unused is less than the new one. */
static bool grow(rl_marks *marks) {
    uint64_t room = marks->room > 0 ? 2 * marks->room : 64;
    rl_mark *at = rl_take(&marks->area, room * sizeof *at);
    if (at == NULL) {
        return false;
    }
    memset(at, 0, room * sizeof *at);
    for (uint64_t i = 0; i < marks->room; i++) {
        if (!is_empty(&marks->at[i])) {
            (void)insert(at, room, marks->at[i]);
        }
    }
    marks->at = at;
    marks->room = room;
    return true;
}

int rl_enter(rl_marks *marks, uint64_t high, uint64_t low, uint64_t state) {
    if (2 * marks->used >= marks->room && !grow(marks)) {
        return -1;
    }
    rl_mark m = {high + rl_mix(state), low + rl_mix(state ^ UINT64_C(0xA24BAED4963EE407))};
    m.low |= m.high == 0; /* never the empty mark */
    bool fresh = insert(marks->at, marks->room, m);
    marks->used += fresh;
    return fresh;
}
