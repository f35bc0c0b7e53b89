/* Bucket map: creation, destruction, hashing, and the walk helpers that put, get and erase share. */
#include "map_private.h"

/* ---- Hashing and addressing ---- */

/* MurmurHash64A (Austin Appleby, public domain), written for bytes of any alignment. */
uint64_t map_hash(const void *key, uint32_t key_len) {
    const uint64_t mul = UINT64_C(0xc6a4a7935bd1e995);
    const unsigned char *p = key, *end = p + (key_len & ~7u);
    uint64_t h = UINT64_C(0x9747b28c) ^ (key_len * mul), w;
    for (; p < end; p += 8) {
        memcpy(&w, p, 8);
        w *= mul;
        w ^= w >> 47;
        h = (h ^ (w * mul)) * mul;
    }
    if (key_len & 7) {
        w = 0;
        for (uint32_t i = 0; i < (key_len & 7); i++) {
            w |= (uint64_t)p[i] << (8 * i);
        }
        h = (h ^ w) * mul;
    }
    h = (h ^ (h >> 47)) * mul;
    return h ^ (h >> 47);
}

bm_key bm_key_of(const bucket_map *m, kv_inst *inst, const void *key, uint32_t len) {
    bm_key k = {.inst = inst, .hash = map_hash(key, len) + inst->cache, .key = key, .len = len};
    k.bucket = (uint32_t)(k.hash % m->bucket_num);
    return k;
}

_Atomic(kv_node *) *map_head(bucket_map *m, uint32_t i) {
    return &m->buckets[i / m->bucket_size].nodes[i % m->bucket_size];
}

/* ---- Locks ---- */

void bm_lock(bucket_map *m, kv_thread *t, uint32_t bucket) {
    /* A dead owner leaves well-formed chains (one store a change); at worst its one operation's counts are off. */
    (void)prim_lock(&m->locks[bucket % m->lock_cnt]);
    t->held[KV_H_BUCKET]++;
    t->no_wash++;
}

void bm_unlock(bucket_map *m, kv_thread *t, uint32_t bucket) {
    t->no_wash--;
    prim_unlock(&m->locks[bucket % m->lock_cnt]);
    t->held[KV_H_BUCKET]--;
}

bool bm_try_again(kv_rc rc, unsigned *tries) {
    if (rc != KV_NO_HAZARD || ++*tries >= BM_HAZARD_TRIES) {
        return false;
    }
    unsigned spins = CPU_RELAX_SPINS - 1; /* the next turn yields */
    cpu_relax(&spins);
    return true;
}

/* ---- Nodes ---- */

kv_rc bm_protect(bucket_map *m, kv_thread *t, const kv_node *node, hp_holder *out) {
    memset(out, 0, sizeof *out);
    return node->seq < 0 ? KV_GONE : hp_protect_seq(&m->store->hp, t, node->handle, node->seq, out);
}

int64_t bm_node_seq(kv_handle *h) {
    /* The number first. Retiring sets FREE before it counts on, so: the next number read means FREE is read too (the
     * acquire makes the order hold); the old number and not FREE is this incarnation, which our protection keeps from
     * being reused. seq_cst where the source of these words uses it costs nothing for loads. */
    int64_t seq = at_load(&h->seq_num, seq_cst);
    return at_load(&h->status, seq_cst) == KV_FREE ? -1 : seq;
}

kv_rc bm_make_node(bucket_map *m, kv_thread *t, const bm_key *k, kv_policy policy, const void *value,
                   uint32_t value_len, kv_node **out, hp_holder *holder) {
    kv_handle *h = NULL;
    kv_pair *pair = NULL;
    memset(holder, 0, sizeof *holder);
    kv_inst *owner = m->cfg->wash == KV_WASH_PREALLOCATED ? k->inst : NULL; /* after, blocks are the store's */
    kv_rc rc = st_alloc_kvpair(m->store, t, owner, policy, k->len, value_len, &h, &pair, holder);
    if (rc != KV_OK) {
        return rc;
    }
    kv_node *node = na_alloc(k->inst->nodes, t, sizeof *node);
    if (node == NULL) {
        hp_release(&m->store->hp, t, holder); /* the pair's bytes stay unused until its block is washed */
        return KV_NO_MEMORY;
    }
    /* Everything is written before the node is linked, and never changes afterwards (I6). */
    memcpy(pair->key, k->key, k->len);
    memcpy(pair->value, value, value_len);
    memset(node, 0, sizeof *node);
    node->inst = k->inst;
    node->hash = k->hash;
    node->handle = h;
    node->pair = pair;
    node->key_len = k->len;
    node->value_len = value_len;
    *out = node;
    return KV_OK;
}

void bm_drop_node(kv_node *node) {
    (void)na_free(node->inst->nodes, node); /* a refusal has been reported */
}

/* The station's callback. */
static void free_waiting(void *arg, kv_thread *t, hv_node *hv) {
    (void)arg, (void)t;
    kv_inst *inst = ((kv_node *)hv)->inst;
    bm_drop_node((kv_node *)hv);
    /* W20: only now may the instance go, whose allocator we have just used. Release: our accesses precede its end. */
    at_sub(&inst->waiting_nodes, 1, release);
}

static int64_t pair_bytes(const kv_node *node) {
    return (int64_t)mb_pair_bytes(node->key_len, node->value_len); /* the pair itself may be gone */
}

void bm_count_in(bucket_map *m, kv_node *node) {
    node->seq = bm_node_seq(node->handle);
    if (node->seq >= 0) {
        /* Under the pair's holder: the handle isn't reset before it is released, so the count meets no later
         * incarnation. Retired already or soon: the count belongs to a dead incarnation and is reset with it. */
        at_add(&node->handle->kv_cnt, 1, relaxed);
    }
    if (m->cfg->wash == KV_WASH_TEMPORARY) {
        at_add(&node->inst->store_size, pair_bytes(node), relaxed);
    }
    at_add(&node->inst->kv_cnt, 1, relaxed);
}

void bm_bury(bucket_map *m, uint32_t slot, kv_node *node, bool matched) {
    kv_inst *inst = node->inst;
    at_add(&inst->waiting_nodes, 1, relaxed); /* before kv_cnt falls: one of the two always keeps the instance */
    if (matched) {
        at_sub(&node->handle->kv_cnt, 1, relaxed);
    }
    if (m->cfg->wash == KV_WASH_TEMPORARY) {
        at_sub(&inst->store_size, pair_bytes(node), relaxed);
    }
    at_sub(&inst->kv_cnt, 1, release); /* whoever acquires this count sees the two above */
    hv_delete_node(&m->hv, slot, &node->hv);
}

void bm_replace(bm_link *link, kv_node *old, kv_node *fresh) {
    at_store(&fresh->next, at_load(&old->next, relaxed), relaxed); /* chains change under the lock only */
    /* seq_cst: publishes the new node and unlinks the old one (hazard_version.h) */
    at_store(link, fresh, seq_cst);
}

void bm_unlink(bucket_map *m, uint32_t slot, bm_link *link, kv_node *node, bool matched) {
    at_store(link, at_load(&node->next, relaxed), seq_cst); /* node->next stays: a reader on the node goes on by it */
    bm_bury(m, slot, node, matched);
}

kv_node *bm_copy_fragment(bucket_map *m, kv_thread *t, uint32_t slot, bm_link *link, kv_node *node) {
    kv_inst *inst = node->inst;
    kv_node *copy = na_alloc(inst->nodes, t, sizeof *copy);
    if (copy == NULL) {
        return NULL;
    }
    memset(copy, 0, sizeof *copy);
    copy->inst = inst;
    copy->hash = node->hash;
    copy->handle = node->handle;
    copy->seq = node->seq;
    copy->pair = node->pair;
    copy->key_len = node->key_len;
    copy->value_len = node->value_len;
    at_store(&copy->get_cnt, at_load(&node->get_cnt, relaxed), relaxed);
    bm_replace(link, node, copy);
    /* One node for one: the instance's and the handle's counts stay. */
    at_add(&inst->waiting_nodes, 1, relaxed); /* before the push: the free takes it back */
    hv_delete_node(&m->hv, slot, &node->hv);
    return copy;
}

/* ---- Creation and destruction ---- */

static kv_rc make_buckets(bucket_map *m, kv_thread *t) {
    m->buckets = la_zalloc(m->la, t, 0, LA_CTX_DEFAULT, KV_L_MAP_BKT, m->bucket_cnt * sizeof(kv_bucket));
    if (m->buckets == NULL) {
        return KV_NO_MEMORY;
    }
    if (m->layout == KV_BUCKETS_CONTIGUOUS) {
        bm_link *all = la_zalloc(m->la, t, 0, LA_CTX_DEFAULT, KV_L_MAP_BKT, m->bucket_num * sizeof(bm_link));
        if (all == NULL) {
            return KV_NO_MEMORY;
        }
        for (uint32_t i = 0; i < m->bucket_cnt; i++) {
            m->buckets[i].nodes = all + (size_t)i * m->bucket_size; /* only the last one is short */
        }
        return KV_OK;
    }
    for (uint32_t i = 0; i < m->bucket_cnt; i++) {
        m->buckets[i].nodes = la_zalloc(m->la, t, 0, LA_CTX_DEFAULT, KV_L_MAP_BKT, m->bucket_size * sizeof(bm_link));
        if (m->buckets[i].nodes == NULL) {
            return KV_NO_MEMORY; /* those made are found by their pointers */
        }
    }
    return KV_OK;
}

static void free_buckets(bucket_map *m) {
    if (m->buckets == NULL) {
        return;
    }
    /* Contiguous: one allocation, freed once, through bucket 0's pointer. */
    uint32_t owned = m->layout == KV_BUCKETS_CONTIGUOUS ? 1 : m->bucket_cnt;
    for (uint32_t i = 0; i < owned; i++) {
        la_free(m->la, (void *)m->buckets[i].nodes);
    }
    la_free(m->la, m->buckets);
    m->buckets = NULL;
}

static kv_rc make_locks(bucket_map *m, kv_thread *t, uint32_t n, bool shared) {
    m->locks = la_zalloc(m->la, t, 0, LA_CTX_DEFAULT, KV_L_MAP_LOCK, n * sizeof(prim_lock_t));
    if (m->locks == NULL) {
        return KV_NO_MEMORY;
    }
    for (uint32_t i = 0; i < n; i++) {
        prim_lock_init(&m->locks[i], shared);
    }
    m->lock_cnt = n;
    return KV_OK;
}

kv_rc map_init(bucket_map *m, la_alloc *la, const kv_env *env, const kv_config *cfg, kv_thread *t, kv_store *store,
               inst_table *insts, bool shared) {
    memset(m, 0, sizeof *m);
    if (cfg->bucket_num == 0 || cfg->bucket_size == 0) {
        return KV_INVALID;
    }
    m->la = la;
    m->env = env;
    m->cfg = cfg;
    m->store = store;
    m->insts = insts;
    m->layout = cfg->buckets;
    m->bucket_num = cfg->bucket_num;
    m->bucket_size = cfg->bucket_size;
    m->bucket_cnt = (cfg->bucket_num - 1) / cfg->bucket_size + 1;
    kv_rc rc = na_init(&m->nodes, la, env, 0, cfg->node_block_size);
    if (rc == KV_OK) {
        rc = hv_init(&m->hv, la, t, cfg->hv_slots, cfg->hv_waiting, free_waiting, m);
    }
    if (rc == KV_OK) {
        rc = make_locks(m, t, cfg->lock_stripes > 0 ? cfg->lock_stripes : 1, shared);
    }
    if (rc == KV_OK) {
        rc = make_buckets(m, t);
    }
    if (rc != KV_OK) {
        map_destroy(m, t); /* W7: what was made is freed, step by step */
    }
    return rc;
}

/* Nobody else is inside: the nodes go at once, without a slot and without versions (W15: the source's walk fails when
 * the table is full, and the nodes leak). */
static void free_chain(bucket_map *m, bm_link *head) {
    kv_node *node = at_xchg(head, NULL, acquire), *next;
    for (; node != NULL; node = next) {
        kv_inst *inst = node->inst;
        next = at_load(&node->next, relaxed);
        if (node->seq >= 0 && bm_node_seq(node->handle) == node->seq) {
            at_sub(&node->handle->kv_cnt, 1, relaxed);
        }
        if (m->cfg->wash == KV_WASH_TEMPORARY) {
            at_sub(&inst->store_size, pair_bytes(node), relaxed);
        }
        bm_drop_node(node);
        at_sub(&inst->kv_cnt, 1, release);
    }
}

void map_destroy(bucket_map *m, kv_thread *t) {
    for (uint32_t b = 0; m->buckets != NULL && b < m->bucket_num; b++) {
        if (m->buckets[b / m->bucket_size].nodes != NULL) { /* null: creation failed there */
            free_chain(m, map_head(m, b));
        }
    }
    hv_destroy(&m->hv, t);
    free_buckets(m);
    for (uint32_t i = 0; i < m->lock_cnt; i++) {
        prim_lock_destroy(&m->locks[i]);
    }
    if (m->locks != NULL) {
        la_free(m->la, m->locks);
    }
    na_destroy(&m->nodes);
    memset(m, 0, sizeof *m);
}
