/* What happened in the interrupts, on its way to the main loop. */
#ifndef EVENTS_H
#define EVENTS_H

#include <stdbool.h>
#include <stdint.h>

enum event_kind { EVENT_EDGE, EVENT_SENT, EVENT_LATE, EVENT_REFUSED, EVENT_RATE, EVENT_BURST };

/* Of the mount's context, or of the main loop with interrupts locked. `at` is when, by which reports are put in order. */
struct event {
    uint32_t at;
    uint8_t kind;
    uint8_t small; /* EDGE: the level; LATE: dropped; REFUSED: the error code; BURST: bits, and its flags above them */
    uint16_t id;   /* EDGE: the line; SENT, LATE: the order; REFUSED: type, and sequence above it */
    uint32_t value; /* SENT: when it began; LATE: by how much; REFUSED: the detail; RATE: ns that a byte takes; BURST: partial bytes */
};

/* Of the UARTs' context. */
struct received {
    uint32_t at;
    uint8_t uart, value; /* of a clocked link: its input */
};

/* Of the frame signal's context, which has no time for more: a byte may wait for it. */
struct pulse_edge {
    uint32_t at;
    uint8_t line;
    bool level;
};

#define EVENT_ROOM 256u
#define PULSE_EDGE_ROOM 64u
#define RECEIVED_ROOM 1024u

struct events {
    struct event events[EVENT_ROOM];
    struct pulse_edge pulse_edges[PULSE_EDGE_ROOM];
    struct received received[RECEIVED_ROOM];
    /* Counts that wrap; each is written in one context only. */
    volatile uint32_t event_head, event_tail, pulse_edge_head, pulse_edge_tail, received_head, received_tail;
};

extern struct events events;

/* False, with the loss counted by the caller, where there is no room. */
bool events_push(const struct event *event);
bool events_push_received(unsigned uart, uint8_t value, uint32_t at);
void events_clear(void);

/* What the ring holds must be written before the count that gives it away. */
#define PUBLISH() __asm__ volatile("" ::: "memory")

static inline bool events_push_pulse_edge(uint8_t line, bool level, uint32_t at) {
    const uint32_t head = events.pulse_edge_head;
    if (head - events.pulse_edge_tail >= PULSE_EDGE_ROOM)
        return false;
    events.pulse_edges[head % PULSE_EDGE_ROOM] = (struct pulse_edge){at, line, level};
    PUBLISH();
    events.pulse_edge_head = head + 1;
    return true;
}

#endif
