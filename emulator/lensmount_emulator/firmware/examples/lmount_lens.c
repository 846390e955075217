/* A lens for the open model of an L-Mount link, as firmware: written from protocol/spec/lmount.md; section numbers are
 * those of that specification. An autofocus prime with a diaphragm, corrections and breathing data; it has no
 * stabiliser, no ring, no pages, and takes no update. C11 without a library but memcpy, memset and memcmp.
 *
 *     lensmount firmware build lmount_lens.c
 *     lensmount loopback --lens-firmware ./lmount_lens.so --script "check all; sleep"
 *
 * lmount_adapter.c includes this file: the link, the orders and the reports are the same, and what is between the
 * lines `#ifndef LMOUNT_ADAPTER` and `#endif` is another lens there.
 *
 * LM_PLANTED selects a deliberate defect by its number, so that tests can measure which of them a fuzzer finds. */
#include "lensmount_firmware.h"
#include "lensmount_lines_lmount.h"
#include <stdbool.h>
#include <stddef.h>
#if __STDC_HOSTED__
#include <string.h>
#else
void *memcpy(void *to, const void *from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int value, size_t size);
int memcmp(const void *one, const void *two, size_t size);
#endif

#ifndef LM_PLANTED
#define LM_PLANTED 0
#endif
#define PLANTED(number) (LM_PLANTED == (number))

/* ---- the link, sections 3 to 6 and 12 ---- */

enum { START = 0xE0, HEAD = 5, TAIL = 2, MIN_FRAME = 10, MAX_FRAME = 600, MAX_PAYLOAD = 512 };
enum { LINK = 1, CYCLE = 2, ORDER = 3, EVENT = 4 };
enum { ACCEPTED = 0, DONE = 1, STOPPED = 2, REPLACED = 3 };
enum { UNKNOWN_MESSAGE = 1, NOT_ABLE = 2, OUT_OF_RANGE = 3, NOT_NOW = 4, NO_POWER = 5, DAMAGED = 7, NOT_AGREED = 8 };
enum {
    BODY_HELLO = 0x01, RATE_ORDER = 0x03, SLEEP = 0x04, FOCUS_DRIVE = 0x20, APERTURE_DRIVE = 0x28,
    ANGULAR_RATE = 0x39, FRAME_START = 0x48,
    LENS_HELLO = 0x81, CHALLENGE_ANSWER = 0x82, REFUSAL = 0x84, DONE_ANSWER = 0x85, IDENTITY = 0x88, ABILITIES = 0x89,
    METADATA = 0x8B, POWER_REPORT = 0x90, BROWN_OUT = 0x91, FOCUS_STATE = 0xA0, DISTANCE_SCALE = 0xA3,
    BREATHING_TABLE = 0xA4, APERTURE_STATE = 0xA8, ZOOM_STATE = 0xB0, STABILISER_STATE = 0xB8, CORRECTION = 0xC0
};
enum { DELAY_US = 120, HELLO_US = 500, CYCLE_US = 300, CYCLE_LATEST_US = 1500, SETUP_US = 12, HOLD_US = 5, GAP_US = 12 };
enum { WAKE_US = 3000, SWITCH_US = 1000, SILENCE_US = 1000000, GARBAGE_US = 2000, REPORT_US = 100000 };
enum { SUPPLIES_FALL_US = 500 };

/* ---- this lens ---- */

enum { CORRECTIONS = 1 << 2, BREATHING = 1 << 3, DIAPHRAGM = 1 << 0, MOTOR = 1 << 1 };
enum { REVISION = 2, INFINITY_MM = 65535000, LOWEST_AV = -1024, HIGHEST_AV = 4096, NORMAL_POWER = 2, MIN_CHANGE_MA = 20 };
static const uint32_t RATES[] = {115200, 750000, 1500000};
enum { N_RATES = 3, KEPT = 8, QUEUE = 48, MAX_REPLY = 192, STREAM = 4, SCALE_POINTS = 16, BREATHING_POINTS = 9 };
#ifndef LMOUNT_ADAPTER
enum { FEATURES = CORRECTIONS | BREATHING, PARTS = DIAPHRAGM | MOTOR, MAKER = 0xC0DE, MODEL = 1 };
enum { FOCAL_UM = 35000, STEPS = 3000, NEAREST_MM = 300, WIDEST = 512, SMALLEST = 2283 };
enum { STEPS_PER_S = 12000, AV_PER_S = 15360, IDLE_MA = 40, FOCUS_MA = 150, DIAPHRAGM_MA = 60, BOOT_US = 60000 };
static const char NAME[] = "Example 35mm F2", SERIAL[] = "0000001", MAKER_NAME[] = "Example";
#endif

enum timer { T_BOOT, T_SEND, T_SENT, T_NEXT, T_FOCUS, T_IRIS, T_CYCLE, T_POWER, T_RATE, T_SILENCE, T_WAKE, T_BROWN_OUT,
             T_HOME };
enum flag { F_HELLO = 1, F_RATE = 2 };

/* A group that moves evenly from one place to another. */
struct group {
    int32_t from, to;
    uint64_t began, ends;
    uint8_t type, number; /* the order that drives it; number 0 for none */
};

struct reply {
    uint16_t size, begins; /* size of all, and where the last message begins */
    uint8_t bytes[MAX_REPLY];
};

struct frame {
    uint64_t not_before, until; /* it begins between these times */
    uint8_t class_, flags;
    struct reply payload;
};

struct lm_fw {
    const lm_host *host;
    uint64_t now, random;
    bool logic, drive, body_att, lens_att;
    /* positions: they stay where they are without supply */
    struct group focus, iris;
    /* all below is forgotten without supply */
    bool started, boot_signal, hello_sent, asleep, waking, homed, homing, changing, switching;
    uint32_t rate, next_rate, features;
    uint8_t granted, reduced, focus_share, iris_share; /* shares of top speed, in quarters */
    int32_t limit_far, limit_near;
    uint8_t stream[STREAM];
    uint32_t stream_size;
    int32_t frame; /* -1: no number is known */
    uint64_t frame_at;
    uint32_t period_us;
    struct reply cycle; /* the reports of this frame, sampled at its beginning */
    int32_t reported_ma, peak_ma;
    /* sending */
    uint8_t sequence;
    bool busy;
    uint64_t free_at;
    uint32_t queue_first, queue_count;
    struct frame queue[QUEUE];
    struct frame sent; /* the frame that is being sent */
    /* receiving */
    uint8_t rx[2 * MAX_FRAME];
    uint32_t rx_size;
    uint64_t rx_at, frame_rx_at;
    /* answers */
    struct kept {
        uint16_t size;
        uint8_t order[MAX_PAYLOAD + 8], flags;
        struct reply reply;
    } kept[KEPT];
    uint32_t next_kept, orders;
    struct reply reply; /* the answer that is being made */
};

static void set_timer(lm_fw *fw, enum timer timer, uint64_t at) { fw->host->set_timer(fw->host->ctx, timer, at); }

static void drive(lm_fw *fw, uint32_t line, bool level) { fw->host->drive_line(fw->host->ctx, line, level); }

static void attention(lm_fw *fw, bool level)
{
    if (fw->lens_att != level) {
        fw->lens_att = level;
        drive(fw, LMOUNT_LENS_ATT, level);
    }
}

/* A reaction differs by up to 3 us from one time to the next, as it does with interrupts; without a seed it does not. */
static uint64_t jitter(lm_fw *fw)
{
    if (!fw->random)
        return 0;
    fw->random ^= fw->random << 13, fw->random ^= fw->random >> 7, fw->random ^= fw->random << 17;
    return fw->random & 3;
}

/* ---- fields ---- */

static uint32_t get(const uint8_t *at, uint32_t width)
{
    uint32_t value = 0;
    for (uint32_t i = 0; i < width; i++)
        value |= (uint32_t)at[i] << 8 * i;
    return value;
}

static int32_t get_s16(const uint8_t *at) { return (int32_t)get(at, 2) - (at[1] & 0x80 ? 0x10000 : 0); }

static int64_t get_s32(const uint8_t *at) { return (int64_t)get(at, 4) - (at[3] & 0x80 ? INT64_C(0x100000000) : 0); }

static void put(struct reply *m, uint32_t width, int64_t value)
{
    for (uint32_t i = 0; i < width && m->size < MAX_REPLY; i++)
        m->bytes[m->size++] = (uint8_t)(value >> 8 * i);
    m->bytes[m->begins + 1] = (uint8_t)(m->size - m->begins - 3);
    m->bytes[m->begins + 2] = (uint8_t)((m->size - m->begins - 3) >> 8);
}

static void put_text(struct reply *m, const char *text)
{
    uint32_t size = 0;
    while (text[size])
        size++;
    put(m, 1, size);
    while (*text)
        put(m, 1, *text++);
}

/* Begin a message after those that are there. */
static void begin(struct reply *m, uint8_t type)
{
    m->begins = m->size;
    m->size = (uint16_t)(m->size + 3);
    m->bytes[m->begins] = type;
    put(m, 0, 0);
}

static char *write_number(char *at, uint32_t value)
{
    char digits[10];
    uint32_t count = 0;
    do
        digits[count++] = (char)('0' + value % 10);
    while (value /= 10);
    while (count)
        *at++ = digits[--count];
    *at = 0;
    return at;
}

static char *write_text(char *at, const char *text)
{
    while (*text)
        *at++ = *text++;
    *at = 0;
    return at;
}

/* ---- sending, section 3: the attention line frames each frame ---- */

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

static struct frame *queued(lm_fw *fw, uint32_t index) { return &fw->queue[(fw->queue_first + index) % QUEUE]; }

static void send_next(lm_fw *fw)
{
    if (fw->busy || fw->switching)
        return;
    while (fw->queue_count && queued(fw, 0)->until < fw->now)
        fw->queue_first = (fw->queue_first + 1) % QUEUE, fw->queue_count--;
    if (!fw->queue_count)
        return;
    uint64_t at = queued(fw, 0)->not_before > fw->free_at ? queued(fw, 0)->not_before : fw->free_at;
    if (at > fw->now) {
        set_timer(fw, T_NEXT, at);
        return;
    }
    fw->busy = true;
    fw->sent = *queued(fw, 0);
    fw->queue_first = (fw->queue_first + 1) % QUEUE, fw->queue_count--;
    attention(fw, true);
    set_timer(fw, T_SEND, fw->now + (PLANTED(7) && fw->orders % 16 == 11 ? 0 : SETUP_US));
}

static void send_frame(lm_fw *fw)
{
    uint8_t bytes[HEAD + MAX_REPLY + TAIL];
    const struct reply *payload = &fw->sent.payload;
    uint32_t size = HEAD + payload->size;
    bytes[0] = START;
    bytes[1] = (uint8_t)payload->size;
    bytes[2] = (uint8_t)(payload->size >> 8);
    bytes[3] = fw->sent.class_;
    bytes[4] = fw->sequence++;
    if (PLANTED(8) && fw->sequence == 200)
        fw->sequence = 0;
    memcpy(bytes + HEAD, payload->bytes, payload->size);
    uint16_t crc = crc16(bytes + 1, size - 1);
    bytes[size++] = (uint8_t)crc;
    bytes[size++] = (uint8_t)(crc >> 8);
    if (fw->sent.flags & F_HELLO)
        fw->hello_sent = true;
    fw->host->transmit(fw->host->ctx, bytes, size);
    uint64_t lasts = ((uint64_t)size * 10 * 1000000 + fw->rate - 1) / fw->rate + HOLD_US;
    /* The planted defect: with both motors at work the line falls one byte too early. */
    if (PLANTED(9) && fw->now < fw->focus.ends && fw->now < fw->iris.ends)
        lasts -= 10 * 1000000 / fw->rate + HOLD_US;
    set_timer(fw, T_SENT, fw->now + lasts);
}

static void frame_sent(lm_fw *fw)
{
    attention(fw, false);
    fw->busy = false;
    fw->free_at = fw->now + GAP_US;
    if (fw->sent.flags & F_RATE && fw->changing) {
        fw->switching = true;
        set_timer(fw, T_RATE, fw->now - HOLD_US + SWITCH_US);
    }
    send_next(fw);
}

static void queue_frame(lm_fw *fw, uint8_t class_, const struct reply *payload, uint64_t delay, uint64_t until,
                        uint8_t flags)
{
    struct frame *frame;
    if (fw->queue_count >= QUEUE)
        return;
    if (class_ == CYCLE) { /* reports come before queued answers */
        fw->queue_first = (fw->queue_first + QUEUE - 1) % QUEUE;
        frame = queued(fw, 0);
    } else {
        frame = queued(fw, fw->queue_count);
    }
    fw->queue_count++;
    frame->not_before = fw->now + delay;
    frame->until = until;
    frame->class_ = class_;
    frame->flags = flags;
    frame->payload = *payload;
    send_next(fw);
}

static void queue_done(lm_fw *fw, uint8_t number, uint8_t type, uint8_t outcome)
{
    struct reply m = {0};
    begin(&m, DONE_ANSWER);
    put(&m, 1, number), put(&m, 1, type), put(&m, 1, outcome);
    queue_frame(fw, ORDER, &m, 30, UINT64_MAX, 0);
}

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

#ifndef LMOUNT_ADAPTER
static bool moving(const lm_fw *fw, const struct group *g) { return fw->now < g->ends; }

static int32_t place(const lm_fw *fw, const struct group *g)
{
    if (fw->now >= g->ends)
        return g->to;
    return g->from + (int32_t)((int64_t)(g->to - g->from) * (int64_t)(fw->now - g->began) / (int64_t)(g->ends - g->began));
}

static void halt(lm_fw *fw, struct group *g)
{
    g->from = g->to = place(fw, g);
    g->ends = 0;
}

/* Move, at so many units a second, in at least `least_us`; the end is reported after the acceptance. */
static void go(lm_fw *fw, struct group *g, int32_t to, uint32_t speed, uint64_t least_us, uint8_t number)
{
    int32_t from = place(fw, g);
    uint64_t lasts = (uint64_t)absolute(to - from) * 1000000 / (PLANTED(10) || speed ? speed : 1);
    if (lasts && lasts < least_us)
        lasts = least_us;
    g->from = from;
    g->to = to;
    g->began = fw->now;
    g->ends = lasts ? fw->now + lasts : 0;
    g->number = number;
    uint64_t reported = fw->now + (lasts > 3 * DELAY_US ? lasts : 3 * DELAY_US);
    /* The planted defect: a drive without a distance reports its end at once, before its acceptance. */
    if (PLANTED(11) && !lasts)
        queue_done(fw, number, g->type, DONE), g->number = 0;
    else if (number)
        set_timer(fw, g == &fw->focus ? T_FOCUS : T_IRIS, reported);
}

static uint32_t focus_speed(const lm_fw *fw) { return (uint32_t)STEPS_PER_S * fw->focus_share / 4; }

static uint32_t distance_mm(const lm_fw *fw, int32_t position)
{
    (void)fw;
    return position <= 0 ? INFINITY_MM : (uint32_t)((int64_t)NEAREST_MM * (STEPS - 1) / position);
}

static int64_t velocity(const lm_fw *fw)
{
    const struct group *g = &fw->focus;
    int64_t speed;
    if (!moving(fw, g))
        return 0;
    speed = (int64_t)(g->to - g->from) * fw->period_us / (int64_t)(g->ends - g->began);
    return speed > 32767 ? 32767 : speed < -32768 ? -32768 : speed;
}

static void home(lm_fw *fw)
{
    if (!can_move(fw) || fw->homed || fw->homing)
        return;
    fw->homing = true;
    go(fw, &fw->focus, 0, focus_speed(fw) / 2, 0, 0);
    set_timer(fw, T_HOME, (fw->focus.ends ? fw->focus.ends : fw->now) + 5000);
}

static bool may_answer_hello(const lm_fw *fw)
{
    (void)fw;
    return true;
}

static bool is_homed(const lm_fw *fw) { return fw->homed; }

static uint8_t focus_flags(const lm_fw *fw)
{
    (void)fw;
    return 0;
}

/* Orders that only an adapter answers in its own way. */
static bool handle_unsupported(lm_fw *fw, uint8_t type, const uint8_t *f)
{
    (void)fw, (void)type, (void)f;
    return false;
}
#endif

/* ---- orders: each writes its answer; sections 4, 6 and 12 ---- */

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

/* 10 times 2 to the power of av/512, in 1/65536; 88783 / 65536000 is close to one 512th of a doubling. */
static uint32_t f_number_tenths(int32_t av)
{
    uint64_t value = UINT64_C(10) << 16;
    for (; av >= 512; av -= 512)
        value *= 2;
    for (; av > 0; av--)
        value += value * 88783 / 65536000;
    return (uint32_t)((value + 32768) >> 16);
}

static void write_f_number(char *text, int32_t av)
{
    uint32_t tenths = f_number_tenths(av);
    char *end = write_number(text, tenths / 10);
    *end++ = '.';
    write_number(end, tenths % 10);
}

/* A distance in metres with three decimals. */
static void write_metres(char *at, uint32_t mm)
{
    char *end;
    if (mm == INFINITY_MM) {
        write_text(at, "infinity");
        return;
    }
    end = write_number(at, mm / 1000);
    write_number(end, 1000 + mm % 1000);
    *end = '.'; /* in place of the first of four digits */
}

#ifndef LMOUNT_ADAPTER
static void identity(lm_fw *fw, const uint8_t *f)
{
    struct reply *m = &fw->reply;
    begin(m, IDENTITY);
    put(m, 1, f[0]), put(m, 2, MAKER), put(m, 2, MODEL), put(m, 4, 1);
    put_text(m, NAME), put_text(m, SERIAL);
}

static void abilities(lm_fw *fw, const uint8_t *f)
{
    struct reply *m = &fw->reply;
    begin(m, ABILITIES);
    put(m, 1, f[0]), put(m, 1, 2), put(m, 4, PARTS), put(m, 4, FOCAL_UM), put(m, 4, FOCAL_UM);
    put(m, 2, WIDEST), put(m, 2, WIDEST), put(m, 2, SMALLEST), put(m, 2, STEPS), put(m, 4, NEAREST_MM), put(m, 1, 0);
    put(m, 1, 2), put(m, 2, 60), put(m, 2, 120), put(m, 1, (fw->features & BREATHING) != 0);
}

static void metadata(lm_fw *fw, const uint8_t *f)
{
    struct reply *m = &fw->reply;
    char number[16], distance[16];
    write_f_number(number, place(fw, &fw->iris));
    write_metres(distance, distance_mm(fw, place(fw, &fw->focus)));
    begin(m, METADATA);
    put(m, 1, f[0]), put(m, 1, 7);
    put(m, 2, 0x920A), put_text(m, "35");
    put(m, 2, 0x829D), put_text(m, number);
    put(m, 2, 0x9206), put_text(m, distance);
    put(m, 2, 0xA432), put_text(m, "35 35 2 2");
    put(m, 2, 0xA433), put_text(m, MAKER_NAME);
    put(m, 2, 0xA434), put_text(m, NAME);
    put(m, 2, 0xA435), put_text(m, SERIAL);
}
#endif

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
        put(m, 1, f[0]), put(m, 4, FOCAL_UM), put(m, 1, SCALE_POINTS);
        for (int32_t i = 0; i < SCALE_POINTS; i++) {
            int32_t position = (STEPS - 1) * i / (SCALE_POINTS - 1);
            put(m, 2, position), put(m, 4, distance_mm(fw, position));
        }
    } else if (f[1] == 2 && fw->features & BREATHING) {
        begin(m, BREATHING_TABLE);
        put(m, 1, f[0]), put(m, 4, FOCAL_UM), put(m, 1, BREATHING_POINTS);
        for (int32_t i = 0; i < BREATHING_POINTS; i++)
            put(m, 2, 32768 + 983 * i / (BREATHING_POINTS - 1));
    } else {
        refuse(fw, f[0], 0x23, f[1] == 2 || f[1] == 3 ? NOT_AGREED : OUT_OF_RANGE, 2);
    }
}

static void aperture_drive(lm_fw *fw, const uint8_t *f)
{
    enum { QUICK, SMOOTH, STOP_DOWN, PREVIEW, OPEN };
    int32_t to = f[1] == OPEN ? WIDEST : get_s16(f + 2);
    if (!can_move(fw)) {
        refuse(fw, f[0], APERTURE_DRIVE, NO_POWER, 0);
    } else if (f[1] > OPEN) {
        refuse(fw, f[0], APERTURE_DRIVE, OUT_OF_RANGE, 2);
    } else if (to < LOWEST_AV || to > HIGHEST_AV) {
        refuse(fw, f[0], APERTURE_DRIVE, OUT_OF_RANGE, 3);
    } else {
        to = to < WIDEST ? WIDEST : to > SMALLEST && !PLANTED(17) ? SMALLEST : to;
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
        aperture = aperture < WIDEST ? WIDEST : aperture > SMALLEST ? SMALLEST : aperture;
        begin(m, CORRECTION);
        put(m, 1, f[0]), put(m, 1, kind), put(m, 4, FOCAL_UM), put(m, 4, distance), put(m, 2, aperture);
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

/* ---- hello and frames ---- */

static bool on_hello(lm_fw *fw, const uint8_t *hello, uint32_t size)
{
    struct reply m = {0};
    if (size < 16 || (size - 16) / 4 < hello[15])
        return false;
    if (!may_answer_hello(fw))
        return true; /* the body repeats its hello */
    memset(fw->kept, 0, sizeof fw->kept);
    fw->asleep = fw->waking = false;
    if (!PLANTED(22))
        fw->stream_size = 0;
    fw->granted = 0;
    fw->frame = -1;
    fw->changing = fw->switching = false;
    set_timer(fw, T_RATE, LM_NEVER);
    set_timer(fw, T_POWER, LM_NEVER);
    set_timer(fw, T_WAKE, LM_NEVER);
    set_timer(fw, T_CYCLE, LM_NEVER);
    fw->features = get(hello + 1, 4) & FEATURES;
    begin(&m, LENS_HELLO);
    put(&m, 1, REVISION), put(&m, 4, FEATURES), put(&m, 1, NORMAL_POWER), put(&m, 2, IDLE_MA + FOCUS_MA + DIAPHRAGM_MA);
    put(&m, 2, MAX_PAYLOAD), put(&m, 1, N_RATES);
    for (uint32_t i = 0; i < N_RATES; i++)
        put(&m, 4, RATES[i]);
    queue_frame(fw, LINK, &m, HELLO_US + jitter(fw), UINT64_MAX, F_HELLO);
    return true;
}

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
        put(m, 2, place(fw, &fw->iris)), put(m, 2, fw->iris.to), put(m, 2, WIDEST), put(m, 2, SMALLEST), put(m, 2, 0);
        put(m, 1, moving(fw, &fw->iris) ? MOVING : REACHED);
    } else if (type == ZOOM_STATE) {
        put(m, 4, FOCAL_UM), put(m, 1, 0), put(m, 1, 0);
    } else {
        put(m, 1, 0), put(m, 2, 0), put(m, 2, 0), put(m, 2, 0), put(m, 1, 0); /* off, and without a range */
    }
}

static void on_frame_signal(lm_fw *fw)
{
    fw->frame = fw->frame < 0 ? 0 : (fw->frame + 1) & 0xFFFF;
    fw->frame_at = fw->now;
    if (!fw->stream_size)
        return;
    memset(&fw->cycle, 0, sizeof fw->cycle);
    for (uint32_t i = 0; i < fw->stream_size; i++)
        report(fw, &fw->cycle, fw->stream[i]);
    set_timer(fw, T_CYCLE, fw->now + CYCLE_US);
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

static void on_frame(lm_fw *fw, uint8_t class_, const uint8_t *payload, uint32_t size)
{
    uint8_t copy[MAX_PAYLOAD];
    if (!fw->started)
        return; /* it listens before its processor runs, to find the end of a frame, and acts on none */
    fw->frame_rx_at = fw->now;
    if (fw->rate != RATES[0])
        set_timer(fw, T_SILENCE, fw->now + SILENCE_US);
    if (PLANTED(2) && class_ == LINK) {
        memcpy(copy, payload, size);
        payload = copy;
    }
    for (uint32_t at = 0; at < size;) {
        uint32_t left = size - at, needed = left < 3 ? left + 1 : 3 + get(payload + at + 1, 2);
        uint32_t taken = needed < left ? needed : left;
        const uint8_t *raw = payload + at;
        bool whole = needed <= left;
        if (class_ == LINK || class_ == ORDER || PLANTED(24)) {
            if (!whole || raw[0] != BODY_HELLO || !on_hello(fw, raw + 3, needed - 3))
                on_order(fw, raw, taken, whole);
        } else if (whole && class_ == CYCLE && raw[0] == FRAME_START && needed >= 9) {
            fw->frame = (int32_t)get(raw + 3, 2);
            fw->period_us = get(raw + 5, 4);
        }
        /* The planted defect: an empty message is not skipped. */
        at += PLANTED(25) && whole && needed == 3 ? 0 : taken;
    }
}

/* Size of the frame that a candidate is; 0 while it may become one, -1 if it cannot. */
static int32_t judge(const uint8_t *at, uint32_t have)
{
    uint32_t size = have < 3 ? MIN_FRAME : HEAD + get(at + 1, 2) + TAIL;
    if (size < MIN_FRAME || size > MAX_FRAME)
        return -1;
    if (have < size)
        return 0;
    if (at[3] < LINK || at[3] > EVENT)
        return -1;
    if (PLANTED(26) && at[3] == ORDER && at[4] == 0x55)
        return (int32_t)size;
    return crc16(at + 1, size - 3) == get(at + size - 2, 2) ? (int32_t)size : -1;
}

/* Take the frames out of what was received; `ended`: nothing follows, so a candidate that waits is none. */
static void scan(lm_fw *fw, bool ended)
{
    uint32_t at = 0;
    while (at < fw->rx_size) {
        int32_t size = fw->rx[at] == START ? judge(fw->rx + at, fw->rx_size - at) : -1;
        if (size == 0 && !ended)
            break;
        if (size > 0)
            on_frame(fw, fw->rx[at + 3], fw->rx + at + HEAD, (uint32_t)size - HEAD - TAIL);
        else if (PLANTED(27) && size < 0 && fw->rx[at] == START && fw->rx_size - at > 8)
            size = 8; /* the planted defect: a failed candidate takes more than its first byte along */
        at += size > 0 ? (uint32_t)size : 1;
    }
    memmove(fw->rx, fw->rx + at, fw->rx_size - at);
    fw->rx_size -= at;
}

/* ---- supply, sleep and rate ---- */

static void power_on(lm_fw *fw)
{
    drive(fw, LMOUNT_RXD, true);
    set_timer(fw, T_BOOT, fw->now + BOOT_US);
}

static void power_off(lm_fw *fw)
{
    const lm_host *host = fw->host;
    uint64_t now = fw->now, random = fw->random;
    int32_t focus = place(fw, &fw->focus), iris = place(fw, &fw->iris);
    int32_t limit_far = fw->limit_far, limit_near = fw->limit_near;
    bool body_att = fw->body_att, supply = fw->drive, first = !fw->limit_near;
    for (uint32_t i = 0; i < LM_TIMERS; i++)
        set_timer(fw, (enum timer)i, LM_NEVER);
    attention(fw, false);
    drive(fw, LMOUNT_RXD, PLANTED(28) && fw->busy);
    if (fw->rate && fw->rate != RATES[0])
        host->set_baudrate(host->ctx, RATES[0]);
    memset(fw, 0, sizeof *fw);
    fw->host = host;
    fw->now = now, fw->random = random;
    fw->body_att = body_att, fw->drive = supply;
    fw->focus = (struct group){.from = focus, .to = focus, .type = FOCUS_DRIVE};
    fw->iris = (struct group){.from = iris, .to = iris, .type = APERTURE_DRIVE};
    fw->rate = RATES[0];
    fw->focus_share = fw->iris_share = 4;
    fw->limit_near = STEPS - 1;
    fw->frame = -1;
    if (PLANTED(3) && !first)
        fw->limit_far = limit_far, fw->limit_near = limit_near;
}

static void started(lm_fw *fw)
{
    fw->started = true;
    fw->boot_signal = !fw->body_att;
    attention(fw, fw->boot_signal);
}

static void on_drive_power(lm_fw *fw)
{
    if (fw->drive) {
        set_timer(fw, T_BROWN_OUT, LM_NEVER);
        if (!fw->asleep)
            home(fw);
        return;
    }
    halt(fw, &fw->focus), halt(fw, &fw->iris);
    fw->focus.number = fw->iris.number = 0;
    set_timer(fw, T_FOCUS, LM_NEVER), set_timer(fw, T_IRIS, LM_NEVER), set_timer(fw, T_HOME, LM_NEVER);
    fw->homing = false;
    if (fw->granted && !fw->asleep) {
        fw->homed = false;
        set_timer(fw, T_BROWN_OUT, fw->now + SUPPLIES_FALL_US);
    }
}

static void wake(lm_fw *fw)
{
    if (!fw->asleep || !fw->body_att)
        return;
    fw->asleep = false;
    fw->waking = true;
    for (uint32_t i = 0; i < KEPT; i++) /* a repeated order to sleep is executed again */
        if (fw->kept[i].order[0] == SLEEP)
            fw->kept[i].size = 0;
    if (fw->rate != RATES[0])
        set_timer(fw, T_SILENCE, fw->now + SILENCE_US);
    if (!fw->busy)
        attention(fw, true);
    home(fw);
}

static void on_body_att(lm_fw *fw)
{
    /* A frame ends where the line falls, and a new one begins where it rises. */
    if (!PLANTED(29) || !fw->busy) {
        scan(fw, true);
        fw->rx_size = 0;
    }
    if (!fw->started)
        return;
    if (fw->body_att && fw->boot_signal) {
        fw->boot_signal = false;
        if (!fw->busy) /* a frame that is being sent lowers the line at its end */
            attention(fw, false);
        send_next(fw);
    }
    if (!fw->body_att && fw->waking) {
        fw->waking = false;
        if (!fw->busy)
            attention(fw, false);
    }
    set_timer(fw, T_WAKE, fw->asleep && fw->body_att ? fw->now + WAKE_US : LM_NEVER);
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

static void set_rate(lm_fw *fw, uint32_t rate)
{
    fw->changing = fw->switching = false;
    fw->rate = rate;
    fw->host->set_baudrate(fw->host->ctx, rate);
    set_timer(fw, T_SILENCE, rate != RATES[0] ? fw->now + SILENCE_US : LM_NEVER);
}

static void on_silence(lm_fw *fw)
{
    if (fw->asleep || PLANTED(6))
        return; /* a line can wake it, and it keeps its rate */
    if (fw->now - fw->frame_rx_at < SILENCE_US)
        set_timer(fw, T_SILENCE, fw->frame_rx_at + SILENCE_US);
    else
        set_rate(fw, RATES[0]);
}

static void brown_out(lm_fw *fw)
{
    struct reply m = {0};
    begin(&m, BROWN_OUT);
    put(&m, 2, 0);
    queue_frame(fw, EVENT, &m, 0, UINT64_MAX, 0);
}

/* ---- events ---- */

static void lens_init(lm_fw *fw, const lm_host *host, const lm_setup *setup, uint64_t now_us)
{
    fw->host = host;
    fw->now = now_us;
    fw->random = setup->seed;
    fw->focus.to = STEPS / 3;
    fw->iris.to = WIDEST;
    fw->drive = setup->levels >> LMOUNT_V_DRIVE & 1;
    fw->body_att = setup->levels >> LMOUNT_BODY_ATT & 1;
    fw->logic = setup->levels >> LMOUNT_V_LOGIC & 1;
    power_off(fw);
    fw->logic = setup->levels >> LMOUNT_V_LOGIC & 1;
    if (fw->logic)
        power_on(fw);
}

static void lens_bytes(lm_fw *fw, const uint8_t *data, uint32_t size, uint64_t now_us)
{
    fw->now = now_us;
    if (!fw->logic)
        return;
    if (!fw->body_att && now_us - fw->rx_at > GARBAGE_US) {
        scan(fw, true);
        fw->rx_size = 0;
    }
    fw->rx_at = now_us;
    while (size) {
        uint32_t room = sizeof fw->rx - fw->rx_size, part = size < room ? size : room;
        memcpy(fw->rx + fw->rx_size, data, part);
        fw->rx_size += part;
        data += part, size -= part;
        scan(fw, false);
    }
}

static void lens_line(lm_fw *fw, uint32_t line, uint32_t level, uint64_t now_us)
{
    fw->now = now_us;
    if (line == LMOUNT_V_LOGIC) {
        if (level && !fw->logic)
            power_on(fw);
        else if (!level)
            power_off(fw);
        fw->logic = level;
    } else if (line == LMOUNT_V_DRIVE) {
        fw->drive = level;
        if (fw->started)
            on_drive_power(fw);
    } else if (line == LMOUNT_BODY_ATT) {
        fw->body_att = level;
        on_body_att(fw);
    } else if (line == LMOUNT_FSYNC && !level && fw->started && (!fw->asleep || PLANTED(12))) {
        on_frame_signal(fw);
    }
}

static void lens_timer(lm_fw *fw, uint32_t timer, uint64_t now_us)
{
    fw->now = now_us;
    switch ((enum timer)timer) {
    case T_BOOT: started(fw); break;
    case T_SEND: send_frame(fw); break;
    case T_SENT: frame_sent(fw); break;
    case T_NEXT: send_next(fw); break;
    case T_FOCUS: end_drive(fw, &fw->focus, DONE); break;
    case T_IRIS: end_drive(fw, &fw->iris, DONE); break;
    case T_CYCLE: send_reports(fw); break;
    case T_POWER: report_power(fw); break;
    case T_RATE: set_rate(fw, fw->next_rate), send_next(fw); break;
    case T_SILENCE: on_silence(fw); break;
    case T_WAKE: wake(fw); break;
    case T_BROWN_OUT: brown_out(fw); break;
    case T_HOME:
        if (fw->homing)
            fw->homing = false, fw->homed = can_move(fw);
        break;
    }
}

/* ---- the interface ---- */

uint32_t lm_fw_state(const lm_fw *fw)
{
    return (uint32_t)fw->started | (uint32_t)fw->hello_sent << 1 | (uint32_t)fw->asleep << 2 | (uint32_t)is_homed(fw) << 3 |
           (uint32_t)moving(fw, &fw->focus) << 4 | (uint32_t)moving(fw, &fw->iris) << 5 |
           (uint32_t)(fw->granted != 0) << 6 | (uint32_t)(fw->stream_size != 0) << 7 |
           (uint32_t)(fw->rate != RATES[0]) << 8 | (uint32_t)fw->busy << 9 |
           (fw->queue_count > 7 ? 7 : fw->queue_count) << 10 | (fw->orders >> 4 & 0x1F) << 13;
}

#ifndef LMOUNT_ADAPTER
const lm_info *lm_fw_info(void)
{
    static const lm_info INFO = {
        .abi = LM_ABI, .size = sizeof INFO, .dialect = "lmount", .name = "Example 35mm F2", .version = "1.0",
        .roles = 1u << LM_LENS, .memory = sizeof(lm_fw), .alignment = 8,
        .rises = 1u << LMOUNT_V_LOGIC | 1u << LMOUNT_V_DRIVE | 1u << LMOUNT_BODY_ATT,
        .falls = 1u << LMOUNT_V_LOGIC | 1u << LMOUNT_V_DRIVE | 1u << LMOUNT_BODY_ATT | 1u << LMOUNT_FSYNC,
    };
    return &INFO;
}

lm_fw *lm_fw_init(void *memory, const lm_host *host, const lm_setup *setup, uint64_t now_us)
{
    if (setup->role != LM_LENS) {
        host->log(host->ctx, LM_TROUBLE, "this firmware is a lens");
        return NULL;
    }
    lens_init(memory, host, setup, now_us);
    return memory;
}

void lm_fw_on_bytes(lm_fw *fw, const uint8_t *data, uint32_t size, uint64_t now_us) { lens_bytes(fw, data, size, now_us); }

void lm_fw_on_line(lm_fw *fw, uint32_t line, uint32_t level, uint64_t now_us) { lens_line(fw, line, level, now_us); }

void lm_fw_on_timer(lm_fw *fw, uint32_t timer, uint64_t now_us) { lens_timer(fw, timer, now_us); }
#endif
