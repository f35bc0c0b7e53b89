/* Handle pool: bounded multi-producer multi-consumer queue of free handles (A3).
 *
 * A bag rather than a FIFO: a consumer stalled before its swap may be overtaken by one a lap later. Not lock-free:
 * a peer stopped between its counter and its slot makes the other side of that slot spin (W13).
 */
#ifndef RACEWASH_HANDLE_POOL_H
#define RACEWASH_HANDLE_POOL_H

#include "handle.h"
#include "label_alloc.h"

typedef struct handle_pool {
    la_alloc *la;  /* owner of slots, NULL when the slots lie in the flat array */
    uint64_t cap;
    _Atomic(kv_handle *) *slots;
    _Alignas(64) _Atomic(uint64_t) push; /* producers' counter */
    _Alignas(64) _Atomic(uint64_t) pop;  /* consumers' counter */
} handle_pool;

/* With `slots` NULL the slots are an allocation of their own (label KV_L_MB_HANDLE); else `slots` are cap zeroed words.
 * KV_OK, KV_NO_MEMORY, KV_INVALID (cap 0). */
kv_rc pool_init(handle_pool *p, la_alloc *la, kv_thread *t, uint64_t cap, void *slots);
void pool_destroy(handle_pool *p); /* safe after a failed or missing init */
kv_rc pool_push(handle_pool *p, kv_handle *h); /* any thread; KV_OVERFLOW when full */
kv_handle *pool_pop(handle_pool *p);           /* any thread; NULL when empty */
uint64_t pool_size(handle_pool *p);            /* exact at quiescence only */
/* Visit every handle in the pool, oldest first; quiescence only. */
void pool_each(handle_pool *p, void (*visit)(void *arg, kv_handle *h), void *arg);

#endif
