/* A clocked link: units that are loaded or clocked, bursts that end with a pause, levels of data lines between them. */
#ifndef LINK_H
#define LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "board_protocol.h"
#include "hal.h"

struct link {
    struct hal_link setup;
    uint32_t pause_us;  /* without a byte: the burst is over */
    uint32_t settle_us; /* after an edge of a data line: it belongs to no burst that begins */
    uint64_t free_at;   /* no burst of ours begins before */
    uint32_t edge_at[HAL_LINK_INPUTS];
    uint16_t id;        /* of the unit */
    uint8_t size;       /* of the unit; 0 where none is loaded */
    bool on, wanted;    /* there is one; the next map is for one */
    bool edge_waits[HAL_LINK_INPUTS];
    uint32_t clock_edge_at;
    bool clock_edge_waits;
    uint8_t unit[BOARD_MAX_DATA];
    /* The burst before the last, for replies that copy it. */
    uint8_t earlier[BOARD_MAX_REPLY_UNIT], earlier_size;
    /* Of the context that takes bytes, or with interrupts locked. */
    volatile uint32_t began_at, last_at;
    volatile uint8_t left; /* bytes of our burst that are not yet shifted */
    volatile bool in_burst, ours;
    volatile uint8_t received[BOARD_MAX_REPLY_UNIT], received_size; /* of the first input, at most 255 */
};

extern struct link shift;

/* Main loop: request a clocked link for the next map, or cancel that. */
void link_request(const uint8_t *message);
void link_cancel_request(void);
/* With interrupts locked: start with an adopted map and its pins set up; or stop. */
void link_start(uint32_t bit_rate);
void link_stop(void);
/* From here on: the mount's context, or with interrupts locked. Do what is due; returns the time of the next call. */
uint64_t link_poll(uint64_t now);
/* An edge of a data line, or of the clock. */
void link_on_edge(uint8_t line, uint32_t at);
/* No command may start before this time, because a burst is under way. */
uint64_t link_busy_until(void);
/* Load a unit for the next burst of the other end, or clock it. */
void link_transmit(const uint8_t *command, uint8_t size);
/* Abort the burst and drop the unit; returns how many of our units were cut. One that waits for a clock is no loss. */
uint32_t link_abort(void);

#endif
