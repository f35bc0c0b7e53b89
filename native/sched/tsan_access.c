/* What the compiler calls for plain accesses: the __tsan_ entry points of gcc 12 and later and of clang 14 and later. */
#include "access.h"
#include "explain.h"
#include "trace.h"

/* Modes that matter to plain accesses; most executions have none of them. */
void access_slow(uintptr_t addr, uint32_t size, bool write, uintptr_t pc) {
    heap_check(addr, size, write, pc);
    if ((rt.mode & MODE_PLAIN) != 0 && rt.active && addr - STACKS_BASE >= ARENA_BYTES + ARENA_BASE - STACKS_BASE) {
        rs_point(RS_P_PLAIN, addr); /* stacks are left out: nearly nothing there is shared */
        if (write) {
            rs_wrote();
        }
    }
    if ((rt.mode & MODE_EXPLAIN) != 0) {
        explain_note_access(addr, size, write, false, pc);
    }
    if ((rt.mode & MODE_RACE) != 0) {
        if (size <= 8) {
            race_plain(addr, size, write, pc);
        } else {
            race_range(addr, size, write, pc);
        }
    }
    if (trace_all()) {
        trace_plain(addr, size, write, pc);
    } else if ((rt.mode & MODE_TRACE) != 0 && (rt.mode & MODE_PLAIN) != 0) {
        trace_event(RS_P_PLAIN, addr, size, write, pc);
    }
}

void access_range_slow(uintptr_t addr, uint64_t bytes, bool write, uintptr_t pc) {
    if ((rt.mode & MODE_EXPLAIN) != 0) {
        explain_note_access(addr, bytes, write, false, pc);
    }
    if ((rt.mode & MODE_RACE) != 0) {
        race_range(addr, bytes, write, pc);
    }
    if (trace_all()) {
        trace_plain(addr, bytes, write, pc);
    }
}

#define ACCESS(n)                                                                                                      \
    RS_HOOK void __tsan_read##n(void *p) {                                                                             \
        access_plain((uintptr_t)p, n, false, RS_CALLER);                                                               \
    }                                                                                                                  \
    RS_HOOK void __tsan_write##n(void *p) {                                                                            \
        access_plain((uintptr_t)p, n, true, RS_CALLER);                                                                \
    }                                                                                                                  \
    RS_HOOK void __tsan_read_write##n(void *p) {                                                                       \
        access_plain((uintptr_t)p, n, false, RS_CALLER);                                                               \
        access_plain((uintptr_t)p, n, true, RS_CALLER);                                                                \
    }                                                                                                                  \
    RS_HOOK void __tsan_read##n##_pc(void *p, void *pc) {                                                              \
        access_plain((uintptr_t)p, n, false, (uintptr_t)pc);                                                           \
    }                                                                                                                  \
    RS_HOOK void __tsan_write##n##_pc(void *p, void *pc) {                                                             \
        access_plain((uintptr_t)p, n, true, (uintptr_t)pc);                                                            \
    }                                                                                                                  \
    RS_HOOK void __tsan_unaligned_read##n(const void *p) {                                                             \
        access_range((uintptr_t)p, n, false, RS_CALLER);                                                               \
    }                                                                                                                  \
    RS_HOOK void __tsan_unaligned_write##n(void *p) {                                                                  \
        access_range((uintptr_t)p, n, true, RS_CALLER);                                                                \
    }                                                                                                                  \
    RS_HOOK void __tsan_unaligned_read_write##n(void *p) {                                                             \
        access_range((uintptr_t)p, n, false, RS_CALLER);                                                               \
        access_range((uintptr_t)p, n, true, RS_CALLER);                                                                \
    }                                                                                                                  \
    RS_HOOK void __tsan_volatile_read##n(void *p) {                                                                    \
        access_volatile((uintptr_t)p, n, false, RS_CALLER);                                                            \
    }                                                                                                                  \
    RS_HOOK void __tsan_volatile_write##n(void *p) {                                                                   \
        access_volatile((uintptr_t)p, n, true, RS_CALLER);                                                             \
    }                                                                                                                  \
    RS_HOOK void __tsan_unaligned_volatile_read##n(void *p) {                                                          \
        access_volatile((uintptr_t)p, n, false, RS_CALLER);                                                            \
    }                                                                                                                  \
    RS_HOOK void __tsan_unaligned_volatile_write##n(void *p) {                                                         \
        access_volatile((uintptr_t)p, n, true, RS_CALLER);                                                             \
    }

/* A volatile access is a point, since loops wait for others by such, and a plain access to the oracles. */
static inline void access_volatile(uintptr_t addr, uint32_t size, bool write, uintptr_t pc) {
    rs_point(RS_P_VOLATILE, addr);
    access_range(addr, size, write, pc);
    if (write) {
        rs_wrote();
    } else if ((rt.mode & MODE_WATCH) != 0) {
        uint64_t value = 0;
        __builtin_memcpy(&value, (const void *)addr, size < 8 ? size : 8);
        spin_loaded(addr, value);
    }
    if ((rt.mode & MODE_TRACE) != 0) {
        trace_event(RS_P_VOLATILE, addr, size, write, pc);
    }
}

ACCESS(1)
ACCESS(2)
ACCESS(4)
ACCESS(8)
ACCESS(16)

RS_HOOK void __tsan_read_range(void *p, unsigned long bytes) {
    access_range((uintptr_t)p, bytes, false, RS_CALLER);
}

RS_HOOK void __tsan_write_range(void *p, unsigned long bytes) {
    access_range((uintptr_t)p, bytes, true, RS_CALLER);
}

/* A C++ object changes its class while it is built or torn down: a write only when the pointer changes. */
RS_HOOK void __tsan_vptr_update(void **vptr, void *value) {
    access_plain((uintptr_t)vptr, sizeof *vptr, *vptr != value, RS_CALLER);
}

RS_HOOK void __tsan_vptr_read(void **vptr) {
    access_plain((uintptr_t)vptr, sizeof *vptr, false, RS_CALLER);
}

RS_HOOK void __tsan_func_entry(void *pc) {
    if (unlikely(rt.mode & MODE_EXPLAIN)) {
        rs_fiber *f = rt.cur;
        if (f->depth < CALL_DEPTH) {
            f->calls[f->depth] = (uintptr_t)pc;
        }
        f->depth++;
    }
}

RS_HOOK void __tsan_func_exit(void) {
    if (unlikely(rt.mode & MODE_EXPLAIN)) {
        rt.cur->depth -= rt.cur->depth > 0;
    }
}

RS_HOOK void __tsan_init(void) {}

RS_HOOK void __tsan_ignore_thread_begin(void) {}

RS_HOOK void __tsan_ignore_thread_end(void) {}
