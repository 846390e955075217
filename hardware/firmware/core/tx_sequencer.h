/* Executes the command queue, one command after the other, with the timing of our attention line. */
#ifndef TX_SEQUENCER_H
#define TX_SEQUENCER_H

#include <stdbool.h>
#include <stdint.h>

/* A new map and timing table. */
void tx_seq_start(const uint8_t *timing, uint32_t baudrate, uint64_t now);
/* Do what is due; returns the time of the next call. */
uint64_t tx_seq_poll(uint64_t now);
/* Drive an output to a level if the interlock permits it: an error code or 0. */
uint8_t tx_seq_drive(uint8_t line, bool level, uint64_t now);
/* Abort the transmission and drop the queue. */
void tx_seq_abort(void);

#endif
