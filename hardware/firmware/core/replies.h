/* Replies that the host prepared for bursts that leave it no time to answer. */
#ifndef REPLIES_H
#define REPLIES_H

#include <stdbool.h>
#include <stdint.h>

#include "board_protocol.h"

struct reply {
    uint16_t id;
    uint8_t state, next, next_mask, flags, size, unit_size;
    uint8_t match[BOARD_REPLY_MATCH], mask[BOARD_REPLY_MATCH];
    uint8_t unit[BOARD_MAX_REPLY_UNIT];
};

/* With interrupts locked: remove all, and return to the first state. */
void replies_clear(void);
void replies_restart(void);
/* Main loop: a REPLY that was checked. */
void replies_put(const uint8_t *message, unsigned size);
/* The mount's context: the reply to a burst, or NULL; moves to the next state, or back to the first. */
const struct reply *replies_find(const uint8_t *burst, uint8_t size);

#endif
