/* Greeting, the sequence of frames, and what the host is told by itself. */
#include "session.h"

#include "answers.h"
#include "board_protocol.h"
#include "bytes.h"
#include "counters.h"
#include "commands.h"
#include "guard.h"
#include "lines.h"
#include "link.h"
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

bool session_is_greeted(void) {
    return session.greeted;
}

static uint8_t state_flags(void) {
    uint8_t flags = 0;
    const uint32_t before = port_lock();
    flags |= guard.configured ? BOARD_STATE_FLAG_CONFIGURED : 0;
    flags |= guard.configured && guard.present ? BOARD_STATE_FLAG_PRESENT : 0;
    flags |= guard.configured && lines.powered ? BOARD_STATE_FLAG_POWERED : 0;
    /* What is being sent is in the queue until it is over. */
    flags |= !lines.away && orders_empty() ? BOARD_STATE_FLAG_AT_REST : 0;
    flags |= sync_is_on() ? BOARD_STATE_FLAG_SYNC_ON : 0;
    port_unlock(before);
    return flags;
}

void session_tell_state(uint64_t now) {
    session.told_rests = guard.rests;
    session.told_flags = state_flags();
    reports_collect(now, true);
    answers_state(session.told_flags, now);
}

void session_watch(uint64_t now) {
    if (session.greeted && (session.told_rests != guard.rests || session.told_flags != state_flags()))
        session_tell_state(now);
}

void session_forget(uint8_t reason) {
    const uint32_t before = port_lock();
    guard_stop(reason);
    lines_forget();
    port_unlock(before);
}

void session_end(void) {
    session.greeted = false;
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

/* Whether a frame is no old one; what is missing in front of it is counted. */
static bool count_missed(const uint8_t *message) {
    const uint8_t missed = (uint8_t)(message[BOARD_HEAD_SEQUENCE_OFFSET] - session.expected);
    if (missed >= 128)
        return false;
    counters.frames_missed += missed;
    lose(IN_MAIN, BOARD_SORT_FRAMES, missed);
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
    if (host_is_heard(now) && number != session.number && !take_over) {
        /* Who knocks does not keep the watchdog from barking at who has fallen silent. */
        const uint32_t before = port_lock();
        guard.heard_at = session.heard_before;
        port_unlock(before);
        return BOARD_ERROR_CODE_BUSY;
    }
    const bool goes_on = number == session.number;
    /* While the map says yet whose bytes they are. */
    reports_collect(now, true);
    session_forget(BOARD_REST_REASON_GREETING);
    link_forget_wanted();
    orders_greet();
    reports_clear();
    if (goes_on)
        count_missed(message);
    session.greeted = true;
    session.number = number;
    session.expected = (uint8_t)(message[BOARD_HEAD_SEQUENCE_OFFSET] + 1u);
    answers_greet(get32(message + BOARD_HELLO_LIMIT_OFFSET), goes_on);
    answers_welcome(number);
    session_tell_state(now);
    return 0;
}

/* Whether a frame is to be taken, by its number. */
static bool in_sequence(const uint8_t *message) {
    if (message[BOARD_HEAD_TYPE_OFFSET] == BOARD_TYPE_HELLO || !session.greeted)
        return true;
    if (!count_missed(message)) {
        session_take_bad_frame();
        return false;
    }
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
    const uint8_t code = command_dispatch(message, size, now, &detail);
    if (code)
        answers_refuse(code, message[BOARD_HEAD_TYPE_OFFSET], message[BOARD_HEAD_SEQUENCE_OFFSET], detail);
}

void session_take_bad_frame(void) {
    counters.frames_bad++;
    lose(IN_MAIN, BOARD_SORT_FRAMES, 1);
}
