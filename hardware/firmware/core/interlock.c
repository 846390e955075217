/* Drives nothing before presence, switches rails in their sequence, and enters the safe state when presence is lost. */
#include "interlock.h"

#include "byte_order.h"
#include "counters.h"
#include "event_ring.h"
#include "line_map.h"
#include "tx_sequencer.h"
#include "frame_sync.h"

/* Time between two samples of the interlock line while it moves. */
#define MASK_US 20u
/* A contact that chatters counts as lost when it was not steady for this many filter times of absence. */
#define CHATTER_LIMIT 2u

struct interlock interlock;

static bool level_means_present(bool level) {
    /* A lens grounds the presence line; a body raises the supply. */
    return lines.map[lines.interlock].kind == BOARD_LINE_KIND_PRESENCE ? !level : level;
}

static bool supply_is_on(void) {
    return lines.supply == NO_LINE ? interlock.present : line_in_mask(lines.supply, lines.active);
}

static void set_present(bool present, uint64_t now) {
    interlock.present = present;
    interlock.present_since = now;
    line_map_set_powered(supply_is_on());
}

static void set_raw(bool raw, uint64_t now) {
    interlock.raw = raw;
    interlock.raw_since = now;
    if (!interlock.bouncing)
        interlock.bouncing_since = now;
    interlock.bouncing = true;
}

void interlock_start(const uint8_t *timing, uint64_t now) {
    interlock.presence_us = get32(timing + BOARD_TIMING_PRESENCE_US_OFFSET);
    interlock.absence_us = get16(timing + BOARD_TIMING_ABSENCE_US_OFFSET);
    interlock.watchdog_us = get16(timing + BOARD_TIMING_WATCHDOG_MS_OFFSET) * 1000u;
    interlock.requested_rails = 0;
    interlock.raw = interlock.present = interlock.masked = interlock.bouncing = false;
    interlock.raw_since = now;
    if (lines.interlock != NO_LINE)
        interlock.raw = level_means_present(line_in_mask(lines.interlock, line_map_levels()));
    else
        set_present(lines.no_interlock && lines.role != BOARD_ROLE_SNIFFER, now);
    interlock.configured = true;
}

void interlock_on_edge(bool level, uint64_t now) {
    set_raw(level_means_present(level), now);
    /* A floating line may move all the time; sample it again later. */
    interlock.masked = true;
    interlock.masked_until = now + MASK_US;
    hal_pin_edges(lines.map[lines.interlock].gpio, false);
}

static uint64_t unmask(uint64_t now) {
    if (!interlock.masked)
        return HAL_NEVER;
    if (now < interlock.masked_until)
        return interlock.masked_until;
    interlock.masked = false;
    hal_pin_edges(lines.map[lines.interlock].gpio, true);
    const bool raw = level_means_present(line_in_mask(lines.interlock, line_map_levels()));
    if (raw != interlock.raw)
        set_raw(raw, now);
    return HAL_NEVER;
}

static void report_filtered(bool present, uint64_t at) {
    const bool level = lines.map[lines.interlock].kind == BOARD_LINE_KIND_PRESENCE ? !present : present;
    const struct event event = {.at = (uint32_t)at, .kind = EVENT_EDGE, .small = level, .id = lines.interlock};
    counters.edges_seen++;
    if (!event_ring_push(&event))
        count_loss(IN_MOUNT, BOARD_LOSS_KIND_EDGES, 1);
}

static uint64_t poll_arrival(uint64_t now) {
    if (!interlock.raw)
        return HAL_NEVER;
    const uint64_t due = interlock.raw_since + interlock.presence_us;
    if (now < due)
        return due;
    report_filtered(true, interlock.raw_since);
    interlock.bouncing = false;
    set_present(true, now);
    return HAL_NEVER;
}

static uint64_t poll_loss(uint64_t now) {
    if (!interlock.bouncing)
        return HAL_NEVER;
    const uint64_t steady = interlock.raw_since + interlock.absence_us;
    const uint64_t limit = interlock.bouncing_since + CHATTER_LIMIT * interlock.absence_us;
    if (now < steady && now < limit)
        return steady < limit ? steady : limit;
    if (interlock.raw && now >= steady) {
        interlock.bouncing = false;
        return HAL_NEVER;
    }
    /* The last edge of a contact that chatters may have been an edge to presence. */
    report_filtered(false, interlock.raw ? now : interlock.raw_since);
    interlock.present = false;
    interlock_enter_safe_state(BOARD_SAFE_STATE_REASON_ABSENT);
    return interlock.raw ? interlock.raw_since + interlock.presence_us : HAL_NEVER;
}

static uint64_t poll_presence(uint64_t now) {
    if (lines.interlock == NO_LINE)
        return HAL_NEVER;
    return interlock.present ? poll_loss(now) : poll_arrival(now);
}

static uint64_t poll_rails(uint64_t now) {
    uint64_t next = HAL_NEVER;
    bool front_on = interlock.present;
    uint64_t front_since = interlock.present_since;
    if (!(interlock.requested_rails & ~lines.active))
        return HAL_NEVER;
    for (uint8_t line = 0; line < lines.count; line++) {
        if (!line_is_rail(line))
            continue;
        if (line_in_mask(line, interlock.requested_rails) && !line_in_mask(line, lines.active) && front_on) {
            const uint64_t due = front_since + lines.map[line].delay_us;
            if (now >= due) {
                line_drive(line, true);
                interlock.on_since[line] = now;
                line_map_set_powered(supply_is_on());
            } else {
                /* The rails after it wait for it. */
                next = due;
            }
        }
        front_on = line_in_mask(line, lines.active);
        front_since = interlock.on_since[line];
    }
    return next;
}

static uint64_t poll_watchdog(uint64_t now) {
    if (!interlock.watchdog_us)
        return HAL_NEVER;
    const uint64_t due = interlock.last_frame_at + interlock.watchdog_us;
    if (now < due)
        return due;
    interlock_stop(BOARD_SAFE_STATE_REASON_WATCHDOG);
    return HAL_NEVER;
}

uint64_t interlock_poll(uint64_t now) {
    if (!interlock.configured)
        return HAL_NEVER;
    const uint64_t due[] = {unmask(now), poll_presence(now), poll_rails(now), poll_watchdog(now)};
    uint64_t next = HAL_NEVER;
    for (unsigned at = 0; at < sizeof due / sizeof due[0]; at++)
        next = due[at] < next ? due[at] : next;
    return next;
}

uint8_t interlock_check(uint8_t line) {
    const bool bytes = line == NO_LINE;
    if (!bytes && lines.role == BOARD_ROLE_LENS && lines.map[line].kind == BOARD_LINE_KIND_PRESENCE)
        return 0;
    if (!interlock.present)
        return BOARD_ERROR_CODE_NOT_PRESENT;
    if (!lines.powered && (bytes || !line_is_rail(line)))
        return BOARD_ERROR_CODE_NOT_POWERED;
    return 0;
}

void interlock_switch_rail(uint8_t line, bool on, uint64_t now) {
    const uint16_t bit = (uint16_t)(1u << line);
    if (on) {
        interlock.requested_rails |= bit;
        (void)poll_rails(now);
    } else if (line == lines.supply && line_in_mask(line, lines.active)) {
        interlock_enter_safe_state(BOARD_SAFE_STATE_REASON_SUPPLY);
    } else {
        interlock.requested_rails &= (uint16_t)~bit;
        line_set_idle(line);
    }
}

void interlock_stop(uint8_t reason) {
    interlock.present = interlock.configured = false;
    interlock_enter_safe_state(reason);
}

/* Whether a line is a grounded presence line, which outlasts a safe state that the host did not command. */
static bool keeps_presence_grounded(uint8_t line, uint8_t reason) {
    return lines.map[line].kind == BOARD_LINE_KIND_PRESENCE && reason != BOARD_SAFE_STATE_REASON_HOST &&
           reason != BOARD_SAFE_STATE_REASON_HELLO && reason != BOARD_SAFE_STATE_REASON_START;
}

void interlock_enter_safe_state(uint8_t reason) {
    tx_seq_abort();
    frame_sync_stop();
    lines.powered = lines.supply == NO_LINE && interlock.present;
    for (uint8_t line = lines.count; line-- > 0;) {
        if (line_in_mask(line, lines.ours) && !line_is_rail(line) && !keeps_presence_grounded(line, reason))
            line_set_idle(line);
    }
    for (uint8_t line = lines.count; line-- > 0;) {
        if (line_is_rail(line))
            line_set_idle(line);
    }
    interlock.requested_rails = 0;
    interlock.reason = reason;
    interlock.safe_states++;
}
