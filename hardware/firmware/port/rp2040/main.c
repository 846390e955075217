/* Start-up sequence, and the main loop. */
#include "board.h"
#include "chip.h"
#include "hal.h"

/* The UARTs, a clocked link and the frame signal interrupt everything; then the mount; then USB. */
enum { HIGHEST = 0x00, MIDDLE = 0x40, LOWEST = 0xc0 };

/* The longest sleep: the watchdog must be fed, and the absence of USB is polled. */
#define LOOK_EVERY_US 5000u

volatile bool news;

static void enable(unsigned irq, uint32_t priority) {
    REG(NVIC_IPR(irq / 4)) = (REG(NVIC_IPR(irq / 4)) & ~(0xffu << irq % 4 * 8)) | priority << irq % 4 * 8;
    REG(NVIC_ICPR) = 1u << irq;
    REG(NVIC_ISER) = 1u << irq;
}

void interrupts_start(void) {
    enable(IRQ_TIMER_0, HIGHEST);
    enable(IRQ_UART0, HIGHEST);
    enable(IRQ_UART1, HIGHEST);
    enable(IRQ_PIO0, HIGHEST);
    enable(IRQ_TIMER_1, MIDDLE);
    enable(IRQ_KICK, MIDDLE);
    enable(IRQ_IO_BANK0, MIDDLE);
    enable(IRQ_USBCTRL, LOWEST);
    enable(IRQ_TIMER_2, LOWEST);
}

uint32_t hal_lock(void) {
    return lock();
}

void hal_unlock(uint32_t before) {
    unlock(before);
}

int main(void) {
    clocks_start();
    double_reset_start();
    watchdog_start();
    flash_read_unique_id();
    pins_start();
    timer_start();
    uarts_start();
    board_start();
    usb_start();
    interrupts_start();
    unlock(0);
    for (;;) {
        news = false;
        watchdog_feed();
        const uint64_t next = board_poll();
        const uint64_t now = hal_now_us();
        double_reset_watch(now);
        timer_wake_at(next < now + LOOK_EVERY_US ? next : now + LOOK_EVERY_US);
        /* With interrupts locked none can come between the question and the sleep, and one that comes then ends it. */
        const uint32_t before = lock();
        if (!news)
            __asm__ volatile("wfi");
        unlock(before);
    }
}
