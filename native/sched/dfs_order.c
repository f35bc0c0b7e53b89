/* Which executions are equivalent, and which operations conflict.
 *
 * An operation's hash is made of what must come before it: its thread's operation before, and those at the same address that
 * it conflicts with. The sum over all operations stands for the execution so far as a partial order; two executions
 * with the same sum are in the same state (but for the addresses of fresh memory, and time). Two different ones with the
 * same 64 bits are taken for one: with 10^7 states that happens once in 10^5 searches.
 */
#include <string.h>
#include <sys/mman.h>

#include "heap.h"
#include "strategy_dfs.h"

enum { GRANULE_BITS = 3, OBJECT_BITS = 16, OBJECTS = 1 << OBJECT_BITS, STATE_BITS = 24, STATES = 1 << STATE_BITS };
enum { FREED_MAX = 1 << 16 }; /* to free more bytes at once conflicts with everything: the shorter way */

typedef struct object {
    uintptr_t granule;         /* + 1; 0: free */
    uint64_t readers, writers; /* threads, in any execution of the batch */
    uint64_t write, reads;     /* of this execution: hash of the last write, sum over the reads since */
    uint32_t execution;
} object;

typedef struct reach { /* what an operation conflicts with */
    uintptr_t first, last; /* granules + 1; 0: no memory */
    bool writes, all;
} reach;

static struct {
    object *objects;
    uint64_t
        *states; /* the key's lower bits (the upper ones say where), and how much of the bound was used up, plus 1 */
    int64_t state_cnt, object_cnt;
    uint64_t sum, world; /* world: of the last operation that conflicts with all others */
    uint64_t threads[DFS_THREADS]; /* hash of each one's last operation */
    reach asleep[DFS_THREADS]; /* of their pending operations */
    uint64_t sleepers;
    uint32_t execution;
    bool learnt;
} order RS_STATE;

/* ---- Room ---- */

static void *reserve(uint64_t bytes) {
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

bool order_room(void) {
    if (order.objects == NULL) {
        order.objects = reserve(OBJECTS * sizeof *order.objects);
    }
    if (order.states == NULL) {
        order.states = reserve(STATES * sizeof *order.states);
    }
    return order.objects != NULL && order.states != NULL;
}

void order_search_again(void) {
    if (order.state_cnt > 0) {
        region_clear((uint64_t)(uintptr_t)order.states, STATES * sizeof *order.states);
    }
    order.state_cnt = 0;
    order.learnt = false;
}

void order_forget_all(void) {
    if (order.object_cnt > 0) {
        memset(order.objects, 0, OBJECTS * sizeof *order.objects);
    }
    order.object_cnt = 0;
    order_search_again();
}

void order_begin_execution(void) {
    order.sum = order.world = order.sleepers = 0;
    memset(order.threads, 0, sizeof order.threads);
    order.execution++;
}

/* ---- Operations ---- */

static inline uint64_t mix(uint64_t a, uint64_t b) {
    uint64_t z = a * UINT64_C(0x9E3779B97F4A7C15) + b;
    z = (z ^ (z >> 32)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 29)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 32);
}

/* Waiting for a condition and signalling one touch a lock, or wake others, besides: they conflict with everything. So do
 * threads' births and ends in a whole program; in a plan only the runtime makes threads. */
static bool conflicts_with_all(uint32_t kind) {
    return kind == RS_P_WAIT || kind == RS_P_SIGNAL || (kind == RS_P_THREAD && rt.target == NULL);
}

/* To free an object conflicts with whoever uses any of it. */
static reach reach_of(const rs_fiber *f) {
    uint64_t bytes = f->kind == RS_P_FREE ? heap_size((const void *)f->addr) : 0;
    uintptr_t last = f->addr + (bytes > 0 ? bytes - 1 : 0);
    return (reach){.first = f->addr == 0 ? 0 : (f->addr >> GRANULE_BITS) + 1,
                   .last = f->addr == 0 ? 0 : (last >> GRANULE_BITS) + 1,
                   .writes = point_writes(f->kind),
                   .all = conflicts_with_all(f->kind) || bytes > FREED_MAX};
}

static bool meet(const reach *a, const reach *b) {
    bool same = a->first != 0 && a->first <= b->last && b->first <= a->last;
    return a->all || b->all || (same && (a->writes || b->writes));
}

/* NULL: nobody has used it, or (fresh) there is no room for it. */
static object *object_at(uintptr_t granule, bool fresh) {
    uint64_t i = (uint64_t)granule * UINT64_C(0x9E3779B97F4A7C15) >> (64 - OBJECT_BITS);
    while (order.objects[i].granule != granule) {
        if (order.objects[i].granule == 0) {
            if (!fresh || order.object_cnt >= OBJECTS / 2) {
                return NULL;
            }
            order.object_cnt++;
            order.objects[i].granule = granule;
            break;
        }
        i = (i + 1) % OBJECTS;
    }
    object *o = &order.objects[i];
    if (o->execution != order.execution) {
        o->execution = order.execution;
        o->write = o->reads = 0;
    }
    return o;
}

static void learn(object *o, int32_t tid, bool writes) {
    uint64_t bit = UINT64_C(1) << tid, *set = writes ? &o->writers : &o->readers;
    if ((*set & bit) == 0) {
        *set |= bit;
        uint64_t all = o->readers | o->writers;
        order.learnt |= o->writers != 0 && (all & (all - 1)) != 0;
    }
}

static void wake_sleepers(const reach *done) {
    for (uint64_t left = order.sleepers; left != 0; left &= left - 1) {
        int32_t tid = __builtin_ctzll(left);
        if (meet(done, &order.asleep[tid])) {
            order.sleepers &= ~(UINT64_C(1) << tid);
        }
    }
}

/* The operation's hash, of what it was and of what at this place must come before it. */
static uint64_t done_at(object *o, uint64_t hash, int32_t tid, bool writes) {
    learn(o, tid, writes);
    if (writes) {
        hash = o->write = mix(hash, mix(o->write, o->reads));
        o->reads = 0;
    } else {
        hash = mix(hash, o->write);
        o->reads += mix(hash, 1);
    }
    return hash;
}

bool order_operation(const rs_fiber *f) {
    reach r = reach_of(f);
    uint64_t hash = mix(order.threads[f->tid] + (uint64_t)f->tid + 1, mix(order.world, f->kind));
    if (r.all) {
        hash = order.world = mix(hash, order.sum);
    }
    for (uintptr_t granule = r.first; !r.all && granule != 0 && granule <= r.last; granule++) {
        object *o = object_at(granule, granule == r.first);
        if (o != NULL) { /* what nobody has used is in no order with its being freed */
            hash = done_at(o, hash, f->tid, r.writes);
        } else if (granule == r.first) {
            return false;
        }
    }
    wake_sleepers(&r);
    order.threads[f->tid] = hash;
    order.sum += mix(hash, 2);
    return true;
}

void order_drawn(int32_t tid, uint64_t value) {
    if (tid < DFS_THREADS) {
        order.threads[tid] = mix(order.threads[tid], value + 3);
        order.sum += mix(order.threads[tid], 4);
    }
}

bool order_has_learnt(void) {
    return order.learnt;
}

bool order_conflicts(const rs_fiber *f) {
    reach r = reach_of(f);
    uint64_t others = 0;
    for (uintptr_t granule = r.first; !r.all && granule != 0 && granule <= r.last; granule++) {
        const object *o = object_at(granule, granule == r.first);
        if (o != NULL) {
            others |= o->writers | (r.writes ? o->readers : 0);
        } else if (granule == r.first) {
            return true; /* the search has no room any more */
        }
    }
    return r.all || (others & ~(UINT64_C(1) << f->tid)) != 0;
}

/* ---- Sleep ---- */

uint64_t order_sleepers(void) {
    return order.sleepers;
}

void order_put_to_sleep(int32_t tid) {
    order.asleep[tid] = reach_of(rt.fibers[tid]);
    order.sleepers |= UINT64_C(1) << tid;
}

/* ---- States ---- */

bool order_seen(uint64_t enabled, int32_t current, bool yielded, int32_t used) {
    uint64_t key = mix(mix(order.sum, enabled), (uint64_t)(current + 1) * 2 + yielded);
    uint64_t cost = (uint64_t)(used < 254 ? used : 254) + 1, name = key << 8;
    for (uint64_t i = key >> (64 - STATE_BITS);; i = (i + 1) % STATES) {
        uint64_t there = order.states[i];
        if (there == 0) {
            if (order.state_cnt < STATES / 2) { /* beyond it some work is done twice */
                order.state_cnt++;
                order.states[i] = name | cost;
            }
            return false;
        }
        if ((there & ~UINT64_C(255)) == name) {
            if ((there & 255) <= cost && cost < 255) {
                return true;
            }
            order.states[i] = name | cost;
            return false;
        }
    }
}
