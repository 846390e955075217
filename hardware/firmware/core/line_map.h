/* The line map: the function of each pin, and the levels that the board drives. */
#ifndef LINE_MAP_H
#define LINE_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "board_protocol.h"
#include "hal.h"

#define NO_LINE 0xffu

struct line {
    uint8_t gpio, kind, flags;
    uint32_t delay_us;
};

struct line_map {
    struct line map[BOARD_MAX_LINES];
    uint8_t count, role, no_interlock;
    uint8_t of_gpio[32];
    /* Lines that exist once: the number, or NO_LINE. `interlock` is the line that shows presence. */
    uint8_t interlock, supply, attention, sync, data, clock;
    uint8_t inputs[HAL_UARTS]; /* data inputs, by UART or by input of a clocked link */
    uint8_t data_uart;
    /* A bit for each line: our outputs, those not at their idle level, and the level of our outputs. */
    uint16_t ours, active, level;
    /* Lines with unreported edges because the ring was full, and the last reported level of each. */
    volatile uint16_t masked;
    uint16_t reported;
    bool powered;
    bool reports_own_edges;
};

extern struct line_map lines;

/* Return the error code of a CONFIGURE message with its `detail`, or 0. Changes nothing. */
uint8_t config_check(const uint8_t *message, unsigned size, bool clocked, uint32_t *detail);
/* Whether a rate is within 1 % of another. */
bool config_rate_is_near(uint32_t wanted, uint32_t possible);
/* Adopt the map of a checked message, with all outputs idle. */
void line_map_adopt(const uint8_t *message, bool clocked);
/* Make all pins of the map inputs without pulls, and clear it. */
void line_map_clear(void);

static inline bool line_in_mask(uint8_t line, uint16_t mask) {
    return ((unsigned)mask >> line & 1u) != 0;
}

static inline bool line_has_flag(uint8_t line, uint8_t flag) {
    return (lines.map[line].flags & flag) != 0;
}

/* Convert a level of the mount's line to one of its pin, or back. */
static inline bool line_apply_polarity(uint8_t line, bool level) {
    return level != line_has_flag(line, BOARD_LINE_FLAG_INVERTED);
}

static inline bool line_idles_high(uint8_t line) {
    return line_has_flag(line, BOARD_LINE_FLAG_IDLE_HIGH);
}

bool line_is_rail(uint8_t line);
/* Whether high means that the UART or the clocked link has the pin. */
static inline bool line_carries_bits(uint8_t line) {
    return lines.map[line].kind == BOARD_LINE_KIND_DATA || lines.map[line].kind == BOARD_LINE_KIND_CLOCK;
}
void line_drive(uint8_t line, bool level);
/* Connect the pin to the clocked link at its present level: no edge. */
void line_connect(uint8_t line);
/* Record a level that the link, which has the pin, set. */
void line_note_level(uint8_t line, bool level);

/* A level of a line as what its pin must do, computed ahead for callers in a hurry. */
struct line_pin {
    uint8_t gpio;
    bool level, release;
};
struct line_pin line_pin_for(uint8_t line, bool level);
void line_pin_put(struct line_pin pin);
/* Record a level that the frame signal set. */
void line_note_pulse(uint8_t line, bool level, uint32_t at);
void line_set_idle(uint8_t line);
/* Set whether the other end has power: outputs that idle high are driven only while it has. */
void line_map_set_powered(bool powered);
/* Bit n: level of line n. */
uint16_t line_map_levels(void);

#endif
