/* A limit of the address space while the core is at work in this process: the fault kind `space`.
 *
 * The limit stands over what the process has when it begins, and is lifted wherever the harness itself asks for memory.
 */
#ifndef RACEWASH_SPACE_H
#define RACEWASH_SPACE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>

#include "stress.h"

typedef struct space_limit {
    uint64_t room; /* bytes; 0: no limit is planned */
    struct rlimit before;
} space_limit;

/* What the plan says; the process has nothing but the soft limit changed, and gets it back. */
space_limit space_of(const rw_plan *plan);
void space_begin(const space_limit *limit);
void space_end(const space_limit *limit);

#endif
