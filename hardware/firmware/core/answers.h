/* What spends no credit: answers and what the board says by itself, one waiting of each kind; and the way out for
 * everything. Main loop only.
 */
#ifndef ANSWERS_H
#define ANSWERS_H

#include <stdbool.h>
#include <stdint.h>

/* A greeting: nothing waits, and the host's room for reports counts from 0. One that goes on is told what was lost. */
void answers_greet(uint32_t limit, bool goes_on);
void answers_credit(uint32_t limit);

void answers_refuse(uint8_t code, uint8_t type, uint8_t sequence, uint32_t detail);
void answers_clock(uint32_t token, uint64_t now);
void answers_welcome(uint32_t session);
void answers_counters(void);
/* Things as they are now, told behind the reports of what was before. */
void answers_state(uint8_t flags, uint64_t now);
/* Tell ROOM when it is time to. */
void answers_room(void);

/* Hand as much to USB as it has room for; returns when there is more to do by itself. */
uint64_t answers_send(uint64_t now, bool greeted);

#endif
