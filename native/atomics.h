/* Every atomic operation of the project, with its memory order spelt out at the place of use.
 *
 * One seam: a second runtime or another compiler has one file to look at. No stand-alone fences: the
 * stock sanitizer doesn't model them, so store-load order is made by sequentially consistent operations.
 * The order arguments are the last words of memory_order_*: at_load(&x, acquire).
 */
#ifndef RACEWASH_ATOMICS_H
#define RACEWASH_ATOMICS_H

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define at_load(p, mo) atomic_load_explicit((p), memory_order_##mo)
#define at_store(p, v, mo) atomic_store_explicit((p), (v), memory_order_##mo)
#define at_xchg(p, v, mo) atomic_exchange_explicit((p), (v), memory_order_##mo)
#define at_add(p, v, mo) atomic_fetch_add_explicit((p), (v), memory_order_##mo)
#define at_sub(p, v, mo) atomic_fetch_sub_explicit((p), (v), memory_order_##mo)
#define at_or(p, v, mo) atomic_fetch_or_explicit((p), (v), memory_order_##mo)
#define at_and(p, v, mo) atomic_fetch_and_explicit((p), (v), memory_order_##mo)
/* Strong compare-exchange; *expected receives the value met on failure. */
#define at_cas(p, expected, desired, ok, fail)                                                                         \
    atomic_compare_exchange_strong_explicit((p), (expected), (desired), memory_order_##ok, memory_order_##fail)
#define at_cas_weak(p, expected, desired, ok, fail)                                                                    \
    atomic_compare_exchange_weak_explicit((p), (expected), (desired), memory_order_##ok, memory_order_##fail)

enum { CPU_RELAX_SPINS = 64 };

/* Wait a little inside a spin loop. `spins` starts at 0 and belongs to the loop. Gives the processor away
 * after a bounded number of turns, so that a loop ends on one processor and a scheduler can see it spin. */
static inline void cpu_relax(unsigned *spins) {
    if (++*spins % CPU_RELAX_SPINS == 0) {
        sched_yield();
    } else {
#if defined(__x86_64__) || defined(__i386__)
        __builtin_ia32_pause();
#elif defined(__aarch64__)
        __asm__ volatile("yield");
#endif
    }
}

/* Doubles live in atomic words by their bits: generic atomics of double are not instrumented everywhere. */
static inline uint64_t bits_of_double(double d) {
    uint64_t u;
    memcpy(&u, &d, sizeof u);
    return u;
}

static inline double double_of_bits(uint64_t u) {
    double d;
    memcpy(&d, &u, sizeof d);
    return d;
}

#endif
