/* Label allocator: runs of 8 KB blocks inside 2 MB chunks, by best fit, with boundary tags in the chunk's header. */
#include "la_private.h"

void la_chunk_link(la_set *set, la_chunk *c) {
    la_chunk **head = &set->chunks[c->kind];
    c->prev = NULL;
    c->next = *head;
    if (*head != NULL) {
        (*head)->prev = c;
    }
    *head = c;
    set->chunk_cnt++;
}

void la_chunk_unlink(la_set *set, la_chunk *c) {
    if (c->prev != NULL) {
        c->prev->next = c->next;
    } else {
        set->chunks[c->kind] = c->next;
    }
    if (c->next != NULL) {
        c->next->prev = c->prev;
    }
    set->chunk_cnt--;
}

/* ---- Bins ---- */

static void bin_put(la_set *set, la_run *run) {
    la_run **head = &set->runs[run->len];
    run->prev = NULL;
    run->next = *head;
    if (*head != NULL) {
        (*head)->prev = run;
    }
    *head = run;
}

static void bin_take(la_set *set, la_run *run) {
    if (run->prev != NULL) {
        run->prev->next = run->next;
    } else {
        set->runs[run->len] = run->next;
    }
    if (run->next != NULL) {
        run->next->prev = run->prev;
    }
}

/* Tag both ends of a run. Descriptors inside keep stale tags: only the ends are ever asked. */
static void tag(la_run *run, uint32_t len, la_run_kind kind) {
    la_run *end = run + len - 1;
    run->len = end->len = (uint16_t)len;
    run->kind = end->kind = (uint8_t)kind;
}

/* ---- Taking and giving ---- */

void la_runs_add(la_set *set, la_chunk *c) {
    for (uint16_t i = 0; i < LA_BLOCKS; i++) {
        c->runs[i] = (la_run){.at = i};
    }
    la_chunk_link(set, c);
    tag(c->runs, LA_BLOCKS, LA_RUN_FREE);
    bin_put(set, c->runs);
    set->free_blocks += LA_PAYLOAD;
}

static uint64_t washed_bytes(const la_run *run, uint32_t len) {
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < len; i++) {
        bytes += run[i].washed ? LA_BLOCK : 0;
    }
    return bytes;
}

/* Washed blocks come into use: they count again. */
static void unwash(la_alloc *la, la_chunk *c, la_run *run, uint32_t len, uint64_t bytes) {
    for (uint32_t i = 0; i < len; i++) {
        run[i].washed = false;
    }
    c->washed -= bytes;
    at_sub(&la->tenants[c->set->tenant].washed, (int64_t)bytes, relaxed);
}

/* The first run, shortest first, of whose blocks the limit lets us use `len`. */
static la_run *fit(la_alloc *la, la_set *set, uint32_t len, uint64_t *lack) {
    for (uint32_t bin = len; bin <= LA_BLOCKS; bin++) {
        for (la_run *run = set->runs[bin]; run != NULL; run = run->next) {
            uint64_t bytes = washed_bytes(run, len);
            if (bytes == 0) {
                return run;
            }
            if (la_reserve(la, set->tenant, bytes)) {
                unwash(la, la_chunk_of_run(run), run, len, bytes);
                return run;
            }
            *lack = *lack == 0 || bytes < *lack ? bytes : *lack;
        }
    }
    return NULL;
}

void *la_runs_take(la_alloc *la, la_set *set, uint32_t len, la_run_kind kind, la_chunk **chunk, uint64_t *lack) {
    la_run *run = fit(la, set, len, lack);
    if (run == NULL) {
        return NULL;
    }
    uint32_t rest = run->len - len;
    bin_take(set, run);
    tag(run, len, kind);
    if (rest > 0) {
        tag(run + len, rest, LA_RUN_FREE);
        bin_put(set, run + len);
    }
    set->free_blocks -= (int64_t)len * LA_BLOCK;
    *chunk = la_chunk_of_run(run);
    return la_payload(*chunk) + (size_t)run->at * LA_BLOCK;
}

la_chunk *la_runs_give(la_set *set, la_chunk *c, void *p) {
    la_run *run = &c->runs[(size_t)((char *)p - la_payload(c)) / LA_BLOCK];
    uint32_t len = run->len;
    set->free_blocks += (int64_t)len * LA_BLOCK;
    la_run *next = run + len;
    if (next < c->runs + LA_BLOCKS && next->kind == LA_RUN_FREE) {
        bin_take(set, next);
        len += next->len;
    }
    if (run > c->runs && run[-1].kind == LA_RUN_FREE) {
        la_run *first = run - run[-1].len;
        bin_take(set, first);
        len += first->len;
        run = first;
    }
    tag(run, len, LA_RUN_FREE);
    if (len < LA_BLOCKS) {
        bin_put(set, run);
        return NULL;
    }
    set->free_blocks -= LA_PAYLOAD;
    la_chunk_unlink(set, c);
    return c;
}

/* ---- Wash ---- */

static uint64_t wash_run(la_alloc *la, la_chunk *c, la_run *run) {
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < run->len; i++) {
        if (!run[i].washed) {
            run[i].washed = true;
            prim_mem_discard(la->mem, la_payload(c) + (size_t)run[i].at * LA_BLOCK, LA_BLOCK);
            bytes += LA_BLOCK;
        }
    }
    c->washed += bytes;
    return bytes;
}

uint64_t la_runs_wash(la_alloc *la, la_set *set) {
    uint64_t bytes = 0;
    for (uint32_t bin = 1; bin <= LA_BLOCKS; bin++) {
        for (la_run *run = set->runs[bin]; run != NULL; run = run->next) {
            bytes += wash_run(la, la_chunk_of_run(run), run);
        }
    }
    at_add(&la->tenants[set->tenant].washed, (int64_t)bytes, relaxed);
    at_sub(&la->tenants[set->tenant].counted, (int64_t)bytes, relaxed);
    return bytes;
}
