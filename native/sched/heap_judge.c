/* What is wrong with an access to the heap, in words. */
#include <stdio.h>
#include <string.h>

#include "explain.h"
#include "finding.h"
#include "heap_private.h"

enum { LEAKS_SHOWN = 8 };

/* Code that may touch what the label allocator keeps between objects: the allocator's own. */
extern char __start_rw_raw[] __attribute__((weak, visibility("hidden")));
extern char __stop_rw_raw[] __attribute__((weak, visibility("hidden")));

static bool allocators_own(uint8_t why, uintptr_t pc) {
    return (why < 8 || why == HEAP_NOTED_GAP || why == HEAP_NOTED_FREE) && pc >= (uintptr_t)__start_rw_raw &&
           pc < (uintptr_t)__stop_rw_raw;
}

/* What lies in the header before it counts as well. */
uintptr_t heap_object_before(uintptr_t addr) {
    for (uintptr_t at = heap.last; at != 0;) {
        const heap_header *h = (const heap_header *)at - 1;
        if (at <= addr + sizeof *h && (at < LARGE_BASE) == (addr < LARGE_BASE)) {
            return at;
        }
        at = h->before == 0 ? 0 : ARENA_BASE + (uintptr_t)h->before * 16;
    }
    return 0;
}

static _Noreturn void refuse(uint8_t why, uintptr_t addr, uint64_t bytes, bool write, uintptr_t pc) {
    rs_where now, freed, made;
    bool dead = why == HEAP_FREE || why == HEAP_NOTED_FREE;
    bool by_label = why == HEAP_NOTED_FREE || why == HEAP_NOTED_GAP;
    uintptr_t at = by_label ? explain_object(addr) : heap_object_before(addr);
    where_now(&now, pc, "%s of %u bytes", write ? "write" : "read", (unsigned)bytes);
    bool knows_free = explain_free(&freed, addr), knows_made = explain_alloc(&made, addr);
    char text[96] = "";
    if (!by_label && at != 0) {
        const heap_header *h = (const heap_header *)at - 1;
        snprintf(text, sizeof text, ", %lld bytes from the start of an object of %u bytes", (long long)(addr - at),
                 h->bytes);
    }
    char who[16];
    finding_note(dead ? RS_F_FREED : RS_F_BOUNDS, addr, &now, dead && knows_free ? &freed : NULL,
                 knows_made ? &made : NULL, "%s: %s by %s%s%s",
                 dead ? "use after free" : "access outside of any object", now.what, rs_thread_text(rt.cur->tid, who),
                 text, by_label ? " (label allocator)" : "");
    sched_end();
}

void heap_check_slow(uintptr_t addr, uint64_t bytes, bool write, uintptr_t pc) {
    if (!rt.active) {
        return;
    }
    uintptr_t end = addr + bytes;
    for (uintptr_t at = addr; at < end; at = (at & ~(uintptr_t)7) + 8) {
        uint8_t why = heap_map[(at - ARENA_BASE) >> 3];
        uintptr_t last = ((at & ~(uintptr_t)7) + 8 < end ? 8 : end - (at & ~(uintptr_t)7));
        if (why == HEAP_OPEN || (why < 8 && last <= why) || allocators_own(why, pc)) {
            continue;
        }
        refuse(why < 8 ? HEAP_GAP : why, at, bytes, write, pc);
    }
}

void heap_check_range(uintptr_t addr, uint64_t bytes, bool write, uintptr_t pc) {
    uint64_t off = addr - ARENA_BASE;
    if (off >= ARENA_BYTES || bytes == 0) {
        return;
    }
    const uint8_t *m = heap_map + (off >> 3), *end = heap_map + ((off + bytes - 1) >> 3) + 1;
    uint64_t any = 0;
    for (; end - m >= 8; m += 8) {
        uint64_t eight;
        memcpy(&eight, m, sizeof eight);
        any |= eight;
    }
    for (; m < end; m++) {
        any |= *m;
    }
    if (unlikely(any != 0)) {
        heap_check_slow(addr, bytes, write, pc);
    }
    if (write) {
        memset(heap_dirty + (off >> 12), HEAP_WRITTEN, ((off + bytes - 1) >> 12) - (off >> 12) + 1);
    }
}

_Noreturn void heap_bad_free(uintptr_t at, const heap_header *h, uintptr_t pc) {
    rs_where now, freed, made;
    char who[16];
    where_now(&now, pc, "free");
    if (h == NULL) {
        finding_note(RS_F_BAD_FREE, at, &now, NULL, NULL, "free by %s of what is not the start of an object",
                     rs_thread_text(rt.cur->tid, who));
    } else {
        bool knows_free = explain_free(&freed, at), knows_made = explain_alloc(&made, at);
        finding_note(RS_F_DOUBLE_FREE, at, &now, knows_free ? &freed : NULL, knows_made ? &made : NULL,
                     "second free of an object of %u bytes by %s", h->bytes, rs_thread_text(rt.cur->tid, who));
    }
    sched_end();
}

void heap_report_leaks(void) {
    int32_t shown = 0;
    for (uintptr_t at = heap.last; at != 0 && shown < LEAKS_SHOWN;) {
        const heap_header *h = (const heap_header *)at - 1;
        if (h->state == HEAP_LIVE) {
            rs_where made;
            char who[16];
            if (!explain_alloc(&made, at)) {
                memset(&made, 0, sizeof made);
                made.tid = h->tid;
                strcpy(made.what, "allocated");
                made.depth = 1;
                made.pc[0] = rt.module_lo + h->pc;
            }
            finding_note(RS_F_LEAK, at, NULL, NULL, &made, "leak: %u bytes, allocated by %s, are still live at the end",
                         h->bytes, rs_thread_text(h->tid, who));
            shown++;
        }
        at = h->before == 0 ? 0 : ARENA_BASE + (uintptr_t)h->before * 16;
    }
}
