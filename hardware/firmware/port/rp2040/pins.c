/* Pins: levels, directions, pulls, functions and edges. */
#include "board.h"
#include "chip.h"
#include "hal.h"

/* Both edges, of the four events that a pin has; eight pins a register. */
#define BOTH_EDGES 0xcu
#define EDGE_FALLS 0x4u
#define EDGE_RISES 0x8u

/* GP23 to GP25 and GP29 belong to the Pico's own supply, USB and light. */
static const uint32_t usable = 0x1c7fffffu;

void pins_start(void) {
    for (unsigned pin = 0; pin < HAL_PINS; pin++)
        if (usable >> pin & 1u)
            hal_pin_input(pin, false, false);
}

bool hal_pin_exists(unsigned pin) {
    return pin < HAL_PINS && (usable >> pin & 1u);
}

/* Datasheet 1.4.3: of each four pins the first two are TX and RX; the UART changes with every second four. */
static int uart_of(unsigned pin, unsigned place) {
    return pin % 4 == place ? (int)((pin + 4) / 8 % 2) : -1;
}

int hal_uart_with_output(unsigned pin) {
    return uart_of(pin, 0);
}

int hal_uart_with_input(unsigned pin) {
    return uart_of(pin, 1);
}

void hal_pin_input(unsigned pin, bool pull_up, bool pull_down) {
    REG(SIO_GPIO_OE_CLR) = 1u << pin;
    REG(PADS_BANK0(pin)) = PAD_INPUT_ENABLE | PAD_SCHMITT | PAD_DRIVE_4MA | (pull_up ? PAD_PULL_UP : 0) |
                           (pull_down ? PAD_PULL_DOWN : 0);
    REG(IO_BANK0_CTRL(pin)) = FUNCTION_SIO;
}

void hal_pin_drive(unsigned pin, bool level) {
    REG(level ? SIO_GPIO_OUT_SET : SIO_GPIO_OUT_CLR) = 1u << pin;
    REG(SIO_GPIO_OE_SET) = 1u << pin;
    REG(IO_BANK0_CTRL(pin)) = FUNCTION_SIO;
}

void hal_pin_release(unsigned pin) {
    REG(SIO_GPIO_OE_CLR) = 1u << pin;
    REG(IO_BANK0_CTRL(pin)) = FUNCTION_SIO;
}

void hal_pin_to_uart(unsigned pin, bool output, bool inverted) {
    const uint32_t inverts = output ? OUTPUT_INVERTED : INPUT_INVERTED;
    REG(IO_BANK0_CTRL(pin)) = FUNCTION_UART | (inverted ? inverts : 0);
}

uint32_t hal_pins(void) {
    return REG(SIO_GPIO_IN);
}

void hal_pin_edges(unsigned pin, bool on) {
    const uint32_t events = BOTH_EDGES << pin % 8 * 4;
    if (on) {
        REG(IO_BANK0_INTR(pin / 8)) = events;
        SET(IO_BANK0_INTE(pin / 8)) = events;
    } else {
        CLEAR(IO_BANK0_INTE(pin / 8)) = events;
    }
}

void on_pins(void) {
    news = true;
    const uint32_t at = REG(TIMER_TIMERAWL);
    uint32_t rose = 0, fell = 0;
    for (unsigned index = 0; index < 4; index++) {
        uint32_t events = REG(IO_BANK0_INTS(index));
        if (!events)
            continue;
        REG(IO_BANK0_INTR(index)) = events;
        for (unsigned pin = index * 8; events; pin++, events >>= 4) {
            rose |= (events & EDGE_RISES ? 1u : 0) << pin;
            fell |= (events & EDGE_FALLS ? 1u : 0) << pin;
        }
    }
    board_on_pins(rose, fell, hal_pins(), at);
}
