/* Judges by the line map, the pins and the outside alone; what the core believes of presence and power is not asked. */
#include "line_monitor.h"

#include <stdint.h>
#include <stdio.h>

#include "lines.h"
#include "sim.h"

/* What may still be driven, and for how long, behind the moment at which the other end was there last. */
#define GRACE_US 2000u

static struct {
    uint64_t there_at; /* when the other end was last seen */
    bool complains;
    char complaint[160];
} line_monitor;

static void complain(unsigned pin, const char *what) {
    if (line_monitor.complains)
        return;
    line_monitor.complains = true;
    snprintf(line_monitor.complaint, sizeof line_monitor.complaint, "at %llu us, GP%u: %s", (unsigned long long)sim_now(), pin, what);
}

const char *line_monitor_complaint(void) {
    const bool complains = line_monitor.complains;
    line_monitor.complains = false;
    return complains ? line_monitor.complaint : NULL;
}

static bool driven_high(uint8_t line) {
    const unsigned state = sim_pin_state(lines.map[line].gpio);
    if (state == SIM_UART_OUT)
        return true;
    return (state == SIM_HIGH || state == SIM_LOW) && line_inverts(line, state == SIM_HIGH);
}

static bool away_from_rest(uint8_t line) {
    const unsigned state = sim_pin_state(lines.map[line].gpio);
    if (line_carries_bits(line))
        return state == SIM_UART_OUT;
    return (state == SIM_HIGH || state == SIM_LOW) && line_inverts(line, state == SIM_HIGH) != line_rests_high(line);
}

/* A lens grounds the presence line as long as it likes. */
static bool may_always(uint8_t line) {
    return lines.role == BOARD_ROLE_LENS && lines.map[line].kind == BOARD_LINE_KIND_PRESENCE;
}

static bool other_end_is_there(void) {
    if (lines.guard == NO_LINE)
        return lines.unguarded != 0;
    const bool level = line_inverts(lines.guard, (sim_levels() >> lines.map[lines.guard].gpio & 1u) != 0);
    return lines.map[lines.guard].kind == BOARD_LINE_KIND_PRESENCE ? !level : level;
}

static bool was_there_just_now(void) {
    return sim_now() <= line_monitor.there_at + GRACE_US;
}

/* A body powers the lens by its supply; else power comes with the other end. */
static bool other_end_has_power(void) {
    return lines.supply == NO_LINE ? was_there_just_now() : driven_high(lines.supply);
}

static void judge(uint8_t line) {
    const unsigned pin = lines.map[line].gpio;
    if (!line_is(line, lines.ours) || may_always(line))
        return;
    if (away_from_rest(line) && !was_there_just_now())
        complain(pin, "away from rest while nobody is there");
    if (line != lines.supply && driven_high(line) && !other_end_has_power())
        complain(pin, "driven high into an end without power");
}

void line_monitor_look(void) {
    if (other_end_is_there())
        line_monitor.there_at = sim_now();
    if (!was_there_just_now())
        for (uint8_t line = 0; line < lines.count; line++)
            judge(line);
}

void line_monitor_edge(unsigned pin) {
    const unsigned state = sim_pin_state(pin);
    const uint8_t line = lines.of_gpio[pin];
    const bool drives = state != SIM_INPUT && state != SIM_UART_IN;
    line_monitor_look();
    if (drives && (line == NO_LINE || !line_is(line, lines.ours)))
        complain(pin, "driven, and not one of ours");
    /* All of them: what is high may have lost its power by this very edge. */
    for (uint8_t other = 0; other < lines.count; other++)
        judge(other);
}
