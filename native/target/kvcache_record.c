/* The adapter's violations: a fixed table without locks, so that any thread of any process can record at any time. */
#include <stdarg.h>
#include <stdio.h>

#include "kvcache_private.h"

/* FNV-1a (Fowler, Noll, Vo). */
static uint64_t hash_text(uint64_t h, const char *text) {
    for (; *text != '\0'; text++) {
        h = (h ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    }
    return h;
}

static uint64_t key_of(const char *id, const char *file, int line) {
    uint64_t h = hash_text(hash_text(UINT64_C(0xcbf29ce484222325), id), file);
    h = (h ^ (uint64_t)line) * UINT64_C(0x100000001b3);
    return h != 0 ? h : 1;
}

/* From the sources' root, as findings name files; builds may compile them by any path. */
static const char *relative(const char *file) {
    const char *found = file, *at = file;
    while ((at = strstr(at, "native/")) != NULL) {
        found = at++;
    }
    return found;
}

static void copy_text(char *out, size_t size, const char *text) {
    snprintf(out, size, "%s", text);
}

static void record(rw_core *core, int32_t thread, const char *id, const char *file, int line, const char *text) {
    const char *place = relative(file);
    uint64_t key = key_of(id, place, line);
    for (uint64_t i = 0; i < KT_VIOLATIONS; i++) {
        kt_violation *v = &core->violations[(key + i) % KT_VIOLATIONS];
        uint64_t met = 0;
        if (at_cas(&v->key, &met, key, relaxed, relaxed)) { /* the first of this place: its text is kept */
            copy_text(v->first.id, sizeof v->first.id, id);
            copy_text(v->first.text, sizeof v->first.text, text);
            copy_text(v->first.file, sizeof v->first.file, place);
            v->first.line = line;
            v->first.thread = thread;
            at_store(&v->ready, 1, release);
            met = key;
        }
        if (met == key) {
            at_add(&v->count, 1, relaxed);
            return;
        }
    }
    at_add(&core->lost, 1, relaxed);
}

bool kt_broken(kt_judge *j, kt_invariant id, const char *file, int line, const char *format, ...) {
    char text[RW_TEXT_LEN];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    j->found++;
    record(j->core, j->tid, kt_invariants[id].id, file, line, text);
    return false;
}

/* The core says "heap" for what the label allocator refuses: H1. Whose operation it was, it doesn't say. */
void kt_report(void *core, const char *id, const char *what, const char *file, int line) {
    record(core, -1, strcmp(id, "heap") == 0 ? "H1" : id, file, line, what);
}

int64_t kt_recorded(rw_core *core) {
    int64_t sum = at_load(&core->lost, relaxed);
    for (int i = 0; i < KT_VIOLATIONS; i++) {
        sum += at_load(&core->violations[i].count, relaxed);
    }
    return sum;
}

int32_t kt_violations(rw_core *core, rw_violation *out, int32_t max) {
    int32_t n = 0;
    for (int i = 0; i < KT_VIOLATIONS && n < max; i++) {
        kt_violation *v = &core->violations[i];
        if (at_load(&v->ready, acquire)) {
            out[n] = v->first;
            out[n++].count = at_load(&v->count, relaxed);
        }
    }
    return n;
}

void kt_fold(kt_judge *j) {
    for (int i = 0; i < KT_COUNT; i++) {
        if (j->checks[i] > 0) {
            at_add(&j->core->checks[i], j->checks[i], relaxed);
            j->checks[i] = 0;
        }
    }
}
