/* Inside the store: what its files share. Private to store*.c. */
#ifndef RACEWASH_STORE_PRIVATE_H
#define RACEWASH_STORE_PRIVATE_H

#include "store.h"

enum {
    ST_MB_HEADER = sizeof(kv_mem_block),
    ST_SUPPLY_LOOK = 1024,    /* turns between two looks at the clock while a supplier is waited for */
    ST_SUPPLY_US = 1000 * 1000 /* how long: enough for one that was only preempted */
};

static inline bool st_is_before(const kv_store *st) {
    return st->cfg->wash == KV_WASH_PREALLOCATED;
}

/* List of a block's owner. */
dlist *st_list_of(kv_store *st, const kv_inst *inst);

/* First half of A9: counters, list, block. The handle is then in nobody's hands but the caller's. Returns the bytes
 * given back. Not inside a QClock section. */
uint64_t st_release_block(kv_store *st, kv_thread *t, kv_handle *h);
/* Second half: into the retire station. */
void st_station(kv_store *st, kv_thread *t, kv_handle *h);

/* The right to close h is the caller's, who protects it, and no pair of it is in the map: close and retire. */
void st_discard(kv_store *st, kv_handle *h);

#endif
