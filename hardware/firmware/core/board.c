/* The core's front: the main loop's turn, and what happens at pins and UARTs. */
#include "board.h"

#include "answers.h"
#include "board_protocol.h"
#include "counters.h"
#include "events.h"
#include "frame.h"
#include "guard.h"
#include "lines.h"
#include "link.h"
#include "mount.h"
#include "port.h"
#include "reports.h"
#include "session.h"

#define READ_AT_ONCE 64u
#define READS_AT_ONCE 8u

struct counters counters;

static struct frame_reader reader;

void board_start(void) {
    lines_forget();
    guard.reason = BOARD_REST_REASON_START;
}

static void read_host(uint64_t now) {
    uint8_t bytes[READ_AT_ONCE];
    for (unsigned read = 0; read < READS_AT_ONCE; read++) {
        const size_t count = port_usb_read(bytes, sizeof bytes);
        for (size_t at = 0; at < count; at++) {
            const int size = frame_take(&reader, bytes[at]);
            if (size > 0)
                session_take(reader.bytes, (unsigned)size, now);
            else if (size == FRAME_BAD)
                session_take_bad_frame();
        }
        if (count < sizeof bytes)
            return;
    }
}

static void tell_edge(uint8_t line, bool level, uint32_t at) {
    const struct event event = {.at = at, .kind = EVENT_EDGE, .small = level, .id = line};
    const uint16_t bit = (uint16_t)(1u << line);
    counters.edges_seen++;
    if (events_push(&event)) {
        lines.told = (uint16_t)(level ? lines.told | bit : lines.told & ~bit);
        return;
    }
    lose(IN_MOUNT, BOARD_SORT_EDGES, 1);
    /* Whatever makes more edges than the main loop can tell must not keep it from telling any. */
    lines.hushed |= bit;
    port_pin_edges(lines.map[line].gpio, false);
}

static void listen_again(uint64_t now) {
    const uint32_t before = port_lock();
    const uint16_t levels = lines_levels();
    for (uint8_t line = 0; line < lines.count; line++) {
        if (!line_is(line, lines.hushed))
            continue;
        lines.hushed &= (uint16_t)~(1u << line);
        port_pin_edges(lines.map[line].gpio, true);
        if (line_is(line, levels) != line_is(line, lines.told))
            tell_edge(line, line_is(line, levels), (uint32_t)now);
    }
    port_unlock(before);
}

uint64_t board_poll(void) {
    const uint64_t now = port_now_us();
    if (!port_usb_up())
        session_unplugged();
    read_host(now);
    reports_collect(port_now_us(), false);
    if (lines.hushed)
        listen_again(now);
    session_watch(port_now_us());
    answers_room();
    const uint64_t sending = answers_send(port_now_us(), session_is_greeted());
    const uint64_t took = port_now_us() - now;
    if (took > counters.worst_loop_us)
        counters.worst_loop_us = (uint32_t)took;
    const uint64_t telling = reports_due();
    return sending < telling ? sending : telling;
}

void board_on_pins(uint32_t rose, uint32_t fell, uint32_t levels, uint32_t at) {
    const uint64_t now = port_now_us();
    uint32_t moved = rose | fell;
    for (unsigned pin = 0; moved; pin++, moved >>= 1) {
        const uint8_t line = lines.of_gpio[pin];
        if (!(moved & 1u) || line == NO_LINE)
            continue;
        const bool level = line_inverts(line, (levels >> pin & 1u) != 0);
        if (shift.on && line_carries_bits(line)) {
            link_on_edge(line, at);
        } else if (line == lines.guard) {
            guard_on_edge(level, now - (uint32_t)((uint32_t)now - at));
        } else {
            if (rose >> pin & fell >> pin & 1u)
                tell_edge(line, !level, at);
            tell_edge(line, level, at);
        }
    }
    board_mount_service();
}

void board_on_byte(unsigned uart, uint8_t value, uint32_t at) {
    if (!events_push_received(uart, value, at))
        lose(IN_UART, BOARD_SORT_RECEIVED, 1);
}

void board_on_broken_byte(unsigned uart) {
    lose(IN_UART, BOARD_SORT_BROKEN_BYTES, 1);
}

void board_on_overrun(unsigned uart) {
    lose(IN_UART, BOARD_SORT_RECEIVED, 1);
}
