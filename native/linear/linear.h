/* Linearizability: is there an order of a history's operations, each at a moment between its invocation and its response,
 * in which a sequential model does what they did? (Herlihy and Wing, "Linearizability: a correctness condition for
 * concurrent objects", 1990.)
 *
 * The search is Wing and Gong's ("Testing and verifying concurrent objects", 1993) with Lowe's memoisation of
 * configurations ("Testing for linearizability", 2017): the set of operations placed so far and the model's state. As in
 * Horn and Kroening ("Faster linearizability checking via P-compositionality", 2015) each object of a history is judged
 * by itself, and a step is taken back by its entry on a stack. A configuration is remembered by a 128-bit hash.
 *
 * A cache is a map that may forget: a pair can go at any moment while an operation with `evicts` runs, and while an
 * operation that put or found the same key runs, if it overlaps one with `evicts` (docs/linearizability.md says why).
 *
 * Pure: no globals, no allocation; any number of threads at once, each with memory of its own.
 *
 * The part between the two cffi markers is read by the Python side: plain C declarations only.
 */
#ifndef RACEWASH_LINEAR_H
#define RACEWASH_LINEAR_H

#include "../target/target.h"

/* cffi: begin */
enum { RL_WINDOW = 16 };

/* One operation. Times are any numbers: a precedes b when a.to < b.from. An operation that has not ended (to is
 * UINT64_MAX) may have taken effect or not; what it says it did is what it would have done. */
typedef struct rl_op {
    uint64_t from, to;
    rw_deed deed;
} rl_op;

/* RL_UNDECIDED: the budget or the memory did not last. RL_BAD: an operation with times the wrong way round, an unknown
 * model or action. */
enum { RL_LINEARIZABLE = 0, RL_VIOLATED = 1, RL_UNDECIDED = 2, RL_BAD = 3 };

typedef struct rl_result {
    int32_t verdict;
    int32_t model; /* of the object for which no order was found, or the search did not end */
    int64_t object[3];
    int64_t tried; /* configurations, in all */
    int32_t window[16]; /* indexes of the operations of the shortest part that no order explains, by invocation */
    int32_t window_cnt;
    int32_t window_left; /* of the window, without a place in the list */
} rl_result;

/* Judge a history. At most `budget` configurations are tried in the judgement; a violation's window may cost as many
 * again for each of the steps that find it. `memory`: rl_memory bytes are enough for any history of `cnt` operations, a
 * smaller area may do. */
int32_t rl_check(const rl_op *ops, int32_t cnt, int64_t budget, void *memory, int64_t bytes, rl_result *out);
int64_t rl_memory(int32_t cnt, int64_t budget);
/* Names; NULL past the end. */
const char *rl_model_name(int32_t model);
const char *rl_action_name(int32_t action);
/* cffi: end */

#endif
