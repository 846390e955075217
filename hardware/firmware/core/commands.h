/* The host's messages by their types. Main loop only. */
#ifndef COMMANDS_H
#define COMMANDS_H

#include <stdint.h>

/* Do what a message says, or return the error code why not, with its detail. */
uint8_t command_dispatch(const uint8_t *message, unsigned size, uint64_t now, uint32_t *detail);

#endif
