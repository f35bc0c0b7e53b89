/* Findings of one execution: where the code under test is, and what is noted of it. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "finding_private.h"
#include "strategy.h"

found_state found RS_STATE;

/* ---- Where ---- */

void where_now(rs_where *w, uintptr_t pc, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(w->what, sizeof w->what, format, args);
    va_end(args);
    const rs_fiber *f = rt.cur;
    w->tid = f->tid;
    w->depth = 0;
    if (pc != 0) {
        w->pc[w->depth++] = pc;
    }
    for (int32_t i = f->depth < CALL_DEPTH ? f->depth : CALL_DEPTH; i > 0 && w->depth < RS_STACK_DEPTH; i--) {
        w->pc[w->depth++] = f->calls[i - 1];
    }
}

static void put_stack(rs_stack *out, const rs_where *w) {
    memset(out, 0, sizeof *out);
    if (w == NULL) {
        return;
    }
    memcpy(out->what, w->what, sizeof out->what);
    out->thread = w->tid - 1;
    out->depth = w->depth;
    for (int32_t i = 0; i < w->depth; i++) {
        uintptr_t in_module = w->pc[i] - rt.module_lo;
        out->pc[i] = in_module < rt.module_bytes ? in_module : 0;
    }
}

/* ---- Noting ---- */

uint64_t finding_hash(uint64_t h, const char *s) {
    for (; *s != '\0'; s++) {
        h = (h ^ (uint8_t)*s) * UINT64_C(0x100000001B3);
    }
    return h;
}

noted *finding_new(uint64_t key, int32_t kind) {
    for (int32_t i = 0; i < found.now_cnt; i++) {
        if (found.now[i].key == key) {
            return NULL;
        }
    }
    if (found.now_cnt == IN_EXECUTION) {
        return NULL;
    }
    noted *n = &found.now[found.now_cnt++];
    memset(n, 0, sizeof *n);
    n->key = key;
    n->finding.kind = kind;
    n->finding.step = rs_step();
    n->finding.seed = rt.seed;
    n->finding.strategy = rt.strategy->name;
    return n;
}

static uint64_t key_of(int32_t kind, const rs_where *second, const rs_where *third) {
    const rs_where *w = second != NULL ? second : third;
    /* Which function asks for the last bit of a stack is chance, and may be one of the runtime's. */
    bool placed = w != NULL && w->depth > 0 && kind != RS_F_OVERFLOW;
    uint64_t pc = placed ? rs_normal(w->pc[0]) : 0;
    return ((uint64_t)kind + 1) << 56 | pc;
}

bool finding_note(int32_t kind, uintptr_t address, const rs_where *second, const rs_where *first, const rs_where *third,
                  const char *format, ...) {
    noted *n = finding_new(key_of(kind, second, third), kind);
    if (n == NULL) {
        return false;
    }
    va_list args;
    va_start(args, format);
    vsnprintf(n->finding.message, sizeof n->finding.message, format, args);
    va_end(args);
    n->finding.address = address;
    put_stack(&n->finding.stacks[0], second);
    put_stack(&n->finding.stacks[1], first);
    put_stack(&n->finding.stacks[2], third);
    return true;
}

_Noreturn void finding_fatal(int32_t kind, uintptr_t address, uintptr_t pc, const char *format, ...) {
    char text[512];
    rs_where now;
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    where_now(&now, pc, "%s", rs_finding_name(kind));
    finding_note(kind, address, &now, NULL, NULL, "%s", text);
    sched_end();
}

void finding_violation(const rw_violation *v) {
    uint64_t key = finding_hash(finding_hash(UINT64_C(0xCBF29CE484222325), v->id), v->file) + (uint64_t)v->line;
    noted *n = finding_new(key >> 8, RS_F_INVARIANT);
    if (n != NULL) {
        memcpy(n->finding.id, v->id, sizeof n->finding.id);
        memcpy(n->finding.file, v->file, sizeof n->finding.file);
        n->finding.line = v->line;
        snprintf(n->finding.message, sizeof n->finding.message, "%.8s: %.256s", v->id, v->text);
        n->finding.stacks[0].thread = v->thread;
    }
}
