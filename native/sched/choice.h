/* The one log of choices of the execution under way; its schedule hash tells schedules apart. */
#ifndef RACEWASH_CHOICE_H
#define RACEWASH_CHOICE_H

#include "sched.h"

typedef struct rs_log {
    rs_choice *at;
    int32_t cnt, max;  /* entries beyond max are counted in `lost`, not kept */
    int32_t lost;
    uint64_t hash;
} rs_log;

extern rs_log choices;

/* Room for so many; `log`: NULL, or where they are written instead of into memory of ours. */
bool choice_room(int32_t max, rs_choice *log);
/* A copy of the log, valid until the next call. */
rs_choice *choice_copy(void);
static inline void choice_begin(void) {
    choices.cnt = choices.lost = 0;
    rt.told->choices = 0;
    choices.hash = UINT64_C(0xCBF29CE484222325);
}

/* A choice that differs from the default, made at this step. */
static inline void choice_note(uint64_t step, uint32_t kind, uint32_t value) {
    rs_choice c = {.step = (uint32_t)step, .kind = (uint16_t)kind, .value = (uint16_t)value};
    choices.hash = (choices.hash ^ (step << 24 | (uint64_t)value << 8 | kind)) * UINT64_C(0x9E3779B97F4A7C15);
    choices.hash ^= choices.hash >> 32;
    if (likely(choices.cnt < choices.max)) {
        choices.at[choices.cnt++] = c;
        rt.told->choices = (uint64_t)choices.cnt;
    } else {
        choices.lost++;
    }
}

/* Count a hash in the set of those seen: true when it is new. Beyond the set's size nothing is new. */
bool distinct_add(uint64_t hash);
void distinct_begin(void);
int64_t distinct_count(void);
bool distinct_full(void);

#endif
