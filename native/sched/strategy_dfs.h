/* The state of the exhaustive strategy, and its analysis of an execution (dfs_races.c). */
#ifndef RACEWASH_STRATEGY_DFS_H
#define RACEWASH_STRATEGY_DFS_H

#include "strategy.h"

typedef struct dfs_node { /* one decision of the execution under way, and what else is to be tried there */
    uint64_t enabled, todo, done; /* sets of values: threads, or results of a draw */
    uint8_t kind, chosen, current;
    bool can_go_on;
    int32_t preemptions; /* before it */
} dfs_node;

typedef struct dfs_happening { /* one operation on shared memory or a lock */
    uintptr_t addr;
    int32_t node; /* at which its thread was chosen for it; -1: there was nothing to choose */
    uint8_t tid;
    bool writes;
} dfs_happening;

typedef struct dfs_state {
    dfs_node *nodes;
    dfs_happening *events;
    int32_t node_cnt, prefix; /* nodes below prefix are given */
    int32_t event_cnt, last_node, preemptions;
    bool started, complete;
} dfs_state;

extern dfs_state dfs;

/* Mark what the last execution shows to be worth trying. */
void dfs_find_backtracks(void);

#endif
