/* Observes a store of seekdb that rests. */
#include "observe.h"
#include "seekdb_private.h"

static ob_handle *at(rw_core *core, ob_record *out, const void *h) {
    int64_t idx;
    return sk_index(core, h, &idx) && idx < OB_HANDLES_MAX ? &out->handles[idx] : NULL;
}

static void handles(rw_core *core, ob_record *out) {
    for (int64_t i = 0; i < core->max; i++) {
        const char *h = sk_handle(core, i), *block = sk_pointer(h, SK_H_BLOCK);
        out->handles[i] = (ob_handle){
            .status = sk_half(h, SK_H_STATUS),
            .seq = sk_word(h, SK_H_SEQ),
            .policy = sk_half(h, SK_H_POLICY),
            .gets = sk_word(h, SK_H_GETS),
            .recent = sk_word(h, SK_H_RECENT),
            .score = sk_word(h, SK_H_SCORE),
            .pairs = sk_word(h, SK_H_PAIRS),
            .has_block = block != NULL,
            .used = block != NULL ? sk_word(block, SK_MB_POS) : 0,
        };
    }
}

static void pool(rw_core *core, ob_record *out) {
    const char *slots = sk_pointer(core->store, SK_ST_POOL_SLOTS);
    int64_t cap = sk_word(core->store, SK_ST_POOL_CAP), pop = sk_word(core->store, SK_ST_POOL_POP);
    out->head.pool = sk_word(core->store, SK_ST_POOL_PUSH) - pop;
    for (int64_t i = 0; i < out->head.pool && i < cap; i++) {
        ob_handle *h = at(core, out, sk_pointer(slots, (size_t)((pop + i) % cap) * SK_SLOT_BYTES));
        if (h != NULL) {
            h->pool = i + 1;
        }
    }
}

static void listed(rw_core *core, ob_record *out) {
    const char *list = sk_pointer(core->inst[0], SK_INST_MB_LIST);
    const char *link = (const char *)(uintptr_t)(sk_word(list, SK_H_NEXT) & ~INT64_C(1));
    while (link != list + SK_H_LINK && out->head.listed < core->max) {
        ob_handle *h = at(core, out, link - SK_H_LINK);
        out->head.listed++;
        if (h != NULL) {
            h->list = out->head.listed;
        }
        link = (const char *)(uintptr_t)(sk_word(link - SK_H_LINK, SK_H_NEXT) & ~INT64_C(1));
    }
}

static void chain(rw_core *core, ob_record *out, const char *link, int64_t *n, size_t place) {
    for (; link != NULL && *n < core->max; link = sk_pointer(link, 0)) {
        ob_handle *h = at(core, out, link - SK_H_RETIRE);
        ++*n;
        if (h != NULL) {
            *(int64_t *)(void *)((char *)h + place) = *n;
        }
    }
}

static void retired(rw_core *core, ob_record *out) {
    chain(core, out, sk_pointer(core->domain, SK_DOM_RETIRED), &out->head.retired, offsetof(ob_handle, retired));
    out->head.retired_bytes = sk_word(core->domain, SK_DOM_RETIRED_BYTES);
    for (int i = 0; i < SK_RS_SLOTS; i++) {
        const char *slot = core->station + SK_RS_FIRST + i * SK_RS_STRIDE;
        chain(core, out, sk_pointer(slot, SK_RS_RETIRE_HEAD), &out->head.waiting, offsetof(ob_handle, station));
        chain(core, out, sk_pointer(slot, SK_RS_PREPARE_HEAD), &out->head.waiting, offsetof(ob_handle, station));
    }
}

int64_t sk_observe(rw_core *core, rw_thread *th, ob_record *out) {
    if (core->max > OB_HANDLES_MAX) {
        return -1;
    }
    *out = (ob_record){.head = {.code = out->head.code}};
    out->head.supplied = sk_word(core->store, SK_ST_SUPPLIED);
    handles(core, out);
    pool(core, out);
    listed(core, out);
    retired(core, out);
    for (int i = 0; i < SK_CACHES; i++) {
        out->head.size[i] = sk_word(core->inst[i], SK_INST_SIZE);
        out->head.lru[i] = sk_word(core->inst[i], SK_INST_LRU);
        out->head.lfu[i] = sk_word(core->inst[i], SK_INST_LFU);
        out->head.base[i] = sk_word(core->inst[i], SK_INST_BASE);
    }
    for (int i = 0; i < SK_SLOTS; i++) {
        int64_t idx;
        void *h = th->holds[i].handle != NULL ? core->api->held(th->holds[i].holder) : NULL;
        out->head.hold[i] = h != NULL && sk_index(core, h, &idx) ? 1 + idx : 0;
    }
    return core->max;
}
