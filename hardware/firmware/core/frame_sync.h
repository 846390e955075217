/* The frame signal. */
#ifndef FRAME_SYNC_H
#define FRAME_SYNC_H

#include <stdbool.h>
#include <stdint.h>

struct frame_sync_command {
    uint64_t at_us;
    uint32_t period_us, width_us;
    bool pulse_high;
};

/* With interrupts locked: start, or change the values from the next pulse on. */
void frame_sync_run(const struct frame_sync_command *command, uint64_t now);
/* Stop, and leave the line where it is; `sync_end` puts it at its level between pulses first. */
void frame_sync_stop(void);
void frame_sync_end(void);
bool frame_sync_is_on(void);

#endif
