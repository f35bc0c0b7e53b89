/* The exported functions of seekdb 1.3.0 that are used, by their C++ names (Itanium ABI: `this` comes first). */
#ifndef RACEWASH_SEEKDB_API_H
#define RACEWASH_SEEKDB_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SK_VERSION "1.3.0"
#define SK_BUILD "5e1eb79ee93516395defdcef8e0d119debb09c18" /* the revision that build_version names in 1.3.0 */

/* X(field, mangled name, result, arguments) */
/* clang-format off */
#define SK_FUNCTIONS(X)                                                                                                \
    X(build_version, "build_version", const char *, (void))                                                            \
    X(global, "_ZN9oceanbase6common15ObKVGlobalCache12get_instanceEv", void *, (void))                                 \
    X(register_cache, "_ZN9oceanbase6common15ObKVGlobalCache14register_cacheEPKcllRl",                                 \
      int, (void *, const char *, int64_t, int64_t, int64_t *))                                                        \
    X(store_make, "_ZN9oceanbase6common14ObKVCacheStoreC1Ev", void, (void *))                                          \
    X(store_init, "_ZN9oceanbase6common14ObKVCacheStore4initERNS0_16ObKVCacheInstMapEllRKNS0_23ObITenantMemLimitGetterE", \
      int, (void *, void *, int64_t, int64_t, void *))                                                                 \
    X(store_destroy, "_ZN9oceanbase6common14ObKVCacheStore7destroyEv", void, (void *))                                 \
    X(store_drop, "_ZN9oceanbase6common14ObKVCacheStoreD1Ev", void, (void *))                                          \
    X(supply, "_ZN9oceanbase6common14ObKVCacheStore13try_supply_mbEl", bool, (void *, int64_t))                        \
    X(alloc, "_ZN9oceanbase6common14ObKVCacheStore14alloc_mbhandleERNS0_13ObKVCacheInstENS0_15ObKVCachePolicyElRPNS0_18ObKVMemBlockHandleE", \
      int, (void *, void *, int, int64_t, void **))                                                                    \
    X(refresh_score, "_ZN9oceanbase6common14ObKVCacheStore13refresh_scoreEv", int, (void *))                           \
    X(wash, "_ZN9oceanbase6common14ObKVCacheStore4washEv", bool, (void *))                                             \
    X(flush, "_ZN9oceanbase6common14ObKVCacheStore18flush_washable_mbsEmb", int, (void *, uint64_t, bool))             \
    X(sync_wash, "_ZN9oceanbase6common14ObKVCacheStore13sync_wash_mbsEmlRPNS_3lib14ObICacheWasher15ObCacheMemBlockEl", \
      int, (void *, uint64_t, int64_t, void **, int64_t))                                                              \
    X(free_mbs, "_ZN9oceanbase6common14ObKVCacheStore8free_mbsERNS_3lib25ObTenantResourceMgrHandleElPNS2_14ObICacheWasher15ObCacheMemBlockE", \
      void, (void *, void *, int64_t, void *))                                                                         \
    X(purge, "_ZN9oceanbase6common14ObKVCacheStore30purge_mb_handle_retire_stationEv", void, (void *))                 \
    X(station, "_ZN9oceanbase6common14ObKVCacheStore18get_retire_stationEv", void *, (void))                           \
    X(set_priority, "_ZN9oceanbase6common14ObKVCacheStore12set_priorityElll", int, (void *, int64_t, int64_t, int64_t))\
    X(index_of, "_ZN9oceanbase6common15handle_index_ofEPNS0_18ObKVMemBlockHandleE", uint32_t, (void *))                \
    X(set_full, "_ZN9oceanbase6common18ObKVMemBlockHandle8set_fullEd", void, (void *, double))                         \
    X(retire, "_ZN9oceanbase6common18ObKVMemBlockHandle6retireEv", bool, (void *))                                     \
    X(place_pair, "_ZN9oceanbase6common18ObKVMemBlockHandle5allocElllRPNS0_13ObKVCachePairE",                          \
      int, (void *, int64_t, int64_t, int64_t, void **))                                                               \
    X(pair_bytes, "_ZN9oceanbase6common17ObKVStoreMemBlock14get_align_sizeEll", int64_t, (int64_t, int64_t))           \
    X(domain, "_ZN9oceanbase6common12HazardDomain12get_instanceEv", void *, (void))                                    \
    X(domain_init, "_ZN9oceanbase6common12HazardDomain4initEl", int, (void *, int64_t))                                \
    X(domain_reset, "_ZN9oceanbase6common12HazardDomain17reset_retire_listEv", void, (void *))                         \
    X(domain_wash, "_ZN9oceanbase6common12HazardDomain4washEv", void, (void *))                                        \
    X(reclaim, "_ZN9oceanbase6common12HazardDomain7reclaimINS0_14ObKVCacheStore12WashCallBackEEEiT_",                  \
      int, (void *, void *, uint64_t *))                                                                               \
    X(each_hazard, "_ZN9oceanbase6common18FixedTinyAllocatorINS0_13HazardPointerEE8for_eachINS0_12HazardDomain17TranverseCallbackEEEiRT_", \
      int, (void *, void *))                                                                                           \
    X(holder_make, "_ZN9oceanbase6common12HazptrHolderC1Ev", void, (void *))                                           \
    X(holder_drop, "_ZN9oceanbase6common12HazptrHolderD1Ev", void, (void *))                                           \
    X(protect, "_ZN9oceanbase6common12HazptrHolder7protectERbPNS0_18ObKVMemBlockHandleE", int, (void *, bool *, void *)) \
    X(protect_seq, "_ZN9oceanbase6common12HazptrHolder7protectERbPNS0_18ObKVMemBlockHandleEi",                         \
      int, (void *, bool *, void *, int32_t))                                                                          \
    X(release, "_ZN9oceanbase6common12HazptrHolder7releaseEv", void, (void *))                                         \
    X(share, "_ZN9oceanbase6common12HazptrHolder6assignERKS1_", int, (void *, void *))                                 \
    X(held, "_ZNK9oceanbase6common12HazptrHolder13get_mb_handleEv", void *, (void *))                                  \
    X(insts_make, "_ZN9oceanbase6common16ObKVCacheInstMapC1Ev", void, (void *))                                        \
    X(insts_init, "_ZN9oceanbase6common16ObKVCacheInstMap4initElPKNS0_15ObKVCacheConfigERKNS0_23ObITenantMemLimitGetterE", \
      int, (void *, int64_t, void *, void *))                                                                          \
    X(insts_destroy, "_ZN9oceanbase6common16ObKVCacheInstMap7destroyEv", void, (void *))                               \
    X(insts_drop, "_ZN9oceanbase6common16ObKVCacheInstMapD1Ev", void, (void *))                                        \
    X(inst_get, "_ZN9oceanbase6common16ObKVCacheInstMap14get_cache_instERKNS0_16ObKVCacheInstKeyERNS0_19ObKVCacheInstHandleE", \
      int, (void *, const int64_t *, void *))                                                                          \
    X(inst_handle_make, "_ZN9oceanbase6common19ObKVCacheInstHandleC1Ev", void, (void *))                               \
    X(inst_handle_drop, "_ZN9oceanbase6common19ObKVCacheInstHandleD1Ev", void, (void *))                               \
    X(malloc_allocator, "_ZN9oceanbase3lib17ObMallocAllocator12get_instanceEv", void *, (void))                        \
    X(tenant_allocator, "_ZN9oceanbase3lib17ObMallocAllocator31create_and_add_tenant_allocatorEm", int, (void *, uint64_t)) \
    X(tenant_hold, "_ZN9oceanbase3lib22get_tenant_memory_holdEm", int64_t, (uint64_t))                                 \
    X(cache_hold, "_ZN9oceanbase3lib17ObMallocAllocator21get_tenant_cache_holdEm", int64_t, (void *, uint64_t))

/* X(field, mangled name): objects. */
#define SK_OBJECTS(X)                                                                                                  \
    X(store_vtable, "_ZTVN9oceanbase6common14ObKVCacheStoreE")                                                         \
    X(handles, "_ZN9oceanbase6common10mb_handlesE")
/* clang-format on */

typedef struct sk_api {
#define FIELD(field, name, result, args) result(*field) args;
    SK_FUNCTIONS(FIELD)
#undef FIELD
#define FIELD(field, name) void *field;
    SK_OBJECTS(FIELD)
#undef FIELD
} sk_api;

/* The functions of the module that this process has loaded. NULL with one sentence in err. Any thread. */
const sk_api *sk_find(char *err, size_t err_len);

#endif
