/* The core's entry points: one pass of the main loop, and events at pins and UARTs. */
#include "board.h"

#include "host_tx.h"
#include "board_protocol.h"
#include "counters.h"
#include "event_ring.h"
#include "frame.h"
#include "interlock.h"
#include "line_map.h"
#include "link.h"
#include "tx_sequencer.h"
#include "hal.h"
#include "report_queue.h"
#include "session.h"

#define READ_BYTES 64u
#define MAX_READS 8u

struct counters counters;

static struct frame_reader reader;

void board_start(void) {
    line_map_clear();
    interlock.reason = BOARD_SAFE_STATE_REASON_START;
}

static void read_host(uint64_t now) {
    uint8_t bytes[READ_BYTES];
    for (unsigned read = 0; read < MAX_READS; read++) {
        const size_t count = hal_usb_read(bytes, sizeof bytes);
        for (size_t at = 0; at < count; at++) {
            const int size = frame_add_byte(&reader, bytes[at]);
            if (size > 0)
                session_on_frame(reader.bytes, (unsigned)size, now);
            else if (size == FRAME_BAD)
                session_on_bad_frame();
        }
        if (count < sizeof bytes)
            return;
    }
}

static void emit_edge(uint8_t line, bool level, uint32_t at) {
    const struct event event = {.at = at, .kind = EVENT_EDGE, .small = level, .id = line};
    const uint16_t bit = (uint16_t)(1u << line);
    counters.edges_seen++;
    if (event_ring_push(&event)) {
        lines.reported = (uint16_t)(level ? lines.reported | bit : lines.reported & ~bit);
        return;
    }
    count_loss(IN_MOUNT, BOARD_LOSS_KIND_EDGES, 1);
    /* Mask the pin, so that an edge storm cannot starve the main loop. */
    lines.masked |= bit;
    hal_pin_edges(lines.map[line].gpio, false);
}

static void unmask(uint64_t now) {
    const uint32_t before = hal_lock();
    const uint16_t levels = line_map_levels();
    for (uint8_t line = 0; line < lines.count; line++) {
        if (!line_in_mask(line, lines.masked))
            continue;
        lines.masked &= (uint16_t)~(1u << line);
        hal_pin_edges(lines.map[line].gpio, true);
        if (line_in_mask(line, levels) != line_in_mask(line, lines.reported))
            emit_edge(line, line_in_mask(line, levels), (uint32_t)now);
    }
    hal_unlock(before);
}

uint64_t board_poll(void) {
    const uint64_t now = hal_now_us();
    if (!hal_usb_up())
        session_unplugged();
    read_host(now);
    report_queue_collect(hal_now_us(), false);
    if (lines.masked)
        unmask(now);
    session_poll(hal_now_us());
    host_tx_room();
    const uint64_t sending = host_tx_poll(hal_now_us(), session_is_open());
    const uint64_t took = hal_now_us() - now;
    if (took > counters.worst_loop_us)
        counters.worst_loop_us = (uint32_t)took;
    const uint64_t telling = report_queue_due();
    return sending < telling ? sending : telling;
}

void board_on_pins(uint32_t rose, uint32_t fell, uint32_t levels, uint32_t at) {
    const uint64_t now = hal_now_us();
    uint32_t moved = rose | fell;
    for (unsigned pin = 0; moved; pin++, moved >>= 1) {
        const uint8_t line = lines.of_gpio[pin];
        if (!(moved & 1u) || line == NO_LINE)
            continue;
        const bool level = line_apply_polarity(line, (levels >> pin & 1u) != 0);
        if (shift.on && line_carries_bits(line)) {
            link_on_edge(line, at);
        } else if (line == lines.interlock) {
            interlock_on_edge(level, now - (uint32_t)((uint32_t)now - at));
        } else {
            if (rose >> pin & fell >> pin & 1u)
                emit_edge(line, !level, at);
            emit_edge(line, level, at);
        }
    }
    board_mount_service();
}

void board_on_byte(unsigned uart, uint8_t value, uint32_t at) {
    if (!event_ring_push_received(uart, value, at))
        count_loss(IN_UART, BOARD_LOSS_KIND_RECEIVED, 1);
}

void board_on_broken_byte(unsigned uart) {
    count_loss(IN_UART, BOARD_LOSS_KIND_BROKEN_BYTES, 1);
}

void board_on_overrun(unsigned uart) {
    count_loss(IN_UART, BOARD_LOSS_KIND_RECEIVED, 1);
}
