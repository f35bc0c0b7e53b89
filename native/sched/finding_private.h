/* Between the files of the findings. */
#ifndef RACEWASH_FINDING_PRIVATE_H
#define RACEWASH_FINDING_PRIVATE_H

#include "finding.h"

enum { IN_EXECUTION = 16 };

typedef struct noted { /* in the execution under way */
    uint64_t key;
    rs_finding finding;
} noted;

typedef struct found_state {
    noted now[IN_EXECUTION];
    int32_t now_cnt;
    noted *kept; /* of the batch */
    int32_t kept_cnt, kept_max, kept_room;
    rs_choice *lists; /* of the kept ones' choices */
    uint64_t lists_used, lists_room;
} found_state;

extern found_state found;

/* An empty finding of the execution under way; NULL: there is one with this key, or too many. */
noted *finding_new(uint64_t key, int32_t kind);
/* Goes on from h. */
uint64_t finding_hash(uint64_t h, const char *s);

#endif
