/* A history divided by object: linearizable as a whole if and only if each object's part is (Herlihy and Wing's locality;
 * for the keys of a map, Horn and Kroening's P-compositionality). */
#include "linear_private.h"

void *rl_take(rl_area *area, uint64_t bytes) {
    uint64_t room = (uint64_t)(area->end - area->at), need = (bytes + 15) & ~UINT64_C(15);
    if (need > room) {
        return NULL;
    }
    void *p = area->at;
    area->at += need;
    return p;
}

/* ---- Order ---- */

static int object_order(const rl_op *a, const rl_op *b) {
    if (a->deed.model != b->deed.model) {
        return a->deed.model < b->deed.model ? -1 : 1;
    }
    for (int i = 0; i < 3; i++) {
        if (a->deed.object[i] != b->deed.object[i]) {
            return a->deed.object[i] < b->deed.object[i] ? -1 : 1;
        }
    }
    return 0;
}

/* Is a before b? Indexes of whatever `where` is. */
typedef bool (*earlier)(const void *where, int32_t a, int32_t b);

static bool by_invocation(const void *where, int32_t a, int32_t b) {
    const rl_op *ops = where;
    return ops[a].from < ops[b].from;
}

static bool by_object(const void *where, int32_t a, int32_t b) {
    const rl_op *ops = where;
    int order = object_order(&ops[a], &ops[b]);
    return order < 0 || (order == 0 && ops[a].from < ops[b].from);
}

static bool by_response(const void *where, int32_t a, int32_t b) {
    const rl_part *part = where;
    return part->ops[a]->to < part->ops[b]->to;
}

/* A merge sort, stable, from the bottom up. */
static void sort(int32_t *at, int32_t cnt, int32_t *spare, earlier before, const void *where) {
    for (int32_t width = 1; width < cnt; width *= 2) {
        for (int32_t from = 0; from < cnt; from += 2 * width) {
            int32_t middle = from + width < cnt ? from + width : cnt;
            int32_t end = middle + width < cnt ? middle + width : cnt;
            int32_t left = from, right = middle;
            for (int32_t out = from; out < end; out++) {
                bool take = left < middle && (right == end || !before(where, at[right], at[left]));
                spare[out] = take ? at[left++] : at[right++];
            }
        }
        memcpy(at, spare, (size_t)cnt * sizeof *at);
    }
}

/* ---- Spans ---- */

/* Append to spans that are apart and in order. */
static int32_t join(rl_span *spans, int32_t cnt, rl_span next) {
    if (cnt > 0 && next.from <= spans[cnt - 1].to) {
        spans[cnt - 1].to = next.to > spans[cnt - 1].to ? next.to : spans[cnt - 1].to;
        return cnt;
    }
    spans[cnt] = next;
    return cnt + 1;
}

static bool meets(const rl_span *spans, int32_t cnt, uint64_t from, uint64_t to) {
    int32_t low = 0, high = cnt; /* the first that ends at `from` or later */
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (spans[middle].to < from) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < cnt && spans[low].from <= to;
}

bool rl_may_forget(const rl_part *part, uint64_t from, uint64_t to) {
    return meets(part->spans, part->span_cnt, from, to);
}

/* ---- Division ---- */

bool rl_divide(rl_parts *parts, const rl_op *ops, int32_t cnt, rl_area *area) {
    uint64_t n = (uint64_t)cnt;
    *parts = (rl_parts){.ops = ops,
                        .order = rl_take(area, n * sizeof(int32_t)),
                        .clears = rl_take(area, n * sizeof(int32_t)),
                        .evicts = rl_take(area, n * sizeof(rl_span))};
    int32_t *spare = rl_take(area, n * sizeof(int32_t)), *washes = rl_take(area, n * sizeof(int32_t)), wash_cnt = 0;
    if (washes == NULL) {
        return false;
    }
    for (int32_t i = 0; i < cnt; i++) {
        const rw_deed *deed = &ops[i].deed;
        if (deed->action == RW_D_CLEAR) {
            parts->clears[parts->clear_cnt++] = i;
        } else if (deed->model != RW_M_NONE) {
            parts->order[parts->cnt++] = i;
        }
        if (deed->evicts != 0) {
            washes[wash_cnt++] = i;
        }
    }
    sort(parts->order, parts->cnt, spare, by_object, ops);
    sort(parts->clears, parts->clear_cnt, spare, by_invocation, ops);
    sort(washes, wash_cnt, spare, by_invocation, ops);
    for (int32_t i = 0; i < wash_cnt; i++) {
        const rl_op *op = &ops[washes[i]];
        parts->evict_cnt = join(parts->evicts, parts->evict_cnt, (rl_span){op->from, op->to});
    }
    return true;
}

static bool clears(const rw_deed *clear, const rw_deed *deed) {
    for (int i = 0; i < 3; i++) {
        if (clear->object[i] != RW_ANY && clear->object[i] != deed->object[i]) {
            return false;
        }
    }
    return deed->model == RW_M_CACHE;
}

/* Own operations [from, to) of the order, and the clears of the key among them. */
static void gather(const rl_parts *parts, int32_t from, int32_t to, rl_part *out) {
    const rw_deed *deed = &parts->ops[parts->order[from]].deed;
    int32_t clear = 0, clear_cnt = deed->model == RW_M_CACHE ? parts->clear_cnt : 0;
    while (from < to || clear < clear_cnt) {
        const rl_op *own = from < to ? &parts->ops[parts->order[from]] : NULL;
        const rl_op *other = clear < clear_cnt ? &parts->ops[parts->clears[clear]] : NULL;
        if (own != NULL && (other == NULL || own->from <= other->from)) {
            out->ops[out->cnt++] = own;
            from++;
        } else {
            if (clears(&other->deed, deed)) {
                out->ops[out->cnt++] = other;
            }
            clear++;
        }
    }
}

/* A block may be retired while a thread is about to link a pair in it: a put's, or that of a get which moves a pair.
 * Then the pair goes when it is linked, which may be after the eviction's end, but not after the operation's. */
static bool may_link(int32_t action) {
    return action == RW_D_PUT || action == RW_D_ADD || action == RW_D_HIT;
}

static void find_spans(const rl_parts *parts, rl_part *out) {
    int32_t evict = 0;
    for (int32_t i = 0; i < out->cnt; i++) {
        const rl_op *op = out->ops[i];
        if (may_link(op->deed.action) && meets(parts->evicts, parts->evict_cnt, op->from, op->to)) {
            while (evict < parts->evict_cnt && parts->evicts[evict].from <= op->from) {
                out->span_cnt = join(out->spans, out->span_cnt, parts->evicts[evict++]);
            }
            out->span_cnt = join(out->spans, out->span_cnt, (rl_span){op->from, op->to});
        }
    }
    while (evict < parts->evict_cnt) {
        out->span_cnt = join(out->spans, out->span_cnt, parts->evicts[evict++]);
    }
}

bool rl_next_part(const rl_parts *parts, int32_t *at, rl_part *out, rl_area *area) {
    int32_t from = *at, to = from + 1;
    const rl_op *first = &parts->ops[parts->order[from]];
    while (to < parts->cnt && object_order(first, &parts->ops[parts->order[to]]) == 0) {
        to++;
    }
    *at = to;
    bool cache = first->deed.model == RW_M_CACHE;
    uint64_t most = (uint64_t)(to - from) + (uint64_t)(cache ? parts->clear_cnt : 0);
    uint64_t spans = cache ? most + (uint64_t)parts->evict_cnt : 0;
    *out = (rl_part){.model = first->deed.model,
                     .object = first->deed.object,
                     .ops = rl_take(area, most * sizeof *out->ops),
                     .by_response = rl_take(area, most * sizeof *out->by_response),
                     .spans = rl_take(area, spans * sizeof *out->spans),
                     .out = rl_take(area, most * sizeof *out->out)};
    int32_t *spare = rl_take(area, most * sizeof *spare);
    if (out->ops == NULL || spare == NULL) {
        return false;
    }
    gather(parts, from, to, out);
    memset(out->out, 0, (size_t)out->cnt * sizeof *out->out);
    if (cache && parts->evict_cnt > 0) {
        find_spans(parts, out);
    }
    for (int32_t i = 0; i < out->cnt; i++) {
        out->by_response[i] = i;
    }
    sort(out->by_response, out->cnt, spare, by_response, out);
    return true;
}
