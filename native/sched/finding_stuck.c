/* Findings of an execution in which nobody gets on: who waits for whom. */
#include <stdio.h>

#include "finding_private.h"

static int say_who_waits(char *out, size_t room) {
    size_t used = 0;
    for (int32_t i = 0; i < rt.fiber_cnt && used < room; i++) {
        const rs_fiber *f = rt.fibers[i];
        char who[16], whom[16];
        if (f->state != FIBER_BLOCKED) {
            continue;
        }
        int n = f->wait_for >= 0
                    ? snprintf(out + used, room - used, "; %s waits for %s of %s", rs_thread_text(f->tid, who),
                               f->wait_what, rs_thread_text(f->wait_for, whom))
                    : snprintf(out + used, room - used, "; %s waits for %s", rs_thread_text(f->tid, who), f->wait_what);
        used += n > 0 ? (size_t)n : 0;
    }
    return (int)used;
}

/* Which threads wait for what: the same deadlock has the same key. */
static uint64_t waiting_key(int32_t kind) {
    uint64_t h = UINT64_C(0xCBF29CE484222325) + (uint64_t)kind;
    for (int32_t i = 0; i < rt.fiber_cnt; i++) {
        const rs_fiber *f = rt.fibers[i];
        if (f->state == FIBER_BLOCKED && f->tid != 0) {
            h += finding_hash(UINT64_C(0xCBF29CE484222325), f->wait_what); /* whichever threads they are */
        }
    }
    return h >> 8 | ((uint64_t)kind + 1) << 56;
}

void finding_deadlock(void) {
    noted *n = finding_new(waiting_key(RS_F_DEADLOCK), RS_F_DEADLOCK);
    if (n != NULL) {
        int used = snprintf(n->finding.message, sizeof n->finding.message, "deadlock: nobody can run");
        say_who_waits(n->finding.message + used, sizeof n->finding.message - (size_t)used);
        for (int32_t i = 0, out = 0; i < rt.fiber_cnt && out < RS_STACKS; i++) {
            const rs_fiber *f = rt.fibers[i];
            if (f->state == FIBER_BLOCKED && f->tid != 0) {
                rs_stack *s = &n->finding.stacks[out++];
                snprintf(s->what, sizeof s->what, "waits for %s", f->wait_what);
                s->thread = f->tid - 1;
                for (int32_t d = f->depth < CALL_DEPTH ? f->depth : CALL_DEPTH; d > 0 && s->depth < RS_STACK_DEPTH;
                     d--) {
                    uintptr_t in_module = f->calls[d - 1] - rt.module_lo;
                    s->pc[s->depth++] = in_module < rt.module_bytes ? in_module : 0;
                }
            }
        }
    }
}

void finding_livelock(const char *why) {
    noted *n = finding_new(waiting_key(RS_F_LIVELOCK), RS_F_LIVELOCK);
    if (n != NULL) {
        int used = snprintf(n->finding.message, sizeof n->finding.message, "livelock: %s after %llu points", why,
                            (unsigned long long)rs_step());
        say_who_waits(n->finding.message + used, sizeof n->finding.message - (size_t)used);
    }
}
