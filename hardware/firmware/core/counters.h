/* What is counted, and what was lost. */
#ifndef COUNTERS_H
#define COUNTERS_H

#include <stdint.h>

#include "board_protocol.h"

/* Which context counts, so that none interrupts another's addition. */
enum context { IN_MAIN, IN_MOUNT, IN_UART, IN_SYNC, CONTEXTS };

#define SORTS (BOARD_SORT_BROKEN_BYTES + 1u)

struct counters {
    uint32_t frames_taken, frames_bad, frames_missed, bytes_sent, bytes_received, edges_seen, late_orders;
    uint32_t refused, rests, worst_loop_us;
    uint32_t lost[CONTEXTS][SORTS];
};

extern struct counters counters;

static inline void lose(enum context context, unsigned sort, uint32_t count) {
    counters.lost[context][sort] += count;
}

static inline uint32_t lost_of(unsigned sort) {
    return counters.lost[IN_MAIN][sort] + counters.lost[IN_MOUNT][sort] + counters.lost[IN_UART][sort] +
           counters.lost[IN_SYNC][sort];
}

#endif
