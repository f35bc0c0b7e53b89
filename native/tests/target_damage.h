/* What the tests of judgements share: a filled core, its inner parts, and "exactly this is found broken".
 *
 * A sound core is damaged in one place and judged. What a test damages it repairs before the core is destroyed, so that
 * only the judge is tried.
 */
#ifndef RACEWASH_TARGET_DAMAGE_H
#define RACEWASH_TARGET_DAMAGE_H

#include "target_fixture.h"

/* The handle that the first put filled: the current LRU block. */
static inline kv_handle *current_of(tx *x, uint32_t cache, uint32_t tenant) {
    kv_inst *inst;
    if (x->core->cfg.wash == KV_WASH_TEMPORARY) {
        return at_load(&x->st->current[KV_LRU], relaxed);
    }
    assert_int_equal(inst_find(&x->c->insts, cache, tenant, &inst), KV_OK);
    inst_put(&x->c->insts, inst);
    return at_load(&inst->current[KV_LRU], relaxed);
}

static inline kv_inst *inst_of(tx *x, uint32_t cache, uint32_t tenant) {
    kv_inst *inst;
    assert_int_equal(inst_find(&x->c->insts, cache, tenant, &inst), KV_OK);
    inst_put(&x->c->insts, inst);
    return inst;
}

static inline kv_node *node_of(tx *x, int64_t key) {
    unsigned char bytes[KT_KEY_BYTES];
    kt_make_key(key, bytes);
    uint64_t hash = map_hash(bytes, sizeof bytes);
    kv_node *node = at_load(map_head(&x->c->map, (uint32_t)(hash % x->c->map.bucket_num)), relaxed);
    while (node != NULL && node->hash != hash) {
        node = at_load(&node->next, relaxed);
    }
    assert_non_null(node);
    return node;
}

/* Instance 0 with keys 1 .. 3. */
static inline void open_filled(tx *x, unsigned layout) {
    tx_open(x, layout);
    for (int64_t key = 1; key <= 3; key++) {
        assert_int_equal(RUN3("put", 0, key, 100), KV_OK);
    }
    tx_clean(x, RW_INSTANT | RW_QUIESCENT);
}

static inline void judge(tx *x, int32_t when, const char *id) {
    assert_true(x->target->check(x->core, when) > 0);
    tx_only(x, id);
}

#define EACH_LAYOUT(x)                                                                                                 \
    (void)state;                                                                                                       \
    tx of_##x, *x = &of_##x;                                                                                           \
    for (unsigned layout = TX_BEFORE; layout <= TX_AFTER; layout += TX_AFTER)

#endif
