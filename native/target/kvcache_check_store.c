/* The store at rest: each handle in one place, and what blocks add up to (I4, I5, I7, Q1, Q2, Q4, Q9).
 *
 * Every walk is bounded and every handle is recognised by its address before it is followed: a broken list is a
 * violation, not a crash of the judge.
 */
#include "kvcache_private.h"

/* ---- Where each handle is ---- */

enum { IN_POOL = 1, IN_LIST = 2, IN_STATION = 4, RETIRED = 8 };

static const char *const place_names[] = {
    [IN_POOL] = "pool", [IN_LIST] = "block list", [IN_STATION] = "retire station", [RETIRED] = "retire list"};

typedef struct places {
    kt_judge *j;
    uint64_t supplied, met; /* met: handles with a place, each once */
    int64_t hold, policy[KV_POLICY_COUNT], listed;
    int64_t retired_bytes;
} places;

/* Enter a handle at a place. False: it can't be followed. */
static bool enter(places *p, const kv_handle *h, uint8_t place, uint64_t *idx) {
    kt_judge *j = p->j;
    uint8_t *seen = j->core->place;
    bool known = kt_index(j->core, h, idx) && *idx < p->supplied;
    if (!KT_CHECK(j, Q1, known, "the %s has what is no supplied handle", place_names[place])) {
        return false;
    }
    if (!KT_CHECK(j, Q1, (seen[*idx] & place) == 0, "handle %llu is in the %s twice", (unsigned long long)*idx,
                  place_names[place])) {
        return false;
    }
    uint8_t other = seen[*idx] & (IN_POOL | IN_LIST | IN_STATION);
    if (place == RETIRED) {
        KT_CHECK(j, Q1, (other & IN_LIST) != 0, "handle %llu is retired but not in a block list",
                 (unsigned long long)*idx);
    } else {
        KT_CHECK(j, I4, other == 0, "handle %llu is in the %s and in the %s", (unsigned long long)*idx,
                 place_names[other & -other], place_names[place]);
        p->met += other == 0;
    }
    seen[*idx] |= place;
    return true;
}

static void walk_pool(places *p) {
    kt_judge *j = p->j;
    handle_pool *pool = &j->core->cache->store.pool;
    uint64_t pop = at_load(&pool->pop, acquire), size = pool_size(pool), idx;
    if (!KT_CHECK(j, Q1, size <= pool->cap, "the pool of %llu counts %llu handles", (unsigned long long)pool->cap,
                  (unsigned long long)size)) {
        return;
    }
    for (uint64_t i = 0; i < size; i++) {
        kv_handle *h = at_load(&pool->slots[(pop + i) % pool->cap], acquire);
        if (!KT_CHECK(j, Q1, h != NULL, "an empty slot lies between the pool's handles") ||
            !enter(p, h, IN_POOL, &idx)) {
            continue;
        }
        KT_CHECK(j, I5, at_load(&h->status, relaxed) == KV_FREE, "handle %llu in the pool isn't FREE",
                 (unsigned long long)idx);
        KT_CHECK(j, Q1, at_load(&h->mem_block, relaxed) == NULL, "handle %llu in the pool has a memory block",
                 (unsigned long long)idx);
        KT_CHECK(j, Q4,
                 at_load(&h->kv_cnt, relaxed) == 0 && at_load(&h->get_cnt, relaxed) == 0 &&
                     at_load(&h->score, relaxed) == 0,
                 "handle %llu in the pool isn't reset: %lld pairs, %lld gets, score %g", (unsigned long long)idx,
                 (long long)at_load(&h->kv_cnt, relaxed), (long long)at_load(&h->get_cnt, relaxed),
                 double_of_bits(at_load(&h->score, relaxed)));
    }
}

/* I7 of a block that nobody fills: its pairs follow one another up to the bump position. */
static void walk_pairs(kt_judge *j, const kv_mem_block *mb, uint64_t idx) {
    uint64_t used = mb_used(mb), at = 0, pairs = 0;
    bool whole = used <= mb->payload;
    while (whole && at < used) {
        const kv_pair *pair = (const kv_pair *)(const void *)((const char *)(mb + 1) + at);
        whole = pair->magic == KV_PAIR_MAGIC && pair->size >= KV_PAIR_HEADER && pair->size % 8 == 0 &&
                pair->size <= used - at && pair->key == (const void *)(pair + 1);
        at += pair->size;
        pairs += whole;
    }
    KT_CHECK(j, I7, whole && pairs == mb_pairs(mb),
             "the block of handle %llu: %llu of %llu bytes used by %llu pairs, but %llu pairs follow one another",
             (unsigned long long)idx, (unsigned long long)used, (unsigned long long)mb->payload,
             (unsigned long long)mb_pairs(mb), (unsigned long long)pairs);
}

static void walk_lists(places *p) {
    kt_judge *j = p->j;
    kv_store *st = &j->core->cache->store;
    uint64_t idx;
    for (uint32_t i = 0; i < st->list_cnt; i++) {
        dlist *list = &st->lists[i];
        for (kv_link *at = dl_next(list, &list->head); at != NULL; at = dl_next(list, at)) {
            kv_handle *h = kv_handle_of_link(at);
            if (!enter(p, h, IN_LIST, &idx)) {
                break; /* a second visit would go round for ever */
            }
            const kv_mem_block *mb = at_load(&h->mem_block, acquire);
            p->listed++;
            if (KT_CHECK(j, I5, mb != NULL, "handle %llu in the block list has no memory block",
                         (unsigned long long)idx)) {
                p->hold += (int64_t)mb->hold;
                p->policy[at_load(&h->policy, relaxed) == KV_LFU]++;
                walk_pairs(j, mb, idx);
            }
        }
    }
}

static uint32_t walk_waiting(places *p, kv_handle *h) {
    uint64_t idx;
    uint32_t n = 0;
    for (; h != NULL && enter(p, h, IN_STATION, &idx); h = at_load(&h->retire_link, relaxed)) {
        KT_CHECK(p->j, I5, at_load(&h->status, relaxed) == KV_FREE && at_load(&h->mem_block, relaxed) == NULL,
                 "handle %llu waits for reuse but is in use", (unsigned long long)idx);
        n++;
    }
    return n;
}

static void walk_station(places *p) {
    retire_station *rs = &p->j->core->cache->store.station;
    for (uint32_t i = 0; i < rs->slot_cnt; i++) { /* nobody is inside: no lock is needed */
        uint32_t prepare = walk_waiting(p, rs->slots[i].prepare), retire = walk_waiting(p, rs->slots[i].retire);
        KT_CHECK(p->j, Q9, prepare == rs->slots[i].prepare_cnt && retire == rs->slots[i].retire_cnt,
                 "retire-station slot %u counts %u and %u handles, but has %u and %u", i, rs->slots[i].prepare_cnt,
                 rs->slots[i].retire_cnt, prepare, retire);
    }
}

static void walk_retired(places *p) {
    kt_judge *j = p->j;
    hp_domain *hp = &j->core->cache->store.hp;
    uint64_t idx;
    kv_handle *h = at_load(&hp->retired, acquire);
    for (; h != NULL && enter(p, h, RETIRED, &idx); h = at_load(&h->retire_link, acquire)) {
        KT_CHECK(j, Q1, at_load(&h->status, relaxed) == KV_FREE, "handle %llu is in the retire list but not FREE",
                 (unsigned long long)idx);
        p->retired_bytes += (int64_t)st_block_hold(h);
    }
    KT_CHECK(j, Q9, at_load(&hp->retired_bytes, relaxed) == p->retired_bytes,
             "%lld retired bytes are counted, %lld are in the retire list",
             (long long)at_load(&hp->retired_bytes, relaxed), (long long)p->retired_bytes);
}

/* ---- What they add up to ---- */

/* Every supplied handle has one place; what is FREE and listed waits in the retire list. */
static void judge_each(places *p) {
    kt_judge *j = p->j;
    kv_store *st = &j->core->cache->store;
    KT_CHECK(j, Q1, p->met == p->supplied, "%llu handles are supplied, %llu are in pool, lists and station",
             (unsigned long long)p->supplied, (unsigned long long)p->met);
    for (uint64_t i = 0; i < p->supplied; i++) {
        kv_handle *h = ha_at(&st->handles, i);
        uint8_t place = j->core->place[i];
        if (h != NULL) {
            kt_look_at_seq(j, h, i);
            bool free = at_load(&h->status, relaxed) == KV_FREE;
            KT_CHECK(j, I5, free || at_load(&h->mem_block, relaxed) != NULL, "handle %llu in use has no memory block",
                     (unsigned long long)i);
            KT_CHECK(j, Q1, !free || (place & IN_LIST) == 0 || (place & RETIRED) != 0,
                     "handle %llu is listed and FREE, but not in the retire list", (unsigned long long)i);
        }
    }
    KT_CHECK(j, Q1, at_load(&st->supplying, relaxed) == 0, "%lld suppliers have not ended",
             (long long)at_load(&st->supplying, relaxed));
}

/* Before: what each instance owns. */
typedef struct owners {
    kt_judge *j;
    int64_t unowned_hold;
} owners;

static void judge_owner(void *arg, kv_inst *inst) {
    owners *o = arg;
    kv_store *st = &o->j->core->cache->store;
    dlist *list = &st->lists[inst->tenant < st->list_cnt ? inst->tenant : 0];
    int64_t hold = 0, blocks[KV_POLICY_COUNT] = {0};
    for (kv_link *at = dl_next(list, &list->head); at != NULL; at = dl_next(list, at)) {
        kv_handle *h = kv_handle_of_link(at);
        if (at_load(&h->inst, relaxed) == inst) {
            hold += (int64_t)st_block_hold(h);
            blocks[at_load(&h->policy, relaxed) == KV_LFU]++;
        }
    }
    KT_CHECK(
        o->j, Q2,
        at_load(&inst->store_size, relaxed) == hold && at_load(&inst->mb_cnt[KV_LRU], relaxed) == blocks[0] &&
            at_load(&inst->mb_cnt[KV_LFU], relaxed) == blocks[1],
        "instance %u of tenant %u counts %lld bytes in %lld + %lld blocks, its blocks are %lld bytes in %lld + %lld",
        inst->cache, inst->tenant, (long long)at_load(&inst->store_size, relaxed),
        (long long)at_load(&inst->mb_cnt[KV_LRU], relaxed), (long long)at_load(&inst->mb_cnt[KV_LFU], relaxed),
        (long long)hold, (long long)blocks[0], (long long)blocks[1]);
}

static void judge_sums(places *p) {
    kt_judge *j = p->j;
    kv_cache *c = j->core->cache;
    kv_store *st = &c->store;
    KT_CHECK(j, Q2, at_load(&st->store_size, relaxed) == p->hold, "the store counts %lld bytes, its blocks hold %lld",
             (long long)at_load(&st->store_size, relaxed), (long long)p->hold);
    for (int policy = 0; policy < KV_POLICY_COUNT; policy++) {
        KT_CHECK(j, Q2, at_load(&st->policy_cnt[policy], relaxed) == p->policy[policy],
                 "the store counts %lld blocks of policy %d, there are %lld",
                 (long long)at_load(&st->policy_cnt[policy], relaxed), policy, (long long)p->policy[policy]);
    }
    int64_t blocks = la_label_account(c->la, KV_L_CACHE).count;
    KT_CHECK(j, Q2, blocks == p->listed, "%lld memory blocks are allocated, %lld are listed", (long long)blocks,
             (long long)p->listed);
    if (j->core->cfg.wash == KV_WASH_PREALLOCATED) {
        owners o = {.j = j};
        inst_each(&c->insts, judge_owner, &o);
    }
}

void kt_check_places(kt_judge *j) {
    places p = {.j = j, .supplied = at_load(&j->core->cache->store.cur_mb_num, acquire)};
    int64_t found = j->found;
    if (p.supplied > j->core->cfg.max_handles) {
        return; /* I3 has said so */
    }
    memset(j->core->place, 0, j->core->cfg.max_handles);
    walk_pool(&p);
    walk_lists(&p);
    walk_station(&p);
    walk_retired(&p);
    judge_each(&p);
    if (j->found == found) { /* sums over broken lists would only repeat it */
        judge_sums(&p);
    }
}
