/* Clocked links by PIO 0: machine 0 shifts both ways; machine 1 receives the second line of a sniffer. */
#include "board.h"
#include "chip.h"
#include "hal.h"

#define SYSTEM_HZ 125000000u
/* A bit of our clock takes four instructions, and the divisor has 8 fractional bits. */
#define DIVISOR_ONE 256u
#define BITS_TIMES_DIVISOR (SYSTEM_HZ / 4u * (uint64_t)DIVISOR_ONE)
/* The divisor's end, and what the interrupt of each byte leaves time for; hardware/firmware/README.md has the count. */
#define LOWEST_BIT_RATE 500u
#define HIGHEST_BIT_RATE 2000000u

enum { DUPLEX, SECOND, MACHINES };

#define ENABLED (1u << DUPLEX | 1u << SECOND)
#define FIRST_OF(machine) ((machine) * 8u)
/* Bytes that one call takes at most: both receive FIFOs, and what comes meanwhile. */
#define MOST_TAKEN 16u
#define BITS_IN_BYTE 8u

#define JMP 0x0000u
#define WAIT_GPIO(level, pin) (0x2000u | (level) << 7 | (pin))
#define IN_PIN 0x4001u
#define IN_NOTHING 0x4061u
#define OUT_PIN 0x6001u
#define OUT_X 0x6021u
#define MOV_PIN_X 0xa001u
#define SET_PIN 0xe000u
#define SET_DIRECTION 0xe080u
#define SIDE(level) ((level) << 12)
#define HELD 0x0100u /* one instruction longer */

static struct {
    struct hal_link link;
    const uint8_t *next;
    uint32_t left;
    uint32_t shift, pins; /* registers of machine 0 */
    uint32_t side;        /* the clock's idle level beside each instruction, where we drive it */
} state;

uint32_t hal_nearest_bit_rate(uint32_t bit_rate) {
    if (bit_rate < LOWEST_BIT_RATE)
        return LOWEST_BIT_RATE;
    if (bit_rate > HIGHEST_BIT_RATE)
        return HIGHEST_BIT_RATE;
    const uint32_t divisor = (uint32_t)((BITS_TIMES_DIVISOR + bit_rate / 2u) / bit_rate);
    return (uint32_t)((BITS_TIMES_DIVISOR + divisor / 2u) / divisor);
}

void hal_pin_to_link(unsigned pin, bool output, bool inverted) {
    /* The machines see every pin, whoever has it. */
    REG(IO_BANK0_CTRL(pin)) = output ? FUNCTION_PIO0 | (inverted ? OUTPUT_INVERTED : 0)
                                     : FUNCTION_SIO | (inverted ? INPUT_INVERTED : 0);
}

/* What is in front of the loop comes once: a clock that is not at its idle level has not begun a bit. */
static void write_program(unsigned machine, const uint32_t *program, unsigned count, unsigned front) {
    const uint32_t first = FIRST_OF(machine);
    for (unsigned at = 0; at < count; at++)
        REG(PIO0_INSTR_MEM(first + at)) = program[at];
    REG(PIO0_EXECCTRL(machine)) = (first + count - 1u) << PIO_WRAP_TOP | (first + front) << PIO_WRAP_BOTTOM;
}

static void write_listener(unsigned machine, const struct hal_link *link) {
    const uint32_t idle = link->idle_high, lead = 1u - idle, clock = link->clock;
    const bool trailing = link->sampled_on_rise == link->idle_high;
    const uint32_t program[] = {WAIT_GPIO(idle, clock), WAIT_GPIO(lead, clock),
                                trailing ? WAIT_GPIO(idle, clock) : IN_PIN,
                                trailing ? IN_PIN : WAIT_GPIO(idle, clock)};
    write_program(machine, program, 4, 1);
}

static void write_duplex(const struct hal_link *link) {
    const uint32_t idle = link->idle_high, lead = 1u - idle, clock = link->clock;
    const bool trailing = link->sampled_on_rise == link->idle_high;
    if (link->clocks && trailing) {
        const uint32_t program[] = {OUT_X | SIDE(idle), MOV_PIN_X | SIDE(lead) | HELD, IN_PIN | SIDE(idle)};
        write_program(DUPLEX, program, 3, 0);
    } else if (link->clocks) {
        const uint32_t program[] = {OUT_PIN | SIDE(idle) | HELD, IN_PIN | SIDE(lead) | HELD};
        write_program(DUPLEX, program, 2, 0);
    } else if (link->output == HAL_NO_PIN) {
        write_listener(DUPLEX, link);
    } else if (trailing) {
        const uint32_t program[] = {WAIT_GPIO(idle, clock), WAIT_GPIO(lead, clock), OUT_PIN, WAIT_GPIO(idle, clock),
                                    IN_PIN};
        write_program(DUPLEX, program, 5, 1);
    } else {
        const uint32_t program[] = {WAIT_GPIO(idle, clock), OUT_PIN, WAIT_GPIO(lead, clock), IN_PIN,
                                    WAIT_GPIO(idle, clock)};
        write_program(DUPLEX, program, 5, 1);
    }
}

/* Its output latch of one pin, before the pin is given to it. */
static void set_pin(unsigned pin, uint32_t level, uint32_t drives) {
    REG(PIO0_PINCTRL(DUPLEX)) = 1u << PIO_SET_COUNT | pin << PIO_SET_BASE;
    REG(PIO0_INSTR(DUPLEX)) = SET_PIN | level;
    REG(PIO0_INSTR(DUPLEX)) = SET_DIRECTION | drives;
}

static void clear_fifos(unsigned machine) {
    /* Any change of the way they are joined does. */
    REG(PIO0_SHIFTCTRL(machine)) = state.shift | PIO_JOIN_RX;
    REG(PIO0_SHIFTCTRL(machine)) = state.shift;
}

static void fill(void) {
    const bool idles = !state.link.clocks;
    const uint32_t shift = state.link.msb_first ? 24u : 0;
    while (!(REG(PIO0_FSTAT) & PIO_TX_FULL(DUPLEX)) && (state.left || idles)) {
        uint32_t value = state.link.idle_byte;
        if (state.left) {
            value = *state.next++;
            state.left--;
        }
        REG(PIO0_TXF(DUPLEX)) = value << shift;
    }
}

/* Begin with a whole byte, of what is in `next`. */
static void rewind_machines(void) {
    CLEAR(PIO0_CTRL) = ENABLED;
    for (unsigned machine = 0; machine < MACHINES; machine++)
        clear_fifos(machine);
    SET(PIO0_CTRL) = ENABLED << PIO_RESTART;
    REG(PIO0_INSTR(DUPLEX)) = JMP | FIRST_OF(DUPLEX) | state.side;
    REG(PIO0_INSTR(SECOND)) = JMP | FIRST_OF(SECOND);
    if (state.link.output != HAL_NO_PIN)
        fill();
    SET(PIO0_CTRL) = state.link.inputs[1] == HAL_NO_PIN ? 1u << DUPLEX : ENABLED;
}

static uint32_t base_of(uint8_t pin) {
    return pin == HAL_NO_PIN ? 0 : pin;
}

void hal_link_start(const struct hal_link *link) {
    state.link = *link;
    state.left = 0;
    state.shift = BITS_IN_BYTE << PIO_PULL_AT | BITS_IN_BYTE << PIO_PUSH_AT | PIO_AUTOPULL | PIO_AUTOPUSH |
                  (link->msb_first ? 0 : PIO_OUT_RIGHT | PIO_IN_RIGHT);
    state.side = link->clocks && link->idle_high ? SIDE(1u) : 0;
    CLEAR(PIO0_CTRL) = ENABLED;
    SET(PIO0_CTRL) = ENABLED << PIO_RESTART;
    if (link->clocks)
        set_pin(link->clock, link->idle_high, 1);
    if (link->output != HAL_NO_PIN)
        set_pin(link->output, 0, 1);
    write_duplex(link);
    write_listener(SECOND, link);
    const uint32_t divisor = (uint32_t)(BITS_TIMES_DIVISOR / link->bit_rate);
    REG(PIO0_CLKDIV(DUPLEX)) = (link->clocks ? divisor : DIVISOR_ONE) << 8;
    REG(PIO0_CLKDIV(SECOND)) = DIVISOR_ONE << 8;
    const uint32_t output = base_of(link->output);
    REG(PIO0_PINCTRL(DUPLEX)) = 1u << PIO_SET_COUNT | 1u << PIO_OUT_COUNT | output << PIO_SET_BASE | output |
                                base_of(link->inputs[0]) << PIO_IN_BASE |
                                (link->clocks ? 1u << PIO_SIDE_COUNT | (uint32_t)link->clock << PIO_SIDE_BASE : 0);
    REG(PIO0_PINCTRL(SECOND)) = base_of(link->inputs[1]) << PIO_IN_BASE;
    rewind_machines();
    REG(PIO0_INTE) = PIO_RX_NOT_EMPTY(DUPLEX) | PIO_RX_NOT_EMPTY(SECOND);
}

void hal_link_stop(void) {
    REG(PIO0_INTE) = 0;
    CLEAR(PIO0_CTRL) = ENABLED;
    if (state.link.clocks)
        set_pin(state.link.clock, 0, 0);
    if (state.link.output != HAL_NO_PIN)
        set_pin(state.link.output, 0, 0);
}

void hal_link_load(const uint8_t *unit, size_t count) {
    const uint32_t before = lock();
    state.next = unit;
    state.left = (uint32_t)count;
    rewind_machines();
    unlock(before);
}

void hal_link_shift(const uint8_t *unit, size_t count) {
    const uint32_t before = lock();
    state.next = unit;
    state.left = (uint32_t)count;
    fill();
    unlock(before);
}

void hal_link_level(bool level) {
    /* Where the clock's first edge samples, the line has the first bit of what is loaded. */
    if (state.link.sampled_on_rise != state.link.idle_high)
        return;
    REG(PIO0_INSTR(DUPLEX)) = SET_PIN | state.side | (level ? 1u : 0);
}

static uint8_t received(unsigned machine) {
    const uint32_t value = REG(PIO0_RXF(machine));
    return (uint8_t)(state.link.msb_first ? value : value >> 24);
}

static inline void take_bytes(uint32_t at) {
    for (unsigned count = 0; count < MOST_TAKEN; count++) {
        const uint32_t status = REG(PIO0_FSTAT);
        if (!(status & PIO_RX_EMPTY(DUPLEX))) {
            const uint8_t value = received(DUPLEX);
            if (state.link.output != HAL_NO_PIN)
                fill();
            board_on_shifted(0, value, at);
        } else if (!(status & PIO_RX_EMPTY(SECOND))) {
            board_on_shifted(1, received(SECOND), at);
        } else {
            return;
        }
    }
}

/* The bits that it has of a byte: so many fewer than eight zeros make it whole. */
static unsigned take_partial(unsigned machine, uint8_t *partial) {
    unsigned zeros = 0;
    while (zeros < BITS_IN_BYTE && REG(PIO0_FSTAT) & PIO_RX_EMPTY(machine)) {
        REG(PIO0_INSTR(machine)) = IN_NOTHING;
        zeros++;
        /* Time for the byte to be seen in the FIFO. */
        (void)REG(PIO0_CTRL);
    }
    *partial = received(machine);
    return BITS_IN_BYTE - zeros;
}

unsigned hal_link_end(uint8_t partial[HAL_LINK_INPUTS]) {
    const uint32_t before = lock();
    unsigned bits = 0;
    take_bytes(REG(TIMER_TIMERAWL));
    CLEAR(PIO0_CTRL) = ENABLED;
    if (!state.link.clocks) {
        bits = take_partial(DUPLEX, &partial[0]);
        if (state.link.inputs[1] != HAL_NO_PIN)
            (void)take_partial(SECOND, &partial[1]);
    }
    state.left = 0;
    rewind_machines();
    unlock(before);
    return bits;
}

void on_pio(void) {
    news = true;
    take_bytes(REG(TIMER_TIMERAWL));
}
