/* Greeting, checks, and a table of what each message does. */
#include "session.h"

#include "answers.h"
#include "board_protocol.h"
#include "bytes.h"
#include "counters.h"
#include "guard.h"
#include "lines.h"
#include "mount.h"
#include "orders.h"
#include "port.h"
#include "reports.h"
#include "sync.h"

#define BUSY_FOR_US 2000000u

static struct {
    bool greeted;
    uint8_t expected; /* sequence number */
    uint32_t number;
    uint64_t heard_before; /* the frame at hand */
    uint8_t told_flags;
    uint32_t told_rests;
} session;

/* What a message does: an error code with its detail, or 0. */
typedef uint8_t (*deed)(const uint8_t *message, unsigned size, uint64_t now, uint32_t *detail);

bool session_is_greeted(void) {
    return session.greeted;
}

static uint8_t state_flags(void) {
    uint8_t flags = 0;
    const uint32_t before = port_lock();
    flags |= guard.configured ? BOARD_STATE_FLAG_CONFIGURED : 0;
    flags |= guard.configured && guard.present ? BOARD_STATE_FLAG_PRESENT : 0;
    flags |= guard.configured && lines.powered ? BOARD_STATE_FLAG_POWERED : 0;
    flags |= !lines.away && mount_is_idle() ? BOARD_STATE_FLAG_AT_REST : 0;
    flags |= sync_is_on() ? BOARD_STATE_FLAG_SYNC_ON : 0;
    port_unlock(before);
    return flags;
}

static void tell_state(uint64_t now) {
    session.told_rests = guard.rests;
    session.told_flags = state_flags();
    reports_collect(now, true);
    answers_state(session.told_flags, now);
}

void session_watch(uint64_t now) {
    if (session.greeted && (session.told_rests != guard.rests || session.told_flags != state_flags()))
        tell_state(now);
}

static void forget(uint8_t reason) {
    const uint32_t before = port_lock();
    guard_stop(reason);
    lines_forget();
    port_unlock(before);
}

void session_unplugged(void) {
    if (!session.greeted)
        return;
    session.greeted = false;
    const uint32_t before = port_lock();
    guard_stop(BOARD_REST_REASON_UNPLUGGED);
    port_unlock(before);
}

static bool host_is_heard(uint64_t now) {
    const uint32_t patience = guard.watchdog_us ? guard.watchdog_us : BUSY_FOR_US;
    return session.greeted && guard.configured && now - session.heard_before <= patience;
}

static uint8_t hello(const uint8_t *message, unsigned size, uint64_t now, uint32_t *detail) {
    *detail = BOARD_HELLO_FLAGS_OFFSET;
    if (message[BOARD_HELLO_FLAGS_OFFSET] & ~BOARD_HELLO_FLAG_TAKE_OVER)
        return BOARD_ERROR_CODE_MALFORMED;
    *detail = BOARD_VERSION;
    if (message[BOARD_HELLO_VERSION_OFFSET] != BOARD_VERSION)
        return BOARD_ERROR_CODE_VERSION;
    const uint32_t number = get32(message + BOARD_HELLO_SESSION_OFFSET);
    const bool take_over = (message[BOARD_HELLO_FLAGS_OFFSET] & BOARD_HELLO_FLAG_TAKE_OVER) != 0;
    *detail = session.number;
    if (host_is_heard(now) && number != session.number && !take_over)
        return BOARD_ERROR_CODE_BUSY;
    forget(BOARD_REST_REASON_GREETING);
    orders_greet();
    reports_clear();
    session.greeted = true;
    session.number = number;
    session.expected = (uint8_t)(message[BOARD_HEAD_SEQUENCE_OFFSET] + 1u);
    answers_greet(get32(message + BOARD_HELLO_LIMIT_OFFSET));
    answers_welcome(number);
    tell_state(now);
    return 0;
}

static uint8_t configure(const uint8_t *message, unsigned size, uint64_t now, uint32_t *detail) {
    const uint8_t code = lines_check(message, size, detail);
    if (code)
        return code;
    const uint8_t *timing = message + BOARD_CONFIGURE_TIMING_OFFSET;
    const uint32_t before = port_lock();
    guard_stop(BOARD_REST_REASON_START);
    lines_adopt(message);
    mount_start(timing, get32(message + BOARD_CONFIGURE_BAUDRATE_OFFSET), now);
    guard_start(timing, now);
    port_unlock(before);
    port_kick();
    tell_state(now);
    return 0;
}

static uint8_t credit(const uint8_t *message, unsigned size, uint64_t now, uint32_t *detail) {
    answers_credit(get32(message + BOARD_CREDIT_LIMIT_OFFSET));
    return 0;
}

static uint8_t enqueue(const uint8_t *message, unsigned size) {
    orders_put(message, (uint8_t)size);
    port_kick();
    return 0;
}

static uint8_t transmit(const uint8_t *message, unsigned size, uint64_t now, uint32_t *detail) {
    *detail = BOARD_TRANSMIT_FLAGS_OFFSET;
    if (message[BOARD_TRANSMIT_FLAGS_OFFSET] & ~(BOARD_TRANSMIT_FLAG_RAISE | BOARD_TRANSMIT_FLAG_LOWER))
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
    if (line >= lines.count || !line_is(line, lines.ours))
        return BOARD_ERROR_CODE_BAD_LINE;
    if (in_turn)
        return enqueue(message, size);
    const uint32_t before = port_lock();
    const uint8_t code = mount_drive(line, message[BOARD_DRIVE_LEVEL_OFFSET] != 0, now);
    port_unlock(before);
    port_kick();
    return code;
}

static uint8_t set_baudrate(const uint8_t *message, unsigned size, uint64_t now, uint32_t *detail) {
    const uint32_t rate = get32(message + BOARD_SET_BAUDRATE_BAUDRATE_OFFSET);
    *detail = port_nearest_rate(rate);
    return lines_rate_is_near(rate, *detail) ? enqueue(message, size) : BOARD_ERROR_CODE_BAD_BAUDRATE;
}

static uint8_t run_sync(const uint8_t *message, unsigned size, uint64_t now, uint32_t *detail) {
    const uint8_t flags = message[BOARD_SYNC_FLAGS_OFFSET];
    const struct sync_order order = {
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
    if (on && order.period_us < BOARD_SHORTEST_SYNC_US)
        return BOARD_ERROR_CODE_BAD_TIMING;
    *detail = BOARD_SYNC_WIDTH_US_OFFSET;
    if (on && (order.width_us == 0 || order.width_us >= order.period_us))
        return BOARD_ERROR_CODE_BAD_TIMING;
    *detail = lines.sync;
    const uint32_t before = port_lock();
    const uint8_t code = on ? guard_refusal(lines.sync) : 0;
    if (on && !code)
        sync_run(&order, now);
    else if (!on)
        sync_end();
    port_unlock(before);
    return code;
}

static uint8_t ask_time(const uint8_t *message, unsigned size, uint64_t now, uint32_t *detail) {
    answers_clock(get32(message + BOARD_TIME_TOKEN_OFFSET), now);
    return 0;
}

static uint8_t go_to_rest(const uint8_t *message, unsigned size, uint64_t now, uint32_t *detail) {
    const uint8_t flags = message[BOARD_REST_FLAGS_OFFSET];
    *detail = BOARD_REST_FLAGS_OFFSET;
    if (flags & ~BOARD_REST_FLAG_FORGET)
        return BOARD_ERROR_CODE_MALFORMED;
    if (flags & BOARD_REST_FLAG_FORGET) {
        forget(BOARD_REST_REASON_HOST);
        session.greeted = false;
    } else {
        const uint32_t before = port_lock();
        guard_rest(BOARD_REST_REASON_HOST);
        port_unlock(before);
    }
    tell_state(now);
    return 0;
}

static uint8_t enter_boot_mode(const uint8_t *message, unsigned size, uint64_t now, uint32_t *detail) {
    if (get32(message + BOARD_BOOTLOADER_MAGIC_OFFSET) != BOARD_BOOTLOADER_MAGIC)
        return BOARD_ERROR_CODE_BAD_MAGIC;
    forget(BOARD_REST_REASON_HOST);
    port_enter_boot_mode();
    return 0;
}

static uint8_t read_counters(const uint8_t *message, unsigned size, uint64_t now, uint32_t *detail) {
    answers_counters();
    return 0;
}

static uint8_t read_state(const uint8_t *message, unsigned size, uint64_t now, uint32_t *detail) {
    tell_state(now);
    return 0;
}

/* By type: the least size and the most. */
static const struct {
    deed deed;
    uint8_t least, most;
    bool needs_map, queued;
} deeds[] = {
    [BOARD_TYPE_HELLO] = {hello, BOARD_HELLO_SIZE, BOARD_HELLO_SIZE, false, false},
    [BOARD_TYPE_CONFIGURE] = {configure, 0, 255, false, false},
    [BOARD_TYPE_CREDIT] = {credit, BOARD_CREDIT_SIZE, BOARD_CREDIT_SIZE, false, false},
    [BOARD_TYPE_TRANSMIT] = {transmit, BOARD_TRANSMIT_SIZE + 1, 255, true, true},
    [BOARD_TYPE_DRIVE] = {drive, BOARD_DRIVE_SIZE, BOARD_DRIVE_SIZE, true, true},
    [BOARD_TYPE_SET_BAUDRATE] = {set_baudrate, BOARD_SET_BAUDRATE_SIZE, BOARD_SET_BAUDRATE_SIZE, true, true},
    [BOARD_TYPE_SYNC] = {run_sync, BOARD_SYNC_SIZE, BOARD_SYNC_SIZE, true, false},
    [BOARD_TYPE_TIME] = {ask_time, BOARD_TIME_SIZE, BOARD_TIME_SIZE, false, false},
    [BOARD_TYPE_REST] = {go_to_rest, BOARD_REST_SIZE, BOARD_REST_SIZE, false, false},
    [BOARD_TYPE_BOOTLOADER] = {enter_boot_mode, BOARD_BOOTLOADER_SIZE, BOARD_BOOTLOADER_SIZE, false, false},
    [BOARD_TYPE_READ_COUNTERS] = {read_counters, BOARD_READ_COUNTERS_SIZE, BOARD_READ_COUNTERS_SIZE, false, false},
    [BOARD_TYPE_READ_STATE] = {read_state, BOARD_READ_STATE_SIZE, BOARD_READ_STATE_SIZE, false, false},
};

static uint8_t carry_out(const uint8_t *message, unsigned size, uint64_t now, uint32_t *detail) {
    const uint8_t type = message[BOARD_HEAD_TYPE_OFFSET];
    *detail = 0;
    if (type != BOARD_TYPE_HELLO && !session.greeted)
        return BOARD_ERROR_CODE_NOT_GREETED;
    if (type == 0 || type >= sizeof deeds / sizeof deeds[0])
        return BOARD_ERROR_CODE_UNKNOWN_TYPE;
    const bool queued = deeds[type].queued && !(type == BOARD_TYPE_DRIVE && size > BOARD_DRIVE_FLAGS_OFFSET &&
                                                !(message[BOARD_DRIVE_FLAGS_OFFSET] & BOARD_DRIVE_FLAG_IN_TURN));
    const uint32_t cost = size + BOARD_CRC_SIZE;
    *detail = orders_room();
    if (queued && cost > *detail)
        return BOARD_ERROR_CODE_NO_CREDIT;
    *detail = size < deeds[type].least ? size : deeds[type].most;
    uint8_t code = BOARD_ERROR_CODE_MALFORMED;
    if (size >= deeds[type].least && size <= deeds[type].most) {
        *detail = 0;
        code = deeds[type].needs_map && !guard.configured ? BOARD_ERROR_CODE_NOT_CONFIGURED
                                                          : deeds[type].deed(message, size, now, detail);
    }
    if (queued && code)
        orders_spend(cost);
    return code;
}

/* Whether a frame is to be taken, by its number. */
static bool in_sequence(const uint8_t *message) {
    if (message[BOARD_HEAD_TYPE_OFFSET] == BOARD_TYPE_HELLO || !session.greeted)
        return true;
    const uint8_t missed = (uint8_t)(message[BOARD_HEAD_SEQUENCE_OFFSET] - session.expected);
    if (missed >= 128) {
        session_take_bad_frame();
        return false;
    }
    counters.frames_missed += missed;
    lose(IN_MAIN, BOARD_SORT_FRAMES, missed);
    session.expected = (uint8_t)(message[BOARD_HEAD_SEQUENCE_OFFSET] + 1u);
    return true;
}

void session_take(const uint8_t *message, unsigned size, uint64_t now) {
    uint32_t detail;
    counters.frames_taken++;
    session.heard_before = guard.heard_at;
    const uint32_t before = port_lock();
    guard.heard_at = now;
    port_unlock(before);
    if (!in_sequence(message))
        return;
    const uint8_t code = carry_out(message, size, now, &detail);
    if (code)
        answers_refuse(code, message[BOARD_HEAD_TYPE_OFFSET], message[BOARD_HEAD_SEQUENCE_OFFSET], detail);
}

void session_take_bad_frame(void) {
    counters.frames_bad++;
    lose(IN_MAIN, BOARD_SORT_FRAMES, 1);
}
