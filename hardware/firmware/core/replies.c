/* A state table: a burst that matches in the current state selects a unit and the next state. */
#include "replies.h"

#include <stddef.h>

#include "byte_order.h"
#include "hal.h"

#define NEVER 255u

static struct {
    struct reply replies[BOARD_MAX_REPLIES];
    volatile uint16_t used; /* number of entries */
    volatile uint8_t state;
} table;

void replies_clear(void) {
    table.used = 0;
    table.state = 0;
}

void replies_restart(void) {
    table.state = 0;
}

void replies_put(const uint8_t *message, unsigned size) {
    const uint16_t number = get16(message + BOARD_REPLY_NUMBER_OFFSET);
    const uint32_t before = hal_lock();
    for (; table.used <= number; table.used++)
        table.replies[table.used].state = NEVER;
    struct reply *reply = &table.replies[number];
    reply->id = get16(message + BOARD_REPLY_ID_OFFSET);
    reply->state = message[BOARD_REPLY_STATE_OFFSET];
    reply->next = message[BOARD_REPLY_NEXT_OFFSET];
    reply->next_mask = message[BOARD_REPLY_NEXT_MASK_OFFSET];
    reply->flags = message[BOARD_REPLY_FLAGS_OFFSET];
    reply->size = message[BOARD_REPLY_SIZE_OFFSET];
    reply->unit_size = (uint8_t)(size - BOARD_REPLY_SIZE);
    for (unsigned at = 0; at < BOARD_REPLY_MATCH; at++) {
        reply->match[at] = message[BOARD_REPLY_MATCH_OFFSET + at];
        reply->mask[at] = message[BOARD_REPLY_MASK_OFFSET + at];
    }
    for (unsigned at = 0; at < reply->unit_size; at++)
        reply->unit[at] = message[BOARD_REPLY_UNIT_OFFSET + at];
    hal_unlock(before);
}

static bool matches(const struct reply *reply, const uint8_t *burst) {
    for (unsigned at = 0; at < BOARD_REPLY_MATCH; at++)
        if ((burst[at] ^ reply->match[at]) & reply->mask[at])
            return false;
    return true;
}

const struct reply *replies_find(const uint8_t *burst, uint8_t size) {
    const uint8_t state = table.state;
    for (unsigned number = 0; number < table.used; number++) {
        const struct reply *reply = &table.replies[number];
        if (reply->state == state && reply->size == size && matches(reply, burst)) {
            table.state = (uint8_t)(reply->next + (burst[0] & reply->next_mask));
            return reply;
        }
    }
    table.state = 0;
    return NULL;
}
