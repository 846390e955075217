/* What a host sends to the simulated board. The lines are those of a body; a lens on a clocked link has SUPPLY_PIN,
 * CLOCK_PIN, DATA_PIN and pin 9.
 */
#ifndef HOST_COMMANDS_H
#define HOST_COMMANDS_H

#include <stdbool.h>
#include <stdint.h>

enum { PRESENCE, SUPPLY, RAIL, ATTENTION, DATA, INPUT, SYNC, PLAIN };
enum { PRESENCE_PIN = 2, SUPPLY_PIN = 3, RAIL_PIN = 6, ATTENTION_PIN = 7, DATA_PIN = 8, SYNC_PIN = 10, PLAIN_PIN = 12 };
enum { CLOCK_PIN = 14 };

/* Bytes of a unit of the clocked link. */
#define UNIT 4u
/* The width of a pulse of the frame signal. */
#define WIDTH_US 60u

void host_hello(uint32_t session);
void host_configure_lens(void);
void host_unit(uint8_t id);
void host_configure_body(void);
void host_drive(uint8_t line, uint8_t level, uint8_t flags);
void host_window(uint8_t id, unsigned count, uint64_t at_us);
void host_rate(uint32_t baudrate, uint64_t at_us);
void host_sync(uint32_t period_us, bool on);
void host_safe_state(void);
void host_reply(uint8_t value);

#endif
