/* What the core asks of a chip. A port implements these and calls the functions of board.h.
 *
 * Times are microseconds since the start, 64 bits; where 32 bits are handed over they are the low ones.
 */
#ifndef PORT_H
#define PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PORT_PINS 30u
#define PORT_UARTS 2u
#define PORT_NEVER UINT64_MAX

uint64_t port_now_us(void);

/* Keep all interrupts out, until port_unlock() with what this returned. */
uint32_t port_lock(void);
void port_unlock(uint32_t before);

/* Have board_mount_service() called in its own context, soon. */
void port_kick(void);

/* Have board_mount_service() or board_sync_service() called at a time, at once when it has gone by; or never. */
void port_mount_alarm(uint64_t at_us);
void port_sync_alarm(uint64_t at_us);

/* The UART whose output or input a pin can be, or -1; and whether it may be used at all. */
int port_uart_with_output(unsigned pin);
int port_uart_with_input(unsigned pin);
bool port_pin_exists(unsigned pin);

/* An input; of the pulls at most one. */
void port_pin_input(unsigned pin, bool pull_up, bool pull_down);
/* Drive a level, or let go; the pulls stay as they are. */
void port_pin_drive(unsigned pin, bool level);
void port_pin_let_go(unsigned pin);
/* Give the pin to its UART. */
void port_pin_to_uart(unsigned pin, bool output, bool inverted);
/* The levels of all pins. */
uint32_t port_pins(void);
/* Tell edges of this pin to board_on_pins(), or do not. */
void port_pin_edges(unsigned pin, bool on);

/* The nearest rate that the UARTs can do, at least 1; and one that was asked for so. */
uint32_t port_nearest_rate(uint32_t baudrate);
void port_set_rate(uint32_t baudrate);
void port_uart_listen(unsigned uart, bool on);
/* Send bytes that stay where they are until board_on_loaded(); follows without a pause when called from there. */
void port_uart_send(unsigned uart, const uint8_t *data, size_t count);
void port_uart_stop(unsigned uart);
bool port_uart_busy(unsigned uart);

/* The host's bytes, as many as have come; room for ours, and ours, which must fit there. */
size_t port_usb_read(uint8_t *data, size_t room);
size_t port_usb_room(void);
void port_usb_write(const uint8_t *data, size_t count);
/* Whether a host has the port open, so far as a board can tell. */
bool port_usb_up(void);

const uint8_t *port_unique_id(void);
void port_enter_boot_mode(void);
extern const uint32_t port_lowest_rate, port_highest_rate;
/* At most 64 characters. */
extern const char port_revision[];

#endif
