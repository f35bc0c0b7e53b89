/* DFS with dynamic partial-order reduction and a preemption bound: all schedules that differ in the order of conflicting
 * operations, one execution each.
 *
 * Source: Flanagan, Godefroid, "Dynamic partial-order reduction for model checking software", POPL 2005: after an
 * execution, wherever two conflicting operations were not ordered by others, the second's thread is put on the list of those
 * to try where the first was chosen. The bound is Musuvathi, Qadeer, "Iterative context bounding for systematic testing
 * of multithreaded programs", PLDI 2007; with a bound, a thread to try is also put where the preempted thread's run began,
 * since there it costs no preemption (Coons, Musuvathi, McKinley, "Bounded partial-order reduction", OOPSLA 2013).
 *
 * Two operations conflict when they are at the same address and one writes; locks count as writes. Plain accesses are
 * no operations here: a program with a data race must be explored with RS_PLAIN_POINTS. Draws (whom to wake) are tried
 * exhaustively. Up to 64 threads.
 */
#include "strategy_dfs.h"

#include <string.h>
#include <sys/mman.h>

enum { NODES = 1 << 20, THREADS = 64 };

dfs_state dfs RS_STATE;

static void *reserve(uint64_t bytes) {
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

void dfs_forget(void) {
    if (dfs.nodes == NULL) {
        dfs.nodes = reserve(NODES * sizeof *dfs.nodes);
        dfs.events = reserve(NODES * sizeof *dfs.events);
    }
    dfs.node_cnt = dfs.prefix = dfs.event_cnt = 0;
    dfs.started = false;
    dfs.complete = dfs.nodes != NULL && dfs.events != NULL;
}

bool dfs_complete(void) {
    return dfs.complete;
}

static int32_t first_of(uint64_t set) {
    return __builtin_ctzll(set);
}

/* Is there room below the bound for this alternative? */
static bool affordable(const dfs_node *n, int32_t value) {
    bool preempts = n->kind == RS_C_THREAD && n->can_go_on && value != n->current;
    return rs_settings.preemption_bound < 0 || n->preemptions + preempts <= rs_settings.preemption_bound;
}

/* The deepest node with something left to try; everything below it is forgotten. */
static bool next_branch(void) {
    for (int32_t i = dfs.node_cnt; i-- > 0;) {
        dfs_node *n = &dfs.nodes[i];
        uint64_t left = n->todo & ~n->done;
        while (left != 0) {
            int32_t value = first_of(left);
            left &= left - 1;
            n->done |= UINT64_C(1) << value;
            if (affordable(n, value)) {
                n->chosen = (uint8_t)value;
                dfs.prefix = i + 1;
                return true;
            }
        }
    }
    return false;
}

static bool begin(uint64_t seed) {
    (void)seed;
    if (dfs.started) {
        dfs_find_backtracks();
        if (!next_branch()) {
            return false;
        }
    }
    dfs.started = true;
    dfs.node_cnt = dfs.event_cnt = 0;
    dfs.preemptions = 0;
    dfs.last_node = -1;
    return dfs.nodes != NULL && dfs.events != NULL;
}

/* The node for this decision: one of the prefix, or a new one with the default chosen. */
static int32_t decide(uint32_t kind, uint64_t enabled, int32_t standard, const rs_view *view) {
    if (dfs.node_cnt >= NODES) {
        dfs.complete = false;
        return standard;
    }
    dfs_node *n = &dfs.nodes[dfs.node_cnt++];
    if (dfs.node_cnt > dfs.prefix) {
        *n = (dfs_node){.enabled = enabled,
                        .done = UINT64_C(1) << standard,
                        .kind = (uint8_t)kind,
                        .chosen = (uint8_t)standard,
                        .current = (uint8_t)(view != NULL ? view->current : 0),
                        .can_go_on = view != NULL && view->can_go_on,
                        .preemptions = dfs.preemptions};
        n->todo = kind == RS_C_THREAD ? 0 : enabled;
    } else if ((n->enabled >> n->chosen & 1 & enabled >> n->chosen) == 0) {
        dfs.complete = false; /* another execution than the last time: the target is not deterministic */
        return standard;
    }
    dfs.last_node = dfs.node_cnt - 1;
    dfs.preemptions += n->can_go_on && n->chosen != n->current;
    return n->chosen;
}

static int32_t choose(const rs_view *view, int64_t *fuel) {
    (void)fuel; /* one: every point is a node */
    uint64_t enabled = 0;
    for (int32_t i = 0; i < view->ready_cnt; i++) {
        if (view->ready[i] >= THREADS) {
            dfs.complete = false;
            return view->standard;
        }
        enabled |= UINT64_C(1) << view->ready[i];
    }
    return decide(RS_C_THREAD, enabled, view->standard, view);
}

static uint32_t draw(uint32_t kind, uint32_t n) {
    uint64_t all = n >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << n) - 1;
    return (uint32_t)decide(kind, all, 0, NULL);
}

void dfs_event(const rs_fiber *f) {
    if (rt.live_cnt > 1 && f->addr != 0 && f->tid < THREADS) {
        if (dfs.event_cnt >= NODES) {
            dfs.complete = false;
            return;
        }
        dfs.events[dfs.event_cnt++] = (dfs_happening){
            .addr = f->addr, .node = dfs.last_node, .tid = (uint8_t)f->tid, .writes = point_writes(f->kind)};
    }
    dfs.last_node = -1;
}

const rs_strategy strategy_dfs = {
    "dfs",
    "all orders of conflicting operations up to a preemption bound (Flanagan, Godefroid, POPL 2005; Musuvathi, Qadeer, "
    "PLDI 2007)",
    begin, choose, draw};
