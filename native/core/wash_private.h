/* Inside the wash: what its files share. Private to wash*.c. */
#ifndef RACEWASH_WASH_PRIVATE_H
#define RACEWASH_WASH_PRIVATE_H

#include "wash.h"
#include "wash_heap.h"
#include "wash_size.h"

enum {
    WASH_SKIPPED_MAX = 100  /* before: rounds without a valid wash until scores are refreshed alone */
};

typedef struct wash_before wash_before; /* the structures of the layout before */

struct kv_wash { /* the resident part after (Q10): locks, and what is washable */
    la_alloc *la;
    kv_store *st;
    inst_table *insts;
    const kv_config *cfg;
    prim_lock_t lock;
    _Atomic(int64_t) washable[KV_MAX_TENANT_NUM];
    _Atomic(uint64_t) hold_size[KV_MAX_CACHE_NUM];
    uint64_t *places; /* the running wash's heap (after), here so that the next round finds it if its process dies */
    wash_before *before;
};

/* Called for every FULL block below the supplied count, protected. */
typedef void (*wash_visit)(void *arg, kv_handle *h, double score, uint64_t hold);
/* KV_OK: every handle was looked at. KV_NO_HAZARD: ended early. */
kv_rc ws_scan(kv_wash *w, kv_thread *t, wash_visit visit, void *arg);
/* Retire what the heap names, as far as it is still the incarnation chosen and FULL. Number retired. */
uint32_t ws_retire(kv_wash *w, kv_thread *t, const wash_heap *heap);
/* A13, lock held. */
kv_rc ws_refresh_score(kv_wash *w, kv_thread *t);

/* ---- The layout before ---- */
kv_rc wb_make(kv_wash *w, kv_thread *t);
void wb_free(kv_wash *w); /* safe after a failed or missing make */
/* A round; false when no threshold was met and nothing ran but, at times, refresh_score. */
bool wb_run(kv_wash *w, kv_thread *t, uint64_t force_bytes, wash_result *out, kv_rc *rc);
void wb_abandon(kv_wash *w); /* drop the references of a round whose process died */

#endif
