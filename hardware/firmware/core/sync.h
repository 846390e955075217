/* The frame signal. */
#ifndef SYNC_H
#define SYNC_H

#include <stdbool.h>
#include <stdint.h>

struct sync_order {
    uint64_t at_us;
    uint32_t period_us, width_us;
    bool pulse_high;
};

/* With interrupts locked: start, or go on with other values from the next pulse. */
void sync_run(const struct sync_order *order, uint64_t now);
/* Stop, and leave the line where it is; `sync_end` puts it at its level between pulses first. */
void sync_stop(void);
void sync_end(void);
bool sync_is_on(void);

#endif
