/* The two functions that the compiler calls by itself. */
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *to, const void *from, size_t count);
void *memset(void *to, int value, size_t count);

void *memcpy(void *to, const void *from, size_t count) {
    uint8_t *out = to;
    const uint8_t *in = from;
    if ((((uintptr_t)to | (uintptr_t)from) & 3u) == 0) {
        for (; count >= 4; count -= 4, out += 4, in += 4)
            *(uint32_t *)(void *)out = *(const uint32_t *)(const void *)in;
    }
    while (count--)
        *out++ = *in++;
    return to;
}

void *memset(void *to, int value, size_t count) {
    uint8_t *out = to;
    while (count--)
        *out++ = (uint8_t)value;
    return to;
}
