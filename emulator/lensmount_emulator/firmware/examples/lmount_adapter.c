/* An adapter that carries E-mount lenses on a body of the open model, as firmware: a lens at its near port and an E-mount
 * body at its far port. The near side is that of lmount_lens.c, which this file includes; written here are the far side,
 * from protocol/spec/emount.md, and the translation between the two. It knows its lens before it answers a body, carries
 * focus and aperture, and refuses what cannot be translated. C11 without a library but memcpy, memset, memmove, memcmp.
 *
 *     lensmount firmware build lmount_adapter.c
 *     lensmount loopback --adapter-firmware ./lmount_adapter.so --body panasonic-s1r --lens sel55210 --script "focus near" */
#include "lensmount_firmware.h"
#include "lensmount_lines_emount.h"
#include <stdbool.h>

/* What this file has in place of the lens of lmount_lens.c. */
#define LMOUNT_ADAPTER
#define FEATURES 0u
#define STEPS 4096
#define FOCAL_UM focal_um(fw)
#define NEAREST_MM 1000
#define WIDEST widest_now(fw)
#define SMALLEST smallest(fw)
enum { AV_PER_S = 15360, IDLE_MA = 60, FOCUS_MA = 220, DIAPHRAGM_MA = 60 }; /* modelled: no E-mount lens reports its current */
enum { BOOT_US = 145000 }; /* the longest that is legal: the lens needs time for its own start */

struct group;
static uint32_t focal_um(const lm_fw *fw);
static int32_t widest_now(const lm_fw *fw);
static int32_t smallest(const lm_fw *fw);
static bool moving(const lm_fw *fw, const struct group *g);
static int32_t place(const lm_fw *fw, const struct group *g);
static void halt(lm_fw *fw, struct group *g);
static void go(lm_fw *fw, struct group *g, int32_t to, uint32_t speed, uint64_t least_us, uint8_t number);
static uint32_t focus_speed(const lm_fw *fw);
static uint32_t distance_mm(const lm_fw *fw, int32_t position);
static int64_t velocity(const lm_fw *fw);
static void home(lm_fw *fw);
static bool may_answer_hello(const lm_fw *fw);
static bool is_homed(const lm_fw *fw);
static uint8_t focus_flags(const lm_fw *fw);
static bool handle_unsupported(lm_fw *fw, uint8_t type, const uint8_t *f);
static void identity(lm_fw *fw, const uint8_t *f);
static void abilities(lm_fw *fw, const uint8_t *f);
static void metadata(lm_fw *fw, const uint8_t *f);
#include "lmount_lens.c"

static int32_t clamped(int32_t value, int32_t low, int32_t high) { return value < low ? low : value > high ? high : value; }

/* ---- the far side: emount.md, sections 2 to 5 ---- */

enum { F_START = 0xF0, F_END = 0x55, F_AROUND = 8, F_MIN = 9, F_MAX = 1023, F_BODY_MAX = 255, F_LOOP = 1, F_REQUEST = 2 };
enum { F_RATE_BAUD = 750000, F_BLOCK = 16, F_SETUP_US = 20, F_HOLD_US = 55, F_GAP_US = 20 };
enum { VD_FIRST_US = 2240, VD_PERIOD_US = 16684, VD_LOW_US = 63, RISES_US = 2000, SERIAL_US = 20, FIRST_POLL_US = 500,
       POLL_US = 500, LINK_POLL_US = 170, HANDSHAKE_US = 500000, PAUSE_US = 260, RESTS_US = 20300, AFTER_PULSE_US = 330,
       STATE_US = 8567, MODE_US = 10083, BEFORE_STOP_US = 7000, AGAIN_US = 100000, LOST_US = 1000000 };
enum { STATUS = 0x05, FOCUS = 0x06, LAYOUT = 0x0A, F_REFUSAL = 0x02, FOCUS_STOP = 0x1C, FOCUS_MOVE = 0x1D };
enum { F_CODE_OF_ONE = 4096, F_INFINITY = 0x0700, STOPPING_FRAMES = 4, SETTLED_FRAMES = 2, MAX_SETTLING_FRAMES = 30 };
enum { POLL_MOVE_US = 2000, MAX_MOVE_US = 3000000, FRAMES_TO_START = 4, MAX_SENDS = 3, F_ORDERS = 8, ECHOES = 2 };
enum { MANUAL_SWITCH = 3, CONTROL_EVENT = 0xC8, FOCUS_SWITCH = 2, ACCESSORY_REPORT = 0x8A };

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

static struct far *far_of(lm_fw *fw) { return &((struct adapter *)(void *)fw)->far; }

static const struct far *far_seen(const lm_fw *fw) { return &((const struct adapter *)(const void *)fw)->far; }

static void far_timer(lm_fw *fw, enum far_timer timer, uint64_t at) { fw->host->set_timer(fw->host->ctx, timer, at); }

static void far_drive(lm_fw *fw, uint32_t line, bool level) { fw->host->far_drive_line(fw->host->ctx, line, level); }

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

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
    uint32_t whole = size + F_AROUND, sum = 0, padded = (whole + F_BLOCK - 1) / F_BLOCK * F_BLOCK;
    if (f->busy)
        return; /* the times of the loop leave room for every frame */
    memset(f->tx, 0, sizeof f->tx);
    f->tx[0] = F_START;
    put16(f->tx + 1, whole);
    f->tx[3] = class_;
    f->tx[4] = number;
    memcpy(f->tx + 5, payload, size);
    for (uint32_t i = 1; i < size + 5; i++)
        sum += f->tx[i];
    put16(f->tx + size + 5, sum);
    f->tx[size + 7] = F_END;
    f->tx_size = padded;
    f->busy = true;
    f->requests = class_ == F_REQUEST;
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
    far_timer(fw, T_TX_END, fw->now + (f->tx_size * UINT64_C(10000000) + F_RATE_BAUD - 1) / F_RATE_BAUD + F_HOLD_US);
}

/* ---- the sequence: start, identification, loop, sleep and wake ---- */

static void next_step(lm_fw *fw, enum step step, uint64_t at)
{
    far_of(fw)->step = step;
    far_timer(fw, T_FAR, at);
}

static void give_up_lens(lm_fw *fw, const char *why)
{
    struct far *f = far_of(fw);
    f->looping = false;
    fw->host->log(fw->host->ctx, LM_TROUBLE, why);
    next_step(fw, S_GAVE_UP, LM_NEVER);
}

static void send_request(lm_fw *fw)
{
    struct far *f = far_of(fw);
    uint8_t type = f->list[f->list_at], payload[33] = {type};
    uint32_t size = 2;
    switch (type) {
    case 0x01: size = 33, memset(payload + 1, 0xFF, 7), payload[8] = 0x1F; break;
    case 0x08: size = 9, payload[1] = 0xC2, payload[2] = 0x61, payload[6] = 0x0C, payload[7] = 0x62, payload[8] = 0x02; break;
    case 0x09: size = 5; break;
    case 0x0B: size = 3, payload[1] = 0x60; break;
    case 0x10: payload[1] = 0x1F; break;
    case 0x16: payload[1] = 0x01; break;
    case LAYOUT:
        size = 17;
        if (f->list != STOP_STREAM)
            payload[1] = 0xFF, payload[2] = 0x7F, payload[9] = 0x3F;
        break;
    default: break;
    }
    f->replied = f->refused = false;
    f->sends++;
    f->step = S_SENDS;
    send_far(fw, F_REQUEST, 0, payload, size);
}

static void begin_list(lm_fw *fw, const uint8_t *list, uint32_t size)
{
    struct far *f = far_of(fw);
    f->list = list, f->list_size = size, f->list_at = 0, f->sends = 0;
    send_request(fw);
}

static void begin_loop(lm_fw *fw)
{
    struct far *f = far_of(fw);
    f->row = f->echoes = f->phase = 0, f->cycle = 1;
    f->frame = 0, f->asked = f->pair_seen = f->stopping = false;
    f->iris_frame = -FRAMES_TO_START;
    f->status_at = fw->now;
    f->looping = true;
    next_step(fw, S_LOOPS, LM_NEVER);
}

static void on_identified(lm_fw *fw);

static void list_done(lm_fw *fw)
{
    struct far *f = far_of(fw);
    if (f->list == IDENTIFY) {
        on_identified(fw);
        next_step(fw, S_MOTORS, fw->drive ? fw->now : LM_NEVER);
    } else if (f->list == STOP_STREAM) {
        far_drive(fw, EMOUNT_TXD, false);
        far_drive(fw, EMOUNT_LENS_POWER, false);
        f->stopping = false;
        next_step(fw, S_ASLEEP, fw->drive ? fw->now : LM_NEVER);
    } else {
        begin_loop(fw);
        if (!fw->drive)
            next_step(fw, S_STOPPING, fw->now);
    }
}

static void reply_taken(lm_fw *fw)
{
    struct far *f = far_of(fw);
    if (f->refused && f->list[f->list_at] == LAYOUT) {
        give_up_lens(fw, "the lens refuses the layout of its stream");
        return;
    }
    f->sends = 0;
    if (++f->list_at == f->list_size)
        list_done(fw);
    else
        next_step(fw, S_PAUSE, fw->now + PAUSE_US);
}

static uint64_t reply_limit_us(uint8_t type)
{
    return type == 0x10 ? 8000000 : type == 0x16 ? 4000000 : type == 0x08 || type == LAYOUT ? 500000 : 400000;
}

static void request_sent(lm_fw *fw)
{
    struct far *f = far_of(fw);
    if (f->replied)
        next_step(fw, S_REPLY_CS, f->lens_cs ? fw->now + 400000 : fw->now);
    else
        next_step(fw, S_REPLY, fw->now + reply_limit_us(f->list[f->list_at]));
}

static void no_reply(lm_fw *fw)
{
    struct far *f = far_of(fw);
    uint8_t type = f->list[f->list_at];
    bool once = type == 0x10 || type == LAYOUT || type == 0x16; /* a second one would move or stop the motors again */
    fw->host->log(fw->host->ctx, LM_TROUBLE, "no answer of the E-mount lens");
    if (once || f->sends >= MAX_SENDS)
        give_up_lens(fw, "the E-mount lens never answers; giving up");
    else
        send_request(fw);
}

static void far_on(lm_fw *fw)
{
    struct far *f = far_of(fw);
    far_drive(fw, EMOUNT_VCC, true);
    far_drive(fw, EMOUNT_VD, true);
    f->aperture = -1;
    next_step(fw, S_RISE, fw->now + RISES_US);
    far_timer(fw, T_VD, fw->now + VD_FIRST_US);
}

static void far_off(lm_fw *fw)
{
    static const uint32_t LINES[] = {EMOUNT_VCC, EMOUNT_LENS_POWER, EMOUNT_BODY_CS, EMOUNT_TXD, EMOUNT_VD};
    struct far *f = far_of(fw);
    bool rxd = f->rxd, lens_cs = f->lens_cs;
    for (uint32_t i = T_FAR; i <= T_TX_END; i++)
        far_timer(fw, (enum far_timer)i, LM_NEVER);
    for (uint32_t i = 0; i < sizeof LINES / sizeof *LINES; i++)
        far_drive(fw, LINES[i], false);
    memset(f, 0, sizeof *f);
    f->rxd = rxd, f->lens_cs = lens_cs;
}

/* Raise BODY_CS for a handshake. */
static void begin_handshake(lm_fw *fw)
{
    struct far *f = far_of(fw);
    f->since = fw->now;
    far_drive(fw, EMOUNT_BODY_CS, true);
    next_step(fw, S_SERIAL, fw->now + SERIAL_US);
}

/* Poll a line of the lens on a grid; true where it is at its level, or where it takes too long. */
static bool polled(lm_fw *fw, bool there, const char *never)
{
    struct far *f = far_of(fw);
    if (there)
        return true;
    if (fw->now - f->since > HANDSHAKE_US) {
        fw->host->log(fw->host->ctx, LM_TROUBLE, never);
        return true;
    }
    far_timer(fw, T_FAR, fw->now + POLL_US);
    return false;
}

static void far_step(lm_fw *fw)
{
    struct far *f = far_of(fw);
    switch (f->step) {
    case S_RISE: begin_handshake(fw); break;
    case S_SERIAL:
        far_drive(fw, EMOUNT_TXD, true);
        next_step(fw, S_POLL_RXD, f->since + FIRST_POLL_US);
        break;
    case S_POLL_RXD:
        if (!polled(fw, f->rxd, "RXD never went high; going on without"))
            break;
        far_drive(fw, EMOUNT_BODY_CS, false);
        f->since = fw->now;
        next_step(fw, S_POLL_CS, fw->now + LINK_POLL_US);
        break;
    case S_POLL_CS:
        if (!polled(fw, !f->lens_cs, "LENS_CS never went low; going on without"))
            break;
        f->free_at = fw->now;
        if (f->warm)
            next_step(fw, S_RESTS, f->since + RESTS_US);
        else
            begin_list(fw, IDENTIFY, sizeof IDENTIFY);
        break;
    case S_RESTS: begin_list(fw, WARM, sizeof WARM); break;
    case S_PAUSE: send_request(fw); break;
    case S_REPLY: no_reply(fw); break;
    case S_REPLY_CS:
        if (f->lens_cs)
            give_up_lens(fw, "the E-mount lens keeps LENS_CS high after its answer; giving up");
        else
            reply_taken(fw);
        break;
    case S_MOTORS:
        far_drive(fw, EMOUNT_LENS_POWER, true);
        begin_list(fw, START_UP, sizeof START_UP);
        break;
    case S_STOPPING:
        f->stopping = true;
        f->last_frame = f->frame + STOPPING_FRAMES;
        break;
    case S_STOP: begin_list(fw, STOP_STREAM, sizeof STOP_STREAM); break;
    case S_ASLEEP:
        far_drive(fw, EMOUNT_LENS_POWER, true);
        f->warm = true;
        next_step(fw, S_WAKE, LM_NEVER); /* with the next pulse */
        break;
    case S_WAKE: begin_handshake(fw); break;
    case S_AGAIN: far_on(fw); break;
    case S_OFF:
    case S_SENDS:
    case S_LOOPS:
    case S_GAVE_UP: break;
    }
}

static void set_motors(lm_fw *fw, bool level)
{
    struct far *f = far_of(fw);
    if (!fw->logic)
        return;
    if (level && (f->step == S_MOTORS || f->step == S_ASLEEP))
        far_timer(fw, T_FAR, fw->now);
    else if (!level && f->step == S_LOOPS)
        next_step(fw, S_STOPPING, fw->now);
}

/* ---- the loop: 03 and 04 with each pulse of VD ---- */

static uint32_t cycle_length(const struct far *f)
{
    return f->stopping || f->frame >= 24 ? 6 : f->frame >= 21 ? 4 : f->frame >= 18 ? 2 : 1;
}

/* A longer cycle begins after the one that runs; a shorter one makes this its last frame. */
static uint8_t next_phase(struct far *f, uint32_t announced)
{
    if (announced < f->cycle)
        f->phase = f->cycle - 1, f->cycle = announced;
    else if (++f->phase >= f->cycle)
        f->phase = 0, f->cycle = announced;
    return (uint8_t)f->phase;
}

static void send_state(lm_fw *fw)
{
    struct far *f = far_of(fw);
    uint32_t wanted = (uint32_t)(f->aperture < 0 ? f->widest_code : f->aperture), length = cycle_length(f);
    bool entry = f->frame <= (int32_t)f->slow_starter;
    uint8_t m[24] = {0x03, 0xBB, 0x2E};
    put16(m + 4, entry ? F_CODE_OF_ONE : wanted);
    put16(m + 6, wanted);
    m[8] = entry ? 0x94 : 0x1C;
    m[11] = (uint8_t)length;
    m[12] = next_phase(f, length);
    m[13] = f->sequence & 1;
    m[14] = 2, m[16] = 3, m[17] = 1;
    m[21] = 0x2F, m[22] = m[23] = ROWS[f->row];
    f->asked = true;
    f->last_of_frame = false;
    send_far(fw, F_LOOP, f->sequence, m, f->frame == 0 && f->slow_starter ? 21 : 24);
}

static void send_mode(lm_fw *fw)
{
    struct far *f = far_of(fw);
    uint8_t m[14 + 5 * F_ORDERS] = {0x04, 0, 0, 0x19};
    uint32_t size = 14;
    m[4] = f->pair_seen && f->status.focus_switch == MANUAL_SWITCH ? 0x81 : 0x83;
    m[7] = 0x3B;
    m[11] = 1;
    for (uint32_t i = 0; i < f->order_count; i++) {
        uint32_t order = f->orders[i][0] == FOCUS_MOVE ? 5 : 1;
        memcpy(m + size, f->orders[i], order);
        size += order;
    }
    f->order_count = 0;
    f->last_of_frame = true;
    send_far(fw, F_LOOP, f->sequence, m, size);
}

static void loop_frame_sent(lm_fw *fw)
{
    struct far *f = far_of(fw);
    f->frame++;
    if (f->stopping && f->frame >= f->last_frame) {
        f->looping = false;
        next_step(fw, S_STOP, fw->now + BEFORE_STOP_US);
    }
}

static void vd_falls(lm_fw *fw)
{
    struct far *f = far_of(fw);
    f->pulses++;
    f->pulse_at = fw->now;
    far_drive(fw, EMOUNT_VD, false);
    far_timer(fw, T_VD_RISE, fw->now + VD_LOW_US);
    far_timer(fw, T_VD, fw->now + VD_PERIOD_US);
    if (f->step == S_WAKE)
        far_timer(fw, T_FAR, fw->now + AFTER_PULSE_US);
    if (!f->looping)
        return;
    if (fw->now - f->status_at > LOST_US) {
        fw->host->log(fw->host->ctx, LM_TROUBLE, "the E-mount lens is silent; it is started again");
        far_off(fw);
        next_step(fw, S_AGAIN, fw->now + AGAIN_US);
        return;
    }
    /* It counts pulses, two ahead; F0 to FF travel as 80 to 8F. */
    f->sequence = (uint8_t)(f->pulses + 2);
    f->sequence &= f->sequence >= 0xF0 ? 0x8F : 0xFF;
    far_timer(fw, T_STATE, fw->now + STATE_US);
    far_timer(fw, T_MODE, fw->now + MODE_US);
}

static void tx_ended(lm_fw *fw)
{
    struct far *f = far_of(fw);
    far_drive(fw, EMOUNT_BODY_CS, false);
    f->busy = false;
    f->free_at = fw->now + F_GAP_US;
    if (f->requests)
        request_sent(fw);
    else if (f->last_of_frame && f->looping)
        loop_frame_sent(fw);
}

static void add_order(struct far *f, uint8_t type, uint32_t operand)
{
    uint8_t *order;
    if (f->order_count >= F_ORDERS)
        return;
    order = f->orders[f->order_count++];
    memset(order, 0, sizeof f->orders[0]);
    order[0] = type;
    put16(order + 1, operand);
}

/* ---- receiving at the far port ---- */

static void on_status(lm_fw *fw, const uint8_t *m)
{
    struct far *f = far_of(fw);
    uint8_t row = ROWS[f->row];
    f->status.aperture = (int32_t)get(m + 1, 2);
    f->status.state = m[9];
    f->status.distance = get(m + 21, 2);
    f->status.focal_dmm = get(m + 25, 2);
    f->status.focus_switch = m[63];
    f->known_status = true;
    f->status_at = fw->now;
    fw->iris.to = clamped(fw->iris.to, WIDEST, SMALLEST); /* its zoom may have changed the widest aperture */
    /* The rows that the lens shows before the first request are its own choice, and no echo. */
    f->echoes = f->asked && m[78] == row && m[79] == row ? f->echoes + 1 : 0;
    if (f->echoes == ECHOES)
        f->row = (f->row + 1) % sizeof ROWS, f->echoes = 0;
}

static void on_focus(lm_fw *fw, const uint8_t *m)
{
    struct far *f = far_of(fw);
    int32_t lower = (int32_t)get(m + 8, 2), upper = (int32_t)get(m + 10, 2);
    /* Limits settle in the first frames. */
    f->same_limits = lower == f->lower && upper == f->upper && lower < upper ? f->same_limits + 1 : 0;
    f->planned = (int32_t)get(m + 3, 2), f->lower = lower, f->upper = upper;
    f->known_focus = f->pair_seen = true;
}

/* The sizes of the messages that a lens sends in the loop, which have no length of their own. */
static uint32_t loop_size(uint8_t type)
{
    switch (type) {
    case STATUS: return 97;
    case FOCUS: return 40;
    case 0x17: case 0x22: case 0x2E: return 3;
    case 0x1C: case 0x1D: case 0x1E: case 0x1F: return 2;
    case 0x20: return 12;
    case 0x34: return 24;
    case 0x3C: return 4;
    default: return 0;
    }
}

static void report_switch(lm_fw *fw)
{
    struct far *f = far_of(fw);
    struct reply m = {0};
    uint8_t manual = f->known_status && f->status.focus_switch == MANUAL_SWITCH;
    if (manual == f->manual || !fw->stream_size)
        return;
    f->manual = manual;
    begin(&m, CONTROL_EVENT);
    put(&m, 1, FOCUS_SWITCH), put(&m, 1, manual);
    queue_frame(fw, EVENT, &m, 0, UINT64_MAX, 0);
}

static void on_loop(lm_fw *fw, const uint8_t *payload, uint32_t size)
{
    struct far *f = far_of(fw);
    if (!f->looping)
        return;
    for (uint32_t at = 0, taken; at < size; at += taken) {
        taken = loop_size(payload[at]);
        if (!taken || taken > size - at)
            break;
        if (payload[at] == STATUS)
            on_status(fw, payload + at);
        else if (payload[at] == FOCUS)
            on_focus(fw, payload + at);
        else if (payload[at] == FOCUS_MOVE)
            f->ordered = false;
    }
    report_switch(fw);
}

static void on_reply(lm_fw *fw, const uint8_t *m, uint32_t size)
{
    struct far *f = far_of(fw);
    uint8_t type;
    if (f->step != S_SENDS && f->step != S_REPLY)
        return;
    type = f->list[f->list_at];
    if (m[0] != type && m[0] != F_REFUSAL)
        return;
    f->replied = true;
    f->refused = m[0] == F_REFUSAL;
    if (!f->refused) {
        bool stops = f->list == STOP_STREAM;
        if (type == 0x07 && size >= 13)
            f->version = get(m + 6, 2), f->lens_id = get(m + 10, 2);
        else if (type == 0x08 && size >= 32) {
            f->widest_code = (int32_t)get(m + 1, 2), f->narrowest_code = (int32_t)get(m + 3, 2);
            memcpy(f->spec, m + 16, sizeof f->spec);
            f->serial = get(m + 28, 4);
        } else if (type == 0x0D && size >= 2)
            f->slow_starter = !m[1];
        else if (type == LAYOUT && size >= 17) /* one that streams something else is not understood */
            f->refused = get(m + 1, 3) != (stops ? 0u : 0x7FFFu) || m[9] != (stops ? 0 : 0x3F);
    }
    if (f->step == S_REPLY)
        next_step(fw, S_REPLY_CS, f->lens_cs ? fw->now + 400000 : fw->now);
}

/* Size of the frame that a candidate is; 0 while it may become one, -1 if it cannot. */
static int32_t judge_far(const uint8_t *at, uint32_t have)
{
    uint32_t size = have < 3 ? F_MIN : get(at + 1, 2), sum = 0;
    if (size < F_MIN || size > F_MAX)
        return -1;
    if (have < size)
        return 0;
    for (uint32_t i = 1; i + 3 < size; i++)
        sum += at[i];
    return at[size - 1] == F_END && (sum & 0xFFFF) == get(at + size - 3, 2) ? (int32_t)size : -1;
}

static void scan_far(lm_fw *fw, bool ended)
{
    struct far *f = far_of(fw);
    uint32_t at = 0;
    while (at < f->rx_size) {
        int32_t size = f->rx[at] == F_START ? judge_far(f->rx + at, f->rx_size - at) : -1;
        if (size == 0 && !ended)
            break;
        if (size > 0) {
            const uint8_t *frame = f->rx + at;
            if (frame[3] == F_LOOP)
                on_loop(fw, frame + 5, (uint32_t)size - F_AROUND);
            else if (frame[3] == F_REQUEST)
                on_reply(fw, frame + 5, (uint32_t)size - F_AROUND);
        }
        at += size > 0 ? (uint32_t)size : 1;
    }
    memmove(f->rx, f->rx + at, f->rx_size - at);
    f->rx_size -= at;
}

/* ---- the translation: what the lens of the near side has in place of groups of its own ---- */

/* 512 times the binary logarithm of a number in tenths, rounded: the Av/256 of an f-number. */
static int32_t av_of(uint32_t tenths)
{
    uint64_t x = ((uint64_t)tenths << 31) / 10;
    int32_t whole = 0;
    uint32_t part = 0;
    if (!tenths)
        return 0;
    for (; x >= UINT64_C(1) << 32; x >>= 1)
        whole++;
    for (; x < UINT64_C(1) << 31; x <<= 1)
        whole--;
    for (int bit = 0; bit < 14; bit++) {
        x = x * x >> 31;
        part <<= 1;
        if (x >= UINT64_C(1) << 32)
            x >>= 1, part |= 1;
    }
    return whole * 512 + (int32_t)((part * 512 + (1u << 13)) >> 14);
}

/* The f-number of an aperture code of the lens, in tenths. */
static uint32_t tenths_of(int32_t code) { return f_number_tenths(clamped(code - F_CODE_OF_ONE, 0, HIGHEST_AV)); }

static uint32_t bcd(const uint8_t *at, uint32_t size)
{
    uint32_t value = 0;
    for (uint32_t i = 0; i < size; i++) {
        if (at[i] >> 4 > 9 || (at[i] & 15) > 9)
            return 0;
        value = value * 100 + (at[i] >> 4) * 10u + (at[i] & 15);
    }
    return value;
}

static uint32_t shortest_mm(const struct far *f)
{
    uint32_t value = bcd(f->spec + 1, 2);
    return value ? value : 50;
}

static uint32_t longest_mm(const struct far *f)
{
    uint32_t value = bcd(f->spec + 3, 2);
    return value ? value : shortest_mm(f);
}

/* The fastest f-number in tenths, at the short end and at the long one. */
static uint32_t fastest(const struct far *f, bool at_long_end)
{
    uint32_t wide = bcd(f->spec + 5, 1), tele = bcd(f->spec + 6, 1), low, high;
    if (!wide && !tele)
        return tenths_of(f->widest_code);
    wide = wide ? wide : tele, tele = tele ? tele : wide;
    low = wide < tele ? wide : tele, high = wide < tele ? tele : wide;
    return at_long_end ? high : low;
}

static bool has_diaphragm(const struct far *f) { return f->narrowest_code > f->widest_code; }

static bool has_motor(const struct far *f) { return !f->slow_starter; }

static uint32_t focal_um(const lm_fw *fw)
{
    const struct far *f = far_seen(fw);
    return f->known_status && f->status.focal_dmm ? f->status.focal_dmm * 100 : shortest_mm(f) * 1000;
}

static int32_t widest_now(const lm_fw *fw)
{
    const struct far *f = far_seen(fw);
    int32_t wide = av_of(fastest(f, false)), tele = av_of(fastest(f, true));
    /* A zoom ring turns by ratios: the part of its way is that of the logarithms, which av_of has. */
    int32_t from = av_of(shortest_mm(f) * 10), way = av_of(longest_mm(f) * 10) - from, here;
    if (way <= 0)
        return wide;
    here = clamped(av_of(focal_um(fw) / 100) - from, 0, way);
    return wide + ((tele - wide) * here + way / 2) / way;
}

static int32_t smallest(const lm_fw *fw)
{
    const struct far *f = far_seen(fw);
    uint32_t least = tenths_of(f->narrowest_code), named = fastest(f, true);
    return av_of(has_diaphragm(f) && least > named ? least : has_diaphragm(f) ? named : fastest(f, false));
}

static uint32_t focus_code(const struct far *f, int32_t position)
{
    if (!f->known_focus)
        return 0;
    return (uint32_t)(f->lower + (position * (f->upper - f->lower) + (STEPS - 1) / 2) / (STEPS - 1));
}

static bool moving(const lm_fw *fw, const struct group *g)
{
    const struct far *f = far_seen(fw);
    if (g == &fw->focus)
        return f->ordered && fw->now - f->ordered_at < MAX_MOVE_US;
    return f->known_status && drives(f) && (f->frame - f->iris_frame < FRAMES_TO_START || !(f->status.state & 1));
}

static int32_t place(const lm_fw *fw, const struct group *g)
{
    const struct far *f = far_seen(fw);
    int32_t way = f->upper - f->lower;
    if (g != &fw->focus)
        return f->known_status ? f->status.aperture - F_CODE_OF_ONE : g->to;
    if (!f->known_focus || way <= 0)
        return g->to;
    if (!moving(fw, g) && (uint32_t)f->planned == focus_code(f, g->to))
        return g->to; /* the lens has no step nearer to it */
    return clamped(((f->planned - f->lower) * (STEPS - 1) + way / 2) / way, 0, STEPS - 1);
}

static void halt(lm_fw *fw, struct group *g)
{
    struct far *f = far_of(fw);
    if (g == &fw->focus && moving(fw, g)) {
        f->order_count = 0;
        add_order(f, FOCUS_STOP, 0);
        f->ordered = false;
    }
    g->from = g->to = place(fw, g);
    if (g == &fw->iris && f->known_status)
        f->aperture = F_CODE_OF_ONE + g->to;
}

/* Order the lens to a place; it chooses its own speed, and its state says when it is there. */
static void go(lm_fw *fw, struct group *g, int32_t to, uint32_t speed, uint64_t least_us, uint8_t number)
{
    struct far *f = far_of(fw);
    (void)speed, (void)least_us;
    g->to = to;
    g->number = number;
    if (g == &fw->focus) {
        uint32_t kept = 0;
        /* It replaces a move that is not sent yet: orders of the near side are faster than frames of the far one. */
        for (uint32_t i = 0; i < f->order_count; i++)
            if (f->orders[i][0] != FOCUS_MOVE)
                memmove(f->orders[kept++], f->orders[i], sizeof f->orders[0]);
        f->order_count = kept;
        add_order(f, FOCUS_MOVE, focus_code(f, to));
        f->ordered = true, f->ordered_at = fw->now;
    } else {
        f->aperture = F_CODE_OF_ONE + to;
        f->iris_frame = f->frame;
    }
    if (number)
        set_timer(fw, g == &fw->focus ? T_FOCUS : T_IRIS, fw->now + POLL_MOVE_US);
}

static uint32_t focus_speed(const lm_fw *fw) { return (void)fw, 1; }

static int64_t velocity(const lm_fw *fw) { return (void)fw, 0; } /* the unit of the lens's report is not known */

static void home(lm_fw *fw) { (void)fw; } /* the lens homes by itself */

/* The distance of the lens: 384 at 1 m, 64 more each time that it doubles. */
static uint32_t distance_mm(const lm_fw *fw, int32_t position)
{
    const struct far *f = far_seen(fw);
    uint64_t value = UINT64_C(1000) << 16;
    int32_t code = (int32_t)f->status.distance - 384 + 64 * 64;
    (void)position;
    if (!f->known_status || f->status.distance >= F_INFINITY)
        return INFINITY_MM;
    for (int32_t i = code & 63; i > 0; i--)
        value += value * 46769130 >> 32; /* the 64th root of 2 */
    value = code >> 6 >= 64 ? value << ((code >> 6) - 64) : value >> (64 - (code >> 6));
    value = (value + 32768) >> 16;
    return value < INFINITY_MM ? (uint32_t)value : INFINITY_MM - 1;
}

static bool may_answer_hello(const lm_fw *fw) { return far_seen(fw)->identified; }

static bool is_homed(const lm_fw *fw) { return drives(far_seen(fw)); }

static uint8_t focus_flags(const lm_fw *fw) { return has_motor(far_seen(fw)) ? 0 : 16; }

/* Tenths as a number without needless zeros. */
static char *write_tenths(char *at, uint32_t tenths)
{
    at = write_number(at, tenths / 10);
    if (tenths % 10)
        *at++ = '.', at = write_number(at, tenths % 10);
    return at;
}

/* The name that the specification bytes of the lens describe, up to 60 characters: `E 55-210mm F4.5-6.3 OSS (0x8012)`. */
static void write_name(const struct far *f, char *at)
{
    static const char *const KIND[] = {"", "DT ", "FE ", "E "}, *const CLASS[] = {"", " ZA", " G", ""},
                      *const SPECIAL[] = {"", " STF", " Reflex", "", " Macro", "", "", ""}, *const DRIVE[] = {"", " SSM", " SAM", ""};
    static const char HEX[] = "0123456789abcdef";
    uint32_t flags = (uint32_t)f->spec[0] << 8 | f->spec[7], wide = bcd(f->spec + 5, 1), tele = bcd(f->spec + 6, 1);
    uint32_t special = flags >> 5 & 7;
    at = write_text(at, KIND[flags >> 8 & 3]);
    at = write_text(at, flags & 0x4000 ? "PZ " : "");
    at = write_number(at, bcd(f->spec + 1, 2));
    if (bcd(f->spec + 3, 2))
        *at++ = '-', at = write_number(at, bcd(f->spec + 3, 2));
    at = write_text(at, "mm");
    if (wide) {
        at = write_tenths(write_text(at, " F"), wide);
        if (tele)
            *at++ = '-', at = write_tenths(at, tele);
    }
    at = write_text(at, CLASS[flags >> 2 & 3]);
    at = write_text(at, special == 4 ? " Fisheye" : special == 3 ? " Macro" : SPECIAL[special]);
    at = write_text(at, DRIVE[flags & 3]);
    at = write_text(at, flags & 0x8000 ? " OSS" : "");
    at = write_text(at, flags & 0x2000 ? " LE" : "");
    at = write_text(at, flags & 0x0800 ? " II" : "");
    at = write_text(at, " (0x");
    for (int shift = 12; shift >= 0; shift -= 4)
        *at++ = HEX[f->lens_id >> shift & 15];
    write_text(at, ")");
}

static void on_identified(lm_fw *fw)
{
    struct far *f = far_of(fw);
    char text[80];
    write_name(f, write_text(text, "it carries "));
    f->identified = true;
    fw->focus.to = clamped(fw->focus.to, 0, STEPS - 1);
    fw->iris.to = av_of(fastest(f, false));
    fw->host->log(fw->host->ctx, LM_NOTE, text);
    fw->host->log(fw->host->ctx, LM_NOTE,
                  "not translated: stabiliser, rings, speeds and smooth apertures, tables, firmware update");
}

static bool handle_unsupported(lm_fw *fw, uint8_t type, const uint8_t *f)
{
    enum { VELOCITY = 3, SMOOTH = 1, LIMITS = 0x21, TABLE = 0x23 };
    const struct far *lens = far_seen(fw);
    bool smooth = type == APERTURE_DRIVE && f[1] == SMOOTH, by_speed = type == FOCUS_DRIVE && f[1] == VELOCITY;
    if (smooth || by_speed || type == TABLE)
        refuse(fw, f[0], type, NOT_ABLE, 2);
    else if ((!has_motor(lens) && (type == FOCUS_DRIVE || type == LIMITS)) || (!has_diaphragm(lens) && type == APERTURE_DRIVE))
        refuse(fw, f[0], type, NOT_ABLE, 0);
    else
        return false;
    return true;
}

static void identity(lm_fw *fw, const uint8_t *f)
{
    const struct far *lens = far_seen(fw);
    struct reply *m = &fw->reply;
    char name[64], serial[16];
    write_name(lens, name), write_number(serial, lens->serial);
    begin(m, IDENTITY);
    put(m, 1, f[0]), put(m, 2, 0x9034), put(m, 2, lens->lens_id);
    put(m, 1, lens->version >> 8), put(m, 1, lens->version), put(m, 2, 0);
    put_text(m, name), put_text(m, serial);
}

/* What the lens can do, and the adapter itself, which allows single autofocus only. */
static void abilities(lm_fw *fw, const uint8_t *f)
{
    const struct far *lens = far_seen(fw);
    struct reply *m = &fw->reply;
    uint32_t kind = lens->spec[0] & 3;
    begin(m, ABILITIES);
    put(m, 1, f[0]), put(m, 1, kind == 1 || kind == 3 ? 1 : 2);
    put(m, 4, (has_diaphragm(lens) ? DIAPHRAGM : 0) | (has_motor(lens) ? MOTOR : 0));
    put(m, 4, shortest_mm(lens) * 1000), put(m, 4, longest_mm(lens) * 1000);
    put(m, 2, av_of(fastest(lens, false))), put(m, 2, av_of(fastest(lens, true))), put(m, 2, SMALLEST);
    put(m, 2, has_motor(lens) ? STEPS : 0), put(m, 4, NEAREST_MM), put(m, 1, 0);
    put(m, 1, has_motor(lens));
    if (has_motor(lens))
        put(m, 2, 60);
    put(m, 1, 0);
    begin(m, ACCESSORY_REPORT);
    put(m, 1, 1), put(m, 1, 3), put(m, 2, 0x9034), put(m, 2, 0x332C), put(m, 2, 1000), put(m, 1, 1);
}

static void metadata(lm_fw *fw, const uint8_t *f)
{
    const struct far *lens = far_seen(fw);
    struct reply *m = &fw->reply;
    char text[64], *end;
    begin(m, METADATA);
    put(m, 1, f[0]), put(m, 1, has_motor(lens) ? 7 : 6);
    write_tenths(text, focal_um(fw) / 100);
    put(m, 2, 0x920A), put_text(m, text);
    write_f_number(text, place(fw, &fw->iris));
    put(m, 2, 0x829D), put_text(m, text);
    if (has_motor(lens)) {
        write_metres(text, distance_mm(fw, 0));
        put(m, 2, 0x9206), put_text(m, text);
    }
    end = write_number(text, shortest_mm(lens));
    *end++ = ' ', end = write_number(end, longest_mm(lens));
    *end++ = ' ', end = write_tenths(end, fastest(lens, false));
    *end++ = ' ', write_tenths(end, fastest(lens, true));
    put(m, 2, 0xA432), put_text(m, text);
    put(m, 2, 0xA433), put_text(m, "modelled");
    write_name(lens, text);
    put(m, 2, 0xA434), put_text(m, text);
    write_number(text, lens->serial);
    put(m, 2, 0xA435), put_text(m, text);
}

/* ---- the interface ---- */

const lm_info *lm_fw_info(void)
{
    static const lm_info INFO = {
        .abi = LM_ABI, .size = sizeof INFO, .dialect = "lmount", .name = "Example adapter", .version = "1.0",
        .roles = 1u << LM_ADAPTER, .memory = sizeof(struct adapter), .alignment = 8,
        .rises = 1u << LMOUNT_V_LOGIC | 1u << LMOUNT_V_DRIVE | 1u << LMOUNT_BODY_ATT,
        .falls = 1u << LMOUNT_V_LOGIC | 1u << LMOUNT_V_DRIVE | 1u << LMOUNT_BODY_ATT | 1u << LMOUNT_FSYNC,
        .far_dialect = "emount",
        .far_rises = 1u << EMOUNT_RXD | 1u << EMOUNT_LENS_CS | 1u << EMOUNT_XDETECT,
        .far_falls = 1u << EMOUNT_RXD | 1u << EMOUNT_LENS_CS | 1u << EMOUNT_XDETECT,
    };
    return &INFO;
}

lm_fw *lm_fw_init(void *memory, const lm_host *host, const lm_setup *setup, uint64_t now_us)
{
    lm_fw *fw = memory;
    struct far *f = far_of(fw);
    if (setup->role != LM_ADAPTER) {
        host->log(host->ctx, LM_TROUBLE, "this firmware is an adapter");
        return NULL;
    }
    lens_init(fw, host, setup, now_us);
    f->rxd = setup->far_levels >> EMOUNT_RXD & 1;
    f->lens_cs = setup->far_levels >> EMOUNT_LENS_CS & 1;
    drive(fw, LMOUNT_DETECT, setup->far_levels >> EMOUNT_XDETECT & 1);
    if (fw->logic)
        far_on(fw);
    return fw;
}

void lm_fw_on_bytes(lm_fw *fw, const uint8_t *data, uint32_t size, uint64_t now_us) { lens_bytes(fw, data, size, now_us); }

void lm_fw_on_line(lm_fw *fw, uint32_t line, uint32_t level, uint64_t now_us)
{
    fw->now = now_us;
    if (line == LMOUNT_V_LOGIC && !(level && fw->logic)) {
        far_off(fw);
        if (level)
            far_on(fw);
    } else if (line == LMOUNT_V_DRIVE) {
        set_motors(fw, level);
    }
    lens_line(fw, line, level, now_us);
}

void lm_fw_on_far_bytes(lm_fw *fw, const uint8_t *data, uint32_t size, uint64_t now_us)
{
    struct far *f = far_of(fw);
    fw->now = now_us;
    while (fw->logic && size) {
        uint32_t room = sizeof f->rx - f->rx_size, part = size < room ? size : room;
        memcpy(f->rx + f->rx_size, data, part);
        f->rx_size += part;
        data += part, size -= part;
        scan_far(fw, false);
    }
}

void lm_fw_on_far_line(lm_fw *fw, uint32_t line, uint32_t level, uint64_t now_us)
{
    struct far *f = far_of(fw);
    fw->now = now_us;
    if (line == EMOUNT_XDETECT) {
        drive(fw, LMOUNT_DETECT, level);
    } else if (line == EMOUNT_RXD) {
        f->rxd = level;
    } else if (line == EMOUNT_LENS_CS) {
        f->lens_cs = level;
        /* A frame ends where the line falls, and a new one begins where it rises. */
        scan_far(fw, true);
        if (!level && f->step == S_REPLY_CS)
            far_timer(fw, T_FAR, now_us);
    }
}

void lm_fw_on_timer(lm_fw *fw, uint32_t timer, uint64_t now_us)
{
    struct far *f = far_of(fw);
    struct group *g = timer == T_FOCUS ? &fw->focus : &fw->iris;
    fw->now = now_us;
    switch (timer) {
    case T_FAR: far_step(fw); break;
    case T_VD: vd_falls(fw); break;
    case T_VD_RISE: far_drive(fw, EMOUNT_VD, true); break;
    case T_STATE:
        if (f->looping)
            send_state(fw);
        break;
    case T_MODE:
        if (f->looping)
            send_mode(fw);
        break;
    case T_TX_OPEN: open_window(fw); break;
    case T_TX: transmit_far(fw); break;
    case T_TX_END: tx_ended(fw); break;
    case T_FOCUS:
    case T_IRIS:
        if (moving(fw, g)) {
            set_timer(fw, (enum timer)timer, now_us + POLL_MOVE_US);
            break;
        }
        lens_timer(fw, timer, now_us);
        break;
    default: lens_timer(fw, timer, now_us); break;
    }
}
