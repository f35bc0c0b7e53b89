/* Label allocator: objects, memory blocks, limits and the sync wash. Placement: la_runs.c, la_cells.c. */
#include "label_alloc.h"

#include "la_private.h"

enum { MALLOC_PREFIX = 16 }; /* malloc backing: what stands before the caller's bytes; its last 8 name the header */

#define TAIL_MAGIC UINT64_C(0x7A11C0DE7A11C0DE)

typedef struct la_tail { /* right behind the caller's bytes, wherever those end */
    uint64_t magic[2];
} __attribute__((packed)) la_tail;

_Static_assert(sizeof(la_tail) == LA_OBJ_TAIL, "object tail");

/* ---- Limits ---- */

static void raise_to(_Atomic(int64_t) *peak, int64_t value) {
    int64_t old = at_load(peak, relaxed);
    while (old < value && !at_cas_weak(peak, &old, value, relaxed, relaxed)) {
    }
}

/* Relaxed throughout this file: counters order nothing, and each is changed by one read-modify-write. */
bool la_reserve(la_alloc *la, uint32_t tenant, uint64_t bytes) {
    la_tenant *tn = &la->tenants[tenant];
    int64_t old = at_load(&tn->counted, relaxed);
    do {
        uint64_t limit = at_load(&tn->limit, relaxed);
        if (bytes > INT64_MAX / 2 || (limit != 0 && (uint64_t)old + bytes > limit)) {
            return false;
        }
    } while (!at_cas_weak(&tn->counted, &old, old + (int64_t)bytes, relaxed, relaxed));
    raise_to(&tn->peak, old + (int64_t)bytes);
    return true;
}

/* The limit is reached: ask the cache for the request and two chunks. True: worth another try. */
static bool make_room(la_alloc *la, kv_thread *t, uint32_t tenant, uint64_t bytes) {
    if (t == NULL || t->no_wash > 0 || la->wash == NULL || bytes >= la_cache_hold(la, tenant)) {
        return false;
    }
    t->washes++;
    t->no_wash++;
    kv_rc rc = la->wash(la->wash_arg, t, tenant, bytes + 2 * (uint64_t)LA_CHUNK);
    t->no_wash--;
    return rc == KV_OK;
}

/* ---- Announcements ---- */

static void note_alloc(const la_alloc *la, void *p, size_t n, kv_label label) {
    if (la->noted) {
        mem_note_alloc(p, n, label);
    }
}

static void note_free(const la_alloc *la, void *p, size_t n, kv_label label) {
    if (la->noted) {
        mem_note_free(p, n, label);
    }
}

/* ---- Chunks. No lock held. ---- */

static la_chunk *chunk_get(la_alloc *la, kv_thread *t, la_set *set, la_chunk_kind kind, uint64_t payload) {
    uint64_t bytes = LA_CHUNK_HEADER + payload;
    while (!la_reserve(la, set->tenant, bytes)) {
        if (!make_room(la, t, set->tenant, bytes)) {
            return NULL;
        }
    }
    la_chunk *c = prim_mem_alloc(la->mem, bytes);
    if (c == NULL) {
        at_sub(&la->tenants[set->tenant].counted, (int64_t)bytes, relaxed);
        return NULL;
    }
    *c = (la_chunk){.magic = LA_CHUNK_MAGIC, .kind = kind, .set = set, .bytes = bytes};
    if (la->noted) {
        mem_note_region(la_payload(c), payload);
    }
    return c;
}

static void chunk_put(la_alloc *la, la_chunk *c) {
    la_tenant *tn = &la->tenants[c->set->tenant];
    uint64_t bytes = c->bytes, washed = c->washed;
    c->magic = 0;
    if (la->noted) {
        mem_note_forget(la_payload(c), bytes - LA_CHUNK_HEADER);
    }
    prim_mem_free(la->mem, c, bytes);
    at_sub(&tn->washed, (int64_t)washed, relaxed);
    at_sub(&tn->counted, (int64_t)(bytes - washed), relaxed);
}

/* ---- Accounts. Set lock held. ---- */

static void account(la_set *set, kv_label label, int64_t used, int64_t hold, int64_t count) {
    la_account *a = &set->accounts[label];
    a->used += used;
    a->hold += hold;
    a->count += count;
    a->peak_used = a->used > a->peak_used ? a->used : a->peak_used;
    a->peak_hold = a->hold > a->peak_hold ? a->hold : a->peak_hold;
}

/* ---- Objects ---- */

static LA_RAW void write_tail(char *end) {
    *(la_tail *)end = (la_tail){{TAIL_MAGIC, TAIL_MAGIC}};
}

static LA_RAW bool tail_whole(const char *end) {
    const la_tail *tail = (const la_tail *)end;
    return tail->magic[0] == TAIL_MAGIC && tail->magic[1] == TAIL_MAGIC;
}

/* Fill the header of an extent just taken; `own`: the caller's bytes in the process's heap (malloc backing). */
static LA_RAW void *make_live(la_alloc *la, la_set *set, la_obj *o, la_chunk *c, kv_label label, size_t n, char *own) {
    o->magic = LA_LIVE;
    o->label = (uint8_t)label;
    o->tenant = set->tenant;
    o->ctx = set->ctx;
    o->n = n;
    o->chunk = c;
    o->self = o;
    if (own != NULL) {
        o->user = own + MALLOC_PREFIX;
        ((la_obj **)o->user)[-1] = o;
    } else {
        o->user = o + 1;
        write_tail((char *)o->user + n);
        note_alloc(la, o->user, n, label);
    }
    account(set, label, (int64_t)n, (int64_t)la_hold(n), 1);
    return o->user;
}

static LA_RAW la_obj *whole_blocks(la_alloc *la, la_set *set, uint64_t hold, la_chunk **c, uint64_t *lack) {
    la_obj *o = la_runs_take(la, set, (uint32_t)(hold / LA_BLOCK), LA_RUN_LARGE, c, lack);
    if (o != NULL) {
        o->units = 0;
    }
    return o;
}

static LA_RAW la_obj *in_cells(la_alloc *la, la_set *set, uint64_t hold, la_chunk **c, uint64_t *lack) {
    la_obj *o = la_cells_take(la, set, (uint32_t)(hold / LA_UNIT), lack);
    if (o != NULL) {
        *c = o->chunk;
    }
    return o;
}

static LA_RAW la_obj *take(la_alloc *la, la_set *set, uint64_t hold, la_chunk **c, uint64_t *lack) {
    return hold > LA_BLOCK ? whole_blocks(la, set, hold, c, lack) : in_cells(la, set, hold, c, lack);
}

/* In the set's chunks, else in a fresh one. The lock is left while that is got, since it may wash: where room has come up
 * meanwhile the fresh one goes back, for a chunk that is free as a whole is none to keep. */
static void *place(la_alloc *la, kv_thread *t, la_set *set, kv_label label, size_t n, char *own) {
    uint64_t hold = la_hold(n);
    la_chunk *fresh = NULL;
    for (;;) {
        uint64_t lack = 0;
        void *user = NULL;
        la_chunk *c;
        (void)prim_lock(&set->lock);
        la_obj *o = take(la, set, hold, &c, &lack);
        if (o == NULL && fresh != NULL) {
            la_runs_add(set, fresh);
            fresh = NULL;
            lack = 0;
            o = take(la, set, hold, &c, &lack);
        }
        if (o != NULL) {
            user = make_live(la, set, o, c, label, n, own);
        }
        prim_unlock(&set->lock);
        if (user != NULL) {
            if (fresh != NULL) {
                chunk_put(la, fresh);
            }
            return user;
        }
        if (lack > 0) {
            if (!make_room(la, t, set->tenant, lack)) {
                return NULL;
            }
        } else {
            fresh = chunk_get(la, t, set, LA_CHUNK_BLOCKS, LA_PAYLOAD);
            if (fresh == NULL) {
                return NULL;
            }
        }
    }
}

static LA_RAW void *own_chunk(la_alloc *la, kv_thread *t, la_set *set, kv_label label, size_t n, char *own) {
    la_chunk *c = chunk_get(la, t, set, LA_CHUNK_OBJECT, la_hold(n));
    if (c == NULL) {
        return NULL;
    }
    la_obj *o = (la_obj *)(void *)la_payload(c);
    (void)prim_lock(&set->lock);
    la_chunk_link(set, c);
    o->units = o->prev_units = 0;
    void *user = make_live(la, set, o, c, label, n, own);
    prim_unlock(&set->lock);
    return user;
}

/* No memory: counted, so that whoever judges knows that want of memory may be why something failed. */
static void *none(la_alloc *la) {
    at_add(&la->refused, 1, relaxed);
    return NULL;
}

int64_t la_refused(const la_alloc *la) {
    return at_load(&la->refused, relaxed);
}

static bool refused(la_alloc *la, kv_label label, size_t n, const char *file, int line) {
    return n > INT64_MAX / 4 ||
           (la->env->fail_alloc != NULL && la->env->fail_alloc(la->env->ctx, label, n, file, line));
}

void *la_malloc_at(la_alloc *la, kv_thread *t, uint32_t tenant, la_ctx ctx, kv_label label, size_t n, const char *file,
                   int line) {
    if (tenant >= KV_MAX_TENANT_NUM || refused(la, label, n, file, line)) {
        return none(la);
    }
    char *own = NULL;
    if (la->backing == KV_BACKING_MALLOC && (own = prim_object_alloc(MALLOC_PREFIX + n)) == NULL) {
        return none(la);
    }
    la_set *set = &la->sets[tenant][ctx];
    void *user = la_cost(n) > LA_PAYLOAD ? own_chunk(la, t, set, label, n, own) : place(la, t, set, label, n, own);
    if (user == NULL) {
        prim_object_free(own);
        return none(la);
    }
    return user;
}

void *la_zalloc_at(la_alloc *la, kv_thread *t, uint32_t tenant, la_ctx ctx, kv_label label, size_t n, const char *file,
                   int line) {
    void *p = la_malloc_at(la, t, tenant, ctx, label, n, file, line);
    return p != NULL ? memset(p, 0, n) : NULL;
}

/* The header of a live object that starts at p; NULL for anything else that can be told apart. */
static LA_RAW la_obj *header_of(const la_alloc *la, void *p) {
    if ((uintptr_t)p % LA_UNIT != 0) {
        return NULL;
    }
    la_obj *o = ((la_obj **)p)[-1];
    if (la->backing == KV_BACKING_CHUNKS && (void *)(o + 1) != p) {
        return NULL;
    }
    return o != NULL && o->magic == LA_LIVE && o->user == p && o->chunk->magic == LA_CHUNK_MAGIC ? o : NULL;
}

/* Back to its block, run or chunk. Set lock held. The chunk, already unlinked, when all of it is free. */
static LA_RAW la_chunk *give_back(la_set *set, la_obj *o) {
    la_chunk *c = o->chunk;
    if (c->kind == LA_CHUNK_OBJECT) {
        la_chunk_unlink(set, c);
        return c;
    }
    o->magic = LA_FREE;
    return o->units == 0 ? la_runs_give(set, c, o) : la_cells_give(set, o);
}

LA_RAW void la_free(la_alloc *la, void *p) {
    if (p == NULL) {
        return;
    }
    la_obj *o = header_of(la, p);
    if (o == NULL) {
        kv_report(la->env, "heap", "free of what is not the start of a live object", __FILE__, __LINE__);
        return;
    }
    size_t n = o->n;
    kv_label label = (kv_label)o->label;
    if (la->backing == KV_BACKING_CHUNKS && !tail_whole((char *)p + n)) {
        kv_report(la->env, "heap", "free of an object whose tail was overwritten", __FILE__, __LINE__);
        return;
    }
    la_set *set = &la->sets[o->tenant][o->ctx];
    if (la->backing == KV_BACKING_CHUNKS) {
        note_free(la, p, n, label); /* before the lock: still the caller's, and nobody else's yet */
    } else {
        prim_object_free((char *)p - MALLOC_PREFIX);
    }
    (void)prim_lock(&set->lock);
    account(set, label, -(int64_t)n, -(int64_t)la_hold(n), -1);
    la_chunk *emptied = give_back(set, o);
    prim_unlock(&set->lock);
    if (emptied != NULL) {
        chunk_put(la, emptied);
    }
}

LA_RAW void la_object_size(const void *p, size_t *used, size_t *hold) {
    const la_obj *o = ((la_obj *const *)p)[-1];
    *used = o->n;
    *hold = la_hold(o->n);
}

/* ---- Memory blocks ---- */

void *la_block_alloc_at(la_alloc *la, kv_thread *t, uint32_t tenant, size_t bytes, const char *file, int line) {
    if (tenant >= KV_MAX_TENANT_NUM || refused(la, KV_L_CACHE, bytes, file, line)) {
        return none(la);
    }
    la_set *set = &la->sets[tenant][LA_CTX_CACHE];
    uint64_t hold = la_round(bytes, PRIM_PAGE);
    la_chunk *c = chunk_get(la, t, set, LA_CHUNK_CACHE, hold);
    if (c == NULL) {
        return none(la);
    }
    c->n = bytes;
    note_alloc(la, la_payload(c), bytes, KV_L_CACHE);
    (void)prim_lock(&set->lock);
    la_chunk_link(set, c);
    account(set, KV_L_CACHE, (int64_t)bytes, (int64_t)hold, 1);
    prim_unlock(&set->lock);
    at_add(&la->tenants[tenant].cache_hold, (int64_t)hold, relaxed);
    return la_payload(c);
}

void la_block_free(la_alloc *la, void *block) {
    la_chunk *c = (la_chunk *)(void *)((char *)block - LA_CHUNK_HEADER);
    if (c->magic != LA_CHUNK_MAGIC || c->kind != LA_CHUNK_CACHE) {
        kv_report(la->env, "heap", "free of what is not a memory block", __FILE__, __LINE__);
        return;
    }
    la_set *set = c->set;
    uint64_t hold = c->bytes - LA_CHUNK_HEADER;
    note_free(la, block, c->n, KV_L_CACHE);
    at_sub(&la->tenants[set->tenant].cache_hold, (int64_t)hold, relaxed);
    (void)prim_lock(&set->lock);
    la_chunk_unlink(set, c);
    account(set, KV_L_CACHE, -(int64_t)c->n, -(int64_t)hold, -1);
    prim_unlock(&set->lock);
    chunk_put(la, c);
}

/* ---- The whole allocator ---- */

kv_rc la_create(prim_mem *mem, const kv_env *env, kv_backing backing, la_alloc **out) {
    la_alloc *la = prim_mem_alloc(mem, sizeof *la);
    *out = la;
    if (la == NULL) {
        return KV_NO_MEMORY;
    }
    memset(la, 0, sizeof *la);
    la->mem = mem;
    la->env = env;
    la->backing = backing;
    la->noted = !prim_mem_shared(mem);
    for (uint32_t tenant = 0; tenant < KV_MAX_TENANT_NUM; tenant++) {
        for (uint32_t ctx = 0; ctx < LA_CTX_COUNT; ctx++) {
            la_set *set = &la->sets[tenant][ctx];
            set->tenant = (uint8_t)tenant;
            set->ctx = (uint8_t)ctx;
            prim_lock_init(&set->lock, prim_mem_shared(mem));
        }
    }
    at_store(&la->tenants[0].counted, (int64_t)la_round(sizeof *la, PRIM_PAGE), relaxed);
    return KV_OK;
}

/* Malloc backing: what still lives stays where it is, so that a leak checker sees it. */
static void drop_chunks(la_alloc *la, la_set *set, la_chunk_kind kind) {
    la_chunk *c = la->backing == KV_BACKING_MALLOC && kind == LA_CHUNK_CACHE ? NULL : set->chunks[kind];
    while (c != NULL) {
        la_chunk *next = c->next;
        chunk_put(la, c);
        c = next;
    }
}

void la_destroy(la_alloc *la) {
    for (uint32_t tenant = 0; tenant < KV_MAX_TENANT_NUM; tenant++) {
        for (uint32_t ctx = 0; ctx < LA_CTX_COUNT; ctx++) {
            la_set *set = &la->sets[tenant][ctx];
            for (la_chunk_kind kind = LA_CHUNK_BLOCKS; kind <= LA_CHUNK_CACHE; kind++) {
                drop_chunks(la, set, kind);
            }
            prim_lock_destroy(&set->lock);
        }
    }
    prim_mem_free(la->mem, la, sizeof *la);
}

void la_set_sync_wash(la_alloc *la, la_sync_wash_fn fn, void *arg) {
    la->wash = fn;
    la->wash_arg = arg;
}

uint64_t la_wash(la_alloc *la) {
    uint64_t bytes = 0;
    for (uint32_t tenant = 0; tenant < KV_MAX_TENANT_NUM; tenant++) {
        for (uint32_t ctx = 0; ctx < LA_CTX_COUNT; ctx++) {
            la_set *set = &la->sets[tenant][ctx];
            (void)prim_lock(&set->lock);
            bytes += la_runs_wash(la, set);
            prim_unlock(&set->lock);
        }
    }
    return bytes;
}
