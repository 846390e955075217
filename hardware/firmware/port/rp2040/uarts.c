/* Both UARTs without their FIFOs, so that each byte has an interrupt of its own and with it its time. */
#include "board.h"
#include "chip.h"
#include "hal.h"

#define PERIPHERAL_HZ 48000000u
#define SAMPLES_PER_BIT 16u
/* The divisor has 6 fractional bits. */
#define DIVISOR_ONE 64u
#define LONGEST_DIVISOR (65535u * DIVISOR_ONE)

const uint32_t hal_lowest_rate = 300;
const uint32_t hal_highest_rate = PERIPHERAL_HZ / SAMPLES_PER_BIT;

static struct {
    const uint8_t *volatile next;
    volatile uint32_t left;
} sending[HAL_UARTS];

static uint32_t divisor_for(uint32_t baudrate) {
    const uint32_t highest = hal_highest_rate;
    if (baudrate >= highest)
        return DIVISOR_ONE;
    if (baudrate < hal_lowest_rate)
        baudrate = hal_lowest_rate;
    /* 3 000 000 * 64 fits. */
    return (highest * DIVISOR_ONE + baudrate / 2) / baudrate;
}

uint32_t hal_nearest_rate(uint32_t baudrate) {
    const uint32_t divisor = divisor_for(baudrate);
    return (hal_highest_rate * DIVISOR_ONE + divisor / 2) / divisor;
}

static void set_up(unsigned uart, uint32_t divisor) {
    const uint32_t base = UART_BASE(uart);
    const uint32_t control = REG(base + UART_CR);
    REG(base + UART_CR) = 0;
    REG(base + UART_IBRD) = divisor / DIVISOR_ONE;
    REG(base + UART_FBRD) = divisor % DIVISOR_ONE;
    /* Takes the divisor over; 8N1, FIFOs off. */
    REG(base + UART_LCR_H) = UART_LCR_H_8_BITS;
    REG(base + UART_CR) = control;
}

void uarts_start(void) {
    for (unsigned uart = 0; uart < HAL_UARTS; uart++) {
        const uint32_t base = UART_BASE(uart);
        REG(base + UART_CR) = 0;
        set_up(uart, divisor_for(115200));
        REG(base + UART_ICR) = 0x7ff;
        REG(base + UART_IMSC) = UART_INT_RX | UART_INT_TX;
        REG(base + UART_CR) = UART_CR_ENABLE | UART_CR_TX_ENABLE;
    }
}

void hal_set_rate(uint32_t baudrate) {
    const uint32_t divisor = divisor_for(baudrate);
    for (unsigned uart = 0; uart < HAL_UARTS; uart++)
        set_up(uart, divisor);
}

void hal_uart_listen(unsigned uart, bool on) {
    const uint32_t control = UART_BASE(uart) + UART_CR;
    if (on)
        SET(control) = UART_CR_RX_ENABLE;
    else
        CLEAR(control) = UART_CR_RX_ENABLE;
}

static inline void load(unsigned uart) {
    REG(UART_BASE(uart) + UART_DR) = *sending[uart].next;
    sending[uart].next = sending[uart].next + 1;
}

void hal_uart_send(unsigned uart, const uint8_t *data, size_t count) {
    const uint32_t before = lock();
    sending[uart].next = data;
    sending[uart].left = (uint32_t)count;
    /* The holding register is free; whether it empties at once or after a byte on the wire, it interrupts. */
    REG(UART_BASE(uart) + UART_ICR) = UART_INT_TX;
    load(uart);
    unlock(before);
}

void hal_uart_stop(unsigned uart) {
    const uint32_t control = UART_BASE(uart) + UART_CR;
    const uint32_t before = lock();
    sending[uart].left = 0;
    /* Off and on again forgets what is in its registers. */
    const uint32_t was = REG(control);
    REG(control) = 0;
    REG(UART_BASE(uart) + UART_ICR) = UART_INT_TX;
    REG(control) = was;
    unlock(before);
}

bool hal_uart_busy(unsigned uart) {
    return (REG(UART_BASE(uart) + UART_FR) & UART_FR_BUSY) != 0;
}

static inline __attribute__((always_inline)) void on_uart(unsigned uart) {
    const uint32_t base = UART_BASE(uart);
    const uint32_t at = REG(TIMER_TIMERAWL);
    const uint32_t why = REG(base + UART_MIS);
    if (why & UART_INT_RX) {
        const uint32_t data = REG(base + UART_DR);
        if (data & UART_DR_OVERRUN)
            board_on_overrun(uart);
        if (data & (UART_DR_FRAMING | UART_DR_PARITY | UART_DR_BREAK))
            board_on_broken_byte(uart);
        else
            board_on_byte(uart, (uint8_t)data, at);
    }
    if (why & UART_INT_TX) {
        /* The byte in the holding register has gone on its way. */
        REG(base + UART_ICR) = UART_INT_TX;
        const uint32_t left = sending[uart].left;
        if (left > 1)
            load(uart);
        if (left) {
            sending[uart].left = left - 1;
            if (left == 1)
                board_on_loaded(uart, at);
        }
    }
}

void on_uart0(void) {
    news = true;
    on_uart(0);
}

void on_uart1(void) {
    news = true;
    on_uart(1);
}
