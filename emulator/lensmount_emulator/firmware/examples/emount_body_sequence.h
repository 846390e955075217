/* What an E-mount body does at the far port of an adapter: it starts its lens, runs the loop with it, puts it to sleep and
 * wakes it, and reads what the lens sends. After emount_body_link.h. */
#ifndef EMOUNT_BODY_SEQUENCE_H
#define EMOUNT_BODY_SEQUENCE_H
#include "emount_body_link.h"

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
    send_far(fw, E_REQUEST, 0, payload, size);
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

static void list_done(lm_fw *fw)
{
    struct far *f = far_of(fw);
    if (f->list == IDENTIFY) {
        lens_identified(fw);
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
    send_far(fw, E_LOOP, f->sequence, m, f->frame == 0 && f->slow_starter ? 21 : 24);
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
    send_far(fw, E_LOOP, f->sequence, m, size);
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
    lens_status_received(fw);
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
    lens_loop_received(fw);
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

static void scan_far(lm_fw *fw, bool ended)
{
    struct far *f = far_of(fw);
    uint32_t at = 0;
    while (at < f->rx_size) {
        int32_t size = check_e_frame(f->rx + at, f->rx_size - at, F_MAX);
        if (size == 0 && !ended)
            break;
        if (size > 0) {
            const uint8_t *frame = f->rx + at;
            if (frame[3] == E_LOOP)
                on_loop(fw, frame + 5, (uint32_t)size - E_AROUND);
            else if (frame[3] == E_REQUEST)
                on_reply(fw, frame + 5, (uint32_t)size - E_AROUND);
        }
        at += size > 0 ? (uint32_t)size : 1;
    }
    discard(f->rx, &f->rx_size, at);
}

#endif
