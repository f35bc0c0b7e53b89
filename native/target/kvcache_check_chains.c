/* Bucket chains while threads run: under their lock no cycle and no key twice, under a version no dead node. */
#include "kvcache_private.h"

enum {
    KT_CHAIN = 64, /* nodes of a chain that are compared with each other */
    KT_READER_STEPS = 256 /* a reader without the lock might follow a broken chain for ever */
};

/* What the node allocator writes over a freed item. */
#define KT_SCRIBBLE UINT64_C(0xD5D5D5D5D5D5D5D5)

/* Not a freed item, nor one that was freed and is another bucket's node by now. */
static bool belongs(const bucket_map *m, const kv_node *node, uint32_t bucket) {
    return node->hash != KT_SCRIBBLE && node->hash % m->bucket_num == bucket && node->inst != NULL &&
           node->handle != NULL;
}

static bool judge_node(kt_judge *j, const bucket_map *m, kv_node *node, uint32_t bucket) {
    if (!KT_CHECK(j, I10, belongs(m, node, bucket), "the chain of bucket %u leads to a node that was freed", bucket)) {
        return false;
    }
    int64_t seq = at_load(&node->handle->seq_num, acquire);
    KT_CHECK(j, I8, node->seq <= seq, "a node was made for incarnation %lld of a handle whose incarnation is %lld",
             (long long)node->seq, (long long)seq);
    return true;
}

/* ---- Notes ---- */

static bool note_node(const kv_node *node, kt_note *notes, uint32_t *n) {
    if (*n == KT_NOTES) {
        return false;
    }
    notes[(*n)++] = (kt_note){.node = node, .inst = node->inst, .pair = node->pair, .hash = node->hash};
    return true;
}

uint32_t kt_note_chain(kt_judge *j, uint32_t bucket, kt_note *notes, uint32_t n) {
    bucket_map *m = &j->core->cache->map;
    kv_node *node = at_load(map_head(m, bucket), seq_cst); /* seq_cst, as every reader's: see hazard_version.h */
    for (int steps = 0; node != NULL && steps < KT_READER_STEPS; steps++) {
        if (!judge_node(j, m, node, bucket) || !note_node(node, notes, &n)) {
            break;
        }
        node = at_load(&node->next, seq_cst);
    }
    return n;
}

void kt_check_notes(kt_judge *j, const kt_note *notes, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        const kv_node *node = notes[i].node;
        KT_CHECK(j, I10, node->inst == notes[i].inst && node->pair == notes[i].pair && node->hash == notes[i].hash,
                 "a node was freed or changed under a hazard version: hash %llx has become %llx",
                 (unsigned long long)notes[i].hash, (unsigned long long)node->hash);
    }
}

/* ---- Under the bucket lock ---- */

typedef struct chain { /* a walk that notices a cycle (Brent) */
    kv_node *nodes[KT_CHAIN];
    uint32_t n;
    const kv_node *mark;
    uint64_t steps, power;
} chain;

static bool met_before(chain *c, const kv_node *node) {
    if (node == c->mark) {
        return true;
    }
    if (++c->steps == c->power) {
        c->mark = node;
        c->power *= 2;
        c->steps = 0;
    }
    return false;
}

/* Both are the same key's, alive, and say so. */
static bool same_key(kt_judge *j, const kv_node *a, const kv_node *b) {
    hp_domain *hp = &j->core->cache->store.hp;
    hp_holder of_a = {0}, of_b = {0};
    bool same = a->hash == b->hash && a->inst == b->inst && a->key_len == b->key_len;
    if (same) {
        same = hp_protect_seq(hp, j->t, a->handle, a->seq, &of_a) == KV_OK &&
               hp_protect_seq(hp, j->t, b->handle, b->seq, &of_b) == KV_OK &&
               memcmp(a->pair->key, b->pair->key, a->key_len) == 0;
        hp_release(hp, j->t, &of_a);
        hp_release(hp, j->t, &of_b);
    }
    return same;
}

static void judge_keys(kt_judge *j, const chain *c, uint32_t bucket) {
    for (uint32_t a = 0; a < c->n; a++) {
        for (uint32_t b = a + 1; b < c->n; b++) {
            KT_CHECK(j, I12, !same_key(j, c->nodes[a], c->nodes[b]), "a key is twice in the chain of bucket %u",
                     bucket);
        }
    }
}

static void judge_chain(kt_judge *j, bucket_map *m, uint32_t bucket, kt_note *notes, uint32_t *n) {
    chain c = {.power = 1};
    kv_node *node = at_load(map_head(m, bucket), relaxed); /* chains change under the lock only */
    for (; node != NULL; node = at_load(&node->next, relaxed)) {
        if (!judge_node(j, m, node, bucket) ||
            !KT_CHECK(j, I12, !met_before(&c, node), "the chain of bucket %u has a cycle", bucket)) {
            return;
        }
        if (c.n < KT_CHAIN) {
            c.nodes[c.n++] = node;
        }
        if (notes != NULL) {
            (void)note_node(node, notes, n);
        }
    }
    judge_keys(j, &c, bucket);
}

void kt_check_chains(kt_judge *j, uint32_t from, uint32_t buckets) {
    bucket_map *m = &j->core->cache->map;
    kt_note notes[KT_NOTES];
    uint32_t slot = UINT32_MAX, n = 0;
    bool held = hv_acquire(&m->hv, j->t, &slot) == KV_OK; /* without a slot only the chains are judged */
    for (uint32_t i = 0; i < buckets; i++) {
        uint32_t bucket = (uint32_t)(((uint64_t)from + i) % m->bucket_num);
        if (at_load(map_head(m, bucket), relaxed) == NULL) {
            continue;
        }
        prim_lock_t *lock = &m->locks[bucket % m->lock_cnt];
        (void)prim_lock(lock);
        j->t->no_wash++; /* as under every bucket lock: no allocation washes */
        judge_chain(j, m, bucket, held ? notes : NULL, &n);
        j->t->no_wash--;
        prim_unlock(lock);
    }
    kt_check_notes(j, notes, n);
    if (held) {
        hv_release(&m->hv, j->t, slot);
    }
}
