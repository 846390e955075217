/* The vector table, and the first C that runs. */
#include "chip.h"

extern uint32_t stack_top;
extern int main(void);
void start_from_ram(void);

/* Nothing sensible can be done after a fault, and pins that are held are worse than none: the watchdog's reset makes all
 * of them inputs. */
static void on_fault(void) {
    watchdog_reset_chip();
}

typedef void (*handler)(void);

__attribute__((section(".vectors"), used)) const handler vectors[16 + IRQ_COUNT] = {
    [0] = (handler)&stack_top,
    [1] = on_fault,
    [2] = on_fault,
    [3] = on_fault,
    [11] = on_fault,
    [14] = on_fault,
    [15] = on_fault,
    [16 + IRQ_TIMER_0] = on_sync_alarm,
    [16 + IRQ_TIMER_1] = on_mount_alarm,
    [16 + IRQ_TIMER_2] = on_wake_alarm,
    [16 + IRQ_USBCTRL] = on_usb,
    [16 + IRQ_PIO0] = on_pio,
    [16 + IRQ_IO_BANK0] = on_pins,
    [16 + IRQ_UART0] = on_uart0,
    [16 + IRQ_UART1] = on_uart1,
    [16 + IRQ_KICK] = on_kick,
};

void start_from_ram(void) {
    REG(SCB_VTOR) = (uint32_t)(uintptr_t)vectors;
    main();
}
