/* Workload B: a segmented array of handles that threads extend while others walk it (the shape of ensure_blocks and
 * try_supply_mb), with five defects to plant.
 *
 * supply(n): load the count; make each missing block: allocate, write the handles' indexes, publish by compare-exchange from
 * null, who loses frees its own; advance the count by compare-exchange; the winner pushes the handles into a pool.
 * traverse: every handle below the count must exist and carry its index.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../atomics.h"
#include "workload.h"

enum { PER_BLOCK = 60, BLOCKS = 7, HANDLES = PER_BLOCK * BLOCKS };

typedef struct handle {
    int64_t index;
    int64_t pushed; /* times: written by who has advanced the count over it */
} handle;

struct rw_core {
    _Atomic(handle *) blocks[BLOCKS];
    _Atomic(uint64_t) count;
    _Atomic(uint64_t) pushed;
    _Atomic(handle *) pool[HANDLES];
    _Atomic(int64_t) null_block, wrong_index;
    int64_t lost, defect, checks;
};

struct rw_thread {
    rw_core *core;
};

static const rw_param_desc params[] = {{"defect", "which defect is planted", 0, 0, 5}};
static const rw_op_desc ops[] = {{"supply", "extend the array by n handles", 1, {"n"}},
                                 {"traverse", "check every handle below the count", 0, {NULL}}};
static const rw_invariant_desc invariants[] = {
    {"B1", "every handle below the count exists", RW_INSTANT},
    {"B2", "every handle carries its index", RW_INSTANT},
    {"B3", "every handle below the count is in the pool once, and the pool's are the array's", RW_QUIESCENT}};
static const char *const codes[] = {"ok", "full", "lost"};

static rw_core *create(const rw_param *given, int32_t n, int64_t shared_bytes, char *err, int64_t err_len) {
    (void)shared_bytes;
    rw_core *core = calloc(1, sizeof *core);
    for (int32_t i = 0; i < n; i++) {
        if (strcmp(given[i].name, "defect") != 0) {
            snprintf(err, (size_t)err_len, "the only parameter is 'defect'");
            free(core);
            return NULL;
        }
        core->defect = given[i].value;
    }
    return core;
}

static void initialise(handle *block, int64_t first) {
    for (int64_t i = 0; i < PER_BLOCK; i++) {
        block[i].index = first + i;
    }
}

static void publish(rw_core *core, uint64_t b, handle *block) {
    handle *none = NULL;
    if (core->defect == SEG_PLAIN_STORE) {
        at_store(&core->blocks[b], block, release);
    } else if (core->defect == SEG_RELAXED ? !at_cas(&core->blocks[b], &none, block, relaxed, relaxed)
                                           : !at_cas(&core->blocks[b], &none, block, acq_rel, acquire)) {
        if (core->defect != SEG_LOSER_LEAKS) {
            free(block);
        }
    }
}

static void ensure_blocks(rw_core *core, uint64_t end) {
    for (uint64_t b = 0; b <= (end - 1) / PER_BLOCK; b++) {
        if (at_load(&core->blocks[b], acquire) != NULL) {
            continue;
        }
        handle *block = calloc(PER_BLOCK, sizeof *block);
        if (core->defect == SEG_PUBLISH_EARLY) {
            publish(core, b, block);
            block = at_load(&core->blocks[b], acquire);
            initialise(block, (int64_t)(b * PER_BLOCK));
        } else {
            initialise(block, (int64_t)(b * PER_BLOCK));
            publish(core, b, block);
        }
    }
}

static handle *handle_at(rw_core *core, uint64_t i) {
    handle *block = at_load(&core->blocks[i / PER_BLOCK], acquire);
    return block == NULL ? NULL : &block[i % PER_BLOCK];
}

static int64_t supply(rw_core *core, uint64_t n) {
    uint64_t start = at_load(&core->count, acquire), end = start + n;
    if (end > HANDLES) {
        return 1;
    }
    bool early = core->defect == SEG_COUNT_EARLY;
    if (!early) {
        ensure_blocks(core, end);
    }
    if (!at_cas(&core->count, &start, end, acq_rel, acquire)) {
        return 2;
    }
    if (early) {
        ensure_blocks(core, end);
    }
    uint64_t slot = at_add(&core->pushed, n, relaxed);
    handle *block = NULL;
    for (uint64_t i = start; i < end; i++, slot++) {
        block = block == NULL || i % PER_BLOCK == 0 ? handle_at(core, i - i % PER_BLOCK) : block;
        block[i % PER_BLOCK].pushed++;
        at_store(&core->pool[slot], &block[i % PER_BLOCK], release);
    }
    return 0;
}

static int64_t traverse(rw_core *core) {
    uint64_t count = at_load(&core->count, acquire);
    const handle *block = NULL;
    for (uint64_t i = 0; i < count; i++) {
        block = i % PER_BLOCK == 0 ? handle_at(core, i) : block;
        const handle *h = block == NULL ? NULL : &block[i % PER_BLOCK];
        if (h == NULL) {
            at_add(&core->null_block, 1, relaxed);
        } else if (h->index != (int64_t)i) {
            at_add(&core->wrong_index, 1, relaxed);
        }
    }
    return 0;
}

static int64_t run(rw_thread *thread, const rw_op *op) {
    return op->code == 0 ? supply(thread->core, (uint64_t)op->arg[0]) : traverse(thread->core);
}

/* ---- Judgement ---- */

static int64_t bad(rw_core *core) {
    return at_load(&core->null_block, relaxed) + at_load(&core->wrong_index, relaxed) + core->lost;
}

static int64_t check(rw_core *core, int32_t when) {
    if ((when & RW_QUIESCENT) != 0) {
        uint64_t count = at_load(&core->count, relaxed);
        uint64_t seen = 0;
        core->checks++;
        handle *block = NULL;
        core->lost += at_load(&core->pushed, relaxed) != count;
        for (uint64_t i = 0; i < count; i++) {
            block = i % PER_BLOCK == 0 ? handle_at(core, i) : block;
            seen += block != NULL && block[i % PER_BLOCK].pushed == 1;
        }
        core->lost += seen != count;
    }
    return bad(core);
}

static int64_t checks(rw_core *core, int32_t invariant) {
    return invariant == 2 ? core->checks : 0;
}

static int32_t violations(rw_core *core, rw_violation *out, int32_t max) {
    const struct {
        int64_t met;
        const char *id, *text;
        int32_t line;
    } all[] = {{at_load(&core->null_block, relaxed), "B1", "a handle below the count has no block", __LINE__},
               {at_load(&core->wrong_index, relaxed), "B2", "a handle carries another index", __LINE__},
               {core->lost, "B3", "the pool does not have the array's handles", __LINE__}};
    int32_t n = 0;
    for (int i = 0; i < 3 && n < max; i++) {
        if (all[i].met != 0) {
            rw_violation v = {.line = all[i].line, .thread = -1, .count = all[i].met};
            strcpy(v.id, all[i].id);
            strcpy(v.text, all[i].text);
            strncpy(v.file, __FILE__, sizeof v.file - 1);
            out[n++] = v;
        }
    }
    return n;
}

static int32_t snapshot(rw_core *core, rw_cell *out, int32_t max) {
    if (max > 0) {
        *out = (rw_cell){.group = "array", .name = "count", .field = "value"};
        out->value = (int64_t)at_load(&core->count, relaxed);
    }
    return 1;
}

static void close_core(rw_core *core) {
    (void)core;
}

static void destroy(rw_core *core) {
    for (int b = 0; b < BLOCKS; b++) {
        free(at_load(&core->blocks[b], acquire));
    }
    free(core);
}

static rw_thread *attach(rw_core *core, int32_t tid) {
    (void)tid;
    rw_thread *thread = malloc(sizeof *thread);
    thread->core = core;
    return thread;
}

static void detach(rw_thread *thread) {
    free(thread);
}

const rw_target workload_segments = {
    RW_TARGET_ABI, "segments", params,  1,      ops,    2,    invariants, 3,      codes,      3,
    create,        close_core, destroy, attach, detach, run,  check,      checks, violations, snapshot,
    NULL,          NULL,       0,       NULL,   0,      NULL, NULL,       NULL,   0,          NULL,
    NULL};
