/* The invariants that hold at any instant, judged while threads run; and the order in which a check judges.
 *
 * Free of races by the core's own means: atomic loads, a hazard pointer for what belongs to an incarnation, a QClock
 * section for links, a bucket lock or a hazard version for nodes. "Never falls" is judged against what was seen before:
 * the memory is read with acquire, then the word, then the memory is raised with release; so, by coherence, the word's
 * value is not older than the one remembered.
 */
#include "kvcache_private.h"

enum { KT_LINKS = 64, KT_WINDOW = 4096 /* buckets in one instant check */ };

/* ---- I1, I2, I3 ---- */

static uint64_t supplied_now(kt_judge *j) {
    rw_core *core = j->core;
    kv_store *st = &core->cache->store;
    uint64_t seen = at_load(&core->supplied_seen, acquire);
    uint64_t supplied = at_load(&st->cur_mb_num, acquire); /* acquire: the blocks below it exist */
    KT_CHECK(j, I3, supplied >= seen && supplied <= st->max_handles,
             "%llu handles are supplied, %llu were before, %llu is the maximum", (unsigned long long)supplied,
             (unsigned long long)seen, (unsigned long long)st->max_handles);
    while (seen < supplied && !at_cas_weak(&core->supplied_seen, &seen, supplied, acq_rel, acquire)) {
    }
    return supplied < st->max_handles ? supplied : st->max_handles;
}

uint64_t kt_check_supplied(kt_judge *j) {
    handle_array *ha = &j->core->cache->store.handles;
    uint64_t supplied = supplied_now(j);
    for (uint64_t i = 0; i < supplied; i++) {
        const kv_handle *h = ha_at(ha, i);
        if (!KT_CHECK(j, I1, h != NULL && ha_index(ha, h) == i, "handle %llu of %llu supplied %s",
                      (unsigned long long)i, (unsigned long long)supplied,
                      h == NULL ? "has no block" : "carries another's index")) {
            break;
        }
    }
    return supplied;
}

void kt_check_pointers(kt_judge *j) {
    rw_core *core = j->core;
    handle_array *ha = &core->cache->store.handles;
    bool flat = ha->layout == KV_HANDLES_FLAT;
    for (uint32_t b = 0; b < (flat ? 1 : ha->block_cnt); b++) {
        uintptr_t seen = at_load(&core->block_seen[b], acquire);
        uintptr_t now = flat ? (uintptr_t)ha->flat : (uintptr_t)at_load(&ha->blocks[b], acquire);
        if (seen == 0 && now != 0 && at_cas(&core->block_seen[b], &seen, now, acq_rel, acquire)) {
            seen = now;
        }
        /* Another judge may have been first: then what it saw was published before, and must be what we saw, too. */
        if (seen != 0) {
            KT_CHECK(j, I2, now == seen, "the pointer of handle block %u has changed from %p to %p", b, (void *)seen,
                     (void *)now);
        }
    }
}

/* ---- I5, I7, I8, I11 ---- */

bool kt_index(rw_core *core, const kv_handle *h, uint64_t *idx) {
    handle_array *ha = &core->cache->store.handles;
    bool flat = ha->layout == KV_HANDLES_FLAT;
    uint64_t stride = flat ? KV_HANDLE_BYTES_FLAT : KV_HANDLE_BYTES_SEGMENTED;
    uint64_t block = flat ? ha->max : ha->per_block; /* handles */
    for (uint64_t first = 0; first < ha->max; first += block) {
        uintptr_t base = flat ? (uintptr_t)ha->flat : (uintptr_t)at_load(&ha->blocks[first / block], acquire);
        uintptr_t at = (uintptr_t)h - base;
        if (base != 0 && at < block * stride && at % stride == 0 && first + at / stride < ha->max) {
            *idx = first + at / stride;
            return true;
        }
    }
    return false;
}

void kt_look_at_seq(kt_judge *j, kv_handle *h, uint64_t idx) {
    _Atomic(int64_t) *memory = &j->core->seq_seen[idx];
    int64_t seen = at_load(memory, acquire), seq = at_load(&h->seq_num, acquire);
    KT_CHECK(j, I8, seq >= seen, "the incarnation of handle %llu fell from %lld to %lld", (unsigned long long)idx,
             (long long)seen, (long long)seq);
    while (seen < seq && !at_cas_weak(memory, &seen, seq, acq_rel, acquire)) {
    }
}

/* Protected, so its block stays: what holds for every living incarnation. */
static void look_at_block(kt_judge *j, kv_handle *h) {
    const kv_mem_block *mb = at_load(&h->mem_block, acquire);
    if (KT_CHECK(j, I5, mb != NULL, "a protected handle has no memory block")) {
        KT_CHECK(j, I7, mb_used(mb) <= mb->payload, "a block of %llu bytes is filled up to %llu",
                 (unsigned long long)mb->payload, (unsigned long long)mb_used(mb));
    }
}

typedef struct seen_link { /* a living handle met in a list */
    kv_handle *handle;
    int64_t seq;
} seen_link;

/* A QClock section is open. Notes what it meets; KV_NO_HAZARD: ended early. */
static kv_rc walk_list(kt_judge *j, dlist *list, seen_link *met, uint32_t *n) {
    kv_store *st = &j->core->cache->store;
    uint64_t idx, steps = 0;
    for (kv_link *at = dl_next(list, &list->head); at != NULL && steps < 2 * st->max_handles; steps++) {
        kv_handle *h = kv_handle_of_link(at);
        hp_holder holder = {0};
        if (!KT_CHECK(j, I4, kt_index(j->core, h, &idx), "a block list leads to what is no handle")) {
            return KV_OK;
        }
        kv_rc rc = hp_protect(&st->hp, j->t, h, &holder);
        if (rc == KV_NO_HAZARD) {
            return rc;
        }
        if (rc == KV_OK) {
            /* The number first: retiring sets FREE before it counts on. */
            int64_t seq = at_load(&h->seq_num, seq_cst);
            if (at_load(&h->status, seq_cst) != KV_FREE && *n < KT_LINKS) {
                met[(*n)++] = (seen_link){h, seq};
            }
            look_at_block(j, h);
            hp_release(&st->hp, j->t, &holder);
        }
        at = dl_next(list, at);
    }
    return KV_OK;
}

/* Still in the section that met them: retired they may be, but not alive again. */
static void look_again(kt_judge *j, const seen_link *met, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        int64_t seq = at_load(&met[i].handle->seq_num, seq_cst);
        int64_t status = at_load(&met[i].handle->status, seq_cst);
        KT_CHECK(j, I11, seq == met[i].seq || status == KV_FREE,
                 "a handle was used again (incarnation %lld, then %lld) within the section that met it",
                 (long long)met[i].seq, (long long)seq);
    }
}

static kv_rc walk_array(kt_judge *j) {
    kv_store *st = &j->core->cache->store;
    uint64_t supplied = supplied_now(j);
    for (uint64_t i = 0; i < supplied; i++) {
        kv_handle *h = ha_at(&st->handles, i);
        hp_holder holder = {0};
        if (h == NULL) {
            continue; /* I1, judged by its own check */
        }
        kt_look_at_seq(j, h, i);
        kv_rc rc = hp_protect(&st->hp, j->t, h, &holder);
        if (rc == KV_NO_HAZARD) {
            return rc;
        }
        if (rc == KV_OK) {
            look_at_block(j, h);
            hp_release(&st->hp, j->t, &holder);
        }
    }
    return KV_OK;
}

kv_rc kt_check_handles(kt_judge *j) {
    kv_store *st = &j->core->cache->store;
    seen_link met[KT_LINKS];
    uint32_t n = 0;
    kv_rc rc = KV_OK;
    j->t->no_wash++; /* no allocation may wash inside the section, where reclaim may wait for us */
    uint32_t slot = qc_enter(&st->clock, j->t);
    for (uint32_t i = 0; i < st->list_cnt && rc == KV_OK; i++) {
        rc = walk_list(j, &st->lists[i], met, &n);
    }
    if (rc == KV_OK) {
        rc = walk_array(j);
    }
    look_again(j, met, n);
    qc_leave(&st->clock, slot);
    j->t->no_wash--;
    return rc;
}

/* ---- I9 ---- */

void kt_check_accounts(kt_judge *j) {
    for (int label = 0; label < KV_LABEL_COUNT; label++) {
        la_account a = la_label_account(j->core->cache->la, (kv_label)label);
        int64_t overhead = label == KV_L_CACHE ? 0 : a.count * (LA_OBJ_HEADER + LA_OBJ_TAIL);
        KT_CHECK(j, I9, a.used >= 0 && a.count >= 0 && a.hold >= a.used + overhead,
                 "%s: %lld objects use %lld bytes and hold %lld", kv_label_names[label], (long long)a.count,
                 (long long)a.used, (long long)a.hold);
    }
}

/* ---- A check ---- */

void kt_check_instant(kt_judge *j) {
    bucket_map *m = &j->core->cache->map;
    uint32_t window = m->bucket_num < KT_WINDOW ? m->bucket_num : KT_WINDOW;
    (void)kt_check_supplied(j);
    kt_check_pointers(j);
    (void)kt_check_handles(j); /* ended early for want of hazard pointers: the rest is the next check's */
    kt_check_accounts(j);
    kt_check_chains(j, (uint32_t)(at_add(&j->core->next_bucket, window, relaxed) % m->bucket_num), window);
}

static void check_quiescent(kt_judge *j) {
    if (!kt_check_locks(j)) {
        return; /* the others would wait for the lock for ever */
    }
    int64_t found = j->found;
    (void)kt_check_supplied(j);
    kt_check_pointers(j);
    kt_check_places(j);
    if (j->found == found) { /* a list that leads nowhere, a lost handle: what follows would only stumble over it */
        kt_check_map(j);
    }
    kt_check_at_rest(j);
    kt_check_memory(j);
}

int64_t kt_check(rw_core *core, int32_t when) {
    if (core->cache != NULL) {
        /* A context of the judge's own, as kv_thread_attach makes one for itself: without an allocation, which would
         * change the accounts that are judged. Its id only says where to look for a slot first. */
        kv_thread self = {.core = core->cache, .id = core->cfg.max_threads};
        kt_judge j = {.core = core, .t = &self, .tid = -1};
        if ((when & RW_INSTANT) != 0) {
            kt_check_instant(&j);
        }
        if ((when & RW_QUIESCENT) != 0) {
            (void)prim_lock(&core->lock);
            check_quiescent(&j);
            prim_unlock(&core->lock);
        }
        hp_thread_release(&core->cache->store.hp, &self);
        kt_fold(&j);
    }
    return kt_recorded(core);
}
