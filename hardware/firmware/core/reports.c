/* Events and bytes, put in the order of their times; bytes that follow each other are told together. */
#include "reports.h"

#include "answers.h"
#include "board_protocol.h"
#include "bursts.h"
#include "bytes.h"
#include "counters.h"
#include "events.h"
#include "lines.h"
#include "link.h"
#include "port.h"

#define GATHER_COUNT 120u
#define GATHER_FOR_US 1000u
#define GATHER_SILENCE_US 200u
#define LONGEST_GAP_US 255u

static struct {
    uint8_t bytes[REPORT_BYTES];
    uint32_t head, tail, used;
    uint32_t put_in, taken_out;
    uint32_t held[SORTS]; /* what would be lost with it */
} ring;

/* Low halves of times: what is gathered is told within a millisecond, and every byte comes through here. */
static struct {
    uint8_t count, line;
    bool run;
    uint32_t first, last;
    uint32_t expected, expected_ns; /* when the next byte comes, if all are back to back */
    uint32_t byte_us, byte_ns;      /* what a byte takes, in both parts */
    uint64_t began;                 /* the first, whole */
    uint8_t data[GATHER_COUNT], gaps[GATHER_COUNT];
} gather;

void reports_clear(void) {
    for (unsigned sort = 0; sort < SORTS; sort++) {
        lose(IN_MAIN, sort, ring.held[sort]);
        ring.held[sort] = 0;
    }
    ring.head = ring.tail = ring.used = 0;
    ring.taken_out = ring.put_in;
    gather.count = 0;
    bursts_clear();
    events_clear();
}

static void put_byte(uint8_t value) {
    ring.bytes[ring.head] = value;
    ring.head = (ring.head + 1u) % REPORT_BYTES;
}

void reports_put(const uint8_t *message, uint8_t size, uint8_t sort, uint32_t count) {
    if (ring.used + size + 1u > REPORT_BYTES) {
        lose(IN_MAIN, sort, count);
        return;
    }
    put_byte(size);
    for (uint8_t at = 0; at < size; at++)
        put_byte(message[at]);
    ring.used += size + 1u;
    ring.held[sort] += count;
    ring.put_in++;
}

static uint8_t first_byte(uint32_t at) {
    return ring.bytes[(ring.tail + at) % REPORT_BYTES];
}

uint8_t reports_first(uint8_t *message) {
    if (ring.used == 0)
        return 0;
    const uint8_t size = first_byte(0);
    for (uint8_t at = 0; at < size; at++)
        message[at] = first_byte(1u + at);
    return size;
}

void reports_pop(void) {
    const uint32_t whole = first_byte(0) + 1u;
    const uint8_t type = first_byte(1u + BOARD_HEAD_TYPE_OFFSET);
    if (type == BOARD_TYPE_RECEIVED)
        ring.held[BOARD_SORT_RECEIVED] -= first_byte(1u + BOARD_RECEIVED_COUNT_OFFSET);
    else if (type == BOARD_TYPE_BURST)
        ring.held[BOARD_SORT_RECEIVED] -= first_byte(1u + BOARD_BURST_COUNT_OFFSET);
    else
        ring.held[type == BOARD_TYPE_EDGE ? BOARD_SORT_EDGES : BOARD_SORT_REPORTS]--;
    ring.tail = (ring.tail + whole) % REPORT_BYTES;
    ring.used -= whole;
    ring.taken_out++;
}

uint32_t reports_waiting(void) {
    return ring.used;
}

uint32_t reports_put_in(void) {
    return ring.put_in;
}

uint32_t reports_taken_out(void) {
    return ring.taken_out;
}

static void tell_gathered(void) {
    uint8_t message[BOARD_LONGEST_FRAME];
    const uint8_t count = gather.count;
    if (count == 0)
        return;
    message[BOARD_HEAD_TYPE_OFFSET] = BOARD_TYPE_RECEIVED;
    put64(message + BOARD_RECEIVED_AT_US_OFFSET, gather.began);
    message[BOARD_RECEIVED_LINE_OFFSET] = gather.line;
    message[BOARD_RECEIVED_SPACING_OFFSET] = (uint8_t)(gather.run ? BOARD_SPACING_RUN : BOARD_SPACING_GAPS);
    message[BOARD_RECEIVED_COUNT_OFFSET] = count;
    uint8_t size = BOARD_RECEIVED_DATA_OFFSET;
    for (uint8_t at = 0; at < count; at++)
        message[size++] = gather.data[at];
    for (uint8_t at = 1; at < count && !gather.run; at++)
        message[size++] = gather.gaps[at];
    gather.count = 0;
    reports_put(message, size, BOARD_SORT_RECEIVED, count);
}

uint64_t reports_due(void) {
    if (gather.count == 0)
        return PORT_NEVER;
    const uint32_t silent = gather.last - gather.first + GATHER_SILENCE_US;
    return gather.began + (silent < GATHER_FOR_US ? silent : GATHER_FOR_US);
}

/* Sums, for a division takes longer than a byte. */
static void expect_next(void) {
    gather.expected += gather.byte_us;
    gather.expected_ns += gather.byte_ns;
    if (gather.expected_ns >= 1000u) {
        gather.expected_ns -= 1000u;
        gather.expected++;
    }
}

/* Whether a byte came within 1 µs of where it would be if all were back to back. */
static bool in_step(uint32_t at) {
    return at + 1u - gather.expected <= 2u;
}

static void take_byte(const struct received *byte, uint64_t now) {
    const uint32_t at = byte->at;
    const uint8_t line = lines.heard[byte->uart];
    if (shift.on) {
        bursts_take_byte(byte, now - (uint64_t)(int64_t)(int32_t)((uint32_t)now - at));
        return;
    }
    if (line == NO_LINE)
        return;
    counters.bytes_received++;
    if (gather.count && (gather.line != line || at - gather.last > LONGEST_GAP_US || at - gather.first > GATHER_FOR_US))
        tell_gathered();
    if (gather.count == 0) {
        gather.began = now - (uint64_t)(int64_t)(int32_t)((uint32_t)now - at);
        gather.first = gather.expected = at;
        gather.expected_ns = 0;
        gather.line = line;
        gather.run = true;
    } else {
        gather.run = gather.run && in_step(at);
        gather.gaps[gather.count] = (uint8_t)(at - gather.last);
    }
    expect_next();
    gather.last = at;
    gather.data[gather.count++] = byte->value;
    if (gather.count == GATHER_COUNT)
        tell_gathered();
}

static void take_event(const struct event *event, uint64_t at, uint64_t now) {
    uint8_t message[BOARD_SENT_SIZE];
    uint8_t size = 0;
    tell_gathered();
    switch (event->kind) {
    case EVENT_EDGE:
        message[BOARD_HEAD_TYPE_OFFSET] = BOARD_TYPE_EDGE;
        message[BOARD_EDGE_LINE_OFFSET] = (uint8_t)event->id;
        message[BOARD_EDGE_LEVEL_OFFSET] = event->small;
        put64(message + BOARD_EDGE_AT_US_OFFSET, at);
        size = BOARD_EDGE_SIZE;
        break;
    case EVENT_SENT:
        message[BOARD_HEAD_TYPE_OFFSET] = BOARD_TYPE_SENT;
        put16(message + BOARD_SENT_ID_OFFSET, event->id);
        put64(message + BOARD_SENT_BEGIN_US_OFFSET, now - (uint64_t)(int64_t)(int32_t)((uint32_t)now - event->value));
        put64(message + BOARD_SENT_END_US_OFFSET, at);
        size = BOARD_SENT_SIZE;
        break;
    case EVENT_LATE:
        message[BOARD_HEAD_TYPE_OFFSET] = BOARD_TYPE_LATE;
        put16(message + BOARD_LATE_ID_OFFSET, event->id);
        message[BOARD_LATE_DROPPED_OFFSET] = event->small;
        put32(message + BOARD_LATE_BY_US_OFFSET, event->value);
        size = BOARD_LATE_SIZE;
        break;
    case EVENT_REFUSED:
        answers_refuse(event->small, (uint8_t)event->id, (uint8_t)(event->id >> 8), event->value);
        return;
    case EVENT_BURST:
        bursts_end(event, at);
        return;
    default:
        gather.byte_us = event->value / 1000u;
        gather.byte_ns = event->value % 1000u;
        return;
    }
    reports_put(message, size, event->kind == EVENT_EDGE ? BOARD_SORT_EDGES : BOARD_SORT_REPORTS, 1);
}

/* What happened next, of the mount's events and of the frame signal's edges; false where nothing did. */
static bool next_event(struct event *next, uint32_t event_head, uint32_t pulse_edge_head, uint32_t low) {
    const struct event *event = &events.events[events.event_tail % EVENT_ROOM];
    const struct pulse_edge *edge = &events.pulse_edges[events.pulse_edge_tail % PULSE_EDGE_ROOM];
    const bool has_event = events.event_tail != event_head, has_edge = events.pulse_edge_tail != pulse_edge_head;
    if (has_edge && (!has_event || (int32_t)(low - edge->at) > (int32_t)(low - event->at))) {
        *next = (struct event){.at = edge->at, .kind = EVENT_EDGE, .small = edge->level, .id = edge->line};
        events.pulse_edge_tail++;
        return true;
    }
    if (has_event) {
        *next = *event;
        events.event_tail++;
    }
    return has_event;
}

void reports_collect(uint64_t now, bool all) {
    /* Events first: no byte that came before one of them can be missing among the bytes that are looked at then. */
    const uint32_t event_head = events.event_head;
    const uint32_t pulse_edge_head = events.pulse_edge_head;
    const uint32_t received_head = events.received_head;
    const uint32_t low = (uint32_t)now;
    uint32_t received_tail = events.received_tail;
    struct event event = {0};
    bool has_event = next_event(&event, event_head, pulse_edge_head, low);
    while (has_event || received_tail != received_head) {
        const struct received *byte = &events.received[received_tail % RECEIVED_ROOM];
        /* What was stamped behind `now`, or told ahead of its time, has a negative age. */
        const int32_t event_age = (int32_t)(low - event.at), byte_age = (int32_t)(low - byte->at);
        if (received_tail != received_head && (!has_event || byte_age >= event_age)) {
            take_byte(byte, now);
            events.received_tail = ++received_tail;
        } else {
            take_event(&event, now - (uint64_t)(int64_t)event_age, now);
            has_event = next_event(&event, event_head, pulse_edge_head, low);
        }
    }
    if (all || now >= reports_due())
        tell_gathered();
}
