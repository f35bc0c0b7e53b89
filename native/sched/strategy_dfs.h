/* The state of the exhaustive strategy: the tree of choices (strategy_dfs.c) and what it knows of the execution under way
 * (dfs_order.c). */
#ifndef RACEWASH_STRATEGY_DFS_H
#define RACEWASH_STRATEGY_DFS_H

#include "strategy.h"

enum { DFS_THREADS = 64 };

typedef struct dfs_node { /* a choice of the execution under way, and what else is to be tried there */
    uint64_t todo,
        done; /* sets of values: threads, or results of a draw; done: the one under way, and those before it */
    uint8_t kind, chosen;
} dfs_node;

/* ---- dfs_order.c ---- */

bool order_room(void);
void order_forget_all(void); /* before a batch */
void order_search_again(void); /* keep only which memory is shared */
void order_begin_execution(void);
/* The fiber does its pending operation. False: the table of shared memory is full. */
bool order_operation(const rs_fiber *f);
void order_drawn(int32_t tid, uint64_t value);
/* Was memory seen to be shared that was not taken for it when the search began? */
bool order_has_learnt(void);
/* Can the pending operation of this fiber conflict with any of another's? */
bool order_conflicts(const rs_fiber *f);
/* Sleeping threads: not to be chosen before an operation that conflicts with their pending one. */
uint64_t order_sleepers(void);
void order_put_to_sleep(int32_t tid);
/* Has an equivalent execution been here before, with no more of the bound used up? If not, it has now. */
bool order_seen(uint64_t enabled, int32_t current, bool yielded, int32_t used);

#endif
