/* Bursts are told from each other by pauses of the clock; a unit that was loaded goes out with the next one. */
#include "link.h"

#include "board.h"
#include "bytes.h"
#include "counters.h"
#include "events.h"
#include "lines.h"
#include "mount_tell.h"
#include "replies.h"

#define BITS_IN_BYTE 8u
/* A data line that moves and is followed by no burst has taken a level. */
#define SETTLE_US 20u

struct link shift;

static struct {
    uint8_t flags, idle_byte;
    uint16_t gap_us;
} wanted;

void link_want(const uint8_t *message) {
    wanted.flags = message[BOARD_LINK_FLAGS_OFFSET];
    wanted.idle_byte = message[BOARD_LINK_IDLE_BYTE_OFFSET];
    wanted.gap_us = get16(message + BOARD_LINK_GAP_US_OFFSET);
    shift.wanted = true;
}

void link_forget_wanted(void) {
    shift.wanted = false;
}

/* The first edge of a burst only: its bits are not for this interrupt. */
static void listen_to_clock(void) {
    shift.clock_edge_waits = false;
    if (!shift.setup.clocks)
        port_pin_edges(shift.setup.clock, true);
}

void link_start(uint32_t bit_rate) {
    const uint32_t byte_us = (BITS_IN_BYTE * 1000000u + bit_rate - 1u) / bit_rate;
    shift.pause_us = byte_us + wanted.gap_us;
    shift.settle_us = shift.pause_us + SETTLE_US;
    shift.free_at = 0;
    shift.size = shift.left = shift.earlier_size = shift.heard_size = 0;
    shift.in_burst = shift.ours = false;
    shift.setup = (struct port_link){
        .bit_rate = bit_rate,
        .clock = lines.map[lines.clock].gpio,
        .output = lines.data == NO_LINE ? PORT_NO_PIN : lines.map[lines.data].gpio,
        .idle_byte = wanted.idle_byte,
        .clocks = line_is(lines.clock, lines.ours),
        .idle_high = (wanted.flags & BOARD_LINK_FLAG_IDLE_HIGH) != 0,
        .sampled_on_rise = (wanted.flags & BOARD_LINK_FLAG_SAMPLED_ON_RISE) != 0,
        .msb_first = (wanted.flags & BOARD_LINK_FLAG_MSB_FIRST) != 0,
    };
    for (unsigned input = 0; input < PORT_LINK_INPUTS; input++) {
        const uint8_t line = lines.heard[input];
        shift.setup.inputs[input] = line == NO_LINE ? PORT_NO_PIN : lines.map[line].gpio;
        /* The level at the start is looked at as one that a line took. */
        shift.edge_waits[input] = line != NO_LINE;
        shift.edge_at[input] = (uint32_t)port_now_us();
        if (line != NO_LINE)
            lines.told &= (uint16_t)~(1u << line);
    }
    port_link_start(&shift.setup);
    listen_to_clock();
    shift.on = true;
}

void link_stop(void) {
    shift.on = shift.in_burst = shift.ours = false;
    shift.size = shift.left = 0;
    replies_clear();
    port_link_stop();
}

void board_on_shifted(unsigned input, uint8_t value, uint32_t at) {
    board_on_byte(input, value, at);
    shift.last_at = at;
    if (!shift.in_burst) {
        shift.began_at = at;
        shift.heard_size = 0;
        shift.in_burst = true;
        port_kick();
    }
    if (input == 0) {
        if (shift.heard_size < BOARD_LONGEST_REPLY_UNIT)
            shift.heard[shift.heard_size] = value;
        if (shift.heard_size < UINT8_MAX)
            shift.heard_size++;
    }
    if (shift.left && --shift.left == 0)
        port_kick();
}

static void tell_burst(uint8_t small, uint32_t at, uint32_t partial) {
    const struct event event = {.at = at, .kind = EVENT_BURST, .small = small, .value = partial};
    if (!events_push(&event))
        lose(IN_MOUNT, BOARD_SORT_REPORTS, 1);
}

struct ended {
    uint32_t began_at, last_at;
    uint16_t id;
    unsigned bits;
    uint8_t partial[PORT_LINK_INPUTS];
    bool ours, had_unit;
    uint8_t heard[BOARD_LONGEST_REPLY_UNIT], heard_size;
};

/* With interrupts locked: what there is to tell of the burst, and the link is ready for the next one. */
static void end_burst(struct ended *ended, uint64_t now) {
    *ended = (struct ended){.ours = shift.ours, .had_unit = shift.size != 0, .id = shift.id};
    ended->bits = port_link_end(ended->partial);
    ended->began_at = shift.began_at;
    ended->last_at = shift.last_at;
    ended->heard_size = shift.heard_size;
    for (unsigned at = 0; at < BOARD_LONGEST_REPLY_UNIT; at++)
        ended->heard[at] = shift.heard[at];
    shift.size = 0;
    shift.in_burst = shift.ours = false;
    shift.free_at = now + shift.pause_us;
    listen_to_clock();
    /* What a data line does now may be a level again. */
    for (unsigned input = 0; input < PORT_LINK_INPUTS; input++) {
        shift.edge_waits[input] = lines.heard[input] != NO_LINE;
        shift.edge_at[input] = (uint32_t)now;
    }
}

static void keep_earlier(const struct ended *ended) {
    const uint8_t size = ended->heard_size;
    shift.earlier_size = (uint8_t)(size < BOARD_LONGEST_REPLY_UNIT ? size : BOARD_LONGEST_REPLY_UNIT);
    for (uint8_t at = 0; at < shift.earlier_size; at++)
        shift.earlier[at] = ended->heard[at];
}

/* Load what was prepared for this burst; whether there was something. */
static bool answer(const struct ended *ended) {
    const bool connected = lines.data != NO_LINE && line_is(lines.data, lines.away);
    const struct reply *reply = ended->bits || !connected ? NULL : replies_find(ended->heard, ended->heard_size);
    if (!reply)
        return false;
    const bool copies = (reply->flags & BOARD_REPLY_FLAG_COPY) != 0;
    const uint8_t *unit = copies ? shift.earlier : reply->unit;
    const uint32_t before = port_lock();
    shift.id = reply->id;
    shift.size = copies ? shift.earlier_size : reply->unit_size;
    for (uint8_t at = 0; at < shift.size; at++)
        shift.unit[at] = unit[at];
    port_link_load(shift.unit, shift.size);
    port_unlock(before);
    return true;
}

static void tell_ended(const struct ended *ended, bool answered) {
    const bool empty = !ended->ours && lines.data != NO_LINE && !ended->had_unit;
    const unsigned flags = BOARD_BURST_FLAG_LAST | (empty ? BOARD_BURST_FLAG_EMPTY : 0) |
                           (answered ? BOARD_BURST_FLAG_ANSWERED : 0);
    const uint32_t partial = (uint32_t)(ended->partial[0] | ended->partial[1] << 8);
    /* Who clocks is told first. */
    if (ended->had_unit && ended->ours)
        tell_shifted(ended->id, ended->began_at, ended->last_at);
    tell_burst((uint8_t)(ended->bits + BITS_IN_BYTE * flags), ended->last_at, partial);
    if (ended->had_unit && !ended->ours)
        tell_shifted(ended->id, ended->began_at, ended->last_at);
}

static uint64_t watch_burst(uint64_t now) {
    if (!shift.in_burst)
        return PORT_NEVER;
    const uint32_t before = port_lock();
    const int32_t since = (int32_t)((uint32_t)now - shift.last_at);
    const uint32_t quiet = since > 0 ? (uint32_t)since : 0;
    const bool ours = shift.ours;
    const bool over = ours ? !shift.left : quiet >= shift.pause_us;
    struct ended ended;
    if (over)
        end_burst(&ended, now);
    port_unlock(before);
    if (!over)
        return ours ? PORT_NEVER : now + shift.pause_us - quiet;
    const bool answered = !ours && answer(&ended);
    keep_earlier(&ended);
    tell_ended(&ended, answered);
    return PORT_NEVER;
}

/* Edges of the clock that no burst followed: power that came or went, noise, or fewer bits than a byte has. */
static uint64_t watch_clock(uint64_t now) {
    if (!shift.clock_edge_waits)
        return PORT_NEVER;
    const uint32_t since = (uint32_t)now - shift.clock_edge_at;
    if (since < shift.settle_us)
        return now + shift.settle_us - since;
    uint8_t partial[PORT_LINK_INPUTS] = {0, 0};
    const uint32_t before = port_lock();
    const unsigned bits = port_link_end(partial);
    if (bits)
        tell_burst((uint8_t)(bits + BITS_IN_BYTE * BOARD_BURST_FLAG_LAST), shift.clock_edge_at,
                   (uint32_t)(partial[0] | partial[1] << 8));
    if (shift.size)
        port_link_load(shift.unit, shift.size);
    listen_to_clock();
    port_unlock(before);
    return PORT_NEVER;
}

static void tell_level(uint8_t line, bool level, uint32_t at) {
    const uint16_t bit = (uint16_t)(1u << line);
    const struct event event = {.at = at, .kind = EVENT_EDGE, .small = level, .id = line};
    counters.edges_seen++;
    if (events_push(&event))
        lines.told ^= bit;
    else
        lose(IN_MOUNT, BOARD_SORT_EDGES, 1);
}

static uint64_t watch_level(unsigned input, uint64_t now) {
    if (!shift.edge_waits[input])
        return PORT_NEVER;
    const uint32_t since = (uint32_t)now - shift.edge_at[input];
    if (since < shift.settle_us)
        return now + shift.settle_us - since;
    const uint8_t line = lines.heard[input];
    shift.edge_waits[input] = false;
    port_pin_edges(lines.map[line].gpio, true);
    const bool level = line_is(line, lines_levels());
    if (level != line_is(line, lines.told))
        tell_level(line, level, shift.edge_at[input]);
    return PORT_NEVER;
}

static uint64_t sooner(uint64_t one, uint64_t other) {
    return one < other ? one : other;
}

uint64_t link_service(uint64_t now) {
    if (!shift.on)
        return PORT_NEVER;
    uint64_t next = watch_burst(now);
    /* A burst that begins keeps the edges of its bits to itself; its end looks at the levels. */
    if (shift.in_burst)
        return next;
    next = sooner(next, watch_clock(now));
    for (unsigned input = 0; input < PORT_LINK_INPUTS; input++)
        next = sooner(next, watch_level(input, now));
    return next;
}

void link_on_edge(uint8_t line, uint32_t at) {
    const unsigned input = line == lines.heard[0] ? 0 : 1;
    port_pin_edges(lines.map[line].gpio, false);
    if (line == lines.clock) {
        shift.clock_edge_waits = true;
        shift.clock_edge_at = at;
        return;
    }
    shift.edge_waits[input] = true;
    shift.edge_at[input] = at;
}

uint64_t link_busy_until(void) {
    if (!shift.on)
        return 0;
    if (shift.in_burst || shift.ours)
        return PORT_NEVER;
    return shift.setup.clocks ? shift.free_at : 0;
}

void link_take(const uint8_t *order, uint8_t size) {
    const uint32_t before = port_lock();
    shift.id = get16(order + BOARD_TRANSMIT_ID_OFFSET);
    shift.size = (uint8_t)(size - BOARD_TRANSMIT_SIZE);
    for (uint8_t at = 0; at < shift.size; at++)
        shift.unit[at] = order[BOARD_TRANSMIT_DATA_OFFSET + at];
    if (shift.setup.clocks) {
        shift.ours = true;
        shift.left = shift.size;
        port_link_shift(shift.unit, shift.size);
    } else {
        port_link_load(shift.unit, shift.size);
    }
    port_unlock(before);
}

uint32_t link_cut(void) {
    if (!shift.on)
        return 0;
    const uint32_t before = port_lock();
    const uint32_t units = shift.ours;
    uint8_t partial[PORT_LINK_INPUTS];
    (void)port_link_end(partial);
    shift.size = shift.left = 0;
    if (shift.in_burst)
        tell_burst(BITS_IN_BYTE * BOARD_BURST_FLAG_LAST, shift.last_at, 0);
    replies_restart();
    shift.in_burst = shift.ours = false;
    port_unlock(before);
    return units;
}
