/* The results of commands, as events for the main loop. */
#include "tx_events.h"

#include "board_protocol.h"
#include "byte_order.h"
#include "counters.h"
#include "event_ring.h"

#define LATE_TOLERANCE_US 2u

static uint32_t clipped(uint64_t value) {
    return value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

static void push(struct event event) {
    if (!event_ring_push(&event))
        count_loss(IN_MOUNT, BOARD_LOSS_KIND_REPORTS, 1);
}

void emit_late(uint16_t id, bool dropped, uint64_t by, uint64_t now) {
    counters.late_commands++;
    push((struct event){
        .at = (uint32_t)now, .kind = EVENT_LATE, .small = dropped, .id = id, .value = clipped(by)});
}

void emit_if_late(uint16_t id, uint64_t at, uint64_t now) {
    if (at && now > at + LATE_TOLERANCE_US)
        emit_late(id, false, now - at, now);
}

void emit_rejected(const uint8_t *command, uint8_t code, uint8_t line, uint64_t now) {
    push((struct event){.at = (uint32_t)now,
                        .kind = EVENT_REJECTED,
                        .small = code,
                        .id = get16(command + BOARD_HEAD_TYPE_OFFSET),
                        .value = line});
}

void emit_sent(const uint8_t *command, uint64_t begin, uint64_t end) {
    push((struct event){.at = (uint32_t)end,
                        .kind = EVENT_SENT,
                        .id = get16(command + BOARD_TRANSMIT_ID_OFFSET),
                        .value = (uint32_t)begin});
}

void emit_shifted(uint16_t id, uint32_t first, uint32_t last) {
    push((struct event){.at = last, .kind = EVENT_SENT, .id = id, .value = first});
}

void emit_rate(uint32_t byte_ns, uint64_t now) {
    push((struct event){.at = (uint32_t)now, .kind = EVENT_RATE, .value = byte_ns});
}
