/* A ring of messages that never wrap inside: one that begins near the end runs on into some bytes of slack. */
#include "orders.h"

#include "board_protocol.h"
#include "port.h"

static struct {
    uint8_t bytes[ORDER_BYTES + BOARD_LONGEST_FRAME];
    volatile uint32_t head, tail;
    /* Credit that was put in, taken out, and given back at once; and how many were put in and taken out. */
    volatile uint32_t cost_in, cost_out, cost_refused;
    volatile uint32_t transmissions_in, transmissions_out, others_in, others_out;
} queue;

static uint32_t behind(uint32_t at) {
    const uint32_t next = at + 1u + queue.bytes[at];
    return next >= ORDER_BYTES ? 0 : next;
}

static uint32_t cost_of(uint8_t size) {
    return size + BOARD_CRC_SIZE;
}

uint32_t orders_room(void) {
    return ORDER_BYTES - (queue.cost_in - queue.cost_out);
}

uint32_t orders_limit(void) {
    return queue.cost_out + queue.cost_refused + ORDER_BYTES;
}

bool orders_empty(void) {
    return queue.head == queue.tail;
}

void orders_put(const uint8_t *message, uint8_t size) {
    uint8_t *at = queue.bytes + queue.head;
    at[0] = size;
    for (uint8_t byte = 0; byte < size; byte++)
        at[1 + byte] = message[byte];
    const uint32_t before = port_lock();
    queue.cost_in += cost_of(size);
    if (message[BOARD_HEAD_TYPE_OFFSET] == BOARD_TYPE_TRANSMIT)
        queue.transmissions_in++;
    else
        queue.others_in++;
    queue.head = behind(queue.head);
    port_unlock(before);
}

void orders_spend(uint32_t cost) {
    queue.cost_refused += cost;
}

void orders_greet(void) {
    /* An interrupt between two of these stores would find orders that were dropped, or parts of them. */
    const uint32_t before = port_lock();
    queue.cost_in = queue.cost_out = queue.cost_refused = 0;
    queue.transmissions_in = queue.transmissions_out = queue.others_in = queue.others_out = 0;
    queue.head = queue.tail = 0;
    port_unlock(before);
}

const uint8_t *orders_first(uint8_t *size) {
    const uint32_t tail = queue.tail;
    if (tail == queue.head)
        return NULL;
    *size = queue.bytes[tail];
    return queue.bytes + tail + 1;
}

const uint8_t *orders_second(uint8_t *size) {
    const uint32_t second = behind(queue.tail);
    if (second == queue.head)
        return NULL;
    *size = queue.bytes[second];
    return queue.bytes + second + 1;
}

void orders_pop(void) {
    const uint8_t *first = queue.bytes + queue.tail;
    queue.cost_out += cost_of(first[0]);
    if (first[1 + BOARD_HEAD_TYPE_OFFSET] == BOARD_TYPE_TRANSMIT)
        queue.transmissions_out++;
    else
        queue.others_out++;
    queue.tail = behind(queue.tail);
}

void orders_drop(uint32_t *transmissions, uint32_t *others) {
    *transmissions = queue.transmissions_in - queue.transmissions_out;
    *others = queue.others_in - queue.others_out;
    queue.transmissions_out = queue.transmissions_in;
    queue.others_out = queue.others_in;
    queue.cost_out = queue.cost_in;
    queue.tail = queue.head;
}
