/* How much to wash: sizes and thresholds. */
#include "wash_size.h"

#define MB (UINT64_C(1) << 20)
#define GB (UINT64_C(1) << 30)

/* log10 of x >= 1 from its parts: log2 by halving, the rest by ln(m) = 2 artanh((m - 1) / (m + 1)), whose terms fall by
 * at least 9 a step for m in [1, 2). Here so that the core needs no mathematics library. */
static double log10_of(double x) {
    const double ln2 = 0.69314718055994530942, ln10 = 2.30258509299404568402;
    int halvings = 0;
    for (; x >= 2; x /= 2) {
        halvings++;
    }
    double y = (x - 1) / (x + 1), power = y, sum = 0;
    for (int k = 1; k <= 31; k += 2, power *= y * y) {
        sum += power / k;
    }
    return (halvings * ln2 + 2 * sum) / ln10;
}

static uint64_t above_zero(uint64_t a, uint64_t b) {
    return a > b ? a - b : 0;
}

static uint64_t clamp(uint64_t x, uint64_t low, uint64_t high) {
    return x < low ? low : x > high ? high : x;
}

uint64_t wsize_reserve(uint64_t limit, uint64_t reserved) {
    uint64_t reserve =
        limit <= GB ? limit / 10 : (uint64_t)(log10_of((double)limit / GB) * (double)limit / 20) + 100 * MB;
    return reserve > reserved ? reserve : reserved;
}

uint64_t wsize_after(uint64_t limit, uint64_t used, uint64_t reserved) {
    return limit == 0 ? 0 : above_zero(used + wsize_reserve(limit, reserved), limit);
}

void wsize_bounds(wsize_tenant *tenants, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        wsize_tenant *x = &tenants[i];
        uint64_t reserve = wsize_reserve(x->upper, 0);
        x->min = x->upper == 0 ? 0 : above_zero(x->used + reserve, x->upper);
        x->max = x->upper == 0 ? 0 : above_zero(x->used + reserve, x->lower);
        x->min = x->min < x->cache ? x->min : x->cache;
        x->max = x->max < x->cache ? x->max : x->cache;
    }
}

uint64_t wsize_system(uint64_t limit, uint64_t used, uint64_t reserved) {
    if (limit == 0) {
        return 0;
    }
    return above_zero(wsize_reserve(limit, reserved), above_zero(limit, used));
}

static uint64_t part_of(uint64_t whole, uint64_t share, uint64_t sum) {
    return sum == 0 ? 0 : (uint64_t)((double)whole * (double)share / (double)sum);
}

uint64_t wsize_share(wsize_tenant *tenants, uint32_t n, uint64_t total) {
    uint64_t min = 0, max = 0, cache = 0, sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        min += tenants[i].min;
        max += tenants[i].max;
        cache += tenants[i].cache;
    }
    for (uint32_t i = 0; i < n; i++) {
        wsize_tenant *x = &tenants[i];
        if (total <= min) {
            x->wash = x->min;
        } else if (total <= max) {
            x->wash = x->min + part_of(total - min, x->max - x->min, max - min);
        } else {
            x->wash = x->max + part_of(total - max, x->cache, cache);
        }
        sum += x->wash;
    }
    return sum;
}

uint64_t wsize_tenant_threshold(uint64_t cache) {
    return clamp(cache / 256, 8 * MB, 256 * MB);
}

uint64_t wsize_global_threshold(uint64_t blocks) {
    return clamp(blocks / 512, 8, 64);
}
