/* COBS and CRC-16, byte by byte and within bounds. */
#include "frame.h"

#include "byte_order.h"

static const uint16_t nibbles[16] = {
    0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50a5, 0x60c6, 0x70e7,
    0x8108, 0x9129, 0xa14a, 0xb16b, 0xc18c, 0xd1ad, 0xe1ce, 0xf1ef,
};

uint16_t frame_checksum(const uint8_t *data, size_t count) {
    uint16_t sum = BOARD_CRC_INITIAL;
    for (size_t at = 0; at < count; at++) {
        sum = (uint16_t)(sum << 4) ^ nibbles[(sum >> 12) ^ (data[at] >> 4)];
        sum = (uint16_t)(sum << 4) ^ nibbles[(sum >> 12) ^ (data[at] & 15)];
    }
    return sum ^ BOARD_CRC_FINAL_XOR;
}

/* Undo COBS in place; returns the decoded size, or FRAME_BAD. */
static int unstuff(uint8_t *bytes, size_t count) {
    size_t at = 0, out = 0;
    while (at < count) {
        const size_t end = at + bytes[at];
        if (end > count)
            return FRAME_BAD;
        for (at++; at < end; at++)
            bytes[out++] = bytes[at];
        if (at < count)
            bytes[out++] = 0;
    }
    return (int)out;
}

int frame_add_byte(struct frame_reader *reader, uint8_t value) {
    if (value != 0) {
        if (reader->count < sizeof reader->bytes)
            reader->bytes[reader->count++] = value;
        else
            reader->too_long = 1;
        return FRAME_NONE;
    }
    const size_t count = reader->count;
    const uint8_t too_long = reader->too_long;
    reader->count = 0;
    reader->too_long = 0;
    if (count == 0)
        return FRAME_NONE;
    if (too_long)
        return FRAME_BAD;
    const int size = unstuff(reader->bytes, count);
    if (size < (int)(BOARD_HEAD_SIZE + BOARD_CRC_SIZE))
        return FRAME_BAD;
    const size_t message = (size_t)size - BOARD_CRC_SIZE;
    return frame_checksum(reader->bytes, message) == get16(reader->bytes + message) ? (int)message : FRAME_BAD;
}

size_t frame_build(uint8_t *wire, const uint8_t *message, size_t count) {
    uint8_t sum[BOARD_CRC_SIZE];
    put16(sum, frame_checksum(message, count));
    size_t run = 0, out = 1;
    for (size_t at = 0; at < count + sizeof sum; at++) {
        const uint8_t value = at < count ? message[at] : sum[at - count];
        if (value != 0) {
            wire[out++] = value;
        } else {
            wire[run] = (uint8_t)(out - run);
            run = out++;
        }
    }
    wire[run] = (uint8_t)(out - run);
    wire[out++] = 0;
    return out;
}
