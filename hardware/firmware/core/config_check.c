/* Validates a CONFIGURE message before any pin changes. */
#include "byte_order.h"
#include "line_map.h"

struct check {
    uint32_t pins;
    uint8_t presence, supply, attention, sync, data, uarts, clock, inputs;
    bool guarded, clocked;
};

#define LINES_OFFSET (BOARD_CONFIGURE_LINES_OFFSET + 1u)
#define KNOWN_FLAGS                                                                                       \
    (BOARD_LINE_FLAG_OUTPUT | BOARD_LINE_FLAG_INVERTED | BOARD_LINE_FLAG_IDLE_HIGH | BOARD_LINE_FLAG_PULL_UP | \
     BOARD_LINE_FLAG_PULL_DOWN | BOARD_LINE_FLAG_OPEN_DRAIN)

static uint8_t check_direction(uint8_t role, uint8_t kind, uint8_t flags) {
    const bool output = (flags & BOARD_LINE_FLAG_OUTPUT) != 0;
    const bool body = role == BOARD_ROLE_BODY;
    const bool rail = kind == BOARD_LINE_KIND_SUPPLY || kind == BOARD_LINE_KIND_RAIL;
    if (role == BOARD_ROLE_SNIFFER)
        return output ? BOARD_ERROR_CODE_LISTENS_ONLY : 0;
    /* Rails are the body's, and presence is the lens's. */
    if ((rail && output != body) || (kind == BOARD_LINE_KIND_PRESENCE && output == body))
        return BOARD_ERROR_CODE_BAD_KIND;
    return 0;
}

static bool flags_contradict(uint8_t kind, uint8_t flags) {
    const uint8_t pulls = BOARD_LINE_FLAG_PULL_UP | BOARD_LINE_FLAG_PULL_DOWN;
    const bool output = (flags & BOARD_LINE_FLAG_OUTPUT) != 0;
    const bool open_drain = (flags & BOARD_LINE_FLAG_OPEN_DRAIN) != 0;
    const bool rests_low = kind == BOARD_LINE_KIND_SUPPLY || kind == BOARD_LINE_KIND_RAIL ||
                           kind == BOARD_LINE_KIND_ATTENTION || kind == BOARD_LINE_KIND_CLOCK;
    const bool bits = kind == BOARD_LINE_KIND_DATA || kind == BOARD_LINE_KIND_CLOCK;
    return (flags & pulls) == pulls || (open_drain && (!output || bits)) ||
           (output && rests_low && (flags & BOARD_LINE_FLAG_IDLE_HIGH));
}

static bool seen_before(uint8_t *seen) {
    return (*seen)++ != 0;
}

/* A clocked link uses any pin: one clock, one data output, and the other data lines are inputs. */
static uint8_t check_clocked_data(struct check *check, bool output) {
    if (output)
        return seen_before(&check->data) ? BOARD_ERROR_CODE_LINE_TWICE : 0;
    return check->inputs++ < HAL_LINK_INPUTS ? 0 : BOARD_ERROR_CODE_LINE_TWICE;
}

/* Check pins and data lines: what the chip supports, and what may exist only once. */
static uint8_t check_pin(struct check *check, uint8_t gpio, uint8_t kind, bool output) {
    if (!hal_pin_exists(gpio))
        return BOARD_ERROR_CODE_BAD_PIN;
    if (check->pins >> gpio & 1u)
        return BOARD_ERROR_CODE_LINE_TWICE;
    check->pins |= 1u << gpio;
    if (kind == BOARD_LINE_KIND_CLOCK)
        return seen_before(&check->clock) ? BOARD_ERROR_CODE_LINE_TWICE : 0;
    if (kind != BOARD_LINE_KIND_DATA)
        return 0;
    if (check->clocked)
        return check_clocked_data(check, output);
    const int uart = output ? hal_uart_with_output(gpio) : hal_uart_with_input(gpio);
    if (uart < 0)
        return BOARD_ERROR_CODE_BAD_PIN;
    if (output)
        return seen_before(&check->data) ? BOARD_ERROR_CODE_LINE_TWICE : 0;
    if ((unsigned)check->uarts >> uart & 1u)
        return BOARD_ERROR_CODE_LINE_TWICE;
    check->uarts |= (uint8_t)(1u << uart);
    return 0;
}

static uint8_t check_single(struct check *check, uint8_t role, uint8_t kind, bool output) {
    bool again = false;
    if (kind == BOARD_LINE_KIND_PRESENCE) {
        again = seen_before(&check->presence);
        check->guarded |= role == BOARD_ROLE_BODY;
    } else if (kind == BOARD_LINE_KIND_SUPPLY) {
        again = seen_before(&check->supply);
        check->guarded |= role == BOARD_ROLE_LENS;
    } else if (kind == BOARD_LINE_KIND_RAIL) {
        return output && !check->supply ? BOARD_ERROR_CODE_BAD_KIND : 0;
    } else if (kind == BOARD_LINE_KIND_ATTENTION && output) {
        again = seen_before(&check->attention);
    } else if (kind == BOARD_LINE_KIND_SYNC && output) {
        again = seen_before(&check->sync);
    }
    return again ? BOARD_ERROR_CODE_LINE_TWICE : 0;
}

static uint8_t check_line(struct check *check, uint8_t role, const uint8_t *entry) {
    const uint8_t gpio = entry[BOARD_LINE_GPIO_OFFSET], kind = entry[BOARD_LINE_KIND_OFFSET];
    const uint8_t flags = entry[BOARD_LINE_FLAGS_OFFSET];
    const bool output = (flags & BOARD_LINE_FLAG_OUTPUT) != 0;
    if (kind > (check->clocked ? BOARD_LINE_KIND_CLOCK : BOARD_LINE_KIND_DATA) || (flags & ~KNOWN_FLAGS) ||
        flags_contradict(kind, flags))
        return BOARD_ERROR_CODE_BAD_KIND;
    uint8_t code = check_direction(role, kind, flags);
    if (!code)
        code = check_pin(check, gpio, kind, output);
    return code ? code : check_single(check, role, kind, output);
}

static bool delay_allowed(const uint8_t *entry) {
    const uint8_t kind = entry[BOARD_LINE_KIND_OFFSET];
    const bool switched = (entry[BOARD_LINE_FLAGS_OFFSET] & BOARD_LINE_FLAG_OUTPUT) &&
                          (kind == BOARD_LINE_KIND_SUPPLY || kind == BOARD_LINE_KIND_RAIL);
    return switched || get32(entry + BOARD_LINE_DELAY_US_OFFSET) == 0;
}

/* Head, rate and timing table. */
static uint8_t check_front(const uint8_t *message, unsigned size, bool clocked, uint32_t *detail) {
    *detail = BOARD_CONFIGURE_LINES_OFFSET;
    if (size < LINES_OFFSET)
        return BOARD_ERROR_CODE_MALFORMED;
    const uint8_t count = message[BOARD_CONFIGURE_LINES_OFFSET];
    if (count > BOARD_MAX_LINES) {
        *detail = BOARD_MAX_LINES;
        return BOARD_ERROR_CODE_TOO_MANY_LINES;
    }
    if (size != LINES_OFFSET + BOARD_LINE_SIZE * count)
        return BOARD_ERROR_CODE_MALFORMED;
    *detail = BOARD_CONFIGURE_ROLE_OFFSET;
    if (message[BOARD_CONFIGURE_ROLE_OFFSET] > BOARD_ROLE_SNIFFER)
        return BOARD_ERROR_CODE_MALFORMED;
    *detail = BOARD_CONFIGURE_FLAGS_OFFSET;
    if (message[BOARD_CONFIGURE_FLAGS_OFFSET] & ~(BOARD_CONFIGURE_FLAG_NO_INTERLOCK | BOARD_CONFIGURE_FLAG_OWN_EDGES))
        return BOARD_ERROR_CODE_MALFORMED;
    const uint32_t rate = get32(message + BOARD_CONFIGURE_BAUDRATE_OFFSET);
    *detail = clocked ? hal_nearest_bit_rate(rate) : hal_nearest_rate(rate);
    if (!config_rate_is_near(rate, *detail))
        return BOARD_ERROR_CODE_BAD_BAUDRATE;
    *detail = BOARD_CONFIGURE_TIMING_OFFSET + BOARD_TIMING_ABSENCE_US_OFFSET;
    if (get16(message + *detail) > BOARD_MAX_ABSENCE_US)
        return BOARD_ERROR_CODE_BAD_TIMING;
    return 0;
}

bool config_rate_is_near(uint32_t wanted, uint32_t possible) {
    const uint32_t off = wanted > possible ? wanted - possible : possible - wanted;
    return wanted != 0 && off <= wanted / 100u;
}

uint8_t config_check(const uint8_t *message, unsigned size, bool clocked, uint32_t *detail) {
    uint8_t code = check_front(message, size, clocked, detail);
    if (code)
        return code;
    struct check check = {.clocked = clocked};
    const uint8_t role = message[BOARD_CONFIGURE_ROLE_OFFSET];
    const uint8_t count = message[BOARD_CONFIGURE_LINES_OFFSET];
    for (uint8_t number = 0; number < count; number++) {
        const uint8_t *entry = message + LINES_OFFSET + BOARD_LINE_SIZE * number;
        code = check_line(&check, role, entry);
        *detail = number;
        if (code)
            return code;
        *detail = (uint32_t)(entry - message) + BOARD_LINE_DELAY_US_OFFSET;
        if (!delay_allowed(entry))
            return BOARD_ERROR_CODE_BAD_TIMING;
    }
    *detail = BOARD_CONFIGURE_LINES_OFFSET;
    if (clocked && (!check.clock || check.data + check.inputs > HAL_LINK_INPUTS))
        return BOARD_ERROR_CODE_MALFORMED;
    *detail = 0;
    const bool meant = (message[BOARD_CONFIGURE_FLAGS_OFFSET] & BOARD_CONFIGURE_FLAG_NO_INTERLOCK) != 0;
    if (role != BOARD_ROLE_SNIFFER && !check.guarded && !meant)
        return BOARD_ERROR_CODE_NO_INTERLOCK;
    return 0;
}
