/* The checker: judges the instant invariants while threads run, from a thread or a process of its own.
 *
 * It waits at the reading end of a pipe with a time-out: a bell that a thread and a forked process hear alike, and that
 * a process that dies leaves in order, as a condition variable in shared memory would not be.
 */
#include "execution.h"
#include "fault_plan.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

bool checker_make_bell(int bell[2]) {
    return pipe2(bell, O_CLOEXEC) == 0;
}

void checker_ring(const int bell[2]) {
    while (write(bell[1], "", 1) < 0 && errno == EINTR) {
    }
}

void checker_run(rw_execution *ex, int bell) {
    struct pollfd heard = {.fd = bell, .events = POLLIN};
    faults_be_lane(ex->faults, FAULT_OFF);
    if (!crew_await_start(ex->shared)) {
        return;
    }
    do { /* at once: many programs are over before the first time-out is */
        ex->target->check(ex->core, RW_INSTANT);
    } while (poll(&heard, 1, ex->plan->check_every_ms) <= 0);
}

/* ---- In this process ---- */

typedef struct listener {
    rw_execution *ex;
    int bell;
} listener;

static void *listener_main(void *arg) {
    const listener *own = arg;
    checker_run(own->ex, own->bell);
    return NULL;
}

void checker_run_beside_crew(rw_execution *ex) {
    int bell[2];
    if (ex->plan->check_every_ms <= 0) {
        crew_run(ex, 0, 1);
        return;
    }
    if (!checker_make_bell(bell)) {
        crew_halt(ex->shared, HALT_SYSTEM);
        return;
    }
    pthread_t thread;
    listener own = {.ex = ex, .bell = bell[0]};
    if (pthread_create(&thread, NULL, listener_main, &own) != 0) {
        crew_halt(ex->shared, HALT_SYSTEM);
    } else {
        crew_run(ex, 0, 1);
        checker_ring(bell);
        pthread_join(thread, NULL);
    }
    close(bell[0]);
    close(bell[1]);
}
