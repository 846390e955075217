/* Crystal, both PLLs and the clocks derived from them: 125 MHz for the processor, 48 MHz for USB and the UARTs. */
#include "chip.h"

/* A crystal or a PLL that does not come up within this many looks is broken; the watchdog would be of no use, for it
 * counts the same crystal. */
#define MAX_POLLS 1000000u

static void wait_for(uint32_t address, uint32_t mask, uint32_t value) {
    for (uint32_t poll = 0; poll < MAX_POLLS && (REG(address) & mask) != value; poll++) {
    }
}

static void start_pll(uint32_t pll, uint32_t feedback, uint32_t post1, uint32_t post2) {
    REG(pll + PLL_CS) = 1;
    REG(pll + PLL_FBDIV_INT) = feedback;
    REG(pll + PLL_PWR) = (1u << 3) | (1u << 2);
    wait_for(pll + PLL_CS, 1u << 31, 1u << 31);
    REG(pll + PLL_PRIM) = post1 << 16 | post2 << 12;
    REG(pll + PLL_PWR) = 1u << 2;
}

void clocks_start(void) {
    /* 1 ms for the crystal to settle, counted in 256 of its 12 MHz periods. */
    REG(XOSC_STARTUP) = 47;
    REG(XOSC_CTRL) = 0xfab000u | 0xaa0u;
    wait_for(XOSC_STATUS, 1u << 31, 1u << 31);

    REG(CLK_SYS_CTRL) = 0;
    wait_for(CLK_SYS_SELECTED, 0xfu, 1u);
    REG(CLK_REF_CTRL) = 2;
    wait_for(CLK_REF_SELECTED, 0xfu, 4u);

    const uint32_t plls = RESET_PLL_SYS | RESET_PLL_USB;
    SET(RESETS_RESET) = plls;
    CLEAR(RESETS_RESET) = plls;
    wait_for(RESETS_RESET_DONE, plls, plls);
    /* 12 MHz x 125 / 6 / 2 = 125 MHz; 12 MHz x 120 / 6 / 5 = 48 MHz. */
    start_pll(PLL_SYS, 125, 6, 2);
    start_pll(PLL_USB, 120, 6, 5);

    REG(CLK_SYS_CTRL) = 1;
    wait_for(CLK_SYS_SELECTED, 0xfu, 2u);
    REG(CLK_USB_DIV) = 1u << 8;
    REG(CLK_USB_CTRL) = CLOCK_ENABLE;
    /* From the USB PLL: 48 MHz / 16 is 3 Mbaud, so 1 500 000 is exactly half of it and 750 000 a quarter. */
    REG(CLK_PERI_CTRL) = CLOCK_ENABLE | 2u << 5;
    /* The timer counts microseconds: the crystal over 12. */
    REG(WATCHDOG_TICK) = TICK_ENABLE | 12u;

    const uint32_t blocks =
        RESET_IO_BANK0 | RESET_PADS_BANK0 | RESET_PIO0 | RESET_TIMER | RESET_UART0 | RESET_UART1 | RESET_USBCTRL;
    SET(RESETS_RESET) = blocks;
    CLEAR(RESETS_RESET) = blocks;
    wait_for(RESETS_RESET_DONE, blocks, blocks);
}
