/* Frame signal: pulses from the chip's timer, one alarm for each edge. */
#include "frame_sync.h"

#include "board.h"
#include "line_map.h"
#include "hal.h"

static struct {
    struct frame_sync_command now, next;
    uint64_t pulse_at, edge_at;
    bool on, in_pulse, changed;
    struct line_pin ready; /* what the pin must do at the next edge */
} frame_sync;

/* Computed ahead, so that the edge itself takes little time. */
static void make_ready(void) {
    const bool pulse_high = frame_sync.changed ? frame_sync.next.pulse_high : frame_sync.now.pulse_high;
    frame_sync.ready = line_pin_for(lines.sync, frame_sync.in_pulse ? !frame_sync.now.pulse_high : pulse_high);
}

static bool between_pulses(void) {
    return !frame_sync.now.pulse_high;
}

bool frame_sync_is_on(void) {
    return frame_sync.on;
}

void frame_sync_stop(void) {
    frame_sync.on = false;
    hal_sync_alarm(HAL_NEVER);
}

void frame_sync_end(void) {
    if (!frame_sync.on)
        return;
    frame_sync_stop();
    line_drive(lines.sync, between_pulses());
}

/* The first of the times `at`, `at + period`, … that is not over; in the past by less than 2^63. */
static uint64_t upcoming(uint64_t at, uint32_t period, uint64_t now) {
    return at >= now ? at : at + (now - at + period - 1u) / period * period;
}

void frame_sync_run(const struct frame_sync_command *command, uint64_t now) {
    if (frame_sync.on) {
        frame_sync.next = *command;
        frame_sync.changed = true;
        if (command->at_us)
            frame_sync.next.at_us = upcoming(command->at_us, command->period_us, now);
    } else {
        frame_sync.now = *command;
        frame_sync.changed = false;
        frame_sync.in_pulse = false;
        frame_sync.pulse_at = command->at_us ? upcoming(command->at_us, command->period_us, now) : now;
        frame_sync.on = true;
        line_drive(lines.sync, !command->pulse_high);
    }
    /* A pulse that has begun ends as commanded. */
    if (!frame_sync.in_pulse) {
        if (frame_sync.changed && frame_sync.next.at_us)
            frame_sync.pulse_at = frame_sync.next.at_us;
        frame_sync.edge_at = frame_sync.pulse_at;
    }
    make_ready();
    hal_sync_alarm(frame_sync.edge_at);
}

void board_sync_service(void) {
    if (!frame_sync.on)
        return;
    const uint64_t now = hal_now_us();
    if (now >= frame_sync.edge_at) {
        line_pin_put(frame_sync.ready);
        if (frame_sync.in_pulse) {
            line_note_pulse(lines.sync, between_pulses(), (uint32_t)now);
            frame_sync.pulse_at += frame_sync.now.period_us;
            if (frame_sync.changed && frame_sync.next.at_us)
                frame_sync.pulse_at = frame_sync.next.at_us;
            /* Pulses of the past are left out. */
            if (frame_sync.pulse_at < now)
                frame_sync.pulse_at = upcoming(frame_sync.pulse_at, frame_sync.now.period_us, now);
            frame_sync.edge_at = frame_sync.pulse_at;
        } else {
            if (frame_sync.changed) {
                frame_sync.now = frame_sync.next;
                frame_sync.changed = false;
            }
            line_note_pulse(lines.sync, frame_sync.now.pulse_high, (uint32_t)now);
            frame_sync.edge_at = frame_sync.pulse_at + frame_sync.now.width_us;
        }
        frame_sync.in_pulse = !frame_sync.in_pulse;
        make_ready();
    }
    hal_sync_alarm(frame_sync.edge_at);
}
