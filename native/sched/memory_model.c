/* The table of memory models. */
#include "memory_model.h"

#include <string.h>

static const struct {
    const char *name;
    const rs_memory_model *model;
} models[] = {{"sc", NULL}};
enum { MODELS = sizeof models / sizeof models[0] };

bool memory_model_find(const char *name, const rs_memory_model **model) {
    for (int32_t i = 0; i < MODELS; i++) {
        if (name == NULL || strcmp(name, models[i].name) == 0) {
            *model = models[i].model;
            return true;
        }
    }
    return false;
}

RW_EXPORT const char *rs_memory_model_name(int32_t i) {
    return i >= 0 && i < MODELS ? models[i].name : NULL;
}
