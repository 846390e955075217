/* Pins as lines of the mount: levels, rest, and nothing high into an end without power. */
#include "lines.h"

#include "bytes.h"
#include "counters.h"
#include "events.h"
#include "link.h"

struct lines lines;

bool line_is_rail(uint8_t line) {
    const uint8_t kind = lines.map[line].kind;
    return line_is(line, lines.ours) && (kind == BOARD_LINE_KIND_SUPPLY || kind == BOARD_LINE_KIND_RAIL);
}

struct line_pin line_pin_for(uint8_t line, bool level) {
    const bool pin_level = line_inverts(line, level);
    return (struct line_pin){
        lines.map[line].gpio, pin_level, line_has(line, BOARD_LINE_FLAG_OPEN_DRAIN) && pin_level};
}

void line_pin_put(struct line_pin pin) {
    if (pin.let_go)
        port_pin_let_go(pin.gpio);
    else
        port_pin_drive(pin.gpio, pin.level);
}

static void put_at_level(uint8_t line, bool level) {
    line_pin_put(line_pin_for(line, level));
}

/* Behind the pin, so that the time is as near to it as can be. */
static void tell_own_edge(uint8_t line, bool level) {
    const uint32_t before = port_lock();
    const struct event event = {.at = (uint32_t)port_now_us(), .kind = EVENT_EDGE, .small = level, .id = line};
    if (!events_push(&event))
        lose(IN_MOUNT, BOARD_SORT_EDGES, 1);
    port_unlock(before);
}

/* Where nothing interrupts. */
static void take_level(uint8_t line, bool level, bool away) {
    const uint16_t bit = (uint16_t)(1u << line);
    lines.level = (uint16_t)(level ? lines.level | bit : lines.level & ~bit);
    lines.away = (uint16_t)(away ? lines.away | bit : lines.away & ~bit);
}

/* Whether it is an edge that is to be told. */
static bool note(uint8_t line, bool level, bool away) {
    const uint32_t before = port_lock();
    const bool moves = level != line_is(line, lines.level);
    take_level(line, level, away);
    port_unlock(before);
    return moves && lines.tells_own;
}

void line_rest(uint8_t line) {
    const bool high = line_rests_high(line);
    const bool tells = note(line, high, false);
    /* An end without power takes harm from current through its contacts; grounding one feeds nothing. */
    if (high && !lines.powered)
        port_pin_let_go(lines.map[line].gpio);
    else
        put_at_level(line, high);
    if (tells)
        tell_own_edge(line, high);
}

void line_note_pulse(uint8_t line, bool level, uint32_t at) {
    /* Where the polarity of pulses was changed, one of them begins with no edge. */
    if (lines.tells_own && level != line_is(line, lines.level) && !events_push_pulse_edge(line, level, at))
        lose(IN_SYNC, BOARD_SORT_EDGES, 1);
    take_level(line, level, level != line_rests_high(line));
}

static void give_pin(uint8_t line) {
    const bool inverted = line_has(line, BOARD_LINE_FLAG_INVERTED);
    if (shift.on)
        port_pin_to_link(lines.map[line].gpio, true, inverted);
    else
        port_pin_to_uart(lines.map[line].gpio, true, inverted);
}

void line_drive(uint8_t line, bool level) {
    const bool data = line_carries_bits(line);
    if (data ? !level : level == line_rests_high(line)) {
        line_rest(line);
        return;
    }
    const bool tells = note(line, level, true);
    if (data)
        give_pin(line);
    else
        put_at_level(line, level);
    if (tells)
        tell_own_edge(line, level);
}

void line_connect(uint8_t line) {
    (void)note(line, line_is(line, lines.level), true);
    give_pin(line);
}

void line_note_level(uint8_t line, bool level) {
    if (note(line, level, true))
        tell_own_edge(line, level);
}

void lines_set_powered(bool powered) {
    /* The frame signal runs only while there is power: its line is not touched here between two of its edges. */
    if (powered == lines.powered)
        return;
    lines.powered = powered;
    for (uint8_t line = 0; line < lines.count; line++) {
        if (line_is(line, lines.ours) && !line_is(line, lines.away) && line_rests_high(line))
            line_rest(line);
    }
}

uint16_t lines_levels(void) {
    const uint32_t pins = port_pins();
    uint16_t levels = lines.level & lines.ours;
    for (uint8_t line = 0; line < lines.count; line++) {
        if (!line_is(line, lines.ours) && line_inverts(line, (pins >> lines.map[line].gpio & 1u) != 0))
            levels |= (uint16_t)(1u << line);
    }
    return levels;
}

void lines_forget(void) {
    if (shift.on)
        link_stop();
    for (uint8_t line = 0; line < lines.count; line++) {
        port_pin_edges(lines.map[line].gpio, false);
        port_pin_input(lines.map[line].gpio, false, false);
    }
    for (unsigned uart = 0; uart < PORT_UARTS; uart++)
        port_uart_listen(uart, false);
    lines.count = 0;
    lines.ours = lines.away = lines.level = lines.hushed = 0;
    lines.powered = lines.tells_own = false;
    lines.guard = lines.supply = lines.attention = lines.sync = lines.data = lines.clock = NO_LINE;
    lines.heard[0] = lines.heard[1] = NO_LINE;
    for (unsigned pin = 0; pin < sizeof lines.of_gpio; pin++)
        lines.of_gpio[pin] = NO_LINE;
}

static void take_data_line(uint8_t number, bool ours, bool clocked) {
    const uint8_t gpio = lines.map[number].gpio;
    if (ours)
        lines.data = number;
    else if (clocked)
        lines.heard[lines.heard[0] != NO_LINE] = number;
    else
        lines.heard[port_uart_with_input(gpio)] = number;
    if (ours && !clocked)
        lines.data_uart = (uint8_t)port_uart_with_output(gpio);
}

static void take_line(uint8_t number, const uint8_t *told, bool clocked) {
    struct line *line = &lines.map[number];
    line->gpio = told[BOARD_LINE_GPIO_OFFSET];
    line->kind = told[BOARD_LINE_KIND_OFFSET];
    line->flags = told[BOARD_LINE_FLAGS_OFFSET];
    line->delay_us = get32(told + BOARD_LINE_DELAY_US_OFFSET);
    lines.of_gpio[line->gpio] = number;
    const bool ours = (line->flags & BOARD_LINE_FLAG_OUTPUT) != 0;
    if (ours)
        lines.ours |= (uint16_t)(1u << number);
    if (line->kind == BOARD_LINE_KIND_DATA) {
        take_data_line(number, ours, clocked);
    } else if (line->kind == BOARD_LINE_KIND_CLOCK) {
        lines.clock = number;
    } else if (line->kind == BOARD_LINE_KIND_ATTENTION && ours) {
        lines.attention = number;
    } else if (line->kind == BOARD_LINE_KIND_SYNC && ours) {
        lines.sync = number;
    } else if (line->kind == BOARD_LINE_KIND_SUPPLY && ours) {
        lines.supply = number;
    } else if (!ours && ((line->kind == BOARD_LINE_KIND_PRESENCE && lines.role == BOARD_ROLE_BODY) ||
                         (line->kind == BOARD_LINE_KIND_SUPPLY && lines.role == BOARD_ROLE_LENS))) {
        lines.guard = number;
    }
}

static void set_up_pin(uint8_t number, bool clocked) {
    const struct line *line = &lines.map[number];
    port_pin_input(line->gpio, line_has(number, BOARD_LINE_FLAG_PULL_UP), line_has(number, BOARD_LINE_FLAG_PULL_DOWN));
    if (line_is(number, lines.ours)) {
        line_rest(number);
    } else if (clocked && line_carries_bits(number)) {
        port_pin_to_link(line->gpio, false, line_has(number, BOARD_LINE_FLAG_INVERTED));
    } else if (line->kind == BOARD_LINE_KIND_DATA) {
        port_pin_to_uart(line->gpio, false, line_has(number, BOARD_LINE_FLAG_INVERTED));
        port_uart_listen((unsigned)port_uart_with_input(line->gpio), true);
    } else {
        port_pin_edges(line->gpio, true);
    }
}

void lines_adopt(const uint8_t *message, bool clocked) {
    lines_forget();
    lines.role = message[BOARD_CONFIGURE_ROLE_OFFSET];
    lines.unguarded = message[BOARD_CONFIGURE_FLAGS_OFFSET] & BOARD_CONFIGURE_FLAG_UNGUARDED;
    lines.count = message[BOARD_CONFIGURE_LINES_OFFSET];
    const uint8_t *told = message + BOARD_CONFIGURE_LINES_OFFSET + 1;
    for (uint8_t number = 0; number < lines.count; number++)
        take_line(number, told + BOARD_LINE_SIZE * number, clocked);
    for (uint8_t number = 0; number < lines.count; number++)
        set_up_pin(number, clocked);
    /* The levels at rest, to begin with, are in STATE. */
    lines.tells_own = (message[BOARD_CONFIGURE_FLAGS_OFFSET] & BOARD_CONFIGURE_FLAG_OWN_EDGES) != 0;
}
