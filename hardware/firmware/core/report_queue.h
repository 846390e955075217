/* Reports that wait for the host's credit, oldest first. Main loop only. */
#ifndef REPORT_QUEUE_H
#define REPORT_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

/* Holds all reports of a full command queue, even if each byte has a time of its own. */
#define REPORT_QUEUE_BYTES 65536u

/* Drop what was not sent, and count it as lost. */
void report_queue_clear(void);
/* Convert all events up to now to reports; `all` includes bytes that are still being gathered. */
void report_queue_collect(uint64_t now, bool all);
/* Add a message; if the queue is full, `count` of a kind are lost. */
void report_queue_put(const uint8_t *message, uint8_t size, uint8_t sort, uint32_t count);
/* The latest time to report gathered bytes. */
uint64_t report_queue_due(void);

/* The oldest report: its message, with space for the sequence, and its size; 0 if there is none. */
uint8_t report_queue_first(uint8_t *message);
void report_queue_pop(void);
/* Bytes in the queue. */
uint32_t report_queue_used(void);
/* How many were ever added and removed: positions in their sequence. */
uint32_t report_queue_put_count(void);
uint32_t report_queue_taken_count(void);

#endif
