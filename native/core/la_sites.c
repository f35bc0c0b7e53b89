/* The places that allocate, as the linker lists them: what LA_SITE put into the section between these two. */
#include "label_alloc.h"

/* Weak: a program without any such place has no such section. */
extern const la_site *const __start_la_sites[] __attribute__((weak));
extern const la_site *const __stop_la_sites[] __attribute__((weak));

const la_site *const *la_sites(uint32_t *cnt) {
    *cnt = __start_la_sites != NULL ? (uint32_t)(__stop_la_sites - __start_la_sites) : 0;
    return __start_la_sites;
}
