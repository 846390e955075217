/* Messages to the host: replies first, then reports as far as the credit of the host permits. */
#include "host_tx.h"

#include "board_protocol.h"
#include "byte_order.h"
#include "counters.h"
#include "frame.h"
#include "interlock.h"
#include "line_map.h"
#include "command_queue.h"
#include "hal.h"
#include "report_queue.h"

/* Commands that the safe state has made impossible are rejected one after the other. */
#define MAX_ERRORS 32u
#define MAX_STATE_DELAY_US 10000u
#define MAX_FRAMES 8u
/* The reports of a full command queue need less space than remains then, even if each byte is echoed. */
#define REPORTS_LOW_WATER (REPORT_QUEUE_BYTES / 3u)

struct error {
    uint8_t code, type, sequence;
    uint32_t detail;
};

static struct {
    uint8_t sequence;
    uint32_t spent, limit; /* of the host's credit for reports */
    struct error errors[MAX_ERRORS];
    uint32_t error_head, error_tail;
    bool welcome, clock, counters, state, room;
    uint32_t session, token;
    uint64_t clock_at, state_at;
    uint8_t state_flags, state_reason;
    uint16_t state_levels;
    uint32_t state_after; /* reports that were queued before it */
    uint32_t reported_limit;
    uint32_t reported_losses[LOSS_KINDS];
} out;

void host_tx_start_session(uint32_t limit, bool resumed) {
    out.spent = 0;
    out.limit = limit;
    out.error_tail = out.error_head;
    out.clock = out.counters = out.state = out.room = false;
    out.reported_limit = command_queue_limit();
    for (unsigned sort = 0; sort < LOSS_KINDS && !resumed; sort++)
        out.reported_losses[sort] = lost_total(sort);
}

void host_tx_credit(uint32_t limit) {
    if ((int32_t)(limit - out.limit) > 0)
        out.limit = limit;
}

void host_tx_error(uint8_t code, uint8_t type, uint8_t sequence, uint32_t detail) {
    counters.rejected++;
    if (out.error_head - out.error_tail >= MAX_ERRORS) {
        count_loss(IN_MAIN, BOARD_LOSS_KIND_REPORTS, 1);
        return;
    }
    out.errors[out.error_head++ % MAX_ERRORS] = (struct error){code, type, sequence, detail};
}

void host_tx_time(uint32_t token, uint64_t now) {
    out.clock = true;
    out.token = token;
    out.clock_at = now;
}

void host_tx_hello_reply(uint32_t session) {
    out.welcome = true;
    out.session = session;
}

void host_tx_counters(void) {
    out.counters = true;
}

void host_tx_state(uint8_t flags, uint64_t now) {
    out.state = true;
    out.state_flags = flags;
    out.state_reason = interlock.reason;
    out.state_levels = line_map_levels();
    out.state_at = now;
    out.state_after = report_queue_put_count();
}

void host_tx_room(void) {
    const uint32_t limit = command_queue_limit();
    if (report_queue_used() > REPORTS_LOW_WATER)
        return;
    if (limit - out.reported_limit >= COMMAND_QUEUE_BYTES / 4u ||
        (limit != out.reported_limit && command_queue_is_empty()))
        out.room = true;
}

static uint8_t build_welcome(uint8_t *message) {
    message[BOARD_HEAD_TYPE_OFFSET] = BOARD_TYPE_WELCOME;
    message[BOARD_WELCOME_VERSION_OFFSET] = BOARD_VERSION;
    put32(message + BOARD_WELCOME_SESSION_OFFSET, out.session);
    const uint8_t *id = hal_unique_id();
    for (unsigned at = 0; at < 8; at++)
        message[BOARD_WELCOME_UNIQUE_ID_OFFSET + at] = id[at];
    message[BOARD_WELCOME_LINES_OFFSET] = BOARD_MAX_LINES;
    put32(message + BOARD_WELCOME_LOWEST_BAUDRATE_OFFSET, hal_lowest_rate);
    put32(message + BOARD_WELCOME_HIGHEST_BAUDRATE_OFFSET, hal_highest_rate);
    put32(message + BOARD_WELCOME_QUEUE_BYTES_OFFSET, COMMAND_QUEUE_BYTES);
    put32(message + BOARD_WELCOME_REPORT_BYTES_OFFSET, REPORT_QUEUE_BYTES);
    uint8_t size = BOARD_WELCOME_FIRMWARE_OFFSET;
    for (const char *at = hal_revision; *at; at++)
        message[size++] = (uint8_t)*at;
    return size;
}

static uint8_t build_counters(uint8_t *message) {
    const uint32_t values[] = {
        counters.frames_taken,        counters.frames_bad,
        counters.frames_missed,       counters.bytes_sent,
        counters.bytes_received,      lost_total(BOARD_LOSS_KIND_BROKEN_BYTES),
        lost_total(BOARD_LOSS_KIND_RECEIVED), counters.edges_seen,
        lost_total(BOARD_LOSS_KIND_EDGES),    lost_total(BOARD_LOSS_KIND_REPORTS),
        counters.late_commands,         counters.rejected,
        interlock.safe_states,                  counters.worst_loop_us,
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

static uint8_t build_error(uint8_t *message) {
    const struct error *error = &out.errors[out.error_tail++ % MAX_ERRORS];
    message[BOARD_HEAD_TYPE_OFFSET] = BOARD_TYPE_ERROR;
    message[BOARD_ERROR_CODE_OFFSET] = error->code;
    message[BOARD_ERROR_OF_TYPE_OFFSET] = error->type;
    message[BOARD_ERROR_OF_SEQUENCE_OFFSET] = error->sequence;
    put32(message + BOARD_ERROR_DETAIL_OFFSET, error->detail);
    return BOARD_ERROR_SIZE;
}

static uint8_t build_dropped(uint8_t *message) {
    for (unsigned sort = 0; sort < LOSS_KINDS; sort++) {
        const uint32_t lost = lost_total(sort);
        if (lost != out.reported_losses[sort]) {
            message[BOARD_HEAD_TYPE_OFFSET] = BOARD_TYPE_DROPPED;
            message[BOARD_DROPPED_SORT_OFFSET] = (uint8_t)sort;
            put32(message + BOARD_DROPPED_COUNT_OFFSET, lost - out.reported_losses[sort]);
            out.reported_losses[sort] = lost;
            return BOARD_DROPPED_SIZE;
        }
    }
    return 0;
}

static bool state_may_go(uint64_t now) {
    return (int32_t)(report_queue_taken_count() - out.state_after) >= 0 || now >= out.state_at + MAX_STATE_DELAY_US;
}

static bool taken(bool *waits) {
    const bool was = *waits;
    *waits = false;
    return was;
}

/* The next message that may be sent, or 0; then only reports without credit wait, or STATE after them. */
static uint8_t next_message(uint8_t *message, uint64_t now, bool has_session) {
    if (taken(&out.welcome))
        return build_welcome(message);
    if (taken(&out.clock)) {
        message[BOARD_HEAD_TYPE_OFFSET] = BOARD_TYPE_CLOCK;
        put32(message + BOARD_CLOCK_TOKEN_OFFSET, out.token);
        put64(message + BOARD_CLOCK_AT_US_OFFSET, out.clock_at);
        return BOARD_CLOCK_SIZE;
    }
    if (out.error_head != out.error_tail)
        return build_error(message);
    if (out.state && state_may_go(now)) {
        out.state = false;
        return build_state(message);
    }
    if (!has_session)
        return 0;
    if (taken(&out.room)) {
        out.reported_limit = command_queue_limit();
        message[BOARD_HEAD_TYPE_OFFSET] = BOARD_TYPE_ROOM;
        put32(message + BOARD_ROOM_LIMIT_OFFSET, out.reported_limit);
        return BOARD_ROOM_SIZE;
    }
    if (taken(&out.counters))
        return build_counters(message);
    uint8_t size = build_dropped(message);
    if (size)
        return size;
    size = report_queue_first(message);
    const uint32_t cost = size + BOARD_CRC_SIZE;
    if (!size || (int32_t)(out.spent + cost - out.limit) > 0)
        return 0;
    out.spent += cost;
    report_queue_pop();
    return size;
}

uint64_t host_tx_poll(uint64_t now, bool has_session) {
    uint8_t message[BOARD_MAX_FRAME], wire[BOARD_MAX_WIRE_SIZE];
    for (unsigned frame = 0; frame < MAX_FRAMES; frame++) {
        /* USB calls when it has space again. */
        if (hal_usb_room() < BOARD_MAX_WIRE_SIZE)
            return HAL_NEVER;
        const uint8_t size = next_message(message, now, has_session);
        if (!size)
            return out.state ? out.state_at + MAX_STATE_DELAY_US : HAL_NEVER;
        message[BOARD_HEAD_SEQUENCE_OFFSET] = out.sequence++;
        hal_usb_write(wire, frame_build(wire, message, size));
    }
    return now;
}
