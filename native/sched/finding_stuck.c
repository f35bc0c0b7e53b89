/* Findings of an execution in which nobody gets on: who waits for whom. */
#include <stdio.h>

#include "faults.h"
#include "finding_private.h"
#include "judge.h"
#include "stall.h"

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

static void say_stacks(rs_finding *out) {
    for (int32_t i = 0, cnt = 0; i < rt.fiber_cnt && cnt < RS_STACKS; i++) {
        const rs_fiber *f = rt.fibers[i];
        if (f->state != FIBER_BLOCKED || f->tid == 0) {
            continue;
        }
        rs_stack *s = &out->stacks[cnt++];
        snprintf(s->what, sizeof s->what, "waits for %s", f->wait_what);
        s->thread = f->tid - 1;
        for (int32_t d = f->depth < CALL_DEPTH ? f->depth : CALL_DEPTH; d > 0 && s->depth < RS_STACK_DEPTH; d--) {
            uintptr_t in_module = f->calls[d - 1] - rt.module_lo;
            s->pc[s->depth++] = in_module < rt.module_bytes ? in_module : 0;
        }
    }
}

/* ---- Blocked by a thread that the plan has stopped for ever ---- */

/* Does everybody who waits do so for that thread in the end? Whom nobody in particular keeps waiting is taken to. A
 * ring of others, or a lock that a thread kept at its end, is a deadlock with or without it. */
static bool waits_for_the_dead(const rs_fiber *f) {
    for (int32_t steps = 0; steps <= rt.fiber_cnt; steps++) {
        if (f->state != FIBER_BLOCKED) {
            return f->state == FIBER_DEAD;
        }
        if (f->wait_for < 0 || f->wait_for >= rt.fiber_cnt) {
            return true;
        }
        f = rt.fibers[f->wait_for];
    }
    return false;
}

static bool blocked_by_the_dead(void) {
    bool so = rt.dead_cnt > 0;
    for (int32_t i = 0; so && i < rt.fiber_cnt; i++) {
        const rs_fiber *f = rt.fibers[i];
        so = f->state != FIBER_BLOCKED || waits_for_the_dead(f);
    }
    return so;
}

static size_t say_who_is_dead(char *out, size_t room) {
    size_t used = 0;
    for (int32_t i = 0; i < rt.fiber_cnt && used < room; i++) {
        char who[16], what[96];
        if (rt.fibers[i]->state == FIBER_DEAD) {
            int n = snprintf(out + used, room - used, "; %s, stopped for ever by the plan, holds %s",
                             rs_thread_text(i, who), stall_holds_text(rt.fibers[i]->program, what, sizeof what));
            used += n > 0 ? (size_t)n : 0;
        }
    }
    return used < room ? used : room - 1;
}

/* What operations had recorded before must not be lost: there will be no judgement. */
static void blocked(const char *how) {
    faults_blocked(rt.judging);
    rt.checking = true;
    judge_recorded();
    rt.checking = false;
    if (rt.judging) {
        return; /* the others have ended: only the judgement can't go on */
    }
    char who[256];
    (void)say_who_is_dead(who, sizeof who);
    noted *n = finding_new(finding_hash(waiting_key(RS_F_BLOCKED), who), RS_F_BLOCKED);
    if (n != NULL) {
        size_t room = sizeof n->finding.message;
        size_t used = (size_t)snprintf(n->finding.message, room, "blocked: %s%s", how, who);
        (void)say_who_waits(n->finding.message + used, room - used);
        say_stacks(&n->finding);
    }
}

/* ---- Nobody gets on ---- */

void finding_deadlock(void) {
    if (blocked_by_the_dead()) {
        blocked("nobody can run");
        return;
    }
    noted *n = finding_new(waiting_key(RS_F_DEADLOCK), RS_F_DEADLOCK);
    if (n != NULL) {
        int used = snprintf(n->finding.message, sizeof n->finding.message, "deadlock: nobody can run");
        say_who_waits(n->finding.message + used, sizeof n->finding.message - (size_t)used);
        say_stacks(&n->finding);
    }
}

void finding_livelock(const char *why) {
    if (rt.dead_cnt > 0) { /* whom a spinning thread waits for can't be known */
        blocked(why);
        return;
    }
    noted *n = finding_new(waiting_key(RS_F_LIVELOCK), RS_F_LIVELOCK);
    if (n != NULL) {
        int used = snprintf(n->finding.message, sizeof n->finding.message, "livelock: %s after %llu points", why,
                            (unsigned long long)rs_step());
        say_who_waits(n->finding.message + used, sizeof n->finding.message - (size_t)used);
    }
}
