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
#define PORT_LINK_INPUTS 2u
#define PORT_NO_PIN 0xffu
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

/* A clocked link. Levels are those of the mount's lines: the port inverts where a pin's `inverted` says so. */
struct port_link {
    uint32_t bit_rate;
    uint8_t clock, output, inputs[PORT_LINK_INPUTS]; /* pins, or PORT_NO_PIN; with an output one input at most */
    uint8_t idle_byte;
    bool clocks; /* we drive the clock */
    bool idle_high, sampled_on_rise, msb_first;
};

uint32_t port_nearest_bit_rate(uint32_t bit_rate);
/* Give the pin to the link; what is driven has the level between bursts. */
void port_pin_to_link(unsigned pin, bool output, bool inverted);
/* Take the bytes of the inputs to board_on_shifted(); or no more. */
void port_link_start(const struct port_link *link);
void port_link_stop(void);
/* Between bursts: the unit, which stays where it is, goes out with the other end's next burst, idle bytes after it. */
void port_link_load(const uint8_t *unit, size_t count);
/* Clock a burst of the unit, which stays where it is. */
void port_link_shift(const uint8_t *unit, size_t count);
/* Forget what is loaded, and begin with a whole byte next time; returns the bits that came after the last whole byte,
 * with `partial` the bytes that they are of. */
unsigned port_link_end(uint8_t partial[PORT_LINK_INPUTS]);
/* The level of our data line until the next burst. */
void port_link_level(bool level);

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
