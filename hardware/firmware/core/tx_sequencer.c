/* Windows: raise, set-up, bytes, hold, lower, gap; and the other queued commands. */
#include "tx_sequencer.h"

#include "board.h"
#include "byte_order.h"
#include "counters.h"
#include "interlock.h"
#include "line_map.h"
#include "link.h"
#include "tx_events.h"
#include "command_queue.h"
#include "frame_sync.h"

/* Steps in one call: each is short, and an interrupt must not empty a queue full of overdue commands. */
#define MAX_STEPS 4u

enum step { IDLE, SETUP, SENDING, ENDING, HOLD };

static struct {
    enum step step;
    uint64_t until; /* SETUP, ENDING, HOLD: when the step is over */
    uint64_t rose_at, fell_at, stopped_at; /* our attention line, and the last stop bit */
    uint64_t begin; /* first start bit of the present transmission */
    uint32_t setup_us, hold_us, gap_us, byte_us;
    uint16_t window, dropped_window;
    bool window_is_open, dropping;
    volatile bool loaded;
    volatile uint32_t loaded_at;
} tx;

static bool attention_is_high(void) {
    return lines.attention != NO_LINE && line_in_mask(lines.attention, lines.active);
}

static uint64_t later(uint64_t one, uint64_t other) {
    return one > other ? one : other;
}

static void set_rate(uint32_t baudrate, uint64_t now) {
    hal_set_rate(baudrate);
    const uint32_t byte_ns = (uint32_t)(10000000000u / baudrate);
    tx.byte_us = (byte_ns + 999u) / 1000u;
    emit_rate(byte_ns, now);
}

void tx_seq_start(const uint8_t *timing, uint32_t baudrate, uint64_t now) {
    tx.setup_us = get16(timing + BOARD_TIMING_SETUP_US_OFFSET);
    tx.hold_us = get16(timing + BOARD_TIMING_HOLD_US_OFFSET);
    tx.gap_us = get16(timing + BOARD_TIMING_GAP_US_OFFSET);
    tx.rose_at = tx.fell_at = tx.stopped_at = 0;
    set_rate(baudrate, now);
}

/* The present microsecond has begun, so minimum times count from the next one. */
static uint64_t from_now(void) {
    return hal_now_us() + 1u;
}

static void drive(uint8_t line, bool level) {
    const bool moves = line == lines.attention && level != attention_is_high();
    line_drive(line, level);
    if (moves && level) {
        tx.rose_at = from_now();
    } else if (moves) {
        tx.fell_at = from_now();
        tx.window_is_open = false;
    }
}

void tx_seq_abort(void) {
    uint32_t transmissions, others;
    if (tx.step == SENDING || tx.step == ENDING)
        hal_uart_stop(lines.data_uart);
    if (attention_is_high())
        tx.fell_at = from_now();
    tx.step = IDLE;
    tx.window_is_open = tx.dropping = tx.loaded = false;
    command_queue_drop(&transmissions, &others);
    count_loss(IN_MOUNT, BOARD_LOSS_KIND_TRANSMISSIONS, transmissions + link_abort());
    count_loss(IN_MOUNT, BOARD_LOSS_KIND_DRIVES, others);
}

void board_on_loaded(unsigned uart, uint32_t at) {
    tx.loaded_at = at;
    tx.loaded = true;
    hal_kick();
}

static uint64_t lower_after_hold(void) {
    tx.step = HOLD;
    tx.until = tx.stopped_at + tx.hold_us;
    return 0;
}

/* Drop a command that cannot begin in time; `dropping` drops the later parts of its window, and the last closes it. */
static uint64_t drop(const uint8_t *command, uint64_t now) {
    const uint16_t id = get16(command + BOARD_TRANSMIT_ID_OFFSET);
    const uint64_t at = get64(command + BOARD_TRANSMIT_AT_US_OFFSET);
    const bool last = (command[BOARD_TRANSMIT_FLAGS_OFFSET] & BOARD_TRANSMIT_FLAG_LOWER) != 0;
    emit_late(id, true, at ? now - at : 0, now);
    tx.dropping = !last;
    tx.dropped_window = id;
    command_queue_pop();
    return last && tx.window_is_open && tx.window == id ? lower_after_hold() : 0;
}

static void send(const uint8_t *command, uint8_t size) {
    tx.loaded = false;
    tx.step = SENDING;
    counters.bytes_sent += size - BOARD_TRANSMIT_SIZE;
    hal_uart_send(lines.data_uart, command + BOARD_TRANSMIT_DATA_OFFSET, size - BOARD_TRANSMIT_SIZE);
}

static uint64_t begin_unit(const uint8_t *command, uint8_t size) {
    if (!line_in_mask(lines.data, lines.active)) {
        hal_link_level(false);
        line_connect(lines.data);
    }
    if (shift.setup.clocks && !line_in_mask(lines.clock, lines.active)) {
        if (shift.setup.idle_high)
            line_drive(lines.clock, true);
        else
            line_connect(lines.clock);
    }
    counters.bytes_sent += size - BOARD_TRANSMIT_SIZE;
    link_transmit(command, size);
    command_queue_pop();
    tx.step = IDLE;
    return 0;
}

static uint64_t begin_bytes(uint64_t now) {
    uint8_t size;
    const uint8_t *command = command_queue_first(&size);
    if (shift.on)
        return begin_unit(command, size);
    if (!line_in_mask(lines.data, lines.active))
        line_drive(lines.data, true);
    tx.begin = now;
    send(command, size);
    return 0;
}

static uint64_t do_transmit(const uint8_t *command, uint64_t now) {
    const uint16_t id = get16(command + BOARD_TRANSMIT_ID_OFFSET);
    const uint64_t at = get64(command + BOARD_TRANSMIT_AT_US_OFFSET);
    const uint64_t latest = get64(command + BOARD_TRANSMIT_LATEST_US_OFFSET);
    const bool first = (command[BOARD_TRANSMIT_FLAGS_OFFSET] & BOARD_TRANSMIT_FLAG_RAISE) != 0;
    if (tx.dropping && id == tx.dropped_window && !first)
        return drop(command, now);
    tx.dropping = false;
    const bool raise = first && lines.attention != NO_LINE && !attention_is_high();
    uint64_t due = at;
    if (raise)
        due = later(due, tx.fell_at + tx.gap_us);
    else if (attention_is_high())
        due = later(due, tx.rose_at + tx.setup_us);
    if (now < due)
        return due;
    const uint8_t code = interlock_check(NO_LINE);
    if (code) {
        emit_rejected(command, code, NO_LINE, now);
        command_queue_pop();
        return 0;
    }
    if (latest && now > latest)
        return drop(command, now);
    emit_if_late(id, at, now);
    if (!raise)
        return begin_bytes(now);
    drive(lines.attention, true);
    tx.window = id;
    tx.window_is_open = true;
    tx.step = SETUP;
    tx.until = tx.rose_at + tx.setup_us;
    return 0;
}

uint8_t tx_seq_drive(uint8_t line, bool level, uint64_t now) {
    const bool data = line_carries_bits(line);
    const bool away = data ? level : level != line_idles_high(line);
    const uint8_t code = away ? interlock_check(line) : 0;
    if (code)
        return code;
    if (shift.on && line == lines.data) {
        hal_link_level(level);
        /* A loaded unit is still sent with the next burst. */
        if (!level && line_in_mask(line, lines.active)) {
            line_note_level(line, false);
            return 0;
        }
    }
    if (line == lines.sync)
        frame_sync_stop();
    if (line_is_rail(line))
        interlock_switch_rail(line, level, now);
    else
        drive(line, level);
    return 0;
}

static uint64_t do_drive(const uint8_t *command, uint64_t now) {
    const uint8_t line = command[BOARD_DRIVE_LINE_OFFSET];
    const bool level = command[BOARD_DRIVE_LEVEL_OFFSET] != 0;
    const uint64_t at = get64(command + BOARD_DRIVE_AT_US_OFFSET);
    uint64_t due = at;
    if (line == lines.attention)
        due = later(due, level ? tx.fell_at + tx.gap_us : tx.stopped_at + tx.hold_us);
    if (now < due)
        return due;
    emit_if_late(get16(command + BOARD_DRIVE_ID_OFFSET), at, now);
    /* Remove it first: switching the supply off drops the queue. */
    command_queue_pop();
    const uint8_t code = tx_seq_drive(line, level, now);
    if (code)
        emit_rejected(command, code, line, now);
    return 0;
}

static uint64_t do_rate(const uint8_t *command, uint64_t now) {
    const uint64_t at = get64(command + BOARD_SET_BAUDRATE_AT_US_OFFSET);
    if (now < at)
        return at;
    emit_if_late(get16(command + BOARD_SET_BAUDRATE_ID_OFFSET), at, now);
    set_rate(get32(command + BOARD_SET_BAUDRATE_BAUDRATE_OFFSET), now);
    command_queue_pop();
    return 0;
}

static uint64_t idle(uint64_t now) {
    uint8_t size;
    const uint8_t *command = command_queue_first(&size);
    if (!command)
        return HAL_NEVER;
    const uint64_t busy = link_busy_until();
    if (now < busy)
        return busy;
    switch (command[BOARD_HEAD_TYPE_OFFSET]) {
    case BOARD_TYPE_TRANSMIT:
        return do_transmit(command, now);
    case BOARD_TYPE_DRIVE:
        return do_drive(command, now);
    default:
        return do_rate(command, now);
    }
}

/* The next part of the window, if it is queued and may follow at once. */
static const uint8_t *next_part(const uint8_t *command, uint8_t *size, uint64_t now) {
    const uint8_t *next = command_queue_second(size);
    if (!next || (command[BOARD_TRANSMIT_FLAGS_OFFSET] & BOARD_TRANSMIT_FLAG_LOWER))
        return NULL;
    if (next[BOARD_HEAD_TYPE_OFFSET] != BOARD_TYPE_TRANSMIT ||
        (next[BOARD_TRANSMIT_FLAGS_OFFSET] & BOARD_TRANSMIT_FLAG_RAISE) ||
        get16(next + BOARD_TRANSMIT_ID_OFFSET) != get16(command + BOARD_TRANSMIT_ID_OFFSET))
        return NULL;
    const uint64_t latest = get64(next + BOARD_TRANSMIT_LATEST_US_OFFSET);
    return get64(next + BOARD_TRANSMIT_AT_US_OFFSET) <= now && (!latest || now <= latest) ? next : NULL;
}

static uint64_t sending(uint64_t now) {
    if (!tx.loaded)
        return HAL_NEVER;
    uint8_t size;
    const uint8_t *command = command_queue_first(&size);
    /* It may have arrived after `now` was read. */
    const uint64_t loaded_at = now - (uint64_t)(int64_t)(int32_t)((uint32_t)now - tx.loaded_at);
    const uint64_t end = loaded_at + tx.byte_us;
    const uint8_t *next = next_part(command, &size, now);
    if (next) {
        /* Send first: the byte on the wire takes less than 3 us at the highest rate. */
        send(next, size);
        emit_sent(command, tx.begin, end);
        emit_if_late(get16(next + BOARD_TRANSMIT_ID_OFFSET), get64(next + BOARD_TRANSMIT_AT_US_OFFSET), end);
        command_queue_pop();
        tx.begin = end;
    } else {
        tx.step = ENDING;
        tx.until = end;
    }
    return 0;
}

static uint64_t ending(uint64_t now) {
    if (now < tx.until)
        return tx.until;
    if (hal_uart_busy(lines.data_uart)) {
        tx.until = now + 1u;
        return tx.until;
    }
    uint8_t size;
    const uint8_t *command = command_queue_first(&size);
    const bool last = (command[BOARD_TRANSMIT_FLAGS_OFFSET] & BOARD_TRANSMIT_FLAG_LOWER) != 0;
    emit_sent(command, tx.begin, tx.until);
    command_queue_pop();
    tx.stopped_at = tx.until + 1u;
    tx.step = IDLE;
    return last && attention_is_high() ? lower_after_hold() : 0;
}

static uint64_t one_step(uint64_t now) {
    switch (tx.step) {
    case IDLE:
        return idle(now);
    case SENDING:
        return sending(now);
    case ENDING:
        return ending(now);
    default:
        if (now < tx.until)
            return tx.until;
        if (tx.step == SETUP)
            return begin_bytes(now);
        drive(lines.attention, false);
        tx.step = IDLE;
        return 0;
    }
}

uint64_t tx_seq_poll(uint64_t now) {
    for (unsigned step = 0; step < MAX_STEPS; step++) {
        const uint64_t next = one_step(now);
        if (next > now)
            return next;
        now = hal_now_us();
    }
    return now;
}

void board_mount_service(void) {
    const uint64_t shifted = link_poll(hal_now_us());
    const uint64_t worked = tx_seq_poll(hal_now_us());
    const uint64_t watched = interlock_poll(hal_now_us());
    const uint64_t next = watched < worked ? watched : worked;
    hal_mount_alarm(shifted < next ? shifted : next);
}
