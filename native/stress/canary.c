/* Planted defects: a worker of a sanitizer build must see its report of one before it may say that it found nothing. */
#include <pthread.h>
#include <stdlib.h>

#include "stress.h"

/* Not inlined and of an unknown place, so that the access stays an access. No volatile: its accesses may be
 * instrumented apart. */
static __attribute__((noinline)) void touch(char *p) {
    *p = (char)(*p + 1);
    __asm__ volatile("" : : "r"(p) : "memory");
}

static void *touch_in_thread(void *arg) {
    touch(arg);
    return NULL;
}

/* Creation orders what was before it, the join what comes after: between them nothing orders the two accesses, in
 * whichever order they happen. */
RW_EXPORT void rw_canary_race(void) {
    char raced = 0;
    pthread_t thread;
    if (pthread_create(&thread, NULL, touch_in_thread, &raced) == 0) {
        touch(&raced);
        pthread_join(thread, NULL);
    }
}

/* One byte past the end; of so small a block that it stays within what malloc reserves where nobody checks. */
RW_EXPORT void rw_canary_overflow(void) {
    size_t bytes = 8;
    char *block = calloc(1, bytes);
    __asm__ volatile("" : "+r"(bytes)); /* from here on the compiler knows neither the size nor the place */
    if (block != NULL) {
        touch(block + bytes);
        free(block);
    }
}
