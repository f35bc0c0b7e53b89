/* Hazard versions: epoch-like protection of map nodes (A16).
 *
 * A reader holds a slot with the version current at its start. A deleter unlinks a node, then stamps it with the
 * version it increments. A node may be freed when every slot's version is above the node's. The minimum reads the
 * global version first and the slots after it, so that a reader that starts in between cannot be missed.
 *
 * What users must do: a reader's loads of links (bucket heads and next pointers) and a deleter's unlinking store are
 * sequentially consistent. Suppose a scan missed a reader (its slot load comes before the reader's slot CAS in the
 * single total order) and frees a node. The node's unlinking happens before its version's increment, which the scan
 * read; so the unlinking store precedes the scan's slot load, the reader's CAS and the reader's link loads: the reader
 * cannot meet the node. With a release store and acquire loads only, that last step would not hold off x86.
 *
 * Freeing happens after the last access: a reader's accesses precede its release store of HV_IDLE, which the scan reads
 * (acquire), directly or through later holders of the slot, whose CAS acquires it.
 *
 * Unlike the source, no flag makes retirers of one slot wait for each other: each takes the whole list by one exchange,
 * so two of them hold disjoint nodes, and a thread stopped half-way blocks nobody (W13).
 * Source of the algorithm: OceanBase oblib, ObGlobalHazardVersion / ObKVCacheHazardStation.
 */
#ifndef RACEWASH_HAZARD_VERSION_H
#define RACEWASH_HAZARD_VERSION_H

#include "kv_types.h"
#include "label_alloc.h"

typedef struct hv_node { /* first member of every protected node */
    struct hv_node *next; /* in a slot's waiting list */
    uint64_t version; /* of its deletion */
} hv_node;

typedef void (*hv_free_fn)(void *arg, kv_thread *t, hv_node *node);

#define HV_IDLE UINT64_MAX

typedef struct hv_slot {
    _Alignas(64) _Atomic(uint64_t) version; /* HV_IDLE, or the version at acquisition */
    _Atomic(hv_node *) waiting;
    _Atomic(int64_t) waiting_cnt;
    _Atomic(uint64_t) last_retire_version; /* min version of the last retirement: nothing new below it */
} hv_slot;

typedef struct hv_station {
    la_alloc *la;
    uint32_t slot_cnt;
    uint32_t threshold;
    hv_free_fn free_node;
    void *arg;
    hv_slot *slots; /* on cache lines of their own */
    void *slots_mem; /* the allocation they lie in */
    _Alignas(64) _Atomic(uint64_t) version;
} hv_station;

kv_rc hv_init(hv_station *s, la_alloc *la, kv_thread *t, uint32_t slot_cnt, uint32_t threshold, hv_free_fn free_node,
              void *arg);
/* Frees every waiting node through the callback, whatever the slots say (nobody may be inside any more), then the
 * slots. Safe after a failed or missing init (zeroed station). */
void hv_destroy(hv_station *s, kv_thread *t);

kv_rc hv_acquire(hv_station *s, kv_thread *t, uint32_t *slot); /* KV_OK; KV_NO_SLOT after 3 rounds with yields */
void hv_release(hv_station *s, kv_thread *t, uint32_t slot); /* may retire the slot's waiting nodes */
/* `node` was just unlinked (seq_cst) by the caller, who holds `slot`. Until hv_release the node stays readable. */
void hv_delete_node(hv_station *s, uint32_t slot, hv_node *node);
/* Retire every slot's list by one minimum; the last retire versions don't matter, so at quiescence all is freed. */
void hv_retire_all(hv_station *s, kv_thread *t);
uint64_t hv_min_version(hv_station *s);
uint32_t hv_held(hv_station *s); /* slots held now (checks) */
int64_t hv_waiting(hv_station *s); /* sum of waiting counts */
int64_t hv_waiting_listed(hv_station *s); /* sum of list lengths; quiescence */
void hv_each_waiting(hv_station *s, void (*visit)(void *arg, hv_node *node), void *arg); /* quiescence */

#endif
