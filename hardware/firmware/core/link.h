/* A clocked link: units that are loaded or clocked, bursts that end with a pause, levels of data lines between them. */
#ifndef LINK_H
#define LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "board_protocol.h"
#include "port.h"

struct link {
    struct port_link setup;
    uint32_t pause_us;  /* without a byte: the burst is over */
    uint32_t settle_us; /* after an edge of a data line: it belongs to no burst that begins */
    uint64_t free_at;   /* no burst of ours begins before */
    uint32_t edge_at[PORT_LINK_INPUTS];
    uint16_t id;        /* of the unit */
    uint8_t size;       /* of the unit; 0 where none is loaded */
    bool on, wanted;    /* there is one; the next map is for one */
    bool edge_waits[PORT_LINK_INPUTS];
    uint32_t clock_edge_at;
    bool clock_edge_waits;
    uint8_t unit[BOARD_LONGEST_DATA];
    /* The burst before the last, for replies that copy it. */
    uint8_t earlier[BOARD_LONGEST_REPLY_UNIT], earlier_size;
    /* Of the context that takes bytes, or with interrupts locked. */
    volatile uint32_t began_at, last_at;
    volatile uint8_t left; /* bytes of our burst that have not come back */
    volatile bool in_burst, ours;
    volatile uint8_t heard[BOARD_LONGEST_REPLY_UNIT], heard_size; /* of the first input, at most 255 */
};

extern struct link shift;

/* Main loop: LINK, and that it is forgotten. */
void link_want(const uint8_t *message);
void link_forget_wanted(void);
/* With interrupts locked: a map was adopted, with its pins set up; or is given up. */
void link_start(uint32_t bit_rate);
void link_stop(void);
/* The mount's context, or with interrupts locked, from here on. Do what is due; returns when the next is. */
uint64_t link_service(uint64_t now);
/* A data line, or the clock, has moved. */
void link_on_edge(uint8_t line, uint32_t at);
/* No order may be carried out before: a burst is on its way. */
uint64_t link_busy_until(void);
/* Load a unit for the next burst of the other end, or clock it. */
void link_take(const uint8_t *order, uint8_t size);
/* Cut what is being shifted and drop the unit: how many of ours were on their way. What waits for a clock is no loss. */
uint32_t link_cut(void);

#endif
