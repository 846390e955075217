/* Bytes of bursts on their way to reports. Main loop only. */
#ifndef BURSTS_H
#define BURSTS_H

#include <stdbool.h>
#include <stdint.h>

#include "events.h"

void bursts_clear(void);
void bursts_take_byte(const struct received *byte, uint64_t at);
/* The burst is over: each of its lines is told. */
void bursts_end(const struct event *event, uint64_t at);

#endif
