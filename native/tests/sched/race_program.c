/* Small programs for the race detector, one of which is run by name: threads that share something are ordered by it, or are
 * not. Each thread runs one function; what is written down in the tests is whether there is a race. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { THREADS = 3, MUTEXES = 64 };

#define STORE(p, v, order) __atomic_store_n(p, v, __ATOMIC_##order)
#define LOAD(p, order) __atomic_load_n(p, __ATOMIC_##order)

static _Alignas(8) int pair[2]; /* in one granule of the shadow */
static _Alignas(8) int again, turn;
static _Alignas(8) int data, more;
static _Alignas(16) unsigned long wide[2];
static _Alignas(8) pthread_spinlock_t locks[2];
static pthread_mutex_t mutexes[MUTEXES];

/* What data's value is does not matter, only that it is read. */
static void look(void) {
    *(volatile int *)&again = data;
}

static void put(void) {
    data = 1;
    STORE(&pair[0], 1, RELEASE);
}

static void put_and_say(void) {
    put();
    STORE(&turn, 1, RELAXED);
}

static void get(void) {
    if (LOAD(&pair[0], ACQUIRE) != 0) {
        look();
    }
}

static void get_by_neighbour(void) {
    if (LOAD(&turn, RELAXED) != 0) {
        (void)LOAD(&pair[1], ACQUIRE);
        look();
    }
}

static void get_by_both(void) {
    if ((int)LOAD((unsigned long *)pair, ACQUIRE) != 0) { /* the first of them */
        look();
    }
}

static void store_neighbour(void) {
    STORE(&pair[1], 1, RELAXED);
}

static void add_to_both(void) {
    (void)__atomic_fetch_add((unsigned long *)pair, 1UL << 32, __ATOMIC_RELAXED);
}

static void put_twice(void) {
    put();
    STORE(&pair[0], 2, RELAXED);
}

static void put_over(void) {
    if (LOAD(&pair[0], RELAXED) == 1) {
        STORE(&pair[0], 2, RELAXED);
    }
}

static void put_over_both(void) {
    if (LOAD(&pair[0], RELAXED) == 1) {
        STORE((unsigned long *)pair, 2UL, RELAXED);
    }
}

static void get_second(void) {
    if (LOAD(&pair[0], ACQUIRE) == 2) {
        look();
    }
}

static void count(int *own) {
    STORE(own, *own + 1, RELEASE);
    STORE(own, *own + 1, RELEASE);
}

static void count_first(void) {
    count(&pair[0]);
}

static void count_second(void) {
    count(&pair[1]);
}

static void add_locked(int i, int *to) {
    for (int k = 0; k < 3; k++) {
        pthread_spin_lock(&locks[i]);
        ++*to;
        pthread_spin_unlock(&locks[i]);
    }
}

static void lock_first(void) {
    add_locked(0, &data);
}

static void lock_second(void) {
    add_locked(1, &more);
}

static void put_wide(void) {
    data = 1;
    __atomic_store_n((unsigned __int128 *)wide, (unsigned __int128)1 << 64 | 1, __ATOMIC_RELEASE);
}

static void read_upper(void) {
    *(volatile int *)&again = (int)wide[1];
}

static void get_by_upper(void) {
    if (LOAD(&wide[1], ACQUIRE) != 0) {
        look();
    }
}

/* As the system leaves them that were waited for before the batch: with the length of its spinning. */
static __attribute__((constructor)) void have_waited(void) {
    for (int i = 0; i < MUTEXES; i++) {
        mutexes[i] = (pthread_mutex_t){.__data = {.__kind = PTHREAD_MUTEX_ADAPTIVE_NP, .__spins = (short)(i + 1)}};
    }
}

static void lock_adaptive(void) {
    put();
    for (int i = 0; i < MUTEXES; i++) {
        pthread_mutex_lock(&mutexes[i]);
        pthread_mutex_unlock(&mutexes[i]);
    }
    put();
}

static const struct {
    const char *name;
    void (*run[THREADS])(void);
} programs[] = {
    {"neighbour-acquired", {put_and_say, get_by_neighbour, NULL}},
    {"neighbour-stored", {put, store_neighbour, get}},
    {"both-acquired", {put, store_neighbour, get_by_both}},
    {"both-added-to", {put, add_to_both, get}},
    {"stored-twice", {put_twice, get_second, NULL}},
    {"stored-over", {put, put_over, get_second}},
    {"both-stored-over", {put, put_over_both, get_second}},
    {"own-read-plainly", {count_first, count_second, NULL}},
    {"spin-locks", {lock_first, lock_second, lock_first}},
    {"wide-half-read", {put_wide, read_upper, NULL}},
    {"wide-half-acquired", {put_wide, get_by_upper, NULL}},
    {"adaptive-mutexes", {lock_adaptive, get_by_neighbour, NULL}},
};
enum { PROGRAMS = sizeof programs / sizeof programs[0] };

static void *thread(void *function) {
    (*(void (*const *)(void))function)();
    return NULL;
}

static void run(void (*const functions[THREADS])(void)) {
    pthread_t threads[THREADS];
    pthread_spin_init(&locks[0], PTHREAD_PROCESS_PRIVATE);
    pthread_spin_init(&locks[1], PTHREAD_PROCESS_PRIVATE);
    int n = 0;
    for (; n < THREADS && functions[n] != NULL; n++) {
        pthread_create(&threads[n], NULL, thread, (void *)&functions[n]);
    }
    while (n > 0) {
        pthread_join(threads[--n], NULL);
    }
}

int main(int argc, char **argv) {
    for (int i = 0; i < PROGRAMS; i++) {
        if (argc > 1 && strcmp(argv[1], programs[i].name) == 0) {
            run(programs[i].run);
            return 0;
        }
    }
    fprintf(stderr, "there is no such program\n");
    return 1;
}
