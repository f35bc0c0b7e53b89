/* Planned kills and pauses as the parent of the processes sees them: who died how, who is to go on, who waits for whom. */
#include "execution.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    AWAITED_MS = 100, /* all others stand still behind a paused process: then it goes on before its time */
    LOOK_MS = 500 /* between two looks whether the others stand still behind one that died: nobody will help them */
};

static bool stopping(const rw_execution *ex) {
    for (int32_t i = 0; i < ex->process_cnt; i++) {
        if (at_load(&ex->strikes->of[i].state, relaxed) == STRIKE_STOPPING) {
            return true;
        }
    }
    return false;
}

/* ---- Deaths ---- */

static bool in_operation(const rw_execution *ex, int32_t i) {
    const rw_track *track = &ex->progress->tracks[i];
    return progress_look(&track->started) > progress_look(&track->ops) ||
           at_load(&ex->shared->lanes[i].parting, relaxed) == LANE_PARTING;
}

bool strikes_bury(rw_execution *ex, int32_t index, int status) {
    rw_process_counts *sum = &ex->outcome->processes;
    int32_t lanes = 0, inside = 0;
    if (ex->strikes == NULL || index >= ex->process_cnt || !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL ||
        at_load(&ex->strikes->of[index].state, relaxed) != STRIKE_KILLED) {
        return false;
    }
    for (int32_t i = index; i < ex->plan->thread_cnt; i += ex->process_cnt, lanes++) {
        inside += in_operation(ex, i);
    }
    sum->killed++;
    sum->inside += inside > 0;
    /* Where the other threads of the process stood nobody has looked. */
    sum->locked += inside > 0 && (lanes > 1 || at_load(&ex->strikes->of[index].locked, relaxed) != 0);
    for (int32_t i = index; i < ex->plan->thread_cnt; i += ex->process_cnt) {
        rw_lane *lane = &ex->shared->lanes[i];
        lane->orphan = lane->context != NULL && at_load(&lane->parting, relaxed) == 0;
        crew_leave(ex, lane);
    }
    return true;
}

/* ---- Pauses ---- */

/* It has stopped or is about to, so this wait is short; a signal sent earlier would be lost. */
static bool await_stop(pid_t pid) {
    siginfo_t info = {0};
    int got;
    do {
        got = waitid(P_PID, (id_t)pid, &info, WSTOPPED | WEXITED | WNOWAIT);
    } while (got != 0 && errno == EINTR);
    return got == 0 && info.si_code == CLD_STOPPED;
}

void strikes_hear(rw_execution *ex, const pid_t *pids) {
    char rung[64];
    ssize_t n;
    do { /* it doesn't block: empty is an error */
        n = read(ex->strikes->news[0], rung, sizeof rung);
    } while (n > 0 || (n < 0 && errno == EINTR));
    for (int32_t i = 0; i < ex->process_cnt; i++) {
        rw_strike *struck = &ex->strikes->of[i];
        if (at_load(&struck->state, seq_cst) == STRIKE_DUE && await_stop(pids[i])) {
            ex->outcome->processes.paused++;
            at_store(&struck->state, STRIKE_NONE, seq_cst); /* before it can be paused again */
            kill(pids[i], SIGCONT);
        }
    }
}

/* ---- Standing still ---- */

uint64_t strikes_life(const rw_execution *ex) {
    uint64_t sum = 0;
    for (int32_t i = 0; i < ex->plan->thread_cnt; i++) {
        const rw_lane *lane = &ex->shared->lanes[i];
        sum += progress_look(&ex->progress->tracks[i].started) + progress_look(&ex->progress->tracks[i].ops) +
               at_load(&lane->left, relaxed) + at_load(&lane->parting, relaxed);
    }
    return sum;
}

int strikes_patience_ms(const rw_execution *ex) {
    if (ex->strikes == NULL) {
        return 0;
    }
    return stopping(ex) ? AWAITED_MS : ex->outcome->processes.inside > 0 ? LOOK_MS : 0;
}

bool strikes_relieve(rw_execution *ex, const pid_t *pids) {
    bool any = false;
    for (int32_t i = 0; i < ex->process_cnt; i++) {
        uint32_t state = STRIKE_STOPPING;
        if (at_cas(&ex->strikes->of[i].state, &state, STRIKE_DUE, seq_cst, relaxed)) {
            ex->outcome->processes.awaited++;
            any = true;
        }
    }
    strikes_hear(ex, pids);
    return any;
}
