/* Keys and values built from integers, so that whoever reads one can tell whose it is and whether it is whole. */
#include "kvcache_private.h"

enum { KT_STAMP_BYTES = 8, KT_WORDS = 256, KT_MARKS = 1024 };

/* The finisher of SplitMix64 (Steele, Lea, Flood). */
static uint64_t mix(uint64_t x) {
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

uint64_t kt_name(int64_t instance, int64_t key) {
    return mix((uint64_t)instance * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)key + 1);
}

void kt_make_key(int64_t key, unsigned char out[KT_KEY_BYTES]) {
    uint64_t words[2] = {(uint64_t)key, mix((uint64_t)key + 1)};
    memcpy(out, words, sizeof words);
}

/* A value: the stamp (of short ones as much as half of the value has room for), then words that follow from name, stamp
 * and length. */
static uint32_t stamp_bytes(uint32_t len) {
    return len / 2 < KT_STAMP_BYTES ? len / 2 : KT_STAMP_BYTES;
}

static uint64_t word_at(uint64_t seed, uint64_t i) {
    return seed + i * UINT64_C(0x9e3779b97f4a7c15);
}

static uint64_t seed_of(uint64_t name, uint64_t stamp, uint32_t len) {
    return mix(name + mix(stamp + ((uint64_t)len << 32)));
}

/* Words of a long value lie so far apart that there are about KT_WORDS of them: instrumented accesses take time. */
static size_t step_of(size_t len) {
    return (len / (KT_WORDS * sizeof(uint64_t)) + 1) * sizeof(uint64_t);
}

/* A built-in copy, which the compiler turns into one access, instrumented like any other. */
void kt_make_value(void *out, uint32_t len, uint64_t name, uint64_t stamp) {
    char *at = out, *end = at + len;
    uint32_t head = stamp_bytes(len);
    uint64_t kept = 0, i = 0, word;
    memcpy(at, &stamp, head);
    memcpy(&kept, at, head);
    uint64_t seed = seed_of(name, kept, len);
    for (at += head; at + sizeof word <= end; at += step_of(len)) {
        word = word_at(seed, i++);
        __builtin_memcpy(at, &word, sizeof word);
    }
    at = at < end ? at : end;
    word = word_at(seed, i);
    memcpy(at, &word, (size_t)(end - at));
}

bool kt_value_is(const void *value, uint32_t len, uint64_t name, uint64_t *stamp) {
    const char *at = value, *end = at + len;
    uint32_t head = stamp_bytes(len);
    uint64_t kept = 0, i = 0, word;
    memcpy(&kept, at, head);
    *stamp = kept;
    uint64_t seed = seed_of(name, kept, len);
    for (at += head; at + sizeof word <= end; at += step_of(len)) {
        __builtin_memcpy(&word, at, sizeof word);
        if (word != word_at(seed, i++)) {
            return false;
        }
    }
    at = at < end ? at : end;
    word = word_at(seed, i);
    return memcmp(at, &word, (size_t)(end - at)) == 0;
}

int64_t kt_value_number(uint32_t len, uint64_t stamp) {
    uint64_t kept = 0;
    memcpy(&kept, &stamp, stamp_bytes(len));
    return (int64_t)(kept ^ (uint64_t)len << 40); /* stamps have a thread's number above 32 bits, in 8 */
}

/* ---- Any memory ---- */

/* Short memory is marked whole, longer one at as many places: what others write there overlaps many or its ends. */
static size_t stride_of(size_t n) {
    return (n + KT_MARKS - 1) / KT_MARKS;
}

static unsigned char byte_at(uint64_t seed, size_t i) {
    return (unsigned char)(seed + i * 31);
}

void kt_fill(void *p, size_t n, uint64_t seed) {
    unsigned char *bytes = p;
    for (size_t i = 0; i < n; i += stride_of(n)) {
        bytes[i] = byte_at(seed, i);
    }
    bytes[n - 1] = byte_at(seed, n - 1);
}

bool kt_filled(const void *p, size_t n, uint64_t seed) {
    const unsigned char *bytes = p;
    for (size_t i = 0; i < n; i += stride_of(n)) {
        if (bytes[i] != byte_at(seed, i)) {
            return false;
        }
    }
    return bytes[n - 1] == byte_at(seed, n - 1);
}
