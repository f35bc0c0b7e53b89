/* Fibers: pooled stacks at fixed addresses with a guard below each, and what must be swapped at a switch.
 *
 * All fibers share one OS thread, so its thread-local storage is theirs in turn: errno, the globals of C++ exceptions and
 * the library's own thread-local block are saved and restored here.
 */
#include "sched.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "state.h"

enum { GUARD = 16 << 10, COLOUR = 576, PLACE = FIBER_STACK + GUARD, FRAME_WORDS = 7 };

typedef struct cxa_globals { /* as the C++ ABI lays them down */
    void *caught;
    unsigned int uncaught;
} cxa_globals;

cxa_globals *__cxa_get_globals(void) __attribute__((weak));
void rs_first_frame(void);

static struct {
    rs_fiber *pool; /* FIBER_MAX of them; never moved, so that a stack and its fiber belong together */
    char *tls;      /* a copy of the thread-local block for each, and its first contents */
    int32_t mapped; /* stacks that have their guard */
    void *outside;  /* stack pointer of fiber_enter's caller */
    int *errno_at;
    cxa_globals *exception_at;
} fibers RS_STATE;

static uint64_t stack_of(int32_t tid) {
    return STACKS_BASE + (uint64_t)tid * PLACE;
}

bool fiber_guards(uintptr_t addr) {
    uint64_t off = addr - STACKS_BASE;
    return off < (uint64_t)fibers.mapped * PLACE && off % PLACE < GUARD;
}

static void make_room(int32_t tid) {
    if (fibers.pool == NULL) {
        fibers.pool = mmap(NULL, FIBER_MAX * sizeof(rs_fiber), PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    }
    for (; fibers.mapped <= tid; fibers.mapped++) {
        mprotect((void *)stack_of(fibers.mapped), GUARD, PROT_NONE);
    }
}

rs_fiber *fiber_make(int32_t tid) {
    if (unlikely(tid >= fibers.mapped)) {
        make_room(tid);
    }
    rs_fiber *f = &fibers.pool[tid];
    f->tid = tid;
    f->saved_errno = 0;
    f->exception[0] = f->exception[1] = NULL;
    if (state_tls.bytes != 0) {
        if (f->tls == NULL) {
            f->tls = mmap(NULL, state_tls.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        }
        memcpy(f->tls, state_tls.image, state_tls.bytes);
    }
    return f;
}

void fiber_prepare(rs_fiber *f, void (*entry)(void)) {
    /* Stacks of one size would meet in the same sets of the processor's cache: each begins at another offset. */
    uint64_t top = stack_of(f->tid) + PLACE - 64 - (uint64_t)f->tid % 7 * COLOUR;
    top &= ~UINT64_C(15);
#if defined(__x86_64__)
    void **frame = (void **)top - FRAME_WORDS; /* the stack pointer is a multiple of 16 where the entry is called */
    memset(frame, 0, FRAME_WORDS * sizeof *frame);
    frame[4] = (void *)entry; /* rbx */
    frame[6] = (void *)rs_first_frame;
#elif defined(__aarch64__)
    void **frame = (void **)(top - 160);
    memset(frame, 0, 160);
    frame[0] = (void *)entry; /* x19 */
    frame[11] = (void *)rs_first_frame;
#else
#error "no fiber switch for this processor"
#endif
    f->sp = frame;
}

static inline void save_thread_locals(rs_fiber *f) {
    f->last_write = rt.wrote_at;
    f->saved_errno = *fibers.errno_at;
    if (fibers.exception_at != NULL) {
        f->exception[0] = fibers.exception_at->caught;
        f->exception[1] = (void *)(uintptr_t)fibers.exception_at->uncaught;
    }
    if (state_tls.bytes != 0) {
        memcpy(f->tls, state_tls.block, state_tls.bytes);
    }
}

static inline void load_thread_locals(const rs_fiber *f) {
    *fibers.errno_at = f->saved_errno;
    if (fibers.exception_at != NULL) {
        fibers.exception_at->caught = f->exception[0];
        fibers.exception_at->uncaught = (unsigned int)(uintptr_t)f->exception[1];
    }
    if (state_tls.bytes != 0) {
        memcpy(state_tls.block, f->tls, state_tls.bytes);
    }
}

static inline void make_current(rs_fiber *f) {
    load_thread_locals(f);
    rt.cur = f;
    rt.vc = f->vc;
    rt.wrote_at = f->last_write;
    rt.epoch = f->vc != NULL ? f->vc[f->tid] : 0;
    rt.mode = rt.base_mode | f->watched | (rt.spinner_cnt > 0 ? MODE_SPINNERS : 0);
}

void fiber_switch(rs_fiber *from, rs_fiber *to) {
    save_thread_locals(from);
    make_current(to);
    rs_switch_stack(&from->sp, to->sp);
}

void fiber_begin(void) {
    fibers.errno_at = &errno;
    fibers.exception_at = __cxa_get_globals != NULL ? __cxa_get_globals() : NULL;
}

void fiber_enter(rs_fiber *first) {
    int kept = errno;
    make_current(first);
    rs_switch_stack(&fibers.outside, first->sp);
    errno = kept;
    if (fibers.exception_at != NULL) {
        *fibers.exception_at = (cxa_globals){0};
    }
    if (state_tls.bytes != 0) {
        memcpy(state_tls.block, state_tls.image, state_tls.bytes);
    }
}

_Noreturn void fiber_leave(void) {
    void *nowhere;
    rs_switch_stack(&nowhere, fibers.outside);
    __builtin_unreachable();
}
