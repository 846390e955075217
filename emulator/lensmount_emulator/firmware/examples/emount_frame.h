/* Frames of the E-mount, the same for lens and body: building and checking. Written from protocol/spec/emount.md,
 * sections 2 to 5. Its names differ from those of lmount_frame.h, since an adapter includes both. */
#ifndef EMOUNT_FRAME_H
#define EMOUNT_FRAME_H
#include "device_bytes.h"

enum { E_START = 0xF0, E_END = 0x55, E_HEAD = 5, E_AROUND = 8, E_MIN_FRAME = 9, E_LOOP = 1, E_REQUEST = 2 };
enum { E_NONE = -1, E_BAD_END = -2, E_BAD_SUM = -3 };

static uint32_t sum16(const uint8_t *data, uint32_t size)
{
    uint32_t sum = 0;
    while (size--)
        sum += *data++;
    return sum & 0xFFFF;
}

/* Write the frame of a payload; returns its size: E_AROUND more than the payload's. */
static uint32_t build_e_frame(uint8_t *frame, uint8_t class_, uint8_t number, const uint8_t *payload, uint32_t size)
{
    frame[0] = E_START;
    put16(frame + 1, size + E_AROUND);
    frame[3] = class_;
    frame[4] = number;
    memcpy(frame + E_HEAD, payload, size);
    put16(frame + E_HEAD + size, sum16(frame + 1, E_HEAD - 1 + size));
    frame[size + E_AROUND - 1] = E_END;
    return size + E_AROUND;
}

/* Size of the frame that begins here; 0 until all of it is there; E_NONE, E_BAD_END or E_BAD_SUM if it is none. */
static int32_t check_e_frame(const uint8_t *at, uint32_t have, uint32_t limit)
{
    uint32_t size = have < 3 ? E_MIN_FRAME : get(at + 1, 2);
    if (at[0] != E_START || size < E_MIN_FRAME || size > limit)
        return E_NONE;
    if (have < size)
        return 0;
    if (at[size - 1] != E_END)
        return E_BAD_END;
    return sum16(at + 1, size - 4) == get(at + size - 3, 2) ? (int32_t)size : E_BAD_SUM;
}

#endif
