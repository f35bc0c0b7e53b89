/* seekdb's KV cache as a target: its table, creation and destruction. */
#include <stdio.h>
#include <stdlib.h>

#include "live.h"
#include "seekdb_ops.h"
#include "seekdb_private.h"

typedef struct settings {
    int64_t store, cache_bytes, max_handles, blocks_max;
} settings;

#define GIB (INT64_C(1) << 30)

static const rw_param_desc params_known[] = {
    {"store", "0: a private store, in a process without a database; 1: the store of the database that is open.", 0, 0,
     1},
    {"max_cache_size", "Bytes of the cache, which give the maximum of handles: of the live store, what is expected.",
     GIB, 4 * SK_BLOCK_SIZE, 1024 * GIB},
    {"max_handles", "Handles at most in a private store; 0: from max_cache_size.", 0, 0, 1 << 20},
    {"blocks_max", "Memory blocks that threads may have in their hands at once.", 128, 1, 4096},
};
enum { PARAM_CNT = sizeof params_known / sizeof params_known[0] };

static bool take_param(settings *s, const rw_param *param, char *err, size_t err_len) {
    int64_t *const places[PARAM_CNT] = {&s->store, &s->cache_bytes, &s->max_handles, &s->blocks_max};
    for (int i = 0; i < PARAM_CNT; i++) {
        const rw_param_desc *d = &params_known[i];
        if (strcmp(d->name, param->name) != 0) {
            continue;
        }
        if (param->value < d->min || param->value > d->max) {
            snprintf(err, err_len, "Parameter %s is %lld, must be from %lld to %lld.", d->name, (long long)param->value,
                     (long long)d->min, (long long)d->max);
            return false;
        }
        *places[i] = param->value;
        return true;
    }
    snprintf(err, err_len, "There is no parameter named %s.", param->name);
    return false;
}

static void free_core(rw_core *core) {
    if (core != NULL) {
        free((void *)core->seq_seen);
        free((void *)core->owner);
        free(core->place);
        prim_lock_destroy(&core->lock);
        prim_lock_destroy(&core->judging);
        free(core);
    }
}

static rw_core *make_core(const sk_api *api, const settings *s) {
    rw_core *core = aligned_alloc(64, (sizeof *core + 63) / 64 * 64);
    if (core == NULL) {
        return NULL;
    }
    memset(core, 0, sizeof *core);
    core->api = api;
    core->domain = api->domain();
    core->station = api->station();
    core->blocks_max = s->blocks_max;
    prim_lock_init(&core->lock, false);
    prim_lock_init(&core->judging, false);
    return core;
}

static bool make_tables(rw_core *core, char *err, size_t err_len) {
    size_t n = (size_t)core->max;
    core->seq_seen = calloc(n, sizeof *core->seq_seen);
    core->owner = calloc(n, sizeof *core->owner);
    core->place = calloc(n, 1);
    if (core->seq_seen == NULL || core->owner == NULL || core->place == NULL) {
        snprintf(err, err_len, "no memory for the judge's tables");
        return false;
    }
    return true;
}

static bool open_store(rw_core *core, const settings *s, char *err, size_t err_len) {
    bool open = s->store == 1 ? sk_open_live(core, s->cache_bytes, err, err_len)
                              : sk_open_private(core, s->cache_bytes, s->max_handles, err, err_len);
    return open && make_tables(core, err, err_len);
}

static rw_core *make(const sk_api *api, const settings *s, char *err, size_t err_len) {
    rw_core *core = make_core(api, s);
    if (core == NULL) {
        snprintf(err, err_len, "no memory");
    } else if (!open_store(core, s, err, err_len)) {
        core->closed = true; /* what a check refused isn't touched again, not even to free it */
        free_core(core);
        core = NULL;
    }
    return core;
}

/* The calls that change something are verified once in a process: on a private store that is then thrown away, or on
 * one block of the live one. */
static bool verified(const sk_api *api, const settings *s, char *err, size_t err_len) {
    static prim_lock_t lock = {PTHREAD_MUTEX_INITIALIZER};
    static bool done[2];
    prim_lock(&lock);
    if (!done[s->store]) {
        settings plain = *s;
        plain.max_handles = 0;
        rw_core *core = make(api, &plain, err, err_len);
        done[s->store] = core != NULL && sk_verify_calls(core, err, err_len);
        if (done[s->store]) {
            sk_close(core);
            free_core(core);
        }
    }
    prim_unlock(&lock);
    return done[s->store];
}

static rw_core *create(const rw_param *params, int32_t n, int64_t shared_bytes, char *err, int64_t err_len) {
    settings s = {params_known[0].standard, params_known[1].standard, params_known[2].standard,
                  params_known[3].standard};
    size_t room = (size_t)err_len;
    const sk_api *api = sk_find(err, room);
    if (api == NULL) {
        return NULL;
    }
    if (shared_bytes > 0) {
        snprintf(err, room, "The database's cache can't be shared by forked processes.");
        return NULL;
    }
    for (int32_t i = 0; i < n; i++) {
        if (!take_param(&s, &params[i], err, room)) {
            return NULL;
        }
    }
    return verified(api, &s, err, room) ? make(api, &s, err, room) : NULL;
}

static void destroy(rw_core *core) {
    sk_close(core);
    free_core(core);
}

static int64_t checks(rw_core *core, int32_t invariant) {
    return invariant >= 0 && invariant < SK_COUNT ? at_load(&core->checks[invariant], relaxed) : 0;
}

RW_EXPORT int32_t rw_live_find(char *err, int64_t err_len) {
    return sk_find(err, (size_t)err_len) != NULL;
}

RW_EXPORT const rw_target *rw_live_get(void) {
    static const rw_target target = {
        .abi = RW_TARGET_ABI,
        .name = "seekdb",
        .params = params_known,
        .param_cnt = PARAM_CNT,
        .ops = sk_ops,
        .op_cnt = SK_OP_CNT,
        .invariants = sk_invariants,
        .invariant_cnt = SK_COUNT,
        .codes = kv_rc_names,
        .code_cnt = KV_RC_COUNT,
        .create = create,
        .close = sk_close,
        .destroy = destroy,
        .attach = sk_attach,
        .detach = sk_detach,
        .run = sk_run,
        .check = sk_check,
        .checks = checks,
        .violations = sk_violations,
        .snapshot = sk_snapshot,
    };
    return &target;
}
