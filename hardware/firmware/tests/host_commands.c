/* What a host sends to the simulated board: a session, the lines of a body or of a lens on a clocked link, and commands. */
#include "host_commands.h"

#include <string.h>

#include "board.h"
#include "byte_order.h"
#include "frame.h"
#include "sim.h"

static const uint8_t map[] = {
    PRESENCE_PIN, BOARD_LINE_KIND_PRESENCE, BOARD_LINE_FLAG_PULL_UP, 0, 0, 0, 0,
    SUPPLY_PIN, BOARD_LINE_KIND_SUPPLY, BOARD_LINE_FLAG_OUTPUT, 0, 0, 0, 0,
    RAIL_PIN, BOARD_LINE_KIND_RAIL, BOARD_LINE_FLAG_OUTPUT, 0, 0, 0, 0,
    ATTENTION_PIN, BOARD_LINE_KIND_ATTENTION, BOARD_LINE_FLAG_OUTPUT, 0, 0, 0, 0,
    DATA_PIN, BOARD_LINE_KIND_DATA, BOARD_LINE_FLAG_OUTPUT, 0, 0, 0, 0,
    9, BOARD_LINE_KIND_DATA, 0, 0, 0, 0, 0,
    SYNC_PIN, BOARD_LINE_KIND_SYNC, BOARD_LINE_FLAG_OUTPUT | BOARD_LINE_FLAG_IDLE_HIGH, 0, 0, 0, 0,
    PLAIN_PIN, BOARD_LINE_KIND_PLAIN, BOARD_LINE_FLAG_OUTPUT | BOARD_LINE_FLAG_INVERTED, 0, 0, 0, 0,
};

static const uint8_t clocked_map[] = {
    SUPPLY_PIN, BOARD_LINE_KIND_SUPPLY, BOARD_LINE_FLAG_PULL_DOWN, 0, 0, 0, 0,
    CLOCK_PIN, BOARD_LINE_KIND_CLOCK, 0, 0, 0, 0, 0,
    DATA_PIN, BOARD_LINE_KIND_DATA, BOARD_LINE_FLAG_OUTPUT, 0, 0, 0, 0,
    9, BOARD_LINE_KIND_DATA, 0, 0, 0, 0, 0,
};

static uint8_t sequence;

static void host_send(uint8_t *message, unsigned size) {
    uint8_t wire[BOARD_MAX_WIRE_SIZE];
    message[BOARD_HEAD_SEQUENCE_OFFSET] = sequence++;
    sim_host_write(wire, frame_build(wire, message, size));
}

void host_hello(uint32_t session) {
    uint8_t message[BOARD_HELLO_SIZE] = {BOARD_TYPE_HELLO};
    message[BOARD_HELLO_VERSION_OFFSET] = BOARD_VERSION;
    put32(message + BOARD_HELLO_SESSION_OFFSET, session);
    put32(message + BOARD_HELLO_LIMIT_OFFSET, 1u << 20);
    host_send(message, sizeof message);
}

static void host_link(void) {
    uint8_t message[BOARD_LINK_SIZE] = {BOARD_TYPE_LINK};
    message[BOARD_LINK_FLAGS_OFFSET] =
        BOARD_LINK_FLAG_IDLE_HIGH | BOARD_LINK_FLAG_SAMPLED_ON_RISE | BOARD_LINK_FLAG_MSB_FIRST;
    put16(message + BOARD_LINK_GAP_US_OFFSET, 10);
    host_send(message, sizeof message);
}

void host_configure_lens(void) {
    uint8_t message[BOARD_MAX_FRAME] = {BOARD_TYPE_CONFIGURE};
    message[BOARD_CONFIGURE_ROLE_OFFSET] = BOARD_ROLE_LENS;
    put32(message + BOARD_CONFIGURE_BAUDRATE_OFFSET, 1500000);
    put32(message + BOARD_CONFIGURE_TIMING_OFFSET + BOARD_TIMING_PRESENCE_US_OFFSET, 100);
    put16(message + BOARD_CONFIGURE_TIMING_OFFSET + BOARD_TIMING_ABSENCE_US_OFFSET, 100);
    message[BOARD_CONFIGURE_LINES_OFFSET] = sizeof clocked_map / BOARD_LINE_SIZE;
    memcpy(message + BOARD_CONFIGURE_LINES_OFFSET + 1, clocked_map, sizeof clocked_map);
    host_link();
    host_send(message, BOARD_CONFIGURE_LINES_OFFSET + 1 + sizeof clocked_map);
}

void host_unit(uint8_t id) {
    uint8_t message[BOARD_TRANSMIT_SIZE + UNIT] = {BOARD_TYPE_TRANSMIT};
    put16(message + BOARD_TRANSMIT_ID_OFFSET, id);
    memset(message + BOARD_TRANSMIT_DATA_OFFSET, 0x40 + id, UNIT);
    host_send(message, sizeof message);
}

void host_configure_body(void) {
    uint8_t message[BOARD_MAX_FRAME] = {BOARD_TYPE_CONFIGURE};
    message[BOARD_CONFIGURE_ROLE_OFFSET] = BOARD_ROLE_BODY;
    message[BOARD_CONFIGURE_FLAGS_OFFSET] = BOARD_CONFIGURE_FLAG_OWN_EDGES;
    put32(message + BOARD_CONFIGURE_BAUDRATE_OFFSET, 750000);
    uint8_t *timing = message + BOARD_CONFIGURE_TIMING_OFFSET;
    put16(timing + BOARD_TIMING_SETUP_US_OFFSET, 20);
    put16(timing + BOARD_TIMING_HOLD_US_OFFSET, 30);
    put16(timing + BOARD_TIMING_GAP_US_OFFSET, 40);
    put32(timing + BOARD_TIMING_PRESENCE_US_OFFSET, 100);
    put16(timing + BOARD_TIMING_ABSENCE_US_OFFSET, 100);
    message[BOARD_CONFIGURE_LINES_OFFSET] = sizeof map / BOARD_LINE_SIZE;
    memcpy(message + BOARD_CONFIGURE_LINES_OFFSET + 1, map, sizeof map);
    host_send(message, BOARD_CONFIGURE_LINES_OFFSET + 1 + sizeof map);
}

void host_drive(uint8_t line, uint8_t level, uint8_t flags) {
    uint8_t message[BOARD_DRIVE_SIZE] = {BOARD_TYPE_DRIVE};
    message[BOARD_DRIVE_FLAGS_OFFSET] = flags;
    message[BOARD_DRIVE_LINE_OFFSET] = line;
    message[BOARD_DRIVE_LEVEL_OFFSET] = level;
    host_send(message, sizeof message);
}

void host_window(uint8_t id, unsigned count, uint64_t at_us) {
    uint8_t message[BOARD_MAX_FRAME] = {BOARD_TYPE_TRANSMIT};
    message[BOARD_TRANSMIT_FLAGS_OFFSET] = BOARD_TRANSMIT_FLAG_RAISE | BOARD_TRANSMIT_FLAG_LOWER;
    put16(message + BOARD_TRANSMIT_ID_OFFSET, id);
    put64(message + BOARD_TRANSMIT_AT_US_OFFSET, at_us);
    memset(message + BOARD_TRANSMIT_DATA_OFFSET, 0x40 + id, count);
    host_send(message, BOARD_TRANSMIT_SIZE + count);
}

void host_rate(uint32_t baudrate, uint64_t at_us) {
    uint8_t message[BOARD_SET_BAUDRATE_SIZE] = {BOARD_TYPE_SET_BAUDRATE};
    put32(message + BOARD_SET_BAUDRATE_BAUDRATE_OFFSET, baudrate);
    put64(message + BOARD_SET_BAUDRATE_AT_US_OFFSET, at_us);
    host_send(message, sizeof message);
}

void host_sync(uint32_t period_us, bool on) {
    uint8_t message[BOARD_SYNC_SIZE] = {BOARD_TYPE_SYNC};
    message[BOARD_SYNC_FLAGS_OFFSET] = on ? BOARD_SYNC_FLAG_ON : 0;
    put32(message + BOARD_SYNC_PERIOD_US_OFFSET, period_us);
    put32(message + BOARD_SYNC_WIDTH_US_OFFSET, WIDTH_US);
    host_send(message, sizeof message);
}

void host_safe_state(void) {
    uint8_t message[BOARD_SAFE_STATE_SIZE] = {BOARD_TYPE_SAFE_STATE};
    host_send(message, sizeof message);
}

void host_reply(uint8_t value) {
    uint8_t message[BOARD_REPLY_SIZE + UNIT] = {BOARD_TYPE_REPLY};
    message[BOARD_REPLY_SIZE_OFFSET] = UNIT;
    memset(message + BOARD_REPLY_UNIT_OFFSET, value, UNIT);
    host_send(message, sizeof message);
}
