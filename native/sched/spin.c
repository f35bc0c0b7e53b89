/* Spinning: a thread that loads the same values from the same places again and again can't go on until somebody writes.
 *
 * A thread that has written nothing for a while is watched: one of its loads is the anchor, and each time that the
 * anchor's address gives the anchor's value again is a repetition. After some of them the thread is put back until
 * anybody writes. That is a guess (a scan that re-reads a counter looks the same), so nothing is concluded from it: after
 * some time they go on anyhow, and when nobody but spinners is left all of them do. Only when that has happened many
 * times in a row, with no write in between, no deadline to wait for and no reading of a clock, is it called a livelock:
 * whoever reads one may wait for a time, which each reading brings nearer.
 */
#include "finding.h"
#include "sched_private.h"

/* A loop with more loads than this between two visits of its anchor is not seen; the first anchors are given up sooner. */
enum { ANCHOR_FIRST = 32, ANCHOR_LAST = 1 << 14 };

void spin_watch(rs_fiber *f) {
    f->watched = MODE_WATCH;
    f->spin_addr = 0;
    f->spin_repeats = f->spin_loads = 0;
    f->spin_window = ANCHOR_FIRST;
}

void spin_loaded(uintptr_t addr, uint64_t value) {
    rs_fiber *f = rt.cur;
    if (addr == f->spin_addr && value == f->spin_value) {
        f->spin_loads = 0;
        if (++f->spin_repeats >= SPIN_REPEATS) {
            f->spin_repeats = 0;
            rt.demotions++;
            sched_demote();
        }
    } else if (addr == f->spin_addr || ++f->spin_loads > f->spin_window) {
        bool lost = addr != f->spin_addr;
        f->spin_window = lost && f->spin_window < ANCHOR_LAST ? f->spin_window * 2 : f->spin_window;
        f->spin_addr = addr;
        f->spin_value = value;
        f->spin_repeats = f->spin_loads = 0;
    }
}

bool spin_all(void) {
    if (rt.clock_reads != rt.spin_reads) {
        rt.spin_reads = rt.clock_reads;
        rt.spin_rounds = 0;
    }
    if (++rt.spin_rounds > SPIN_ROUNDS) {
        finding_livelock("every thread that can run spins: it reads the same values again and again");
        return false;
    }
    return true;
}
