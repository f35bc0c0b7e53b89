/* The limits of a private store's one tenant: what the embedding tells the store through the database's interface.
 *
 * Order of the functions: compute_tenant_wash_size calls the second and the third; the instance table the first.
 */
#include "seekdb_private.h"

enum { OB_SUCCESS = 0, OB_ENTRY_NOT_EXIST = -4018 };

static bool has_tenant(const sk_limits *limits, uint64_t tenant) {
    return tenant == limits->tenant;
}

/* The array's room was made for the most tenants when the store was initialised. */
static int get_all_tenant_id(const sk_limits *limits, char *array) {
    char *data = sk_pointer(array, SK_ARRAY_DATA);
    int64_t count = sk_word(array, SK_ARRAY_COUNT);
    sk_set(data, (size_t)count * sizeof(int64_t), (int64_t)limits->tenant);
    sk_set(array, SK_ARRAY_COUNT, count + 1);
    return OB_SUCCESS;
}

static int get_tenant_mem_limit(const sk_limits *limits, uint64_t tenant, int64_t *lower, int64_t *upper) {
    *lower = *upper = tenant == limits->tenant ? at_load(&limits->limit, relaxed) : 0;
    return tenant == limits->tenant ? OB_SUCCESS : OB_ENTRY_NOT_EXIST;
}

static void nothing(void) {}

void sk_limits_make(sk_limits *limits, uint64_t tenant, int64_t limit) {
    static void (*const functions[])(void) = {(void (*)(void))has_tenant, (void (*)(void))get_all_tenant_id,
                                              (void (*)(void))get_tenant_mem_limit, nothing, nothing};
    limits->functions = functions;
    limits->tenant = tenant;
    limits->whole = limit;
    at_store(&limits->limit, limit, relaxed);
}
