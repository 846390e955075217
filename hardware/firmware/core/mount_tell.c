/* What became of orders, as events for the main loop. */
#include "mount_tell.h"

#include "board_protocol.h"
#include "bytes.h"
#include "counters.h"
#include "events.h"

#define LATE_BEYOND_US 2u

static uint32_t clipped(uint64_t value) {
    return value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

static void push(struct event event) {
    if (!events_push(&event))
        lose(IN_MOUNT, BOARD_SORT_REPORTS, 1);
}

void tell_late(uint16_t id, bool dropped, uint64_t by, uint64_t now) {
    counters.late_orders++;
    push((struct event){
        .at = (uint32_t)now, .kind = EVENT_LATE, .small = dropped, .id = id, .value = clipped(by)});
}

void tell_if_late(uint16_t id, uint64_t at, uint64_t now) {
    if (at && now > at + LATE_BEYOND_US)
        tell_late(id, false, now - at, now);
}

void tell_refused(const uint8_t *order, uint8_t code, uint8_t line, uint64_t now) {
    push((struct event){.at = (uint32_t)now,
                        .kind = EVENT_REFUSED,
                        .small = code,
                        .id = get16(order + BOARD_HEAD_TYPE_OFFSET),
                        .value = line});
}

void tell_sent(const uint8_t *order, uint64_t begin, uint64_t end) {
    push((struct event){.at = (uint32_t)end,
                        .kind = EVENT_SENT,
                        .id = get16(order + BOARD_TRANSMIT_ID_OFFSET),
                        .value = (uint32_t)begin});
}

void tell_shifted(uint16_t id, uint32_t first, uint32_t last) {
    push((struct event){.at = last, .kind = EVENT_SENT, .id = id, .value = first});
}

void tell_rate(uint32_t byte_ns, uint64_t now) {
    push((struct event){.at = (uint32_t)now, .kind = EVENT_RATE, .value = byte_ns});
}
