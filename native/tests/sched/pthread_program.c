/* A plain pthread program that knows nothing of the scheduled runtime: it uses one of everything. */
#define _GNU_SOURCE
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 3 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static pthread_barrier_t barrier;
static pthread_spinlock_t spin;
static sem_t turns;
static int counted, initialised, plain, spun, destroyed;
static _Thread_local int mine;
static _Thread_local atomic_int own_steps; /* whose address is another one in each process */
static atomic_int ended;
static mtx_t c11_mutex;
static cnd_t c11_changed;
static once_flag c11_once = ONCE_FLAG_INIT;

static void destroy_value(void *value) {
    pthread_mutex_lock(&mutex);
    destroyed++;
    pthread_mutex_unlock(&mutex);
    free(value);
}

static void initialise(void) {
    pthread_key_create(&key, destroy_value);
    initialised++;
}

static void *worker(void *arg) {
    int self = (int)(long)arg;
    pthread_once(&once, initialise);
    pthread_setspecific(key, strdup("of this thread"));
    mine = self;
    atomic_fetch_add(&own_steps, 1);
    errno = self + 1000;
    sem_wait(&turns);
    pthread_mutex_lock(&mutex);
    counted++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
    sem_post(&turns);
    pthread_barrier_wait(&barrier);
    pthread_rwlock_rdlock(&rwlock);
    int before = plain;
    pthread_rwlock_unlock(&rwlock);
    pthread_rwlock_wrlock(&rwlock);
    plain++;
    pthread_rwlock_unlock(&rwlock);
    usleep(10);
    pthread_spin_lock(&spin);
    spun++;
    pthread_spin_unlock(&spin);
    assert(mine == self && errno == self + 1000 && before >= 0);
    if (self == 1) {
        pthread_exit(arg);
    }
    ended++;
    return arg;
}

static void c11_initialise(void) {
    mtx_init(&c11_mutex, mtx_plain | mtx_recursive);
    cnd_init(&c11_changed);
}

static int c11_worker(void *arg) {
    call_once(&c11_once, c11_initialise);
    mtx_lock(&c11_mutex);
    mtx_lock(&c11_mutex);
    ++*(int *)arg;
    mtx_unlock(&c11_mutex);
    cnd_signal(&c11_changed);
    mtx_unlock(&c11_mutex);
    return 7;
}

static void use_c11(void) {
    int value = 0, result;
    thrd_t thread;
    call_once(&c11_once, c11_initialise);
    thrd_create(&thread, c11_worker, &value);
    mtx_lock(&c11_mutex);
    while (value == 0) {
        cnd_wait(&c11_changed, &c11_mutex);
    }
    mtx_unlock(&c11_mutex);
    thrd_join(thread, &result);
    assert(result == 7);
    mtx_destroy(&c11_mutex);
}

static void use_timeouts(void) {
    struct timespec until, later;
    pthread_mutex_t checked;
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
    pthread_mutex_init(&checked, &attr);
    assert(pthread_mutex_unlock(&checked) == EPERM);
    pthread_mutex_lock(&checked);
    assert(pthread_mutex_lock(&checked) == EDEADLK && pthread_mutex_trylock(&checked) == EBUSY);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 5;
    assert(pthread_cond_timedwait(&changed, &checked, &until) == ETIMEDOUT);
    clock_gettime(CLOCK_REALTIME, &later);
    assert(later.tv_sec >= until.tv_sec);
    pthread_mutex_unlock(&checked);
    pthread_mutex_destroy(&checked);
}

int main(void) {
    pthread_t threads[THREADS];
    pthread_barrier_init(&barrier, NULL, THREADS);
    pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE);
    sem_init(&turns, 0, 1);
    for (long i = 0; i < THREADS; i++) {
        pthread_create(&threads[i], NULL, worker, (void *)i);
    }
    pthread_mutex_lock(&mutex);
    while (counted < THREADS) {
        pthread_cond_wait(&changed, &mutex);
    }
    pthread_mutex_unlock(&mutex);
    for (long i = 0; i < THREADS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        assert(result == (void *)i);
    }
    use_c11();
    use_timeouts();
    assert(own_steps == 0);
    assert(ended == THREADS - 1 && initialised == 1 && destroyed == THREADS && plain == THREADS && spun == THREADS);
    return 0;
}
