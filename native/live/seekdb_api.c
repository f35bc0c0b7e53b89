/* Finds the database's module among what this process has loaded, and its functions by their exported names. */
#include "seekdb_api.h"

#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <string.h>

#include "../prim.h"

static const char module_name[] = "libseekdb_python";

static int note_module(struct dl_phdr_info *info, size_t size, void *path) {
    (void)size;
    const char *file = strrchr(info->dlpi_name, '/');
    if (strncmp(file != NULL ? file + 1 : info->dlpi_name, module_name, sizeof module_name - 1) != 0) {
        return 0;
    }
    snprintf(path, 4096, "%s", info->dlpi_name);
    return 1;
}

/* dlsym's results become function pointers by copying: ISO C has no conversion between the two. */
static bool look_up(void *module, const char *name, void *field, char *err, size_t err_len) {
    void *found = dlsym(module, name);
    if (found == NULL) {
        snprintf(err, err_len, "the database's module does not export %s, which version " SK_VERSION " does", name);
        return false;
    }
    memcpy(field, &found, sizeof found);
    return true;
}

static bool fill(sk_api *api, void *module, char *err, size_t err_len) {
#define LOOK_UP(field, name, result, args)                                                                             \
    if (!look_up(module, name, (void *)&api->field, err, err_len)) {                                                   \
        return false;                                                                                                  \
    }
    SK_FUNCTIONS(LOOK_UP)
#undef LOOK_UP
#define LOOK_UP(field, name)                                                                                           \
    if (!look_up(module, name, (void *)&api->field, err, err_len)) {                                                   \
        return false;                                                                                                  \
    }
    SK_OBJECTS(LOOK_UP)
#undef LOOK_UP
    return true;
}

static bool is_known(const sk_api *api, char *err, size_t err_len) {
    const char *version = api->build_version();
    if (version == NULL || strstr(version, SK_BUILD) == NULL) {
        snprintf(err, err_len, "the database's module is of build %.80s, only %.12s (version " SK_VERSION ") is known",
                 version != NULL ? version : "(unnamed)", SK_BUILD);
        return false;
    }
    return true;
}

const sk_api *sk_find(char *err, size_t err_len) {
    static prim_lock_t lock = {PTHREAD_MUTEX_INITIALIZER};
    static sk_api api;
    static bool found;
    char path[4096];
    prim_lock(&lock);
    if (!found) {
        if (dl_iterate_phdr(note_module, path) == 0) {
            snprintf(err, err_len, "no module %s is loaded in this process", module_name);
        } else {
            void *module = dlopen(path, RTLD_NOW | RTLD_NOLOAD); /* never given back: its functions stay in use */
            found = module != NULL && fill(&api, module, err, err_len) && is_known(&api, err, err_len);
        }
    }
    prim_unlock(&lock);
    return found ? &api : NULL;
}
