/* Three rings with one writer and one reader each. */
#include "event_ring.h"

struct event_rings event_rings;

bool event_ring_push(const struct event *event) {
    const uint32_t head = event_rings.event_head;
    if (head - event_rings.event_tail >= EVENT_CAPACITY)
        return false;
    event_rings.events[head % EVENT_CAPACITY] = *event;
    PUBLISH();
    event_rings.event_head = head + 1;
    return true;
}

bool event_ring_push_received(unsigned uart, uint8_t value, uint32_t at) {
    const uint32_t head = event_rings.received_head;
    if (head - event_rings.received_tail >= RECEIVED_CAPACITY)
        return false;
    event_rings.received[head % RECEIVED_CAPACITY] = (struct received){at, (uint8_t)uart, value};
    PUBLISH();
    event_rings.received_head = head + 1;
    return true;
}

void event_ring_clear(void) {
    event_rings.event_tail = event_rings.event_head;
    event_rings.pulse_edge_tail = event_rings.pulse_edge_head;
    event_rings.received_tail = event_rings.received_head;
}
