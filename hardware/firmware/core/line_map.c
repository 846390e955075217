/* Pins as lines of the mount: levels, idle state, and no high level into an end without power. */
#include "line_map.h"

#include "byte_order.h"
#include "counters.h"
#include "event_ring.h"
#include "link.h"

struct line_map lines;

bool line_is_rail(uint8_t line) {
    const uint8_t kind = lines.map[line].kind;
    return line_in_mask(line, lines.ours) && (kind == BOARD_LINE_KIND_SUPPLY || kind == BOARD_LINE_KIND_RAIL);
}

struct line_pin line_pin_for(uint8_t line, bool level) {
    const bool pin_level = line_apply_polarity(line, level);
    return (struct line_pin){
        lines.map[line].gpio, pin_level, line_has_flag(line, BOARD_LINE_FLAG_OPEN_DRAIN) && pin_level};
}

void line_pin_put(struct line_pin pin) {
    if (pin.release)
        hal_pin_release(pin.gpio);
    else
        hal_pin_drive(pin.gpio, pin.level);
}

static void put_at_level(uint8_t line, bool level) {
    line_pin_put(line_pin_for(line, level));
}

/* After the pin, so that the time is as close to the edge as possible. */
static void emit_own_edge(uint8_t line, bool level) {
    const uint32_t before = hal_lock();
    const struct event event = {.at = (uint32_t)hal_now_us(), .kind = EVENT_EDGE, .small = level, .id = line};
    if (!event_ring_push(&event))
        count_loss(IN_MOUNT, BOARD_LOSS_KIND_EDGES, 1);
    hal_unlock(before);
}

/* Call with interrupts locked, or where nothing interrupts. */
static void set_level(uint8_t line, bool level, bool away) {
    const uint16_t bit = (uint16_t)(1u << line);
    lines.level = (uint16_t)(level ? lines.level | bit : lines.level & ~bit);
    lines.active = (uint16_t)(away ? lines.active | bit : lines.active & ~bit);
}

/* Record a level; returns whether it is an edge to report. */
static bool note(uint8_t line, bool level, bool away) {
    const uint32_t before = hal_lock();
    const bool moves = level != line_in_mask(line, lines.level);
    set_level(line, level, away);
    hal_unlock(before);
    return moves && lines.reports_own_edges;
}

void line_set_idle(uint8_t line) {
    const bool high = line_idles_high(line);
    const bool is_edge = note(line, high, false);
    /* Current through the contacts damages an end without power; grounding a contact back-powers nothing. */
    if (high && !lines.powered)
        hal_pin_release(lines.map[line].gpio);
    else
        put_at_level(line, high);
    if (is_edge)
        emit_own_edge(line, high);
}

void line_note_pulse(uint8_t line, bool level, uint32_t at) {
    /* Where the polarity of pulses has changed, one pulse begins without an edge. */
    if (lines.reports_own_edges && level != line_in_mask(line, lines.level) &&
        !event_ring_push_pulse_edge(line, level, at))
        count_loss(IN_SYNC, BOARD_LOSS_KIND_EDGES, 1);
    set_level(line, level, level != line_idles_high(line));
}

static void give_pin(uint8_t line) {
    const bool inverted = line_has_flag(line, BOARD_LINE_FLAG_INVERTED);
    if (shift.on)
        hal_pin_to_link(lines.map[line].gpio, true, inverted);
    else
        hal_pin_to_uart(lines.map[line].gpio, true, inverted);
}

void line_drive(uint8_t line, bool level) {
    const bool data = line_carries_bits(line);
    if (data ? !level : level == line_idles_high(line)) {
        line_set_idle(line);
        return;
    }
    const bool is_edge = note(line, level, true);
    if (data)
        give_pin(line);
    else
        put_at_level(line, level);
    if (is_edge)
        emit_own_edge(line, level);
}

void line_connect(uint8_t line) {
    (void)note(line, line_in_mask(line, lines.level), true);
    give_pin(line);
}

void line_note_level(uint8_t line, bool level) {
    if (note(line, level, true))
        emit_own_edge(line, level);
}

void line_map_set_powered(bool powered) {
    /* The frame signal runs only while there is power, so its line is not changed here between two of its edges. */
    if (powered == lines.powered)
        return;
    lines.powered = powered;
    for (uint8_t line = 0; line < lines.count; line++) {
        if (line_in_mask(line, lines.ours) && !line_in_mask(line, lines.active) && line_idles_high(line))
            line_set_idle(line);
    }
}

uint16_t line_map_levels(void) {
    const uint32_t pins = hal_pins();
    uint16_t levels = lines.level & lines.ours;
    for (uint8_t line = 0; line < lines.count; line++) {
        if (!line_in_mask(line, lines.ours) && line_apply_polarity(line, (pins >> lines.map[line].gpio & 1u) != 0))
            levels |= (uint16_t)(1u << line);
    }
    return levels;
}

void line_map_clear(void) {
    if (shift.on)
        link_stop();
    for (uint8_t line = 0; line < lines.count; line++) {
        hal_pin_edges(lines.map[line].gpio, false);
        hal_pin_input(lines.map[line].gpio, false, false);
    }
    for (unsigned uart = 0; uart < HAL_UARTS; uart++)
        hal_uart_listen(uart, false);
    lines.count = 0;
    lines.ours = lines.active = lines.level = lines.masked = 0;
    lines.powered = lines.reports_own_edges = false;
    lines.interlock = lines.supply = lines.attention = lines.sync = lines.data = lines.clock = NO_LINE;
    lines.inputs[0] = lines.inputs[1] = NO_LINE;
    for (unsigned pin = 0; pin < sizeof lines.of_gpio; pin++)
        lines.of_gpio[pin] = NO_LINE;
}

static void add_data_line(uint8_t number, bool ours, bool clocked) {
    const uint8_t gpio = lines.map[number].gpio;
    if (ours)
        lines.data = number;
    else if (clocked)
        lines.inputs[lines.inputs[0] != NO_LINE] = number;
    else
        lines.inputs[hal_uart_with_input(gpio)] = number;
    if (ours && !clocked)
        lines.data_uart = (uint8_t)hal_uart_with_output(gpio);
}

static void add_line(uint8_t number, const uint8_t *entry, bool clocked) {
    struct line *line = &lines.map[number];
    line->gpio = entry[BOARD_LINE_GPIO_OFFSET];
    line->kind = entry[BOARD_LINE_KIND_OFFSET];
    line->flags = entry[BOARD_LINE_FLAGS_OFFSET];
    line->delay_us = get32(entry + BOARD_LINE_DELAY_US_OFFSET);
    lines.of_gpio[line->gpio] = number;
    const bool ours = (line->flags & BOARD_LINE_FLAG_OUTPUT) != 0;
    if (ours)
        lines.ours |= (uint16_t)(1u << number);
    if (line->kind == BOARD_LINE_KIND_DATA) {
        add_data_line(number, ours, clocked);
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
        lines.interlock = number;
    }
}

static void set_up_pin(uint8_t number, bool clocked) {
    const struct line *line = &lines.map[number];
    hal_pin_input(line->gpio, line_has_flag(number, BOARD_LINE_FLAG_PULL_UP),
                  line_has_flag(number, BOARD_LINE_FLAG_PULL_DOWN));
    if (line_in_mask(number, lines.ours)) {
        line_set_idle(number);
    } else if (clocked && line_carries_bits(number)) {
        hal_pin_to_link(line->gpio, false, line_has_flag(number, BOARD_LINE_FLAG_INVERTED));
    } else if (line->kind == BOARD_LINE_KIND_DATA) {
        hal_pin_to_uart(line->gpio, false, line_has_flag(number, BOARD_LINE_FLAG_INVERTED));
        hal_uart_listen((unsigned)hal_uart_with_input(line->gpio), true);
    } else {
        hal_pin_edges(line->gpio, true);
    }
}

void line_map_adopt(const uint8_t *message, bool clocked) {
    line_map_clear();
    lines.role = message[BOARD_CONFIGURE_ROLE_OFFSET];
    lines.no_interlock = message[BOARD_CONFIGURE_FLAGS_OFFSET] & BOARD_CONFIGURE_FLAG_NO_INTERLOCK;
    lines.count = message[BOARD_CONFIGURE_LINES_OFFSET];
    const uint8_t *entry = message + BOARD_CONFIGURE_LINES_OFFSET + 1;
    for (uint8_t number = 0; number < lines.count; number++)
        add_line(number, entry + BOARD_LINE_SIZE * number, clocked);
    for (uint8_t number = 0; number < lines.count; number++)
        set_up_pin(number, clocked);
    /* STATE holds the idle levels at the start. */
    lines.reports_own_edges = (message[BOARD_CONFIGURE_FLAGS_OFFSET] & BOARD_CONFIGURE_FLAG_OWN_EDGES) != 0;
}
