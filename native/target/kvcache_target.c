/* The KV cache as a target: its table, creation parameters, creation and destruction. */
#include <stdio.h>

#include "kvcache_ops.h"
#include "kvcache_private.h"

/* ---- Tables ---- */

#define DESCRIBE(id, when, claim) {#id, claim, when},
const rw_invariant_desc kt_invariants[KT_COUNT] = {KT_INVARIANTS(DESCRIBE)};
#undef DESCRIBE

typedef struct field { /* where a parameter goes in kv_config */
    size_t at, size;
} field;

#define FIELD(name) {offsetof(kv_config, name), sizeof(((kv_config *)NULL)->name)}

#define GIB (INT64_C(1) << 30)
#define U32_ANY (INT64_C(1) << 30)

/* clang-format off */
/* X(name, purpose, standard, min, max); the standards are those of kv_config_default, which a test compares. */
#define PARAMS(X)                                                                                                      \
    X(memory_limit, "Bytes that the server tenant may hold in chunks; 0: no limit.", 2 * GIB, 0, 1024 * GIB)           \
    X(max_cache_size, "Bytes of the cache, which give the maximum of handles; 0: memory_limit.", 0, 0, 1024 * GIB)     \
    X(block_size, "Bytes of a memory block, its 32 B header included.", (2 << 20) - (16 << 10), 128, U32_ANY)          \
    X(max_cpu, "Processors that tables are sized for.", 64, 1, 1024)                                                   \
    X(qclock_slots, "QClock slots; 0: 64 a processor.", 0, 0, 1 << 20)                                                 \
    X(station_slots, "Retire-station slots; 0: 32 a processor.", 0, 0, 1 << 20)                                        \
    X(max_handles, "Handles at most; 0: from cache size, block size and QClock slots.", 0, 0, U32_ANY)                 \
    X(handles_per_block, "Handles in a block of the segmented array; 0: as many as fill 8 KB - 256 B.", 0, 0, 1 << 20) \
    X(supply_num, "Handles in one supply.", 128, 1, U32_ANY)                                                           \
    X(retire_limit, "Handles that may wait in a retire-station slot.", 8, 1, U32_ANY)                                  \
    X(wash_retire_limit, "The same for the thread that ran the first wash.", 1024, 1, U32_ANY)                         \
    X(bucket_num, "Buckets of the map; 0: 786433 before, 196613 after.", 0, 0, 1 << 30)                                \
    X(bucket_size, "Bucket pointers in one allocation (before), in one Bucket.", 4096, 1, 1 << 30)                     \
    X(lock_stripes, "Bucket locks: bucket b is guarded by lock b % lock_stripes.", 1024, 1, 1 << 20)                   \
    X(hv_slots, "Hazard-version slots.", 1024, 1, 1 << 20)                                                             \
    X(hv_waiting, "Nodes that may wait in a hazard-version slot.", 512, 1, U32_ANY)                                    \
    X(hp_cache, "Hazard pointers that a thread keeps.", 128, 1, 1 << 20)                                               \
    X(hp_batch, "Hazard pointers that a thread takes or returns at a time.", 64, 1, 1 << 20)                           \
    X(hp_per_block, "Hazard pointers in a block; 0: as many as fill 8 KB - 256 B.", 0, 0, 1 << 20)                     \
    X(node_block_size, "Bytes of a node allocator's block.", (64 << 10) - 256, 128, U32_ANY)                           \
    X(sync_wash_timeout_us, "Time-out of a sync wash, microseconds.", 100000, 0, U32_ANY)                              \
    X(sync_wash_steps, "List steps after which the time-out is looked at.", 512, 1, U32_ANY)                           \
    X(max_threads, "Thread contexts that may be attached at once.", 128, 1, KV_MAX_THREADS)                            \
    X(zero_score_millis, "Blocks with score * 1000 at most this are washed at once (after).", 0, 0, U32_ANY)           \
    X(buckets, "0: fragmented (before), 1: contiguous (after).", KV_BUCKETS_CONTIGUOUS, 0, 1)                          \
    X(handles, "0: flat (before), 1: segmented (after).", KV_HANDLES_SEGMENTED, 0, 1)                                  \
    X(nodes, "0: per_instance (before), 1: shared (after).", KV_NODES_SHARED, 0, 1)                                    \
    X(wash, "0: preallocated (before), 1: temporary (after).", KV_WASH_TEMPORARY, 0, 1)                                \
    X(backing, "0: objects lie in chunks, 1: each is a malloc of its own.", KV_BACKING_CHUNKS, 0, 1)                   \
    X(protect, "0: hazard pointers, 1: reference counts.", KV_PROTECT_HAZARD, 0, 1)
/* clang-format on */

#define DESCRIBE(name, purpose, standard, min, max) {#name, purpose, standard, min, max},
static const rw_param_desc params_known[] = {PARAMS(DESCRIBE)};
#undef DESCRIBE
enum { PARAM_CNT = sizeof params_known / sizeof params_known[0] };

#define PLACE(name, purpose, standard, min, max) FIELD(name),
static const field fields[] = {PARAMS(PLACE)};
#undef PLACE

/* ---- Creation ---- */

static void store_field(kv_config *cfg, const field *f, int64_t value) {
    char *at = (char *)cfg + f->at;
    if (f->size == sizeof(uint64_t)) {
        memcpy(at, &value, sizeof value);
    } else {
        uint32_t narrow = (uint32_t)value; /* enumerations too: their values are 0 and 1 */
        memcpy(at, &narrow, sizeof narrow);
    }
}

static bool take_param(kv_config *cfg, const rw_param *param, char *err, size_t err_len) {
    for (int32_t i = 0; i < PARAM_CNT; i++) {
        const rw_param_desc *d = &params_known[i];
        if (strcmp(d->name, param->name) != 0) {
            continue;
        }
        if (param->value < d->min || param->value > d->max) {
            snprintf(err, err_len, "Parameter %s is %lld, must be from %lld to %lld.", d->name, (long long)param->value,
                     (long long)d->min, (long long)d->max);
            return false;
        }
        store_field(cfg, &fields[i], param->value);
        return true;
    }
    snprintf(err, err_len, "There is no parameter named %s; the target's table names them all.", param->name);
    return false;
}

static size_t aligned(size_t bytes) {
    return (bytes + KV_LINE - 1) / KV_LINE * KV_LINE;
}

/* The object with its arrays behind it, in one piece. */
static rw_core *make_object(prim_mem *mem, const kv_config *cfg, const rw_hook *hook) {
    size_t n = cfg->max_handles, at = aligned(sizeof(rw_core)), seq, owner, block, nodes, place;
    seq = at, at = aligned(at + n * sizeof(int64_t));
    block = at, at = aligned(at + n * sizeof(uintptr_t)); /* as many blocks as handles at most */
    owner = at, at = aligned(at + n * sizeof(int32_t));
    nodes = at, at = aligned(at + n * sizeof(uint32_t));
    place = at, at = aligned(at + n);
    bool shared = prim_mem_shared(mem);
    char *base = shared ? prim_mem_alloc(mem, at) : prim_object_alloc(at);
    if (base == NULL) {
        return NULL;
    }
    memset(base, 0, at);
    rw_core *core = (rw_core *)(void *)base;
    core->mem = mem;
    core->shared = shared;
    core->bytes = at;
    core->cfg = *cfg;
    core->seq_seen = (void *)(base + seq);
    core->block_seen = (void *)(base + block);
    core->owner = (void *)(base + owner);
    core->nodes_of = (void *)(base + nodes);
    core->place = (uint8_t *)(base + place);
    core->hook = hook; /* its counters lie where forked processes share them */
    core->env = (kv_env){.ctx = core, .report = kt_report, .fail_alloc = hook != NULL ? kt_fail_alloc : NULL};
    prim_lock_init(&core->lock, shared);
    return core;
}

static void free_object(rw_core *core) {
    prim_mem *mem = core->mem;
    prim_lock_destroy(&core->lock);
    if (core->shared) {
        prim_mem_close(mem); /* the object is in it */
    } else {
        prim_object_free(core);
    }
}

/* Was it refused by a failure of the plan? Then NO_MEMORY is what it has to say. */
static bool refused_by_plan(rw_core *core, kv_rc rc) {
    kt_judge j = {.core = core, .tid = -1};
    if (core->hook == NULL || core->hook->taken(core->hook->ctx) == 0) {
        return false;
    }
    KT_CHECK(&j, C1, rc == KV_NO_MEMORY, "creation ended as %s when an allocation failed", kv_rc_names[rc]);
    kt_fold(&j);
    return true;
}

static rw_core *create_failing(const rw_param *params, int32_t n, int64_t shared_bytes, const rw_hook *hook, char *err,
                               int64_t err_len) {
    kv_config cfg;
    kv_config_default(&cfg);
    for (int32_t i = 0; i < n; i++) {
        if (!take_param(&cfg, &params[i], err, (size_t)err_len)) {
            return NULL;
        }
    }
    if (kv_config_resolve(&cfg, err, (size_t)err_len) != KV_OK) {
        return NULL;
    }
    if (shared_bytes > 0 && cfg.backing == KV_BACKING_MALLOC) {
        snprintf(err, (size_t)err_len, "Objects with a malloc of their own (backing 1) can't be shared by processes.");
        return NULL;
    }
    prim_mem *mem = shared_bytes > 0 ? prim_mem_arena((size_t)shared_bytes) : prim_mem_private();
    rw_core *core = mem != NULL ? make_object(mem, &cfg, hook) : NULL;
    if (core == NULL) {
        snprintf(err, (size_t)err_len, "A mapping of %lld bytes can't be had, or has no room for the judge's tables.",
                 (long long)shared_bytes);
        prim_mem_close(mem);
        return NULL;
    }
    kv_rc rc = kv_create(mem, &core->env, &cfg, &core->cache);
    if (rc != KV_OK && refused_by_plan(core, rc)) {
        return core; /* closed; what its parts have left behind stands in its violations */
    }
    if (rc != KV_OK) {
        snprintf(err, (size_t)err_len, "The core can't be created within %llu bytes: %s.",
                 (unsigned long long)(shared_bytes > 0 ? (uint64_t)shared_bytes : cfg.memory_limit), kv_rc_names[rc]);
        free_object(core);
        return NULL;
    }
    for (int label = 0; label < KV_LABEL_COUNT; label++) {
        core->at_rest[label] = la_label_account(core->cache->la, (kv_label)label);
    }
    return core;
}

static rw_core *create(const rw_param *params, int32_t n, int64_t shared_bytes, char *err, int64_t err_len) {
    return create_failing(params, n, shared_bytes, NULL, err, err_len);
}

/* ---- Destruction ---- */

static void close_core(rw_core *core) {
    kt_judge j = {.core = core, .tid = -1};
    if (core->cache == NULL) {
        return;
    }
    kv_shutdown(core->cache);
    kt_check_destroyed(&j);
    kt_fold(&j);
    kv_destroy(core->cache);
    core->cache = NULL;
}

static void destroy(rw_core *core) {
    close_core(core);
    free_object(core);
}

static int64_t checks(rw_core *core, int32_t invariant) {
    return invariant >= 0 && invariant < KT_COUNT ? at_load(&core->checks[invariant], relaxed) : 0;
}

/* ---- The table ---- */

RW_EXPORT const rw_target *rw_target_get(void) {
    static rw_target target = {
        .abi = RW_TARGET_ABI,
        .name = "kvcache",
        .params = params_known,
        .param_cnt = PARAM_CNT,
        .ops = kt_ops,
        .op_cnt = KT_OP_COUNT,
        .invariants = kt_invariants,
        .invariant_cnt = KT_COUNT,
        .codes = kv_rc_names,
        .code_cnt = KV_RC_COUNT,
        .create = create,
        .close = close_core,
        .destroy = destroy,
        .attach = kt_attach,
        .detach = kt_detach,
        .run = kt_run,
        .check = kt_check,
        .checks = checks,
        .violations = kt_violations,
        .snapshot = kt_snapshot,
        .deed = kt_deed,
        .benign = kt_benign,
        .create_failing = create_failing,
        .recover = kt_recover,
        .hold_cnt = KV_HELD_COUNT,
        .holding = kt_holding,
        .outlive = kt_outlive,
        .adopt = kt_adopt,
        .abandon = kt_abandon,
        .unhurt = KT_UNHURT,
    };
    target.sites = kt_sites(&target.site_cnt);
    target.benign_cnt = kt_benign_cnt;
    target.holds = kt_holds;
    return &target;
}
