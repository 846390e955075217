/* The session with a host: handshake, frames, and reports of changed state. Main loop only. */
#ifndef SESSION_H
#define SESSION_H

#include <stdbool.h>
#include <stdint.h>

/* A message from the host. */
void session_on_frame(const uint8_t *message, unsigned size, uint64_t now);
void session_on_bad_frame(void);
/* USB was unplugged: enter the safe state, and require a HELLO. */
void session_unplugged(void);
/* Report STATE when its flags changed or after a safe state. */
void session_poll(uint64_t now);
bool session_is_open(void);

/* For commands: begin a session, report STATE now, enter the safe state and clear the map, end the session. */
uint8_t session_hello(const uint8_t *message, unsigned size, uint64_t now, uint32_t *detail);
void session_report_state(uint64_t now);
void session_clear_map(uint8_t reason);
void session_end(void);

#endif
