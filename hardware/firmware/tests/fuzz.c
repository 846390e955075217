/* Random frames from a host, random levels and bytes from a mount; what must hold is looked at after each of them.
 *
 *     fuzz FRAMES SEED
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "byte_order.h"
#include "frame.h"
#include "interlock.h"
#include "line_map.h"
#include "link.h"
#include "sim.h"
#include "line_monitor.h"

static uint64_t state;

static uint32_t any(uint32_t below) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32) % below;
}

static void fail(const char *what) {
    fprintf(stderr, "at %llu us: %s\n", (unsigned long long)sim_now(), what);
    exit(1);
}

static void look_at(uint8_t line) {
    const unsigned pin = sim_pin_state(lines.map[line].gpio);
    const bool away = line_in_mask(line, lines.active), rail = line_is_rail(line);
    const bool grounding = lines.role == BOARD_ROLE_LENS && lines.map[line].kind == BOARD_LINE_KIND_PRESENCE;
    const bool inverted = line_has_flag(line, BOARD_LINE_FLAG_INVERTED);
    const bool high = pin == SIM_UART_OUT || (pin == SIM_HIGH && !inverted) || (pin == SIM_LOW && inverted);
    if (!line_in_mask(line, lines.ours)) {
        if (pin != SIM_INPUT && pin != SIM_UART_IN)
            fail("a line that is not ours is driven");
        return;
    }
    if (away && !grounding && !interlock.present)
        fail("a line is not idle without presence");
    if (away && !grounding && !rail && !lines.powered)
        fail("a line is not idle without power");
    if (high && !rail && !grounding && !lines.powered)
        fail("a line is driven high into an end without power");
}

static void look(void) {
    const char *violation = line_monitor_violation();
    if (violation)
        fail(violation);
    for (uint8_t line = 0; line < lines.count; line++)
        look_at(line);
    for (uint8_t line = 0; line < lines.count; line++) {
        if (lines.map[line].kind == BOARD_LINE_KIND_RAIL && line_is_rail(line) && line_in_mask(line, lines.active) &&
            !lines.powered)
            fail("a rail is on without the supply");
    }
}

static const uint8_t sizes[] = {
    0,
    BOARD_HELLO_SIZE,
    BOARD_CONFIGURE_SIZE,
    BOARD_CREDIT_SIZE,
    BOARD_TRANSMIT_SIZE,
    BOARD_DRIVE_SIZE,
    BOARD_SET_BAUDRATE_SIZE,
    BOARD_SYNC_SIZE,
    BOARD_TIME_SIZE,
    BOARD_SAFE_STATE_SIZE,
    BOARD_BOOTLOADER_SIZE,
    BOARD_READ_COUNTERS_SIZE,
    BOARD_READ_STATE_SIZE,
    BOARD_LINK_SIZE,
    BOARD_REPLY_SIZE,
};

static const uint8_t usual[] = {
    BOARD_TYPE_TRANSMIT, BOARD_TYPE_TRANSMIT, BOARD_TYPE_TRANSMIT, BOARD_TYPE_TRANSMIT, BOARD_TYPE_TRANSMIT,
    BOARD_TYPE_TRANSMIT, BOARD_TYPE_TRANSMIT, BOARD_TYPE_TRANSMIT, BOARD_TYPE_TRANSMIT, BOARD_TYPE_TRANSMIT,
    BOARD_TYPE_DRIVE,    BOARD_TYPE_DRIVE,    BOARD_TYPE_DRIVE,    BOARD_TYPE_DRIVE,    BOARD_TYPE_DRIVE,
    BOARD_TYPE_DRIVE,    BOARD_TYPE_DRIVE,    BOARD_TYPE_DRIVE,    BOARD_TYPE_DRIVE,    BOARD_TYPE_DRIVE,
    BOARD_TYPE_DRIVE,    BOARD_TYPE_DRIVE,    BOARD_TYPE_DRIVE,    BOARD_TYPE_DRIVE,    BOARD_TYPE_DRIVE,
    BOARD_TYPE_SYNC,     BOARD_TYPE_SYNC,     BOARD_TYPE_SYNC,     BOARD_TYPE_SYNC,     BOARD_TYPE_TIME,
    BOARD_TYPE_CREDIT,   BOARD_TYPE_CREDIT,   BOARD_TYPE_CREDIT,   BOARD_TYPE_CREDIT,   BOARD_TYPE_TIME,
    BOARD_TYPE_SET_BAUDRATE, BOARD_TYPE_READ_COUNTERS, BOARD_TYPE_READ_STATE, BOARD_TYPE_BOOTLOADER,
    BOARD_TYPE_HELLO,    BOARD_TYPE_CONFIGURE, BOARD_TYPE_SAFE_STATE, BOARD_TYPE_REPLY, BOARD_TYPE_REPLY,
    BOARD_TYPE_REPLY,    BOARD_TYPE_REPLY,
};

static const uint8_t body_map[] = {
    2, BOARD_LINE_KIND_PRESENCE, BOARD_LINE_FLAG_PULL_UP, 0, 0, 0, 0,
    3, BOARD_LINE_KIND_SUPPLY, BOARD_LINE_FLAG_OUTPUT, 100, 0, 0, 0,
    6, BOARD_LINE_KIND_RAIL, BOARD_LINE_FLAG_OUTPUT, 50, 0, 0, 0,
    7, BOARD_LINE_KIND_ATTENTION, BOARD_LINE_FLAG_OUTPUT, 0, 0, 0, 0,
    8, BOARD_LINE_KIND_DATA, BOARD_LINE_FLAG_OUTPUT, 0, 0, 0, 0,
    9, BOARD_LINE_KIND_DATA, 0, 0, 0, 0, 0,
    10, BOARD_LINE_KIND_SYNC, BOARD_LINE_FLAG_OUTPUT | BOARD_LINE_FLAG_IDLE_HIGH, 0, 0, 0, 0,
    11, BOARD_LINE_KIND_ATTENTION, 0, 0, 0, 0, 0,
    12, BOARD_LINE_KIND_PLAIN, BOARD_LINE_FLAG_OUTPUT | BOARD_LINE_FLAG_INVERTED, 0, 0, 0, 0,
};

static bool clocked; /* the next map is for a clocked link */

static void put_clocked(uint8_t *map) {
    static const uint8_t kinds[][2] = {{3, BOARD_LINE_KIND_PLAIN}, {7, BOARD_LINE_KIND_CLOCK}};
    for (unsigned at = 0; at < 2; at++)
        map[BOARD_LINE_SIZE * kinds[at][0] + BOARD_LINE_KIND_OFFSET] = kinds[at][1];
    /* A body clocks, mostly. */
    if (any(10))
        map[BOARD_LINE_SIZE * 7 + BOARD_LINE_FLAGS_OFFSET] = BOARD_LINE_FLAG_OUTPUT;
}

/* A map that makes sense, or nearly. */
static unsigned put_map(uint8_t *message) {
    const unsigned count = sizeof body_map / BOARD_LINE_SIZE;
    message[BOARD_CONFIGURE_ROLE_OFFSET] = (uint8_t)(any(10) ? any(2) : any(4));
    message[BOARD_CONFIGURE_FLAGS_OFFSET] = (uint8_t)any(4);
    put32(message + BOARD_CONFIGURE_BAUDRATE_OFFSET, 750000);
    uint8_t *timing = message + BOARD_CONFIGURE_TIMING_OFFSET;
    put16(timing + BOARD_TIMING_SETUP_US_OFFSET, any(40));
    put16(timing + BOARD_TIMING_HOLD_US_OFFSET, any(40));
    put16(timing + BOARD_TIMING_GAP_US_OFFSET, any(40));
    put32(timing + BOARD_TIMING_PRESENCE_US_OFFSET, any(2000));
    put16(timing + BOARD_TIMING_ABSENCE_US_OFFSET, any(20) ? any(1001) : any(2000));
    put16(timing + BOARD_TIMING_WATCHDOG_MS_OFFSET, any(200));
    message[BOARD_CONFIGURE_LINES_OFFSET] = (uint8_t)count;
    uint8_t *map = message + BOARD_CONFIGURE_LINES_OFFSET + 1;
    memcpy(map, body_map, sizeof body_map);
    if (clocked)
        put_clocked(map);
    clocked = false;
    for (unsigned line = 0; line < count; line++) {
        uint8_t *flags = map + BOARD_LINE_SIZE * line + BOARD_LINE_FLAGS_OFFSET;
        const uint8_t kind = map[BOARD_LINE_SIZE * line + BOARD_LINE_KIND_OFFSET];
        if (message[BOARD_CONFIGURE_ROLE_OFFSET] == BOARD_ROLE_SNIFFER)
            *flags &= (uint8_t)~BOARD_LINE_FLAG_OUTPUT;
        else if (message[BOARD_CONFIGURE_ROLE_OFFSET] == BOARD_ROLE_LENS && kind != BOARD_LINE_KIND_DATA &&
                 kind != BOARD_LINE_KIND_PLAIN && any(20))
            *flags = (uint8_t)((*flags ^ BOARD_LINE_FLAG_OUTPUT) & ~BOARD_LINE_FLAG_PULL_UP);
        if (message[BOARD_CONFIGURE_ROLE_OFFSET] != BOARD_ROLE_BODY)
            put32(map + BOARD_LINE_SIZE * line + BOARD_LINE_DELAY_US_OFFSET, 0);
        if (message[BOARD_CONFIGURE_ROLE_OFFSET] == BOARD_ROLE_LENS && (kind == BOARD_LINE_KIND_ATTENTION || kind == BOARD_LINE_KIND_CLOCK) && line == 7)
            *flags &= (uint8_t)~BOARD_LINE_FLAG_OUTPUT;
    }
    return BOARD_CONFIGURE_LINES_OFFSET + 1 + sizeof body_map;
}

static unsigned put_message(uint8_t *message, uint8_t sequence) {
    static uint8_t due; /* HELLO is mostly followed by a map, and a map by the supply */
    const uint8_t often = usual[any(sizeof usual)];
    const uint8_t type = due ? due : (uint8_t)(any(40) ? often : any(256));
    due = type == BOARD_TYPE_HELLO && any(8) ? (any(2) ? BOARD_TYPE_LINK : BOARD_TYPE_CONFIGURE) : 0;
    if (type == BOARD_TYPE_LINK)
        due = BOARD_TYPE_CONFIGURE;
    unsigned size = type < sizeof sizes ? sizes[type] : 2 + any(60);
    for (unsigned at = 0; at < BOARD_MAX_FRAME; at++)
        message[at] = (uint8_t)(any(3) ? any(4) : any(256));
    message[BOARD_HEAD_TYPE_OFFSET] = type;
    message[BOARD_HEAD_SEQUENCE_OFFSET] = sequence;
    if (type == BOARD_TYPE_HELLO) {
        message[BOARD_HELLO_VERSION_OFFSET] = (uint8_t)(any(8) ? BOARD_VERSION : any(256));
        message[BOARD_HELLO_FLAGS_OFFSET] = (uint8_t)any(3);
        put32(message + BOARD_HELLO_SESSION_OFFSET, any(2));
        put32(message + BOARD_HELLO_LIMIT_OFFSET, any(100000));
    } else if (type == BOARD_TYPE_CONFIGURE && any(10)) {
        size = put_map(message);
    } else if (type == BOARD_TYPE_LINK) {
        message[BOARD_LINK_FLAGS_OFFSET] = (uint8_t)any(any(20) ? 8 : 16);
        put16(message + BOARD_LINK_GAP_US_OFFSET, any(30));
        clocked = true;
    } else if (type == BOARD_TYPE_REPLY) {
        const bool copies = any(4) == 0;
        size += copies ? 0 : 1 + any(any(10) ? 8 : 12);
        put16(message + BOARD_REPLY_NUMBER_OFFSET, any(any(10) ? 6 : 500));
        message[BOARD_REPLY_FLAGS_OFFSET] = copies;
        message[BOARD_REPLY_STATE_OFFSET] = (uint8_t)any(3);
        message[BOARD_REPLY_NEXT_OFFSET] = (uint8_t)any(3);
        message[BOARD_REPLY_SIZE_OFFSET] = (uint8_t)(1 + any(5));
        put32(message + BOARD_REPLY_MASK_OFFSET, any(2) ? 0 : any(4));
    } else if (type == BOARD_TYPE_TRANSMIT) {
        size += any(30);
        if (shift.on && any(10))
            message[BOARD_TRANSMIT_FLAGS_OFFSET] = 0;
        put16(message + BOARD_TRANSMIT_ID_OFFSET, any(3));
        put64(message + BOARD_TRANSMIT_AT_US_OFFSET, any(3) ? 0 : sim_now() + any(2000) - 500);
        put64(message + BOARD_TRANSMIT_LATEST_US_OFFSET, any(3) ? 0 : sim_now() + any(2000) - 500);
    } else if (type == BOARD_TYPE_DRIVE) {
        message[BOARD_DRIVE_FLAGS_OFFSET] = (uint8_t)any(2);
        message[BOARD_DRIVE_LINE_OFFSET] = (uint8_t)(any(3) ? any(10) : 1);
        message[BOARD_DRIVE_LEVEL_OFFSET] = (uint8_t)(any(20) ? any(8) != 0 : any(256));
        const bool timed = message[BOARD_DRIVE_FLAGS_OFFSET] && any(2);
        put64(message + BOARD_DRIVE_AT_US_OFFSET, timed ? sim_now() + any(1000) : 0);
    } else if (type == BOARD_TYPE_SET_BAUDRATE) {
        put32(message + BOARD_SET_BAUDRATE_BAUDRATE_OFFSET, any(4) ? 100000 + any(1400000) : any(2000));
        put64(message + BOARD_SET_BAUDRATE_AT_US_OFFSET, any(2) ? 0 : sim_now() + any(1000));
    } else if (type == BOARD_TYPE_SYNC) {
        message[BOARD_SYNC_FLAGS_OFFSET] = (uint8_t)any(4);
        put32(message + BOARD_SYNC_PERIOD_US_OFFSET, 90 + any(3000));
        put32(message + BOARD_SYNC_WIDTH_US_OFFSET, any(150));
        put64(message + BOARD_SYNC_AT_US_OFFSET, any(2) ? 0 : sim_now() + any(3000) - 1500);
    }
    return any(50) ? size : 2 + any(BOARD_MAX_FRAME - 4);
}

static void disturb(void) {
    static const uint8_t inputs[] = {6, 7, 10, 11, 6, 7, 10, 11, 2, 3};
    switch (any(8)) {
    case 0:
        sim_set_pin(inputs[any(sizeof inputs)], any(2));
        break;
    case 1:
        sim_glitch(inputs[any(sizeof inputs)]);
        break;
    case 2:
        for (unsigned count = any(40); count; count--)
            sim_feed(any(2), (uint8_t)any(256), any(30) ? 0 : (int)any(3));
        break;
    case 5: {
        uint8_t first[301], second[301];
        for (unsigned at = 0; at < sizeof first; at++)
            first[at] = second[at] = (uint8_t)any(256);
        sim_clock(first, second, any(10) ? any(6) : any(300), any(5) ? 0 : any(8));
        break;
    }
    case 3:
        if (!any(50)) {
            sim_usb(false);
            sim_usb(true);
        }
        break;
    case 4:
        if (any(4))
            break;
        sim_host_reads(any(10) != 0);
        break;
    default:
        break;
    }
}

/* Most lenses are there most of the time, or nothing would ever be driven. */
static void settle(void) {
    sim_set_pin(2, any(300) == 0);
    sim_set_pin(3, any(300) != 0);
}

int main(int argc, char **argv) {
    const unsigned long frames = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;
    const unsigned long seed = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
    uint8_t message[512], wire[512], output[65536];
    uint64_t sent = 0, away = 0, shifts = 0;
    state = 0x9e3779b97f4a7c15u * (seed + 1);
    sim_start();
    for (unsigned long frame = 0; frame < frames; frame++) {
        const unsigned size = put_message(message, (uint8_t)(any(500) ? frame : any(256)));
        size_t count = frame_build(wire, message, size);
        if (!any(100))
            wire[any((uint32_t)count)] = (uint8_t)any(256);
        /* A cable that comes out in mid-frame, and a host that dies in it. */
        if (!any(500))
            count = any((uint32_t)count);
        sim_host_write(wire, count);
        disturb();
        look();
        if (any(3))
            settle();
        sim_run_until(sim_now() + (any(2000) ? any(400) : any(250000)));
        look();
        away += lines.active != 0;
        shifts += shift.on && lines.data != NO_LINE && line_in_mask(lines.data, lines.active);
        sent += sim_host_read(output, sizeof output);
    }
    printf("%lu frames, seed %lu, checked for addresses and undefined behaviour: clean, in %.0f s of processor time\n"
           "%.0f s of board time, %llu bytes answered, something driven after %.0f %% of the frames,\n"
           "a clocked link after %.0f %%; every edge judged\n",
           frames, seed, (double)clock() / CLOCKS_PER_SEC, (double)sim_now() / 1e6, (unsigned long long)sent,
           100.0 * (double)away / (double)frames, 100.0 * (double)shifts / (double)frames);
    return 0;
}
