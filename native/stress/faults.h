/* Fault plans on real threads, as the driver uses them: one object for an execution whose plan has faults. */
#ifndef RACEWASH_FAULTS_H
#define RACEWASH_FAULTS_H

#include <stdbool.h>

#include "stress.h"

typedef struct rw_faults rw_faults;

rw_faults *faults_make(const rw_target *target, const rw_plan *plan); /* NULL: no mapping */
const rw_hook *faults_hook(const rw_faults *f);
/* NULL: nothing. The calling thread runs program `index`, or (FAULT_OFF) judges beside them: then nothing fails in it. */
void faults_be_lane(const rw_faults *f, int32_t index);
/* Thread `index` is between two operations and holds that (NULL: the target doesn't say). The fault that stops it here. */
const rw_fault *faults_stall(rw_faults *f, int32_t index, const int32_t *holds);
/* Fault i, one of a process, is met once more by `who`: does it strike? *nth: how often it was met before. */
bool faults_due(rw_faults *f, int32_t i, int32_t who, uint64_t *nth);
/* Around a creation with little address space: what it refuses meanwhile is by plan. Returns whether it has refused. */
bool faults_cramp(rw_faults *f, bool on);
void faults_end(rw_faults *f); /* nothing fails any more */
/* Add its counts and free it; NULL is allowed. */
void faults_free(rw_faults *f, rw_fault_counts *out);

#endif
