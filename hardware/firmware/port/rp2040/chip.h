/* What the files of this port share. */
#ifndef CHIP_H
#define CHIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "registers.h"

#define UNIQUE_ID_SIZE 8u

/* Set by every interrupt: the main loop has something to look at. */
extern volatile bool news;

void clocks_start(void);
void timer_start(void);
void pins_start(void);
void uarts_start(void);
void usb_start(void);
void flash_read_unique_id(void);
void interrupts_start(void);

/* When the main loop is to be woken. */
void timer_wake_at(uint64_t at_us);

void watchdog_start(void);
void watchdog_feed(void);
void watchdog_reset_chip(void);
/* Two resets within half a second enter boot mode; the first half second remembers the first. */
void double_reset_start(void);
void double_reset_watch(uint64_t now);

void on_sync_alarm(void);
void on_mount_alarm(void);
void on_wake_alarm(void);
void on_kick(void);
void on_usb(void);
void on_pins(void);
void on_pio(void);
void on_uart0(void);
void on_uart1(void);

static inline uint32_t lock(void) {
    uint32_t before;
    __asm__ volatile("mrs %0, primask\n\tcpsid i" : "=r"(before)::"memory");
    return before;
}

static inline void unlock(uint32_t before) {
    __asm__ volatile("msr primask, %0" ::"r"(before) : "memory");
}

#endif
