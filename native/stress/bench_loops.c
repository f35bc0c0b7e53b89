/* What the benchmark measures: the program of driver and bare, and the loops that call the core without the driver. */
#include "bench.h"

/* ---- The program ---- */

typedef enum step { PUT, GET, ERASE, REFRESH, WASH, STEP_CNT } step;
static const char *const step_names[STEP_CNT] = {"put", "get", "erase", "refresh_score", "wash"};

/* The ith operation: of 64, one is a wash and one a refresh, of the others about half are gets. The wash takes most of
 * the time, as it does in the suites' programs, which wash more often than this. */
static step step_at(int64_t i) {
    if (i % 32 == 31) {
        return i % 64 == 31 ? REFRESH : WASH;
    }
    return i % 8 == 5 ? ERASE : i % 2 ? GET : PUT;
}

/* Keys come back a while later: a get meets what is there, was overwritten, or was erased. */
int64_t bench_key_at(int64_t i) {
    return i * 5 / 2 % BENCH_KEYS;
}

const char *bench_step_name(int64_t i) {
    return step_names[step_at(i)];
}

bool bench_step_has_key(int64_t i) {
    return step_at(i) <= ERASE;
}

/* ---- Loops ---- */

/* What a user of the core does to get a pair: make the key, get, read the value, give the pair back. */
static void get_pair(kv_thread *t, uint32_t instance, int64_t i) {
    unsigned char key[KT_KEY_BYTES], value[BENCH_VALUE_BYTES];
    kv_pin pin;
    kt_make_key(i, key);
    if (kv_get(t, instance % KV_MAX_CACHE_NUM, instance / KV_MAX_CACHE_NUM, key, sizeof key, &pin) == KV_OK) {
        memcpy(value, pin.pair->value, sizeof value);
        __asm__ volatile("" : : "r"(value) : "memory"); /* it is used */
        kv_unpin(t, &pin);
    }
}

static void put_pair(kv_thread *t, int64_t i) {
    static const unsigned char value[BENCH_VALUE_BYTES];
    unsigned char key[KT_KEY_BYTES];
    kt_make_key(i, key);
    (void)kv_put(t, 0, 0, key, sizeof key, value, sizeof value, true);
}

static void erase_pair(kv_thread *t, int64_t i) {
    unsigned char key[KT_KEY_BYTES];
    kt_make_key(i, key);
    (void)kv_erase(t, 0, 0, key, sizeof key);
}

static void call_core(kv_thread *t, step what, int64_t i) {
    switch (what) {
    case PUT:
        put_pair(t, i);
        break;
    case ERASE:
        erase_pair(t, i);
        break;
    case REFRESH:
        (void)wash_refresh_score(t->core->wash, t);
        break;
    case WASH:
        (void)kv_wash_now(t, 0, NULL);
        break;
    default:
        get_pair(t, 0, i);
    }
}

void bench_bare(const bench_lane *lane) {
    kv_thread *t = lane->context->judge.t;
    step steps[BENCH_KEYS];
    int64_t keys[BENCH_KEYS];
    for (int64_t i = 0; i < BENCH_KEYS; i++) {
        steps[i] = step_at(i);
        keys[i] = bench_key_at(i);
    }
    for (uint64_t round = 0; round < lane->b->n; round += BENCH_KEYS) {
        for (int i = 0; i < BENCH_KEYS; i++) {
            call_core(t, steps[i], keys[i]);
        }
    }
}

void bench_get(const bench_lane *lane) {
    kv_thread *t = lane->context->judge.t;
    for (uint64_t i = 0; i < lane->b->n; i++) {
        get_pair(t, (uint32_t)lane->index, (int64_t)(i % BENCH_KEYS));
    }
}

/* n counts handles. */
void bench_traverse(const bench_lane *lane) {
    kv_cache *c = lane->context->judge.core->cache;
    for (uint64_t seen = 0; seen < lane->b->n; seen += BENCH_HANDLES) {
        (void)wash_refresh_score(c->wash, lane->context->judge.t);
    }
}

void bench_count(const bench_lane *lane) {
    uint64_t n = lane->b->n, count = 0;
    while (count < n) {
        count++;
        __asm__ volatile("" : "+r"(count));
    }
}
