/* QClock and retire station (A10, A11). The order arguments are in the header. */
#include "retire.h"

enum { RS_TRY_MASK = 63 };

/* ---- QClock ---- */

kv_rc qc_init(qclock *q, la_alloc *la, kv_thread *t, uint32_t slot_cnt) {
    memset(q, 0, sizeof *q);
    if (slot_cnt == 0) {
        return KV_INVALID;
    }
    q->slots_mem = la_zalloc(la, t, 0, LA_CTX_DEFAULT, KV_L_QCLOCK, (size_t)slot_cnt * sizeof(qc_slot) + KV_LINE);
    if (q->slots_mem == NULL) {
        return KV_NO_MEMORY;
    }
    q->la = la;
    q->slot_cnt = slot_cnt;
    q->slots = kv_line_up(q->slots_mem);
    for (uint32_t i = 0; i < slot_cnt; i++) {
        at_store(&q->slots[i].clock, QC_IDLE, relaxed); /* not shared yet, nor are the next two */
    }
    at_store(&q->clock, 1, relaxed);
    at_store(&q->low, 1, relaxed); /* nothing was ever noted at 0 */
    return KV_OK;
}

void qc_destroy(qclock *q) {
    if (q->slots_mem != NULL) {
        la_free(q->la, q->slots_mem);
    }
    memset(q, 0, sizeof *q);
}

uint32_t qc_enter(qclock *q, const kv_thread *t) {
    uint32_t i = t->id % q->slot_cnt;
    for (unsigned spins = 0;;) {
        for (uint32_t k = 0; k < q->slot_cnt; k++) {
            if (at_load(&q->slots[i].clock, relaxed) == QC_IDLE) { /* a hint: saves the exclusive access */
                uint64_t idle = QC_IDLE;
                uint64_t now = at_load(&q->clock, seq_cst);
                if (at_cas(&q->slots[i].clock, &idle, now, seq_cst, relaxed)) {
                    return i;
                }
            }
            i = i + 1 < q->slot_cnt ? i + 1 : 0;
        }
        cpu_relax(&spins);
    }
}

void qc_leave(qclock *q, uint32_t slot) {
    at_store(&q->slots[slot].clock, QC_IDLE, release);
}

uint64_t qc_now(qclock *q) {
    return at_load(&q->clock, seq_cst); /* notes: must stand between the unlinking and the increment */
}

bool qc_quiescent(qclock *q, uint64_t c) {
    uint64_t low = at_load(&q->low, acquire);
    if (c < low) {
        return true;
    }
    uint64_t min = at_load(&q->clock, seq_cst); /* first, see the header */
    if (c >= min) {
        return false;
    }
    for (uint32_t i = 0; i < q->slot_cnt; i++) {
        uint64_t v = at_load(&q->slots[i].clock, seq_cst);
        min = v < min ? v : min; /* QC_IDLE is the maximum */
    }
    /* Never lowered, and changed by exchanges only: so the release of every scan that raised it reaches its readers. */
    while (low < min && !at_cas_weak(&q->low, &low, min, acq_rel, acquire)) {
    }
    return c < min;
}

void qc_wait(qclock *q, uint64_t c) {
    for (unsigned spins = 0; !qc_quiescent(q, c);) {
        cpu_relax(&spins);
    }
}

void qc_advance(qclock *q) {
    at_add(&q->clock, 1, seq_cst);
}

uint32_t qc_open(qclock *q) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < q->slot_cnt; i++) {
        n += at_load(&q->slots[i].clock, acquire) != QC_IDLE;
    }
    return n;
}

/* ---- Retire station ---- */

kv_rc rs_init(retire_station *rs, la_alloc *la, kv_thread *t, qclock *q, uint32_t slot_cnt, rs_reuse_fn reuse,
              void *arg) {
    memset(rs, 0, sizeof *rs);
    if (slot_cnt == 0) {
        return KV_INVALID;
    }
    rs->slots = la_zalloc(la, t, 0, LA_CTX_DEFAULT, KV_L_STATION, (size_t)slot_cnt * sizeof(rs_slot));
    if (rs->slots == NULL) {
        return KV_NO_MEMORY;
    }
    rs->la = la;
    rs->q = q;
    rs->reuse = reuse;
    rs->arg = arg;
    rs->slot_cnt = slot_cnt;
    for (uint32_t i = 0; i < slot_cnt; i++) {
        prim_lock_init(&rs->slots[i].lock, true); /* the core may be shared; this path is a slow one */
    }
    return KV_OK;
}

void rs_destroy(retire_station *rs) {
    for (uint32_t i = 0; i < rs->slot_cnt; i++) {
        prim_lock_destroy(&rs->slots[i].lock);
    }
    if (rs->slots != NULL) {
        la_free(rs->la, rs->slots);
    }
    memset(rs, 0, sizeof *rs);
}

/* Give the slot's retire list to reuse and let its prepare list take the place. Slot locked. Everything in prepare was
 * unlinked before its lock holder appended it, so before `noted` is read here. False: `wait` is off and the grace
 * period of the retire list is not over. */
static bool turn(retire_station *rs, rs_slot *slot, bool wait) {
    uint64_t noted = qc_now(rs->q);
    if (wait) {
        qc_wait(rs->q, slot->retire_clock);
    } else if (!qc_quiescent(rs->q, slot->retire_clock)) {
        return false;
    }
    qc_advance(rs->q);
    kv_handle *h = slot->retire;
    slot->retire = slot->prepare;
    slot->retire_cnt = slot->prepare_cnt;
    slot->retire_clock = noted;
    slot->prepare = NULL;
    slot->prepare_cnt = 0;
    while (h != NULL) {
        kv_handle *next = at_load(&h->retire_link, relaxed); /* under the slot lock; read before it is used again */
        at_store(&h->retire_link, NULL, relaxed);
        rs->reuse(rs->arg, h);
        h = next;
    }
    return true;
}

void rs_retire(retire_station *rs, kv_thread *t, kv_handle *h, uint32_t limit) {
    rs_slot *slot = &rs->slots[t->id % rs->slot_cnt];
    /* A false here means that the owner's process died inside: at worst its handles are lost, the links are sound. */
    (void)prim_lock(&slot->lock);
    at_store(&h->retire_link, slot->prepare, relaxed); /* the lock orders it */
    slot->prepare = h;
    slot->prepare_cnt++;
    if (slot->prepare_cnt > limit) {
        turn(rs, slot, true);
    } else if ((slot->prepare_cnt & RS_TRY_MASK) == RS_TRY_MASK) {
        turn(rs, slot, false);
    }
    prim_unlock(&slot->lock);
}

void rs_purge(retire_station *rs) {
    for (int round = 0; round < 2; round++) { /* first prepare -> retire, then retire -> reuse */
        for (uint32_t i = 0; i < rs->slot_cnt; i++) {
            rs_slot *slot = &rs->slots[i];
            (void)prim_lock(&slot->lock);
            /* Unlike the source an empty slot is passed over: nothing waits, so there is nothing to wait for. */
            if (slot->prepare != NULL || slot->retire != NULL) {
                turn(rs, slot, true);
            }
            prim_unlock(&slot->lock);
        }
    }
}

uint64_t rs_size(retire_station *rs) {
    uint64_t n = 0;
    for (uint32_t i = 0; i < rs->slot_cnt; i++) {
        (void)prim_lock(&rs->slots[i].lock);
        n += rs->slots[i].prepare_cnt + rs->slots[i].retire_cnt;
        prim_unlock(&rs->slots[i].lock);
    }
    return n;
}

static void each_of(kv_handle *h, void (*visit)(void *arg, kv_handle *h), void *arg) {
    while (h != NULL) {
        kv_handle *next = at_load(&h->retire_link, relaxed);
        visit(arg, h);
        h = next;
    }
}

void rs_each(retire_station *rs, void (*visit)(void *arg, kv_handle *h), void *arg) {
    for (uint32_t i = 0; i < rs->slot_cnt; i++) {
        (void)prim_lock(&rs->slots[i].lock);
        each_of(rs->slots[i].prepare, visit, arg);
        each_of(rs->slots[i].retire, visit, arg);
        prim_unlock(&rs->slots[i].lock);
    }
}
