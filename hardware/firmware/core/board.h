/* Functions of the core that a port calls. Three contexts: the main loop; the mount's, which never interrupts itself;
 * and the context of the UARTs and the frame signal, which may interrupt both.
 */
#ifndef BOARD_H
#define BOARD_H

#include <stdbool.h>
#include <stdint.h>

/* Main loop: call board_start once, and board_poll after every event; it returns the latest time of the next call. */
void board_start(void);
uint64_t board_poll(void);

/* The mount's context. */
void board_mount_service(void);
void board_on_pins(uint32_t rose, uint32_t fell, uint32_t levels, uint32_t at);

/* Above it. */
void board_sync_service(void);
void board_on_byte(unsigned uart, uint8_t value, uint32_t at);
void board_on_broken_byte(unsigned uart);
void board_on_overrun(unsigned uart);
/* A byte of a clocked link's data input is complete. */
void board_on_shifted(unsigned input, uint8_t value, uint32_t at);
/* The last byte has begun on the wire at this time. */
void board_on_loaded(unsigned uart, uint32_t at);

#endif
