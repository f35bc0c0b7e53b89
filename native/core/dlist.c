/* Lock-free doubly linked list of handles (A12). Invariant and deviations are argued in the header.
 *
 * Why traversal is safe: every link met was linked at some instant of the section. The successor of a linked link is
 * linked; a marked next is frozen, and its target cannot be unlinked before its owner is (the compare-exchange on the
 * frozen word fails), so a link unlinked within the section still leads to one that was linked within the section.
 * Why its loads are seq_cst: with the section's entry and the scan of the slots (retire.h); the unlinking store is too.
 */
#include "dlist.h"

enum {
    DL_HINT_STEPS = 64, /* links a search goes on from a hint before it gives the hint up */
    DL_HINT_TRIES = 16  /* tries by the hint before the search starts at the head */
};
static const uintptr_t DL_MARK = 1;

static kv_link *link_of(uintptr_t next) {
    return (kv_link *)(next & ~DL_MARK);
}

/* seq_cst: a section that started after a grace period's scan must not read what was there before the unlinking. */
static kv_link *follow(kv_link *at) {
    return link_of(at_load(&at->next, seq_cst));
}

void dl_init(dlist *l) {
    at_store(&l->head.next, (uintptr_t)&l->head, relaxed); /* not shared yet */
    at_store(&l->head.prev, (uintptr_t)&l->head, relaxed);
}

/* The link whose next is `x`, marked or not; x is the head or linked. Tries the hint x.prev unless told not to. */
static kv_link *find_before(dlist *l, kv_link *x, bool by_hint) {
    if (by_hint) {
        /* acquire: not needed for safety, any value is, but a fresh hint's link then has its fresh next */
        kv_link *at = link_of(at_load(&x->prev, acquire));
        for (unsigned step = 0; at != NULL && step < DL_HINT_STEPS; step++) {
            kv_link *next = follow(at);
            if (next == x) {
                return at;
            }
            at = next; /* NULL: a reset link, the hint was stale */
        }
    }
    kv_link *at = &l->head;
    for (kv_link *next; (next = follow(at)) != x;) {
        at = next;
    }
    return at;
}

/* Tell x's hint about p, its predecessor a moment ago. Whoever overwrites a better hint puts that one back: the
 * exchange hands it over. */
static void correct_prev(kv_link *x, kv_link *p) {
    for (;;) {
        kv_link *old = link_of(at_xchg(&x->prev, (uintptr_t)p, acq_rel));
        if (at_load(&p->next, acquire) == (uintptr_t)x) { /* unmarked: a p being deleted is no predecessor */
            return;
        }
        if (old == NULL || old == p || at_load(&old->next, acquire) != (uintptr_t)x) {
            return; /* whoever unlinked p comes with a newer one */
        }
        p = old;
    }
}

void dl_insert_tail(dlist *l, kv_link *x) {
    uintptr_t head = (uintptr_t)&l->head;
    /* Marked until x is linked: else another inserter with a stale hint to x could link behind x too early. */
    at_store(&x->next, head | DL_MARK, relaxed);
    unsigned spins = 0;
    for (unsigned tries = 0;; tries++) {
        kv_link *prev = find_before(l, &l->head, tries < DL_HINT_TRIES);
        uintptr_t expected = head;
        at_store(&x->prev, (uintptr_t)prev, relaxed);
        /* release: publishes x and its handle's fields to traversers; acquire is for the search of a later try */
        if (at_cas(&prev->next, &expected, (uintptr_t)x, acq_rel, acquire)) {
            break;
        }
        cpu_relax(&spins); /* W13: the last link is being deleted, or not unmarked yet, or is the last no more */
    }
    at_store(&x->next, head, release); /* nobody else writes a marked next */
    correct_prev(&l->head, x);
}

void dl_delete(dlist *l, kv_link *x) {
    unsigned spins = 0;
    for (unsigned tries = 0;; tries++) {
        kv_link *prev = find_before(l, x, tries < DL_HINT_TRIES);
        uintptr_t next = at_load(&x->next, acquire);
        do {
            if ((next & DL_MARK) != 0) {
                return; /* somebody else deletes it */
            }
            /* From here on next is frozen: nobody links behind x, nobody unlinks what follows it. */
        } while (!at_cas_weak(&x->next, &next, next | DL_MARK, acq_rel, acquire));
        uintptr_t expected = (uintptr_t)x;
        /* seq_cst: precedes, in the single total order, the slot scan that lets x be reused. Release: the successor's
         * contents, acquired through x.next, go on to whoever comes by this new way. */
        if (at_cas(&prev->next, &expected, next, seq_cst, relaxed)) {
            correct_prev(link_of(next), prev);
            return;
        }
        /* prev is being deleted, or was never the predecessor. Unmark, so that our successor need not wait for the same
         * peer; a plain store will do, since nobody else writes a marked next. release: keeps the successor's contents
         * in the word's history. */
        at_store(&x->next, next, release);
        cpu_relax(&spins);
    }
}

kv_link *dl_next(dlist *l, kv_link *at) {
    kv_link *next = follow(at);
    return next == &l->head ? NULL : next;
}

uint64_t dl_size(dlist *l) {
    uint64_t n = 0;
    for (kv_link *at = &l->head; (at = dl_next(l, at)) != NULL;) {
        n++;
    }
    return n;
}
