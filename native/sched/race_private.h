/* Between the files of the race detector. */
#ifndef RACEWASH_RACE_PRIVATE_H
#define RACEWASH_RACE_PRIVATE_H

#include "race.h"
#include "shadow.h"

typedef struct race_state {
    uint32_t base, top;     /* clocks of this execution begin at base; none is above top */
    uint32_t stride;        /* entries of a clock */
    uint32_t first_record;  /* records with a smaller number are of earlier executions */
    uint64_t pool_used;
    uint32_t *clocks;
    bool worn_out;
    int64_t shared_words;
} race_state;

extern race_state race;

void *race_pool(uint64_t bytes);
uint32_t *race_clock(uint32_t clocks);
void race_synchronise(shadow_rich *r, bool reads, bool writes, int order);

#endif
