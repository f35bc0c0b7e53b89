/* Which operations of an execution could have come in another order: clocks over conflicting operations.
 *
 * Event i's clock says for each thread which is its last event that must come before i. Two conflicting events are
 * reversible when the first one is not before whatever the second one's thread had done until then.
 */
#include <string.h>
#include <sys/mman.h>

#include "strategy_dfs.h"

enum { THREADS = 64, OBJECT_BITS = 14, OBJECTS = 1 << OBJECT_BITS, NONE = -1 };

typedef struct object {
    uintptr_t addr;
    uint32_t analysis;
    int32_t last_write[THREADS], last_read[THREADS]; /* events */
} object;

static struct {
    object *objects;
    int32_t (*clocks)[THREADS]; /* of each event */
    int32_t own[THREADS][THREADS]; /* of each thread's last event */
    uint32_t analysis;
    int32_t threads;
} races RS_STATE;

static bool make_room(void) {
    if (races.objects == NULL) {
        uint64_t bytes = OBJECTS * sizeof(object), clocks = (UINT64_C(1) << 20) * sizeof *races.clocks;
        void *p =
            mmap(NULL, bytes + clocks, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (p == MAP_FAILED) {
            return false;
        }
        races.objects = p;
        races.clocks = (int32_t (*)[THREADS])(void *)((char *)p + bytes);
    }
    return true;
}

static object *object_at(uintptr_t addr) {
    uint64_t i = (uint64_t)addr * UINT64_C(0x9E3779B97F4A7C15) >> (64 - OBJECT_BITS);
    for (int32_t probes = 0; probes < OBJECTS; probes++, i = (i + 1) % OBJECTS) {
        object *o = &races.objects[i];
        if (o->analysis != races.analysis) {
            o->addr = addr;
            o->analysis = races.analysis;
            memset(o->last_write, 0xFF, sizeof o->last_write);
            memset(o->last_read, 0xFF, sizeof o->last_read);
        }
        if (o->addr == addr) {
            return o;
        }
    }
    return NULL;
}

/* Try `tid` at this node, or whoever must run first so that tid gets on: any of those that are before event i. */
static void try_at(dfs_node *n, int32_t tid, const int32_t *before, int32_t since) {
    if (n->kind != RS_C_THREAD) {
        return;
    }
    if ((n->enabled >> tid & 1) != 0) {
        n->todo |= UINT64_C(1) << tid;
        return;
    }
    for (int32_t t = 0; t < races.threads; t++) {
        if (before[t] > since && (n->enabled >> t & 1) != 0) {
            n->todo |= UINT64_C(1) << t;
            return;
        }
    }
    n->todo |= n->enabled;
}

/* Event j could have come after event i. */
static void reverse(int32_t j, int32_t tid, const int32_t *before) {
    int32_t at = dfs.events[j].node;
    if (at == NONE) {
        return;
    }
    try_at(&dfs.nodes[at], tid, before, j);
    if (rs_settings.preemption_bound >= 0) {
        uint8_t running = dfs.nodes[at].chosen;
        while (at > 0 && dfs.nodes[at].kind == RS_C_THREAD && dfs.nodes[at].can_go_on &&
               dfs.nodes[at].current == running) {
            at--;
        }
        try_at(&dfs.nodes[at], tid, before, j);
    }
}

static void join(int32_t *to, const int32_t *from) {
    for (int32_t t = 0; t < races.threads; t++) {
        to[t] = to[t] > from[t] ? to[t] : from[t];
    }
}

static void judge_event(int32_t i) {
    const dfs_happening *e = &dfs.events[i];
    object *o = object_at(e->addr);
    if (o == NULL) {
        dfs.complete = false;
        return;
    }
    int32_t *own = races.own[e->tid], clock[THREADS];
    memcpy(clock, own, sizeof clock);
    for (int32_t t = 0; t < races.threads; t++) {
        int32_t j = o->last_write[t];
        j = e->writes && o->last_read[t] > j ? o->last_read[t] : j;
        if (j == NONE || t == e->tid) {
            continue;
        }
        if (own[t] < j) {
            reverse(j, e->tid, own);
        }
        join(clock, races.clocks[j]);
        clock[t] = clock[t] > j ? clock[t] : j;
    }
    clock[e->tid] = i;
    memcpy(own, clock, sizeof clock);
    memcpy(races.clocks[i], clock, sizeof clock);
    (e->writes ? o->last_write : o->last_read)[e->tid] = i;
}

void dfs_find_backtracks(void) {
    if (!make_room()) {
        dfs.complete = false;
        return;
    }
    races.analysis++;
    races.threads = rt.fiber_cnt < THREADS ? rt.fiber_cnt : THREADS;
    memset(races.own, 0xFF, sizeof races.own);
    for (int32_t i = 0; i < dfs.event_cnt; i++) {
        judge_event(i);
    }
}
