/* The seekdb adapter's violations: by place, the first text kept, the others counted. */
#include <stdarg.h>
#include <stdio.h>

#include "seekdb_private.h"

#define DESCRIBE(id, when, claim) {#id, claim, when},
const rw_invariant_desc sk_invariants[SK_COUNT] = {SK_INVARIANTS(DESCRIBE)};
#undef DESCRIBE

/* From the sources' root, as findings name files. */
static const char *relative(const char *file) {
    const char *found = file, *at = file;
    while ((at = strstr(at, "native/")) != NULL) {
        found = at++;
    }
    return found;
}

static rw_violation *place_of(rw_core *core, const char *id, const char *file, int line) {
    for (int32_t i = 0; i < core->violation_cnt; i++) {
        rw_violation *v = &core->violations[i];
        if (v->line == line && strcmp(v->file, file) == 0 && strcmp(v->id, id) == 0) {
            return v;
        }
    }
    return NULL;
}

bool sk_broken(rw_core *core, rw_thread *th, sk_invariant id, int line, const char *file, const char *format, ...) {
    const char *name = sk_invariants[id].id, *place = relative(file);
    if (th != NULL) {
        th->found++;
    }
    at_add(&core->found, 1, relaxed);
    prim_lock(&core->lock);
    rw_violation *v = place_of(core, name, place, line);
    if (v != NULL) {
        v->count++;
    } else if (core->violation_cnt < SK_VIOLATIONS) {
        va_list args;
        v = &core->violations[core->violation_cnt++];
        snprintf(v->id, sizeof v->id, "%s", name);
        snprintf(v->file, sizeof v->file, "%s", place);
        va_start(args, format);
        vsnprintf(v->text, sizeof v->text, format, args);
        va_end(args);
        v->line = line;
        v->thread = th != NULL ? th->tid : -1;
        v->count = 1;
    }
    prim_unlock(&core->lock);
    return false;
}

int32_t sk_violations(rw_core *core, rw_violation *out, int32_t max) {
    prim_lock(&core->lock);
    int32_t n = core->violation_cnt < max ? core->violation_cnt : max;
    memcpy(out, core->violations, (size_t)n * sizeof *out);
    prim_unlock(&core->lock);
    return n;
}
