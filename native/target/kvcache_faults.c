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

/* clang-format off */
#define HAZARD "hazard pointers that others give back serve as well; an operation that finds none says NO_HAZARD"
#define MOVE "a hot pair stays where it is when its copy finds no room: the move is an optimisation"
#define RETRY "a block is asked for once more after a wash of the memory allocator; only the second failure counts"
#define HANDLE "a handle that another thread supplies or gives back serves as well"
#define INSTANCE "the instance that another thread has made meanwhile serves as well"
#define FRAGMENT "a node in a fragmented block stays there when its copy finds no room: nothing is lost"
const rw_benign kt_benign[] = {
    {"", "hpt_get_slow", HAZARD}, /* any operation */
    {"put", "st_alloc_mbhandle", RETRY},
    {"put_absent", "st_alloc_mbhandle", RETRY},
    {"put", "publish_block", HANDLE},
    {"put_absent", "publish_block", HANDLE},
    {"alloc_mb", "publish_block", HANDLE},
    {"put", "make_inst", INSTANCE},
    {"put_absent", "make_inst", INSTANCE},
    {"create_instance", "make_inst", INSTANCE},
    {"put", "new_block", FRAGMENT},
    {"put_absent", "new_block", FRAGMENT},
    {"replace_fragments", "new_block", FRAGMENT},
    {"get", "st_alloc_mbhandle", MOVE},
    {"get", "publish_block", MOVE},
    {"get", "new_block", MOVE},
    {"get_hold", "st_alloc_mbhandle", MOVE},
    {"get_hold", "publish_block", MOVE},
    {"get_hold", "new_block", MOVE},
};
/* clang-format on */
const int32_t kt_benign_cnt = sizeof kt_benign / sizeof kt_benign[0];

static bool forgiven(const rw_hook *hook, const char *op, const char *function) {
    for (int32_t i = 0; i < kt_benign_cnt; i++) {
        bool named = kt_benign[i].op[0] == '\0' || strcmp(kt_benign[i].op, op) == 0;
        if (named && strcmp(kt_benign[i].function, function) == 0) {
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
