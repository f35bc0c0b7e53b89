/* Where the library lies, and its writable data, which is put back between executions. */
#ifndef RACEWASH_STATE_H
#define RACEWASH_STATE_H

#include <stdint.h>

typedef struct rs_tls { /* the library's thread-local block in the batch's OS thread; bytes 0: it has none */
    char *block;
    char *image; /* its contents when a thread begins */
    uint64_t bytes;
} rs_tls;

extern rs_tls state_tls;

#endif
