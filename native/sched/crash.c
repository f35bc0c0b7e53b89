/* Fatal signals in the code under test end the execution and become a finding; the process and the batch go on.
 *
 * The handler runs on a stack of its own (the fiber's may be what is full) and returns into crash_landing on that same
 * kind of stack, which leaves the fibers. Outside of executions the old handlers have their way.
 */
#include "sched.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "finding.h"

enum { STACK = 64 << 10 };
static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
enum { SIGNALS = sizeof signals / sizeof signals[0] };

static struct {
    char *stacks; /* the handler's and the landing's */
    struct sigaction old[SIGNALS];
    stack_t old_stack;
    int number;
    uintptr_t pc, addr;
} crash RS_STATE;

/* Stacks hold return addresses, whose place is looked up one before them: so is this one's. */
static void crash_landing(void) {
    if (fiber_guards(crash.addr) && crash.number == SIGSEGV) {
        finding_fatal(RS_F_OVERFLOW, crash.addr, crash.pc + 1, "the stack of a thread is full (%d KB)",
                      FIBER_STACK >> 10);
    }
    char who[16];
    finding_fatal(RS_F_SIGNAL, crash.addr, crash.pc + 1, "signal %d (%s) in %s, address %#llx", crash.number,
                  sigabbrev_np(crash.number), rs_thread_text(rt.cur->tid, who),
                  (unsigned long long)rs_normal(crash.addr));
}

static void go_to_landing(ucontext_t *uc) {
    uintptr_t top = (uintptr_t)crash.stacks + 2 * STACK - 64;
#if defined(__x86_64__)
    crash.pc = (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
    uc->uc_mcontext.gregs[REG_RSP] = (greg_t)(top - 8); /* as after a call */
    uc->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)crash_landing;
#elif defined(__aarch64__)
    crash.pc = uc->uc_mcontext.pc;
    uc->uc_mcontext.sp = top;
    uc->uc_mcontext.pc = (uintptr_t)crash_landing;
#endif
}

static void on_signal(int number, siginfo_t *info, void *context) {
    if (!rt.active || rt.cur == NULL || rt.ending) {
        crash_unguard(); /* not ours: it happens again, to whoever was here before */
        return;
    }
    crash.number = number;
    crash.addr = (uintptr_t)info->si_addr;
    go_to_landing(context);
}

void crash_guard(void) {
    if (crash.stacks == NULL) {
        void *p = mmap(NULL, 2 * STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED) {
            return;
        }
        crash.stacks = p;
    }
    stack_t own = {.ss_sp = crash.stacks, .ss_size = STACK};
    sigaltstack(&own, &crash.old_stack);
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    for (int i = 0; i < SIGNALS; i++) {
        sigaction(signals[i], &action, &crash.old[i]);
    }
}

void crash_unguard(void) {
    if (crash.stacks != NULL) {
        for (int i = 0; i < SIGNALS; i++) {
            sigaction(signals[i], &crash.old[i], NULL);
        }
        if (crash.old_stack.ss_sp == NULL) {
            crash.old_stack.ss_flags = SS_DISABLE;
        }
        sigaltstack(&crash.old_stack, NULL);
    }
}
