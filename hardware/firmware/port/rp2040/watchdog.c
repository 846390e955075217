/* The chip's watchdog, boot mode, which a command starts, or two resets within half a second. */
#include "chip.h"
#include "hal.h"

#define TIMEOUT_US 100000u
#define SECOND_RESET_WITHIN_US 500000u

/* Three words that chance does not put there, in memory that a reset keeps. */
static const uint32_t token[3] = {0x9d7e4b21u, 0x5ac3f08du, 0xe6179b54u};
static uint32_t kept[3] __attribute__((section(".kept")));
static bool remembering;

void watchdog_start(void) {
    /* A reset by the watchdog is one of everything but the oscillators. */
    REG(PSM_WDSEL) = PSM_ALL_BUT_OSCILLATORS;
    watchdog_feed();
    SET(WATCHDOG_CTRL) = WATCHDOG_ENABLE;
}

void watchdog_feed(void) {
    /* It counts two for each microsecond (erratum RP2040-E1). */
    REG(WATCHDOG_LOAD) = 2u * TIMEOUT_US;
}

void watchdog_reset_chip(void) {
    REG(PSM_WDSEL) = PSM_ALL_BUT_OSCILLATORS;
    SET(WATCHDOG_CTRL) = WATCHDOG_TRIGGER;
}

/* Datasheet 2.8.3: the boot ROM's table of functions, and the one that looks functions up in it. */
#define ROM_TABLE 0x14u
#define ROM_LOOKUP 0x18u
#define ROM_RESET_TO_USB_BOOT ('U' | 'B' << 8)

void hal_enter_boot_mode(void) {
    typedef void *(*lookup_function)(uint16_t *table, uint32_t code);
    typedef void (*boot_function)(uint32_t light_mask, uint32_t interfaces_off);
    uint16_t *const table = (uint16_t *)(uintptr_t)*(volatile uint16_t *)ROM_TABLE;
    const lookup_function lookup = (lookup_function)(uintptr_t)*(volatile uint16_t *)ROM_LOOKUP;
    const boot_function boot = (boot_function)lookup(table, ROM_RESET_TO_USB_BOOT);
    (void)lock();
    /* The watchdog would end the boot mode. */
    CLEAR(WATCHDOG_CTRL) = WATCHDOG_ENABLE;
    boot(0, 0);
}

void double_reset_start(void) {
    bool second = true;
    for (unsigned at = 0; at < 3; at++) {
        second = second && kept[at] == token[at];
        kept[at] = token[at];
    }
    /* A reset by the watchdog is no press of a button. */
    remembering = REG(WATCHDOG_REASON) == 0;
    if (!remembering || second)
        for (unsigned at = 0; at < 3; at++)
            kept[at] = 0;
    if (second && remembering)
        hal_enter_boot_mode();
}

void double_reset_watch(uint64_t now) {
    if (remembering && now > SECOND_RESET_WITHIN_US) {
        remembering = false;
        for (unsigned at = 0; at < 3; at++)
            kept[at] = 0;
    }
}
