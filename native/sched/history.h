/* Histories: what each operation of an execution did and when, and whether that has a sequential order (linear.h). */
#ifndef RACEWASH_HISTORY_H
#define RACEWASH_HISTORY_H

#include "sched.h"

enum { HISTORY_NONE = -1, HISTORY_SETUP = -1 };

void history_begin_batch(void);
void history_begin(void);
/* Where the context's thread says what its operations did; NULL: nobody asked, or the target doesn't tell. */
const rw_deed *history_deed(rw_thread *context);
/* An operation begins: its number, or HISTORY_NONE when there is no room for it. */
int32_t history_invoked(int32_t thread, const rw_op *op);
void history_responded(int32_t call, int64_t rc, const rw_deed *deed);
/* Every operation has ended: look for an order, note a finding when there is none. */
void history_judge(void);
/* The execution counts in the batch. */
void history_count(void);
void history_result(rs_result *out);

#endif
