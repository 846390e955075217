/* Pulses from the chip's timer, each edge at its own alarm. */
#include "sync.h"

#include "board.h"
#include "lines.h"
#include "port.h"

static struct {
    struct sync_order now, next;
    uint64_t pulse_at, edge_at;
    bool on, in_pulse, changed;
    struct line_pin ready; /* what is to be done with the pin at the next edge */
} sync;

/* The edge itself is to take as little time as it can. */
static void make_ready(void) {
    const bool pulse_high = sync.changed ? sync.next.pulse_high : sync.now.pulse_high;
    sync.ready = line_pin_for(lines.sync, sync.in_pulse ? !sync.now.pulse_high : pulse_high);
}

static bool between_pulses(void) {
    return !sync.now.pulse_high;
}

bool sync_is_on(void) {
    return sync.on;
}

void sync_stop(void) {
    sync.on = false;
    port_sync_alarm(PORT_NEVER);
}

void sync_end(void) {
    if (!sync.on)
        return;
    sync_stop();
    line_drive(lines.sync, between_pulses());
}

/* The first of the times `at`, `at + period`, … that is not over; in the past by less than 2^63. */
static uint64_t upcoming(uint64_t at, uint32_t period, uint64_t now) {
    return at >= now ? at : at + (now - at + period - 1u) / period * period;
}

void sync_run(const struct sync_order *order, uint64_t now) {
    if (sync.on) {
        sync.next = *order;
        sync.changed = true;
        if (order->at_us)
            sync.next.at_us = upcoming(order->at_us, order->period_us, now);
    } else {
        sync.now = *order;
        sync.changed = false;
        sync.in_pulse = false;
        sync.pulse_at = order->at_us ? upcoming(order->at_us, order->period_us, now) : now;
        sync.on = true;
        line_drive(lines.sync, !order->pulse_high);
    }
    /* A pulse that has begun is ended as it was ordered. */
    if (!sync.in_pulse) {
        if (sync.changed && sync.next.at_us)
            sync.pulse_at = sync.next.at_us;
        sync.edge_at = sync.pulse_at;
    }
    make_ready();
    port_sync_alarm(sync.edge_at);
}

void board_sync_service(void) {
    if (!sync.on)
        return;
    const uint64_t now = port_now_us();
    if (now >= sync.edge_at) {
        line_pin_put(sync.ready);
        if (sync.in_pulse) {
            line_note_pulse(lines.sync, between_pulses(), (uint32_t)now);
            sync.pulse_at += sync.now.period_us;
            if (sync.changed && sync.next.at_us)
                sync.pulse_at = sync.next.at_us;
            /* Pulses whose time has gone by are left out. */
            if (sync.pulse_at < now)
                sync.pulse_at = upcoming(sync.pulse_at, sync.now.period_us, now);
            sync.edge_at = sync.pulse_at;
        } else {
            if (sync.changed) {
                sync.now = sync.next;
                sync.changed = false;
            }
            line_note_pulse(lines.sync, sync.now.pulse_high, (uint32_t)now);
            sync.edge_at = sync.pulse_at + sync.now.width_us;
        }
        sync.in_pulse = !sync.in_pulse;
        make_ready();
    }
    port_sync_alarm(sync.edge_at);
}
