/* The link of a lens for the E-mount: its state, its lines, and sending. Written from protocol/spec/emount.md; section
 * numbers are those of that page. The first of two headers that a device includes in this order: emount_lens_link.h,
 * emount_lens_stream.h. They are one translation unit with it. */
#ifndef EMOUNT_LENS_LINK_H
#define EMOUNT_LENS_LINK_H
#include "lensmount_firmware.h"
#include "lensmount_lines_emount.h"
#include "emount_frame.h"

/* ---- the link, sections 2 to 5 ---- */

enum { PADDING = 15, MAX_FRAME = 255 };
enum { SLOW = 750000, FAST = 1500000 };
enum { SETUP_US = 31, SLOW_HOLD_US = 27, FAST_HOLD_US = 57, GAP_US = 20, SILENCE_US = 200000 };
enum { BOOT_US = 68310, SERIAL_US = 23108, LINKED_US = 2720, SWITCH_LIMIT_US = 10000, SWITCH_RISES_US = 24,
       SWITCH_FALLS_US = 33 };
enum { FIRST_PAIR_US = 2437, STATUS_US = 3286, FOCUS_US = 617, PAIR_US = 4000 };
enum { BAD_END = 1, BAD_SUM = 3, UNKNOWN_TYPE = 4, UNTYPED = 0xFF };
enum { CAPABILITIES = 0x01, REFUSAL = 0x02, BODY_STATE = 0x03, STATUS = 0x05, FOCUS = 0x06, LAYOUT = 0x0A, SPEED = 0x0C,
       SHUT_DOWN = 0x16, FOCUS_STOP = 0x1C, FOCUS_MOVE = 0x1D, FOCUS_SCAN = 0x1F, TO_DISTANCE = 0x22, TO_POSITION = 0x2E,
       ROW_SELECT = 0x2F, LIMIT_DRIVE = 0x3C };
enum { ACKNOWLEDGE_FRAMES = 2, ECHO = 2, REPLIES = 48, ORDERS = 32, FRAMES = 8, MAX_SENT = 280 };
enum { STATUS_SIZE = 109, FOCUS_SIZE = 89 };

/* The sizes of the messages of a body, which have no length of their own (section 10). */
static const struct {
    uint8_t type, size;
} SIZES[] = {
    {0x01, 33}, {0x03, 21}, {0x04, 14}, {0x07, 2},  {0x08, 9},  {0x09, 5},  {0x0A, 17}, {0x0B, 3},  {0x0C, 2},
    {0x0D, 2},  {0x10, 2},  {0x14, 16}, {0x16, 2},  {0x19, 2},  {0x1B, 6},  {0x1C, 1},  {0x1D, 5},  {0x1E, 5},
    {0x1F, 14}, {0x22, 3},  {0x26, 2},  {0x28, 2},  {0x2E, 3},  {0x2F, 3},  {0x34, 24}, {0x35, 2},  {0x3A, 24},
    {0x3B, 8},  {0x3C, 8},  {0x3D, 24}, {0x3E, 9},  {0x3F, 2},  {0x40, 19}, {0x4A, 12}, {0x4B, 3},  {0x4C, 8},
};

/* An answer: type, size, time until it begins, and the bytes after the type; the rest is zero. */
struct answer {
    uint8_t type, size, given;
    uint32_t delay_us;
    uint8_t bytes[22];
};

enum timer { T_BOOT, T_SERIAL, T_LINKED, T_REPLY, T_SEND, T_SENT, T_NEXT, T_PAIR, T_SECOND, T_SWITCH, T_LIMIT };
enum state { OFF, BOOTS, CALLED, LINKED, ASLEEP };
enum after { A_NOTHING, A_SWITCH, A_STREAM, A_SLEEP, A_STATUS, A_FOCUS };
enum switching { S_NONE, S_WAITS, S_UP, S_FALLS };

struct frame {
    uint16_t size;
    uint8_t after, run;
    uint8_t bytes[MAX_SENT];
};

struct reply {
    uint64_t due; /* LM_NEVER: the window of the request is still open */
    uint8_t type, class_, code; /* code 0: an answer, else a refusal */
    uint8_t layout[16];
};

struct order {
    int32_t due;
    uint8_t size, bytes[4];
    bool moves; /* waits for the end of the move */
};

struct lm_fw {
    const lm_host *host;
    uint64_t now;
    bool supply, body_cs, lens_cs, serial;
    int32_t position; /* of the focus: it stays where it is without supply */
    /* all below is forgotten without supply */
    enum state state;
    enum switching switching;
    uint32_t rate;
    uint64_t called_at;
    bool window_bytes;
    bool missed; /* the beginning of the window that is open, so all of it */
    /* receiving */
    uint8_t rx[2 * MAX_FRAME];
    uint32_t rx_size;
    uint64_t rx_at;
    bool pads; /* bytes after a frame may have no meaning: so many of any value in its window, then zeros */
    uint32_t padding;
    /* replies and sending */
    struct reply replies[REPLIES];
    uint32_t reply_first, reply_count;
    struct frame frames[FRAMES], sent;
    uint32_t frame_first, frame_count;
    bool busy;
    uint64_t free_at;
    /* the stream */
    bool streams, pair, waits, met, received;
    uint8_t run, number, received_number;
    int32_t frame;
    uint64_t pulse_at, period;
    uint32_t status_blocks, focus_blocks;
    uint8_t status[STATUS_SIZE], focus[FOCUS_SIZE + 4 * ORDERS];
    uint32_t status_size, focus_size;
    /* the diaphragm and the focus drive */
    int32_t iris, target, goal;
    int32_t from, to, began; /* of the focus, in frames */
    bool moving;
    uint8_t rows[ECHO + 1][2];
    struct order orders[ORDERS];
    uint32_t order_count, answered;
};

static void set_timer(lm_fw *fw, enum timer timer, uint64_t at) { fw->host->set_timer(fw->host->ctx, timer, at); }

static void lens_cs(lm_fw *fw, bool level)
{
    if (fw->lens_cs != level) {
        fw->lens_cs = level;
        fw->host->drive_line(fw->host->ctx, EMOUNT_LENS_CS, level);
    }
}

/* Lower the line; it stays low for a while. */
static void release(lm_fw *fw)
{
    if (fw->lens_cs)
        fw->free_at = fw->now + GAP_US;
    lens_cs(fw, false);
}

static void serial(lm_fw *fw, bool level)
{
    if (fw->serial != level) {
        fw->serial = level;
        fw->host->drive_line(fw->host->ctx, EMOUNT_RXD, level);
    }
}

static void set_rate(lm_fw *fw, uint32_t rate)
{
    if (fw->rate != rate)
        fw->host->set_baudrate(fw->host->ctx, rate);
    fw->rate = rate;
}

static int32_t within(int32_t value, int32_t low, int32_t high) { return value < low ? low : value > high ? high : value; }

/* ---- sending: one frame in one window of LENS_CS ---- */

static void send_next(lm_fw *fw)
{
    struct frame *next = &fw->frames[fw->frame_first];
    if (fw->busy || !fw->frame_count || fw->state != LINKED)
        return;
    if (fw->now < fw->free_at) {
        set_timer(fw, T_NEXT, fw->free_at);
        return;
    }
    fw->sent = *next;
    fw->frame_first = (fw->frame_first + 1) % FRAMES, fw->frame_count--;
    if ((fw->sent.after == A_STATUS || fw->sent.after == A_FOCUS) && (!fw->streams || fw->sent.run != fw->run)) {
        send_next(fw); /* of a stream that has ended */
        return;
    }
    fw->busy = true;
    lens_cs(fw, true);
    set_timer(fw, T_SEND, fw->now + SETUP_US);
}

static void queue_frame(lm_fw *fw, uint8_t class_, uint8_t number, const uint8_t *payload, uint32_t size, enum after after)
{
    struct frame *frame = &fw->frames[(fw->frame_first + fw->frame_count) % FRAMES];
    if (fw->frame_count >= FRAMES || size + E_AROUND > MAX_SENT)
        return;
    fw->frame_count++;
    frame->size = (uint16_t)build_e_frame(frame->bytes, class_, number, payload, size);
    frame->after = (uint8_t)after;
    frame->run = fw->run;
    send_next(fw);
}

static void send_frame(lm_fw *fw)
{
    fw->host->transmit(fw->host->ctx, fw->sent.bytes, fw->sent.size);
    set_timer(fw, T_SENT, fw->now + duration_us(fw->sent.size, fw->rate) + (fw->rate == FAST ? FAST_HOLD_US : SLOW_HOLD_US));
}
#endif
