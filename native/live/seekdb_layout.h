/* Where things lie in seekdb 1.3.0 (x86-64), as offsets in bytes. Each is verified before it is relied on: seekdb_verify.c.
 *
 * Found by disassembling the functions named beside each group, and confirmed by what calls of them change.
 */
#ifndef RACEWASH_SEEKDB_LAYOUT_H
#define RACEWASH_SEEKDB_LAYOUT_H

enum {
    SK_BLOCK_SIZE = 2080768, /* 2 MB - 16 KB: a chunk's payload */
    SK_BLOCK_HEADER = 32,
    SK_HANDLE_BYTES = 120,
    SK_SLOT_BYTES = 8, /* of the pool */
    SK_SUPPLY = 128,
    SK_WASH_MIN = 8 << 20, /* bytes: the least that wash does anything for */
    SK_EXTRA_HANDLES = 2 * (1024 + 8 * 64 * 64) /* max handles = cache size / block size + this */
};

enum { /* ObKVCacheStore: constructor, init, try_supply_mb, alloc_mbhandle */
       SK_STORE_BYTES = 0x680, /* distance to the next member of the global cache, at most */
       SK_ST_INITED = 0x10,
       SK_ST_INSTS = 0x18,
       SK_ST_SUPPLIED = 0x20,
       SK_ST_MAX = 0x28,
       SK_ST_BLOCK = 0x30,
       SK_ST_PAYLOAD = 0x38,
       SK_ST_HANDLES = 0x40,
       SK_ST_POOL_INITED = 0x80,
       SK_ST_POOL_CAP = 0x88,
       SK_ST_POOL_SLOTS = 0x90,
       SK_ST_POOL_POP = 0xc0,
       SK_ST_POOL_PUSH = 0x100
};

enum { /* ObKVMemBlockHandle: alloc_mbhandle, set_full, retire, reset */
       SK_H_LINK = 0x08, /* next, prev; lists hold addresses of links */
       SK_H_NEXT = 0x08,
       SK_H_PREV = 0x10,
       SK_H_BLOCK = 0x18,
       SK_H_INST = 0x20,
       SK_H_POLICY = 0x28, /* 32 bits */
       SK_H_GETS = 0x30,
       SK_H_RECENT = 0x38,
       SK_H_SCORE = 0x40,
       SK_H_PAIRS = 0x48,
       SK_H_REFS = 0x50,
       SK_H_SEQ = 0x58,
       SK_H_MODIFIED = 0x60,
       SK_H_STATUS = 0x68, /* 32 bits */
       SK_H_RETIRE = 0x70
};

enum { /* ObKVStoreMemBlock: its constructor, alloc */
       SK_MB_POS = 0x08, /* low half: bytes used; high half: pairs */
       SK_MB_PAYLOAD = 0x10,
       SK_MB_BUFFER = 0x18,
       SK_PAIR_HEADER = 24
};

enum { /* ObKVCacheInst: its constructor, alloc_mbhandle, do_wash_mb, retire, refresh_score of the instances */
       SK_INST_CACHE = 0x00,
       SK_INST_TENANT = 0x08,
       SK_INST_CURRENT = 0x10, /* two */
       SK_INST_NODE_BLOCK = 0x88, /* of its allocator of map nodes */
       SK_INST_NODE_BYTES = 0x8d0,
       SK_INST_CONFIG = 0x900,
       SK_INST_SIZE = 0xd18,
       SK_INST_RETIRED = 0xd20,
       SK_INST_LRU = 0xd28,
       SK_INST_LFU = 0xd30,
       SK_INST_BASE = 0xd50,
       SK_INST_MB_LIST = 0xd78 /* ObTenantMBList *; its first member is a handle, the list's head */
};

enum { SK_LIST_RESOURCE = 0x78 }; /* of an ObTenantMBList: get_resource_handle */

enum { /* HazardDomain: its constructor, retire, reclaim */
       SK_DOM_TINY = 0x80, /* the allocator of hazard pointers */
       SK_DOM_BITS = 0x1c0,
       SK_DOM_BITS_DATA = 0x1d0,
       SK_DOM_BITS_COUNT = 0x1d8,
       SK_DOM_RETIRED = 0x340,
       SK_DOM_RETIRED_BYTES = 0x348
};

enum { /* HazptrHolder and HazardPointer: hazptr_protect */
       SK_HOLDER_BYTES = 64, /* 16 used */
       SK_HOLDER_SHARED = 0x08,
       SK_HP_HANDLE = 0x08
};

enum { /* RetireStation: purge_mb_handle_retire_station, RetireList::retire */
       SK_RS_FIRST = 0x18,
       SK_RS_STRIDE = 80,
       SK_RS_SLOTS = 2048,
       SK_RS_RETIRE_SIZE = 0x18,
       SK_RS_RETIRE_HEAD = 0x20,
       SK_RS_PREPARE_SIZE = 0x38,
       SK_RS_PREPARE_HEAD = 0x40
};

enum { /* ObKVGlobalCache: register_cache, init */
       SK_G_INITED = 0x08,
       SK_G_BUCKETS = 0x60, /* of the map: read for the memory table alone */
       SK_G_BUCKET_SIZE = 0x68,
       SK_G_STORE_FIRST = 0x40, /* the store is looked for by its vtable from here */
       SK_G_STORE_LAST = 0x800
};

enum { /* ObKVCacheConfig: register_cache */
       SK_CFG_BYTES = 152,
       SK_CFG_VALID = 0x00,
       SK_CFG_PRIORITY = 0x08,
       SK_CFG_MEMORY_PERCENT = 0x10,
       SK_CFG_NAME = 0x18
};

enum { SK_ARRAY_DATA = 0x08, SK_ARRAY_COUNT = 0x10 }; /* of numbers: compute_tenant_wash_size, which reads tenant ids */

enum { SK_INST_MAP_BYTES = 0x3000, SK_INST_HANDLE_BYTES = 64, SK_INST_HANDLE_INST = 0x10 };

#endif
