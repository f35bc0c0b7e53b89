/* Beside threads that were stopped for ever (B1): what they keep from being given back is bounded by what they hold. */
#include "kvcache_private.h"

enum { KT_OUTLIVE_TID = 1 << 20 };

static const char *const holds[KV_HELD_COUNT] = {
    [KV_H_VERSION] = "version", [KV_H_POINTER] = "pointer", [KV_H_BUCKET] = "bucket", [KV_H_WASH] = "wash"};
const char *const *const kt_holds = holds;

const int32_t *kt_holding(rw_thread *th) {
    return th->judge.t->held;
}

static void judge_blocks(kt_judge *j) {
    kv_store *st = &j->core->cache->store;
    (void)st_reclaim(st, j->t);
    uint64_t kept = hp_retired_count(&st->hp), set = hp_set_count(&st->hp);
    KT_CHECK(j, B1, kept <= set, "%llu retired blocks stay, but only %llu hazard pointers are set",
             (unsigned long long)kept, (unsigned long long)set);
}

typedef struct waiters {
    uint64_t min;
    int64_t cnt, early;
} waiters;

static void look_at_waiter(void *arg, hv_node *node) {
    waiters *w = arg;
    w->cnt++;
    w->early += node->version < w->min;
}

static void judge_nodes(kt_judge *j) {
    hv_station *hv = &j->core->cache->map.hv;
    hv_retire_all(hv, j->t);
    waiters w = {.min = hv_min_version(hv)};
    hv_each_waiting(hv, look_at_waiter, &w);
    KT_CHECK(j, B1, w.early == 0 && (w.cnt == 0 || hv_held(hv) > 0),
             "of %lld nodes that wait %lld were deleted before the oldest of %u versions held", (long long)w.cnt,
             (long long)w.early, hv_held(hv));
}

int64_t kt_outlive(rw_core *core) {
    rw_thread *th = core->cache != NULL ? kt_attach(core, KT_OUTLIVE_TID) : NULL;
    if (th != NULL) { /* else memory is short, as it may be */
        th->judge.tid = -1;
        judge_nodes(&th->judge);
        judge_blocks(&th->judge);
        kt_detach(th);
    }
    return kt_recorded(core);
}
