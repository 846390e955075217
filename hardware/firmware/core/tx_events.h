/* Events that the mount's context reports about commands. Apart from tx_sequencer, because link.c uses them too. */
#ifndef TX_EVENTS_H
#define TX_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

void emit_late(uint16_t id, bool dropped, uint64_t by, uint64_t now);
/* For a command with a time that began more than 2 us after it. */
void emit_if_late(uint16_t id, uint64_t at, uint64_t now);
void emit_rejected(const uint8_t *command, uint8_t code, uint8_t line, uint64_t now);
/* A unit was sent on a clocked link: the ends of its first and last byte. */
void emit_shifted(uint16_t id, uint32_t first, uint32_t last);
void emit_sent(const uint8_t *command, uint64_t begin, uint64_t end);
/* The duration of a byte from now on. */
void emit_rate(uint32_t byte_ns, uint64_t now);

#endif
