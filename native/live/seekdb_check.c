/* The invariants judged on a store of seekdb, while threads run and at rest.
 *
 * The database's memory is only read. While threads run, a judgement is made where two looks agree that nothing has
 * changed between them. At rest a private store is judged exactly. A live store never rests, for the database's own
 * threads go on: it is judged between two equal stamps (see below), and given up, and counted, when it doesn't hold
 * still for long enough.
 */
#include <stdio.h>
#include <unistd.h>

#include "seekdb_private.h"

/* ---- While threads run ---- */

void sk_check_supplied(rw_core *core, rw_thread *th) {
    int64_t seen = at_load(&core->supplied_seen, acquire);
    int64_t supplied = sk_word(core->store, SK_ST_SUPPLIED);
    SK_CHECK(core, th, I3, supplied >= seen && supplied <= core->max,
             "%lld handles are supplied, %lld were before, %lld is the maximum", (long long)supplied, (long long)seen,
             (long long)core->max);
    while (seen < supplied && !at_cas_weak(&core->supplied_seen, &seen, supplied, acq_rel, acquire)) {
    }
}

static void look_at_seq(rw_core *core, rw_thread *th, const char *h, int64_t idx) {
    _Atomic(int64_t) *memory = &core->seq_seen[idx];
    int64_t seen = at_load(memory, acquire), seq = sk_word(h, SK_H_SEQ);
    SK_CHECK(core, th, I8, seq >= seen, "the incarnation of handle %lld fell from %lld to %lld", (long long)idx,
             (long long)seen, (long long)seq);
    while (seen < seq && !at_cas_weak(memory, &seen, seq, acq_rel, acquire)) {
    }
}

/* Unprotected: an incarnation that is alive before and after the look was alive at it. */
static void look_at_status(rw_core *core, rw_thread *th, const char *h, int64_t idx) {
    int64_t before = sk_word(h, SK_H_SEQ);
    if (sk_half(h, SK_H_STATUS) == KV_FREE) {
        return;
    }
    bool block = sk_pointer(h, SK_H_BLOCK) != NULL;
    if (sk_half(h, SK_H_STATUS) != KV_FREE && sk_word(h, SK_H_SEQ) == before) {
        SK_CHECK(core, th, I5, block, "handle %lld is in use without a memory block", (long long)idx);
    }
}

/* Protected, so its block stays. */
static void look_at_block(rw_core *core, rw_thread *th, const char *h, int64_t idx) {
    const char *block = sk_pointer(h, SK_H_BLOCK);
    if (SK_CHECK(core, th, I5, block != NULL, "protected handle %lld has no memory block", (long long)idx)) {
        int64_t used = sk_word(block, SK_MB_POS) & UINT32_MAX, payload = sk_word(block, SK_MB_PAYLOAD);
        SK_CHECK(core, th, I7, used <= payload, "a block of %lld bytes is filled up to %lld", (long long)payload,
                 (long long)used);
    }
}

kv_rc sk_check_handles(rw_core *core, rw_thread *th) {
    _Alignas(16) char holder[SK_HOLDER_BYTES] = {0};
    int64_t supplied = sk_word(core->store, SK_ST_SUPPLIED);
    kv_rc rc = KV_OK;
    core->api->holder_make(holder);
    for (int64_t i = 0; i < supplied && i < core->max && rc == KV_OK; i++) {
        char *h = sk_handle(core, i);
        bool ok = false;
        look_at_seq(core, th, h, i);
        look_at_status(core, th, h, i);
        if (core->api->protect(holder, &ok, h) != 0) {
            rc = KV_NO_HAZARD;
        } else if (ok) {
            look_at_block(core, th, h, i);
            core->api->release(holder);
        }
    }
    core->api->holder_drop(holder);
    return rc;
}

/* ---- At rest: where each handle is ---- */

enum { IN_POOL = 1, IN_LIST = 2, IN_STATION = 4, RETIRED = 8, LISTS = 8 };

static const char *const place_names[] = {
    [IN_POOL] = "pool", [IN_LIST] = "block list", [IN_STATION] = "retire station", [RETIRED] = "retire list"};

typedef struct broken { /* what a walk found, kept until it is known that nothing moved meanwhile */
    sk_invariant id;
    int line;
    char text[RW_TEXT_LEN];
} broken;

typedef struct places {
    rw_core *core;
    int64_t supplied, met, retired_bytes;
    const char *lists[LISTS];
    int list_cnt;
    broken first;
    bool any;
} places;

/* The first thing found wrong; walks end soon after it. */
#define WRONG(p, id_, ...)                                                                                             \
    do {                                                                                                               \
        if (!(p)->any) {                                                                                               \
            (p)->any = true;                                                                                           \
            (p)->first.id = SK_##id_;                                                                                  \
            (p)->first.line = __LINE__;                                                                                \
            snprintf((p)->first.text, sizeof(p)->first.text, __VA_ARGS__);                                             \
        }                                                                                                              \
    } while (0)

/* Enter a handle at a place. False: it can't be followed. */
static bool enter(places *p, const void *h, uint8_t place, int64_t *idx) {
    uint8_t *seen = p->core->place;
    if (!sk_index(p->core, h, idx) || *idx >= p->supplied) {
        WRONG(p, Q1, "the %s has what is no supplied handle", place_names[place]);
        return false;
    }
    if ((seen[*idx] & place) != 0) {
        WRONG(p, Q1, "handle %lld is in the %s twice", (long long)*idx, place_names[place]);
        return false;
    }
    uint8_t other = seen[*idx] & (IN_POOL | IN_LIST | IN_STATION);
    if (place == RETIRED) {
        if ((other & IN_LIST) == 0) {
            WRONG(p, Q1, "handle %lld is retired but not in a block list", (long long)*idx);
        }
    } else if (other != 0) {
        WRONG(p, I4, "handle %lld is in the %s and in the %s", (long long)*idx, place_names[other & -other],
              place_names[place]);
    } else {
        p->met++;
    }
    seen[*idx] |= place;
    return true;
}

static void walk_pool(places *p) {
    const char *st = p->core->store, *slots = sk_pointer(st, SK_ST_POOL_SLOTS);
    int64_t pop = sk_word(st, SK_ST_POOL_POP), size = sk_word(st, SK_ST_POOL_PUSH) - pop, idx;
    int64_t cap = sk_word(st, SK_ST_POOL_CAP);
    if (size < 0 || size > cap) {
        WRONG(p, Q1, "the pool of %lld counts %lld handles", (long long)cap, (long long)size);
        return;
    }
    for (int64_t i = 0; i < size; i++) {
        const char *h = sk_pointer(slots, (size_t)((pop + i) % cap) * SK_SLOT_BYTES);
        if (h == NULL) {
            WRONG(p, Q1, "an empty slot lies between the pool's handles");
        } else if (enter(p, h, IN_POOL, &idx)) {
            if (sk_half(h, SK_H_STATUS) != KV_FREE || sk_word(h, SK_H_BLOCK) != 0) {
                WRONG(p, I5, "handle %lld in the pool has status %d, block %p", (long long)idx, sk_half(h, SK_H_STATUS),
                      (void *)sk_pointer(h, SK_H_BLOCK));
            }
            if (sk_word(h, SK_H_PAIRS) != 0 || sk_word(h, SK_H_GETS) != 0 || sk_word(h, SK_H_SCORE) != 0) {
                WRONG(p, Q1, "handle %lld in the pool isn't reset: %lld pairs, %lld gets, score %g", (long long)idx,
                      (long long)sk_word(h, SK_H_PAIRS), (long long)sk_word(h, SK_H_GETS),
                      double_of_bits((uint64_t)sk_word(h, SK_H_SCORE)));
            }
        }
    }
}

/* Lists are those of the instances that living handles name: one for each tenant. */
static void find_lists(places *p) {
    for (int64_t i = 0; i < p->supplied; i++) {
        const char *h = sk_handle(p->core, i);
        const char *inst = sk_half(h, SK_H_STATUS) != KV_FREE ? sk_pointer(h, SK_H_INST) : NULL;
        const char *list = inst != NULL ? sk_pointer(inst, SK_INST_MB_LIST) : NULL;
        int known = 0;
        while (known < p->list_cnt && p->lists[known] != list) {
            known++;
        }
        if (list != NULL && known == p->list_cnt && known < LISTS) {
            p->lists[p->list_cnt++] = list;
        }
    }
}

static void walk_list(places *p, const char *list) {
    uintptr_t head = (uintptr_t)list + SK_H_LINK, at = (uintptr_t)sk_word(list, SK_H_NEXT);
    int64_t idx;
    while ((at & ~(uintptr_t)1) != head) {
        const char *h = (const char *)(at & ~(uintptr_t)1) - SK_H_LINK;
        if (!enter(p, h, IN_LIST, &idx)) {
            return; /* a second visit would go round for ever */
        }
        if (sk_pointer(h, SK_H_BLOCK) == NULL) {
            WRONG(p, I5, "handle %lld in the block list has no memory block", (long long)idx);
        }
        at = (uintptr_t)sk_word(h, SK_H_NEXT);
    }
}

static int64_t walk_waiting(places *p, const char *link) {
    int64_t n = 0, idx;
    for (; link != NULL && enter(p, link - SK_H_RETIRE, IN_STATION, &idx); link = sk_pointer(link, 0)) {
        const char *h = link - SK_H_RETIRE;
        if (sk_half(h, SK_H_STATUS) != KV_FREE || sk_pointer(h, SK_H_BLOCK) != NULL) {
            WRONG(p, I5, "handle %lld waits for reuse but is in use", (long long)idx);
        }
        n++;
    }
    return n;
}

static void walk_station(places *p) {
    for (int i = 0; i < SK_RS_SLOTS; i++) {
        const char *slot = p->core->station + SK_RS_FIRST + i * SK_RS_STRIDE;
        int64_t prepare = sk_word(slot, SK_RS_PREPARE_SIZE), retire = sk_word(slot, SK_RS_RETIRE_SIZE);
        int64_t met = walk_waiting(p, sk_pointer(slot, SK_RS_PREPARE_HEAD));
        int64_t more = walk_waiting(p, sk_pointer(slot, SK_RS_RETIRE_HEAD));
        if (met != prepare || more != retire) {
            WRONG(p, Q9, "retire-station slot %d counts %lld and %lld handles, but has %lld and %lld", i,
                  (long long)prepare, (long long)retire, (long long)met, (long long)more);
        }
    }
}

static int64_t hold_of(const char *h) {
    const char *block = sk_pointer(h, SK_H_BLOCK);
    return block != NULL ? sk_word(block, SK_MB_PAYLOAD) + SK_BLOCK_HEADER : 0;
}

static void walk_retired(places *p) {
    int64_t idx;
    const char *link = sk_pointer(p->core->domain, SK_DOM_RETIRED);
    for (; link != NULL && enter(p, link - SK_H_RETIRE, RETIRED, &idx); link = sk_pointer(link, 0)) {
        if (sk_half(link - SK_H_RETIRE, SK_H_STATUS) != KV_FREE) {
            WRONG(p, Q1, "handle %lld is in the retire list but not FREE", (long long)idx);
        }
        p->retired_bytes += hold_of(link - SK_H_RETIRE);
    }
    int64_t counted = sk_word(p->core->domain, SK_DOM_RETIRED_BYTES);
    if (counted != p->retired_bytes) {
        WRONG(p, Q9, "%lld retired bytes are counted, %lld are in the retire list", (long long)counted,
              (long long)p->retired_bytes);
    }
}

/* ---- What they add up to ---- */

static void judge_each(places *p) {
    if (p->met != p->supplied) {
        WRONG(p, Q1, "%lld handles are supplied, %lld are in pool, lists and station", (long long)p->supplied,
              (long long)p->met);
    }
    for (int64_t i = 0; i < p->supplied; i++) {
        const char *h = sk_handle(p->core, i);
        bool is_free = sk_half(h, SK_H_STATUS) == KV_FREE;
        if (!is_free && sk_pointer(h, SK_H_BLOCK) == NULL) {
            WRONG(p, I5, "handle %lld in use has no memory block", (long long)i);
        }
        if (is_free && (p->core->place[i] & IN_LIST) != 0 && (p->core->place[i] & RETIRED) == 0) {
            WRONG(p, Q1, "handle %lld is listed and FREE, but not in the retire list", (long long)i);
        }
    }
}

/* Blocks by instance, retired ones included: they are listed until they are reclaimed. */
static void judge_instance(places *p, const char *inst) {
    int64_t hold = 0, blocks[KV_POLICY_COUNT] = {0};
    for (int64_t i = 0; i < p->supplied; i++) {
        const char *h = sk_handle(p->core, i);
        if ((p->core->place[i] & IN_LIST) != 0 && sk_pointer(h, SK_H_INST) == inst) {
            hold += hold_of(h);
            blocks[sk_half(h, SK_H_POLICY) != 0]++;
        }
    }
    int64_t size = sk_word(inst, SK_INST_SIZE), lru = sk_word(inst, SK_INST_LRU), lfu = sk_word(inst, SK_INST_LFU);
    if (size != hold || lru != blocks[0] || lfu != blocks[1]) {
        WRONG(p, Q2,
              "instance %lld of tenant %lld counts %lld bytes in %lld + %lld blocks, its blocks are %lld bytes in %lld "
              "+ %lld",
              (long long)sk_word(inst, SK_INST_CACHE), (long long)sk_word(inst, SK_INST_TENANT), (long long)size,
              (long long)lru, (long long)lfu, (long long)hold, (long long)blocks[0], (long long)blocks[1]);
    }
}

static void judge_instances(places *p) {
    const char *known[64];
    int n = 0;
    for (int64_t i = 0; i < p->supplied; i++) {
        const char *h = sk_handle(p->core, i), *inst = sk_pointer(h, SK_H_INST);
        int at = 0;
        if ((p->core->place[i] & IN_LIST) == 0 || inst == NULL) {
            continue;
        }
        while (at < n && known[at] != inst) {
            at++;
        }
        if (at == n && n < 64) {
            known[n++] = inst;
            judge_instance(p, inst);
        }
    }
    for (int i = 0; i < SK_CACHES && n == 0; i++) {
        judge_instance(p, p->core->inst[i]); /* nothing is held: nothing may be counted */
    }
}

static void walk(places *p, rw_core *core) {
    *p = (places){.core = core, .supplied = sk_word(core->store, SK_ST_SUPPLIED)};
    if (p->supplied > core->max) {
        return; /* I3 has said so */
    }
    memset(core->place, 0, (size_t)core->max);
    p->lists[p->list_cnt++] = sk_pointer(core->inst[0], SK_INST_MB_LIST);
    find_lists(p);
    walk_pool(p);
    for (int i = 0; i < p->list_cnt && !p->any; i++) {
        walk_list(p, p->lists[i]);
    }
    if (!p->any) {
        walk_station(p);
        walk_retired(p);
    }
    if (!p->any) {
        judge_each(p);
    }
    if (!p->any) { /* sums over broken lists would only repeat it */
        judge_instances(p);
    }
}

/* ---- A store that doesn't rest ---- */

typedef struct stamp { /* what every change of a store moves */
    int64_t supplied, push, pop, retired, retired_bytes, waiting;
    uint64_t handles; /* over statuses, incarnations and links */
} stamp;

static stamp take_stamp(const rw_core *core) {
    stamp s = {.supplied = sk_word(core->store, SK_ST_SUPPLIED),
               .push = sk_word(core->store, SK_ST_POOL_PUSH),
               .pop = sk_word(core->store, SK_ST_POOL_POP),
               .retired = sk_word(core->domain, SK_DOM_RETIRED),
               .retired_bytes = sk_word(core->domain, SK_DOM_RETIRED_BYTES)};
    for (int i = 0; i < SK_RS_SLOTS; i++) {
        const char *slot = core->station + SK_RS_FIRST + i * SK_RS_STRIDE;
        s.waiting += (i + 1) * (sk_word(slot, SK_RS_RETIRE_SIZE) + 7 * sk_word(slot, SK_RS_PREPARE_SIZE));
    }
    for (int64_t i = 0; i < s.supplied && i < core->max; i++) {
        const char *h = sk_handle(core, i);
        uint64_t parts[] = {(uint64_t)sk_half(h, SK_H_STATUS), (uint64_t)sk_word(h, SK_H_SEQ),
                            (uint64_t)sk_word(h, SK_H_NEXT), (uint64_t)sk_word(h, SK_H_BLOCK)};
        for (int k = 0; k < 4; k++) {
            s.handles = (s.handles ^ parts[k]) * UINT64_C(0x100000001b3);
        }
    }
    return s;
}

static bool same_stamp(const stamp *a, const stamp *b) {
    return a->supplied == b->supplied && a->push == b->push && a->pop == b->pop && a->retired == b->retired &&
           a->retired_bytes == b->retired_bytes && a->waiting == b->waiting && a->handles == b->handles;
}

/* The database's threads may be stopped in the middle of an operation: a block freed but not yet unlinked, a counter that
 * trails its list. What is seen wrong in the same way at every still moment for LASTING microseconds is wrong. */
static bool walk_still(places *p, rw_core *core) {
    enum { LASTING = 2000000, PATIENCE = 6000000, PAUSE = 2000 };
    uint64_t began = prim_now_us(), since = 0;
    for (int line = 0; prim_now_us() - began < PATIENCE;) {
        stamp before = take_stamp(core);
        walk(p, core);
        stamp after = take_stamp(core);
        if (same_stamp(&before, &after)) {
            if (!p->any) {
                return true;
            }
            if (p->first.line != line) {
                line = p->first.line;
                since = prim_now_us();
            } else if (prim_now_us() - since >= LASTING) {
                return true;
            }
        }
        usleep(PAUSE);
    }
    return false;
}

/* ---- Protections at rest ---- */

/* Q6, as the database's own reclaim looks for them: the index of every protected handle, as bits. */
static void judge_hazards(rw_core *core) {
    char *bits = core->domain + SK_DOM_BITS;
    int64_t words = sk_word(core->domain, SK_DOM_BITS_COUNT), set = 0;
    _Atomic(uint32_t) *data = (_Atomic(uint32_t) *)(void *)sk_pointer(core->domain, SK_DOM_BITS_DATA);
    for (int64_t i = 0; i < words; i++) {
        at_store(&data[i], 0, relaxed);
    }
    (void)core->api->each_hazard(core->domain + SK_DOM_TINY, &bits);
    words = sk_word(core->domain, SK_DOM_BITS_COUNT);
    data = (_Atomic(uint32_t) *)(void *)sk_pointer(core->domain, SK_DOM_BITS_DATA);
    memset(core->place, 0, (size_t)core->max);
    for (const rw_thread *th = core->threads; th != NULL; th = th->next) {
        for (int i = 0; i < SK_SLOTS; i++) {
            int64_t idx;
            if (th->holds[i].handle != NULL && sk_index(core, th->holds[i].handle, &idx)) {
                core->place[idx] = 1;
            }
        }
    }
    for (int64_t i = 0; i < words * 32; i++) {
        bool is_set = (at_load(&data[i / 32], relaxed) >> (i % 32) & 1) != 0;
        set += is_set && (i >= core->max || core->place[i] == 0);
    }
    SK_CHECK(core, NULL, Q6, set == 0, "%lld handles are protected by nobody's hazard pointer", (long long)set);
}

/* ---- Want of handles ---- */

/* W2: pushes count handles supplied and handles given back. As long as they are the supplied ones alone, what lies in
 * the pool now has been there, or was on its way there, ever since it was supplied. */
static void judge_refusals(rw_core *core) {
    int64_t push = sk_word(core->store, SK_ST_POOL_PUSH), pop = sk_word(core->store, SK_ST_POOL_POP);
    int64_t refused = at_load(&core->refused, relaxed);
    if (push == sk_word(core->store, SK_ST_SUPPLIED)) {
        SK_CHECK(core, NULL, L1, refused == 0 || push == pop,
                 "%lld allocations found no handle although %lld of %lld were in the pool or on their way to it",
                 (long long)refused, (long long)(push - pop), (long long)core->max);
    }
}

/* ---- A check ---- */

static void count_places(rw_core *core) {
    static const sk_invariant judged[] = {SK_I4, SK_I5, SK_Q1, SK_Q2, SK_Q9};
    for (size_t i = 0; i < sizeof judged / sizeof judged[0]; i++) {
        at_add(&core->checks[judged[i]], 1, relaxed);
    }
}

static void check_quiescent(rw_core *core) {
    places p;
    bool judged = true;
    sk_check_supplied(core, NULL);
    if (core->live) {
        judged = walk_still(&p, core);
    } else {
        walk(&p, core);
    }
    if (!judged) {
        at_add(&core->disturbed, 1, relaxed);
        return;
    }
    count_places(core);
    if (p.any) {
        (void)sk_broken(core, NULL, p.first.id, p.first.line, __FILE__, "%s", p.first.text);
    }
    if (!core->live) {
        judge_hazards(core);
        judge_refusals(core);
    }
}

int64_t sk_check(rw_core *core, int32_t when) {
    if (!core->closed) {
        if ((when & RW_INSTANT) != 0) {
            sk_check_supplied(core, NULL);
            (void)sk_check_handles(core, NULL);
        }
        if ((when & RW_QUIESCENT) != 0) {
            prim_lock(&core->judging);
            check_quiescent(core);
            prim_unlock(&core->judging);
        }
    }
    return at_load(&core->found, relaxed);
}
