/* The link of an E-mount body at the far port of an adapter: its state, and sending. Written from protocol/spec/emount.md,
 * sections 2 to 5; after the headers of the near side, and before emount_body_sequence.h. */
#ifndef EMOUNT_BODY_LINK_H
#define EMOUNT_BODY_LINK_H
#include "emount_frame.h"
#include "lensmount_lines_emount.h"
#include "lmount_lens_link.h"

enum { F_MAX = 1023, F_BODY_MAX = 255 };
enum { F_RATE_BAUD = 750000, F_BLOCK = 16, F_SETUP_US = 20, F_HOLD_US = 55, F_GAP_US = 20 };
enum { VD_FIRST_US = 2240, VD_PERIOD_US = 16684, VD_LOW_US = 63, RISES_US = 2000, SERIAL_US = 20, FIRST_POLL_US = 500,
       POLL_US = 500, LINK_POLL_US = 170, HANDSHAKE_US = 500000, PAUSE_US = 260, RESTS_US = 20300, AFTER_PULSE_US = 330,
       STATE_US = 8567, MODE_US = 10083, BEFORE_STOP_US = 7000, AGAIN_US = 100000, LOST_US = 1000000 };
enum { STATUS = 0x05, FOCUS = 0x06, LAYOUT = 0x0A, F_REFUSAL = 0x02, FOCUS_STOP = 0x1C, FOCUS_MOVE = 0x1D };
enum { F_CODE_OF_ONE = 4096, F_INFINITY = 0x0700, STOPPING_FRAMES = 4, SETTLED_FRAMES = 2, MAX_SETTLING_FRAMES = 30 };
enum { POLL_MOVE_US = 2000, MAX_MOVE_US = 3000000, FRAMES_TO_START = 4, MAX_SENDS = 3, F_ORDERS = 8, ECHOES = 2 };
enum { MANUAL_SWITCH = 3 };

enum far_timer { T_FAR = 16, T_VD, T_VD_RISE, T_STATE, T_MODE, T_TX_OPEN, T_TX, T_TX_END };
enum step {
    S_OFF, S_RISE, S_SERIAL, S_POLL_RXD, S_POLL_CS, S_RESTS, S_PAUSE, S_SENDS, S_REPLY, S_REPLY_CS, S_MOTORS, S_LOOPS,
    S_STOPPING, S_STOP, S_ASLEEP, S_WAKE, S_AGAIN, S_GAVE_UP
};

/* The requests of a start: before a motor has power, after it has, and those that wake a lens; the two that end it. */
static const uint8_t IDENTIFY[] = {0x01, 0x07, 0x08, 0x0D}, START_UP[] = {0x0B, 0x09, 0x10, 0x0A},
                     WARM[] = {0x0B, 0x09, 0x0D, 0x10, 0x0A}, STOP_STREAM[] = {0x0A, 0x16};
static const uint8_t ROWS[] = {0x15, 0x16, 0x15, 0x17};

struct far {
    /* lines of the lens */
    bool rxd, lens_cs;
    /* the sequence; all from here on is forgotten without supply */
    enum step step;
    const uint8_t *list; /* of requests */
    uint32_t list_size, list_at, sends;
    uint64_t since;      /* when the polls began */
    bool warm, replied, refused;
    uint32_t pulses;
    uint64_t pulse_at;
    /* sending */
    bool busy, requests; /* requests: the window holds a request, not a frame of the loop */
    uint64_t free_at;
    uint8_t tx[F_BODY_MAX + F_BLOCK];
    uint32_t tx_size;
    bool last_of_frame;
    /* receiving */
    uint8_t rx[F_MAX + 1];
    uint32_t rx_size;
    /* the loop */
    bool looping, stopping, pair_seen, asked;
    uint8_t sequence;
    int32_t frame, last_frame;
    uint32_t row, echoes, phase, cycle;
    uint64_t status_at;
    int32_t aperture; /* ordered code; -1 for the lens's widest */
    uint8_t orders[F_ORDERS][5];
    uint32_t order_count;
    /* what is known of the lens */
    bool identified, known_status, known_focus, slow_starter;
    uint32_t lens_id, version, serial;
    int32_t widest_code, narrowest_code;
    uint8_t spec[8];
    struct {
        int32_t aperture;
        uint8_t state, focus_switch;
        uint32_t focal_dmm, distance;
    } status;
    int32_t planned, lower, upper;
    uint32_t same_limits;
    /* drives, as the near side orders them */
    bool ordered;
    uint64_t ordered_at;
    int32_t iris_frame;
    uint8_t manual;
};

struct adapter {
    struct lm_fw near; /* first: an lm_fw is the adapter */
    struct far far;
};

/* What the translation brings: it is called when the lens is known, after each status of it, and after each frame of its loop. */
static void lens_identified(lm_fw *fw);
static void lens_status_received(lm_fw *fw);
static void lens_loop_received(lm_fw *fw);

static struct far *far_of(lm_fw *fw) { return &((struct adapter *)(void *)fw)->far; }

static const struct far *far_seen(const lm_fw *fw) { return &((const struct adapter *)(const void *)fw)->far; }

static void far_timer(lm_fw *fw, enum far_timer timer, uint64_t at) { fw->host->set_timer(fw->host->ctx, timer, at); }

static void far_drive(lm_fw *fw, uint32_t line, bool level) { fw->host->far_drive_line(fw->host->ctx, line, level); }

/* Whether the lens reports its state, knows its limits and takes orders. */
static bool drives(const struct far *f)
{
    return f->looping && f->pair_seen && !f->stopping &&
           (f->same_limits >= SETTLED_FRAMES || f->frame >= MAX_SETTLING_FRAMES);
}

/* ---- sending at the far port: one frame in one window of BODY_CS, in blocks of 16 bytes ---- */

static void send_far(lm_fw *fw, uint8_t class_, uint8_t number, const uint8_t *payload, uint32_t size)
{
    struct far *f = far_of(fw);
    if (f->busy)
        return; /* the times of the loop leave room for every frame */
    memset(f->tx, 0, sizeof f->tx);
    size = build_e_frame(f->tx, class_, number, payload, size);
    f->tx_size = (size + F_BLOCK - 1) / F_BLOCK * F_BLOCK;
    f->busy = true;
    f->requests = class_ == E_REQUEST;
    far_timer(fw, T_TX_OPEN, fw->now > f->free_at ? fw->now : f->free_at);
}

static void open_window(lm_fw *fw)
{
    far_drive(fw, EMOUNT_BODY_CS, true);
    far_timer(fw, T_TX, fw->now + F_SETUP_US);
}

static void transmit_far(lm_fw *fw)
{
    struct far *f = far_of(fw);
    fw->host->far_transmit(fw->host->ctx, f->tx, f->tx_size);
    far_timer(fw, T_TX_END, fw->now + duration_us(f->tx_size, F_RATE_BAUD) + F_HOLD_US);
}

#endif
