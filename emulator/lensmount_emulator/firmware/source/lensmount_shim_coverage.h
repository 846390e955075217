/* The coverage of the shim: counters of clang's inline-8bit-counters, or of gcc's trace-pc by the place of the call. */
#ifndef LENSMOUNT_SHIM_COVERAGE_H
#define LENSMOUNT_SHIM_COVERAGE_H
#include "lensmount_shim_guard.h"

enum { MAX_SECTIONS = 16, PLACES = 1 << 14 };
static struct section {
    uint8_t *from, *to;
} sections[MAX_SECTIONS];
static unsigned section_count;
static uint8_t places[PLACES];
static int traced;

EXPORT void __sanitizer_cov_8bit_counters_init(uint8_t *from, uint8_t *to)
{
    if (section_count < MAX_SECTIONS && from < to)
        sections[section_count++] = (struct section){from, to};
}

EXPORT void __sanitizer_cov_trace_pc(void)
{
    uintptr_t place = (uintptr_t)__builtin_return_address(0) - (uintptr_t)base;
    uint8_t *counter = &places[(place ^ place >> 14) & (PLACES - 1)];
    *counter = (uint8_t)(*counter + (*counter < 255));
    traced = 1;
}

static uint8_t bucket(uint8_t count)
{
    return count < 4 ? (uint8_t)(count ? 1u << (count - 1) : 0)
                     : (uint8_t)(count < 8 ? 8 : count < 16 ? 16 : count < 32 ? 32 : count < 128 ? 64 : 128);
}

static uint32_t collect(uint8_t *from, uint8_t *to, uint8_t *seen, uint32_t size)
{
    uint32_t fresh = 0;
    for (uint32_t i = 0; from + i < to && i < size; i++) {
        uint8_t bits = bucket(from[i]);
        if (bits & (uint8_t)~seen[i])
            seen[i] |= bits, fresh++;
        from[i] = 0;
    }
    return fresh;
}

/* Number of counters; 0 in a library without coverage. */
EXPORT uint32_t lm_shim_counters(void)
{
    uint32_t size = 0;
    for (unsigned i = 0; i < section_count; i++)
        size += (uint32_t)(sections[i].to - sections[i].from);
    return size ? size : traced ? (uint32_t)PLACES : 0;
}

/* Merge the counters into `seen`, clear them, and return how many show a count that `seen` did not have. */
EXPORT uint32_t lm_shim_coverage(uint8_t *seen, uint32_t size)
{
    uint32_t at = 0, fresh = 0;
    if (!section_count)
        return collect(places, places + PLACES, seen, size);
    for (unsigned i = 0; i < section_count; i++) {
        uint32_t length = (uint32_t)(sections[i].to - sections[i].from);
        if (length > size - at)
            length = size - at;
        fresh += collect(sections[i].from, sections[i].from + length, seen + at, length);
        at += length;
    }
    return fresh;
}
#endif
