/* Nothing happens here: it is called at each injected failure so that a debugger can stop in it. */
#include "stress.h"

RW_EXPORT __attribute__((noinline)) void rw_fault_here(int32_t site) {
    __asm__ volatile("" : : "r"(site)); /* keeps the call */
}
