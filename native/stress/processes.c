/* Forked processes on one core in a shared mapping: started, watched, and never left behind.
 *
 * Every child holds the writing end of a pipe of its own, its life line: the parent reads the end of it when the child
 * has ended, whatever ended it, and can wait for all of them with a time-out. A child dies with this process.
 */
#include "execution.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    STILL = 4,       /* looks without life: then those left stand still for ever */
    GRACE_MS = 1000, /* what the others get to end their current operation when one has died */
    ENOUGH_MS = 1000 /* the same after a planned death in the middle of something, which may slow them down */
};

typedef struct family {
    rw_execution *ex;
    int32_t started, left;    /* children; not yet reaped */
    int32_t workers_left;     /* of these, those that run lanes */
    pid_t pids[RW_MAX_THREADS + 1];
    struct pollfd lines[RW_MAX_THREADS + 2]; /* fd -1: reaped; behind them the news of strikes */
    int bell[2];
    uint64_t kill_ns; /* when those left are killed; 0: not planned */
    uint64_t look_ns; /* when to look whether anybody gets on; 0: never */
    uint64_t life;    /* what was seen when that was planned */
    int still;        /* looks that have seen nobody get on */
    uint64_t enough_ns; /* when those left begin no further operation; 0: not planned, UINT64_MAX: it was */
} family;

/* ---- The child ---- */

/* The last child is the checker. */
static _Noreturn void child_main(rw_execution *ex, int32_t index, pid_t parent, int bell) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGINT, SIG_IGN); /* a key pressed reaches all of them: it is the parent that says stop */
    if (getppid() != parent) { /* it died before the line above */
        _exit(EXIT_FAILURE);
    }
    strikes_arm(ex);
    if (index == ex->process_cnt) {
        checker_run(ex, bell);
    } else {
        crew_run(ex, index, ex->process_cnt);
    }
    _exit(EXIT_SUCCESS); /* not exit: neither the parent's buffers nor its leaks are this child's */
}

static bool start_child(family *f) {
    int line[2];
    pid_t parent = getpid();
    if (pipe2(line, O_CLOEXEC) != 0) {
        return false;
    }
    pid_t pid = fork();
    if (pid == 0) {
        child_main(f->ex, f->started, parent, f->bell[0]);
    }
    close(line[1]); /* before the next fork: nobody but the child holds it */
    if (pid < 0) {
        close(line[0]);
        return false;
    }
    f->pids[f->started] = pid;
    f->lines[f->started++] = (struct pollfd){.fd = line[0], .events = POLLIN};
    return true;
}

/* ---- The parent ---- */

static void note_death(family *f, int32_t index, int status) {
    rw_outcome *out = f->ex->outcome;
    if (f->kill_ns != 0) {
        return; /* the first one counts; this one may have been killed for it */
    }
    f->kill_ns = prim_now_ns() + (uint64_t)GRACE_MS * 1000000;
    crew_halt(f->ex->shared, HALT_DIED);
    for (int32_t i = 0; i < f->ex->process_cnt; i++) {
        sem_post(&f->ex->shared->ended); /* nobody waits for the dead one's threads */
    }
    out->status = RW_CHILD_DIED;
    out->child_index = index;
    out->child_status = status;
    char who[64] = "the checker's process";
    if (index < f->ex->process_cnt) {
        snprintf(who, sizeof who, "process %d of %d", index, f->ex->process_cnt);
    }
    snprintf(out->message, sizeof out->message, "%s %s %d", who,
             WIFSIGNALED(status) ? "was ended by signal" : "ended itself with code",
             WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

static void kill_left(family *f) {
    for (int32_t i = 0; i < f->started; i++) {
        if (f->lines[i].fd >= 0) {
            kill(f->pids[i], SIGKILL);
        }
    }
    f->kill_ns = UINT64_MAX; /* once */
}

/* After a planned death under a lock, what the lock guards may be torn, and the others trip over it: no finding. */
static void take_death(family *f, int32_t index, int status) {
    rw_process_counts *sum = &f->ex->outcome->processes;
    if (f->kill_ns == 0 && strikes_bury(f->ex, index, status)) {
        return;
    }
    if (f->kill_ns == 0 && sum->locked > 0) {
        sum->crashed++;
        kill_left(f);
        return;
    }
    note_death(f, index, status);
}

static void reap(family *f, int32_t index) {
    int status = 0;
    pid_t got;
    do { /* its life line has ended: it is past everything but its own end */
        got = waitpid(f->pids[index], &status, 0);
    } while (got < 0 && errno == EINTR);
    close(f->lines[index].fd);
    f->lines[index].fd = -1;
    f->left--;
    if (got < 0) {
        crew_halt(f->ex->shared, HALT_SYSTEM); /* somebody else took its status */
    } else if (status != 0) {
        take_death(f, index, status);
    }
    if (index < f->ex->process_cnt && --f->workers_left == 0) {
        checker_ring(f->bell);
    }
}

/* By the clock and not by one time-out: signals may come all the time. */
static void plan_look(family *f) {
    int patience = strikes_patience_ms(f->ex);
    if (f->enough_ns == 0 && f->ex->outcome->processes.inside > 0) {
        f->enough_ns = prim_now_ns() + (uint64_t)ENOUGH_MS * 1000000;
    }
    if (patience == 0) {
        f->look_ns = 0;
    } else if (f->look_ns == 0) {
        f->life = strikes_life(f->ex);
        f->look_ns = prim_now_ns() + (uint64_t)patience * 1000000;
    }
}

static int time_left(const family *f) {
    uint64_t until = f->kill_ns != 0 ? f->kill_ns : f->look_ns;
    if (f->kill_ns == 0 && f->enough_ns != 0 && f->enough_ns < until) { /* there is patience, too */
        until = f->enough_ns;
    }
    if (until == 0 || until == UINT64_MAX) {
        return -1;
    }
    uint64_t now = prim_now_ns();
    return now < until ? (int)((until - now) / 1000000) + 1 : 0;
}

/* The time is up: for those who were told to end, or to look whether anybody gets on. */
static void lose_patience(family *f) {
    if (f->kill_ns != 0) {
        kill_left(f);
        return;
    }
    if (f->enough_ns != 0 && f->enough_ns <= prim_now_ns()) {
        crew_halt(f->ex->shared, HALT_ENOUGH);
        f->enough_ns = UINT64_MAX;
        return;
    }
    f->look_ns = 0;
    bool alive = f->life != strikes_life(f->ex) || strikes_relieve(f->ex, f->pids);
    f->still = alive ? 0 : f->still + 1;
    if (f->still >= STILL) {
        f->ex->outcome->processes.stuck++;
        kill_left(f);
    }
}

static void watch(family *f) {
    struct pollfd *news = &f->lines[f->started];
    *news = (struct pollfd){.fd = f->ex->strikes != NULL ? f->ex->strikes->news[0] : -1, .events = POLLIN};
    while (f->left > 0) {
        plan_look(f);
        int timeout = time_left(f);
        if (timeout == 0) {
            lose_patience(f);
            continue;
        }
        if (poll(f->lines, (nfds_t)f->started + 1, timeout) <= 0) {
            continue; /* the time is up, or a signal */
        }
        if (news->fd >= 0 && news->revents != 0) {
            strikes_hear(f->ex, f->pids);
        }
        for (int32_t i = 0; i < f->started; i++) {
            if (f->lines[i].fd >= 0 && f->lines[i].revents != 0) {
                reap(f, i);
            }
        }
    }
}

/* What is left to do for children that were never started. */
static void count_missing(family *f, int32_t wanted) {
    if (f->started == wanted) {
        return;
    }
    crew_halt(f->ex->shared, HALT_SYSTEM);
    for (int32_t i = 0; i < f->ex->process_cnt; i++) {
        sem_post(&f->ex->shared->ended);
    }
}

void processes_run(rw_execution *ex) {
    family f = {.ex = ex};
    int32_t wanted = ex->process_cnt + (ex->plan->check_every_ms > 0 ? 1 : 0);
    if (!strikes_open(ex)) {
        crew_halt(ex->shared, HALT_SYSTEM);
        return;
    }
    if (!checker_make_bell(f.bell)) {
        strikes_close(ex);
        crew_halt(ex->shared, HALT_SYSTEM);
        return;
    }
    while (f.started < wanted && start_child(&f)) {
    }
    f.left = f.started;
    f.workers_left = f.started < ex->process_cnt ? f.started : ex->process_cnt;
    if (f.workers_left == 0) {
        checker_ring(f.bell);
    }
    count_missing(&f, wanted);
    watch(&f);
    close(f.bell[0]);
    close(f.bell[1]);
    strikes_close(ex);
}
