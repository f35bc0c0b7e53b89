/* Findings of a batch: the same defect is kept once and counted.
 *
 * Kept under a key that needs no stacks: the kind and where the code under test was when it was noticed (a violation: its
 * id and line; a leak: where the object was made). What a second run says replaces message and stacks.
 */
#include <string.h>
#include <sys/mman.h>

#include "choice.h"
#include "finding_private.h"
#include "strategy.h"

enum { KEEP_DEFAULT = 32 };

static bool reserve(void **p, uint64_t bytes) {
    void *q = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    *p = q == MAP_FAILED ? NULL : q;
    return *p != NULL;
}

void findings_begin_batch(int32_t max) {
    found.kept_max = max > 0 ? max : KEEP_DEFAULT;
    if (found.kept_max > found.kept_room) {
        void *kept, *lists;
        uint64_t room = (uint64_t)found.kept_max * (uint64_t)choices.max;
        if (reserve(&kept, (uint64_t)found.kept_max * sizeof(noted)) && reserve(&lists, room * sizeof(rs_choice))) {
            found.kept = kept;
            found.lists = lists;
            found.lists_room = room;
            found.kept_room = found.kept_max;
        }
    }
    found.kept_max = found.kept_max < found.kept_room ? found.kept_max : found.kept_room;
    found.kept_cnt = 0;
    found.lists_used = 0;
}

void findings_begin(void) {
    found.now_cnt = 0;
}

static noted *kept_as(uint64_t key) {
    for (int32_t i = 0; i < found.kept_cnt; i++) {
        if (found.kept[i].key == key) {
            return &found.kept[i];
        }
    }
    return NULL;
}

static bool keep(const noted *n) {
    if (found.kept_cnt == found.kept_max || found.lists_used + (uint64_t)choices.cnt > found.lists_room) {
        return false;
    }
    noted *k = &found.kept[found.kept_cnt++];
    *k = *n;
    k->finding.count = 1;
    k->finding.address = rs_normal(n->finding.address);
    k->finding.choice_cnt = choices.cnt;
    k->finding.choices = found.lists + found.lists_used;
    k->finding.trace_hash = rt.hash;
    k->finding.calibration[0] = calibration.steps;
    memcpy(found.lists + found.lists_used, choices.at, (uint64_t)choices.cnt * sizeof(rs_choice));
    found.lists_used += (uint64_t)choices.cnt;
    return true;
}

int32_t findings_end(int32_t *fresh) {
    *fresh = 0;
    for (int32_t i = 0; i < found.now_cnt; i++) {
        noted *k = kept_as(found.now[i].key);
        if (k != NULL) {
            k->finding.count++;
        } else {
            *fresh += keep(&found.now[i]);
        }
    }
    return found.now_cnt;
}

/* What is noted needs a little stack: one that overflows may do so a call earlier. */
void findings_explained(bool same) {
    for (int32_t i = 0; i < found.now_cnt; i++) {
        noted *k = kept_as(found.now[i].key);
        bool shown = same || found.now[i].finding.kind == RS_F_OVERFLOW;
        if (k != NULL && shown && !k->finding.confirmed) {
            k->finding.confirmed = 1;
            memcpy(k->finding.message, found.now[i].finding.message, sizeof k->finding.message);
            memcpy(k->finding.stacks, found.now[i].finding.stacks, sizeof k->finding.stacks);
        }
    }
}

const rs_finding *findings_all(int32_t *cnt) {
    /* Callers see an array of findings without the keys. */
    rs_finding *out = (rs_finding *)found.kept;
    for (int32_t i = 0; i < found.kept_cnt; i++) {
        memmove(&out[i], &found.kept[i].finding, sizeof out[i]);
    }
    *cnt = found.kept_cnt;
    return out;
}

int32_t findings_now(const rs_finding **out, int32_t i) {
    *out = i < found.now_cnt ? &found.now[i].finding : NULL;
    return found.now_cnt;
}
