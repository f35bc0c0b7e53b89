/* Fault plans in the scheduled runtime. */
#ifndef RACEWASH_SCHED_FAULTS_H
#define RACEWASH_SCHED_FAULTS_H

#include "sched.h"

/* May allocations fail, by plan or by choice, in the execution that begins? */
bool faults_wanted(void);
/* Begin an execution; what a target's create_failing is given, NULL where nothing can fail or err. */
const rw_hook *faults_begin(void);
void faults_stop(void); /* nothing fails any more */
/* For faults that are no allocations'. One has been met: how often it had been before. One was made. */
uint64_t faults_met(int32_t i);
void faults_made_elsewhere(void);
/* The execution was blocked by a thread stopped for ever: before the others' end, or only judged no further. */
void faults_blocked(bool judging);
/* A reading of the clock by the running fiber, that gave `now`: what it gives with the plan's faults. */
uint64_t faults_clock(bool real, uint64_t now);
void faults_sum(rw_fault_counts *sum); /* add the last execution's counts */

#endif
