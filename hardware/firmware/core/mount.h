/* The queue of orders, carried out one behind the other, with the times of our attention line. */
#ifndef MOUNT_H
#define MOUNT_H

#include <stdbool.h>
#include <stdint.h>

/* A new map and timing table. */
void mount_start(const uint8_t *timing, uint32_t baudrate, uint64_t now);
/* Do what is due; returns when the next is. */
uint64_t mount_service(uint64_t now);
/* Put a line of ours at a level, if the guard lets us: an error code or 0. */
uint8_t mount_drive(uint8_t line, bool level, uint64_t now);
/* Cut what is being sent and drop the queue. */
void mount_cut(void);

#endif
