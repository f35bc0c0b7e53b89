/* Allocations that fail by plan: the places where, the scopes that may keep silent, and who has to speak (F1). */
#include "kvcache_private.h"

/* ---- Places ---- */

const rw_site *kt_sites(int32_t *cnt) {
    static rw_site sites[RW_MAX_SITES];
    static int32_t known;
    if (known == 0) {
        uint32_t listed;
        const la_site *const *at = la_sites(&listed);
        for (uint32_t i = 0; i < listed && known < RW_MAX_SITES; i++) {
            sites[known++] = (rw_site){.file = at[i]->file, .function = at[i]->function, .line = at[i]->line};
        }
    }
    *cnt = known;
    return sites;
}

static int32_t place_of(const char *file, int line) {
    int32_t cnt;
    const rw_site *sites = kt_sites(&cnt);
    for (int32_t i = 0; i < cnt; i++) {
        if (sites[i].line == line && strcmp(sites[i].file, file) == 0) {
            return i;
        }
    }
    return cnt - 1;
}

bool kt_fail_alloc(void *core, kv_label label, size_t size, const char *file, int line) {
    const rw_hook *hook = ((rw_core *)core)->hook;
    (void)size;
    return hook->alloc(hook->ctx, place_of(file, line), kv_label_names[label]) != 0;
}

/* ---- Scopes in which a failure may be ignored (F1) ---- */

const rw_benign kt_benign[] = {
    {"get", "new_block", "a hot pair stays where it is when its copy finds no room: the move is an optimisation"},
};
const int32_t kt_benign_cnt = sizeof kt_benign / sizeof kt_benign[0];

static bool forgiven(const rw_hook *hook, const char *op, const char *function) {
    for (int32_t i = 0; i < kt_benign_cnt; i++) {
        if (strcmp(kt_benign[i].op, op) == 0 && strcmp(kt_benign[i].function, function) == 0) {
            hook->forgive(hook->ctx, i);
            return true;
        }
    }
    return false;
}

void kt_fault_begin(kt_judge *j) {
    const rw_hook *hook = j->core->hook;
    if (hook != NULL) {
        (void)hook->taken(hook->ctx);
    }
}

/* Any code but OK says so; which of them the operation may end with is C1's business. */
void kt_fault_end(kt_judge *j, const char *op, kv_rc rc) {
    const rw_hook *hook = j->core->hook;
    int32_t cnt;
    const rw_site *sites = kt_sites(&cnt);
    if (hook == NULL) {
        return;
    }
    uint64_t failed = hook->taken(hook->ctx);
    for (int32_t i = 0; rc == KV_OK && i < cnt; i++) {
        if ((failed >> i & 1) != 0) {
            KT_CHECK(j, F1, forgiven(hook, op, sites[i].function),
                     "%s ended as OK although the allocation in %s failed, and no scope is declared for that", op,
                     sites[i].function);
        }
    }
}
