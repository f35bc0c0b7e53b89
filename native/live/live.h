/* The real database as a target: seekdb's own compiled KV cache behind the target ABI.
 *
 * Nothing of the database is linked. Its functions are found in the module that this process has loaded (a Python
 * extension), by the names that it exports, and called through pointers. Before the first call of any of them that
 * could do harm, the layout is verified: see docs/live-target.md.
 *
 * The part between the two cffi markers is read by the Python side: plain C declarations only.
 */
#ifndef RACEWASH_LIVE_H
#define RACEWASH_LIVE_H

#include "../target/target.h"

/* cffi: begin */
/* The target "seekdb". Parameter `store` chooses a private store, made with the exported constructor in a process that
 * has no database open, or the cache of the database that is open. `create` verifies the layout. */
const rw_target *rw_live_get(void);
/* 1 when the database's module is loaded, is of the version that is known and exports every symbol; else 0 with one
 * sentence in err. */
int32_t rw_live_find(char *err, int64_t err_len);

/* Our core behind the same operations, in the layout before, with the database's own parameters. */
const rw_target *rw_model_get(void);

/* One execution of a single-threaded sequence on `target` (one of these two), with the state that can be observed after
 * every step. out receives, for each step, a record of *record_len numbers: the return code first. Returns the number
 * of steps recorded; fewer than op_cnt when out is full; -1 with a sentence in err. */
int64_t rw_conform_run(const rw_target *target, const rw_param *params, int32_t param_cnt, const rw_op *ops,
                       int32_t op_cnt, int64_t *out, int64_t max, int64_t *record_len, char *err, int64_t err_len);
/* Position of the first number in which two runs of so many steps differ; -1: none. Scores may differ by 1e-12. */
int64_t rw_conform_compare(const int64_t *a, const int64_t *b, int64_t steps, int64_t record_len);
/* Name of number i of a record, for people. */
void rw_conform_name(int64_t i, char *out, int64_t out_len);
/* cffi: end */

#endif
