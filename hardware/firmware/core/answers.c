/* The way out: answers first, then reports as far as the host's credit goes. */
#include "answers.h"

#include "board_protocol.h"
#include "bytes.h"
#include "counters.h"
#include "frame.h"
#include "guard.h"
#include "lines.h"
#include "orders.h"
#include "port.h"
#include "reports.h"

/* Orders that rest has made impossible are refused in a row. */
#define REFUSALS 32u
#define STATE_WAITS_US 10000u
#define FRAMES_AT_ONCE 8u
/* What a full queue of orders brings about takes less room than is left then, even if each byte comes back. */
#define REPORTS_IN_PEACE (REPORT_BYTES / 3u)

struct refusal {
    uint8_t code, type, sequence;
    uint32_t detail;
};

static struct {
    uint8_t sequence;
    uint32_t spent, limit; /* of the host's credit for reports */
    struct refusal refusals[REFUSALS];
    uint32_t refused_head, refused_tail;
    bool welcome, clock, counters, state, room;
    uint32_t session, token;
    uint64_t clock_at, state_at;
    uint8_t state_flags, state_reason;
    uint16_t state_levels;
    uint32_t state_behind; /* reports that were put in before it */
    uint32_t room_told;
    uint32_t lost_told[SORTS];
} out;

void answers_greet(uint32_t limit, bool goes_on) {
    out.spent = 0;
    out.limit = limit;
    out.refused_tail = out.refused_head;
    out.clock = out.counters = out.state = out.room = false;
    out.room_told = orders_limit();
    for (unsigned sort = 0; sort < SORTS && !goes_on; sort++)
        out.lost_told[sort] = lost_of(sort);
}

void answers_credit(uint32_t limit) {
    if ((int32_t)(limit - out.limit) > 0)
        out.limit = limit;
}

void answers_refuse(uint8_t code, uint8_t type, uint8_t sequence, uint32_t detail) {
    counters.refused++;
    if (out.refused_head - out.refused_tail >= REFUSALS) {
        lose(IN_MAIN, BOARD_SORT_REPORTS, 1);
        return;
    }
    out.refusals[out.refused_head++ % REFUSALS] = (struct refusal){code, type, sequence, detail};
}

void answers_clock(uint32_t token, uint64_t now) {
    out.clock = true;
    out.token = token;
    out.clock_at = now;
}

void answers_welcome(uint32_t session) {
    out.welcome = true;
    out.session = session;
}

void answers_counters(void) {
    out.counters = true;
}

void answers_state(uint8_t flags, uint64_t now) {
    out.state = true;
    out.state_flags = flags;
    out.state_reason = guard.reason;
    out.state_levels = lines_levels();
    out.state_at = now;
    out.state_behind = reports_put_in();
}

void answers_room(void) {
    const uint32_t limit = orders_limit();
    if (reports_waiting() > REPORTS_IN_PEACE)
        return;
    if (limit - out.room_told >= ORDER_BYTES / 4u || (limit != out.room_told && orders_empty()))
        out.room = true;
}

static uint8_t build_welcome(uint8_t *message) {
    message[BOARD_HEAD_TYPE_OFFSET] = BOARD_TYPE_WELCOME;
    message[BOARD_WELCOME_VERSION_OFFSET] = BOARD_VERSION;
    put32(message + BOARD_WELCOME_SESSION_OFFSET, out.session);
    const uint8_t *id = port_unique_id();
    for (unsigned at = 0; at < 8; at++)
        message[BOARD_WELCOME_UNIQUE_ID_OFFSET + at] = id[at];
    message[BOARD_WELCOME_LINES_OFFSET] = BOARD_MOST_LINES;
    put32(message + BOARD_WELCOME_LOWEST_BAUDRATE_OFFSET, port_lowest_rate);
    put32(message + BOARD_WELCOME_HIGHEST_BAUDRATE_OFFSET, port_highest_rate);
    put32(message + BOARD_WELCOME_QUEUE_BYTES_OFFSET, ORDER_BYTES);
    put32(message + BOARD_WELCOME_REPORT_BYTES_OFFSET, REPORT_BYTES);
    uint8_t size = BOARD_WELCOME_FIRMWARE_OFFSET;
    for (const char *at = port_revision; *at; at++)
        message[size++] = (uint8_t)*at;
    return size;
}

static uint8_t build_counters(uint8_t *message) {
    const uint32_t values[] = {
        counters.frames_taken,        counters.frames_bad,
        counters.frames_missed,       counters.bytes_sent,
        counters.bytes_received,      lost_of(BOARD_SORT_BROKEN_BYTES),
        lost_of(BOARD_SORT_RECEIVED), counters.edges_seen,
        lost_of(BOARD_SORT_EDGES),    lost_of(BOARD_SORT_REPORTS),
        counters.late_orders,         counters.refused,
        guard.rests,                  counters.worst_loop_us,
    };
    message[BOARD_HEAD_TYPE_OFFSET] = BOARD_TYPE_COUNTERS;
    for (unsigned at = 0; at < sizeof values / sizeof values[0]; at++)
        put32(message + BOARD_HEAD_SIZE + 4u * at, values[at]);
    return BOARD_COUNTERS_SIZE;
}

static uint8_t build_state(uint8_t *message) {
    message[BOARD_HEAD_TYPE_OFFSET] = BOARD_TYPE_STATE;
    message[BOARD_STATE_FLAGS_OFFSET] = out.state_flags;
    message[BOARD_STATE_REASON_OFFSET] = out.state_reason;
    put16(message + BOARD_STATE_LEVELS_OFFSET, out.state_levels);
    put64(message + BOARD_STATE_AT_US_OFFSET, out.state_at);
    return BOARD_STATE_SIZE;
}

static uint8_t build_refusal(uint8_t *message) {
    const struct refusal *refusal = &out.refusals[out.refused_tail++ % REFUSALS];
    message[BOARD_HEAD_TYPE_OFFSET] = BOARD_TYPE_ERROR;
    message[BOARD_ERROR_CODE_OFFSET] = refusal->code;
    message[BOARD_ERROR_OF_TYPE_OFFSET] = refusal->type;
    message[BOARD_ERROR_OF_SEQUENCE_OFFSET] = refusal->sequence;
    put32(message + BOARD_ERROR_DETAIL_OFFSET, refusal->detail);
    return BOARD_ERROR_SIZE;
}

static uint8_t build_dropped(uint8_t *message) {
    for (unsigned sort = 0; sort < SORTS; sort++) {
        const uint32_t lost = lost_of(sort);
        if (lost != out.lost_told[sort]) {
            message[BOARD_HEAD_TYPE_OFFSET] = BOARD_TYPE_DROPPED;
            message[BOARD_DROPPED_SORT_OFFSET] = (uint8_t)sort;
            put32(message + BOARD_DROPPED_COUNT_OFFSET, lost - out.lost_told[sort]);
            out.lost_told[sort] = lost;
            return BOARD_DROPPED_SIZE;
        }
    }
    return 0;
}

static bool state_may_go(uint64_t now) {
    return (int32_t)(reports_taken_out() - out.state_behind) >= 0 || now >= out.state_at + STATE_WAITS_US;
}

static bool taken(bool *waits) {
    const bool was = *waits;
    *waits = false;
    return was;
}

/* The next message that may leave, or 0; what is left waiting is only what lacks credit, or STATE behind it. */
static uint8_t next_message(uint8_t *message, uint64_t now, bool greeted) {
    if (taken(&out.welcome))
        return build_welcome(message);
    if (taken(&out.clock)) {
        message[BOARD_HEAD_TYPE_OFFSET] = BOARD_TYPE_CLOCK;
        put32(message + BOARD_CLOCK_TOKEN_OFFSET, out.token);
        put64(message + BOARD_CLOCK_AT_US_OFFSET, out.clock_at);
        return BOARD_CLOCK_SIZE;
    }
    if (out.refused_head != out.refused_tail)
        return build_refusal(message);
    if (out.state && state_may_go(now)) {
        out.state = false;
        return build_state(message);
    }
    if (!greeted)
        return 0;
    if (taken(&out.room)) {
        out.room_told = orders_limit();
        message[BOARD_HEAD_TYPE_OFFSET] = BOARD_TYPE_ROOM;
        put32(message + BOARD_ROOM_LIMIT_OFFSET, out.room_told);
        return BOARD_ROOM_SIZE;
    }
    if (taken(&out.counters))
        return build_counters(message);
    uint8_t size = build_dropped(message);
    if (size)
        return size;
    size = reports_first(message);
    const uint32_t cost = size + BOARD_CRC_SIZE;
    if (!size || (int32_t)(out.spent + cost - out.limit) > 0)
        return 0;
    out.spent += cost;
    reports_pop();
    return size;
}

uint64_t answers_send(uint64_t now, bool greeted) {
    uint8_t message[BOARD_LONGEST_FRAME], wire[BOARD_LONGEST_ON_WIRE];
    for (unsigned frame = 0; frame < FRAMES_AT_ONCE; frame++) {
        /* USB calls when it has room again. */
        if (port_usb_room() < BOARD_LONGEST_ON_WIRE)
            return PORT_NEVER;
        const uint8_t size = next_message(message, now, greeted);
        if (!size)
            return out.state ? out.state_at + STATE_WAITS_US : PORT_NEVER;
        message[BOARD_HEAD_SEQUENCE_OFFSET] = out.sequence++;
        port_usb_write(wire, frame_build(wire, message, size));
    }
    return now;
}
