/* Bytes of a serial link, the same for each example: little-endian numbers, the buffer of what was received, and how long
 * bytes last. C11 without a library but memcpy, memmove, memset and memcmp. */
#ifndef DEVICE_BYTES_H
#define DEVICE_BYTES_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#if __STDC_HOSTED__
#include <string.h>
#else
void *memcpy(void *to, const void *from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int value, size_t size);
int memcmp(const void *one, const void *two, size_t size);
#endif

static uint32_t get(const uint8_t *at, uint32_t width)
{
    uint32_t value = 0;
    for (uint32_t i = 0; i < width; i++)
        value |= (uint32_t)at[i] << 8 * i;
    return value;
}

static void put16(uint8_t *at, int64_t value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

/* Microseconds that bytes of ten bits last at a rate, rounded up. */
static uint64_t duration_us(uint32_t size, uint32_t baud) { return (size * UINT64_C(10000000) + baud - 1) / baud; }

/* Append to a buffer of `capacity` bytes what there is room for; returns how much. */
static uint32_t append(uint8_t *buffer, uint32_t *filled, uint32_t capacity, const uint8_t *data, uint32_t size)
{
    uint32_t room = capacity - *filled, part = size < room ? size : room;
    memcpy(buffer + *filled, data, part);
    *filled += part;
    return part;
}

/* Remove the first bytes of a buffer. */
static void discard(uint8_t *buffer, uint32_t *filled, uint32_t size)
{
    memmove(buffer, buffer + size, *filled - size);
    *filled -= size;
}

#endif
