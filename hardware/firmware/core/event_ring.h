/* Events from the interrupts to the main loop. */
#ifndef EVENT_RING_H
#define EVENT_RING_H

#include <stdbool.h>
#include <stdint.h>

enum event_kind { EVENT_EDGE, EVENT_SENT, EVENT_LATE, EVENT_REJECTED, EVENT_RATE, EVENT_BURST };

/* Of the mount's context, or of the main loop with interrupts locked. `at` is the time, which orders the reports. */
struct event {
    uint32_t at;
    uint8_t kind;
    uint8_t small; /* EDGE: the level; LATE: dropped; REJECTED: the error code; BURST: bits, and its flags above them */
    uint16_t id;   /* EDGE: the line; SENT, LATE: the command; REJECTED: type, and sequence above it */
    /* SENT: time of the start; LATE: by how much; REJECTED: the detail; RATE: ns of a byte; BURST: partial bytes */
    uint32_t value;
};

/* Of the UARTs' context. */
struct received {
    uint32_t at;
    uint8_t uart, value; /* of a clocked link: its input */
};

/* Of the frame signal's context, which must be short: a byte may wait for it. */
struct pulse_edge {
    uint32_t at;
    uint8_t line;
    bool level;
};

#define EVENT_CAPACITY 256u
#define PULSE_EDGE_CAPACITY 64u
#define RECEIVED_CAPACITY 1024u

struct event_rings {
    struct event events[EVENT_CAPACITY];
    struct pulse_edge pulse_edges[PULSE_EDGE_CAPACITY];
    struct received received[RECEIVED_CAPACITY];
    /* Counts that wrap; each is written in one context only. */
    volatile uint32_t event_head, event_tail, pulse_edge_head, pulse_edge_tail, received_head, received_tail;
};

extern struct event_rings event_rings;

/* Returns false if the ring is full; the caller counts the loss. */
bool event_ring_push(const struct event *event);
bool event_ring_push_received(unsigned uart, uint8_t value, uint32_t at);
void event_ring_clear(void);

/* The entry must be written before the count that publishes it. */
#define PUBLISH() __asm__ volatile("" ::: "memory")

static inline bool event_ring_push_pulse_edge(uint8_t line, bool level, uint32_t at) {
    const uint32_t head = event_rings.pulse_edge_head;
    if (head - event_rings.pulse_edge_tail >= PULSE_EDGE_CAPACITY)
        return false;
    event_rings.pulse_edges[head % PULSE_EDGE_CAPACITY] = (struct pulse_edge){at, line, level};
    PUBLISH();
    event_rings.pulse_edge_head = head + 1;
    return true;
}

#endif
