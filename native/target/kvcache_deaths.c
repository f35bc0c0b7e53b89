/* When a process dies that shares a core: what becomes of its contexts, and of a core that it leaves torn. */
#include "kvcache_private.h"

void kt_adopt(rw_thread *th) {
    th->buffer = NULL; /* lay in the dead process's own heap */
    th->buffer_bytes = 0;
}

/* Nothing but the mapping, in which all of a shared core lies; a core of one process dies with it. */
void kt_abandon(rw_core *core) {
    if (core->shared) {
        prim_mem_close(core->mem);
    }
}
