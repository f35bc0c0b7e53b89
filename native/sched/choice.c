/* The log's memory, and the set of schedules seen in a batch. */
#include "choice.h"

#include <string.h>
#include <sys/mman.h>

enum { SET_BITS = 23, SET_SIZE = 1 << SET_BITS, SET_MAX = SET_SIZE / 2 };

rs_log choices RS_STATE;
static rs_choice *copied RS_STATE;
static struct {
    uint64_t *hashes; /* open addressing; 0: free */
    int64_t cnt;
} seen RS_STATE;

static void *reserve(uint64_t bytes) {
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

bool choice_room(int32_t max) {
    if (choices.at != NULL && choices.max != max) {
        munmap(choices.at, 2 * (uint64_t)choices.max * sizeof *choices.at);
        choices.at = NULL;
    }
    if (choices.at == NULL) {
        choices.at = reserve(2 * (uint64_t)max * sizeof *choices.at); /* and a copy */
        choices.max = max;
        copied = choices.at + max;
    }
    if (seen.hashes == NULL) {
        seen.hashes = reserve(SET_SIZE * sizeof *seen.hashes);
    }
    return choices.at != NULL && seen.hashes != NULL;
}

rs_choice *choice_copy(void) {
    return memcpy(copied, choices.at, (uint64_t)choices.cnt * sizeof *copied);
}

void distinct_begin(void) {
    if (seen.cnt > 0) {
        (void)madvise(seen.hashes, SET_SIZE * sizeof *seen.hashes, MADV_DONTNEED);
    }
    seen.cnt = 0;
}

bool distinct_add(uint64_t hash) {
    hash += hash == 0;
    uint64_t i = (hash * UINT64_C(0xD6E8FEB86659FD93)) >> (64 - SET_BITS);
    while (seen.hashes[i] != 0) {
        if (seen.hashes[i] == hash) {
            return false;
        }
        i = (i + 1) & (SET_SIZE - 1);
    }
    if (seen.cnt >= SET_MAX) {
        return false;
    }
    seen.hashes[i] = hash;
    seen.cnt++;
    return true;
}

int64_t distinct_count(void) {
    return seen.cnt;
}

bool distinct_full(void) {
    return seen.cnt >= SET_MAX;
}
