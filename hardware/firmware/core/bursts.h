/* Collects the bytes of bursts for reports. Main loop only. */
#ifndef BURSTS_H
#define BURSTS_H

#include <stdbool.h>
#include <stdint.h>

#include "event_ring.h"

void bursts_clear(void);
void bursts_add_byte(const struct received *byte, uint64_t at);
/* The burst is over: report each of its lines. */
void bursts_end(const struct event *event, uint64_t at);

#endif
