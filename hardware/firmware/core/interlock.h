/* Interlock: presence, rails, watchdog and safe state protect the other end. Call it in the mount's context, or with
 * interrupts locked. */
#ifndef INTERLOCK_H
#define INTERLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "board_protocol.h"
#include "hal.h"

struct interlock {
    uint64_t raw_since, present_since;
    uint64_t bouncing_since; /* first edge since the interlock line was last steady */
    uint64_t on_since[BOARD_MAX_LINES];
    uint64_t last_frame_at;
    uint32_t presence_us, absence_us, watchdog_us;
    uint16_t requested_rails;
    uint64_t masked_until; /* the interlock line is not sampled before */
    bool raw, present, configured, masked, bouncing;
    uint8_t reason;
    uint32_t safe_states; /* how often it was entered */
};

extern struct interlock interlock;

/* Start with a new map: the other end is absent until the filter has passed. */
void interlock_start(const uint8_t *timing, uint64_t now);
/* The interlock line took a level. */
void interlock_on_edge(bool level, uint64_t now);
/* Enter the safe state, and supervise no map. */
void interlock_stop(uint8_t reason);
/* Do what is due; returns the time of the next call. */
uint64_t interlock_poll(uint64_t now);
/* The error code if a line may not leave its idle level now, or 0; NO_LINE stands for bytes. */
uint8_t interlock_check(uint8_t line);
/* Switch a rail on when its delay has passed, or off now. */
void interlock_switch_rail(uint8_t line, bool on, uint64_t now);
void interlock_enter_safe_state(uint8_t reason);

#endif
