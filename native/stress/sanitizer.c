/* What the instrumentation of this build is called and says, and the sizes that another language must agree on. */
#include "execution.h"

#include <string.h>

#if !defined(__has_feature)
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#include <sanitizer/lsan_interface.h>
#define BUILD_KIND "address"

bool leak_found(void) {
    return __lsan_do_recoverable_leak_check() != 0;
}

#else

#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define BUILD_KIND "thread"
#else
#define BUILD_KIND "none"
#endif

bool leak_found(void) {
    return false;
}

#endif

RW_EXPORT const char *rw_build_kind(void) {
    return BUILD_KIND;
}

/* ---- Sizes ---- */

#define SIZE_OF(type) {#type, sizeof(type)}

RW_EXPORT int64_t rw_sizeof(const char *name) {
    static const struct {
        const char *name;
        size_t bytes;
    } sizes[] = {
        SIZE_OF(rw_param),          SIZE_OF(rw_param_desc), SIZE_OF(rw_op_desc),      SIZE_OF(rw_op),
        SIZE_OF(rw_invariant_desc), SIZE_OF(rw_violation),  SIZE_OF(rw_cell),         SIZE_OF(rw_target),
        SIZE_OF(rw_program),        SIZE_OF(rw_track),      SIZE_OF(rw_progress),     SIZE_OF(rw_thread_stats),
        SIZE_OF(rw_plan),           SIZE_OF(rw_outcome),    SIZE_OF(rw_site),         SIZE_OF(rw_benign),
        SIZE_OF(rw_hook),           SIZE_OF(rw_fault),      SIZE_OF(rw_fault_counts), SIZE_OF(rw_deed),
        SIZE_OF(rw_process_counts),
    };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        if (strcmp(sizes[i].name, name) == 0) {
            return (int64_t)sizes[i].bytes;
        }
    }
    return 0;
}
