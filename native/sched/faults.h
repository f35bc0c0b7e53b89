/* Fault plans in the scheduled runtime. */
#ifndef RACEWASH_SCHED_FAULTS_H
#define RACEWASH_SCHED_FAULTS_H

#include "sched.h"

/* Does anything fail by plan or by choice in the execution that begins? */
bool faults_wanted(void);
/* Begin an execution; what a target's create_failing is given. */
const rw_hook *faults_begin(void);
void faults_stop(void); /* nothing fails any more */
void faults_sum(rw_fault_counts *sum); /* add the last execution's counts */

#endif
