/* What the compiler calls for atomic operations. Each is a point, then one indivisible step, then the oracles' business.
 *
 * Each has two forms. The fast one is for when there is fuel left, no mode is on and the heap has nothing against it: it
 * calls nothing. The other one does all there is. The operation is plain code: only one OS thread is inside.
 */
#include "access.h"
#include "coverage.h"
#include "explain.h"
#include "memory_model.h"
#include "trace.h"

typedef struct effect { /* one atomic operation, as those see it who look at it afterwards */
    uintptr_t addr, pc;
    uint32_t size, kind;
    int order;
    bool reads, writes;
} effect;

static inline void look_on(const effect *e, uint64_t value) {
    uint32_t mode = rt.mode;
    if (likely(mode == MODE_RACE)) {
        race_atomic(e->addr, e->size, e->reads, e->writes, e->order, e->pc);
        return;
    }
    if ((mode & MODE_EXPLAIN) != 0) {
        explain_note_access(e->addr, e->size, e->writes, true, e->pc);
    }
    if ((mode & MODE_RACE) != 0) {
        race_atomic(e->addr, e->size, e->reads, e->writes, e->order, e->pc);
    }
    if ((mode & MODE_COVER) != 0) {
        coverage_access(e->addr, e->reads, e->writes, e->pc);
    }
    if ((mode & MODE_TRACE) != 0) {
        trace_event(e->kind, e->addr, e->size, value, e->pc);
    }
}

/* A load that found `newest` in memory; what it returns. */
static __attribute__((noinline)) uint64_t after_load(uintptr_t addr, uint32_t size, uint64_t newest, int order,
                                                     uintptr_t pc) {
    uint64_t value = rt.model != NULL && size <= 8 ? rt.model->load(addr, size, newest, order) : newest;
    look_on(&(effect){addr, pc, size, RS_P_LOAD, order, true, false}, value);
    if ((rt.mode & MODE_WATCH) != 0) {
        spin_loaded(addr, value); /* may put the thread back; the value was read before */
    }
    return value;
}

static __attribute__((noinline)) void after_store(uintptr_t addr, uint32_t size, uint64_t value, int order,
                                                  uintptr_t pc) {
    if (rt.model != NULL && size <= 8) {
        rt.model->store(addr, size, value, order);
    }
    look_on(&(effect){addr, pc, size, RS_P_STORE, order, false, true}, value);
}

static __attribute__((noinline)) void after_rmw(uintptr_t addr, uint32_t size, uint64_t old, uint64_t value, int order,
                                                uintptr_t pc) {
    if (rt.model != NULL && size <= 8) {
        rt.model->rmw(addr, size, old, value, order);
    }
    look_on(&(effect){addr, pc, size, RS_P_RMW, order, true, true}, value);
}

/* A failed compare-exchange is a load: of the newest value, as a strong one must be. */
static __attribute__((noinline)) void after_failed(uintptr_t addr, uint32_t size, uint64_t old, int order,
                                                   uintptr_t pc) {
    look_on(&(effect){addr, pc, size, RS_P_CAS, order, true, false}, old);
    if ((rt.mode & MODE_WATCH) != 0) {
        spin_loaded(addr, old);
    }
}

static inline bool is_fast(uintptr_t addr, uint32_t size, bool write) {
    return likely(rt.fuel > 1 && rt.mode == 0) && likely(heap_open(addr, size, write));
}

static inline void begin(uint32_t kind, uintptr_t addr, uint32_t size, bool write, uintptr_t pc) {
    rs_point(kind, addr);
    heap_check(addr, size, write, pc);
}

typedef __int128 i128;
typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef unsigned __int128 u128;

#define AT ((uintptr_t)a)
#define SLOW unlikely(rt.mode != 0)
#define SLOW_FORM static __attribute__((noinline))

#define ATOMIC(bits)                                                                                                   \
    SLOW_FORM u##bits load##bits(const volatile u##bits *a, int order, uintptr_t pc) {                                 \
        begin(RS_P_LOAD, AT, sizeof *a, false, pc);                                                                    \
        u##bits v = *a;                                                                                                \
        if (SLOW) {                                                                                                    \
            u64 seen = after_load(AT, sizeof *a, (u64)v, order, pc);                                                   \
            v = sizeof v > 8 ? v : (u##bits)seen;                                                                      \
        }                                                                                                              \
        return v;                                                                                                      \
    }                                                                                                                  \
    RS_HOOK u##bits __tsan_atomic##bits##_load(const volatile u##bits *a, int order) {                                 \
        if (is_fast(AT, sizeof *a, false)) {                                                                           \
            rs_count_point(RS_P_LOAD, AT);                                                                             \
            return *a;                                                                                                 \
        }                                                                                                              \
        return load##bits(a, order, RS_CALLER);                                                                        \
    }                                                                                                                  \
    SLOW_FORM void store##bits(volatile u##bits *a, u##bits v, int order, uintptr_t pc) {                              \
        begin(RS_P_STORE, AT, sizeof *a, true, pc);                                                                    \
        *a = v;                                                                                                        \
        rs_wrote();                                                                                                    \
        if (SLOW) {                                                                                                    \
            after_store(AT, sizeof *a, (u64)v, order, pc);                                                             \
        }                                                                                                              \
    }                                                                                                                  \
    RS_HOOK void __tsan_atomic##bits##_store(volatile u##bits *a, u##bits v, int order) {                              \
        if (is_fast(AT, sizeof *a, true)) {                                                                            \
            rs_count_point(RS_P_STORE, AT);                                                                            \
            *a = v;                                                                                                    \
            rt.wrote_at = rs_step();                                                                                   \
            return;                                                                                                    \
        }                                                                                                              \
        store##bits(a, v, order, RS_CALLER);                                                                           \
    }                                                                                                                  \
    RMW(bits, exchange, v)                                                                                             \
    RMW(bits, fetch_add, old + v)                                                                                      \
    RMW(bits, fetch_sub, old - v)                                                                                      \
    RMW(bits, fetch_and, old &v)                                                                                       \
    RMW(bits, fetch_or, old | v)                                                                                       \
    RMW(bits, fetch_xor, old ^ v)                                                                                      \
    RMW(bits, fetch_nand, ~(old & v))                                                                                  \
    static inline bool exchange_if##bits(volatile u##bits *a, u##bits *expected, u##bits v, int order, int failed,     \
                                         bool weak, uintptr_t pc) {                                                    \
        begin(RS_P_CAS, AT, sizeof *a, true, pc);                                                                      \
        bool spurious = weak && unlikely((rt.flags & RS_WEAK_CAS) != 0) && sched_draw(RS_C_FAIL, 2) != 0;              \
        u##bits old = *a;                                                                                              \
        if (old == *expected && !spurious) {                                                                           \
            *a = v;                                                                                                    \
            rs_wrote();                                                                                                \
            if (SLOW) {                                                                                                \
                after_rmw(AT, sizeof *a, (u64)old, (u64)v, order, pc);                                                 \
            }                                                                                                          \
            return true;                                                                                               \
        }                                                                                                              \
        *expected = old;                                                                                               \
        if (SLOW) {                                                                                                    \
            after_failed(AT, sizeof *a, (u64)old, failed, pc);                                                         \
        }                                                                                                              \
        return false;                                                                                                  \
    }                                                                                                                  \
    RS_HOOK int __tsan_atomic##bits##_compare_exchange_strong(volatile u##bits *a, u##bits *expected, u##bits v,       \
                                                              int order, int failed) {                                 \
        return exchange_if##bits(a, expected, v, order, failed, false, RS_CALLER);                                     \
    }                                                                                                                  \
    RS_HOOK int __tsan_atomic##bits##_compare_exchange_weak(volatile u##bits *a, u##bits *expected, u##bits v,         \
                                                            int order, int failed) {                                   \
        return exchange_if##bits(a, expected, v, order, failed, true, RS_CALLER);                                      \
    }                                                                                                                  \
    RS_HOOK u##bits __tsan_atomic##bits##_compare_exchange_val(volatile u##bits *a, u##bits expected, u##bits v,       \
                                                               int order, int failed) {                                \
        exchange_if##bits(a, &expected, v, order, failed, false, RS_CALLER);                                           \
        return expected;                                                                                               \
    }

#define RMW(bits, name, result)                                                                                        \
    SLOW_FORM u##bits name##bits(volatile u##bits *a, u##bits v, int order, uintptr_t pc) {                            \
        begin(RS_P_RMW, AT, sizeof *a, true, pc);                                                                      \
        u##bits old = *a;                                                                                              \
        u##bits now = (u##bits)(result);                                                                               \
        *a = now;                                                                                                      \
        rs_wrote();                                                                                                    \
        if (SLOW) {                                                                                                    \
            after_rmw(AT, sizeof *a, (u64)old, (u64)now, order, pc);                                                   \
        }                                                                                                              \
        return old;                                                                                                    \
    }                                                                                                                  \
    RS_HOOK u##bits __tsan_atomic##bits##_##name(volatile u##bits *a, u##bits v, int order) {                          \
        if (is_fast(AT, sizeof *a, true)) {                                                                            \
            rs_count_point(RS_P_RMW, AT);                                                                              \
            u##bits old = *a;                                                                                          \
            *a = (u##bits)(result);                                                                                    \
            rt.wrote_at = rs_step();                                                                                   \
            return old;                                                                                                \
        }                                                                                                              \
        return name##bits(a, v, order, RS_CALLER);                                                                     \
    }

ATOMIC(8)
ATOMIC(16)
ATOMIC(32)
ATOMIC(64)
ATOMIC(128)

RS_HOOK void __tsan_atomic_thread_fence(int order) {
    rs_point(RS_P_FENCE, 0);
    if ((rt.mode & MODE_RACE) != 0) {
        race_fence(order);
    }
    if (rt.model != NULL) {
        rt.model->fence(order);
    }
    if ((rt.mode & MODE_TRACE) != 0) {
        trace_event(RS_P_FENCE, 0, 0, (uint64_t)order, RS_CALLER);
    }
}

RS_HOOK void __tsan_atomic_signal_fence(int order) {
    (void)order; /* for the compiler alone */
}
