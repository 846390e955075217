/* The session with a host: handshake, sequence of frames, and reports of changed state. */
#include "session.h"

#include "host_tx.h"
#include "board_protocol.h"
#include "byte_order.h"
#include "counters.h"
#include "commands.h"
#include "interlock.h"
#include "line_map.h"
#include "link.h"
#include "command_queue.h"
#include "hal.h"
#include "report_queue.h"
#include "frame_sync.h"

#define DEFAULT_HOST_TIMEOUT_US 2000000u

static struct {
    bool open;
    uint8_t expected; /* sequence number */
    uint32_t number;
    uint64_t previous_frame_at; /* time of the frame before the present one */
    uint8_t reported_flags;
    uint32_t reported_safe_states;
} session;

bool session_is_open(void) {
    return session.open;
}

static uint8_t state_flags(void) {
    uint8_t flags = 0;
    const uint32_t before = hal_lock();
    flags |= interlock.configured ? BOARD_STATE_FLAG_CONFIGURED : 0;
    flags |= interlock.configured && interlock.present ? BOARD_STATE_FLAG_PRESENT : 0;
    flags |= interlock.configured && lines.powered ? BOARD_STATE_FLAG_POWERED : 0;
    /* A command stays in the queue until it is finished. */
    flags |= !lines.active && command_queue_is_empty() ? BOARD_STATE_FLAG_ALL_IDLE : 0;
    flags |= frame_sync_is_on() ? BOARD_STATE_FLAG_SYNC_ON : 0;
    hal_unlock(before);
    return flags;
}

void session_report_state(uint64_t now) {
    session.reported_safe_states = interlock.safe_states;
    session.reported_flags = state_flags();
    report_queue_collect(now, true);
    host_tx_state(session.reported_flags, now);
}

void session_poll(uint64_t now) {
    if (session.open &&
        (session.reported_safe_states != interlock.safe_states || session.reported_flags != state_flags()))
        session_report_state(now);
}

void session_clear_map(uint8_t reason) {
    const uint32_t before = hal_lock();
    interlock_stop(reason);
    line_map_clear();
    hal_unlock(before);
}

void session_end(void) {
    session.open = false;
}

void session_unplugged(void) {
    if (!session.open)
        return;
    session.open = false;
    const uint32_t before = hal_lock();
    interlock_stop(BOARD_SAFE_STATE_REASON_UNPLUGGED);
    hal_unlock(before);
}

static bool host_is_active(uint64_t now) {
    const uint32_t timeout = interlock.watchdog_us ? interlock.watchdog_us : DEFAULT_HOST_TIMEOUT_US;
    return session.open && interlock.configured && now - session.previous_frame_at <= timeout;
}

/* Whether a frame is new; counts the frames that are missing before it. */
static bool count_missed(const uint8_t *message) {
    const uint8_t missed = (uint8_t)(message[BOARD_HEAD_SEQUENCE_OFFSET] - session.expected);
    if (missed >= 128)
        return false;
    counters.frames_missed += missed;
    count_loss(IN_MAIN, BOARD_LOSS_KIND_FRAMES, missed);
    return true;
}

uint8_t session_hello(const uint8_t *message, unsigned size, uint64_t now, uint32_t *detail) {
    *detail = BOARD_HELLO_FLAGS_OFFSET;
    if (message[BOARD_HELLO_FLAGS_OFFSET] & ~BOARD_HELLO_FLAG_TAKE_OVER)
        return BOARD_ERROR_CODE_MALFORMED;
    *detail = BOARD_VERSION;
    if (message[BOARD_HELLO_VERSION_OFFSET] != BOARD_VERSION)
        return BOARD_ERROR_CODE_VERSION;
    const uint32_t number = get32(message + BOARD_HELLO_SESSION_OFFSET);
    const bool take_over = (message[BOARD_HELLO_FLAGS_OFFSET] & BOARD_HELLO_FLAG_TAKE_OVER) != 0;
    *detail = session.number;
    if (host_is_active(now) && number != session.number && !take_over) {
        /* A HELLO of a second host must not reset the watchdog of the present session. */
        const uint32_t before = hal_lock();
        interlock.last_frame_at = session.previous_frame_at;
        hal_unlock(before);
        return BOARD_ERROR_CODE_BUSY;
    }
    const bool resumed = number == session.number;
    /* Collect while the map still assigns the bytes to lines. */
    report_queue_collect(now, true);
    session_clear_map(BOARD_SAFE_STATE_REASON_HELLO);
    link_cancel_request();
    command_queue_reset();
    report_queue_clear();
    if (resumed)
        count_missed(message);
    session.open = true;
    session.number = number;
    session.expected = (uint8_t)(message[BOARD_HEAD_SEQUENCE_OFFSET] + 1u);
    host_tx_start_session(get32(message + BOARD_HELLO_LIMIT_OFFSET), resumed);
    host_tx_hello_reply(number);
    session_report_state(now);
    return 0;
}

/* Whether a frame is accepted, by its number. */
static bool in_sequence(const uint8_t *message) {
    if (message[BOARD_HEAD_TYPE_OFFSET] == BOARD_TYPE_HELLO || !session.open)
        return true;
    if (!count_missed(message)) {
        session_on_bad_frame();
        return false;
    }
    session.expected = (uint8_t)(message[BOARD_HEAD_SEQUENCE_OFFSET] + 1u);
    return true;
}

void session_on_frame(const uint8_t *message, unsigned size, uint64_t now) {
    uint32_t detail;
    counters.frames_taken++;
    session.previous_frame_at = interlock.last_frame_at;
    const uint32_t before = hal_lock();
    interlock.last_frame_at = now;
    hal_unlock(before);
    if (!in_sequence(message))
        return;
    const uint8_t code = command_dispatch(message, size, now, &detail);
    if (code)
        host_tx_error(code, message[BOARD_HEAD_TYPE_OFFSET], message[BOARD_HEAD_SEQUENCE_OFFSET], detail);
}

void session_on_bad_frame(void) {
    counters.frames_bad++;
    count_loss(IN_MAIN, BOARD_LOSS_KIND_FRAMES, 1);
}
