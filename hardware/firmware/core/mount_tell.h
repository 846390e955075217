/* What the mount's context tells of orders. */
#ifndef MOUNT_TELL_H
#define MOUNT_TELL_H

#include <stdbool.h>
#include <stdint.h>

void tell_late(uint16_t id, bool dropped, uint64_t by, uint64_t now);
/* Where an order has a time, and began more than 2 us behind it. */
void tell_if_late(uint16_t id, uint64_t at, uint64_t now);
void tell_refused(const uint8_t *order, uint8_t code, uint8_t line, uint64_t now);
/* A unit went out on a clocked link: when its first byte and its last were over. */
void tell_shifted(uint16_t id, uint32_t first, uint32_t last);
void tell_sent(const uint8_t *order, uint64_t begin, uint64_t end);
/* A byte takes so many nanoseconds from now on. */
void tell_rate(uint32_t byte_ns, uint64_t now);

#endif
