/* Figures of a store of seekdb, measured in its memory. */
#include <stdio.h>

#include "seekdb_private.h"

typedef struct shot {
    rw_cell *out;
    int32_t max, n;
} shot;

static void cell(shot *s, const char *group, const char *name, const char *field, int64_t value) {
    if (s->n < s->max) {
        rw_cell *c = &s->out[s->n];
        snprintf(c->group, sizeof c->group, "%s", group);
        snprintf(c->name, sizeof c->name, "%s", name);
        snprintf(c->field, sizeof c->field, "%s", field);
        c->value = value;
    }
    s->n++;
}

static void handles(shot *s, const rw_core *core) {
    const char *st = core->store;
    int64_t slots = sk_pointer(st, SK_ST_POOL_SLOTS) - core->handles, cap = sk_word(st, SK_ST_POOL_CAP);
    cell(s, "handles", "maximum", "number", core->max);
    cell(s, "handles", "supplied", "number", sk_word(st, SK_ST_SUPPLIED));
    cell(s, "handles", "handle", "bytes", SK_HANDLE_BYTES); /* verified by index arithmetic */
    cell(s, "handles", "array", "bytes", slots);
    cell(s, "handles", "pool_slots", "bytes", cap * SK_SLOT_BYTES);
    cell(s, "handles", "pool_slots", "filled", sk_word(st, SK_ST_POOL_PUSH) - sk_word(st, SK_ST_POOL_POP));
    cell(s, "handles", "all", "bytes", slots + cap * SK_SLOT_BYTES);
    cell(s, "blocks", "block", "bytes", sk_word(st, SK_ST_BLOCK));
    cell(s, "blocks", "payload", "bytes", sk_word(st, SK_ST_PAYLOAD));
}

static void statuses(shot *s, const rw_core *core) {
    static const char *const names[] = {"free", "using", "full"};
    int64_t count[3] = {0}, supplied = sk_word(core->store, SK_ST_SUPPLIED);
    for (int64_t i = 0; i < supplied && i < core->max; i++) {
        int32_t status = sk_half(sk_handle(core, i), SK_H_STATUS);
        count[status >= 0 && status < 3 ? status : 0]++;
    }
    for (int i = 0; i < 3; i++) {
        cell(s, "blocks", names[i], "number", count[i]);
    }
}

static void retired(shot *s, const rw_core *core) {
    int64_t waiting = 0;
    for (int i = 0; i < SK_RS_SLOTS; i++) {
        const char *slot = core->station + SK_RS_FIRST + i * SK_RS_STRIDE;
        waiting += sk_word(slot, SK_RS_RETIRE_SIZE) + sk_word(slot, SK_RS_PREPARE_SIZE);
    }
    cell(s, "retire", "list", "bytes", sk_word(core->domain, SK_DOM_RETIRED_BYTES));
    cell(s, "retire", "station", "handles", waiting);
    cell(s, "judge", "disturbed", "number", at_load(&core->disturbed, relaxed));
}

/* What the database's own instances hold: those that have a block. */
static void live_instances(shot *s, const rw_core *core) {
    const char *known[64];
    int n = 0;
    for (int64_t i = 0; i < sk_word(core->store, SK_ST_SUPPLIED) && i < core->max; i++) {
        const char *h = sk_handle(core, i), *inst = sk_pointer(h, SK_H_INST);
        int at = 0;
        if (sk_half(h, SK_H_STATUS) == KV_FREE || inst == NULL) {
            continue;
        }
        while (at < n && known[at] != inst) {
            at++;
        }
        if (at == n && n < 64) {
            char name[32];
            known[n++] = inst;
            snprintf(name, sizeof name, "%lld", (long long)sk_word(inst, SK_INST_CACHE));
            cell(s, "database", name, "bytes", sk_word(inst, SK_INST_SIZE));
            cell(s, "database", name, "node_block", sk_word(inst, SK_INST_NODE_BLOCK));
            cell(s, "database", name, "node_bytes", sk_word(inst, SK_INST_NODE_BYTES));
        }
    }
    cell(s, "map", "buckets", "number", sk_word(core->api->global(), SK_G_BUCKETS));
    cell(s, "map", "buckets", "in_one", sk_word(core->api->global(), SK_G_BUCKET_SIZE));
}

int32_t sk_snapshot(rw_core *core, rw_cell *out, int32_t max) {
    shot s = {.out = out, .max = max};
    if (!core->closed) {
        handles(&s, core);
        statuses(&s, core);
        retired(&s, core);
        if (core->live) {
            live_instances(&s, core);
        }
        for (int i = 0; i < SK_CACHES; i++) {
            char name[16];
            snprintf(name, sizeof name, "%d", i);
            cell(&s, "instances", name, "bytes", sk_word(core->inst[i], SK_INST_SIZE));
            cell(&s, "instances", name, "lru", sk_word(core->inst[i], SK_INST_LRU));
            cell(&s, "instances", name, "lfu", sk_word(core->inst[i], SK_INST_LFU));
        }
    }
    return s.n;
}
