/* Between the files of the checker: one object's operations, models, the search. */
#ifndef RACEWASH_LINEAR_PRIVATE_H
#define RACEWASH_LINEAR_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "linear.h"

#define RL_NEVER UINT64_MAX

/* ---- Memory: taken in order from the caller's area, given back all at once ---- */

typedef struct rl_area {
    char *at, *end;
} rl_area;

void *rl_take(rl_area *area, uint64_t bytes); /* NULL: used up; not cleared */

/* ---- models.c: what an object may do ---- */

enum { RL_IS_VALUE = 1, RL_IS_NONE = 2, RL_IS_ANY = 4, RL_BASE = 0x2545F491 /* of the queue's hash; odd */ };

/* What an object's state may be. Cache: `value` is there (RL_IS_VALUE), nothing is (RL_IS_NONE), or either; pool: taken
 * is RL_IS_VALUE, free RL_IS_NONE; count: the last value read. RL_IS_ANY: nothing is known. Queue: log[head, tail). */
typedef struct rl_state {
    int64_t value;
    uint32_t bits;
    uint32_t head, tail;
} rl_state;

typedef struct rl_queue { /* values in the order pushed, and hashes of the first i of them */
    int64_t *log;
    uint64_t *prefix, *power;
} rl_queue;

bool rl_known(const rw_deed *deed); /* model and action belong together */
rl_state rl_first(int32_t model);
/* Do it: false when the model would not. */
bool rl_step(const rl_op *op, rl_state *state, const rl_queue *queue);
/* Does it tell something, but change nothing? */
bool rl_observes(int32_t action);
uint64_t rl_mix(uint64_t x);
uint64_t rl_state_hash(const rl_state *state, const rl_queue *queue);

/* ---- part.c: one object's part of a history ---- */

typedef struct rl_span {
    uint64_t from, to;
} rl_span;

/* Operations by invocation, and by response; the spans in which a pair may be forgotten, apart and in order. */
typedef struct rl_part {
    int32_t model;
    const int64_t *object;
    int32_t cnt, span_cnt;
    const rl_op **ops;
    int32_t *by_response; /* indexes of ops */
    rl_span *spans;
    bool *out; /* operations left out: see window.c */
} rl_part;

typedef struct rl_parts { /* a history divided */
    const rl_op *ops;
    int32_t cnt, clear_cnt, evict_cnt;
    int32_t *order;  /* operations with an object, those of one object together, by invocation */
    int32_t *clears; /* by invocation */
    rl_span *evicts;
} rl_parts;

bool rl_divide(rl_parts *parts, const rl_op *ops, int32_t cnt, rl_area *area);
/* The object at order[*at]; moves *at behind its operations. False: no memory. */
bool rl_next_part(const rl_parts *parts, int32_t *at, rl_part *out, rl_area *area);
/* Is there a moment of [from, to] in which a pair may be forgotten? */
bool rl_may_forget(const rl_part *part, uint64_t from, uint64_t to);

/* ---- marks.c ---- */

typedef struct rl_mark {
    uint64_t high, low;
} rl_mark;

typedef struct rl_marks {
    rl_mark *at;
    uint64_t room, used;
    rl_area area; /* what it grows into */
} rl_marks;

/* Enter a configuration by the hash of its set of operations and that of its state: 1 new, 0 met before, -1 no memory. */
int rl_enter(rl_marks *marks, uint64_t high, uint64_t low, uint64_t state);

/* ---- search.c ---- */

/* The whole part, or a window of it: what ended before `from` is left out, the state then being unknown; what had begun
 * by then may be left out; what ends after `to` has not ended. */
typedef struct rl_frame {
    uint64_t from, to;
} rl_frame;

#define RL_WHOLE ((rl_frame){0, RL_NEVER})

/* RL_LINEARIZABLE, RL_VIOLATED, RL_UNDECIDED. *budget falls by the configurations tried. */
int32_t rl_search(const rl_part *part, rl_frame frame, int64_t *budget, rl_area area);

/* ---- window.c ---- */

/* The shortest part of a violated part that no order explains. */
void rl_window(const rl_part *part, const rl_op *first, int64_t budget, rl_area area, rl_result *out);

#endif
