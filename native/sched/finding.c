/* Findings of one execution, and those of a batch: the same defect is kept once and counted.
 *
 * Kept under a key that needs no stacks: the kind and where the code under test was when it was noticed (a violation: its
 * id and line; a leak: where the object was made). What a second run says replaces message and stacks.
 */
#include "finding.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "choice.h"
#include "strategy.h"

enum { IN_EXECUTION = 16, KEEP_DEFAULT = 32 };

typedef struct noted { /* in the execution under way */
    uint64_t key;
    rs_finding finding;
} noted;

static struct {
    noted now[IN_EXECUTION];
    int32_t now_cnt;
    bool explaining;
    noted *kept; /* of the batch */
    int32_t kept_cnt, kept_max, kept_room;
    rs_choice *lists; /* of the kept ones' choices */
    uint64_t lists_used, lists_room;
} found RS_STATE;

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
        w->pc[w->depth++] = pc - 1; /* inside the call */
    }
    for (int32_t i = f->depth < CALL_DEPTH ? f->depth : CALL_DEPTH; i > 0 && w->depth < RS_STACK_DEPTH; i--) {
        w->pc[w->depth++] = f->calls[i - 1] - 1;
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

static uint64_t hash_text(uint64_t h, const char *s) {
    for (; *s != '\0'; s++) {
        h = (h ^ (uint8_t)*s) * UINT64_C(0x100000001B3);
    }
    return h;
}

static noted *note(uint64_t key, int32_t kind) {
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
    uint64_t pc = w != NULL && w->depth > 0 ? rs_normal(w->pc[0]) : 0;
    return ((uint64_t)kind + 1) << 56 | pc;
}

bool finding_note(int32_t kind, uintptr_t address, const rs_where *second, const rs_where *first, const rs_where *third,
                  const char *format, ...) {
    noted *n = note(key_of(kind, second, third), kind);
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
    uint64_t key = hash_text(hash_text(UINT64_C(0xCBF29CE484222325), v->id), v->file) + (uint64_t)v->line;
    noted *n = note(key >> 8, RS_F_INVARIANT);
    if (n != NULL) {
        memcpy(n->finding.id, v->id, sizeof n->finding.id);
        memcpy(n->finding.file, v->file, sizeof n->finding.file);
        n->finding.line = v->line;
        snprintf(n->finding.message, sizeof n->finding.message, "%.8s: %.256s", v->id, v->text);
        n->finding.stacks[0].thread = v->thread;
    }
}

/* ---- No order ---- */

/* The same model and the same operations, however often and in whichever threads. */
static uint64_t order_key(const rl_result *found, const rs_call *calls) {
    uint64_t h = (uint64_t)found->model;
    for (int32_t i = 0; i < found->window_cnt; i++) {
        bool again = false;
        for (int32_t j = 0; j < i && !again; j++) {
            again = calls[found->window[j]].op.code == calls[found->window[i]].op.code;
        }
        h += again ? 0 : hash_text(UINT64_C(0xCBF29CE484222325), rt.target->ops[calls[found->window[i]].op.code].name);
    }
    return h >> 8 | ((uint64_t)RS_F_ORDER + 1) << 56;
}

void finding_order(const rl_result *found, const rl_op *ops, const rs_call *calls) {
    noted *n = note(order_key(found, calls), RS_F_ORDER);
    if (n == NULL) {
        return;
    }
    rs_finding *f = &n->finding;
    f->model = found->model;
    f->window_cnt = found->window_cnt;
    f->window_left = found->window_left;
    f->step = 0;
    int used = snprintf(f->message, sizeof f->message, "not linearizable: no order explains what these did to a %s",
                        rl_model_name(found->model));
    for (int32_t i = 0; i < found->window_cnt; i++) {
        int32_t at = found->window[i];
        f->window[i] = (rs_done){ops[at], calls[at]};
        f->step = calls[at].to_step > f->step ? calls[at].to_step : f->step;
        if (used > 0 && (size_t)used < sizeof f->message) {
            char who[16];
            used += snprintf(f->message + used, sizeof f->message - (size_t)used, "%s %s of %s", i > 0 ? "," : ":",
                             rt.target->ops[calls[at].op.code].name,
                             calls[at].thread < 0 ? "the set-up" : rs_thread_text(calls[at].thread + 1, who));
        }
    }
}

/* ---- Nobody gets on ---- */

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
            h += hash_text(UINT64_C(0xCBF29CE484222325), f->wait_what); /* whichever threads they are */
        }
    }
    return h >> 8 | ((uint64_t)kind + 1) << 56;
}

void finding_deadlock(void) {
    noted *n = note(waiting_key(RS_F_DEADLOCK), RS_F_DEADLOCK);
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
                    uintptr_t in_module = f->calls[d - 1] - 1 - rt.module_lo;
                    s->pc[s->depth++] = in_module < rt.module_bytes ? in_module : 0;
                }
            }
        }
    }
}

void finding_livelock(const char *why) {
    noted *n = note(waiting_key(RS_F_LIVELOCK), RS_F_LIVELOCK);
    if (n != NULL) {
        int used = snprintf(n->finding.message, sizeof n->finding.message, "livelock: %s after %llu points", why,
                            (unsigned long long)rs_step());
        say_who_waits(n->finding.message + used, sizeof n->finding.message - (size_t)used);
    }
}

/* ---- The batch ---- */

static bool reserve(void **p, uint64_t bytes) {
    void *q = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    *p = q == MAP_FAILED ? NULL : q;
    return *p != NULL;
}

void findings_begin_batch(int32_t max) {
    found.kept_max = max > 0 ? max : KEEP_DEFAULT;
    if (found.kept_max > found.kept_room) {
        void *kept, *lists;
        uint64_t room = (uint64_t)found.kept_max * (uint64_t)choices.max;
        if (reserve(&kept, (uint64_t)found.kept_max * sizeof(noted)) && reserve(&lists, room * sizeof(rs_choice))) {
            found.kept = kept;
            found.lists = lists;
            found.lists_room = room;
            found.kept_room = found.kept_max;
        }
    }
    found.kept_max = found.kept_max < found.kept_room ? found.kept_max : found.kept_room;
    found.kept_cnt = 0;
    found.lists_used = 0;
}

void findings_begin(void) {
    found.now_cnt = 0;
}

static noted *kept_as(uint64_t key) {
    for (int32_t i = 0; i < found.kept_cnt; i++) {
        if (found.kept[i].key == key) {
            return &found.kept[i];
        }
    }
    return NULL;
}

static bool keep(const noted *n) {
    if (found.kept_cnt == found.kept_max || found.lists_used + (uint64_t)choices.cnt > found.lists_room) {
        return false;
    }
    noted *k = &found.kept[found.kept_cnt++];
    *k = *n;
    k->finding.count = 1;
    k->finding.address = rs_normal(n->finding.address);
    k->finding.choice_cnt = choices.cnt;
    k->finding.choices = found.lists + found.lists_used;
    k->finding.trace_hash = rt.hash;
    k->finding.calibration[0] = calibration.steps;
    memcpy(found.lists + found.lists_used, choices.at, (uint64_t)choices.cnt * sizeof(rs_choice));
    found.lists_used += (uint64_t)choices.cnt;
    return true;
}

int32_t findings_end(int32_t *fresh) {
    *fresh = 0;
    for (int32_t i = 0; i < found.now_cnt; i++) {
        noted *k = kept_as(found.now[i].key);
        if (k != NULL) {
            k->finding.count++;
        } else {
            *fresh += keep(&found.now[i]);
        }
    }
    return found.now_cnt;
}

void findings_explained(void) {
    for (int32_t i = 0; i < found.now_cnt; i++) {
        noted *k = kept_as(found.now[i].key);
        if (k != NULL && !k->finding.confirmed) {
            k->finding.confirmed = 1;
            memcpy(k->finding.message, found.now[i].finding.message, sizeof k->finding.message);
            memcpy(k->finding.stacks, found.now[i].finding.stacks, sizeof k->finding.stacks);
        }
    }
}

const rs_finding *findings_all(int32_t *cnt) {
    /* Callers see an array of findings without the keys. */
    rs_finding *out = (rs_finding *)found.kept;
    for (int32_t i = 0; i < found.kept_cnt; i++) {
        memmove(&out[i], &found.kept[i].finding, sizeof out[i]);
    }
    *cnt = found.kept_cnt;
    return out;
}

int32_t findings_now(const rs_finding **out, int32_t i) {
    *out = i < found.now_cnt ? &found.now[i].finding : NULL;
    return found.now_cnt;
}
