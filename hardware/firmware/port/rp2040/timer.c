/* The microsecond timer: one alarm for the frame signal, one for the mount, one that wakes the main loop. */
#include "board.h"
#include "chip.h"
#include "hal.h"

enum { SYNC_ALARM, MOUNT_ALARM, WAKE_ALARM };

/* An alarm compares the low 32 bits only: what is further away is looked at again on the way. */
#define FURTHEST_US 0x40000000u

void timer_start(void) {
    REG(TIMER_INTE) = 1u << SYNC_ALARM | 1u << MOUNT_ALARM | 1u << WAKE_ALARM;
}

uint64_t hal_now_us(void) {
    uint32_t high = REG(TIMER_TIMERAWH);
    uint32_t low = REG(TIMER_TIMERAWL);
    const uint32_t again = REG(TIMER_TIMERAWH);
    /* The low half overflowed between the two reads: read it again; it cannot do so twice. */
    if (again != high) {
        high = again;
        low = REG(TIMER_TIMERAWL);
    }
    return (uint64_t)high << 32 | low;
}

static void arm(unsigned alarm, uint64_t at_us) {
    const uint32_t bit = 1u << alarm;
    const uint32_t before = lock();
    if (at_us == HAL_NEVER) {
        REG(TIMER_ARMED) = bit;
    } else {
        const uint64_t now = hal_now_us();
        const uint64_t furthest = now + FURTHEST_US;
        const uint64_t at = at_us < furthest ? at_us : furthest;
        REG(TIMER_ALARM(alarm)) = (uint32_t)at;
        /* What has gone by, or went by while it was written, would be met in 71 minutes. */
        if (hal_now_us() >= at) {
            REG(TIMER_ARMED) = bit;
            SET(TIMER_INTF) = bit;
        }
    }
    unlock(before);
}

static void acknowledge(unsigned alarm) {
    REG(TIMER_INTR) = 1u << alarm;
    CLEAR(TIMER_INTF) = 1u << alarm;
}

/* Its alarm comes early, and a busy wait covers the remaining time, so that an interrupt of a UART, which may be in progress, does not
 * move the edge. Longer than that takes, and shorter than a byte. */
#define SYNC_LEAD_US 2u
#define MOST_LOOKS 64u

static uint64_t sync_at;

void hal_sync_alarm(uint64_t at_us) {
    /* The alarm's own interrupt reads it, and two halves are two stores. */
    const uint32_t before = lock();
    sync_at = at_us;
    arm(SYNC_ALARM, at_us != HAL_NEVER && at_us > SYNC_LEAD_US ? at_us - SYNC_LEAD_US : at_us);
    unlock(before);
}

void hal_mount_alarm(uint64_t at_us) {
    arm(MOUNT_ALARM, at_us);
}

void timer_wake_at(uint64_t at_us) {
    arm(WAKE_ALARM, at_us);
}

void on_sync_alarm(void) {
    news = true;
    acknowledge(SYNC_ALARM);
    /* Of one that is far away, only part of the way may have passed. */
    if (sync_at > hal_now_us() + 2u * SYNC_LEAD_US) {
        hal_sync_alarm(sync_at);
        return;
    }
    for (unsigned look = 0; look < MOST_LOOKS && (int32_t)(REG(TIMER_TIMERAWL) - (uint32_t)sync_at) < 0; look++) {
    }
    board_sync_service();
}

void on_mount_alarm(void) {
    news = true;
    acknowledge(MOUNT_ALARM);
    board_mount_service();
}

void on_wake_alarm(void) {
    news = true;
    acknowledge(WAKE_ALARM);
}

void hal_kick(void) {
    REG(NVIC_ISPR) = 1u << IRQ_KICK;
}

void on_kick(void) {
    news = true;
    board_mount_service();
}
