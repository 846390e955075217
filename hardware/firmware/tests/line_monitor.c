/* Checks by the line map, the pins and the outside levels alone, and not by the core's state of presence and power. */
#include "line_monitor.h"

#include <stdint.h>
#include <stdio.h>

#include "line_map.h"
#include "sim.h"

/* What may still be driven, and for how long, after the other end was present last. */
#define GRACE_US 2000u

static struct {
    uint64_t there_at; /* when the other end was last seen */
    bool complains;
    char violation[160];
} line_monitor;

static void report_violation(unsigned pin, const char *what) {
    if (line_monitor.complains)
        return;
    line_monitor.complains = true;
    snprintf(line_monitor.violation, sizeof line_monitor.violation, "at %llu us, GP%u: %s", (unsigned long long)sim_now(), pin, what);
}

const char *line_monitor_violation(void) {
    const bool complains = line_monitor.complains;
    line_monitor.complains = false;
    return complains ? line_monitor.violation : NULL;
}

static bool driven_high(uint8_t line) {
    const unsigned state = sim_pin_state(lines.map[line].gpio);
    if (state == SIM_UART_OUT)
        return true;
    return (state == SIM_HIGH || state == SIM_LOW) && line_apply_polarity(line, state == SIM_HIGH);
}

static bool away_from_rest(uint8_t line) {
    const unsigned state = sim_pin_state(lines.map[line].gpio);
    if (line_carries_bits(line))
        return state == SIM_UART_OUT;
    return (state == SIM_HIGH || state == SIM_LOW) && line_apply_polarity(line, state == SIM_HIGH) != line_idles_high(line);
}

/* A lens grounds the presence line as long as it likes. */
static bool may_always(uint8_t line) {
    return lines.role == BOARD_ROLE_LENS && lines.map[line].kind == BOARD_LINE_KIND_PRESENCE;
}

static bool other_end_is_there(void) {
    if (lines.interlock == NO_LINE)
        return lines.no_interlock != 0;
    const bool level = line_apply_polarity(lines.interlock, (sim_levels() >> lines.map[lines.interlock].gpio & 1u) != 0);
    return lines.map[lines.interlock].kind == BOARD_LINE_KIND_PRESENCE ? !level : level;
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
    if (!line_in_mask(line, lines.ours) || may_always(line))
        return;
    if (away_from_rest(line) && !was_there_just_now())
        report_violation(pin, "not idle while the other end is absent");
    if (line != lines.supply && driven_high(line) && !other_end_has_power())
        report_violation(pin, "driven high into an end without power");
}

void line_monitor_check(void) {
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
    line_monitor_check();
    if (drives && (line == NO_LINE || !line_in_mask(line, lines.ours)))
        report_violation(pin, "driven, and no output of the map");
    /* All of them: what is high may have lost its power by this very edge. */
    for (uint8_t other = 0; other < lines.count; other++)
        judge(other);
}
