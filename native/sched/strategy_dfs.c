/* Exhaustive search: one execution for each order of conflicting operations, up to a bound on preemptions.
 *
 * Depth first over a tree of choices. The bound is Musuvathi, Qadeer, "Iterative context bounding for systematic testing of
 * multithreaded programs", PLDI 2007. Of equivalent executions (equal but for the order of operations that don't
 * conflict) it is enough to make the one that comes first in the tree's order; three rules leave out others. Each holds
 * because the execution left out has an equivalent one that comes earlier and needs no more preemptions; so the first of
 * each kind is never left out, whatever the rules do together.
 *
 *   shared    A thread is preempted only before an operation that can conflict with another thread's: it could as well have
 *             done it before. What is shared is learnt; when a search has learnt more, it begins again.
 *   sleep     A preempted thread sleeps until somebody has done what conflicts with its pending operation (sleep sets:
 *             Godefroid, "Partial-order methods for the verification of concurrent systems", LNCS 1032, 1996). With a bound
 *             only the preempted thread may sleep, not all that were tried before: to run one of those first may
 *             need a preemption more (Coons, Musuvathi, McKinley, "Bounded partial-order reduction", OOPSLA 2013).
 *   state     An execution ends where one with an equivalent beginning, and no more of the bound used up, has been
 *             (Musuvathi, Qadeer, "Partial-order reduction for context-bounded state exploration", MSR-TR-2007-12).
 *
 * So "exhausted" means: every order of conflicting operations that has an execution within the bound has been made, to
 * its end or to where it joins another. Not to give way when yielding counts as a preemption; without a bound, who yields
 * gives way. Two operations conflict when they are in the same 8 bytes and one writes; locks write; freeing writes the
 * whole object; waiting for conditions and signalling conflicts with all. Draws (whom to wake) are tried exhaustively.
 * Fresh memory's addresses, time, and plain accesses (a data race is a finding, its outcomes are not tried without
 * RS_PLAIN_POINTS) are left out of account; so is how long a thread that was found spinning is put back. Where an
 * execution passes the step bound, orders are left out: the search goes on, but is not exhausted any more. Up to 64
 * threads.
 *
 * "dfs-plain" is the same search without the three rules; it is there for tests.
 */
#include "strategy_dfs.h"

#include <sys/mman.h>

#include "finding.h"
#include "sched_private.h"

enum { NODES = 1 << 20 };

static struct {
    dfs_node *nodes;
    int32_t node_cnt, prefix; /* nodes below prefix are given */
    int32_t bound, used;      /* of this search, by this execution */
    int64_t cuts;
    bool started, complete;
    bool straight; /* the rest of this execution has been seen, but is run for the findings that it has already */
    bool plain;
} dfs RS_STATE;

void dfs_forget(void) {
    if (dfs.nodes == NULL) {
        void *p = mmap(NULL, NODES * sizeof *dfs.nodes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        dfs.nodes = p == MAP_FAILED ? NULL : p;
    }
    dfs.complete = dfs.nodes != NULL && order_room();
    if (dfs.complete) {
        order_forget_all();
    }
    dfs.node_cnt = dfs.prefix = 0;
    dfs.cuts = 0;
    dfs.started = false;
}

bool dfs_complete(void) {
    return dfs.complete;
}

int64_t dfs_cuts(void) {
    return dfs.cuts;
}

/* ---- The tree ---- */

/* The deepest node with something left to try; everything below it is forgotten. */
static bool next_branch(void) {
    for (int32_t i = dfs.node_cnt; i-- > 0;) {
        dfs_node *n = &dfs.nodes[i];
        if (n->todo != 0) {
            n->chosen = (uint8_t)__builtin_ctzll(n->todo);
            n->todo &= n->todo - 1;
            n->done |= UINT64_C(1) << n->chosen;
            dfs.prefix = i + 1;
            return true;
        }
    }
    return false;
}

static bool bounded(void) {
    return rs_settings.preemption_bound >= 0;
}

static bool is_last_search(void) {
    return !bounded() || dfs.bound >= rs_settings.preemption_bound;
}

/* With what the last search has learnt, or else with the next bound. False: there is none. */
static bool search_again(void) {
    if (is_last_search() && !order_has_learnt()) {
        return false;
    }
    dfs.bound += !is_last_search();
    order_search_again();
    dfs.prefix = 0;
    return true;
}

static bool begin_with(bool plain) {
    if (!dfs.complete && !dfs.started) {
        return false;
    }
    dfs.plain = plain;
    if (!dfs.started) {
        dfs.bound = plain ? rs_settings.preemption_bound : 0;
    } else if (!next_branch() && !search_again()) {
        return false;
    }
    dfs.started = true;
    dfs.straight = false;
    dfs.node_cnt = dfs.used = 0;
    order_begin_execution();
    return true;
}

static bool begin(uint64_t seed) {
    (void)seed;
    return begin_with(false);
}

static bool begin_plain(uint64_t seed) {
    (void)seed;
    return begin_with(true);
}

/* The node for this choice: the next of those given, or a new one; its value. NULL: there is no room for it. */
static dfs_node *node_for(dfs_node fresh, uint64_t others) {
    if (dfs.node_cnt >= NODES) {
        dfs.complete = false;
        return NULL;
    }
    dfs_node *n = &dfs.nodes[dfs.node_cnt++];
    if (dfs.node_cnt > dfs.prefix) {
        *n = fresh;
        n->done = UINT64_C(1) << n->chosen;
        n->todo = others & ~n->done;
    }
    return n;
}

/* Nothing new comes of the rest of this execution. */
static void cut(void) {
    const rs_finding *f;
    dfs.cuts++;
    if (findings_now(&f, 0) == 0) {
        sched_end();
    }
    dfs.straight = true;
}

/* ---- Choices of threads ---- */

/* Is there room for one more preemption? */
static bool affordable(void) {
    return !bounded() || dfs.used < dfs.bound;
}

static uint64_t ready_set(const rs_view *view) {
    uint64_t set = 0;
    for (int32_t i = 0; i < view->ready_cnt; i++) {
        if (view->ready[i] >= DFS_THREADS) {
            dfs.complete = false;
        } else {
            set |= UINT64_C(1) << view->ready[i];
        }
    }
    return set;
}

/* Whom to try here, awake or not. */
static uint64_t candidates(const rs_view *view, uint64_t ready) {
    uint64_t me = UINT64_C(1) << view->current;
    if (view->can_go_on) {
        bool may_be_preempted = affordable() && (dfs.plain || order_conflicts(rt.fibers[view->current]));
        return may_be_preempted ? ready : me;
    }
    /* A plan's creating thread only waits for the next one's end, which nobody notices: at once, for one order of it. */
    if (rt.target != NULL && (ready & 1) != 0) {
        return 1;
    }
    return view->yielded && !(bounded() && affordable()) ? ready & ~me : ready;
}

/* `before`: those that were tried here before this one. */
static int32_t take(const rs_view *view, int32_t chosen, uint64_t before) {
    bool refused = view->yielded && chosen == view->current, preempts = view->can_go_on && chosen != view->current;
    dfs.used += refused || preempts;
    uint64_t sleepy = bounded() ? (uint64_t)preempts << view->current : before;
    for (; !dfs.plain && sleepy != 0; sleepy &= sleepy - 1) {
        order_put_to_sleep(__builtin_ctzll(sleepy));
    }
    return chosen;
}

static bool seen_here(const rs_view *view, uint64_t ready) {
    bool fresh = dfs.node_cnt >= dfs.prefix && !dfs.plain;
    bool asked = !view->can_go_on || order_conflicts(rt.fibers[view->current]);
    int32_t current = view->can_go_on || view->yielded ? view->current : -1;
    return fresh && asked && order_seen(ready, current, view->yielded, bounded() ? dfs.used : 0);
}

static int32_t choose(const rs_view *view, int64_t *fuel) {
    (void)fuel; /* one: every point may be a node */
    uint64_t ready = ready_set(view);
    if (dfs.straight || ready == 0 || view->current >= DFS_THREADS) {
        return view->standard;
    }
    uint64_t open = candidates(view, ready);
    if (!dfs.plain) {
        open &= ~order_sleepers();
    }
    if (open == 0 || seen_here(view, ready)) {
        cut();
        return view->standard;
    }
    int32_t first = (open >> view->standard & 1) != 0 ? view->standard : __builtin_ctzll(open);
    if ((open & (open - 1)) == 0) {
        return take(view, first, 0);
    }
    const dfs_node *n = node_for((dfs_node){.kind = RS_C_THREAD, .chosen = (uint8_t)first}, open);
    if (n == NULL || (ready >> n->chosen & 1) == 0) {
        dfs.complete = false; /* no room; or another execution than the last time: the target is not deterministic */
        return view->standard;
    }
    return take(view, n->chosen, n->done & ~(UINT64_C(1) << n->chosen));
}

/* ---- Draws, and what is done ---- */

static uint32_t draw(uint32_t kind, uint32_t cnt) {
    uint64_t all = cnt >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << cnt) - 1;
    dfs.complete = dfs.complete && cnt <= 64;
    const dfs_node *n = dfs.straight ? NULL : node_for((dfs_node){.kind = (uint8_t)kind}, all);
    uint32_t value = n != NULL ? n->chosen : 0;
    order_drawn(rt.cur->tid, value);
    return value;
}

void dfs_event(const rs_fiber *f) {
    if (unlikely(rt.fair) && rt.ready_cnt > 1 && !dfs.straight) {
        dfs.complete = false; /* beyond the step bound the scheduler chooses itself */
    }
    if (rt.live_cnt < 2 || dfs.plain || dfs.straight || f->tid >= DFS_THREADS) {
        return;
    }
    if ((order_sleepers() >> f->tid & 1) != 0) { /* nobody else can run */
        cut();
    } else if (!order_operation(f)) {
        dfs.complete = false;
    }
}

const rs_strategy strategy_dfs = {"dfs",
                                  "all orders of conflicting operations up to a preemption bound (Musuvathi, Qadeer, "
                                  "PLDI 2007; Godefroid, LNCS 1032)",
                                  begin, choose, draw};
const rs_strategy strategy_dfs_plain = {"dfs-plain", "all orders of all operations up to a preemption bound",
                                        begin_plain, choose, draw};
