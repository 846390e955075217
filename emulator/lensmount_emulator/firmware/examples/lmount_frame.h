/* Frames of the open model of an L-Mount link, the same for lens and body: constants, building and checking. Written from
 * protocol/spec/lmount.md, sections 3 to 6. */
#ifndef LMOUNT_FRAME_H
#define LMOUNT_FRAME_H
#include "device_bytes.h"

enum { START = 0xE0, HEAD = 5, TAIL = 2, MIN_FRAME = 10 };
enum { LINK = 1, CYCLE = 2, ORDER = 3, EVENT = 4 };
enum { SETUP_US = 12, HOLD_US = 5, GAP_US = 12, SWITCH_US = 1000 };
enum {
    BODY_HELLO = 0x01, RATE_ORDER = 0x03, SLEEP = 0x04, STREAM_ORDER = 0x05, IDENTITY_REQUEST = 0x08,
    ABILITIES_REQUEST = 0x09, POWER_GRANT = 0x10, CROP_NOTICE = 0x11, FOCUS_DRIVE = 0x20, APERTURE_DRIVE = 0x28,
    ANGULAR_RATE = 0x39, FRAME_START = 0x48,
    LENS_HELLO = 0x81, CHALLENGE_ANSWER = 0x82, REFUSAL = 0x84, DONE_ANSWER = 0x85, IDENTITY = 0x88, ABILITIES = 0x89,
    METADATA = 0x8B, POWER_REPORT = 0x90, BROWN_OUT = 0x91, FOCUS_STATE = 0xA0, DISTANCE_SCALE = 0xA3,
    BREATHING_TABLE = 0xA4, APERTURE_STATE = 0xA8, ZOOM_STATE = 0xB0, STABILISER_STATE = 0xB8, CORRECTION = 0xC0
};
enum { REVISION = 2, N_RATES = 3 };
enum { ACCEPTED = 0, DONE = 1, STOPPED = 2, REPLACED = 3 };
static const uint32_t RATES[N_RATES] = {115200, 750000, 1500000};

static uint16_t crc16(const uint8_t *data, uint32_t size)
{
    uint16_t crc = 0xFFFF;
    while (size--) {
        crc = (uint16_t)(crc ^ (uint16_t)(*data++ << 8));
        for (int bit = 0; bit < 8; bit++)
            crc = (uint16_t)(crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1);
    }
    return crc;
}

/* Write the frame of a payload; returns its size: HEAD and TAIL more than the payload's. */
static uint32_t build_frame(uint8_t *frame, uint8_t class_, uint8_t sequence, const uint8_t *payload, uint32_t size)
{
    frame[0] = START;
    put16(frame + 1, size);
    frame[3] = class_;
    frame[4] = sequence;
    memcpy(frame + HEAD, payload, size);
    put16(frame + HEAD + size, crc16(frame + 1, HEAD - 1 + size));
    return HEAD + size + TAIL;
}

/* Size of the frame that may begin here; 0 until all of it is there, -1 if none begins. Its content is not checked. */
static int32_t frame_size(const uint8_t *at, uint32_t have, uint32_t limit)
{
    uint32_t size = have < 3 ? MIN_FRAME : HEAD + get(at + 1, 2) + TAIL;
    if (at[0] != START || size < MIN_FRAME || size > limit)
        return -1;
    return have < size ? 0 : (int32_t)size;
}

static bool is_frame(const uint8_t *at, uint32_t size)
{
    return at[3] >= LINK && at[3] <= EVENT && crc16(at + 1, size - 3) == get(at + size - 2, 2);
}

#endif
