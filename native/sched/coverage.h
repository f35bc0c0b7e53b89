/* Reads-from pairs: which store, by its place in the code, a load at its place has read. */
#ifndef RACEWASH_COVERAGE_H
#define RACEWASH_COVERAGE_H

#include "sched.h"

void coverage_begin_batch(void);
void coverage_begin(void);
/* Number of pairs of this execution that no earlier one of the batch had. */
int32_t coverage_fresh(void);
int64_t coverage_total(void);
void coverage_access(uintptr_t addr, bool reads, bool writes, uintptr_t pc);

#endif
