/* Label allocator: objects inside 8 KB blocks, carved in units of 16 B, free neighbours merged by boundary tags.
 *
 * Placement of the specification's chapter 3: a free object of just that size, else the last remainder, else the
 * smallest larger one, else a fresh block.
 */
#include "la_private.h"

static LA_RAW uint32_t offset_of(const la_obj *o, const la_chunk *c) {
    return (uint32_t)((const char *)o - la_payload(c)) % LA_BLOCK;
}

static la_obj *behind(la_obj *o, uint32_t units) {
    return (la_obj *)(void *)((char *)o + (size_t)units * LA_UNIT);
}

/* The neighbour behind an extent that ends `units` after o; NULL at the block's end. */
static LA_RAW la_obj *next_of(la_obj *o, const la_chunk *c, uint32_t units) {
    return offset_of(o, c) + units * LA_UNIT == LA_BLOCK ? NULL : behind(o, units);
}

/* ---- Bins ---- */

static LA_RAW void bin_put(la_set *set, la_obj *o) {
    if (o->units < LA_MIN_UNITS) {
        return; /* too small for any request: only a merge can use it */
    }
    la_obj **head = &set->objs[o->units];
    o->prev = NULL;
    o->next = *head;
    if (*head != NULL) {
        (*head)->prev = o;
    }
    *head = o;
    set->objs_used[o->units / 64] |= UINT64_C(1) << (o->units % 64);
}

static LA_RAW void bin_take(la_set *set, la_obj *o) {
    if (set->last == o) {
        set->last = NULL;
    }
    if (o->units < LA_MIN_UNITS) {
        return;
    }
    if (o->prev != NULL) {
        o->prev->next = o->next;
    } else {
        set->objs[o->units] = o->next;
    }
    if (o->next != NULL) {
        o->next->prev = o->prev;
    }
    if (set->objs[o->units] == NULL) {
        set->objs_used[o->units / 64] &= ~(UINT64_C(1) << (o->units % 64));
    }
}

static la_obj *first_larger(const la_set *set, uint32_t units) {
    uint32_t word = (units + 1) / 64;
    uint64_t bits = set->objs_used[word] & (~UINT64_C(0) << ((units + 1) % 64));
    while (bits == 0 && ++word < sizeof set->objs_used / sizeof set->objs_used[0]) {
        bits = set->objs_used[word];
    }
    return bits != 0 ? set->objs[word * 64 + (uint32_t)__builtin_ctzll(bits)] : NULL;
}

/* ---- Taking and giving ---- */

/* Make [o, o + units) a free object in a bin, and tell its neighbour behind. */
static LA_RAW void make_free(la_set *set, la_chunk *c, la_obj *o, uint32_t units, uint32_t prev_units) {
    o->magic = LA_FREE;
    o->units = units;
    o->prev_units = prev_units;
    if (units >= LA_MIN_UNITS) {
        o->chunk = c;
    }
    la_obj *next = next_of(o, c, units);
    if (next != NULL) {
        next->prev_units = units;
    }
    bin_put(set, o);
}

static LA_RAW la_obj *find(la_alloc *la, la_set *set, uint32_t units, uint64_t *lack) {
    la_obj *o = set->objs[units];
    if (o == NULL && set->last != NULL && set->last->units >= units) {
        o = set->last;
    }
    if (o == NULL) {
        o = first_larger(set, units);
    }
    if (o != NULL) {
        bin_take(set, o);
        return o;
    }
    la_chunk *c;
    o = la_runs_take(la, set, 1, LA_RUN_OBJECTS, &c, lack);
    if (o != NULL) {
        o->units = LA_UNITS;
        o->prev_units = 0;
        o->chunk = c;
        set->free_cells += LA_BLOCK;
    }
    return o;
}

LA_RAW la_obj *la_cells_take(la_alloc *la, la_set *set, uint32_t units, uint64_t *lack) {
    la_obj *o = find(la, set, units, lack);
    if (o == NULL) {
        return NULL;
    }
    if (o->units > units) {
        la_obj *rest = behind(o, units);
        make_free(set, o->chunk, rest, o->units - units, units);
        set->last = rest;
        o->units = units;
    }
    o->magic = LA_LIVE;
    set->free_cells -= (int64_t)units * LA_UNIT;
    return o;
}

LA_RAW la_chunk *la_cells_give(la_set *set, la_obj *o) {
    la_chunk *c = o->chunk;
    uint32_t units = o->units, before = o->prev_units;
    set->free_cells += (int64_t)units * LA_UNIT;
    o->magic = LA_FREE; /* also where it becomes the inside of a larger one: a second free is noticed */
    la_obj *next = next_of(o, c, units);
    if (next != NULL && next->magic == LA_FREE) {
        bin_take(set, next);
        units += next->units;
    }
    if (before > 0) {
        la_obj *prev = (la_obj *)(void *)((char *)o - (size_t)before * LA_UNIT);
        if (prev->magic == LA_FREE) {
            bin_take(set, prev);
            units += prev->units;
            before = prev->prev_units;
            o = prev;
        }
    }
    if (units == LA_UNITS) {
        set->free_cells -= LA_BLOCK;
        return la_runs_give(set, c, o);
    }
    make_free(set, c, o, units, before);
    return NULL;
}
