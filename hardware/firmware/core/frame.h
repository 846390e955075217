/* Frames: a message and its checksum, encoded by COBS, and a zero at the end. */
#ifndef FRAME_H
#define FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "board_protocol.h"

struct frame_reader {
    uint8_t bytes[BOARD_MAX_FRAME + 1];
    uint16_t count;
    uint8_t too_long;
};

enum { FRAME_NONE = 0, FRAME_BAD = -1 };

uint16_t frame_checksum(const uint8_t *data, size_t count);

/* Add a byte; returns the size of the message that it completes, which is at the start of `bytes`, FRAME_BAD
 * if it ends something that is no frame, else FRAME_NONE. */
int frame_add_byte(struct frame_reader *reader, uint8_t value);

/* Write a message of at most BOARD_MAX_FRAME - 2 bytes as a frame of at most BOARD_MAX_WIRE_SIZE; returns its
 * size. */
size_t frame_build(uint8_t *wire, const uint8_t *message, size_t count);

#endif
