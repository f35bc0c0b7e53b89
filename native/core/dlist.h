/* Lock-free doubly linked list of memory-block handles (A12).
 *
 * next pointers are the truth, prev pointers are hints; the lowest bit of next marks a link being deleted. Everybody
 * who follows links (insert, delete and traverse alike) stands inside a QClock section, so that no link met on the way
 * is reused meanwhile. Delete of a link that is not in the list never ends. A traverser does visit links being
 * deleted: protecting the handle by status is what skips them. Not lock-free: insert waits for a deleter stopped
 * half-way (W13).
 */
#ifndef RACEWASH_DLIST_H
#define RACEWASH_DLIST_H

#include "handle.h"

typedef struct dlist {
    kv_link head; /* circular: next of the last link is the head */
} dlist;

void dl_init(dlist *l);
void dl_insert_tail(dlist *l, kv_link *x); /* QClock held; x in no list */
void dl_delete(dlist *l, kv_link *x);      /* QClock held; x in l; one deleter per link */
/* The link after `at` (start with &l->head), NULL at the end. QClock held. */
kv_link *dl_next(dlist *l, kv_link *at);
uint64_t dl_size(dlist *l); /* quiescence only */

#endif
