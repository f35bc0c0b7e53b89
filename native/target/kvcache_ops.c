/* The adapter's operations: their table, and the call of one. What they do: kvcache_ops_*.c. */
#include "kvcache_ops.h"

#include "kvcache_private.h"

#define DECLARE(name, codes, ...) KT_OP(name);
KT_OPS(DECLARE)
#undef DECLARE

#define DESCRIBE(name, codes, purpose, count, ...) {#name, purpose, count, {__VA_ARGS__}},
const rw_op_desc kt_ops[KT_OP_COUNT] = {KT_OPS(DESCRIBE)};
#undef DESCRIBE

typedef struct call {
    kt_op_fn fn;
    uint32_t codes; /* that it may end as, by bit */
} call;

#define B(code) (1u << KV_##code)
#define CALL(name, codes, ...) {kt_op_##name, (codes) | B(OK) | B(INVALID)},
static const call calls[] = {KT_OPS(CALL)};
#undef CALL
#undef B

_Static_assert(KV_RC_COUNT <= 32, "codes fit a word's bits");

bool kt_instance(rw_thread *th, int64_t instance, uint32_t *cache, uint32_t *tenant) {
    if (instance < 0 || instance >= KV_MAX_CACHE_NUM * KV_MAX_TENANT_NUM) {
        return false;
    }
    *cache = (uint32_t)instance % KV_MAX_CACHE_NUM;
    *tenant = (uint32_t)instance / KV_MAX_CACHE_NUM;
    _Atomic(uint32_t) *max = &th->judge.core->tenant_max;
    uint32_t seen = at_load(max, relaxed); /* for sync washes, which take tenants in turn: a lower one does no harm */
    while (seen < *tenant && !at_cas_weak(max, &seen, *tenant, relaxed, relaxed)) {
    }
    return true;
}

void kt_judge_end(kt_judge *j, int32_t op, kv_rc rc, bool must) {
    const char *name = kt_ops[op].name;
    bool known = (unsigned)rc < KV_RC_COUNT;
    KT_CHECK(j, C1, known && (calls[op].codes & 1u << rc) != 0, "%s ended as %s, which its contract doesn't name", name,
             known ? kv_rc_names[rc] : "no code");
    if (must) {
        KT_CHECK(j, C2, rc == KV_OK, "%s ended as %s, but the program says that it must succeed", name,
                 known ? kv_rc_names[rc] : "no code");
    }
    /* Raised by every bucket lock and every section, so that nothing washes there: a lock or section that an operation
     * leaves behind shows here, long before somebody else waits for it. */
    if (!KT_CHECK(j, I13, j->t->no_wash == 0, "%s returned inside %u locks or sections", name, j->t->no_wash)) {
        j->t->no_wash = 0; /* said once, not after every operation to come */
    }
}

/* For scenarios made by hand: their author knows what chance can't change. */
KT_OP(must) {
    (void)arg;
    th->must = true;
    return KV_OK;
}

int64_t kt_run(rw_thread *th, const rw_op *op) {
    int64_t found = th->judge.found;
    if (op->code < 0 || op->code >= KT_OP_COUNT) {
        return KV_INVALID;
    }
    uint32_t washes = th->judge.t->washes;
    th->deed.model = RW_M_NONE;
    th->deed.evicts = 0;
    bool planned =
        th->judge.core->hook != NULL; /* something may fail: asked here, since this is every operation's way */
    if (planned) {
        kt_fault_begin(&th->judge);
    }
    bool must = th->must;
    th->must = false;
    kv_rc rc = calls[op->code].fn(th, op->arg);
    if (th->judge.t->washes != washes) { /* memory was short, and an allocation has washed for it */
        th->deed.evicts = 1;
    }
    kt_judge_end(&th->judge, op->code, rc, must);
    if (planned) {
        kt_fault_end(&th->judge, kt_ops[op->code].name, rc);
    }
    return th->judge.found == found ? (int64_t)rc : -1;
}
