/* Presence, rails and rest: what guards the other end. All of it in the mount's context, or with interrupts locked. */
#ifndef GUARD_H
#define GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "board_protocol.h"
#include "port.h"

struct guard {
    uint64_t raw_since, present_since;
    uint64_t unsettled_since; /* the first edge since the guard's line was last steady */
    uint64_t on_since[BOARD_MOST_LINES];
    uint64_t heard_at;
    uint32_t presence_us, absence_us, watchdog_us;
    uint16_t wanted; /* rails that are ordered */
    uint64_t hushed_until; /* the guard's line is not looked at before */
    bool raw, present, configured, hushed, unsettled;
    uint8_t reason;
    uint32_t rests; /* also tells that there was one */
};

extern struct guard guard;

/* There is a new map: nobody is there yet, whatever the line says. */
void guard_start(const uint8_t *timing, uint64_t now);
/* The guard's line took a level. */
void guard_on_edge(bool level, uint64_t now);
/* There is no map any more that anybody watches. */
void guard_stop(uint8_t reason);
/* Do what is due; returns when the next is. */
uint64_t guard_service(uint64_t now);
/* Why a line may not be driven away from rest now, or 0; NO_LINE stands for bytes. */
uint8_t guard_refusal(uint8_t line);
/* Switch a rail on when its time has come, or off now. */
void guard_order_rail(uint8_t line, bool on, uint64_t now);
void guard_rest(uint8_t reason);

#endif
