/* The search for an order: Wing and Gong's, with Lowe's memoisation (see linear.h).
 *
 * Invocations and responses stand in one list, by time. An operation that is invoked before the list's first response may
 * come next; where the model agrees, it is lifted out of the list, and the search goes on with what is left. Where nothing
 * before the first response fits, the last step is taken back. A configuration that was met before is not tried again.
 */
#include "linear_private.h"

typedef struct entry {
    int32_t prev, next; /* in the list; 0 is its head, -1 behind its end */
    int32_t op;
    bool response;
} entry;

typedef struct step { /* to take back */
    int32_t op;
    rl_state state;
    uint64_t latest;
} step;

typedef struct search {
    const rl_part *part;
    rl_frame frame;
    entry *entries;
    int32_t *call, *answer; /* entries of each operation; answer 0: it may be left out */
    int32_t left;           /* operations that must still be placed */
    step *stack;
    int32_t depth;
    rl_state state;
    uint64_t latest; /* invocation among those placed */
    uint64_t high, low;
    rl_queue queue;
    rl_marks marks;
    rl_area area;
} search;

/* ---- The list ---- */

static void append(search *s, int32_t *last, int32_t *cnt, int32_t op, bool response) {
    int32_t at = (*cnt)++;
    s->entries[at] = (entry){.prev = *last, .next = -1, .op = op, .response = response};
    s->entries[*last].next = at;
    *last = at;
    if (response) {
        s->answer[op] = at;
    } else {
        s->call[op] = at;
    }
}

static void lift(search *s, int32_t at) {
    const entry *e = &s->entries[at];
    s->entries[e->prev].next = e->next;
    if (e->next >= 0) {
        s->entries[e->next].prev = e->prev;
    }
}

static void put_back(search *s, int32_t at) {
    const entry *e = &s->entries[at];
    s->entries[e->prev].next = at;
    if (e->next >= 0) {
        s->entries[e->next].prev = at;
    }
}

static bool in_frame(const search *s, int32_t op) {
    const rl_op *o = s->part->ops[op];
    return !s->part->out[op] && o->to >= s->frame.from && o->from <= s->frame.to;
}

/* Must it be placed? Not when it has not ended, and not when it may lie before the frame. */
static bool required(const search *s, int32_t op) {
    const rl_op *o = s->part->ops[op];
    return o->to <= s->frame.to && o->to != RL_NEVER && o->from >= s->frame.from;
}

/* Two operations that touch at one moment overlap, so invocations come first. */
static void make_list(search *s) {
    const rl_part *part = s->part;
    int32_t last = 0, cnt = 1, call = 0, answer = 0;
    s->entries[0] = (entry){.prev = -1, .next = -1, .op = -1};
    while (call < part->cnt || answer < part->cnt) {
        int32_t ended = answer < part->cnt ? part->by_response[answer] : -1;
        if (call < part->cnt && (ended < 0 || part->ops[call]->from <= part->ops[ended]->to)) {
            if (in_frame(s, call)) {
                append(s, &last, &cnt, call, false);
                s->answer[call] = 0;
                s->left += required(s, call);
            }
            call++;
        } else {
            if (in_frame(s, ended) && required(s, ended)) {
                append(s, &last, &cnt, ended, true);
            }
            answer++;
        }
    }
}

/* ---- Steps ---- */

static uint64_t first_response(const search *s) {
    int32_t at = s->entries[0].next;
    while (at >= 0 && !s->entries[at].response) {
        at = s->entries[at].next;
    }
    uint64_t to = at >= 0 ? s->part->ops[s->entries[at].op]->to : RL_NEVER;
    return to < s->frame.to ? to : s->frame.to;
}

/* Between the operation placed last and the next one the pair may be forgotten, when a moment that neither excludes is
 * one in which that can happen. */
static void forget(search *s) {
    if (s->part->span_cnt > 0 && s->state.bits == RL_IS_VALUE && rl_may_forget(s->part, s->latest, first_response(s))) {
        s->state.bits |= RL_IS_NONE;
    }
}

static void lift_op(search *s, int32_t op) {
    lift(s, s->call[op]);
    if (s->answer[op] != 0) {
        lift(s, s->answer[op]);
        s->left--;
    }
    s->high ^= rl_mix(2 * (uint64_t)op + 1);
    s->low ^= rl_mix(~(2 * (uint64_t)op));
}

static void put_back_op(search *s, int32_t op) {
    if (s->answer[op] != 0) {
        put_back(s, s->answer[op]);
        s->left++;
    }
    put_back(s, s->call[op]);
    s->high ^= rl_mix(2 * (uint64_t)op + 1);
    s->low ^= rl_mix(~(2 * (uint64_t)op));
}

/* Place the operation next, if the model agrees and it leads to anything new: 1, else 0; -1 when memory is used up. */
static int place(search *s, int32_t op) {
    step before = {.op = op, .state = s->state, .latest = s->latest};
    rl_state next = s->state;
    if (!rl_step(s->part->ops[op], &next, &s->queue)) {
        return 0;
    }
    lift_op(s, op);
    s->state = next;
    s->latest = s->part->ops[op]->from > s->latest ? s->part->ops[op]->from : s->latest;
    if (s->part->model == RW_M_CACHE) {
        forget(s);
    }
    int entered = rl_enter(&s->marks, s->high, s->low, rl_state_hash(&s->state, &s->queue));
    if (entered <= 0) {
        put_back_op(s, op);
        s->state = before.state;
        s->latest = before.latest;
        return entered;
    }
    s->stack[s->depth++] = before;
    return 1;
}

static int32_t take_back(search *s) {
    const step *last = &s->stack[--s->depth];
    put_back_op(s, last->op);
    s->state = last->state;
    s->latest = last->latest;
    return s->entries[s->call[last->op]].next;
}

static int32_t run(search *s, int64_t *budget) {
    int32_t at = s->entries[0].next;
    while (s->left > 0) {
        if (at >= 0 && !s->entries[at].response) {
            int placed = place(s, s->entries[at].op);
            *budget -= placed > 0;
            if (placed < 0 || *budget < 0) {
                return RL_UNDECIDED;
            }
            at = placed > 0 ? s->entries[0].next : s->entries[at].next;
        } else if (s->depth == 0) {
            return RL_VIOLATED;
        } else {
            at = take_back(s);
        }
    }
    return RL_LINEARIZABLE;
}

static bool make_queue(search *s) {
    uint64_t room = (uint64_t)s->part->cnt + 1;
    s->queue.log = rl_take(&s->area, room * sizeof *s->queue.log);
    s->queue.prefix = rl_take(&s->area, room * sizeof *s->queue.prefix);
    s->queue.power = rl_take(&s->area, room * sizeof *s->queue.power);
    if (s->queue.power == NULL) {
        return false;
    }
    s->queue.prefix[0] = 0;
    s->queue.power[0] = 1;
    for (uint64_t i = 1; i < room; i++) {
        s->queue.power[i] = s->queue.power[i - 1] * RL_BASE;
    }
    return true;
}

int32_t rl_search(const rl_part *part, rl_frame frame, int64_t *budget, rl_area area) {
    uint64_t n = (uint64_t)part->cnt;
    search s = {.part = part, .frame = frame, .state = rl_first(part->model)};
    s.entries = rl_take(&area, (2 * n + 1) * sizeof *s.entries);
    s.call = rl_take(&area, n * sizeof *s.call);
    s.answer = rl_take(&area, n * sizeof *s.answer);
    s.stack = rl_take(&area, n * sizeof *s.stack);
    s.area = area;
    if (s.stack == NULL || (part->model == RW_M_QUEUE && !make_queue(&s))) {
        return RL_UNDECIDED;
    }
    if (frame.from > 0) {
        s.state.bits = RL_IS_ANY;
    }
    s.marks.area = s.area;
    make_list(&s);
    return run(&s, budget);
}
