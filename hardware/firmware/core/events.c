/* Three rings with one writer and one reader each. */
#include "events.h"

struct events events;

bool events_push(const struct event *event) {
    const uint32_t head = events.event_head;
    if (head - events.event_tail >= EVENT_ROOM)
        return false;
    events.events[head % EVENT_ROOM] = *event;
    PUBLISH();
    events.event_head = head + 1;
    return true;
}

bool events_push_received(unsigned uart, uint8_t value, uint32_t at) {
    const uint32_t head = events.received_head;
    if (head - events.received_tail >= RECEIVED_ROOM)
        return false;
    events.received[head % RECEIVED_ROOM] = (struct received){at, (uint8_t)uart, value};
    PUBLISH();
    events.received_head = head + 1;
    return true;
}

void events_clear(void) {
    events.event_tail = events.event_head;
    events.pulse_edge_tail = events.pulse_edge_head;
    events.received_tail = events.received_head;
}
