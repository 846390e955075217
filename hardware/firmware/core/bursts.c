/* Gathers the bytes of a burst for each data line until its end, and reports them in one part or several. */
#include "bursts.h"

#include "board_protocol.h"
#include "byte_order.h"
#include "counters.h"
#include "line_map.h"
#include "report_queue.h"

#define BITS_IN_BYTE 8u

static struct burst {
    uint64_t began; /* the first byte of this part, whole */
    uint64_t last;
    uint8_t count;
    uint8_t data[BOARD_MAX_BURST_PART];
} bursts[HAL_LINK_INPUTS];

void bursts_clear(void) {
    for (unsigned input = 0; input < HAL_LINK_INPUTS; input++)
        bursts[input].count = 0;
}

static void emit_part(unsigned input, uint8_t flags, uint8_t bits) {
    struct burst *burst = &bursts[input];
    uint8_t message[BOARD_MAX_FRAME];
    const uint64_t took = burst->last - burst->began;
    message[BOARD_HEAD_TYPE_OFFSET] = BOARD_TYPE_BURST;
    put64(message + BOARD_BURST_AT_US_OFFSET, burst->began);
    put16(message + BOARD_BURST_TOOK_US_OFFSET, took < UINT16_MAX ? (uint32_t)took : UINT16_MAX);
    message[BOARD_BURST_LINE_OFFSET] = lines.inputs[input];
    message[BOARD_BURST_FLAGS_OFFSET] = flags;
    message[BOARD_BURST_BITS_OFFSET] = bits;
    message[BOARD_BURST_COUNT_OFFSET] = burst->count;
    uint8_t size = BOARD_BURST_DATA_OFFSET;
    for (uint8_t at = 0; at < burst->count; at++)
        message[size++] = burst->data[at];
    report_queue_put(message, size, BOARD_LOSS_KIND_RECEIVED, burst->count);
    burst->count = 0;
}

static void add(unsigned input, uint8_t value, uint64_t at) {
    struct burst *burst = &bursts[input];
    if (burst->count == BOARD_MAX_BURST_PART)
        emit_part(input, 0, 0);
    if (burst->count == 0)
        burst->began = at;
    burst->last = at;
    burst->data[burst->count++] = value;
}

void bursts_add_byte(const struct received *byte, uint64_t at) {
    if (lines.inputs[byte->uart] == NO_LINE)
        return;
    counters.bytes_received++;
    add(byte->uart, byte->value, at);
}

void bursts_end(const struct event *event, uint64_t at) {
    const uint8_t bits = (uint8_t)(event->small % BITS_IN_BYTE);
    const uint8_t flags = (uint8_t)(event->small / BITS_IN_BYTE);
    for (unsigned input = 0; input < HAL_LINK_INPUTS; input++) {
        const uint8_t count = bursts[input].count;
        if ((count == 0 && !bits) || lines.inputs[input] == NO_LINE)
            continue;
        if (bits)
            add(input, (uint8_t)(event->value >> BITS_IN_BYTE * input), count ? bursts[input].last : at);
        emit_part(input, flags, bits);
    }
}
