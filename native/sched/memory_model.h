/* The memory model: which value a load gets. Every atomic load, store, read-modify-write and fence passes through here.
 *
 * Sequential consistency is inline: memory holds the last value written, and reading it is the load. Another model is a
 * table of functions that keeps store histories of its own; it is asked for each load, told of each store, and
 * memory always holds the newest store of the modification order, so that read-modify-writes need no question.
 */
#ifndef RACEWASH_MEMORY_MODEL_H
#define RACEWASH_MEMORY_MODEL_H

#include "sched.h"

typedef struct rs_memory_model {
    const char *name;
    void (*begin)(void); /* an execution */
    /* A load of `size` bytes (1-8) at addr whose newest value is `newest`; the answer is what the load returns. Which of
     * the allowed values it is, is a choice (sched_draw). */
    uint64_t (*load)(uintptr_t addr, uint32_t size, uint64_t newest, int order);
    void (*store)(uintptr_t addr, uint32_t size, uint64_t value, int order);
    /* A read-modify-write has replaced `old` by `value` in the modification order; failed: it was only a load. */
    void (*rmw)(uintptr_t addr, uint32_t size, uint64_t old, uint64_t value, int order);
    void (*fence)(int order);
} rs_memory_model;

/* NULL in `model`: sequential consistency. False: there is no such model. */
bool memory_model_find(const char *name, const rs_memory_model **model);

#endif
