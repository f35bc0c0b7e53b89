/* The second run: an execution with a finding is run again by its choices, now with stacks.
 *
 * The first run keeps no stacks: every access would have to write them down, and nearly none is ever asked for. Since a
 * replay is exact, the second run needs to write down only what concerns the addresses of the findings.
 */
#ifndef RACEWASH_EXPLAIN_H
#define RACEWASH_EXPLAIN_H

#include "finding.h"

void explain_clear(void);
void explain_watch(uintptr_t addr);

void explain_note_access(uintptr_t addr, uint64_t bytes, bool write, bool atomic, uintptr_t pc);
void explain_note_alloc(uintptr_t addr, uint64_t bytes, uintptr_t pc);
void explain_note_free(uintptr_t addr, uint64_t bytes, uintptr_t pc);

/* Where it was, false: not known (always in a first run). */
bool explain_access(rs_where *out, uintptr_t granule, uint32_t epoch, uint8_t mask, bool write, bool atomic);
bool explain_alloc(rs_where *out, uintptr_t addr);
bool explain_free(rs_where *out, uintptr_t addr);
uintptr_t explain_object(uintptr_t addr); /* start of the watched object with this address, 0: unknown */

#endif
