/* The commands and the reports of a lens of the open model; after lmount_lens_link.h and the constants of the device. */
#ifndef LMOUNT_LENS_COMMANDS_H
#define LMOUNT_LENS_COMMANDS_H
#include "lmount_lens_link.h"

/* ---- moving groups ---- */

static int32_t absolute(int32_t value) { return value < 0 ? -value : value; }

static void end_drive(lm_fw *fw, struct group *g, uint8_t outcome)
{
    uint8_t number = g->number;
    set_timer(fw, g == &fw->focus ? T_FOCUS : T_IRIS, LM_NEVER);
    g->number = 0;
    if (number)
        queue_done(fw, number, g->type, outcome);
}

static bool can_move(const lm_fw *fw) { return fw->granted && fw->drive; }

/* ---- commands: each writes its answer; sections 4, 6 and 12 ---- */

static void answer_done(lm_fw *fw, const uint8_t *f, uint8_t type, uint8_t outcome)
{
    begin(&fw->reply, DONE_ANSWER);
    put(&fw->reply, 1, f[0]), put(&fw->reply, 1, type), put(&fw->reply, 1, outcome);
}

static void refuse(lm_fw *fw, uint8_t number, uint8_t type, uint8_t code, uint8_t field)
{
    begin(&fw->reply, REFUSAL);
    put(&fw->reply, 1, number), put(&fw->reply, 1, type), put(&fw->reply, 1, code), put(&fw->reply, 1, field);
}

static void challenge(lm_fw *fw)
{
    begin(&fw->reply, CHALLENGE_ANSWER);
    put(&fw->reply, 1, 0), put(&fw->reply, 2, 0);
}

static void rate_order(lm_fw *fw, const uint8_t *f)
{
    uint32_t rate = get(f + 1, 4);
    for (uint32_t i = 0; i < N_RATES; i++)
        if (rate == RATES[i]) {
            if (fw->changing) {
                refuse(fw, f[0], RATE_ORDER, NOT_NOW, 0);
                return;
            }
            fw->changing = true;
            fw->next_rate = rate;
            answer_done(fw, f, RATE_ORDER, ACCEPTED);
            return;
        }
    refuse(fw, f[0], RATE_ORDER, NOT_ABLE, 2);
}

static void sleep_order(lm_fw *fw, const uint8_t *f)
{
    if (fw->changing) {
        refuse(fw, f[0], SLEEP, NOT_NOW, 0);
        return;
    }
    halt(fw, &fw->focus), end_drive(fw, &fw->focus, STOPPED);
    halt(fw, &fw->iris), end_drive(fw, &fw->iris, STOPPED);
    if (!PLANTED(12)) {
        fw->stream_size = 0;
        set_timer(fw, T_CYCLE, LM_NEVER);
    }
    fw->homing = false;
    fw->asleep = true;
    answer_done(fw, f, SLEEP, DONE);
}

static void stream_order(lm_fw *fw, const uint8_t *f)
{
    uint8_t stream[STREAM] = {0};
    uint32_t count = 0;
    for (uint32_t i = 0; i < f[1]; i++) {
        uint8_t type = f[2 + i];
        if (type != FOCUS_STATE && type != APERTURE_STATE && type != ZOOM_STATE && type != STABILISER_STATE) {
            refuse(fw, f[0], 0x05, OUT_OF_RANGE, 2);
            return;
        }
        uint32_t known = 0;
        while (known < count && stream[known] != type)
            known++;
        if (PLANTED(1) || known == count)
            stream[count++] = type;
    }
    memcpy(fw->stream, stream, sizeof stream);
    fw->stream_size = count;
    answer_done(fw, f, 0x05, DONE);
}

static void power_grant(lm_fw *fw, const uint8_t *f)
{
    /* Section 4: focus becomes slower before the diaphragm does. In quarters of top speed. */
    static const uint8_t SHARES[5][2] = {{4, 4}, {2, 4}, {1, 4}, {1, 2}, {1, 1}};
    uint32_t step = 0, limit = get(f + 2, 2);
    if (f[1] > 4) {
        refuse(fw, f[0], 0x10, OUT_OF_RANGE, 2);
        return;
    }
    while ((step < 4 || PLANTED(13)) &&
           IDLE_MA + (uint32_t)FOCUS_MA * SHARES[step][0] / 4 + (uint32_t)DIAPHRAGM_MA * SHARES[step][1] / 4 > limit)
        step++;
    fw->granted = f[1];
    fw->focus_share = SHARES[step][0], fw->iris_share = SHARES[step][1];
    fw->reduced = (uint8_t)((step > 0) | (step > 2) << 2);
    fw->reported_ma = -MIN_CHANGE_MA;
    set_timer(fw, T_POWER, fw->granted ? fw->now + 2 * DELAY_US : LM_NEVER);
    answer_done(fw, f, 0x10, DONE);
    home(fw);
}

static void crop_notice(lm_fw *fw, const uint8_t *f)
{
    if (f[1] != 1 && f[1] != 2)
        refuse(fw, f[0], 0x11, OUT_OF_RANGE, 2);
    else
        answer_done(fw, f, 0x11, DONE);
}

static int32_t within_limits(const lm_fw *fw, int64_t to)
{
    to = to > fw->limit_near ? fw->limit_near : to;
    return (int32_t)(to < fw->limit_far ? fw->limit_far : to);
}

static void focus_drive(lm_fw *fw, const uint8_t *f, uint32_t size)
{
    enum { STOP, ABSOLUTE, RELATIVE, VELOCITY, NEAR_END, FAR_END, HOME };
    uint8_t kind = f[1];
    int64_t value = get_s32(f + 2), to;
    uint32_t speed = get(f + 6, 2), top = focus_speed(fw);
    int32_t here = place(fw, &fw->focus);
    if (!can_move(fw) && !PLANTED(14)) {
        refuse(fw, f[0], FOCUS_DRIVE, NO_POWER, 0);
    } else if (!is_homed(fw)) {
        refuse(fw, f[0], FOCUS_DRIVE, NOT_NOW, 0);
    } else if (kind > HOME) {
        refuse(fw, f[0], FOCUS_DRIVE, OUT_OF_RANGE, 2);
    } else if (kind == ABSOLUTE && (value < 0 || value >= STEPS)) {
        refuse(fw, f[0], FOCUS_DRIVE, OUT_OF_RANGE, 3);
    } else if (size >= 10) {
        refuse(fw, f[0], FOCUS_DRIVE, NOT_AGREED, 5); /* arrival at a frame is a feature that we do not name */
    } else if (kind == STOP) {
        halt(fw, &fw->focus), end_drive(fw, &fw->focus, STOPPED);
        answer_done(fw, f, FOCUS_DRIVE, DONE);
    } else {
        speed = speed > 0 && speed < top ? speed : top;
        if (kind == VELOCITY && value && (value < 0 ? -value : value) < (int64_t)speed)
            speed = (uint32_t)(value < 0 ? -value : value);
        if (PLANTED(10) && kind == VELOCITY && !value)
            speed = 0;
        to = kind == ABSOLUTE ? value
           : kind == RELATIVE ? here + (PLANTED(15) ? here + (int32_t)value : value)
           : kind == VELOCITY && !value ? here
           : kind == NEAR_END || (kind == VELOCITY && value > 0) ? STEPS - 1 : 0;
        if (!PLANTED(16))
            end_drive(fw, &fw->focus, REPLACED);
        else if (fw->focus.number)
            queue_frame(fw, ORDER, &fw->reply, 30, 0, 0); /* the replaced drive gets no end */
        go(fw, &fw->focus, kind == HOME ? 0 : within_limits(fw, to), speed, 0, f[0]);
        answer_done(fw, f, FOCUS_DRIVE, ACCEPTED);
    }
}

static void focus_limits(lm_fw *fw, const uint8_t *f)
{
    int32_t near = (int32_t)get(f + 1, 2), far = (int32_t)get(f + 3, 2), to;
    if (!can_move(fw)) {
        refuse(fw, f[0], 0x21, NO_POWER, 0);
    } else if (near >= STEPS) {
        refuse(fw, f[0], 0x21, OUT_OF_RANGE, 2);
    } else if (far > near) {
        refuse(fw, f[0], 0x21, OUT_OF_RANGE, 3);
    } else {
        fw->limit_near = near, fw->limit_far = far;
        answer_done(fw, f, 0x21, DONE);
        to = within_limits(fw, fw->focus.to);
        if (to != fw->focus.to && !fw->homing) /* a drive goes on to the limit; without one no Done reports it */
            go(fw, &fw->focus, to, focus_speed(fw), 0, fw->focus.number);
    }
}

static void focus_table(lm_fw *fw, const uint8_t *f)
{
    struct reply *m = &fw->reply;
    if (f[1] == 1) {
        begin(m, DISTANCE_SCALE);
        put(m, 1, f[0]), put(m, 4, focal_um(fw)), put(m, 1, SCALE_POINTS);
        for (int32_t i = 0; i < SCALE_POINTS; i++) {
            int32_t position = (STEPS - 1) * i / (SCALE_POINTS - 1);
            put(m, 2, position), put(m, 4, distance_mm(fw, position));
        }
    } else if (f[1] == 2 && fw->features & BREATHING) {
        begin(m, BREATHING_TABLE);
        put(m, 1, f[0]), put(m, 4, focal_um(fw)), put(m, 1, BREATHING_POINTS);
        for (int32_t i = 0; i < BREATHING_POINTS; i++)
            put(m, 2, 32768 + 983 * i / (BREATHING_POINTS - 1));
    } else {
        refuse(fw, f[0], 0x23, f[1] == 2 || f[1] == 3 ? NOT_AGREED : OUT_OF_RANGE, 2);
    }
}

static void aperture_drive(lm_fw *fw, const uint8_t *f)
{
    enum { QUICK, SMOOTH, STOP_DOWN, PREVIEW, OPEN };
    int32_t to = f[1] == OPEN ? widest(fw) : get_s16(f + 2);
    if (!can_move(fw)) {
        refuse(fw, f[0], APERTURE_DRIVE, NO_POWER, 0);
    } else if (f[1] > OPEN) {
        refuse(fw, f[0], APERTURE_DRIVE, OUT_OF_RANGE, 2);
    } else if (to < LOWEST_AV || to > HIGHEST_AV) {
        refuse(fw, f[0], APERTURE_DRIVE, OUT_OF_RANGE, 3);
    } else {
        to = to < widest(fw) ? widest(fw) : to > smallest(fw) && !PLANTED(17) ? smallest(fw) : to;
        end_drive(fw, &fw->iris, REPLACED);
        go(fw, &fw->iris, to, (uint32_t)AV_PER_S * fw->iris_share / 4, f[1] == SMOOTH ? get(f + 4, 4) : 0, f[0]);
        answer_done(fw, f, APERTURE_DRIVE, ACCEPTED);
    }
}

static void correction(lm_fw *fw, const uint8_t *f)
{
    static const int16_t DATA[4][4] = {{410, 500, -100, 10}, {8, 4, -6, -3}, {-3000, -1200, -800}, {300}};
    static const uint8_t COUNT[4] = {4, 4, 3, 1};
    struct reply *m = &fw->reply;
    uint8_t kind = f[1];
    uint32_t distance = get(f + 6, 4);
    int32_t aperture = get_s16(f + 10);
    if (!(fw->features & CORRECTIONS)) {
        refuse(fw, f[0], 0x40, NOT_AGREED, 0);
    } else if ((kind < 1 || kind > 4) && !(PLANTED(18) && kind > 4)) {
        refuse(fw, f[0], 0x40, OUT_OF_RANGE, 2);
    } else if (kind == 4 && !(fw->features & BREATHING)) {
        refuse(fw, f[0], 0x40, NOT_AGREED, 2);
    } else {
        distance = distance < NEAREST_MM ? NEAREST_MM : distance > INFINITY_MM ? INFINITY_MM : distance;
        aperture = aperture < widest(fw) ? widest(fw) : aperture > smallest(fw) ? smallest(fw) : aperture;
        begin(m, CORRECTION);
        put(m, 1, f[0]), put(m, 1, kind), put(m, 4, focal_um(fw)), put(m, 4, distance), put(m, 2, aperture);
        put(m, 1, COUNT[kind - 1]);
        for (uint32_t i = 0; i < COUNT[kind - 1]; i++)
            put(m, 2, DATA[kind - 1][i]);
    }
}

/* The orders of the body: their least size, and the list at their end (width of its count, size of an item). */
static const struct order {
    uint8_t type, least, count_width, item;
} ORDERS[] = {
    {0x02, 3, 2, 1}, {0x03, 5, 0, 0}, {0x04, 2, 0, 0}, {0x05, 2, 1, 1}, {0x08, 1, 0, 0}, {0x09, 1, 0, 0},
    {0x0B, 1, 0, 0}, {0x10, 5, 0, 0}, {0x11, 2, 0, 0}, {0x20, 8, 0, 0}, {0x21, 5, 0, 0}, {0x22, 7, 0, 0},
    {0x23, 6, 0, 0}, {0x28, 8, 0, 0}, {0x30, 7, 0, 0}, {0x38, 5, 0, 0}, {0x40, 12, 0, 0}, {0x60, 17, 0, 0},
    {0x61, 11, 2, 1}, {0x62, 1, 0, 0}, {0x63, 1, 0, 0}, {0x70, 2, 1, 3}, {0x71, 5, 2, 1},
};

static const struct order *find_order(uint8_t type)
{
    for (uint32_t i = 0; i < sizeof ORDERS / sizeof *ORDERS; i++)
        if (ORDERS[i].type == type)
            return &ORDERS[i];
    return NULL;
}

static bool long_enough(const struct order *o, const uint8_t *fields, uint32_t size)
{
    if (size < o->least)
        return false;
    return (size - o->least) >= get(fields + o->least - o->count_width, o->count_width) * o->item;
}

static void execute(lm_fw *fw, uint8_t type, const uint8_t *f, uint32_t size)
{
    if (handle_unsupported(fw, type, f))
        return;
    switch (type) {
    case 0x02: challenge(fw); break;
    case 0x03: rate_order(fw, f); break;
    case 0x04: sleep_order(fw, f); break;
    case 0x05: stream_order(fw, f); break;
    case 0x08: identity(fw, f); break;
    case 0x09: abilities(fw, f); break;
    case 0x0B: metadata(fw, f); break;
    case 0x10: power_grant(fw, f); break;
    case 0x11: crop_notice(fw, f); break;
    case 0x20: focus_drive(fw, f, size); break;
    case 0x21: focus_limits(fw, f); break;
    case 0x23: focus_table(fw, f); break;
    case 0x28: aperture_drive(fw, f); break;
    case 0x40: correction(fw, f); break;
    case 0x22: refuse(fw, f[0], type, NOT_ABLE, 2); break; /* it has no ring */
    case 0x30:
    case 0x38: refuse(fw, f[0], type, NOT_ABLE, 0); break; /* nor powered zoom, nor a stabiliser */
    default: refuse(fw, f[0], type, NOT_AGREED, 0); break; /* nor pages, nor updates */
    }
}

/* Answer one order; the same bytes get the same answer, and are executed once. */
static void on_order(lm_fw *fw, const uint8_t *raw, uint32_t size, bool whole)
{
    struct kept *kept;
    const struct order *o = find_order(raw[0]);
    uint8_t number = size > 3 ? raw[3] : 0, code = 0, flags = 0;
    for (uint32_t i = 0; i < KEPT; i++) {
        kept = &fw->kept[i];
        if (kept->size == size && !memcmp(kept->order, raw, size)) {
            if (kept->flags & F_RATE)
                fw->changing = true, fw->next_rate = get(raw + 4, 4);
            queue_frame(fw, ORDER, &kept->reply, DELAY_US + jitter(fw), UINT64_MAX, kept->flags);
            return;
        }
    }
    if ((raw[0] == FRAME_START && whole && size >= 9) || (raw[0] == ANGULAR_RATE && whole && size >= 15))
        number = 0; /* these have no number */
    if (raw[0] == BODY_HELLO || (o && (!whole || !long_enough(o, raw + 3, size - 3))))
        code = DAMAGED;
    else if (!o)
        code = UNKNOWN_MESSAGE;
    else if (!fw->hello_sent || (fw->asleep && !PLANTED(19)))
        code = NOT_NOW;
    fw->orders++;
    if (PLANTED(20) && (fw->orders & 0xFF) == 0)
        return; /* the planted defect: a counter of one byte */
    if (PLANTED(21) && raw[0] == 0x11 && moving(fw, &fw->focus) && moving(fw, &fw->iris))
        return; /* the planted defect: a rare combination */
    memset(&fw->reply, 0, sizeof fw->reply);
    if (code)
        refuse(fw, number, raw[0], code, 0);
    else
        execute(fw, raw[0], raw + 3, size - 3);
    if (raw[0] == RATE_ORDER && fw->reply.bytes[0] == DONE_ANSWER)
        flags = F_RATE;
    queue_frame(fw, ORDER, &fw->reply, DELAY_US + jitter(fw), UINT64_MAX, flags);
    if (fw->hello_sent && size <= sizeof kept->order) {
        kept = &fw->kept[fw->next_kept];
        kept->size = (uint16_t)size;
        kept->flags = flags;
        memcpy(kept->order, raw, size);
        kept->reply = fw->reply;
        fw->next_kept = (fw->next_kept + 1) % KEPT;
    }
}

/* ---- reports ---- */

static void report(lm_fw *fw, struct reply *m, uint8_t type)
{
    enum { MOVING = 1, REACHED = 2, NEAR = 4, FAR = 8, HOMING = 32, RELIABLE = 64 };
    int32_t position = place(fw, &fw->focus);
    begin(m, type);
    put(m, 2, 0); /* the number of the frame, which may arrive later */
    if (type == FOCUS_STATE) {
        put(m, 2, position), put(m, 2, fw->focus.to), put(m, 2, velocity(fw)), put(m, 4, distance_mm(fw, position));
        put(m, 1, focus_flags(fw) | (moving(fw, &fw->focus) ? MOVING : REACHED) | (position == STEPS - 1 ? NEAR : 0) |
                      (position == 0 ? FAR : 0) | (fw->homing ? HOMING : 0) | (is_homed(fw) ? RELIABLE : 0));
    } else if (type == APERTURE_STATE) {
        put(m, 2, place(fw, &fw->iris)), put(m, 2, fw->iris.to), put(m, 2, widest(fw)), put(m, 2, smallest(fw)), put(m, 2, 0);
        put(m, 1, moving(fw, &fw->iris) ? MOVING : REACHED);
    } else if (type == ZOOM_STATE) {
        put(m, 4, focal_um(fw)), put(m, 1, 0), put(m, 1, 0);
    } else {
        put(m, 1, 0), put(m, 2, 0), put(m, 2, 0), put(m, 2, 0), put(m, 1, 0); /* off, and without a range */
    }
}

/* Sample the reports at the beginning of a frame. */
static void begin_reports(lm_fw *fw)
{
    fw->frame_at = fw->now;
    if (!fw->stream_size)
        return;
    memset(&fw->cycle, 0, sizeof fw->cycle);
    for (uint32_t i = 0; i < fw->stream_size; i++)
        report(fw, &fw->cycle, fw->stream[i]);
    set_timer(fw, T_CYCLE, fw->now + CYCLE_US);
}

static void on_frame_signal(lm_fw *fw)
{
    fw->frame = fw->frame < 0 ? 0 : (fw->frame + 1) & 0xFFFF;
    begin_reports(fw);
}

static void send_reports(lm_fw *fw)
{
    if (fw->frame < 0)
        return;
    for (uint32_t at = 0; at + 5 <= fw->cycle.size; at += 3 + get(fw->cycle.bytes + at + 1, 2)) {
        fw->cycle.bytes[at + 3] = (uint8_t)fw->frame;
        fw->cycle.bytes[at + 4] = (uint8_t)(fw->frame >> 8);
    }
    /* The planted defect: late reports are not dropped. */
    queue_frame(fw, CYCLE, &fw->cycle, 0, PLANTED(23) ? UINT64_MAX : fw->frame_at + CYCLE_LATEST_US - SETUP_US, 0);
}

static void report_power(lm_fw *fw)
{
    struct reply m = {0};
    int32_t draw = IDLE_MA + (moving(fw, &fw->focus) ? FOCUS_MA * fw->focus_share / 4 : 0) +
                   (moving(fw, &fw->iris) ? DIAPHRAGM_MA * fw->iris_share / 4 : 0);
    if (!fw->granted)
        return;
    fw->peak_ma = draw > fw->peak_ma ? draw : fw->peak_ma;
    if (!fw->asleep && absolute(draw - fw->reported_ma) >= MIN_CHANGE_MA) {
        begin(&m, POWER_REPORT);
        put(&m, 2, draw), put(&m, 2, fw->peak_ma), put(&m, 1, fw->reduced);
        queue_frame(fw, EVENT, &m, DELAY_US, UINT64_MAX, 0);
        fw->reported_ma = draw, fw->peak_ma = 0;
    }
    set_timer(fw, T_POWER, fw->now + REPORT_US);
}

static void brown_out(lm_fw *fw)
{
    struct reply m = {0};
    begin(&m, BROWN_OUT);
    put(&m, 2, 0);
    queue_frame(fw, EVENT, &m, 0, UINT64_MAX, 0);
}

#endif
