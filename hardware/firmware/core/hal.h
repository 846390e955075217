/* Hardware abstraction: functions that the core calls on a chip. A port implements them, and calls those of board.h.
 *
 * Times are microseconds since the start, 64 bits; 32-bit times are their low halves.
 */
#ifndef HAL_H
#define HAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HAL_PINS 30u
#define HAL_UARTS 2u
#define HAL_LINK_INPUTS 2u
#define HAL_NO_PIN 0xffu
#define HAL_NEVER UINT64_MAX

uint64_t hal_now_us(void);

/* Lock all interrupts, until hal_unlock() with the value that this returned. */
uint32_t hal_lock(void);
void hal_unlock(uint32_t before);

/* Schedule board_mount_service() in its own context, soon. */
void hal_kick(void);

/* Schedule board_mount_service() or board_sync_service() at a time, at once if it has passed; or never. */
void hal_mount_alarm(uint64_t at_us);
void hal_sync_alarm(uint64_t at_us);

/* The UART with an output or input on this pin, or -1; and whether the pin exists. */
int hal_uart_with_output(unsigned pin);
int hal_uart_with_input(unsigned pin);
bool hal_pin_exists(unsigned pin);

/* An input; of the pulls at most one. */
void hal_pin_input(unsigned pin, bool pull_up, bool pull_down);
/* Drive a level, or release the pin; the pulls stay as they are. */
void hal_pin_drive(unsigned pin, bool level);
void hal_pin_release(unsigned pin);
/* Connect the pin to its UART. */
void hal_pin_to_uart(unsigned pin, bool output, bool inverted);
/* The levels of all pins. */
uint32_t hal_pins(void);
/* Report edges of this pin to board_on_pins(), or do not. */
void hal_pin_edges(unsigned pin, bool on);

/* The nearest rate that the UARTs support, at least 1; and set a rate that it returned. */
uint32_t hal_nearest_rate(uint32_t baudrate);
void hal_set_rate(uint32_t baudrate);
void hal_uart_listen(unsigned uart, bool on);
/* Send bytes, which stay valid until board_on_loaded(); a call from there continues without a pause. */
void hal_uart_send(unsigned uart, const uint8_t *data, size_t count);
void hal_uart_stop(unsigned uart);
bool hal_uart_busy(unsigned uart);

/* A clocked link. Levels are those of the mount's lines: the port inverts a pin with `inverted`. */
struct hal_link {
    uint32_t bit_rate;
    uint8_t clock, output, inputs[HAL_LINK_INPUTS]; /* pins, or HAL_NO_PIN; with an output one input at most */
    uint8_t idle_byte;
    bool clocks; /* we drive the clock */
    bool idle_high, sampled_on_rise, msb_first;
};

uint32_t hal_nearest_bit_rate(uint32_t bit_rate);
/* Connect the pin to the link; an output has the level between bursts. */
void hal_pin_to_link(unsigned pin, bool output, bool inverted);
/* Start or stop passing the bytes of the inputs to board_on_shifted(). */
void hal_link_start(const struct hal_link *link);
void hal_link_stop(void);
/* Between bursts: send the unit, which stays valid, with the next burst of the other end, and idle bytes after it. */
void hal_link_load(const uint8_t *unit, size_t count);
/* Clock a burst of the unit, which stays valid. */
void hal_link_shift(const uint8_t *unit, size_t count);
/* Drop what is loaded, and begin with a whole byte next time; returns the bits that arrived after the last whole byte,
 * and in `partial` their bytes. */
unsigned hal_link_end(uint8_t partial[HAL_LINK_INPUTS]);
/* The level of our data line until the next burst. */
void hal_link_level(bool level);

/* Read the bytes of the host that have arrived; the space for ours; and write ours, which must fit. */
size_t hal_usb_read(uint8_t *data, size_t room);
size_t hal_usb_room(void);
void hal_usb_write(const uint8_t *data, size_t count);
/* Whether a host has the port open, as far as the board knows. */
bool hal_usb_up(void);

const uint8_t *hal_unique_id(void);
void hal_enter_boot_mode(void);
extern const uint32_t hal_lowest_rate, hal_highest_rate;
/* At most 64 characters. */
extern const char hal_revision[];

#endif
