/* Hazard versions: slots, deletion and retirement of map nodes (A16). Orders are argued in the header. */
#include "hazard_version.h"

enum { HV_ROUNDS = 3 };

kv_rc hv_init(hv_station *s, la_alloc *la, kv_thread *t, uint32_t slot_cnt, uint32_t threshold, hv_free_fn free_node,
              void *arg) {
    memset(s, 0, sizeof *s);
    s->la = la;
    s->slot_cnt = slot_cnt;
    s->threshold = threshold;
    s->free_node = free_node;
    s->arg = arg;
    at_store(&s->version, 1, relaxed); /* not shared yet */
    s->slots_mem = la_zalloc(la, t, 0, LA_CTX_DEFAULT, KV_L_HAZ_VERSION, slot_cnt * sizeof(hv_slot) + KV_LINE);
    if (s->slots_mem == NULL) {
        s->slot_cnt = 0;
        return KV_NO_MEMORY;
    }
    s->slots = kv_line_up(s->slots_mem);
    for (uint32_t i = 0; i < slot_cnt; i++) {
        at_store(&s->slots[i].version, HV_IDLE, relaxed);
    }
    return KV_OK;
}

void hv_destroy(hv_station *s, kv_thread *t) {
    for (uint32_t i = 0; i < s->slot_cnt; i++) {
        hv_node *node = at_xchg(&s->slots[i].waiting, NULL, acquire);
        while (node != NULL) {
            hv_node *next = node->next;
            s->free_node(s->arg, t, node);
            node = next;
        }
    }
    if (s->slots_mem != NULL) {
        la_free(s->la, s->slots_mem);
    }
    memset(s, 0, sizeof *s);
}

kv_rc hv_acquire(hv_station *s, kv_thread *t, uint32_t *slot) {
    for (unsigned round = 0; round < HV_ROUNDS; round++) {
        for (uint32_t k = 0; k < s->slot_cnt; k++) {
            uint32_t i = (t->id + k) % s->slot_cnt;
            uint64_t idle = HV_IDLE;
            if (at_load(&s->slots[i].version, relaxed) != HV_IDLE) {
                continue; /* a hint: saves the exclusive access to a line that is somebody's */
            }
            /* acquire: whoever reads a version above a node's also sees the node unlinked. Older than the newest
             * is harmless: it keeps more nodes. */
            uint64_t now = at_load(&s->version, acquire);
            /* seq_cst: stands before the holder's link loads in the order that the scan's slot load belongs to */
            if (at_cas(&s->slots[i].version, &idle, now, seq_cst, relaxed)) {
                *slot = i;
                t->held[KV_H_VERSION]++;
                return KV_OK;
            }
        }
        unsigned spins = CPU_RELAX_SPINS - 1; /* the next turn yields */
        cpu_relax(&spins);
    }
    return KV_NO_SLOT;
}

/* Put a chain first .. last on a slot's list. */
static void push_waiting(hv_slot *slot, hv_node *first, hv_node *last) {
    hv_node *head = at_load(&slot->waiting, relaxed);
    do {
        last->next = head;
        /* release: publishes next and version, both plain. No ABA: takers take the whole list. */
    } while (!at_cas_weak(&slot->waiting, &head, first, release, relaxed));
}

/* Free the slot's nodes below `min`, put the rest back. Any number of threads at once, each with its own part. */
static void retire_slot(hv_station *s, kv_thread *t, hv_slot *slot, uint64_t min) {
    hv_node *kept = NULL, *kept_last = NULL, *dead = NULL, *next;
    at_store(&slot->last_retire_version, min, relaxed); /* a hint only */
    for (hv_node *node = at_xchg(&slot->waiting, NULL, acquire); node != NULL; node = next) {
        next = node->next;
        if (node->version < min) {
            node->next = dead;
            dead = node;
        } else {
            kept_last = kept == NULL ? node : kept_last;
            node->next = kept;
            kept = node;
        }
    }
    if (kept != NULL) {
        push_waiting(slot, kept, kept_last);
    }
    int64_t freed = 0;
    for (; dead != NULL; dead = next, freed++) {
        next = dead->next;
        s->free_node(s->arg, t, dead);
    }
    at_sub(&slot->waiting_cnt, freed, relaxed);
}

void hv_release(hv_station *s, kv_thread *t, uint32_t slot) {
    hv_slot *own = &s->slots[slot];
    at_store(&own->version, HV_IDLE, release); /* all accesses to nodes before it; the scan acquires it */
    t->held[KV_H_VERSION]--;
    if (at_load(&own->waiting_cnt, relaxed) >= (int64_t)s->threshold) {
        uint64_t min = hv_min_version(s);
        if (min > at_load(&own->last_retire_version, relaxed)) {
            retire_slot(s, t, own, min);
        }
    }
}

void hv_delete_node(hv_station *s, uint32_t slot, hv_node *node) {
    /* After unlinking, never before: a reader that starts between the two would be newer than the node and still meet
     * it. seq_cst with the caller's unlinking store and the scan's loads. */
    node->version = at_add(&s->version, 1, seq_cst);
    at_add(&s->slots[slot].waiting_cnt, 1, relaxed); /* before the push, so that it never dips below zero */
    push_waiting(&s->slots[slot], node, node);
}

/* W1: the source may free a tenant's nodes regardless of versions; here a deleted node always waits for its own. */
void hv_retire_all(hv_station *s, kv_thread *t) {
    uint64_t min = hv_min_version(s);
    for (uint32_t i = 0; i < s->slot_cnt; i++) {
        if (at_load(&s->slots[i].waiting, relaxed) != NULL) {
            retire_slot(s, t, &s->slots[i], min);
        }
    }
}

uint64_t hv_min_version(hv_station *s) {
    /* The global version first: a reader whose slot is taken after our look at it started at this version or later,
     * or finds every node below it unlinked. The other way round its nodes could be stamped in between. */
    uint64_t min = at_load(&s->version, seq_cst);
    for (uint32_t i = 0; i < s->slot_cnt; i++) {
        uint64_t v = at_load(&s->slots[i].version, seq_cst); /* also acquires the last holder's accesses */
        min = v < min ? v : min;
    }
    return min;
}

uint32_t hv_held(hv_station *s) {
    uint32_t held = 0;
    for (uint32_t i = 0; i < s->slot_cnt; i++) {
        held += at_load(&s->slots[i].version, acquire) != HV_IDLE;
    }
    return held;
}

int64_t hv_waiting(hv_station *s) {
    int64_t sum = 0;
    for (uint32_t i = 0; i < s->slot_cnt; i++) {
        sum += at_load(&s->slots[i].waiting_cnt, relaxed);
    }
    return sum;
}

static void count_one(void *arg, hv_node *node) {
    (void)node;
    ++*(int64_t *)arg;
}

int64_t hv_waiting_listed(hv_station *s) {
    int64_t n = 0;
    hv_each_waiting(s, count_one, &n);
    return n;
}

void hv_each_waiting(hv_station *s, void (*visit)(void *arg, hv_node *node), void *arg) {
    for (uint32_t i = 0; i < s->slot_cnt; i++) {
        for (hv_node *node = at_load(&s->slots[i].waiting, acquire); node != NULL; node = node->next) {
            visit(arg, node);
        }
    }
}
