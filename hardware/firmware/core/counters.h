/* Counters of events and losses. */
#ifndef COUNTERS_H
#define COUNTERS_H

#include <stdint.h>

#include "board_protocol.h"

/* The context that counts, so that none interrupts the addition of another. */
enum context { IN_MAIN, IN_MOUNT, IN_UART, IN_SYNC, CONTEXTS };

#define LOSS_KINDS (BOARD_LOSS_KIND_BROKEN_BYTES + 1u)

struct counters {
    uint32_t frames_taken, frames_bad, frames_missed, bytes_sent, bytes_received, edges_seen, late_commands;
    uint32_t rejected, worst_loop_us;
    uint32_t lost[CONTEXTS][LOSS_KINDS];
};

extern struct counters counters;

static inline void count_loss(enum context context, unsigned sort, uint32_t count) {
    counters.lost[context][sort] += count;
}

static inline uint32_t lost_total(unsigned sort) {
    return counters.lost[IN_MAIN][sort] + counters.lost[IN_MOUNT][sort] + counters.lost[IN_UART][sort] +
           counters.lost[IN_SYNC][sort];
}

#endif
