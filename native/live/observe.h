/* What can be observed of a store, in one form for seekdb's and for ours, so that the two can be compared number by number. */
#ifndef RACEWASH_OBSERVE_H
#define RACEWASH_OBSERVE_H

#include <stdint.h>

#include "../target/target.h"

enum { OB_HOLDS = 4, OB_CACHES = 2, OB_HANDLES_MAX = 512 };

typedef struct ob_handle { /* places count from 1; 0: not there */
    int64_t status, seq, policy, gets, recent, score, pairs, has_block, used, pool, list, retired, station;
} ob_handle;

typedef struct ob_head {
    int64_t code; /* of the step */
    int64_t supplied, pool, listed, retired, retired_bytes, waiting;
    int64_t size[OB_CACHES], lru[OB_CACHES], lfu[OB_CACHES], base[OB_CACHES];
    int64_t hold[OB_HOLDS]; /* 1 + index of the handle that a slot protects; 0: none */
} ob_head;

typedef struct ob_record {
    ob_head head;
    ob_handle handles[OB_HANDLES_MAX];
} ob_record;

/* Each fills a record of the store at rest and returns the maximum of handles; -1 when it is above OB_HANDLES_MAX. */
int64_t sk_observe(rw_core *core, rw_thread *th, ob_record *out);
int64_t md_observe(rw_core *core, rw_thread *th, ob_record *out);

#endif
