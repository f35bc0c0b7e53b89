/* The default: strategies in turn, by seed, because no single one wins everywhere. Also: the table of all of them.
 *
 * An execution's seed alone says which strategy makes its choices, so that it is repeated without the rest of the batch;
 * the guided one, whose choices depend on what came before, is told apart by being repeated from its list of choices.
 */
#include <string.h>

#include "strategy.h"

static const rs_strategy *const turns[] = {&strategy_random, &strategy_pct,  &strategy_random, &strategy_pos,
                                           &strategy_random, &strategy_surw, &strategy_pct,    &strategy_guided};
static const int32_t pct_depths[] = {2, 3, 4, 6};
enum { TURNS = sizeof turns / sizeof turns[0], DEPTHS = sizeof pct_depths / sizeof pct_depths[0] };

static bool begin(uint64_t seed) {
    const rs_strategy *turn = turns[seed % TURNS];
    int32_t depth = rs_settings.depth;
    if (depth <= 0) {
        rs_settings.depth = pct_depths[seed / TURNS % DEPTHS];
    }
    bool any = turn->begin(seed);
    rs_settings.depth = depth;
    rt.strategy = turn; /* asked directly from here on; the batch sets it back */
    return any;
}

const rs_strategy strategy_portfolio = {
    "portfolio", "bursty random, PCT of several depths, POS, SURW and guided in turn", begin, NULL, NULL};

static const rs_strategy *const all[] = {&strategy_portfolio, &strategy_random, &strategy_pct, &strategy_pos,
                                         &strategy_surw,      &strategy_guided, &strategy_dfs, NULL};

const rs_strategy *strategy_find(const char *name) {
    for (int32_t i = 0; all[i] != NULL; i++) {
        if (name == NULL || strcmp(name, all[i]->name) == 0) {
            return all[i];
        }
    }
    return strcmp(name, strategy_dfs_plain.name) == 0 ? &strategy_dfs_plain : NULL;
}

RW_EXPORT const char *rs_strategy_name(int32_t i) {
    return i >= 0 && i < (int32_t)(sizeof all / sizeof all[0]) && all[i] != NULL ? all[i]->name : NULL;
}

RW_EXPORT const char *rs_strategy_purpose(int32_t i) {
    return rs_strategy_name(i) != NULL ? all[i]->purpose : NULL;
}
