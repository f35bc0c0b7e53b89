/* Between executions: the writable data of the code under test is put back as it was when the batch began.
 *
 * Everything writable in the library but the runtime's own section (RS_STATE) and what the loader has made read-only is
 * taken for the code under test's. Most programs have a few hundred bytes of it; where it is larger, a page is copied only
 * if it differs.
 */
#include "sched.h"

#include <link.h>
#include <string.h>
#include <sys/mman.h>

#include "state.h"

enum { RANGES = 8, DIRECT = 16 << 10, PIECE = 1 << 10 };
static const uint64_t THREAD_LOCALS = UINT64_C(0x544C53000000); /* where the block seems to lie; "TLS" */

typedef struct range {
    char *at, *saved;
    uint64_t bytes;
} range;

extern char __start_rw_sched[] __attribute__((visibility("hidden")));
extern char __stop_rw_sched[] __attribute__((visibility("hidden")));

rs_tls state_tls RS_STATE;
static struct {
    range ranges[RANGES];
    int32_t cnt;
    bool found;
} state RS_STATE;

static void add(uintptr_t from, uintptr_t to) {
    if (from < to && state.cnt < RANGES) {
        state.ranges[state.cnt++] = (range){.at = (char *)from, .bytes = to - from};
    }
}

/* [from, to) without [skip_from, skip_to). */
static void add_without(uintptr_t from, uintptr_t to, uintptr_t skip_from, uintptr_t skip_to) {
    if (skip_from >= to || skip_to <= from) {
        add(from, to);
        return;
    }
    add(from, skip_from);
    add(skip_to, to);
}

static void look_at(const struct dl_phdr_info *info) {
    uintptr_t base = info->dlpi_addr, lo = UINTPTR_MAX, hi = 0, relro_end = 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *h = &info->dlpi_phdr[i];
        uintptr_t from = base + h->p_vaddr, to = from + h->p_memsz;
        if (h->p_type == PT_GNU_RELRO) {
            relro_end = (to + 4095) & ~(uintptr_t)4095;
        } else if (h->p_type == PT_TLS) {
            state_tls.block = info->dlpi_tls_data;
            state_tls.bytes = h->p_memsz;
        }
        if (h->p_type == PT_LOAD) {
            lo = from < lo ? from : lo;
            hi = to > hi ? to : hi;
        }
    }
    rt.module_lo = lo;
    rt.module_bytes = hi - lo;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *h = &info->dlpi_phdr[i];
        if (h->p_type == PT_LOAD && (h->p_flags & PF_W) != 0) {
            uintptr_t from = base + h->p_vaddr, to = from + h->p_memsz;
            from = from < relro_end ? relro_end : from;
            add_without(from, to, (uintptr_t)__start_rw_sched, (uintptr_t)__stop_rw_sched);
            rt.data_lo = from;
            rt.data_bytes = to - from < DATA_BYTES ? to - from : DATA_BYTES;
        }
    }
}

static int is_ours(struct dl_phdr_info *info, size_t bytes, void *arg) {
    (void)bytes;
    (void)arg;
    uintptr_t inside = (uintptr_t)&rt;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *h = &info->dlpi_phdr[i];
        uintptr_t from = info->dlpi_addr + h->p_vaddr;
        if (h->p_type == PT_LOAD && inside - from < h->p_memsz) {
            look_at(info);
            return 1;
        }
    }
    return 0;
}

uint64_t rs_normal_outside(uintptr_t a) {
    uint64_t off = a - (uintptr_t)state_tls.block;
    return off < state_tls.bytes ? THREAD_LOCALS + off : a;
}

/* The system's own memory is one place. */
uint64_t rs_place_outside(uintptr_t a) {
    uint64_t normal = rs_normal_outside(a);
    return normal != a ? normal : 0;
}

bool state_find(void) {
    if (state.found) {
        return true;
    }
    dl_iterate_phdr(is_ours, NULL);
    if (rt.module_bytes == 0) {
        return false;
    }
    uint64_t bytes = state_tls.bytes;
    for (int32_t i = 0; i < state.cnt; i++) {
        bytes += state.ranges[i].bytes;
    }
    char *copy = mmap(NULL, bytes + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (copy == MAP_FAILED) {
        return false;
    }
    for (int32_t i = 0; i < state.cnt; i++) {
        state.ranges[i].saved = copy;
        copy += state.ranges[i].bytes;
    }
    state_tls.image = copy;
    if (state_tls.bytes != 0 && state_tls.block == NULL) {
        return false; /* a block that this thread has not touched yet; see state_save */
    }
    state.found = true;
    return true;
}

void state_save(void) {
    for (int32_t i = 0; i < state.cnt; i++) {
        memcpy(state.ranges[i].saved, state.ranges[i].at, state.ranges[i].bytes);
    }
    if (state_tls.bytes != 0) {
        memcpy(state_tls.image, state_tls.block, state_tls.bytes);
    }
}

void state_restore(void) {
    for (int32_t i = 0; i < state.cnt; i++) {
        const range *r = &state.ranges[i];
        if (r->bytes <= DIRECT) {
            memcpy(r->at, r->saved, r->bytes);
            continue;
        }
        for (uint64_t at = 0; at < r->bytes; at += PIECE) {
            uint64_t n = r->bytes - at < PIECE ? r->bytes - at : PIECE;
            if (memcmp(r->at + at, r->saved + at, n) != 0) {
                memcpy(r->at + at, r->saved + at, n);
            }
        }
    }
}
