/* The functions that gcc's thread sanitizer calls, in place of its library. */
#include <stddef.h>

#include "interrupts.h"

#define HOOK(name) \
    void __tsan_##name(void *at); \
    void __tsan_##name(void *at) { \
        interrupts_access_at(at); \
    }
HOOK(read1)
HOOK(read2)
HOOK(read4)
HOOK(read8)
HOOK(read16)
HOOK(write1)
HOOK(write2)
HOOK(write4)
HOOK(write8)
HOOK(write16)
HOOK(unaligned_read2)
HOOK(unaligned_read4)
HOOK(unaligned_read8)
HOOK(unaligned_read16)
HOOK(unaligned_write2)
HOOK(unaligned_write4)
HOOK(unaligned_write8)
HOOK(unaligned_write16)

void __tsan_read_range(void *at, size_t size);
void __tsan_write_range(void *at, size_t size);
void __tsan_func_entry(void *caller);
void __tsan_func_exit(void);
void __tsan_init(void);

void __tsan_read_range(void *at, size_t size) {
    interrupts_access_at(at);
}

void __tsan_write_range(void *at, size_t size) {
    interrupts_access_at(at);
}

void __tsan_func_entry(void *caller) {
}

void __tsan_func_exit(void) {
}

void __tsan_init(void) {
}
