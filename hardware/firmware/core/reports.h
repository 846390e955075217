/* Reports that wait for the host's credit, oldest first. Main loop only. */
#ifndef REPORTS_H
#define REPORTS_H

#include <stdbool.h>
#include <stdint.h>

/* A host that stalls finds all that its full queue of orders brings about, even if each byte has a time of its own. */
#define REPORT_BYTES 65536u

/* What has not been told is lost. */
void reports_clear(void);
/* Everything that happened up to now becomes reports; `all` tells bytes that are still being gathered, too. */
void reports_collect(uint64_t now, bool all);
/* Put a message in; `count` of a sort are lost where there is no room. */
void reports_put(const uint8_t *message, uint8_t size, uint8_t sort, uint32_t count);
/* When gathered bytes are to be told at the latest. */
uint64_t reports_due(void);

/* The oldest report: its message with room for the head's sequence, and its size; 0 where there is none. */
uint8_t reports_first(uint8_t *message);
void reports_pop(void);
/* Bytes of them that wait. */
uint32_t reports_waiting(void);
/* How many were ever put in, and ever taken out: a place in their order. */
uint32_t reports_put_in(void);
uint32_t reports_taken_out(void);

#endif
