/* Merges events and bytes by their times; reports consecutive bytes together. */
#include "report_queue.h"

#include "host_tx.h"
#include "board_protocol.h"
#include "bursts.h"
#include "byte_order.h"
#include "counters.h"
#include "event_ring.h"
#include "line_map.h"
#include "link.h"
#include "hal.h"

#define GATHER_COUNT 120u
#define GATHER_FOR_US 1000u
#define GATHER_SILENCE_US 200u
#define MAX_GAP_US 255u

static struct {
    uint8_t bytes[REPORT_QUEUE_BYTES];
    uint32_t head, tail, used;
    uint32_t put_in, taken_out;
    uint32_t held[LOSS_KINDS]; /* what a loss of the queue would lose */
} ring;

/* Low halves of times: bytes are reported within a millisecond, and every byte passes here. */
static struct {
    uint8_t count, line;
    bool run;
    uint32_t first, last;
    uint32_t expected, expected_ns; /* time of the next byte if all are back to back */
    uint32_t byte_us, byte_ns;      /* duration of a byte, in both parts */
    uint64_t began;                 /* the first, whole */
    uint8_t data[GATHER_COUNT], gaps[GATHER_COUNT];
} gather;

void report_queue_clear(void) {
    for (unsigned sort = 0; sort < LOSS_KINDS; sort++) {
        count_loss(IN_MAIN, sort, ring.held[sort]);
        ring.held[sort] = 0;
    }
    ring.head = ring.tail = ring.used = 0;
    ring.taken_out = ring.put_in;
    gather.count = 0;
    bursts_clear();
    event_ring_clear();
}

static void put_byte(uint8_t value) {
    ring.bytes[ring.head] = value;
    ring.head = (ring.head + 1u) % REPORT_QUEUE_BYTES;
}

void report_queue_put(const uint8_t *message, uint8_t size, uint8_t sort, uint32_t count) {
    if (ring.used + size + 1u > REPORT_QUEUE_BYTES) {
        count_loss(IN_MAIN, sort, count);
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
    return ring.bytes[(ring.tail + at) % REPORT_QUEUE_BYTES];
}

uint8_t report_queue_first(uint8_t *message) {
    if (ring.used == 0)
        return 0;
    const uint8_t size = first_byte(0);
    for (uint8_t at = 0; at < size; at++)
        message[at] = first_byte(1u + at);
    return size;
}

void report_queue_pop(void) {
    const uint32_t whole = first_byte(0) + 1u;
    const uint8_t type = first_byte(1u + BOARD_HEAD_TYPE_OFFSET);
    if (type == BOARD_TYPE_RECEIVED)
        ring.held[BOARD_LOSS_KIND_RECEIVED] -= first_byte(1u + BOARD_RECEIVED_COUNT_OFFSET);
    else if (type == BOARD_TYPE_BURST)
        ring.held[BOARD_LOSS_KIND_RECEIVED] -= first_byte(1u + BOARD_BURST_COUNT_OFFSET);
    else
        ring.held[type == BOARD_TYPE_EDGE ? BOARD_LOSS_KIND_EDGES : BOARD_LOSS_KIND_REPORTS]--;
    ring.tail = (ring.tail + whole) % REPORT_QUEUE_BYTES;
    ring.used -= whole;
    ring.taken_out++;
}

uint32_t report_queue_used(void) {
    return ring.used;
}

uint32_t report_queue_put_count(void) {
    return ring.put_in;
}

uint32_t report_queue_taken_count(void) {
    return ring.taken_out;
}

static void emit_gathered(void) {
    uint8_t message[BOARD_MAX_FRAME];
    const uint8_t count = gather.count;
    if (count == 0)
        return;
    message[BOARD_HEAD_TYPE_OFFSET] = BOARD_TYPE_RECEIVED;
    put64(message + BOARD_RECEIVED_AT_US_OFFSET, gather.began);
    message[BOARD_RECEIVED_LINE_OFFSET] = gather.line;
    message[BOARD_RECEIVED_SPACING_OFFSET] =
        (uint8_t)(gather.run ? BOARD_TIMESTAMP_ENCODING_RUN : BOARD_TIMESTAMP_ENCODING_GAPS);
    message[BOARD_RECEIVED_COUNT_OFFSET] = count;
    uint8_t size = BOARD_RECEIVED_DATA_OFFSET;
    for (uint8_t at = 0; at < count; at++)
        message[size++] = gather.data[at];
    for (uint8_t at = 1; at < count && !gather.run; at++)
        message[size++] = gather.gaps[at];
    gather.count = 0;
    report_queue_put(message, size, BOARD_LOSS_KIND_RECEIVED, count);
}

uint64_t report_queue_due(void) {
    if (gather.count == 0)
        return HAL_NEVER;
    const uint32_t silent = gather.last - gather.first + GATHER_SILENCE_US;
    return gather.began + (silent < GATHER_FOR_US ? silent : GATHER_FOR_US);
}

/* Sums, because a division takes longer than a byte. */
static void expect_next(void) {
    gather.expected += gather.byte_us;
    gather.expected_ns += gather.byte_ns;
    if (gather.expected_ns >= 1000u) {
        gather.expected_ns -= 1000u;
        gather.expected++;
    }
}

/* Whether a byte arrived within 1 µs of its time if all are back to back. */
static bool in_step(uint32_t at) {
    return at + 1u - gather.expected <= 2u;
}

static void add_byte(const struct received *byte, uint64_t now) {
    const uint32_t at = byte->at;
    const uint8_t line = lines.inputs[byte->uart];
    if (shift.on) {
        bursts_add_byte(byte, now - (uint64_t)(int64_t)(int32_t)((uint32_t)now - at));
        return;
    }
    if (line == NO_LINE)
        return;
    counters.bytes_received++;
    if (gather.count && (gather.line != line || at - gather.last > MAX_GAP_US || at - gather.first > GATHER_FOR_US))
        emit_gathered();
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
        emit_gathered();
}

static void add_event(const struct event *event, uint64_t at, uint64_t now) {
    uint8_t message[BOARD_SENT_SIZE];
    uint8_t size = 0;
    emit_gathered();
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
    case EVENT_REJECTED:
        host_tx_error(event->small, (uint8_t)event->id, (uint8_t)(event->id >> 8), event->value);
        return;
    case EVENT_BURST:
        bursts_end(event, at);
        return;
    default:
        gather.byte_us = event->value / 1000u;
        gather.byte_ns = event->value % 1000u;
        return;
    }
    report_queue_put(message, size, event->kind == EVENT_EDGE ? BOARD_LOSS_KIND_EDGES : BOARD_LOSS_KIND_REPORTS, 1);
}

/* The next of the mount's events and the frame signal's edges; false if there is none. */
static bool next_event(struct event *next, uint32_t event_head, uint32_t pulse_edge_head, uint32_t low) {
    const struct event *event = &event_rings.events[event_rings.event_tail % EVENT_CAPACITY];
    const struct pulse_edge *edge = &event_rings.pulse_edges[event_rings.pulse_edge_tail % PULSE_EDGE_CAPACITY];
    const bool has_event = event_rings.event_tail != event_head;
    const bool has_edge = event_rings.pulse_edge_tail != pulse_edge_head;
    if (has_edge && (!has_event || (int32_t)(low - edge->at) > (int32_t)(low - event->at))) {
        *next = (struct event){.at = edge->at, .kind = EVENT_EDGE, .small = edge->level, .id = edge->line};
        event_rings.pulse_edge_tail++;
        return true;
    }
    if (has_event) {
        *next = *event;
        event_rings.event_tail++;
    }
    return has_event;
}

void report_queue_collect(uint64_t now, bool all) {
    /* Events first: then no byte that arrived before an event is missing among the bytes. */
    const uint32_t event_head = event_rings.event_head;
    const uint32_t pulse_edge_head = event_rings.pulse_edge_head;
    const uint32_t received_head = event_rings.received_head;
    const uint32_t low = (uint32_t)now;
    uint32_t received_tail = event_rings.received_tail;
    struct event event = {0};
    bool has_event = next_event(&event, event_head, pulse_edge_head, low);
    while (has_event || received_tail != received_head) {
        const struct received *byte = &event_rings.received[received_tail % RECEIVED_CAPACITY];
        /* An entry with a time after `now` has a negative age. */
        const int32_t event_age = (int32_t)(low - event.at), byte_age = (int32_t)(low - byte->at);
        if (received_tail != received_head && (!has_event || byte_age >= event_age)) {
            add_byte(byte, now);
            event_rings.received_tail = ++received_tail;
        } else {
            add_event(&event, now - (uint64_t)(int64_t)event_age, now);
            has_event = next_event(&event, event_head, pulse_edge_head, low);
        }
    }
    if (all || now >= report_queue_due())
        emit_gathered();
}
