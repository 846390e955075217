/* Executes the messages of the host, or returns why one is rejected. */
#include "commands.h"

#include "host_tx.h"
#include "board_protocol.h"
#include "byte_order.h"
#include "interlock.h"
#include "line_map.h"
#include "link.h"
#include "tx_sequencer.h"
#include "command_queue.h"
#include "replies.h"
#include "hal.h"
#include "session.h"
#include "frame_sync.h"

/* An error code with its detail, or 0. */
typedef uint8_t (*handler)(const uint8_t *message, unsigned size, uint64_t now, uint32_t *detail);

static uint8_t configure(const uint8_t *message, unsigned size, uint64_t now, uint32_t *detail) {
    const bool clocked = shift.wanted;
    link_cancel_request();
    const uint8_t code = config_check(message, size, clocked, detail);
    if (code)
        return code;
    const uint8_t *timing = message + BOARD_CONFIGURE_TIMING_OFFSET;
    const uint32_t before = hal_lock();
    interlock_stop(BOARD_SAFE_STATE_REASON_START);
    line_map_adopt(message, clocked);
    const uint32_t rate = get32(message + BOARD_CONFIGURE_BAUDRATE_OFFSET);
    if (clocked)
        link_start(rate);
    tx_seq_start(timing, rate, now);
    interlock_start(timing, now);
    hal_unlock(before);
    hal_kick();
    session_report_state(now);
    return 0;
}

static uint8_t request_link(const uint8_t *message, unsigned size, uint64_t now, uint32_t *detail) {
    const uint8_t known = BOARD_LINK_FLAG_IDLE_HIGH | BOARD_LINK_FLAG_SAMPLED_ON_RISE | BOARD_LINK_FLAG_MSB_FIRST;
    *detail = BOARD_LINK_FLAGS_OFFSET;
    if (message[BOARD_LINK_FLAGS_OFFSET] & ~known)
        return BOARD_ERROR_CODE_MALFORMED;
    *detail = BOARD_LINK_GAP_US_OFFSET;
    if (get16(message + BOARD_LINK_GAP_US_OFFSET) == 0)
        return BOARD_ERROR_CODE_BAD_TIMING;
    link_request(message);
    return 0;
}

static uint8_t credit(const uint8_t *message, unsigned size, uint64_t now, uint32_t *detail) {
    host_tx_credit(get32(message + BOARD_CREDIT_LIMIT_OFFSET));
    return 0;
}

static uint8_t enqueue(const uint8_t *message, unsigned size) {
    command_queue_put(message, (uint8_t)size);
    hal_kick();
    return 0;
}

static uint8_t transmit(const uint8_t *message, unsigned size, uint64_t now, uint32_t *detail) {
    *detail = BOARD_TRANSMIT_FLAGS_OFFSET;
    if (message[BOARD_TRANSMIT_FLAGS_OFFSET] & ~(BOARD_TRANSMIT_FLAG_RAISE | BOARD_TRANSMIT_FLAG_LOWER))
        return BOARD_ERROR_CODE_MALFORMED;
    /* A unit of a clocked link has no window. */
    if (shift.on && message[BOARD_TRANSMIT_FLAGS_OFFSET])
        return BOARD_ERROR_CODE_MALFORMED;
    *detail = NO_LINE;
    if (lines.role == BOARD_ROLE_SNIFFER)
        return BOARD_ERROR_CODE_LISTENS_ONLY;
    return lines.data == NO_LINE ? BOARD_ERROR_CODE_BAD_LINE : enqueue(message, size);
}

static uint8_t drive(const uint8_t *message, unsigned size, uint64_t now, uint32_t *detail) {
    const uint8_t line = message[BOARD_DRIVE_LINE_OFFSET];
    const bool in_turn = (message[BOARD_DRIVE_FLAGS_OFFSET] & BOARD_DRIVE_FLAG_IN_TURN) != 0;
    *detail = BOARD_DRIVE_FLAGS_OFFSET;
    if (message[BOARD_DRIVE_FLAGS_OFFSET] & ~BOARD_DRIVE_FLAG_IN_TURN)
        return BOARD_ERROR_CODE_MALFORMED;
    *detail = BOARD_DRIVE_LEVEL_OFFSET;
    if (message[BOARD_DRIVE_LEVEL_OFFSET] > 1)
        return BOARD_ERROR_CODE_MALFORMED;
    *detail = BOARD_DRIVE_AT_US_OFFSET;
    if (!in_turn && get64(message + BOARD_DRIVE_AT_US_OFFSET) != 0)
        return BOARD_ERROR_CODE_MALFORMED;
    *detail = line;
    if (lines.role == BOARD_ROLE_SNIFFER)
        return BOARD_ERROR_CODE_LISTENS_ONLY;
    if (line >= lines.count || !line_in_mask(line, lines.ours))
        return BOARD_ERROR_CODE_BAD_LINE;
    if (in_turn)
        return enqueue(message, size);
    const uint32_t before = hal_lock();
    const uint8_t code = tx_seq_drive(line, message[BOARD_DRIVE_LEVEL_OFFSET] != 0, now);
    hal_unlock(before);
    hal_kick();
    return code;
}

static uint8_t set_baudrate(const uint8_t *message, unsigned size, uint64_t now, uint32_t *detail) {
    const uint32_t rate = get32(message + BOARD_SET_BAUDRATE_BAUDRATE_OFFSET);
    /* A clocked link has the rate of its map. */
    *detail = shift.on ? shift.setup.bit_rate : hal_nearest_rate(rate);
    if (shift.on)
        return BOARD_ERROR_CODE_BAD_BAUDRATE;
    return config_rate_is_near(rate, *detail) ? enqueue(message, size) : BOARD_ERROR_CODE_BAD_BAUDRATE;
}

static uint8_t run_frame_sync(const uint8_t *message, unsigned size, uint64_t now, uint32_t *detail) {
    const uint8_t flags = message[BOARD_SYNC_FLAGS_OFFSET];
    const struct frame_sync_command command = {
        .at_us = get64(message + BOARD_SYNC_AT_US_OFFSET),
        .period_us = get32(message + BOARD_SYNC_PERIOD_US_OFFSET),
        .width_us = get32(message + BOARD_SYNC_WIDTH_US_OFFSET),
        .pulse_high = (flags & BOARD_SYNC_FLAG_PULSE_HIGH) != 0,
    };
    const bool on = (flags & BOARD_SYNC_FLAG_ON) != 0;
    *detail = BOARD_SYNC_FLAGS_OFFSET;
    if (flags & ~(BOARD_SYNC_FLAG_ON | BOARD_SYNC_FLAG_PULSE_HIGH))
        return BOARD_ERROR_CODE_MALFORMED;
    *detail = NO_LINE;
    if (lines.sync == NO_LINE)
        return lines.role == BOARD_ROLE_SNIFFER ? BOARD_ERROR_CODE_LISTENS_ONLY : BOARD_ERROR_CODE_BAD_LINE;
    *detail = BOARD_SYNC_PERIOD_US_OFFSET;
    if (on && command.period_us < BOARD_MIN_SYNC_PERIOD_US)
        return BOARD_ERROR_CODE_BAD_TIMING;
    *detail = BOARD_SYNC_WIDTH_US_OFFSET;
    if (on && (command.width_us == 0 || command.width_us >= command.period_us))
        return BOARD_ERROR_CODE_BAD_TIMING;
    *detail = lines.sync;
    const uint32_t before = hal_lock();
    const uint8_t code = on ? interlock_check(lines.sync) : 0;
    if (on && !code)
        frame_sync_run(&command, now);
    else if (!on)
        frame_sync_end();
    hal_unlock(before);
    return code;
}

static uint8_t prepare_reply(const uint8_t *message, unsigned size, uint64_t now, uint32_t *detail) {
    const bool copies = message[BOARD_REPLY_FLAGS_OFFSET] == BOARD_REPLY_FLAG_COPY;
    *detail = NO_LINE;
    if (!shift.on || shift.setup.clocks || lines.data == NO_LINE)
        return BOARD_ERROR_CODE_BAD_LINE;
    *detail = BOARD_REPLY_NUMBER_OFFSET;
    if (get16(message + BOARD_REPLY_NUMBER_OFFSET) >= BOARD_MAX_REPLIES)
        return BOARD_ERROR_CODE_MALFORMED;
    *detail = BOARD_REPLY_FLAGS_OFFSET;
    if (message[BOARD_REPLY_FLAGS_OFFSET] && !copies)
        return BOARD_ERROR_CODE_MALFORMED;
    /* Only a copy has no unit of its own. */
    *detail = BOARD_REPLY_UNIT_OFFSET;
    if (copies != (size == BOARD_REPLY_SIZE))
        return BOARD_ERROR_CODE_MALFORMED;
    replies_put(message, size);
    return 0;
}

static uint8_t read_time(const uint8_t *message, unsigned size, uint64_t now, uint32_t *detail) {
    host_tx_time(get32(message + BOARD_TIME_TOKEN_OFFSET), now);
    return 0;
}

static uint8_t enter_safe_state(const uint8_t *message, unsigned size, uint64_t now, uint32_t *detail) {
    const uint8_t flags = message[BOARD_SAFE_STATE_FLAGS_OFFSET];
    *detail = BOARD_SAFE_STATE_FLAGS_OFFSET;
    if (flags & ~BOARD_SAFE_STATE_FLAG_FORGET)
        return BOARD_ERROR_CODE_MALFORMED;
    if (flags & BOARD_SAFE_STATE_FLAG_FORGET) {
        session_clear_map(BOARD_SAFE_STATE_REASON_HOST);
        session_end();
    } else {
        const uint32_t before = hal_lock();
        interlock_enter_safe_state(BOARD_SAFE_STATE_REASON_HOST);
        hal_unlock(before);
    }
    session_report_state(now);
    return 0;
}

static uint8_t enter_boot_mode(const uint8_t *message, unsigned size, uint64_t now, uint32_t *detail) {
    if (get32(message + BOARD_BOOTLOADER_MAGIC_OFFSET) != BOARD_BOOTLOADER_MAGIC)
        return BOARD_ERROR_CODE_BAD_MAGIC;
    session_clear_map(BOARD_SAFE_STATE_REASON_HOST);
    hal_enter_boot_mode();
    return 0;
}

static uint8_t read_counters(const uint8_t *message, unsigned size, uint64_t now, uint32_t *detail) {
    host_tx_counters();
    return 0;
}

static uint8_t read_state(const uint8_t *message, unsigned size, uint64_t now, uint32_t *detail) {
    session_report_state(now);
    return 0;
}

/* By type: the least size and the most. */
static const struct {
    handler handle;
    uint8_t least, most;
    bool needs_map, queued;
} commands[] = {
    [BOARD_TYPE_HELLO] = {session_hello, BOARD_HELLO_SIZE, BOARD_HELLO_SIZE, false, false},
    [BOARD_TYPE_CONFIGURE] = {configure, 0, 255, false, false},
    [BOARD_TYPE_CREDIT] = {credit, BOARD_CREDIT_SIZE, BOARD_CREDIT_SIZE, false, false},
    [BOARD_TYPE_TRANSMIT] = {transmit, BOARD_TRANSMIT_SIZE + 1, 255, true, true},
    [BOARD_TYPE_DRIVE] = {drive, BOARD_DRIVE_SIZE, BOARD_DRIVE_SIZE, true, true},
    [BOARD_TYPE_SET_BAUDRATE] = {set_baudrate, BOARD_SET_BAUDRATE_SIZE, BOARD_SET_BAUDRATE_SIZE, true, true},
    [BOARD_TYPE_SYNC] = {run_frame_sync, BOARD_SYNC_SIZE, BOARD_SYNC_SIZE, true, false},
    [BOARD_TYPE_TIME] = {read_time, BOARD_TIME_SIZE, BOARD_TIME_SIZE, false, false},
    [BOARD_TYPE_SAFE_STATE] = {enter_safe_state, BOARD_SAFE_STATE_SIZE, BOARD_SAFE_STATE_SIZE, false, false},
    [BOARD_TYPE_BOOTLOADER] = {enter_boot_mode, BOARD_BOOTLOADER_SIZE, BOARD_BOOTLOADER_SIZE, false, false},
    [BOARD_TYPE_READ_COUNTERS] = {read_counters, BOARD_READ_COUNTERS_SIZE, BOARD_READ_COUNTERS_SIZE, false, false},
    [BOARD_TYPE_READ_STATE] = {read_state, BOARD_READ_STATE_SIZE, BOARD_READ_STATE_SIZE, false, false},
    [BOARD_TYPE_LINK] = {request_link, BOARD_LINK_SIZE, BOARD_LINK_SIZE, false, false},
    [BOARD_TYPE_REPLY] = {prepare_reply, BOARD_REPLY_SIZE, BOARD_REPLY_SIZE + BOARD_MAX_REPLY_UNIT, true, false},
};

uint8_t command_dispatch(const uint8_t *message, unsigned size, uint64_t now, uint32_t *detail) {
    const uint8_t type = message[BOARD_HEAD_TYPE_OFFSET];
    *detail = 0;
    if (type != BOARD_TYPE_HELLO && !session_is_open())
        return BOARD_ERROR_CODE_NO_SESSION;
    if (type == 0 || type >= sizeof commands / sizeof commands[0])
        return BOARD_ERROR_CODE_UNKNOWN_TYPE;
    const bool queued = commands[type].queued && !(type == BOARD_TYPE_DRIVE && size > BOARD_DRIVE_FLAGS_OFFSET &&
                                                !(message[BOARD_DRIVE_FLAGS_OFFSET] & BOARD_DRIVE_FLAG_IN_TURN));
    const uint32_t cost = size + BOARD_CRC_SIZE;
    *detail = command_queue_room();
    if (queued && cost > *detail)
        return BOARD_ERROR_CODE_NO_CREDIT;
    *detail = size < commands[type].least ? size : commands[type].most;
    uint8_t code = BOARD_ERROR_CODE_MALFORMED;
    if (size >= commands[type].least && size <= commands[type].most) {
        *detail = 0;
        code = commands[type].needs_map && !interlock.configured ? BOARD_ERROR_CODE_NOT_CONFIGURED
                                                          : commands[type].handle(message, size, now, detail);
    }
    if (queued && code)
        command_queue_spend(cost);
    return code;
}
