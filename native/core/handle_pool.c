/* Handle pool: bounded multi-producer multi-consumer queue (A3). The contract is in the header.
 *
 * Publication: a pusher's resets of the handle precede its slot compare-exchange (release); the popper's exchange
 * (acquire) reads exactly that value, since between the two no other write to the slot is possible. The null that a
 * popper leaves carries nothing, so pushers need not acquire it.
 *
 * Verdicts: differences of counters are signed, because a counter read first may be older than the other one. "Empty"
 * and "full" hold at the moment the second counter was read; a stale first counter is caught by the compare-exchange.
 * Source of the algorithm: OceanBase oblib, lib/queue/ob_fixed_queue.h.
 */
#include "handle_pool.h"

kv_rc pool_init(handle_pool *p, la_alloc *la, kv_thread *t, uint64_t cap, void *slots) {
    memset(p, 0, sizeof *p);
    if (cap == 0) {
        return KV_INVALID;
    }
    if (slots == NULL) {
        p->slots = la_zalloc(la, t, 0, LA_CTX_DEFAULT, KV_L_MB_HANDLE, cap * sizeof *p->slots);
        if (p->slots == NULL) {
            return KV_NO_MEMORY;
        }
        p->la = la;
    } else {
        p->slots = slots;
    }
    p->cap = cap;
    return KV_OK;
}

void pool_destroy(handle_pool *p) {
    if (p->la != NULL) {
        la_free(p->la, p->slots);
    }
    memset(p, 0, sizeof *p);
}

kv_rc pool_push(handle_pool *p, kv_handle *h) {
    /* acquire, against the release of earlier pushers: whoever sees their pushes sees the pops that their handles came
     * from, so with capacity = all handles no stale `pop` can make a push fail. */
    uint64_t pos = at_load(&p->push, acquire);
    do {
        if ((int64_t)(pos - at_load(&p->pop, acquire)) >= (int64_t)p->cap) {
            return KV_OVERFLOW;
        }
    } while (!at_cas_weak(&p->push, &pos, pos + 1, acq_rel, acquire));
    _Atomic(kv_handle *) *slot = &p->slots[pos % p->cap];
    kv_handle *none = NULL;
    /* W13: spins while the popper of the last lap has taken its number but not its handle. */
    for (unsigned spins = 0; !at_cas(slot, &none, h, release, relaxed); none = NULL) {
        cpu_relax(&spins);
    }
    return KV_OK;
}

kv_handle *pool_pop(handle_pool *p) {
    uint64_t pos = at_load(&p->pop, acquire);
    do {
        if ((int64_t)(at_load(&p->push, acquire) - pos) <= 0) {
            return NULL;
        }
        /* release, for the argument in pool_push */
    } while (!at_cas_weak(&p->pop, &pos, pos + 1, acq_rel, acquire));
    _Atomic(kv_handle *) *slot = &p->slots[pos % p->cap];
    kv_handle *h;
    /* W13: spins while the pusher of this number has not stored yet. By exchange: a popper a lap later may wait at the
     * same slot, and only one of the two may take the handle. */
    for (unsigned spins = 0; (h = at_xchg(slot, NULL, acquire)) == NULL;) {
        cpu_relax(&spins);
    }
    return h;
}

uint64_t pool_size(handle_pool *p) {
    uint64_t pop = at_load(&p->pop, acquire); /* first: push never falls behind a pop read before it */
    return at_load(&p->push, acquire) - pop;
}

void pool_each(handle_pool *p, void (*visit)(void *arg, kv_handle *h), void *arg) {
    uint64_t end = at_load(&p->push, acquire);
    for (uint64_t pos = at_load(&p->pop, acquire); pos != end; pos++) {
        kv_handle *h = at_load(&p->slots[pos % p->cap], acquire);
        if (h != NULL) {
            visit(arg, h);
        }
    }
}
