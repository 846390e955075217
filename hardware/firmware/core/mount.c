/* Windows: raise, set-up, bytes, hold, lower, gap; and whatever else waits its turn. */
#include "mount.h"

#include "board.h"
#include "bytes.h"
#include "counters.h"
#include "guard.h"
#include "lines.h"
#include "link.h"
#include "mount_tell.h"
#include "orders.h"
#include "sync.h"

/* Steps in one call: each is short, and a queue full of orders for the past is nothing that an interrupt should empty. */
#define STEPS_AT_ONCE 4u

enum step { IDLE, SETUP, SENDING, ENDING, HOLD };

static struct {
    enum step step;
    uint64_t until; /* SETUP, ENDING, HOLD: when the step is over */
    uint64_t rose_at, fell_at, stopped_at; /* our attention line, and the last stop bit */
    uint64_t begin; /* first start bit of what is being sent */
    uint32_t setup_us, hold_us, gap_us, byte_us;
    uint16_t window, dropped_window;
    bool window_is_open, dropping;
    volatile bool loaded;
    volatile uint32_t loaded_at;
} mount;

static bool attention_is_high(void) {
    return lines.attention != NO_LINE && line_is(lines.attention, lines.away);
}

static uint64_t later(uint64_t one, uint64_t other) {
    return one > other ? one : other;
}

static void set_rate(uint32_t baudrate, uint64_t now) {
    port_set_rate(baudrate);
    const uint32_t byte_ns = (uint32_t)(10000000000u / baudrate);
    mount.byte_us = (byte_ns + 999u) / 1000u;
    tell_rate(byte_ns, now);
}

void mount_start(const uint8_t *timing, uint32_t baudrate, uint64_t now) {
    mount.setup_us = get16(timing + BOARD_TIMING_SETUP_US_OFFSET);
    mount.hold_us = get16(timing + BOARD_TIMING_HOLD_US_OFFSET);
    mount.gap_us = get16(timing + BOARD_TIMING_GAP_US_OFFSET);
    mount.rose_at = mount.fell_at = mount.stopped_at = 0;
    set_rate(baudrate, now);
}

/* The clock's microsecond has begun already: what shall last a time at least is counted from the next one. */
static uint64_t from_now(void) {
    return port_now_us() + 1u;
}

static void drive(uint8_t line, bool level) {
    const bool moves = line == lines.attention && level != attention_is_high();
    line_drive(line, level);
    if (moves && level) {
        mount.rose_at = from_now();
    } else if (moves) {
        mount.fell_at = from_now();
        mount.window_is_open = false;
    }
}

void mount_cut(void) {
    uint32_t transmissions, others;
    if (mount.step == SENDING || mount.step == ENDING)
        port_uart_stop(lines.data_uart);
    if (attention_is_high())
        mount.fell_at = from_now();
    mount.step = IDLE;
    mount.window_is_open = mount.dropping = mount.loaded = false;
    orders_drop(&transmissions, &others);
    lose(IN_MOUNT, BOARD_SORT_TRANSMISSIONS, transmissions + link_cut());
    lose(IN_MOUNT, BOARD_SORT_DRIVES, others);
}

void board_on_loaded(unsigned uart, uint32_t at) {
    mount.loaded_at = at;
    mount.loaded = true;
    port_kick();
}

static uint64_t lower_after_hold(void) {
    mount.step = HOLD;
    mount.until = mount.stopped_at + mount.hold_us;
    return 0;
}

/* What cannot begin in time; the parts behind it find `dropping`, and the last of them closes what the first opened. */
static uint64_t drop(const uint8_t *order, uint64_t now) {
    const uint16_t id = get16(order + BOARD_TRANSMIT_ID_OFFSET);
    const uint64_t at = get64(order + BOARD_TRANSMIT_AT_US_OFFSET);
    const bool last = (order[BOARD_TRANSMIT_FLAGS_OFFSET] & BOARD_TRANSMIT_FLAG_LOWER) != 0;
    tell_late(id, true, at ? now - at : 0, now);
    mount.dropping = !last;
    mount.dropped_window = id;
    orders_pop();
    return last && mount.window_is_open && mount.window == id ? lower_after_hold() : 0;
}

static void send(const uint8_t *order, uint8_t size) {
    mount.loaded = false;
    mount.step = SENDING;
    counters.bytes_sent += size - BOARD_TRANSMIT_SIZE;
    port_uart_send(lines.data_uart, order + BOARD_TRANSMIT_DATA_OFFSET, size - BOARD_TRANSMIT_SIZE);
}

static uint64_t begin_unit(const uint8_t *order, uint8_t size) {
    if (!line_is(lines.data, lines.away)) {
        port_link_level(false);
        line_connect(lines.data);
    }
    if (shift.setup.clocks && !line_is(lines.clock, lines.away)) {
        if (shift.setup.idle_high)
            line_drive(lines.clock, true);
        else
            line_connect(lines.clock);
    }
    counters.bytes_sent += size - BOARD_TRANSMIT_SIZE;
    link_take(order, size);
    orders_pop();
    mount.step = IDLE;
    return 0;
}

static uint64_t begin_bytes(uint64_t now) {
    uint8_t size;
    const uint8_t *order = orders_first(&size);
    if (shift.on)
        return begin_unit(order, size);
    if (!line_is(lines.data, lines.away))
        line_drive(lines.data, true);
    mount.begin = now;
    send(order, size);
    return 0;
}

static uint64_t do_transmit(const uint8_t *order, uint64_t now) {
    const uint16_t id = get16(order + BOARD_TRANSMIT_ID_OFFSET);
    const uint64_t at = get64(order + BOARD_TRANSMIT_AT_US_OFFSET);
    const uint64_t latest = get64(order + BOARD_TRANSMIT_LATEST_US_OFFSET);
    const bool first = (order[BOARD_TRANSMIT_FLAGS_OFFSET] & BOARD_TRANSMIT_FLAG_RAISE) != 0;
    if (mount.dropping && id == mount.dropped_window && !first)
        return drop(order, now);
    mount.dropping = false;
    const bool raise = first && lines.attention != NO_LINE && !attention_is_high();
    uint64_t due = at;
    if (raise)
        due = later(due, mount.fell_at + mount.gap_us);
    else if (attention_is_high())
        due = later(due, mount.rose_at + mount.setup_us);
    if (now < due)
        return due;
    const uint8_t code = guard_refusal(NO_LINE);
    if (code) {
        tell_refused(order, code, NO_LINE, now);
        orders_pop();
        return 0;
    }
    if (latest && now > latest)
        return drop(order, now);
    tell_if_late(id, at, now);
    if (!raise)
        return begin_bytes(now);
    drive(lines.attention, true);
    mount.window = id;
    mount.window_is_open = true;
    mount.step = SETUP;
    mount.until = mount.rose_at + mount.setup_us;
    return 0;
}

uint8_t mount_drive(uint8_t line, bool level, uint64_t now) {
    const bool data = line_carries_bits(line);
    const bool away = data ? level : level != line_rests_high(line);
    const uint8_t code = away ? guard_refusal(line) : 0;
    if (code)
        return code;
    if (shift.on && line == lines.data) {
        port_link_level(level);
        /* What is loaded still goes out with the next burst. */
        if (!level && line_is(line, lines.away)) {
            line_note_level(line, false);
            return 0;
        }
    }
    if (line == lines.sync)
        sync_stop();
    if (line_is_rail(line))
        guard_order_rail(line, level, now);
    else
        drive(line, level);
    return 0;
}

static uint64_t do_drive(const uint8_t *order, uint64_t now) {
    const uint8_t line = order[BOARD_DRIVE_LINE_OFFSET];
    const bool level = order[BOARD_DRIVE_LEVEL_OFFSET] != 0;
    const uint64_t at = get64(order + BOARD_DRIVE_AT_US_OFFSET);
    uint64_t due = at;
    if (line == lines.attention)
        due = later(due, level ? mount.fell_at + mount.gap_us : mount.stopped_at + mount.hold_us);
    if (now < due)
        return due;
    tell_if_late(get16(order + BOARD_DRIVE_ID_OFFSET), at, now);
    /* Over before it is done: switching the supply off drops whatever is in the queue. */
    orders_pop();
    const uint8_t code = mount_drive(line, level, now);
    if (code)
        tell_refused(order, code, line, now);
    return 0;
}

static uint64_t do_rate(const uint8_t *order, uint64_t now) {
    const uint64_t at = get64(order + BOARD_SET_BAUDRATE_AT_US_OFFSET);
    if (now < at)
        return at;
    tell_if_late(get16(order + BOARD_SET_BAUDRATE_ID_OFFSET), at, now);
    set_rate(get32(order + BOARD_SET_BAUDRATE_BAUDRATE_OFFSET), now);
    orders_pop();
    return 0;
}

static uint64_t idle(uint64_t now) {
    uint8_t size;
    const uint8_t *order = orders_first(&size);
    if (!order)
        return PORT_NEVER;
    const uint64_t busy = link_busy_until();
    if (now < busy)
        return busy;
    switch (order[BOARD_HEAD_TYPE_OFFSET]) {
    case BOARD_TYPE_TRANSMIT:
        return do_transmit(order, now);
    case BOARD_TYPE_DRIVE:
        return do_drive(order, now);
    default:
        return do_rate(order, now);
    }
}

/* The next part of the window, if it is there and may follow at once. */
static const uint8_t *part_behind(const uint8_t *order, uint8_t *size, uint64_t now) {
    const uint8_t *next = orders_second(size);
    if (!next || (order[BOARD_TRANSMIT_FLAGS_OFFSET] & BOARD_TRANSMIT_FLAG_LOWER))
        return NULL;
    if (next[BOARD_HEAD_TYPE_OFFSET] != BOARD_TYPE_TRANSMIT ||
        (next[BOARD_TRANSMIT_FLAGS_OFFSET] & BOARD_TRANSMIT_FLAG_RAISE) ||
        get16(next + BOARD_TRANSMIT_ID_OFFSET) != get16(order + BOARD_TRANSMIT_ID_OFFSET))
        return NULL;
    const uint64_t latest = get64(next + BOARD_TRANSMIT_LATEST_US_OFFSET);
    return get64(next + BOARD_TRANSMIT_AT_US_OFFSET) <= now && (!latest || now <= latest) ? next : NULL;
}

static uint64_t sending(uint64_t now) {
    if (!mount.loaded)
        return PORT_NEVER;
    uint8_t size;
    const uint8_t *order = orders_first(&size);
    /* It may have come while `now` was on its way here. */
    const uint64_t loaded_at = now - (uint64_t)(int64_t)(int32_t)((uint32_t)now - mount.loaded_at);
    const uint64_t end = loaded_at + mount.byte_us;
    const uint8_t *next = part_behind(order, &size, now);
    if (next) {
        /* First of all: the byte that is on the wire lasts no longer than 3 us at the highest rate. */
        send(next, size);
        tell_sent(order, mount.begin, end);
        tell_if_late(get16(next + BOARD_TRANSMIT_ID_OFFSET), get64(next + BOARD_TRANSMIT_AT_US_OFFSET), end);
        orders_pop();
        mount.begin = end;
    } else {
        mount.step = ENDING;
        mount.until = end;
    }
    return 0;
}

static uint64_t ending(uint64_t now) {
    if (now < mount.until)
        return mount.until;
    if (port_uart_busy(lines.data_uart)) {
        mount.until = now + 1u;
        return mount.until;
    }
    uint8_t size;
    const uint8_t *order = orders_first(&size);
    const bool last = (order[BOARD_TRANSMIT_FLAGS_OFFSET] & BOARD_TRANSMIT_FLAG_LOWER) != 0;
    tell_sent(order, mount.begin, mount.until);
    orders_pop();
    mount.stopped_at = mount.until + 1u;
    mount.step = IDLE;
    return last && attention_is_high() ? lower_after_hold() : 0;
}

static uint64_t one_step(uint64_t now) {
    switch (mount.step) {
    case IDLE:
        return idle(now);
    case SENDING:
        return sending(now);
    case ENDING:
        return ending(now);
    default:
        if (now < mount.until)
            return mount.until;
        if (mount.step == SETUP)
            return begin_bytes(now);
        drive(lines.attention, false);
        mount.step = IDLE;
        return 0;
    }
}

uint64_t mount_service(uint64_t now) {
    for (unsigned step = 0; step < STEPS_AT_ONCE; step++) {
        const uint64_t next = one_step(now);
        if (next > now)
            return next;
        now = port_now_us();
    }
    return now;
}

void board_mount_service(void) {
    const uint64_t shifted = link_service(port_now_us());
    const uint64_t worked = mount_service(port_now_us());
    const uint64_t watched = guard_service(port_now_us());
    const uint64_t next = watched < worked ? watched : worked;
    port_mount_alarm(shifted < next ? shifted : next);
}
