/* Messages to the host. Those that spend no credit, replies and state, are queued here, one of each kind; and
 * everything is sent from here. Main loop only.
 */
#ifndef HOST_TX_H
#define HOST_TX_H

#include <stdbool.h>
#include <stdint.h>

/* A session begins: nothing is queued, the credit for reports counts from 0. A resumed session reports its losses. */
void host_tx_start_session(uint32_t limit, bool resumed);
void host_tx_credit(uint32_t limit);

void host_tx_error(uint8_t code, uint8_t type, uint8_t sequence, uint32_t detail);
void host_tx_time(uint32_t token, uint64_t now);
void host_tx_hello_reply(uint32_t session);
void host_tx_counters(void);
/* The present state, sent after the reports of earlier events. */
void host_tx_state(uint8_t flags, uint64_t now);
/* Queue ROOM when enough has become free. */
void host_tx_room(void);

/* Write as much to USB as it has space for; returns the time of the next call. */
uint64_t host_tx_poll(uint64_t now, bool has_session);

#endif
