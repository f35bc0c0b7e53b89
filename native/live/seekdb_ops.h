/* The operations that are offered on a store of seekdb, and on our core when the two are compared: once, in one order.
 *
 * X(name, codes, purpose, number of arguments, argument names or NULL). Names and arguments are those of the target
 * kvcache where the operation is the same. Every operation may also end as KV_INVALID, when an argument is out of range,
 * and as KV_BAD_STATE, when a slot is empty where it must be filled or the other way round; then it has done nothing.
 */
#ifndef RACEWASH_SEEKDB_OPS_H
#define RACEWASH_SEEKDB_OPS_H

#include "../core/kv_types.h"
#include "../target/target.h"

/* clang-format off */
#define SK_OPS(X)                                                                                                      \
    X(supply, B(NO_HANDLE), "Supply the next handle indexes to the pool.", 1, "count")                                 \
    X(alloc_mb, B(NO_MEMORY) | B(NO_HANDLE),                                                                           \
      "Take a memory block of one's own into an empty slot.", 3, "policy", "bytes", "slot")                            \
    X(fill_mb, B(OVERFLOW), "Place pairs in a slot's block, as far as there is room.", 2, "slot", "pairs")             \
    X(free_mb, B(NO_HAZARD),                                                                                           \
      "Verify the pairs of a slot's block, close it and retire it; reclaim gives it back.", 1, "slot")                 \
    X(set_full, 0, "Close a slot's block with a score in thousandths and leave it to the washes.", 2, "slot", "score") \
    X(retire, B(GONE) | B(NO_HAZARD), "Retire what a handle holds, under a protection, if it is FULL.", 1, "index")    \
    X(hit, B(GONE) | B(NO_HAZARD), "Count gets on what a handle holds, under a protection.", 2, "index", "gets")       \
    X(hold_mb, B(GONE) | B(NO_HAZARD),                                                                                 \
      "Protect what a handle holds, whatever its incarnation, in an empty slot.", 2, "slot", "index")                  \
    X(hold_seq, B(GONE) | B(NO_HAZARD),                                                                                \
      "Protect an incarnation so many behind the handle's present one.", 3, "slot", "index", "behind")                 \
    X(hold_verify, 0, "Verify that a protected block is as it was.", 1, "slot")                                        \
    X(hold_share, B(NO_HAZARD), "Make an empty slot a second holder of a protection.", 2, "from", "to")                \
    X(hold_drop, 0, "Verify a protected block and give the protection back.", 1, "slot")                               \
    X(reclaim, 0, "Free every retired block that nothing protects.", 0, NULL)                                          \
    X(purge, 0, "Hand out every handle that waits for its grace period.", 0, NULL)                                     \
    X(refresh_score, B(NO_HAZARD), "Let all scores decay and add the recent hits.", 0, NULL)                           \
    X(wash, 0, "Wash so many bytes, if 8 MB are there; 0: what the policy computes.", 1, "bytes")                                         \
    X(sync_wash, B(NOT_ENOUGH) | B(TIMEOUT), "Wash along the list as a failing allocation does.", 1, "bytes")          \
    X(flush, B(BAD_STATE), "Retire and reclaim every FULL block; forced: without time-out, excluding washes.", 1, "forced") \
    X(set_priority, 0, "Set a cache's priority.", 2, "cache", "priority")                                              \
    X(hp_wash, 0, "Free blocks all of whose hazard pointers are free.", 0, NULL)                                       \
    X(traverse, B(NO_HAZARD), "Look at every supplied handle.", 0, NULL)                                               \
    X(mb_info, B(NO_HAZARD), "Count blocks by status and policy.", 0, NULL)                                            \
    X(check_now, 0, "Judge every invariant that holds at any instant.", 0, NULL)
/* clang-format on */

#define NUMBER(name, codes, purpose, count, ...) SK_OP_##name,
enum { SK_OPS(NUMBER) SK_OP_CNT };
#undef NUMBER

enum {
    SK_KEY_BYTES = 16,
    SK_PAIRS_MAX = 1 << 20,
    SK_BLOCK_MAX = 16 << 20,
    SK_HITS_MAX = 1 << 20,
    SK_SCORE_MAX = 1 << 20
};

/* Bytes of the value of a block's pair i. */
static inline int64_t sk_value_bytes(int64_t i) {
    return 16 + i % 57;
}

#endif
