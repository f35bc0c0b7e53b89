/* The race detector: what the rest of the runtime tells it. All of it does nothing without RS_RACES.
 *
 * Model: happens-before by vector clocks with epochs (Flanagan, Freund, "FastTrack: efficient and precise dynamic race
 * detection", PLDI 2009). An epoch is clock << 8 | thread, so that two of one thread compare as numbers. Clocks only grow,
 * over executions too: every execution begins above all epochs that lie in the shadow, which then count as ordered;
 * that resets the shadow without touching it.
 */
#ifndef RACEWASH_RACE_H
#define RACEWASH_RACE_H

#include "sched.h"

/* A synchronisation object's clock: 0 in the object (a mutex, ...) until first used in an execution. */
typedef uint32_t race_sync;

bool race_room(int32_t threads);   /* before a batch; false: no memory */
void race_begin(void);             /* before an execution */
/* Clocks, records or room for threads ran out, and nothing was judged from there on: the execution should be repeated after
 * race_wipe, with room for all its threads. */
bool race_worn_out(void);
void race_wipe(void);
int64_t race_shared_words(void);
/* What the only thread does before it makes others, or after all of them were joined, races with nothing, nor is it
 * covered: unlooked at, it takes half the time. A thread's birth switches the judgement on. */
void race_judge(bool on);

void race_thread_begins(rs_fiber *f);
void race_thread_ends(rs_fiber *f);
void race_joined(const rs_fiber *f);

/* Plain accesses; see race_quick.h for small ones. `addr` may be anywhere; what is neither arena nor the library's data is
 * not judged. */
void race_range(uintptr_t addr, uint64_t bytes, bool write, uintptr_t pc);
/* One atomic operation: reads and writes say which half it has, `order` is the C order (__ATOMIC_...). */
void race_atomic(uintptr_t addr, uint32_t size, bool reads, bool writes, int order, uintptr_t pc);
void race_fence(int order);
/* Locks and the like: acquire what was released, release what was done. */
void race_acquire(race_sync sync);
void race_release(race_sync *sync);
/* The running thread made, or gave back, this memory. */
void race_alloc(uintptr_t addr, uint64_t bytes);
void race_free(uintptr_t addr, uint64_t bytes, uintptr_t pc);

#endif
