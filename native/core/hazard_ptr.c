/* Hazard pointers: protect, share, retire, reclaim (A6 - A8). The order arguments are in the header. */
#include "hp_tiny.h"

enum { BITS = 64 };

kv_rc hp_init(hp_domain *d, la_alloc *la, kv_thread *t, handle_array *handles, const kv_config *cfg, bool shared) {
    memset(d, 0, sizeof *d);
    uint32_t words = (handles->max + BITS - 1) / BITS;
    d->bitmap = la_zalloc(la, t, 0, LA_CTX_DEFAULT, KV_L_HAZ_PTR, (size_t)words * sizeof *d->bitmap);
    if (d->bitmap == NULL) {
        return KV_NO_MEMORY;
    }
    d->la = la;
    d->handles = handles;
    d->mode = cfg->protect;
    d->cache_max = cfg->hp_cache;
    d->batch = cfg->hp_batch != 0 ? cfg->hp_batch : 1;
    d->per_block = cfg->hp_per_block != 0 ? cfg->hp_per_block : (HP_BLOCK_BYTES - HP_BLOCK_HEADER) / sizeof(kv_hazptr);
    d->bitmap_words = words;
    prim_lock_init(&d->wash_lock, shared);
    prim_lock_init(&d->free_lock, shared);
    prim_lock_init(&d->bitmap_lock, shared);
    return KV_OK;
}

void hp_destroy(hp_domain *d) {
    if (d->la != NULL) {
        hpt_destroy(d);
        la_free(d->la, d->bitmap);
        prim_lock_destroy(&d->wash_lock);
        prim_lock_destroy(&d->free_lock);
        prim_lock_destroy(&d->bitmap_lock);
    }
    memset(d, 0, sizeof *d); /* drops the retire list (A22) */
}

/* ---- Protect ---- */

enum { ANY_SEQ = -1 };

/* Is the incarnation alive: the one asked for, or any. seq_cst: the re-check's place in the total order. Both words are
 * looked at for a given seq too, so that a retirement half done already refuses. */
static bool alive(kv_handle *h, int64_t seq) {
    return (seq == ANY_SEQ || at_load(&h->seq_num, seq_cst) == seq) && at_load(&h->status, seq_cst) != KV_FREE;
}

/* A count in the handle. W19: upstream frees in whatever drops the last count, and a mismatch's decrement does not;
 * here only reclaim frees, so a decrement of any kind can at most delay it to the next reclaim. */
static kv_rc protect_count(kv_handle *h, int64_t seq, hp_holder *out) {
    at_add(&h->ref_cnt, 1, seq_cst); /* before the re-check in the total order; reclaim loads it after seq_num + 1 */
    if (!alive(h, seq)) {
        at_sub(&h->ref_cnt, 1, release);
        return KV_GONE;
    }
    out->handle = h;
    return KV_OK;
}

static kv_rc protect(hp_domain *d, kv_thread *t, kv_handle *h, int64_t seq, hp_holder *out) {
    if (!alive(h, seq)) { /* spares a store that others would wait for */
        return KV_GONE;
    }
    if (d->mode == KV_PROTECT_REFCNT) {
        return protect_count(h, seq, out);
    }
    kv_hazptr *hp = hpt_get(d, t);
    if (hp == NULL) {
        return KV_NO_HAZARD;
    }
    at_store(&hp->handle, h, seq_cst); /* the store-load barrier of A6, with the loads in alive() */
    if (!alive(h, seq)) {
        at_store(&hp->handle, NULL, release);
        hpt_put(d, t, hp);
        return KV_GONE;
    }
    out->handle = h;
    out->hp = hp;
    return KV_OK;
}

static inline kv_rc noted(kv_thread *t, kv_rc rc) {
    t->held[KV_H_POINTER] += rc == KV_OK;
    return rc;
}

kv_rc hp_protect_seq(hp_domain *d, kv_thread *t, kv_handle *h, int64_t seq, hp_holder *out) {
    return seq < 0 ? KV_GONE : noted(t, protect(d, t, h, seq, out)); /* -1 on a node matches nothing (A17) */
}

kv_rc hp_protect(hp_domain *d, kv_thread *t, kv_handle *h, hp_holder *out) {
    return noted(t, protect(d, t, h, ANY_SEQ, out));
}

static void let_go(hp_domain *d, kv_thread *t, hp_holder *holder) {
    kv_handle *h = holder->handle;
    kv_hazptr *hp = holder->hp;
    hp_shared *shared = holder->shared;
    memset(holder, 0, sizeof *holder);
    if (h == NULL) {
        return;
    }
    if (d->mode == KV_PROTECT_REFCNT) {
        at_sub(&h->ref_cnt, 1, release); /* every access before it; reclaim acquires the whole chain of counts */
        return;
    }
    if (shared != NULL) {
        /* acq_rel: the other holders' accesses precede the clearing by the last */
        if (at_sub(&shared->refs, 1, acq_rel) != 1) {
            return;
        }
        hp = shared->hp;
        la_free(d->la, shared);
    }
    /* W10: upstream stores null relaxed; off x86 the reads of the block could then sink below it, into freed memory. */
    at_store(&hp->handle, NULL, release);
    hpt_put(d, t, hp);
}

void hp_release(hp_domain *d, kv_thread *t, hp_holder *holder) {
    bool holds = holder->handle != NULL;
    let_go(d, t, holder);
    t->held[KV_H_POINTER] -= holds;
}

/* Turn src into a share in its hazard pointer. W16: upstream keeps raw pointer and control block in one union and
 * converts the source while the raw pointer is still in it; here they are separate fields. */
static bool make_shared(hp_domain *d, kv_thread *t, hp_holder *src) {
    hp_shared *shared = la_malloc(d->la, t, 0, LA_CTX_DEFAULT, KV_L_HAZ_PTR, sizeof *shared);
    if (shared == NULL) {
        return false;
    }
    at_store(&shared->refs, 1, relaxed); /* not shared yet: who hands dst to another thread publishes it */
    shared->hp = src->hp;
    src->shared = shared;
    src->hp = NULL;
    return true;
}

kv_rc hp_share(hp_domain *d, kv_thread *t, hp_holder *src, hp_holder *dst) {
    if (d->mode == KV_PROTECT_REFCNT) {
        /* Relaxed: src's count, dropped by release after this one in the same word, keeps it from reading 0
         * meanwhile. */
        at_add(&src->handle->ref_cnt, 1, relaxed);
        dst->handle = src->handle;
        return noted(t, KV_OK);
    }
    /* Afresh: as src protects the incarnation, the handle can't have been reused, so "alive" means this incarnation. A
     * retired one must not be protected by a second hazard pointer: a scan may have passed it already. */
    if (hp_protect(d, t, src->handle, dst) == KV_OK) {
        return KV_OK;
    }
    if (src->shared == NULL && !make_shared(d, t, src)) {
        return KV_NO_MEMORY;
    }
    at_add(&src->shared->refs, 1, relaxed); /* src's own count keeps it above 0 */
    *dst = *src;
    return noted(t, KV_OK);
}

/* ---- Retire ---- */

/* Put first .. last on the retire list; no ABA, since reclaim takes the whole list. */
static void push_retired(hp_domain *d, kv_handle *first, kv_handle *last) {
    kv_handle *head = at_load(&d->retired, relaxed);
    do {
        at_store(&last->retire_link, head, relaxed); /* set before the exchange, which releases it */
    } while (!at_cas_weak(&d->retired, &head, first, release, relaxed));
}

/* The one step that decides who retires, and the incarnation's end. Both seq_cst: they precede the scan. W10:
 * upstream's batch form reads seq_num and stores it relaxed; here there is this form alone. */
static bool end_incarnation(kv_handle *h) {
    int64_t full = KV_FULL;
    if (!at_cas(&h->status, &full, KV_FREE, seq_cst, relaxed)) {
        return false;
    }
    at_add(&h->seq_num, 1, seq_cst);
    return true;
}

bool hp_retire(hp_domain *d, kv_handle *h, uint64_t bytes) {
    if (!end_incarnation(h)) {
        return false;
    }
    push_retired(d, h, h);
    at_add(&d->retired_bytes, (int64_t)bytes, relaxed);
    return true;
}

/* ---- Reclaim ---- */

static void mark_bit(hp_domain *d, void *arg, kv_handle *h) {
    (void)arg;
    uint64_t idx = ha_index(d->handles, h);
    d->bitmap[idx / BITS] |= (uint64_t)1 << idx % BITS;
}

static bool protected_now(hp_domain *d, kv_handle *h) {
    if (d->mode == KV_PROTECT_REFCNT) {
        /* After seq_num + 1 in the total order: a protector counted later sees the retirement and gives up. Acquires
         * the releases of all earlier holders: the counts are one unbroken chain of read-modify-writes. */
        return at_load(&h->ref_cnt, seq_cst) != 0;
    }
    uint64_t idx = ha_index(d->handles, h);
    return (d->bitmap[idx / BITS] >> idx % BITS & 1) != 0;
}

uint32_t hp_reclaim(hp_domain *d, kv_thread *t, hp_bytes_fn bytes, hp_reclaim_fn fn, void *arg) {
    /* "Nothing retired" is judged by the list itself, and under the lock. Upstream asks the byte counter, which may lag
     * behind the push or dip below zero; and it takes and puts back the list outside the lock, so that others meet an
     * empty one while a reclaim is under way, and give up (near W12). False would mean an owner that died inside: the
     * bitmap is made anew, what that owner held of the list is lost. */
    (void)prim_lock(&d->bitmap_lock);
    /* acquire: all of this list's retirements happen before the scan */
    kv_handle *h = at_xchg(&d->retired, NULL, acquire), *kept = NULL, *kept_last = NULL, *next;
    uint32_t reclaimed = 0;
    if (h != NULL && d->mode == KV_PROTECT_HAZARD) {
        memset(d->bitmap, 0, d->bitmap_words * sizeof *d->bitmap);
        hpt_scan(d, mark_bit, NULL);
    }
    for (; h != NULL; h = next) {
        next = at_load(&h->retire_link, relaxed); /* first: the callback may hand the handle on */
        if (protected_now(d, h)) {
            at_store(&h->retire_link, kept, relaxed);
            kept_last = kept == NULL ? h : kept_last;
            kept = h;
            continue;
        }
        at_store(&h->retire_link, NULL, relaxed);
        at_sub(&d->retired_bytes, bytes == NULL ? 0 : (int64_t)bytes(h), relaxed);
        fn(arg, t, h);
        reclaimed++;
    }
    if (kept != NULL) {
        push_retired(d, kept, kept_last);
    }
    prim_unlock(&d->bitmap_lock);
    return reclaimed;
}

/* ---- Checks ---- */

static void count_one(hp_domain *d, void *arg, kv_handle *h) {
    (void)d;
    (void)h;
    ++*(uint32_t *)arg;
}

uint32_t hp_set_count(hp_domain *d) {
    uint32_t n = 0;
    if (d->mode == KV_PROTECT_HAZARD) {
        hpt_scan(d, count_one, &n);
        return n;
    }
    for (uint64_t i = 0; i < d->handles->max; i++) {
        kv_handle *h = ha_at(d->handles, i);
        n += h == NULL ? 0 : (uint32_t)at_load(&h->ref_cnt, acquire);
    }
    return n;
}

static void count_retired(void *arg, kv_handle *h) {
    (void)h;
    ++*(uint64_t *)arg;
}

uint64_t hp_retired_count(hp_domain *d) {
    uint64_t n = 0;
    hp_each_retired(d, count_retired, &n);
    return n;
}

void hp_each_retired(hp_domain *d, void (*visit)(void *arg, kv_handle *h), void *arg) {
    for (kv_handle *h = at_load(&d->retired, acquire); h != NULL; h = at_load(&h->retire_link, acquire)) {
        visit(arg, h);
    }
}
