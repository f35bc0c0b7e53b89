/* Main leaves by pthread_exit: the other threads go on, one joins it, and what is wrong at the process's end is found. */
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

static atomic_int ended;

static void at_the_end(void) {
    assert(ended != 2); /* both have, in every order */
}

static void *join(void *main_thread) {
    void *result;
    pthread_join(*(pthread_t *)main_thread, &result);
    assert(result == &ended);
    atomic_fetch_add(&ended, 1);
    return NULL;
}

static void *work(void *arg) {
    atomic_fetch_add(&ended, 1);
    return arg;
}

int main(void) {
    static pthread_t self;
    pthread_t threads[2];
    self = pthread_self();
    atexit(at_the_end);
    pthread_create(&threads[0], NULL, join, &self);
    pthread_create(&threads[1], NULL, work, NULL);
    pthread_detach(threads[1]);
    pthread_exit(&ended);
}
