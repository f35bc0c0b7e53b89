/* The tiny allocator of hazard pointers: batches, blocks, wash (A6). The model is in hp_tiny.h. */
#include "hp_tiny.h"

/* Take up to `batch` hazard pointers out of the common blocks into the thread's cache. free_lock held. */
static void take_batch(hp_domain *d, kv_thread *t) {
    for (uint32_t n = 0; n < d->batch && d->common != NULL;) {
        hp_block *b = d->common;
        for (; n < d->batch && b->free != NULL; n++) {
            kv_hazptr *hp = b->free;
            b->free = hp->next;
            b->free_cnt--;
            hp->next = t->hp_free;
            t->hp_free = hp;
            t->hp_count++;
        }
        if (b->free == NULL) {
            d->common = b->common_next;
            b->in_common = 0;
        }
    }
}

static void link_common(hp_domain *d, hp_block *b) {
    b->common_next = d->common;
    b->in_common = 1;
    d->common = b;
}

/* Fill the cache from existing blocks; when the common list is empty, from those that rest (see hp_wash) too: a new
 * block is made only when no hazard pointer is free. free_lock alone is enough to walk the blocks: removing one takes
 * both. */
static bool refill(hp_domain *d, kv_thread *t) {
    (void)prim_lock(&d->free_lock);
    if (d->common == NULL) {
        for (hp_block *b = at_load(&d->blocks, acquire); b != NULL; b = b->all_next) {
            if (b->free != NULL) {
                link_common(d, b);
            }
        }
    }
    take_batch(d, t);
    prim_unlock(&d->free_lock);
    return t->hp_free != NULL;
}

/* Show a new block to the scan, without the wash lock; free_lock held. A scan that misses it read the head before this
 * store in the single total order (both seq_cst), hence before any store into its hazard pointers, and their owners'
 * re-checks then see every retirement that this scan works on. */
static void hpt_push(hp_domain *d, hp_block *b) {
    b->all_next = at_load(&d->blocks, acquire);
    at_store(&d->blocks, b, seq_cst);
    at_add(&d->block_cnt, 1, relaxed);
}

kv_hazptr *hpt_get_slow(hp_domain *d, kv_thread *t) {
    if (!refill(d, t)) {
        /* No lock is held here: the allocation may start the sync wash, which protects handles on this very thread. */
        hp_block *b = la_malloc(d->la, t, 0, LA_CTX_DEFAULT, KV_L_HAZ_PTR,
                                HP_BLOCK_HEADER + (size_t)d->per_block * sizeof(kv_hazptr));
        if (b != NULL) {
            b->free = NULL;
            for (uint32_t i = d->per_block; i-- > 0;) {
                at_store(&b->hps[i].handle, NULL, relaxed); /* published by the push */
                b->hps[i].block = b;
                b->hps[i].next = b->free;
                b->free = &b->hps[i];
            }
            b->free_cnt = d->per_block;
            b->in_common = 0;
            b->common_next = NULL;
            (void)prim_lock(&d->free_lock);
            /* Both in one hold of the lock, so that no wash frees it between the push and our batch. */
            hpt_push(d, b);
            link_common(d, b);
            take_batch(d, t);
            prim_unlock(&d->free_lock);
        } else if (t->hp_free == NULL) {
            (void)refill(d, t); /* somebody may have returned some meanwhile */
        }
    }
    kv_hazptr *hp = t->hp_free; /* what a nested call left counts as well */
    if (hp != NULL) {
        t->hp_free = hp->next;
        t->hp_count--;
    }
    return hp;
}

/* Each goes to its block's own list, so that blocks can become entirely free. (The source groups them first, to save
 * atomic operations; under the lock there is nothing to save.) */
void hpt_return(hp_domain *d, kv_thread *t, uint32_t n) {
    (void)prim_lock(&d->free_lock);
    for (; n > 0 && t->hp_free != NULL; n--) {
        kv_hazptr *hp = t->hp_free;
        t->hp_free = hp->next;
        t->hp_count--;
        hp->next = hp->block->free;
        hp->block->free = hp;
        hp->block->free_cnt++;
    }
    prim_unlock(&d->free_lock);
}

void hp_thread_release(hp_domain *d, kv_thread *t) {
    if (t->hp_free != NULL) {
        hpt_return(d, t, t->hp_count);
    }
}

void hpt_scan(hp_domain *d, void (*visit)(hp_domain *d, void *arg, kv_handle *h), void *arg) {
    (void)prim_lock(&d->wash_lock);
    for (hp_block *b = at_load(&d->blocks, seq_cst); b != NULL; b = b->all_next) {
        for (uint32_t i = 0; i < d->per_block; i++) {
            kv_handle *h = at_load(&b->hps[i].handle, seq_cst);
            if (h != NULL) {
                visit(d, arg, h);
            }
        }
    }
    prim_unlock(&d->wash_lock);
}

/* Take b out of the list of all blocks; prev is the one before it, or NULL when b is the head. Both locks held. */
static void unlink_block(hp_domain *d, hp_block *prev, hp_block *b) {
    if (prev == NULL) {
        at_store(&d->blocks, b->all_next, release); /* release: the blocks behind it stay published */
    } else {
        prev->all_next = b->all_next;
    }
    at_sub(&d->block_cnt, 1, relaxed);
}

/* Free what is entirely free; hand out from blocks less than 3/4 free; let the others rest until they are free or
 * needed. A hazard pointer in a thread's cache or in use is in no block's list, so its block is not entirely free. */
uint64_t hp_wash(hp_domain *d) {
    hp_block *dead = NULL, *prev = NULL, *next;
    (void)prim_lock(&d->wash_lock);
    (void)prim_lock(&d->free_lock);
    d->common = NULL;
    for (hp_block *b = at_load(&d->blocks, acquire); b != NULL; b = next) {
        next = b->all_next;
        b->in_common = 0;
        if (b->free_cnt == d->per_block) {
            unlink_block(d, prev, b);
            b->all_next = dead;
            dead = b;
            continue;
        }
        if (b->free != NULL && b->free_cnt * 4 < (uint64_t)d->per_block * 3) {
            link_common(d, b);
        }
        prev = b;
    }
    prim_unlock(&d->free_lock);
    prim_unlock(&d->wash_lock);
    uint64_t bytes = 0;
    for (; dead != NULL; dead = next) {
        next = dead->all_next;
        la_free(d->la, dead);
        bytes += HP_BLOCK_HEADER + (uint64_t)d->per_block * sizeof(kv_hazptr);
    }
    return bytes;
}

void hpt_destroy(hp_domain *d) {
    hp_block *b = at_load(&d->blocks, acquire);
    while (b != NULL) {
        hp_block *next = b->all_next;
        la_free(d->la, b);
        b = next;
    }
}
