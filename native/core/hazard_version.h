/* Hazard versions: epoch-like protection of map nodes (A16).
 *
 * A reader holds a slot with the version current at its start. A deleter unlinks a node, then stamps it with the version
 * it increments. A node may be freed when every slot's version is above the node's. The minimum reads the global
 * version first and the slots after it, so that a reader that starts in between cannot be missed.
 */
#ifndef RACEWASH_HAZARD_VERSION_H
#define RACEWASH_HAZARD_VERSION_H

#include "kv_types.h"
#include "label_alloc.h"

typedef struct hv_node { /* first member of every protected node */
    struct hv_node *next; /* in a slot's waiting list */
    uint64_t version;     /* of its deletion */
} hv_node;

typedef void (*hv_free_fn)(void *arg, kv_thread *t, hv_node *node);

#define HV_IDLE UINT64_MAX

typedef struct hv_slot {
    _Alignas(64) _Atomic(uint64_t) version; /* HV_IDLE, or the version at acquisition */
    _Atomic(hv_node *) waiting;
    _Atomic(int64_t) waiting_cnt;
    _Atomic(uint64_t) last_retire_version;
    _Atomic(uint32_t) retiring; /* flag: one thread at a time retires a slot's nodes */
} hv_slot;

typedef struct hv_station {
    la_alloc *la;
    uint32_t slot_cnt;
    uint32_t threshold;
    hv_free_fn free_node;
    void *arg;
    hv_slot *slots;
    _Alignas(64) _Atomic(uint64_t) version;
} hv_station;

kv_rc hv_init(hv_station *s, la_alloc *la, kv_thread *t, uint32_t slot_cnt, uint32_t threshold, hv_free_fn free_node,
              void *arg);
/* Frees every waiting node through the callback, then the slots. No slot may be held. */
void hv_destroy(hv_station *s, kv_thread *t);

kv_rc hv_acquire(hv_station *s, kv_thread *t, uint32_t *slot); /* KV_OK; KV_NO_SLOT after 3 rounds with yields */
void hv_release(hv_station *s, kv_thread *t, uint32_t slot);   /* may retire the slot's waiting nodes */
/* `node` was just unlinked by the caller, who holds `slot`. */
void hv_delete_node(hv_station *s, uint32_t slot, hv_node *node);
void hv_retire_all(hv_station *s, kv_thread *t);
uint64_t hv_min_version(hv_station *s);
uint32_t hv_held(hv_station *s);   /* slots held now (checks) */
int64_t hv_waiting(hv_station *s); /* sum of waiting counts */
int64_t hv_waiting_listed(hv_station *s); /* sum of list lengths; quiescence */
void hv_each_waiting(hv_station *s, void (*visit)(void *arg, hv_node *node), void *arg); /* quiescence */

#endif
