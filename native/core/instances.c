/* Instances: table, lookup without a lock, creation, removal (A21). What keeps one alive is told in the header. */
#include "instances.h"

kv_rc inst_init(inst_table *tab, la_alloc *la, const kv_env *env, kv_thread *t, const kv_config *cfg,
                node_alloc *shared_nodes, bool shared) {
    memset(tab, 0, sizeof *tab);
    tab->la = la;
    tab->env = env;
    tab->nodes_layout = cfg->nodes;
    tab->shared_nodes = shared_nodes;
    tab->node_block_bytes = cfg->node_block_size;
    for (uint32_t i = 0; i < KV_MAX_CACHE_NUM; i++) {
        at_store(&tab->priority[i], 1, relaxed);
    }
    uint32_t slot_cnt = KV_MAX_CACHE_NUM * KV_MAX_TENANT_NUM;
    tab->slots_mem = la_zalloc(la, t, 0, LA_CTX_DEFAULT, KV_L_INST, slot_cnt * sizeof(inst_slot) + KV_LINE);
    if (tab->slots_mem == NULL) {
        return KV_NO_MEMORY;
    }
    tab->slots = kv_line_up(tab->slots_mem);
    tab->slot_cnt = slot_cnt;

    pthread_rwlockattr_t attr;
    pthread_rwlockattr_init(&attr);
    pthread_rwlockattr_setpshared(&attr, shared ? PTHREAD_PROCESS_SHARED : PTHREAD_PROCESS_PRIVATE);
    tab->lock_made = pthread_rwlock_init(&tab->lock, &attr) == 0;
    pthread_rwlockattr_destroy(&attr);
    if (!tab->lock_made) {
        inst_destroy(tab);
        return KV_NO_MEMORY;
    }
    return KV_OK;
}

static kv_inst *make_inst(inst_table *tab, kv_thread *t, uint32_t cache, uint32_t tenant) {
    void *mem = la_zalloc(tab->la, t, 0, LA_CTX_DEFAULT, KV_L_INST, sizeof(kv_inst) + KV_LINE);
    if (mem == NULL) {
        return NULL;
    }
    kv_inst *inst = kv_line_up(mem);
    inst->mem = mem;
    inst->cache = cache;
    inst->tenant = tenant;
    inst->slot = cache * KV_MAX_TENANT_NUM + tenant;
    inst->nodes = tab->shared_nodes;
    if (tab->nodes_layout == KV_NODES_PER_INSTANCE) {
        if (na_init(&inst->own_nodes, tab->la, tab->env, tenant, tab->node_block_bytes) != KV_OK) {
            la_free(tab->la, mem);
            return NULL;
        }
        inst->nodes = &inst->own_nodes;
    }
    return inst;
}

static void free_inst(inst_table *tab, kv_inst *inst) {
    if (tab->nodes_layout == KV_NODES_PER_INSTANCE) {
        na_destroy(&inst->own_nodes);
    }
    la_free(tab->la, inst->mem);
}

void inst_destroy(inst_table *tab) {
    for (uint32_t i = 0; i < tab->slot_cnt; i++) {
        kv_inst *inst = at_load(&tab->slots[i].inst, acquire);
        if (inst != NULL) {
            free_inst(tab, inst);
        }
    }
    if (tab->lock_made) {
        pthread_rwlock_destroy(&tab->lock);
    }
    if (tab->slots_mem != NULL) {
        la_free(tab->la, tab->slots_mem);
    }
    memset(tab, 0, sizeof *tab);
}

static inst_slot *slot_at(inst_table *tab, uint32_t cache, uint32_t tenant) {
    if (cache >= KV_MAX_CACHE_NUM || tenant >= KV_MAX_TENANT_NUM) {
        return NULL;
    }
    return &tab->slots[cache * KV_MAX_TENANT_NUM + tenant];
}

/* Take a reference to the slot's instance. No lock. */
static kv_rc look_up(inst_slot *slot, kv_inst **out) {
    kv_rc rc = KV_OK;
    /* seq_cst pair, against take_out: either it sees the pin, or we see the slot cleared */
    at_add(&slot->pins, 1, seq_cst);
    kv_inst *inst = at_load(&slot->inst, seq_cst);
    if (inst == NULL) {
        rc = KV_NOT_FOUND;
    } else if (at_load(&inst->deleted, acquire)) {
        rc = KV_DELETED;
    } else {
        at_add(&inst->refs, 1, relaxed); /* the remover reads it after the pins: ordered by the pin's release */
        *out = inst;
    }
    at_sub(&slot->pins, 1, release);
    return rc;
}

/* Nothing uses a deleted instance that lookups can no longer reach. The order of the loads is part of it: references
 * first (no new nodes afterwards), then chained nodes, then waiting ones (counted before they leave the chain). All
 * acquire: pairs with the releasing decrement of the last user, whose accesses thus precede the free. */
static bool unused(kv_inst *inst) {
    if (at_load(&inst->refs, acquire) != 0 || at_load(&inst->kv_cnt, acquire) != 0 ||
        at_load(&inst->waiting_nodes, acquire) != 0) {
        return false; /* W20: the source forgets the waiting nodes, which read the instance when they are freed */
    }
    for (int p = 0; p < KV_POLICY_COUNT; p++) {
        if (at_load(&inst->mb_cnt[p], acquire) != 0) {
            return false;
        }
    }
    return at_load(&inst->store_size, acquire) == 0;
}

/* Table write-locked. Take a deleted, unused instance out of its slot; the caller frees it. NULL: not yet. */
static kv_inst *take_out(inst_slot *slot) {
    kv_inst *inst = at_load(&slot->inst, relaxed); /* written under the lock only */
    if (inst == NULL || !at_load(&inst->deleted, relaxed) || !unused(inst)) {
        return NULL; /* the cheap look; judged again below */
    }
    at_store(&slot->inst, NULL, seq_cst);
    if (at_load(&slot->pins, seq_cst) == 0 && unused(inst)) {
        return inst;
    }
    at_store(&slot->inst, inst, seq_cst); /* somebody is looking: the next sweep takes it */
    return NULL;
}

kv_rc inst_find(inst_table *tab, uint32_t cache, uint32_t tenant, kv_inst **out) {
    inst_slot *slot = slot_at(tab, cache, tenant);
    *out = NULL;
    return slot == NULL ? KV_NOT_FOUND : look_up(slot, out);
}

/* One try of inst_get. KV_NOT_FOUND: the slot has become free meanwhile, try again (and make an instance). */
static kv_rc get_or_make(inst_table *tab, kv_thread *t, inst_slot *slot, uint32_t cache, uint32_t tenant,
                         kv_inst **out) {
    kv_rc rc = look_up(slot, out);
    if (rc == KV_OK) {
        return rc;
    }
    bool make = rc == KV_NOT_FOUND;
    /* Made before the lock is taken: an allocation may start a sync wash, which may want to visit the instances. */
    kv_inst *fresh = make ? make_inst(tab, t, cache, tenant) : NULL, *old = NULL;
    pthread_rwlock_wrlock(&tab->lock);
    rc = look_up(slot, out); /* the second check */
    if (rc == KV_DELETED && (old = take_out(slot)) != NULL) {
        rc = KV_NOT_FOUND;
    }
    if (rc == KV_NOT_FOUND && make) {
        rc = KV_NO_MEMORY;
        if (fresh != NULL) {
            at_store(&fresh->refs, 1, relaxed);
            at_store(&slot->inst, fresh, seq_cst); /* release half: publishes its fields */
            *out = fresh;
            fresh = NULL;
            rc = KV_OK;
        }
    }
    pthread_rwlock_unlock(&tab->lock);
    if (fresh != NULL) {
        free_inst(tab, fresh);
    }
    if (old != NULL) {
        free_inst(tab, old);
    }
    return rc;
}

kv_rc inst_get(inst_table *tab, kv_thread *t, uint32_t cache, uint32_t tenant, kv_inst **out) {
    inst_slot *slot = slot_at(tab, cache, tenant);
    *out = NULL;
    if (slot == NULL) {
        return KV_INVALID;
    }
    kv_rc rc;
    do { /* again only when a deleted instance was removed since we looked: a drop each time */
        rc = get_or_make(tab, t, slot, cache, tenant, out);
    } while (rc == KV_NOT_FOUND);
    return rc;
}

void inst_put(inst_table *tab, kv_inst *inst) {
    (void)tab;
    at_sub(&inst->refs, 1, release); /* the last touch: our accesses precede the remover's acquire */
}

kv_rc inst_mark_deleted(inst_table *tab, uint32_t cache, uint32_t tenant) {
    inst_slot *slot = slot_at(tab, cache, tenant);
    if (slot == NULL) {
        return KV_NOT_FOUND;
    }
    pthread_rwlock_wrlock(&tab->lock);
    kv_inst *inst = at_load(&slot->inst, relaxed);
    if (inst != NULL) {
        at_store(&inst->deleted, 1, release);
    }
    pthread_rwlock_unlock(&tab->lock);
    return inst != NULL ? KV_OK : KV_NOT_FOUND;
}

uint32_t inst_sweep(inst_table *tab) {
    uint32_t n = 0;
    pthread_rwlock_wrlock(&tab->lock);
    for (uint32_t i = 0; i < tab->slot_cnt; i++) {
        kv_inst *inst = take_out(&tab->slots[i]);
        if (inst != NULL) {
            free_inst(tab, inst);
            n++;
        }
    }
    pthread_rwlock_unlock(&tab->lock);
    return n;
}

void inst_each(inst_table *tab, void (*visit)(void *arg, kv_inst *inst), void *arg) {
    pthread_rwlock_rdlock(&tab->lock);
    for (uint32_t i = 0; i < tab->slot_cnt; i++) {
        kv_inst *inst = at_load(&tab->slots[i].inst, acquire);
        if (inst != NULL) {
            visit(arg, inst);
        }
    }
    pthread_rwlock_unlock(&tab->lock);
}
