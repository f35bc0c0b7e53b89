/* The log's memory, and the set of schedules seen in a batch. */
#include "choice.h"

#include <string.h>
#include <sys/mman.h>

/* The set grows as it fills, so that short batches stay within the processor's cache. */
enum { SET_FIRST = 14, SET_LAST = 23 };

rs_log choices RS_STATE;
static rs_choice *own RS_STATE, *copied RS_STATE;
static struct {
    uint64_t *hashes; /* open addressing; 0: free */
    int32_t bits;     /* of them are in use */
    int64_t cnt;
} seen RS_STATE;

static void *reserve(uint64_t bytes) {
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

bool choice_room(int32_t max, rs_choice *log) {
    if (own != NULL && choices.max != max) {
        munmap(own, 2 * (uint64_t)choices.max * sizeof *own);
        own = NULL;
    }
    if (own == NULL) {
        own = reserve(2 * (uint64_t)max * sizeof *own); /* and a copy */
        choices.max = max;
        copied = own + max;
    }
    choices.at = log != NULL ? log : own;
    if (seen.hashes == NULL) {
        seen.hashes = reserve((UINT64_C(2) << SET_LAST) * sizeof *seen.hashes) /* and room to grow */;
    }
    return own != NULL && seen.hashes != NULL;
}

rs_choice *choice_copy(void) {
    return memcpy(copied, choices.at, (uint64_t)choices.cnt * sizeof *copied);
}

void distinct_begin(void) {
    memset(seen.hashes, 0, (UINT64_C(1) << seen.bits) * sizeof *seen.hashes * (seen.cnt > 0));
    seen.bits = SET_FIRST;
    seen.cnt = 0;
}

static bool put(uint64_t hash) {
    uint64_t mask = (UINT64_C(1) << seen.bits) - 1;
    uint64_t i = (hash * UINT64_C(0xD6E8FEB86659FD93)) >> (64 - seen.bits);
    while (seen.hashes[i] != 0) {
        if (seen.hashes[i] == hash) {
            return false;
        }
        i = (i + 1) & mask;
    }
    seen.hashes[i] = hash;
    return true;
}

/* Twice the size: the old contents are moved out of the way, behind the new set's end, and put in again. */
static void grow(void) {
    uint64_t size = UINT64_C(1) << seen.bits, *old = seen.hashes + 2 * size;
    memcpy(old, seen.hashes, size * sizeof *old);
    memset(seen.hashes, 0, size * sizeof *old);
    seen.bits++;
    for (uint64_t i = 0; i < size; i++) {
        if (old[i] != 0) {
            (void)put(old[i]);
        }
    }
    memset(old, 0, size * sizeof *old);
}

bool distinct_add(uint64_t hash) {
    if (seen.cnt * 2 >= INT64_C(1) << seen.bits) {
        if (seen.bits == SET_LAST) {
            return false;
        }
        grow();
    }
    bool fresh = put(hash + (hash == 0));
    seen.cnt += fresh;
    return fresh;
}

int64_t distinct_count(void) {
    return seen.cnt;
}

bool distinct_full(void) {
    return seen.cnt * 2 >= INT64_C(1) << SET_LAST;
}
