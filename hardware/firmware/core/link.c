/* Clocked link: pauses of the clock separate bursts; a loaded unit is sent with the next burst. */
#include "link.h"

#include "board.h"
#include "byte_order.h"
#include "counters.h"
#include "event_ring.h"
#include "line_map.h"
#include "tx_events.h"
#include "replies.h"

#define BITS_IN_BYTE 8u
/* An edge of a data line that no burst follows is a level. */
#define SETTLE_US 20u

struct link shift;

static struct {
    uint8_t flags, idle_byte;
    uint16_t gap_us;
} wanted;

void link_request(const uint8_t *message) {
    wanted.flags = message[BOARD_LINK_FLAGS_OFFSET];
    wanted.idle_byte = message[BOARD_LINK_IDLE_BYTE_OFFSET];
    wanted.gap_us = get16(message + BOARD_LINK_GAP_US_OFFSET);
    shift.wanted = true;
}

void link_cancel_request(void) {
    shift.wanted = false;
}

/* Only the first edge of a burst raises this interrupt, not its bits. */
static void listen_to_clock(void) {
    shift.clock_edge_waits = false;
    if (!shift.setup.clocks)
        hal_pin_edges(shift.setup.clock, true);
}

void link_start(uint32_t bit_rate) {
    const uint32_t byte_us = (BITS_IN_BYTE * 1000000u + bit_rate - 1u) / bit_rate;
    shift.pause_us = byte_us + wanted.gap_us;
    shift.settle_us = shift.pause_us + SETTLE_US;
    shift.free_at = 0;
    shift.size = shift.left = shift.earlier_size = shift.received_size = 0;
    shift.in_burst = shift.ours = false;
    shift.setup = (struct hal_link){
        .bit_rate = bit_rate,
        .clock = lines.map[lines.clock].gpio,
        .output = lines.data == NO_LINE ? HAL_NO_PIN : lines.map[lines.data].gpio,
        .idle_byte = wanted.idle_byte,
        .clocks = line_in_mask(lines.clock, lines.ours),
        .idle_high = (wanted.flags & BOARD_LINK_FLAG_IDLE_HIGH) != 0,
        .sampled_on_rise = (wanted.flags & BOARD_LINK_FLAG_SAMPLED_ON_RISE) != 0,
        .msb_first = (wanted.flags & BOARD_LINK_FLAG_MSB_FIRST) != 0,
    };
    for (unsigned input = 0; input < HAL_LINK_INPUTS; input++) {
        const uint8_t line = lines.inputs[input];
        shift.setup.inputs[input] = line == NO_LINE ? HAL_NO_PIN : lines.map[line].gpio;
        /* The level at the start is reported as a new level. */
        shift.edge_waits[input] = line != NO_LINE;
        shift.edge_at[input] = (uint32_t)hal_now_us();
        if (line != NO_LINE)
            lines.reported &= (uint16_t)~(1u << line);
    }
    hal_link_start(&shift.setup);
    listen_to_clock();
    shift.on = true;
}

void link_stop(void) {
    shift.on = shift.in_burst = shift.ours = false;
    shift.size = shift.left = 0;
    replies_clear();
    hal_link_stop();
}

void board_on_shifted(unsigned input, uint8_t value, uint32_t at) {
    board_on_byte(input, value, at);
    shift.last_at = at;
    if (!shift.in_burst) {
        shift.began_at = at;
        shift.received_size = 0;
        shift.in_burst = true;
        hal_kick();
    }
    if (input == 0) {
        if (shift.received_size < BOARD_MAX_REPLY_UNIT)
            shift.received[shift.received_size] = value;
        if (shift.received_size < UINT8_MAX)
            shift.received_size++;
    }
    if (shift.left && --shift.left == 0)
        hal_kick();
}

static void emit_burst(uint8_t small, uint32_t at, uint32_t partial) {
    const struct event event = {.at = at, .kind = EVENT_BURST, .small = small, .value = partial};
    if (!event_ring_push(&event))
        count_loss(IN_MOUNT, BOARD_LOSS_KIND_REPORTS, 1);
}

struct ended {
    uint32_t began_at, last_at;
    uint16_t id;
    unsigned bits;
    uint8_t partial[HAL_LINK_INPUTS];
    bool ours, had_unit;
    uint8_t received[BOARD_MAX_REPLY_UNIT], received_size;
};

/* With interrupts locked: store the result of the burst, and prepare the link for the next one. */
static void end_burst(struct ended *ended, uint64_t now) {
    *ended = (struct ended){.ours = shift.ours, .had_unit = shift.size != 0, .id = shift.id};
    ended->bits = hal_link_end(ended->partial);
    ended->began_at = shift.began_at;
    ended->last_at = shift.last_at;
    ended->received_size = shift.received_size;
    for (unsigned at = 0; at < BOARD_MAX_REPLY_UNIT; at++)
        ended->received[at] = shift.received[at];
    shift.size = 0;
    shift.in_burst = shift.ours = false;
    shift.free_at = now + shift.pause_us;
    listen_to_clock();
    /* From now on an edge of a data line may be a level. */
    for (unsigned input = 0; input < HAL_LINK_INPUTS; input++) {
        shift.edge_waits[input] = lines.inputs[input] != NO_LINE;
        shift.edge_at[input] = (uint32_t)now;
    }
}

static void keep_earlier(const struct ended *ended) {
    const uint8_t size = ended->received_size;
    shift.earlier_size = (uint8_t)(size < BOARD_MAX_REPLY_UNIT ? size : BOARD_MAX_REPLY_UNIT);
    for (uint8_t at = 0; at < shift.earlier_size; at++)
        shift.earlier[at] = ended->received[at];
}

/* Load the prepared reply to this burst; returns whether there is one. */
static bool answer(const struct ended *ended) {
    const bool connected = lines.data != NO_LINE && line_in_mask(lines.data, lines.active);
    const struct reply *reply = ended->bits || !connected ? NULL : replies_find(ended->received, ended->received_size);
    if (!reply)
        return false;
    const bool copies = (reply->flags & BOARD_REPLY_FLAG_COPY) != 0;
    const uint8_t *unit = copies ? shift.earlier : reply->unit;
    const uint32_t before = hal_lock();
    shift.id = reply->id;
    shift.size = copies ? shift.earlier_size : reply->unit_size;
    for (uint8_t at = 0; at < shift.size; at++)
        shift.unit[at] = unit[at];
    hal_link_load(shift.unit, shift.size);
    hal_unlock(before);
    return true;
}

static void emit_ended(const struct ended *ended, bool answered) {
    const bool empty = !ended->ours && lines.data != NO_LINE && !ended->had_unit;
    const unsigned flags = BOARD_BURST_FLAG_LAST | (empty ? BOARD_BURST_FLAG_EMPTY : 0) |
                           (answered ? BOARD_BURST_FLAG_ANSWERED : 0);
    const uint32_t partial = (uint32_t)(ended->partial[0] | ended->partial[1] << 8);
    /* The end that clocks is reported first. */
    if (ended->had_unit && ended->ours)
        emit_shifted(ended->id, ended->began_at, ended->last_at);
    emit_burst((uint8_t)(ended->bits + BITS_IN_BYTE * flags), ended->last_at, partial);
    if (ended->had_unit && !ended->ours)
        emit_shifted(ended->id, ended->began_at, ended->last_at);
}

static uint64_t poll_burst(uint64_t now) {
    if (!shift.in_burst)
        return HAL_NEVER;
    const uint32_t before = hal_lock();
    const int32_t since = (int32_t)((uint32_t)now - shift.last_at);
    const uint32_t quiet = since > 0 ? (uint32_t)since : 0;
    const bool ours = shift.ours;
    const bool over = ours ? !shift.left : quiet >= shift.pause_us;
    struct ended ended;
    if (over)
        end_burst(&ended, now);
    hal_unlock(before);
    if (!over)
        return ours ? HAL_NEVER : now + shift.pause_us - quiet;
    const bool answered = !ours && answer(&ended);
    keep_earlier(&ended);
    emit_ended(&ended, answered);
    return HAL_NEVER;
}

/* Edges of the clock that no burst followed: a change of power, noise, or fewer bits than a byte. */
static uint64_t poll_clock(uint64_t now) {
    if (!shift.clock_edge_waits)
        return HAL_NEVER;
    const uint32_t since = (uint32_t)now - shift.clock_edge_at;
    if (since < shift.settle_us)
        return now + shift.settle_us - since;
    uint8_t partial[HAL_LINK_INPUTS] = {0, 0};
    const uint32_t before = hal_lock();
    const unsigned bits = hal_link_end(partial);
    if (bits)
        emit_burst((uint8_t)(bits + BITS_IN_BYTE * BOARD_BURST_FLAG_LAST), shift.clock_edge_at,
                   (uint32_t)(partial[0] | partial[1] << 8));
    if (shift.size)
        hal_link_load(shift.unit, shift.size);
    listen_to_clock();
    hal_unlock(before);
    return HAL_NEVER;
}

static void emit_level(uint8_t line, bool level, uint32_t at) {
    const uint16_t bit = (uint16_t)(1u << line);
    const struct event event = {.at = at, .kind = EVENT_EDGE, .small = level, .id = line};
    counters.edges_seen++;
    if (event_ring_push(&event))
        lines.reported ^= bit;
    else
        count_loss(IN_MOUNT, BOARD_LOSS_KIND_EDGES, 1);
}

static uint64_t poll_level(unsigned input, uint64_t now) {
    if (!shift.edge_waits[input])
        return HAL_NEVER;
    const uint32_t since = (uint32_t)now - shift.edge_at[input];
    if (since < shift.settle_us)
        return now + shift.settle_us - since;
    const uint8_t line = lines.inputs[input];
    shift.edge_waits[input] = false;
    hal_pin_edges(lines.map[line].gpio, true);
    const bool level = line_in_mask(line, line_map_levels());
    if (level != line_in_mask(line, lines.reported))
        emit_level(line, level, shift.edge_at[input]);
    return HAL_NEVER;
}

static uint64_t sooner(uint64_t one, uint64_t other) {
    return one < other ? one : other;
}

uint64_t link_poll(uint64_t now) {
    if (!shift.on)
        return HAL_NEVER;
    uint64_t next = poll_burst(now);
    /* During a burst the edges are its bits; its end samples the levels. */
    if (shift.in_burst)
        return next;
    next = sooner(next, poll_clock(now));
    for (unsigned input = 0; input < HAL_LINK_INPUTS; input++)
        next = sooner(next, poll_level(input, now));
    return next;
}

void link_on_edge(uint8_t line, uint32_t at) {
    const unsigned input = line == lines.inputs[0] ? 0 : 1;
    hal_pin_edges(lines.map[line].gpio, false);
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
        return HAL_NEVER;
    return shift.setup.clocks ? shift.free_at : 0;
}

void link_transmit(const uint8_t *command, uint8_t size) {
    const uint32_t before = hal_lock();
    shift.id = get16(command + BOARD_TRANSMIT_ID_OFFSET);
    shift.size = (uint8_t)(size - BOARD_TRANSMIT_SIZE);
    for (uint8_t at = 0; at < shift.size; at++)
        shift.unit[at] = command[BOARD_TRANSMIT_DATA_OFFSET + at];
    if (shift.setup.clocks) {
        shift.ours = true;
        shift.left = shift.size;
        hal_link_shift(shift.unit, shift.size);
    } else {
        hal_link_load(shift.unit, shift.size);
    }
    hal_unlock(before);
}

uint32_t link_abort(void) {
    if (!shift.on)
        return 0;
    const uint32_t before = hal_lock();
    const uint32_t units = shift.ours;
    uint8_t partial[HAL_LINK_INPUTS];
    (void)hal_link_end(partial);
    shift.size = shift.left = 0;
    if (shift.in_burst)
        emit_burst(BITS_IN_BYTE * BOARD_BURST_FLAG_LAST, shift.last_at, 0);
    replies_restart();
    shift.in_burst = shift.ours = false;
    hal_unlock(before);
    return units;
}
