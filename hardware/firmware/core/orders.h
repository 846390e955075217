/* The queue of orders: the main loop puts in, the mount's context takes out. */
#ifndef ORDERS_H
#define ORDERS_H

#include <stdbool.h>
#include <stdint.h>

#define ORDER_BYTES 16384u

/* Room for an order, in credit. */
uint32_t orders_room(void);
/* The host's credit since the greeting. */
uint32_t orders_limit(void);
bool orders_empty(void);

/* Main loop: put a message in for which there is room; or count one as spent and free. */
void orders_put(const uint8_t *message, uint8_t size);
void orders_spend(uint32_t cost);
void orders_greet(void);

/* The mount's context: the oldest order, or the one behind it, or NULL; and that the oldest is over. */
const uint8_t *orders_first(uint8_t *size);
const uint8_t *orders_second(uint8_t *size);
void orders_pop(void);
/* Drop all: tells how many transmissions and others. */
void orders_drop(uint32_t *transmissions, uint32_t *others);

#endif
