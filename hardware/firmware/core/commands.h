/* Dispatch of the messages of the host. Main loop only. */
#ifndef COMMANDS_H
#define COMMANDS_H

#include <stdint.h>

/* Execute a message, or return the error code with its detail. */
uint8_t command_dispatch(const uint8_t *message, unsigned size, uint64_t now, uint32_t *detail);

#endif
