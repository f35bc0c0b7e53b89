/* What the stock builds make of the allocator's announcements: poisoning under AddressSanitizer, else nothing. */
#include "mem_note.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MEM_NOTE_ASAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define MEM_NOTE_ASAN 1
#endif

#ifdef MEM_NOTE_ASAN
#include <sanitizer/asan_interface.h>

void mem_note_region(void *ptr, size_t size) {
    __asan_poison_memory_region(ptr, size);
}

void mem_note_alloc(void *ptr, size_t size, uint32_t label) {
    (void)label;
    __asan_unpoison_memory_region(ptr, size);
}

void mem_note_free(void *ptr, size_t size, uint32_t label) {
    (void)label;
    __asan_poison_memory_region(ptr, size);
}

void mem_note_forget(void *ptr, size_t size) {
    __asan_unpoison_memory_region(ptr, size);
}

#else

void mem_note_region(void *ptr, size_t size) {
    (void)ptr, (void)size;
}

void mem_note_alloc(void *ptr, size_t size, uint32_t label) {
    (void)ptr, (void)size, (void)label;
}

void mem_note_free(void *ptr, size_t size, uint32_t label) {
    (void)ptr, (void)size, (void)label;
}

void mem_note_forget(void *ptr, size_t size) {
    (void)ptr, (void)size;
}

#endif
