/* QClock and retire station: the grace period between unlinking a handle and using it again (A10, A11).
 *
 * QClock protects list links. A section notes the clock at entry; a clock c has become quiescent when every open
 * section started after c. The station keeps unlinked handles until the clock noted with them is quiescent and then
 * hands them to the reuse callback.
 *
 * Why it is right. All operations named here are seq_cst: (1) the unlinking store, (2) the load that notes c, after it,
 * (3) the increment, (4) the scan: the clock first, then every slot, (5) a section's entry: load the clock, exchange a
 * slot idle -> clock, then load links. c counts as quiescent when the scan met a clock above c and no slot at or below.
 * Take a section open after the scan's look at its slot. If the scan saw the section, its value is above c: its clock
 * load comes after an increment that comes after (2), hence after (1), and its link loads cannot meet the link. If the
 * scan did not see it, the exchange comes after the scan's look, which comes after the scan's clock load (above c),
 * after (2), after (1): the same. Therefore the result may be kept: the low-water mark says that for every clock below
 * it such a scan has been made. A thread that read an old clock and stores it late shows a value below the mark, but it
 * entered after that scan looked at its slot, so it cannot meet what was noted below the mark; for clocks not below the
 * mark its old value only delays.
 * Why accesses end before reuse: a section's end is a release store, the scan acquires it (or a later entry into the
 * slot, which did), the mark is raised by release exchanges and read with acquire.
 * Source of the algorithm: OceanBase oblib, lib/allocator/ob_retire_station.h.
 */
#ifndef RACEWASH_RETIRE_H
#define RACEWASH_RETIRE_H

#include "handle.h"
#include "label_alloc.h"

typedef struct qc_slot {
    _Alignas(64) _Atomic(uint64_t) clock; /* QC_IDLE, or the clock read at entry */
} qc_slot;

#define QC_IDLE UINT64_MAX

typedef struct qclock {
    la_alloc *la;
    uint32_t slot_cnt;
    qc_slot *slots;  /* on cache lines of their own */
    void *slots_mem; /* the allocation they lie in */
    _Alignas(64) _Atomic(uint64_t) clock; /* starts at 1 */
    _Alignas(64) _Atomic(uint64_t) low;   /* every clock below this is known to be quiescent */
} qclock;

kv_rc qc_init(qclock *q, la_alloc *la, kv_thread *t, uint32_t slot_cnt); /* KV_OK, KV_NO_MEMORY */
void qc_destroy(qclock *q);
/* Open a section; returns its slot. Spins (yielding) while every slot is taken. Sections may nest: each has a slot. */
uint32_t qc_enter(qclock *q, const kv_thread *t);
void qc_leave(qclock *q, uint32_t slot);
uint64_t qc_now(qclock *q);
bool qc_quiescent(qclock *q, uint64_t c); /* no section that started at or before c is open */
/* Wait until c, which must be below the clock (advance first), is quiescent. Never inside a section: it would wait for
 * itself. A thread stopped inside a section stops the waiters (W13). */
void qc_wait(qclock *q, uint64_t c);
void qc_advance(qclock *q);
uint32_t qc_open(qclock *q); /* sections open now (checks) */

typedef struct rs_slot {
    prim_lock_t lock;
    kv_handle *prepare; /* linked through retire_link */
    kv_handle *retire;
    uint32_t prepare_cnt, retire_cnt;
    uint64_t retire_clock; /* clock that must be quiescent before `retire` may be handed out */
} rs_slot;

/* Called for each handle whose grace period is over (resets it and pushes it to the pool). Slot lock held, so it must
 * not retire or purge itself. retire_link is null already. */
typedef void (*rs_reuse_fn)(void *arg, kv_handle *h);

typedef struct retire_station {
    la_alloc *la;
    qclock *q;
    rs_reuse_fn reuse;
    void *arg;
    uint32_t slot_cnt;
    rs_slot *slots;
} retire_station;

kv_rc rs_init(retire_station *rs, la_alloc *la, kv_thread *t, qclock *q, uint32_t slot_cnt, rs_reuse_fn reuse,
              void *arg);
void rs_destroy(retire_station *rs); /* does not hand out: purge first; safe after a failed or missing init */
/* Take a handle already unlinked. More than `limit` waiting in the thread's slot: waits for the grace period and
 * hands the older ones out. Never inside a QClock section. */
void rs_retire(retire_station *rs, kv_thread *t, kv_handle *h, uint32_t limit);
/* Hand out everything that waits, in all slots. Never inside a QClock section. */
void rs_purge(retire_station *rs);
uint64_t rs_size(retire_station *rs);
void rs_each(retire_station *rs, void (*visit)(void *arg, kv_handle *h), void *arg); /* takes the slot locks */

#endif
