/* Operations on a few shared variables whose results are all kept: the final state tells orders apart. For test_dfs.c. */
#ifndef RACEWASH_LITMUS_TARGET_H
#define RACEWASH_LITMUS_TARGET_H

#include "../../target/target.h"

enum { LIT_LOAD, LIT_STORE, LIT_ADD, LIT_CAS, LIT_LOCKED, LIT_TRY, LIT_YIELD, LIT_WAIT, LIT_WAKE, LIT_RANDOM, LIT_OPS };
enum { LIT_VARIABLES = 3, LIT_THREADS = 4, LIT_STATE = 2 * LIT_VARIABLES + LIT_THREADS };

const rw_target *litmus_target(void);

#endif
