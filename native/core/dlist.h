/* Lock-free doubly linked list of memory-block handles (A12).
 *
 * next pointers are the truth, prev pointers are hints; the lowest bit of next marks a link being deleted. Everybody
 * who follows links (insert, delete and traverse alike) stands inside a QClock section, so that no link met on the way
 * is reused meanwhile. Delete of a link that is not in the list never ends. A traverser does visit links being
 * deleted: protecting the handle by status is what skips them. Not lock-free: insert and delete wait for a peer stopped
 * half-way in the neighbouring link (W13).
 *
 * The invariant everything rests on: *a next that is neither 0 nor marked belongs to a linked link*, the one link whose
 * next is its successor. So a compare-exchange of p.next from T (or from the head) succeeds only on the true
 * predecessor, wherever p came from. Deletion keeps it by marking first and leaving the mark; insertion keeps it by
 * linking with a marked next and unmarking afterwards.
 *
 * Where ours differs from the source: there a hint is followed blindly. A corrector that stalls can write a hint to a
 * link deleted meanwhile; a later section reads that hint, the corrector repairs it and leaves, the grace period of the
 * deleted link ends, and the later section follows a reused link: a walk through the pool's null, through another list,
 * or for ever. A grace period covers what was reachable by next, not by prev. Here a hint is only where the search
 * starts: links are type-stable, the search from a hint is short and ends at 0, and the search from the head is the
 * other way.
 * Source of the algorithm: OceanBase oblib, the list of ObKVCacheStore's memory-block handles.
 */
#ifndef RACEWASH_DLIST_H
#define RACEWASH_DLIST_H

#include "handle.h"

typedef struct dlist {
    kv_link head; /* circular: next of the last link is the head; never marked */
} dlist;

void dl_init(dlist *l);
/* QClock held; x in no list, its next 0 or still marked from its last life (whoever resets a link stores 0). */
void dl_insert_tail(dlist *l, kv_link *x);
/* QClock held; x in l, its insertion returned; one deleter per link. Leaves x.next marked: traversers go on from it. */
void dl_delete(dlist *l, kv_link *x);
/* The link after `at` (start with &l->head), NULL at the end. QClock held. */
kv_link *dl_next(dlist *l, kv_link *at);
uint64_t dl_size(dlist *l); /* quiescence only */

#endif
