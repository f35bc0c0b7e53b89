/* The operations of the KV cache's target: name, codes of the contract, purpose, arguments. Private to kvcache_*.c.
 *
 * X(name, codes, purpose, number of arguments, argument names or NULL). Every operation may also end as KV_INVALID:
 * an argument is out of range, and nothing was done. KV_BAD_STATE: a slot is empty where it must be filled, or the
 * other way round; nothing was done either. Nothing that a thread can hold (pins, a hazard version, blocks, nodes,
 * objects) forbids it any operation: none of them waits for a pin or a version, and no operation is left inside a
 * QClock section or with a lock held (I13), which are the two things that the core's contract forbids before others.
 */
#ifndef RACEWASH_KVCACHE_OPS_H
#define RACEWASH_KVCACHE_OPS_H

#include "target.h"

/* clang-format off */
#define KT_OPS(X)                                                                                                      \
    X(put, B(NO_MEMORY) | B(NO_HANDLE) | B(NO_SLOT) | B(NO_HAZARD) | B(DELETED),                                       \
      "Put a pair into an instance, made on first use, in place of the key's old one.", 3, "instance", "key", "bytes") \
    X(put_absent, B(NO_MEMORY) | B(NO_HANDLE) | B(NO_SLOT) | B(NO_HAZARD) | B(DELETED) | B(EXISTS),                    \
      "Put a pair unless the key is there.", 3, "instance", "key", "bytes")                                            \
    X(get, B(NOT_FOUND) | B(NO_SLOT) | B(NO_HAZARD),                                                                   \
      "Get a pair, verify all of it and give it back.", 2, "instance", "key")                                          \
    X(erase, B(NOT_FOUND) | B(NO_SLOT) | B(NO_HAZARD), "Erase a key.", 2, "instance", "key")                           \
    X(get_hold, B(NOT_FOUND) | B(NO_SLOT) | B(NO_HAZARD) | B(BAD_STATE),                                               \
      "Get a pair and keep it pinned in an empty slot.", 3, "slot", "instance", "key")                                 \
    X(hold_verify, B(BAD_STATE), "Verify that a pinned pair and its block are as they were.", 1, "slot")               \
    X(hold_share, B(BAD_STATE) | B(NO_MEMORY),                                                                         \
      "Make an empty slot a second holder of a pinned pair.", 2, "from", "to")                                         \
    X(hold_drop, B(BAD_STATE), "Verify a pinned pair and give it back.", 1, "slot")                                    \
    X(erase_cache, B(NO_SLOT) | B(NO_HAZARD), "Erase every pair of a cache, whatever its tenant.", 1, "cache")         \
    X(erase_tenant, B(NO_SLOT) | B(NO_HAZARD), "Erase every pair of a tenant.", 1, "tenant")                           \
    X(erase_all, B(NO_SLOT) | B(NO_HAZARD), "Erase every pair.", 0, NULL)                                              \
    X(create_instance, B(NO_MEMORY) | B(DELETED), "Make an instance exist.", 1, "instance")                            \
    X(drop_instance, B(NOT_FOUND) | B(NO_SLOT) | B(NO_HAZARD), "Drop an instance and its pairs.", 1, "instance")       \
    X(clean_garbage, B(NO_SLOT) | B(NO_HAZARD),                                                                        \
      "Drop the nodes of retired blocks in the next part of the buckets.", 0, NULL)                                    \
    X(replace_fragments, B(NO_SLOT) | B(NO_HAZARD),                                                                    \
      "Copy nodes out of fragmented blocks in the next part of the buckets.", 0, NULL)                                 \
    X(hv_hold, B(NO_SLOT) | B(BAD_STATE),                                                                              \
      "Hold a hazard version, and note nodes that can be reached under it.", 0, NULL)                                  \
    X(hv_drop, B(BAD_STATE), "Verify that the noted nodes are still whole and give the version back.", 0, NULL)        \
    X(supply, B(NO_HANDLE) | B(NO_MEMORY), "Supply the next handle indexes to the pool.", 1, "count")                  \
    X(ensure, B(NO_MEMORY), "Make the blocks of handle indexes [start, end) exist.", 2, "start", "end")                \
    X(block_pointers, 0, "Compare every published block pointer with what was seen before.", 0, NULL)                  \
    X(traverse, B(NO_HAZARD), "Look at every supplied handle and at every block list.", 0, NULL)                       \
    X(check_now, 0, "Judge every invariant that holds at any instant.", 0, NULL)                                       \
    X(alloc_mb, B(NO_MEMORY) | B(NO_HANDLE) | B(BAD_STATE),                                                            \
      "Take a memory block of one's own into an empty slot.", 3, "policy", "bytes", "slot")                            \
    X(free_mb, B(BAD_STATE) | B(NO_HAZARD),                                                                            \
      "Verify the pairs of a slot's block, close it and retire it; reclaim gives it back.", 1, "slot")                 \
    X(fill_mb, B(BAD_STATE) | B(OVERFLOW),                                                                             \
      "Place pairs in a slot's block, as far as there is room.", 2, "slot", "pairs")                                   \
    X(reclaim, 0, "Free every retired block that nothing protects.", 0, NULL)                                          \
    X(purge, 0, "Hand out every handle that waits for its grace period.", 0, NULL)                                     \
    X(wash, B(NO_MEMORY) | B(NO_HAZARD), "Wash so many bytes; 0: what the policy computes.", 1, "bytes")               \
    X(sync_wash, B(NOT_ENOUGH) | B(TIMEOUT),                                                                           \
      "Wash along the list as a failing allocation does; tenants come in turn.", 1, "bytes")                           \
    X(flush, 0, "Retire and reclaim every FULL block; forced: without time-out, excluding washes.", 1, "forced")       \
    X(refresh_score, B(NO_HAZARD), "Let all scores decay and add the recent hits.", 0, NULL)                           \
    X(mb_info, B(NO_HAZARD), "Count blocks by status and policy.", 0, NULL)                                            \
    X(set_priority, 0, "Set a cache's priority (used before).", 2, "cache", "priority")                                \
    X(set_hold_size, 0, "Set the bytes that a cache may keep (used before).", 2, "cache", "bytes")                     \
    X(hp_wash, 0, "Free blocks all of whose hazard pointers are free.", 0, NULL)                                       \
    X(la_wash, 0, "Give free runs of the label allocator's blocks back to the system.", 0, NULL)                       \
    X(node_alloc, B(NO_MEMORY) | B(BAD_STATE),                                                                         \
      "Allocate and fill an item of the shared node allocator.", 2, "slot", "bytes")                                   \
    X(node_free, B(BAD_STATE), "Verify an item of the node allocator and free it.", 1, "slot")                         \
    X(la_alloc, B(NO_MEMORY) | B(BAD_STATE),                                                                           \
      "Allocate and fill an object under the label USER (13).", 3, "slot", "label", "bytes")                           \
    X(la_free, B(BAD_STATE), "Verify an object of the label allocator and free it.", 1, "slot")                        \
    X(set_limit, 0, "Set the server tenant's limit; 0: none.", 1, "bytes")                                             \
    X(read_accounts, 0, "Read and judge the account of every label.", 0, NULL)                                         \
    X(must, 0, "Say of this thread's next operation that it must succeed.", 0, NULL)                                   \
    X(figure, 0, "Compare a figure (0: handles supplied, 1: bytes said to be washable) with its bounds.", 3,           \
      "figure", "least", "most")                                                                                      \
    X(set_tenant_limit, 0, "Set a tenant's limit; 0: none.", 2, "tenant", "bytes")
/* clang-format on */

#define KT_NUMBER(name, ...) KT_NO_##name,
enum { KT_OPS(KT_NUMBER) KT_OP_COUNT };
#undef KT_NUMBER

extern const rw_op_desc kt_ops[KT_OP_COUNT];

#endif
