/* The line map: what each pin is for, and what is driven. */
#ifndef LINES_H
#define LINES_H

#include <stdbool.h>
#include <stdint.h>

#include "board_protocol.h"
#include "port.h"

#define NO_LINE 0xffu

struct line {
    uint8_t gpio, kind, flags;
    uint32_t delay_us;
};

struct lines {
    struct line map[BOARD_MOST_LINES];
    uint8_t count, role, unguarded;
    uint8_t of_gpio[32];
    /* Of what there is one: its number, or NO_LINE. `guard` tells whether the other end is there. */
    uint8_t guard, supply, attention, sync, data, clock;
    uint8_t heard[PORT_UARTS]; /* by UART, or by input of a clocked link */
    uint8_t data_uart;
    /* A bit for each line: ours, ours and driven away from rest, and the level of ours. */
    uint16_t ours, away, level;
    /* Lines whose edges are not told for want of room, and the level last told of each. */
    volatile uint16_t hushed;
    uint16_t told;
    bool powered;
    bool tells_own; /* edges of ours are reported */
};

extern struct lines lines;

/* Why a CONFIGURE message is refused, or 0; `detail` is told with it. Touches nothing. */
uint8_t lines_check(const uint8_t *message, unsigned size, bool clocked, uint32_t *detail);
/* Whether a rate is as good as another: within 1 %. */
bool lines_rate_is_near(uint32_t wanted, uint32_t possible);
/* Make a message that was checked the map, with everything of ours at rest. */
void lines_adopt(const uint8_t *message, bool clocked);
/* Make all pins of the map inputs without pulls, and forget it. */
void lines_forget(void);

static inline bool line_is(uint8_t line, uint16_t mask) {
    return ((unsigned)mask >> line & 1u) != 0;
}

static inline bool line_has(uint8_t line, uint8_t flag) {
    return (lines.map[line].flags & flag) != 0;
}

/* A level of the mount's line from one of its pin, and the other way round. */
static inline bool line_inverts(uint8_t line, bool level) {
    return level != line_has(line, BOARD_LINE_FLAG_INVERTED);
}

static inline bool line_rests_high(uint8_t line) {
    return line_has(line, BOARD_LINE_FLAG_IDLE_HIGH);
}

bool line_is_rail(uint8_t line);
/* Whether high is that the UART or the clocked link has its pin. */
static inline bool line_carries_bits(uint8_t line) {
    return lines.map[line].kind == BOARD_LINE_KIND_DATA || lines.map[line].kind == BOARD_LINE_KIND_CLOCK;
}
void line_drive(uint8_t line, bool level);
/* Give the clocked link its pin, at the level that it has: no edge. */
void line_connect(uint8_t line);
/* The link, which has the pin, put it at a level. */
void line_note_level(uint8_t line, bool level);

/* What a level of a line is at its pin, for those who cannot wait for it to be worked out. */
struct line_pin {
    uint8_t gpio;
    bool level, let_go;
};
struct line_pin line_pin_for(uint8_t line, bool level);
void line_pin_put(struct line_pin pin);
/* The frame signal has put it at this level. */
void line_note_pulse(uint8_t line, bool level, uint32_t at);
void line_rest(uint8_t line);
/* The supply of the other end came or went: what rests high is driven only while it is there. */
void lines_set_powered(bool powered);
/* Bit n: level of line n. */
uint16_t lines_levels(void);

#endif
