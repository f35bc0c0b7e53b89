/* The functions of <string.h> and the like that touch memory where the compiler shows nothing: what they read and write is
 * told to the oracles. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "shim.h"

static inline void reads(const void *p, size_t n, uintptr_t pc) {
    access_range((uintptr_t)p, n, false, pc);
}

static inline void writes(void *p, size_t n, uintptr_t pc) {
    access_range((uintptr_t)p, n, true, pc);
}

void *SHIM(memcpy)(void *to, const void *from, size_t n) {
    reads(from, n, RS_CALLER);
    writes(to, n, RS_CALLER);
    return memmove(to, from, n); /* what overlaps is not made worse */
}

void *SHIM(memmove)(void *to, const void *from, size_t n) {
    reads(from, n, RS_CALLER);
    writes(to, n, RS_CALLER);
    return memmove(to, from, n);
}

void *SHIM(memset)(void *to, int c, size_t n) {
    writes(to, n, RS_CALLER);
    return memset(to, c, n);
}

void *SHIM(__tsan_memcpy)(void *to, const void *from, size_t n) {
    reads(from, n, RS_CALLER);
    writes(to, n, RS_CALLER);
    return memmove(to, from, n);
}

void *SHIM(__tsan_memmove)(void *to, const void *from, size_t n) {
    reads(from, n, RS_CALLER);
    writes(to, n, RS_CALLER);
    return memmove(to, from, n);
}

void *SHIM(__tsan_memset)(void *to, int c, size_t n) {
    writes(to, n, RS_CALLER);
    return memset(to, c, n);
}

int SHIM(memcmp)(const void *a, const void *b, size_t n) {
    reads(a, n, RS_CALLER);
    reads(b, n, RS_CALLER);
    return memcmp(a, b, n);
}

int SHIM(bcmp)(const void *a, const void *b, size_t n) {
    reads(a, n, RS_CALLER);
    reads(b, n, RS_CALLER);
    return memcmp(a, b, n);
}

void *SHIM(memchr)(const void *s, int c, size_t n) {
    char *found = memchr(s, c, n);
    reads(s, found != NULL ? (size_t)(found - (const char *)s) + 1 : n, RS_CALLER);
    return found;
}

size_t SHIM(strlen)(const char *s) {
    size_t n = strlen(s);
    reads(s, n + 1, RS_CALLER);
    return n;
}

/* Bytes of each that decide: up to the first difference, or the end of both. */
static size_t compared(const char *a, const char *b, size_t n) {
    size_t i = 0;
    while (i < n && a[i] == b[i] && a[i] != '\0') {
        i++;
    }
    return i < n ? i + 1 : n;
}

int SHIM(strcmp)(const char *a, const char *b) {
    size_t n = compared(a, b, SIZE_MAX);
    reads(a, n, RS_CALLER);
    reads(b, n, RS_CALLER);
    return strncmp(a, b, n);
}

int SHIM(strncmp)(const char *a, const char *b, size_t n) {
    size_t decisive = compared(a, b, n);
    reads(a, decisive, RS_CALLER);
    reads(b, decisive, RS_CALLER);
    return strncmp(a, b, decisive);
}

char *SHIM(strcpy)(char *to, const char *from) {
    size_t n = strlen(from) + 1;
    reads(from, n, RS_CALLER);
    writes(to, n, RS_CALLER);
    return memcpy(to, from, n);
}

char *SHIM(strncpy)(char *to, const char *from, size_t n) {
    reads(from, strnlen(from, n), RS_CALLER);
    writes(to, n, RS_CALLER);
    return strncpy(to, from, n);
}

char *SHIM(strcat)(char *to, const char *from) {
    size_t had = strlen(to), n = strlen(from) + 1;
    reads(to, had + 1, RS_CALLER);
    reads(from, n, RS_CALLER);
    writes(to + had, n, RS_CALLER);
    return strcat(to, from);
}

/* The formatted text is what is written; what the arguments point to is not looked at. */
int SHIM(vsnprintf)(char *to, size_t room, const char *format, va_list args) {
    int n = vsnprintf(to, room, format, args);
    if (n >= 0 && room > 0) {
        writes(to, (size_t)n < room ? (size_t)n + 1 : room, RS_CALLER);
    }
    return n;
}

int SHIM(snprintf)(char *to, size_t room, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(to, room, format, args);
    va_end(args);
    if (n >= 0 && room > 0) {
        writes(to, (size_t)n < room ? (size_t)n + 1 : room, RS_CALLER);
    }
    return n;
}
