/* The host: its greeting, its orders, and what it is told when something changed. Main loop only. */
#ifndef SESSION_H
#define SESSION_H

#include <stdbool.h>
#include <stdint.h>

/* A whole frame from the host: its message. */
void session_take(const uint8_t *message, unsigned size, uint64_t now);
void session_take_bad_frame(void);
/* USB went away: rest, and a greeting is needed. */
void session_unplugged(void);
/* Tell STATE when its flags changed or everything went to rest. */
void session_watch(uint64_t now);
bool session_is_greeted(void);

/* For what the host's messages do: greet, tell STATE now, rest and forget the map, and wait for a greeting again. */
uint8_t session_hello(const uint8_t *message, unsigned size, uint64_t now, uint32_t *detail);
void session_tell_state(uint64_t now);
void session_forget(uint8_t reason);
void session_end(void);

#endif
