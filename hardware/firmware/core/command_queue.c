/* A ring of messages that never wrap inside: one that begins near the end runs on into some bytes of slack. */
#include "command_queue.h"

#include "board_protocol.h"
#include "hal.h"

static struct {
    uint8_t bytes[COMMAND_QUEUE_BYTES + BOARD_MAX_FRAME];
    volatile uint32_t head, tail;
    /* Credit of commands that were queued, finished, and rejected; and how many were queued and finished. */
    volatile uint32_t cost_in, cost_out, cost_refused;
    volatile uint32_t transmissions_in, transmissions_out, others_in, others_out;
} queue;

static uint32_t following(uint32_t at) {
    const uint32_t next = at + 1u + queue.bytes[at];
    return next >= COMMAND_QUEUE_BYTES ? 0 : next;
}

static uint32_t cost_of(uint8_t size) {
    return size + BOARD_CRC_SIZE;
}

uint32_t command_queue_room(void) {
    return COMMAND_QUEUE_BYTES - (queue.cost_in - queue.cost_out);
}

uint32_t command_queue_limit(void) {
    return queue.cost_out + queue.cost_refused + COMMAND_QUEUE_BYTES;
}

bool command_queue_is_empty(void) {
    return queue.head == queue.tail;
}

void command_queue_put(const uint8_t *message, uint8_t size) {
    uint8_t *at = queue.bytes + queue.head;
    at[0] = size;
    for (uint8_t byte = 0; byte < size; byte++)
        at[1 + byte] = message[byte];
    const uint32_t before = hal_lock();
    queue.cost_in += cost_of(size);
    if (message[BOARD_HEAD_TYPE_OFFSET] == BOARD_TYPE_TRANSMIT)
        queue.transmissions_in++;
    else
        queue.others_in++;
    queue.head = following(queue.head);
    hal_unlock(before);
}

void command_queue_spend(uint32_t cost) {
    queue.cost_refused += cost;
}

void command_queue_reset(void) {
    /* An interrupt between two of these stores would find dropped commands, or parts of them. */
    const uint32_t before = hal_lock();
    queue.cost_in = queue.cost_out = queue.cost_refused = 0;
    queue.transmissions_in = queue.transmissions_out = queue.others_in = queue.others_out = 0;
    queue.head = queue.tail = 0;
    hal_unlock(before);
}

const uint8_t *command_queue_first(uint8_t *size) {
    const uint32_t tail = queue.tail;
    if (tail == queue.head)
        return NULL;
    *size = queue.bytes[tail];
    return queue.bytes + tail + 1;
}

const uint8_t *command_queue_second(uint8_t *size) {
    const uint32_t second = following(queue.tail);
    if (second == queue.head)
        return NULL;
    *size = queue.bytes[second];
    return queue.bytes + second + 1;
}

void command_queue_pop(void) {
    const uint8_t *first = queue.bytes + queue.tail;
    queue.cost_out += cost_of(first[0]);
    if (first[1 + BOARD_HEAD_TYPE_OFFSET] == BOARD_TYPE_TRANSMIT)
        queue.transmissions_out++;
    else
        queue.others_out++;
    queue.tail = following(queue.tail);
}

void command_queue_drop(uint32_t *transmissions, uint32_t *others) {
    *transmissions = queue.transmissions_in - queue.transmissions_out;
    *others = queue.others_in - queue.others_out;
    queue.transmissions_out = queue.transmissions_in;
    queue.others_out = queue.others_in;
    queue.cost_out = queue.cost_in;
    queue.tail = queue.head;
}
