/* Memory block: pairs placed by one compare-exchange of position and count together (A5).
 *
 * Every operation on atomic_pos is relaxed. The block is published by its handle (status, release) and a pair by its map
 * node, each after it was written; the word itself only divides the payload, for which its own modification order is
 * enough: two successful compare-exchanges never start from the same position.
 * Source: OceanBase seekdb, src/share/cache/ob_kvcache_struct.h (ObKVMemBlockHandle, ObKVStoreMemBlock).
 */
#include "mem_block.h"

enum { MB_ALIGN = 8 };

static uint32_t pos_of(uint64_t word) {
    return (uint32_t)word;
}

void mb_init(kv_mem_block *mb, uint64_t hold) {
    mb->payload = hold > sizeof *mb ? hold - sizeof *mb : 0;
    mb->hold = hold;
    mb->reserved = 0;
    at_store(&mb->atomic_pos, 0, relaxed);
}

uint64_t mb_pair_bytes(uint32_t key_len, uint32_t value_len) {
    uint64_t bytes = KV_PAIR_HEADER + (uint64_t)key_len + value_len;
    return (bytes + MB_ALIGN - 1) / MB_ALIGN * MB_ALIGN;
}

kv_pair *mb_alloc(kv_mem_block *mb, uint32_t key_len, uint32_t value_len) {
    uint64_t bytes = mb_pair_bytes(key_len, value_len);
    uint64_t room = mb->payload < UINT32_MAX ? mb->payload : UINT32_MAX; /* the position has 32 bits */
    uint64_t old = at_load(&mb->atomic_pos, relaxed);
    do {
        if (bytes > room - pos_of(old)) {
            return NULL;
        }
    } while (!at_cas_weak(&mb->atomic_pos, &old, old + bytes + (UINT64_C(1) << 32), relaxed, relaxed));
    char *at = (char *)(mb + 1) + pos_of(old);
    kv_pair *pair = (kv_pair *)at;
    pair->magic = KV_PAIR_MAGIC;
    pair->size = (uint32_t)bytes;
    pair->key = at + KV_PAIR_HEADER;
    pair->value = at + KV_PAIR_HEADER + key_len;
    return pair;
}

uint64_t mb_used(const kv_mem_block *mb) {
    return pos_of(at_load(&mb->atomic_pos, relaxed));
}

uint64_t mb_pairs(const kv_mem_block *mb) {
    return at_load(&mb->atomic_pos, relaxed) >> 32;
}
