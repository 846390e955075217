/* Nothing is driven before presence, rails come in their order, and when presence goes everything rests. */
#include "guard.h"

#include "bytes.h"
#include "counters.h"
#include "events.h"
#include "lines.h"
#include "mount.h"
#include "sync.h"

/* Between two looks at the guard's line when it moves. */
#define HUSH_US 20u
/* A contact that chatters counts as lost when it has not been steady for so many times the filter of absence. */
#define CHATTER_LIMIT 2u

struct guard guard;

static bool level_means_present(bool level) {
    /* A lens grounds the presence line; a body raises the supply. */
    return lines.map[lines.guard].kind == BOARD_LINE_KIND_PRESENCE ? !level : level;
}

static bool supply_is_on(void) {
    return lines.supply == NO_LINE ? guard.present : line_is(lines.supply, lines.away);
}

static void set_present(bool present, uint64_t now) {
    guard.present = present;
    guard.present_since = now;
    lines_set_powered(supply_is_on());
}

static void take_raw(bool raw, uint64_t now) {
    guard.raw = raw;
    guard.raw_since = now;
    if (!guard.unsettled)
        guard.unsettled_since = now;
    guard.unsettled = true;
}

void guard_start(const uint8_t *timing, uint64_t now) {
    guard.presence_us = get32(timing + BOARD_TIMING_PRESENCE_US_OFFSET);
    guard.absence_us = get16(timing + BOARD_TIMING_ABSENCE_US_OFFSET);
    guard.watchdog_us = get16(timing + BOARD_TIMING_WATCHDOG_MS_OFFSET) * 1000u;
    guard.wanted = 0;
    guard.raw = guard.present = guard.hushed = guard.unsettled = false;
    guard.raw_since = now;
    if (lines.guard != NO_LINE)
        guard.raw = level_means_present(line_is(lines.guard, lines_levels()));
    else
        set_present(lines.unguarded && lines.role != BOARD_ROLE_SNIFFER, now);
    guard.configured = true;
}

void guard_on_edge(bool level, uint64_t now) {
    take_raw(level_means_present(level), now);
    /* A line that nobody holds may move all the time; it is looked at again in a while. */
    guard.hushed = true;
    guard.hushed_until = now + HUSH_US;
    port_pin_edges(lines.map[lines.guard].gpio, false);
}

static uint64_t listen_again(uint64_t now) {
    if (!guard.hushed)
        return PORT_NEVER;
    if (now < guard.hushed_until)
        return guard.hushed_until;
    guard.hushed = false;
    port_pin_edges(lines.map[lines.guard].gpio, true);
    const bool raw = level_means_present(line_is(lines.guard, lines_levels()));
    if (raw != guard.raw)
        take_raw(raw, now);
    return PORT_NEVER;
}

static void report_filtered(bool present, uint64_t at) {
    const bool level = lines.map[lines.guard].kind == BOARD_LINE_KIND_PRESENCE ? !present : present;
    const struct event event = {.at = (uint32_t)at, .kind = EVENT_EDGE, .small = level, .id = lines.guard};
    counters.edges_seen++;
    if (!events_push(&event))
        lose(IN_MOUNT, BOARD_SORT_EDGES, 1);
}

static uint64_t watch_arrival(uint64_t now) {
    if (!guard.raw)
        return PORT_NEVER;
    const uint64_t due = guard.raw_since + guard.presence_us;
    if (now < due)
        return due;
    report_filtered(true, guard.raw_since);
    guard.unsettled = false;
    set_present(true, now);
    return PORT_NEVER;
}

static uint64_t watch_loss(uint64_t now) {
    if (!guard.unsettled)
        return PORT_NEVER;
    const uint64_t steady = guard.raw_since + guard.absence_us;
    const uint64_t limit = guard.unsettled_since + CHATTER_LIMIT * guard.absence_us;
    if (now < steady && now < limit)
        return steady < limit ? steady : limit;
    if (guard.raw && now >= steady) {
        guard.unsettled = false;
        return PORT_NEVER;
    }
    /* The last edge of a contact that chatters may have been one to presence. */
    report_filtered(false, guard.raw ? now : guard.raw_since);
    guard.present = false;
    guard_rest(BOARD_REST_REASON_ABSENT);
    return guard.raw ? guard.raw_since + guard.presence_us : PORT_NEVER;
}

static uint64_t watch_presence(uint64_t now) {
    if (lines.guard == NO_LINE)
        return PORT_NEVER;
    return guard.present ? watch_loss(now) : watch_arrival(now);
}

static uint64_t watch_rails(uint64_t now) {
    uint64_t next = PORT_NEVER;
    bool front_on = guard.present;
    uint64_t front_since = guard.present_since;
    if (!(guard.wanted & ~lines.away))
        return PORT_NEVER;
    for (uint8_t line = 0; line < lines.count; line++) {
        if (!line_is_rail(line))
            continue;
        if (line_is(line, guard.wanted) && !line_is(line, lines.away) && front_on) {
            const uint64_t due = front_since + lines.map[line].delay_us;
            if (now >= due) {
                line_drive(line, true);
                guard.on_since[line] = now;
                lines_set_powered(supply_is_on());
            } else {
                /* Those behind it wait for it. */
                next = due;
            }
        }
        front_on = line_is(line, lines.away);
        front_since = guard.on_since[line];
    }
    return next;
}

static uint64_t watch_host(uint64_t now) {
    if (!guard.watchdog_us)
        return PORT_NEVER;
    const uint64_t due = guard.heard_at + guard.watchdog_us;
    if (now < due)
        return due;
    guard_stop(BOARD_REST_REASON_WATCHDOG);
    return PORT_NEVER;
}

uint64_t guard_service(uint64_t now) {
    if (!guard.configured)
        return PORT_NEVER;
    const uint64_t due[] = {listen_again(now), watch_presence(now), watch_rails(now), watch_host(now)};
    uint64_t next = PORT_NEVER;
    for (unsigned at = 0; at < sizeof due / sizeof due[0]; at++)
        next = due[at] < next ? due[at] : next;
    return next;
}

uint8_t guard_refusal(uint8_t line) {
    const bool bytes = line == NO_LINE;
    if (!bytes && lines.role == BOARD_ROLE_LENS && lines.map[line].kind == BOARD_LINE_KIND_PRESENCE)
        return 0;
    if (!guard.present)
        return BOARD_ERROR_CODE_NOT_PRESENT;
    if (!lines.powered && (bytes || !line_is_rail(line)))
        return BOARD_ERROR_CODE_NOT_POWERED;
    return 0;
}

void guard_order_rail(uint8_t line, bool on, uint64_t now) {
    const uint16_t bit = (uint16_t)(1u << line);
    if (on) {
        guard.wanted |= bit;
        (void)watch_rails(now);
    } else if (line == lines.supply && line_is(line, lines.away)) {
        guard_rest(BOARD_REST_REASON_SUPPLY);
    } else {
        guard.wanted &= (uint16_t)~bit;
        line_rest(line);
    }
}

void guard_stop(uint8_t reason) {
    guard.present = guard.configured = false;
    guard_rest(reason);
}

/* Whose grounding of the presence line outlasts a rest that the host did not order. */
static bool keeps_grounding(uint8_t line, uint8_t reason) {
    return lines.map[line].kind == BOARD_LINE_KIND_PRESENCE && reason != BOARD_REST_REASON_HOST &&
           reason != BOARD_REST_REASON_GREETING && reason != BOARD_REST_REASON_START;
}

void guard_rest(uint8_t reason) {
    mount_cut();
    sync_stop();
    lines.powered = lines.supply == NO_LINE && guard.present;
    for (uint8_t line = lines.count; line-- > 0;) {
        if (line_is(line, lines.ours) && !line_is_rail(line) && !keeps_grounding(line, reason))
            line_rest(line);
    }
    for (uint8_t line = lines.count; line-- > 0;) {
        if (line_is_rail(line))
            line_rest(line);
    }
    guard.wanted = 0;
    guard.reason = reason;
    guard.rests++;
}
