/* What the library's functions are allowed and forbidden: a case for each of them, named by the first argument. The table in
 * test_sched_native.py says what the runtime finds. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { LARGE = 100000 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_barrier_t barrier;
static pthread_key_t key;
static sem_t there, back;
static atomic_int first, turn;
static char text[8] = "abcd";
static char *memory;
static int waiting, gone, plain;

/* What the compiler must not see through. */
static void *opaque(void *p) {
    __asm__ volatile("" : "+r"(p) : : "memory");
    return p;
}

static void both(void *(*one)(void *), void *(*other)(void *)) {
    pthread_t threads[2];
    pthread_create(&threads[0], NULL, one, NULL);
    pthread_create(&threads[1], NULL, other, NULL);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
}

static void await_turn(int want) {
    while (atomic_load_explicit(&turn, memory_order_relaxed) != want) {
    }
}

static void next_turn(int value) {
    atomic_store_explicit(&turn, value, memory_order_relaxed);
}

/* ---- Memory ---- */

static void expect_zero(const char *p, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) {
        assert(p[i] == 0);
    }
}

static void *come_first(void *arg) {
    atomic_fetch_add(&first, 1);
    return arg;
}

/* The schedule decides, so that there is an execution with a copy before one that wants zeros at the same address. */
static void *copy_or_look(void *arg) {
    char *p = calloc(1, LARGE);
    if (atomic_load(&first) == 0) {
        memset(p, 'x', LARGE - 1);
        char *q = realloc(p, 4 * LARGE), *copy = strdup(q);
        free(q);
        free(copy);
    } else {
        char *q = calloc(1, 4 * LARGE);
        expect_zero(q, 4 * LARGE);
        free(p);
        free(q);
    }
    return arg;
}

static void copies_are_cleared(void) {
    both(come_first, copy_or_look);
}

static void what_the_system_writes_is_cleared(void) {
    char *p = calloc(1, LARGE);
    expect_zero(p, LARGE);
    int file = open("/proc/self/exe", O_RDONLY);
    assert(read(file, p, LARGE) == LARGE);
    close(file);
    free(p);
}

/* The usual way to get an aligned mapping: twice as much, and both ends given back. */
static char *aligned_mapping(size_t bytes) {
    char *p = mmap(NULL, 2 * bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *q = (char *)(((uintptr_t)p + bytes - 1) / bytes * bytes);
    assert(q == p || munmap(p, (size_t)(q - p)) == 0);
    assert(munmap(q + bytes, (size_t)(p + bytes - q)) == 0);
    q[0] = q[bytes - 1] = 1;
    return q;
}

static void mapping_is_trimmed(void) {
    munmap(aligned_mapping(1 << 20), 1 << 20);
    munmap(aligned_mapping(8 << 10), 8 << 10);
}

static void trimmed_part_is_used(void) {
    *(char *)opaque(aligned_mapping(1 << 20) + (1 << 20)) = 1;
}

static void rest_is_not_unmapped(void) {
    (void)opaque(aligned_mapping(1 << 20));
}

static void mapping_is_unmapped_twice(void) {
    char *p = opaque(aligned_mapping(1 << 20));
    munmap(p, 1 << 20);
    munmap(p, 1 << 20);
}

static void *write_inside(void *arg) {
    memory[LARGE / 2] = 1;
    next_turn(1);
    return arg;
}

static void *free_memory(void *arg) {
    await_turn(1);
    free(memory);
    return arg;
}

static void large_object_is_freed_unordered(void) {
    memory = malloc(LARGE);
    both(write_inside, free_memory);
}

static void *write_under_lock(void *arg) {
    pthread_mutex_lock(&mutex);
    memset(memory, 1, LARGE);
    waiting = 1;
    pthread_mutex_unlock(&mutex);
    return arg;
}

static void *free_under_lock(void *arg) {
    pthread_mutex_lock(&mutex);
    if (waiting) {
        free(memory);
        memory = NULL;
    }
    pthread_mutex_unlock(&mutex);
    return arg;
}

static void large_object_is_freed_in_order(void) {
    memory = malloc(LARGE);
    both(write_under_lock, free_under_lock);
    free(memory);
}

static void far_behind_a_large_object(void) {
    char *p = malloc(LARGE);
    *(char *)opaque(p + LARGE + 4096) = 1;
    free(p);
}

/* ---- Strings ---- */

static void memchr_stops_at_the_match(void) {
    char *p = malloc(8);
    strcpy(p, "abc");
    volatile size_t n = 1000;
    assert(memchr(p, 0, n) == p + 3);
    free(p);
}

static void memchr_finds_nothing(void) {
    char *p = malloc(8);
    memset(p, 'a', 8);
    volatile size_t n = 9;
    (void)opaque(memchr(p, 'b', n));
    free(p);
}

static void *compare(void *arg) {
    const char *other = opaque("xyz");
    volatile size_t n = 4;
    assert(strcmp(text, other) < 0 && strncmp(text, other, n) < 0);
    return arg;
}

static void *write_behind(void *arg) {
    text[1] = 'B';
    return arg;
}

static void *write_at_once(void *arg) {
    text[0] = 'A';
    return arg;
}

static void strings_differ_before_the_write(void) {
    both(compare, write_behind);
}

static void strings_differ_at_the_write(void) {
    both(compare, write_at_once);
}

/* ---- Conditions, barriers, locks, keys ---- */

static void *wait_until_gone(void *arg) {
    pthread_mutex_lock(&mutex);
    while (!gone) {
        waiting = 1;
        pthread_cond_wait(&changed, &mutex);
    }
    pthread_mutex_unlock(&mutex);
    return arg;
}

static void *wake_and_destroy(void *arg) {
    pthread_mutex_lock(&mutex);
    gone = 1;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
    pthread_cond_destroy(&changed);
    return arg;
}

static void condition_is_destroyed_after_a_broadcast(void) {
    both(wait_until_gone, wake_and_destroy);
}

static void *destroy_when_waited_for(void *arg) {
    pthread_mutex_lock(&mutex);
    if (waiting) {
        pthread_cond_destroy(&changed);
    }
    gone = 1;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
    return arg;
}

static void condition_is_destroyed_under_a_waiter(void) {
    both(wait_until_gone, destroy_when_waited_for);
}

static void *arrive_and_make_again(void *arg) {
    if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD) {
        pthread_barrier_destroy(&barrier);
        pthread_barrier_init(&barrier, NULL, 2);
    }
    return arg;
}

static void barrier_is_made_again_by_one(void) {
    pthread_barrier_init(&barrier, NULL, 2);
    both(arrive_and_make_again, arrive_and_make_again);
}

static void *write_between_rounds(void *arg) {
    pthread_barrier_wait(&barrier);
    plain = 1;
    next_turn(1);
    pthread_barrier_wait(&barrier);
    return arg;
}

static void *read_between_rounds(void *arg) {
    pthread_barrier_wait(&barrier);
    await_turn(1);
    waiting = plain;
    pthread_barrier_wait(&barrier);
    return arg;
}

/* The writer's arrival at the second round says nothing to a reader that leaves the first one late. */
static void barrier_orders_its_own_round_only(void) {
    pthread_barrier_init(&barrier, NULL, 2);
    both(read_between_rounds, write_between_rounds);
}

static void *write_in_the_first_round(void *arg) {
    plain = 1;
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    waiting = plain;
    return arg;
}

static void *write_in_the_second_round(void *arg) {
    pthread_barrier_wait(&barrier);
    plain++;
    pthread_barrier_wait(&barrier);
    return arg;
}

static void barrier_orders_rounds(void) {
    pthread_barrier_init(&barrier, NULL, 2);
    both(write_in_the_first_round, write_in_the_second_round);
}

static void *read_lock(void *arg) {
    pthread_rwlock_rdlock(&rwlock);
    next_turn(1);
    await_turn(2);
    return arg;
}

static void *unlock_the_other_s(void *arg) {
    await_turn(1);
    pthread_rwlock_unlock(&rwlock);
    next_turn(2);
    return arg;
}

static void read_lock_is_given_back_by_another(void) {
    both(read_lock, unlock_the_other_s);
}

static void *read_lock_twice(void *arg) {
    pthread_rwlock_rdlock(&rwlock);
    pthread_rwlock_rdlock(&rwlock);
    pthread_rwlock_unlock(&rwlock);
    pthread_rwlock_unlock(&rwlock);
    return arg;
}

static void read_locks_are_nested(void) {
    both(read_lock_twice, read_lock_twice);
    pthread_rwlock_wrlock(&rwlock);
    pthread_rwlock_unlock(&rwlock);
    pthread_rwlock_destroy(&rwlock);
    pthread_rwlock_init(&rwlock, NULL);
    pthread_rwlock_rdlock(&rwlock);
    pthread_rwlock_unlock(&rwlock);
}

static void destroyed_read_lock_is_taken(void) {
    pthread_rwlock_destroy(&rwlock);
    pthread_rwlock_rdlock(&rwlock);
}

static void *set_and_get(void *arg) {
    pthread_setspecific(key, arg != NULL ? arg : text);
    sem_post(&there);
    sem_wait(&back);
    assert(pthread_getspecific(key) == NULL);
    return arg;
}

static void *make_key_again(void *arg) {
    sem_wait(&there);
    pthread_key_delete(key);
    pthread_key_create(&key, NULL);
    sem_post(&back);
    return arg;
}

static void key_is_made_again(void) {
    sem_init(&there, 0, 0);
    sem_init(&back, 0, 0);
    pthread_key_create(&key, NULL);
    both(set_and_get, make_key_again);
}

/* ---- Time and chance ---- */

static void futex_waits_until_the_epoch(void) {
    static int word;
    struct timespec epoch = {0};
    long rc =
        syscall(SYS_futex, &word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, 0, &epoch, NULL, FUTEX_BITSET_MATCH_ANY);
    assert(rc == -1 && errno == ETIMEDOUT);
}

static void *freed(void) {
    void *p = malloc(16);
    free(p);
    return opaque(p);
}

static void getrandom_into_freed_memory(void) {
    (void)!getrandom(freed(), 16, 0);
}

static void getentropy_into_freed_memory(void) {
    (void)!getentropy(freed(), 16);
}

static void clock_gettime_into_freed_memory(void) {
    clock_gettime(CLOCK_MONOTONIC, freed());
}

static void timespec_get_into_freed_memory(void) {
    (void)timespec_get(freed(), TIME_UTC);
}

static void gettimeofday_into_freed_memory(void) {
    gettimeofday(freed(), NULL);
}

static void time_into_freed_memory(void) {
    time(freed());
}

#define CASE(name) {#name, name}

static const struct {
    const char *name;
    void (*run)(void);
} cases[] = {
    CASE(copies_are_cleared),
    CASE(what_the_system_writes_is_cleared),
    CASE(mapping_is_trimmed),
    CASE(trimmed_part_is_used),
    CASE(rest_is_not_unmapped),
    CASE(mapping_is_unmapped_twice),
    CASE(large_object_is_freed_unordered),
    CASE(large_object_is_freed_in_order),
    CASE(far_behind_a_large_object),
    CASE(memchr_stops_at_the_match),
    CASE(memchr_finds_nothing),
    CASE(strings_differ_before_the_write),
    CASE(strings_differ_at_the_write),
    CASE(condition_is_destroyed_after_a_broadcast),
    CASE(condition_is_destroyed_under_a_waiter),
    CASE(barrier_is_made_again_by_one),
    CASE(barrier_orders_its_own_round_only),
    CASE(barrier_orders_rounds),
    CASE(read_lock_is_given_back_by_another),
    CASE(read_locks_are_nested),
    CASE(destroyed_read_lock_is_taken),
    CASE(key_is_made_again),
    CASE(futex_waits_until_the_epoch),
    CASE(getrandom_into_freed_memory),
    CASE(getentropy_into_freed_memory),
    CASE(clock_gettime_into_freed_memory),
    CASE(timespec_get_into_freed_memory),
    CASE(gettimeofday_into_freed_memory),
    CASE(time_into_freed_memory),
};

int main(int argc, char **argv) {
    for (size_t i = 0; argc == 2 && i < sizeof cases / sizeof cases[0]; i++) {
        if (strcmp(argv[1], cases[i].name) == 0) {
            cases[i].run();
            return 0;
        }
    }
    return 2;
}
