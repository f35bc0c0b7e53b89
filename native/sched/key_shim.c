/* Thread-specific values: pthread keys and C11's. Keys made before a batch stay; those of an execution end with it. */
#include <pthread.h>
#include <string.h>
#include <threads.h>

#include "shim.h"

enum { KEYS = 64, DESTRUCTOR_ROUNDS = 4 };
typedef struct rs_key {
    void (*destructor)(void *);
    bool used;
} rs_key;

static struct {
    rs_key keys[KEYS], kept[KEYS]; /* now, and when the batch began */
    bool changed; /* in this execution */
    void *outside[KEYS]; /* values of whoever runs outside of executions */
} threads RS_STATE;

void thread_begin_batch(void) {
    memcpy(threads.kept, threads.keys, sizeof threads.kept);
}

void thread_begin(void) {
    if (threads.changed) {
        memcpy(threads.keys, threads.kept, sizeof threads.keys);
        threads.changed = false;
    }
}

static void **value_at(unsigned key) {
    if (!rt.active) {
        return &threads.outside[key];
    }
    rs_fiber *f = rt.cur;
    for (; f->key_cnt <= (int32_t)key; f->key_cnt++) {
        f->keys[f->key_cnt] = NULL;
    }
    return &f->keys[key];
}

/* A key that is used again has no value in any thread. */
static void forget_values(unsigned key) {
    threads.outside[key] = NULL;
    for (int32_t i = 0; rt.active && i < rt.fiber_cnt; i++) {
        if ((int32_t)key < rt.fibers[i]->key_cnt) {
            rt.fibers[i]->keys[key] = NULL;
        }
    }
}

int SHIM(pthread_key_create)(pthread_key_t *key, void (*destructor)(void *)) {
    for (unsigned i = 0; i < KEYS; i++) {
        if (!threads.keys[i].used) {
            threads.keys[i] = (rs_key){.destructor = destructor, .used = true};
            threads.changed = true;
            *key = i;
            forget_values(i);
            return 0;
        }
    }
    return EAGAIN;
}

int SHIM(pthread_key_delete)(pthread_key_t key) {
    if (key >= KEYS || !threads.keys[key].used) {
        return EINVAL;
    }
    threads.keys[key].used = false;
    threads.changed = true;
    return 0;
}

void *SHIM(pthread_getspecific)(pthread_key_t key) {
    return key < KEYS ? *value_at(key) : NULL;
}

int SHIM(pthread_setspecific)(pthread_key_t key, const void *value) {
    if (key >= KEYS || !threads.keys[key].used) {
        return EINVAL;
    }
    *value_at(key) = (void *)(uintptr_t)value;
    return 0;
}

void thread_run_destructors(void) {
    rs_fiber *f = rt.cur;
    bool again = f->key_cnt > 0;
    for (int round = 0; again && round < DESTRUCTOR_ROUNDS; round++) {
        again = false;
        for (int32_t i = 0; i < f->key_cnt; i++) {
            void *value = f->keys[i];
            if (value != NULL && threads.keys[i].used && threads.keys[i].destructor != NULL) {
                f->keys[i] = NULL;
                threads.keys[i].destructor(value);
                again = true;
            }
        }
    }
}

/* ---- C11 ---- */

int SHIM(tss_create)(tss_t *key, tss_dtor_t destructor) {
    return SHIM(pthread_key_create)(key, destructor) == 0 ? thrd_success : thrd_error;
}

void SHIM(tss_delete)(tss_t key) {
    (void)SHIM(pthread_key_delete)(key);
}

void *SHIM(tss_get)(tss_t key) {
    return SHIM(pthread_getspecific)(key);
}

int SHIM(tss_set)(tss_t key, void *value) {
    return SHIM(pthread_setspecific)(key, value) == 0 ? thrd_success : thrd_error;
}
