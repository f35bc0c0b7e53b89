/* Max-heap of the blocks a wash has chosen so far: the top is the one with the highest score, the first to be replaced.
 *
 * A place is one word: handle index (high 32 bits) and the low 32 bits of the incarnation. So a pool of 2 * max places
 * has the source's size, and yet an entry names an incarnation. W5: upstream keeps bare handles, and a block that is
 * reused between choice and retirement is washed whatever its score. Scores are read from the handles; an entry whose
 * incarnation is gone counts as higher than any score, so it is the first to be replaced.
 */
#ifndef RACEWASH_WASH_HEAP_H
#define RACEWASH_WASH_HEAP_H

#include "handle_array.h"

typedef struct wash_heap {
    handle_array *handles;
    uint64_t *entries;
    uint32_t cap, size;
} wash_heap;

/* `entries`: room for cap words, the caller's; may be NULL when cap is 0. */
void wh_init(wash_heap *heap, handle_array *handles, uint64_t *entries, uint32_t cap);
/* Below the capacity: push. Else replace the top if h's score is lower. h is protected by the caller. */
void wh_offer(wash_heap *heap, kv_handle *h);
/* One place less, if there is one; the top goes if it was taken. */
void wh_shrink(wash_heap *heap);
/* Offer every entry of `from` that is still the incarnation it names, and empty it. */
void wh_merge(wash_heap *heap, wash_heap *from);
/* Handle of entry i, and the incarnation it names; NULL when that one is gone. */
kv_handle *wh_at(const wash_heap *heap, uint32_t i, int64_t *seq);

#endif
