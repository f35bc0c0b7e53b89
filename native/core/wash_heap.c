/* Max-heap of blocks by score, in words of (index, incarnation). */
#include "wash_heap.h"

void wh_init(wash_heap *heap, handle_array *handles, uint64_t *entries, uint32_t cap) {
    *heap = (wash_heap){.handles = handles, .entries = entries, .cap = cap};
}

static uint64_t entry_of(const handle_array *ha, const kv_handle *h) {
    return ha_index(ha, h) << 32 | (uint32_t)at_load(&h->seq_num, acquire);
}

static kv_handle *handle_of(const wash_heap *heap, uint64_t entry, int64_t *seq) {
    kv_handle *h = ha_at(heap->handles, entry >> 32);
    *seq = at_load(&h->seq_num, acquire);
    return (uint32_t)*seq == (uint32_t)entry ? h : NULL; /* 2^32 retirements of one handle do not fit into a wash */
}

kv_handle *wh_at(const wash_heap *heap, uint32_t i, int64_t *seq) {
    return handle_of(heap, heap->entries[i], seq);
}

/* True when a stands above b: higher score, or gone. A score that changes while the heap is in use can only make the
 * choice a little worse: the order is looked at again at every step, and no step trusts it. */
static bool above(const wash_heap *heap, uint64_t a, uint64_t b) {
    int64_t seq;
    const kv_handle *ha = handle_of(heap, a, &seq), *hb = handle_of(heap, b, &seq);
    if (ha == NULL || hb == NULL) {
        return ha == NULL && hb != NULL;
    }
    return double_of_bits(at_load(&ha->score, relaxed)) > double_of_bits(at_load(&hb->score, relaxed));
}

static void sift_up(wash_heap *heap, uint32_t i) {
    uint64_t e = heap->entries[i];
    while (i > 0 && above(heap, e, heap->entries[(i - 1) / 2])) {
        heap->entries[i] = heap->entries[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    heap->entries[i] = e;
}

static void sift_down(wash_heap *heap) {
    uint64_t e = heap->entries[0];
    uint32_t i = 0, child;
    while ((child = 2 * i + 1) < heap->size) {
        if (child + 1 < heap->size && above(heap, heap->entries[child + 1], heap->entries[child])) {
            child++;
        }
        if (!above(heap, heap->entries[child], e)) {
            break;
        }
        heap->entries[i] = heap->entries[child];
        i = child;
    }
    heap->entries[i] = e;
}

static void offer(wash_heap *heap, uint64_t entry) {
    if (heap->size < heap->cap) {
        heap->entries[heap->size++] = entry;
        sift_up(heap, heap->size - 1);
    } else if (heap->size > 0 && above(heap, heap->entries[0], entry)) {
        heap->entries[0] = entry;
        sift_down(heap);
    }
}

void wh_offer(wash_heap *heap, kv_handle *h) {
    if (heap->cap > 0) { /* a heap that was never opened has no handles either */
        offer(heap, entry_of(heap->handles, h));
    }
}

void wh_shrink(wash_heap *heap) {
    if (heap->cap == 0) {
        return;
    }
    heap->cap--;
    if (heap->size > heap->cap) {
        heap->entries[0] = heap->entries[--heap->size];
        sift_down(heap);
    }
}

void wh_merge(wash_heap *heap, wash_heap *from) {
    int64_t seq;
    for (uint32_t i = 0; i < from->size; i++) {
        if (wh_at(from, i, &seq) != NULL) {
            offer(heap, from->entries[i]);
        }
    }
    from->size = 0;
}
