/* The ends of a process: in an execution they are findings, or the end of a whole program under test. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim.h"

_Noreturn void SHIM(abort)(void) {
    if (!rt.active) {
        abort();
    }
    char who[16];
    finding_fatal(RS_F_ABORT, 0, RS_CALLER, "abort in %s", rs_thread_text(rt.cur->tid, who));
}

void __assert_fail(const char *, const char *, unsigned, const char *) __attribute__((noreturn));

_Noreturn void SHIM(__assert_fail)(const char *what, const char *file, unsigned line, const char *function) {
    if (!rt.active) {
        __assert_fail(what, file, line, function);
    }
    char who[16];
    finding_fatal(RS_F_ABORT, 0, RS_CALLER, "assertion failed in %s: %s (%s:%u, %s)", rs_thread_text(rt.cur->tid, who),
                  what, file, line, function);
}

static _Noreturn void leave(int code, uintptr_t pc) {
    if (code != 0) {
        finding_fatal(RS_F_ABORT, 0, pc, "exit with code %d", code);
    }
    sched_end();
}

_Noreturn void SHIM(exit)(int code) {
    if (!rt.active) {
        exit(code);
    }
    leave(code, RS_CALLER);
}

_Noreturn void SHIM(_exit)(int code) {
    if (!rt.active) {
        _exit(code);
    }
    leave(code, RS_CALLER);
}

_Noreturn void SHIM(quick_exit)(int code) {
    if (!rt.active) {
        quick_exit(code);
    }
    leave(code, RS_CALLER);
}

pid_t SHIM(fork)(void) {
    if (!rt.active) {
        return fork();
    }
    finding_fatal(RS_F_UNSUPPORTED, 0, RS_CALLER, "fork is not simulated: run processes as threads of one plan");
}

/* ---- At exit: what an execution registers is run at its end, not at the process's ---- */

enum { AT_EXIT = 256 };

static struct {
    struct {
        void (*function)(void *);
        void *arg;
    } calls[AT_EXIT];
    int32_t cnt;
} at_exit RS_STATE;

void process_begin(void) {
    at_exit.cnt = 0;
}

void process_run_at_exit(void) {
    while (at_exit.cnt > 0) {
        at_exit.cnt--;
        at_exit.calls[at_exit.cnt].function(at_exit.calls[at_exit.cnt].arg);
    }
}

static int at_end(void (*function)(void *), void *arg) {
    if (at_exit.cnt == AT_EXIT) {
        return -1;
    }
    at_exit.calls[at_exit.cnt].function = function;
    at_exit.calls[at_exit.cnt++].arg = arg;
    return 0;
}

int SHIM(atexit)(void (*function)(void)) {
    /* A function without parameters may be called with one: the ABIs that there are switches for allow it. */
    return rt.active ? at_end((void (*)(void *))(uintptr_t)function, NULL) : atexit(function);
}

int __cxa_atexit(void (*)(void *), void *, void *);

int SHIM(__cxa_atexit)(void (*function)(void *), void *arg, void *module) {
    return rt.active ? at_end(function, arg) : __cxa_atexit(function, arg, module);
}
