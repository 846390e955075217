/* Queue of commands: the main loop adds, the mount's context removes. */
#ifndef COMMAND_QUEUE_H
#define COMMAND_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#define COMMAND_QUEUE_BYTES 16384u

/* Free space, in credit. */
uint32_t command_queue_room(void);
/* The credit limit of the host since HELLO. */
uint32_t command_queue_limit(void);
bool command_queue_is_empty(void);

/* Main loop: add a message for which there is space; or count a rejected one as spent and free. */
void command_queue_put(const uint8_t *message, uint8_t size);
void command_queue_spend(uint32_t cost);
void command_queue_reset(void);

/* The mount's context: the oldest command, the second, or NULL; and remove the oldest. */
const uint8_t *command_queue_first(uint8_t *size);
const uint8_t *command_queue_second(uint8_t *size);
void command_queue_pop(void);
/* Drop all; returns the numbers of transmissions and others. */
void command_queue_drop(uint32_t *transmissions, uint32_t *others);

#endif
