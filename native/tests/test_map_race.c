/* Bucket map: all operations at once on few keys and few buckets. */
#include "map_fixture.h"

enum { KEYS = 12, CREW = 4, STORM_ROUNDS = 40000 };

typedef struct storm {
    kv_inst *inst;
    _Atomic(uint64_t) published[KEYS]; /* version of the key's last finished put; one writer a key */
    _Atomic(int64_t) bad, put_ok, hit;
} storm;

static storm the_storm;

static void storm_put(fx_worker *w, uint64_t *rnd, uint64_t *version) {
    storm *s = &the_storm;
    uint64_t key = (fx_random(rnd) >> 33) % (KEYS / CREW) * CREW + (uint64_t)w->index;
    body b = body_of(key, ++*version);
    kv_rc rc = map_put(&w->f->c->map, w->t, s->inst, &key, sizeof key, &b, sizeof b, fx_random(rnd) % 8 != 0);
    if (rc == KV_OK) {
        at_store(&s->published[key], *version, release);
        at_add(&s->put_ok, 1, relaxed);
    } else if (rc != KV_EXISTS && rc != KV_NO_MEMORY && rc != KV_NO_HANDLE) {
        at_add(&s->bad, 1, relaxed);
    }
}

/* A get. `floor[key]`: versions up to it were seen to be gone or replaced, so none of them may be met again. */
static void storm_get(fx_worker *w, uint64_t key, uint64_t *floor) {
    storm *s = &the_storm;
    uint64_t published = at_load(&s->published[key], acquire);
    kv_pin pin;
    body b;
    kv_rc rc = map_get(&w->f->c->map, w->t, s->inst, &key, sizeof key, &pin);
    if (rc == KV_NOT_FOUND) {
        floor[key] = published + 1 > floor[key] ? published + 1 : floor[key];
    } else if (rc != KV_OK) {
        at_add(&s->bad, 1, relaxed);
    } else {
        memcpy(&b, pin.pair->value, sizeof b);
        bool whole = b.key == key && b.sum == body_of(key, b.version).sum && pin.value_len == sizeof b;
        if (!whole || b.version < floor[key]) {
            at_add(&s->bad, 1, relaxed); /* torn, another key's, or risen from the dead */
        }
        floor[key] = b.version;
        map_unpin(&w->f->c->map, w->t, &pin);
        at_add(&s->hit, 1, relaxed);
    }
}

static void storm_maintain(fx_worker *w, uint64_t r) {
    uint32_t n;
    bucket_map *m = &w->f->c->map;
    switch (r % 8) {
    case 0:
        (void)map_clean_garbage(m, w->t, &n);
        break;
    case 1:
    case 2:
        (void)map_replace_fragments(m, w->t, &n);
        break;
    case 3:
        if (r % 64 == 3) {
            (void)map_erase_all(m, w->t);
        }
        break;
    case 4:
        hv_retire_all(&m->hv, w->t);
        break;
    default:
        (void)st_flush(w->f->st, w->t, 0, false);
        break;
    }
}

static void storm_work(fx_worker *w) {
    uint64_t rnd = 0x1234567 + (uint64_t)w->index * 7919, version = 0, floor[KEYS] = {0};
    for (int i = 0; i < STORM_ROUNDS; i++) {
        uint64_t r = fx_random(&rnd) >> 20, key = r % KEYS;
        uint64_t what = (r >> 8) % 32;
        if (what == 0) {
            (void)map_erase(&w->f->c->map, w->t, the_storm.inst, &key, sizeof key);
        } else if (what == 1) {
            storm_maintain(w, r >> 16);
        } else if (what < 10) {
            storm_put(w, &rnd, &version);
        } else { /* few keys are asked for often, so that they move */
            storm_get(w, (r >> 16) % 4 == 0 ? key : key % 3, floor);
        }
    }
}

static void run_storm(bool after, kv_protect_mode mode) {
    static fx_crew crew;
    fixture f;
    kv_config cfg = fx_config(after);
    cfg.bucket_num = 3;
    cfg.max_handles = 64;
    cfg.supply_num = 16;
    cfg.protect = mode;
    cfg.max_threads = 32;
    fx_open(&f, &cfg);
    memset(&the_storm, 0, sizeof the_storm);
    the_storm.inst = inst_of(&f, 3, 0);
    fx_run(&f, &crew, CREW, storm_work);
    assert_int_equal(the_storm.bad, 0);
    assert_true(the_storm.put_ok > 0 && the_storm.hit > 0);
    check_map(&f);
    hv_retire_all(&f.c->map.hv, f.t);
    assert_int_equal(hv_waiting(&f.c->map.hv), 0);
    assert_int_equal(at_load(&the_storm.inst->waiting_nodes, relaxed), 0);
    assert_int_equal(map_erase_all(&f.c->map, f.t), KV_OK);
    assert_int_equal(check_map(&f), 0);
    assert_int_equal(node_blocks(&f), 0);
    fx_close(&f);
}

static void test_storm(bool after) {
    run_storm(after, KV_PROTECT_HAZARD);
}

static void test_storm_refcnt(bool after) {
    run_storm(after, KV_PROTECT_REFCNT);
}

/* Keys that are always there, overwritten, moved and copied, are never missed, and never step back. */
enum { STAY_ROUNDS = 40000 };

static void stay_work(fx_worker *w) {
    storm *s = &the_storm;
    uint64_t rnd = 99 + (uint64_t)w->index, last[KEYS] = {0};
    for (uint64_t i = 0; i < STAY_ROUNDS; i++) {
        uint64_t key = (fx_random(&rnd) >> 33) % KEYS;
        uint32_t n;
        if (w->index == 0) { /* the writer; odd keys come and go around the even ones */
            body b = body_of(key, i + 2);
            if (key % 2 == 1 && i % 3 == 0) {
                (void)map_erase(&w->f->c->map, w->t, s->inst, &key, sizeof key);
            } else if (map_put(&w->f->c->map, w->t, s->inst, &key, sizeof key, &b, sizeof b, true) != KV_OK) {
                at_add(&s->bad, 1, relaxed);
            }
            (void)map_replace_fragments(&w->f->c->map, w->t, &n);
            continue;
        }
        kv_pin pin;
        key &= ~UINT64_C(1);
        if (map_get(&w->f->c->map, w->t, s->inst, &key, sizeof key, &pin) != KV_OK) {
            at_add(&s->bad, 1, relaxed);
            continue;
        }
        body b;
        memcpy(&b, pin.pair->value, sizeof b);
        if (b.sum != body_of(key, b.version).sum || b.version < last[key]) {
            at_add(&s->bad, 1, relaxed);
        }
        last[key] = b.version;
        map_unpin(&w->f->c->map, w->t, &pin);
    }
}

static void test_never_missed(bool after) {
    static fx_crew crew;
    fixture f;
    kv_config cfg = fx_config(after);
    cfg.bucket_num = 1;
    cfg.block_size = 1 << 16;
    cfg.max_handles = 64;
    cfg.supply_num = 16;
    fx_open(&f, &cfg);
    memset(&the_storm, 0, sizeof the_storm);
    the_storm.inst = inst_of(&f, 3, 0);
    for (uint64_t k = 0; k < KEYS; k++) {
        assert_int_equal(put(&f, the_storm.inst, k, 1, true), KV_OK);
    }
    fx_run(&f, &crew, CREW, stay_work);
    assert_int_equal(the_storm.bad, 0);
    check_map(&f);
    fx_close(&f);
}

#define EACH(X)                                                                                                        \
    X(test_storm)                                                                                                      \
    X(test_storm_refcnt)                                                                                               \
    X(test_never_missed)

EACH(BOTH)

int main(void) {
    const struct CMUnitTest tests[] = {EACH(LISTED)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
