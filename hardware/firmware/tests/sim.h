/* A chip for tests on the host: time, pins, UARTs and USB under the control of a test. */
#ifndef SIM_H
#define SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sim_pin { SIM_INPUT, SIM_LOW, SIM_HIGH, SIM_UART_OUT, SIM_UART_IN };

struct sim_change {
    uint64_t at_us;
    uint8_t pin, state;
};

struct sim_byte {
    uint64_t begin_ns, end_ns;
    uint8_t uart, value, cut;
};

void sim_start(void);
void sim_run_until(uint64_t at_us);
uint64_t sim_now(void);
void sim_host_write(const uint8_t *data, size_t count);
size_t sim_host_read(uint8_t *data, size_t room);
void sim_host_reads(bool reads);
void sim_usb(bool up);
void sim_set_pin(unsigned pin, bool level);
/* The interrupt of an edge alone, without the main loop. */
void sim_edge(unsigned pin, bool level);
/* Both edges of a pulse that is over before the pin is sampled. */
void sim_glitch(unsigned pin);
void sim_feed(unsigned uart, uint8_t value, int kind);
/* The main loop polls no more often than this. */
void sim_slow(uint32_t us);
/* Reading the host takes the main loop so long; the next alarm of the frame signal comes so much late. */
void sim_reads_take(uint32_t us);
void sim_late_sync(uint32_t us);
/* The other end of a clocked link: it clocks a burst of whole bytes and some bits of one more, with a value for each of
 * our inputs; or it has loaded these bytes for our bursts. */
void sim_clock(const uint8_t *first, const uint8_t *second, size_t count, unsigned bits);
void sim_peer_loads(const uint8_t *data, size_t count);
/* What our data line of a clocked link does between bursts: -1 if it was not set. */
int sim_link_level(void);
uint32_t sim_bit_rate(void);
bool sim_boots(void);
unsigned sim_pin_state(unsigned pin);
unsigned sim_pin_pull(unsigned pin);
uint32_t sim_levels(void);
uint32_t sim_rate(void);
size_t sim_changes(const struct sim_change **changes);
size_t sim_bytes(const struct sim_byte **bytes);
void sim_busy_for(uint32_t looks);

/* Whether the core has locked interrupts out. */
bool sim_is_locked(void);
/* Time goes by, and nothing that is due is done. */
void sim_pass(uint32_t us);

#endif
