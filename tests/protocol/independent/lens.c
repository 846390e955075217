/* A small lens that speaks the open model of an L-Mount link, written from protocol/spec/lmount.md and nothing else.
 *
 *     lens PORT    on a serial port without lines, such as a pseudo-terminal, until the other end hangs up
 *     lens         on standard input and output, until the input ends and nothing moves any more
 *
 * It has a motor for its focus and a diaphragm, corrections and breathing data; it has no stabiliser, no ring, no
 * pages, and takes no firmware. Portable C11 and POSIX; section numbers are those of the specification.
 */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { START = 0xE0, HEAD = 5, TAIL = 2, SMALLEST = 10, LARGEST = 600, LARGEST_PAYLOAD = 512 };
enum { LINK = 1, CYCLE = 2, ORDER = 3, EVENT = 4 };
enum { ACCEPTED = 0, DONE = 1, STOPPED = 2, REPLACED = 3 };
enum { UNKNOWN_MESSAGE = 1, NOT_ABLE = 2, OUT_OF_RANGE = 3, NOT_NOW = 4, NO_POWER = 5, DAMAGED = 7, NOT_AGREED = 8 };
enum { BODY_HELLO = 0x01, RATE_ORDER = 0x03, SLEEP = 0x04, POWER_GRANT = 0x10, FOCUS_DRIVE = 0x20, APERTURE_DRIVE = 0x28,
       FRAME_START = 0x48 };
enum { LENS_HELLO = 0x81, CHALLENGE_ANSWER = 0x82, REFUSAL = 0x84, DONE_ANSWER = 0x85, IDENTITY = 0x88,
       ABILITIES = 0x89, METADATA = 0x8B, POWER_REPORT = 0x90, FOCUS_STATE = 0xA0, DISTANCE_SCALE = 0xA3,
       BREATHING_TABLE = 0xA4, APERTURE_STATE = 0xA8, ZOOM_STATE = 0xB0, STABILISER_STATE = 0xB8, CORRECTION = 0xC0 };

/* Section 5: corrections and breathing; diaphragm and focus drive. */
enum { CORRECTIONS = 1 << 2, BREATHING = 1 << 3, DIAPHRAGM = 1 << 0, MOTOR = 1 << 1 };
enum { FEATURES = CORRECTIONS | BREATHING, PARTS = DIAPHRAGM | MOTOR, REVISION = 2, MAKER = 0xC0DE };
enum { FOCAL_UM = 35000, STEPS = 3000, NEAREST_MM = 300, INFINITY_MM = 65535000, WIDEST = 512, SMALLEST_AV = 2048,
       LOWEST_AV = -1024, HIGHEST_AV = 4096 };
enum { NORMAL_POWER = 2, IDLE_MA = 30, FOCUS_MA = 250, DIAPHRAGM_MA = 100, WORTH_TELLING_MA = 20 };
static const uint32_t RATES[] = {115200, 750000, 1500000};
enum { N_RATES = sizeof RATES / sizeof *RATES };
static const double STEPS_PER_S = 12000, AV_PER_S = 10240, SILENCE_S = 2e-3, UNHEARD_S = 1.0, LOOK_S = 0.1;
static const char NAME[] = "C Lens 35mm F2", SERIAL[] = "C0001";

/* ---- what it is and what it was told ---- */

/* A group that is driven evenly from one place to another. */
struct group {
    double from, to, began, ends;
    uint8_t type, number; /* the order that drives it; number 0 for none */
};

struct message {
    uint8_t bytes[LARGEST];
    size_t size, began; /* of all, and where the last message begins */
};

static struct {
    int in, out;
    uint8_t sequence;
    uint32_t rate;
    bool greeted, asleep;
    uint32_t features; /* that both have */
    uint8_t granted, reduced;
    double focus_share, diaphragm_share; /* of top speed, within the grant */
    int limit_far, limit_near;
    uint8_t stream[4];
    size_t stream_size;
    uint16_t frame;
    double period, heard_at, looked_at;
    int told_ma, peak_ma;
    struct kept {
        struct message order, answer;
    } kept[8];
    size_t next_kept;
} lens;

static struct group focus = {1000, 1000, 0, 0, FOCUS_DRIVE, 0};
static struct group iris = {WIDEST, WIDEST, 0, 0, APERTURE_DRIVE, 0};

static bool agreed(uint32_t feature) { return lens.features & feature; }

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void rest_us(long us)
{
    struct timespec t = {0, us * 1000};
    nanosleep(&t, NULL);
}

/* ---- bytes ---- */

static uint32_t get(const uint8_t *at, size_t width)
{
    uint32_t value = 0;
    for (size_t i = 0; i < width; i++)
        value |= (uint32_t)at[i] << 8 * i;
    return value;
}

static int32_t get_s16(const uint8_t *at) { return (int32_t)get(at, 2) - (at[1] & 0x80 ? 0x10000 : 0); }

static int64_t get_s32(const uint8_t *at) { return (int64_t)get(at, 4) - (at[3] & 0x80 ? 0x100000000 : 0); }

static void put(struct message *m, size_t width, uint32_t value)
{
    for (size_t i = 0; i < width && m->size < sizeof m->bytes; i++)
        m->bytes[m->size++] = (uint8_t)(value >> 8 * i);
    /* What the message says of its own size. */
    m->bytes[m->began + 1] = (uint8_t)(m->size - m->began - 3);
    m->bytes[m->began + 2] = (uint8_t)((m->size - m->began - 3) >> 8);
}

/* Fields behind those that are there: `1`, `2` and `4` bytes of an int, or a `t`ext behind its length. */
static void add_list(struct message *m, const char *kinds, va_list values)
{
    for (; *kinds; kinds++) {
        if (*kinds != 't') {
            put(m, (size_t)(*kinds - '0'), (uint32_t)va_arg(values, int));
            continue;
        }
        const char *text = va_arg(values, const char *);
        put(m, 1, (uint32_t)strlen(text));
        while (*text)
            put(m, 1, (uint8_t)*text++);
    }
}

static void add(struct message *m, const char *kinds, ...)
{
    va_list values;
    va_start(values, kinds);
    add_list(m, kinds, values);
    va_end(values);
}

/* A message behind those that are there. */
static void say(struct message *m, uint8_t type, const char *kinds, ...)
{
    va_list values;
    m->began = m->size;
    m->size += 3;
    m->bytes[m->began] = type;
    va_start(values, kinds);
    add_list(m, kinds, values);
    va_end(values);
}

static uint16_t crc16(const uint8_t *data, size_t size)
{
    uint16_t crc = 0xFFFF;
    while (size--) {
        crc ^= (uint16_t)(*data++ << 8);
        for (int bit = 0; bit < 8; bit++)
            crc = (uint16_t)(crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1);
    }
    return crc;
}

static void transmit(uint8_t class_, const struct message *payload)
{
    uint8_t frame[HEAD + LARGEST + TAIL] = {START, (uint8_t)payload->size, (uint8_t)(payload->size >> 8), class_, 0};
    size_t size = HEAD + payload->size;
    frame[4] = lens.sequence++;
    memcpy(frame + HEAD, payload->bytes, payload->size);
    uint16_t crc = crc16(frame + 1, size - 1);
    frame[size++] = (uint8_t)crc;
    frame[size++] = (uint8_t)(crc >> 8);
    rest_us(20); /* section 9: the shortest answer */
    for (size_t sent = 0; sent < size;) {
        ssize_t n = write(lens.out, frame + sent, size - sent);
        if (n < 0 && errno != EINTR)
            return;
        sent += n > 0 ? (size_t)n : 0;
    }
}

/* ---- groups that move ---- */

static double place(const struct group *g)
{
    double now = now_s();
    return now >= g->ends ? g->to : g->from + (g->to - g->from) * (now - g->began) / (g->ends - g->began);
}

static bool moving(const struct group *g) { return now_s() < g->ends; }

static int whole(double value) { return (int)(value < 0 ? value - 0.5 : value + 0.5); }

/* The drive that was under way has its end; the next may begin. */
static void end_drive(struct group *g, uint8_t outcome)
{
    struct message m = {.size = 0};
    if (!g->number)
        return;
    say(&m, DONE_ANSWER, "111", g->number, g->type, outcome);
    g->number = 0;
    transmit(ORDER, &m);
}

static void halt(struct group *g)
{
    g->from = g->to = whole(place(g));
    g->ends = 0;
}

static void go(struct group *g, double to, double seconds, uint8_t number)
{
    end_drive(g, REPLACED);
    g->from = place(g);
    g->to = to;
    g->began = now_s();
    g->ends = g->began + seconds;
    g->number = number;
}

static uint32_t distance_mm(int position)
{
    return position <= 0 ? INFINITY_MM : (uint32_t)((int64_t)NEAREST_MM * (STEPS - 1) / position);
}

/* ---- orders: each writes its answer; section 6 and the catalogue ---- */

static const uint8_t *f; /* fields of the order that is being answered */
static size_t f_size;
static uint8_t order_type;
static struct message reply;

static void done(uint8_t outcome) { say(&reply, DONE_ANSWER, "111", f[0], order_type, outcome); }
static void refuse(uint8_t code, uint8_t field) { say(&reply, REFUSAL, "1111", f[0], order_type, code, field); }
static void not_able(void) { refuse(NOT_ABLE, 0); }
static void not_agreed(void) { refuse(NOT_AGREED, 0); }

static void challenge(void) { say(&reply, CHALLENGE_ANSWER, "12", 0, 0); }

static void rate_order(void)
{
    for (size_t i = 0; i < N_RATES; i++)
        if (get(f + 1, 4) == RATES[i]) {
            done(ACCEPTED);
            return;
        }
    refuse(NOT_ABLE, 2);
}

static void go_to_sleep(void)
{
    halt(&focus), end_drive(&focus, STOPPED);
    halt(&iris), end_drive(&iris, STOPPED);
    lens.stream_size = 0;
    lens.asleep = true;
    done(DONE);
}

static void stream_order(void)
{
    uint8_t stream[4];
    size_t size = 0;
    for (size_t i = 0; i < f[1]; i++) {
        uint8_t type = f[2 + i];
        if (type != FOCUS_STATE && type != APERTURE_STATE && type != ZOOM_STATE && type != STABILISER_STATE) {
            refuse(OUT_OF_RANGE, 2);
            return;
        }
        if (!memchr(stream, type, size))
            stream[size++] = type;
    }
    memcpy(lens.stream, stream, size);
    lens.stream_size = size;
    done(DONE);
}

static void identity(void)
{
    say(&reply, IDENTITY, "1221111tt", f[0], MAKER, 1, 1, 0, 0, 0, NAME, SERIAL);
}

static void abilities(void)
{
    say(&reply, ABILITIES, "1144422224", f[0], 2, PARTS, FOCAL_UM, FOCAL_UM, WIDEST, WIDEST, SMALLEST_AV, STEPS,
        NEAREST_MM);
    add(&reply, "11221", 0, 2, 60, 120, agreed(BREATHING));
}

static void metadata(void)
{
    char number[16], distance[16];
    double f_number = 1;
    for (int av = whole(place(&iris)); av > 0; av--)
        f_number *= 1.0013547198921082; /* 512 of it double it */
    snprintf(number, sizeof number, "%.1f", f_number);
    snprintf(distance, sizeof distance, "%.3f", distance_mm(whole(place(&focus))) / 1000.0);
    say(&reply, METADATA, "112t2t2t", f[0], 7, 0x920A, "35", 0x829D, number, 0x9206,
        whole(place(&focus)) ? distance : "infinity");
    add(&reply, "2t2t2t2t", 0xA432, "35 35 2 2", 0xA433, "Independent", 0xA434, NAME, 0xA435, SERIAL);
}

static void power_grant(void)
{
    /* Section 4: focus goes slower before the diaphragm does. */
    static const double SHARES[][2] = {{1, 1}, {0.5, 1}, {0.25, 1}, {0.25, 0.5}, {0.25, 0.25}};
    size_t rung = 0;
    if (f[1] > 4) {
        refuse(OUT_OF_RANGE, 2);
        return;
    }
    while (rung < 4 && IDLE_MA + FOCUS_MA * SHARES[rung][0] + DIAPHRAGM_MA * SHARES[rung][1] > get(f + 2, 2))
        rung++;
    lens.granted = f[1];
    lens.focus_share = SHARES[rung][0], lens.diaphragm_share = SHARES[rung][1];
    lens.reduced = (uint8_t)((rung > 0) | (rung > 2) << 2);
    lens.told_ma = -WORTH_TELLING_MA;
    done(DONE);
}

static void crop_notice(void)
{
    if (f[1] != 1 && f[1] != 2)
        refuse(OUT_OF_RANGE, 2);
    else
        done(DONE);
}

static void focus_drive(void)
{
    enum { STOP, ABSOLUTE, RELATIVE, VELOCITY, NEAR_END, FAR_END, HOME };
    uint8_t kind = f[1];
    int64_t value = get_s32(f + 2), to = 0;
    double here = place(&focus), top = STEPS_PER_S * lens.focus_share, speed = get(f + 6, 2);
    if (!lens.granted) {
        refuse(NO_POWER, 0);
    } else if (kind > HOME) {
        refuse(OUT_OF_RANGE, 2);
    } else if (kind == ABSOLUTE && (value < 0 || value >= STEPS)) {
        refuse(OUT_OF_RANGE, 3);
    } else if (f_size >= 10) {
        refuse(NOT_AGREED, 5); /* to be there when a frame begins is a feature that we do not name */
    } else if (kind == STOP) {
        halt(&focus), end_drive(&focus, STOPPED);
        done(DONE);
    } else {
        speed = speed > 0 && speed < top ? speed : top;
        if (kind == VELOCITY && (double)(value < 0 ? -value : value) < speed)
            speed = value ? (double)(value < 0 ? -value : value) : speed;
        to = kind == ABSOLUTE ? value
           : kind == RELATIVE ? whole(here) + value
           : kind == VELOCITY && !value ? whole(here)
           : kind == NEAR_END || (kind == VELOCITY && value > 0) ? STEPS - 1 : 0;
        if (kind != HOME) {
            to = to > lens.limit_near ? lens.limit_near : to;
            to = to < lens.limit_far ? lens.limit_far : to;
        }
        go(&focus, (double)to, ((double)to > here ? (double)to - here : here - (double)to) / speed, f[0]);
        done(ACCEPTED);
    }
}

static void focus_limits(void)
{
    int near = (int)get(f + 1, 2), far = (int)get(f + 3, 2);
    if (!lens.granted) {
        refuse(NO_POWER, 0);
    } else if (near >= STEPS) {
        refuse(OUT_OF_RANGE, 2);
    } else if (far > near) {
        refuse(OUT_OF_RANGE, 3);
    } else {
        lens.limit_near = near, lens.limit_far = far;
        done(DONE);
        double here = place(&focus), to = focus.to > near ? near : focus.to < far ? far : focus.to;
        if (to < focus.to || to > focus.to) {
            focus.from = here, focus.to = to, focus.began = now_s();
            focus.ends = focus.began + (to > here ? to - here : here - to) / (STEPS_PER_S * lens.focus_share);
        }
    }
}

static void focus_table(void)
{
    if (f[1] == 1) {
        say(&reply, DISTANCE_SCALE, "141", f[0], FOCAL_UM, 12);
        for (int i = 0; i < 12; i++)
            add(&reply, "24", (STEPS - 1) * i / 11, distance_mm((STEPS - 1) * i / 11));
    } else if (f[1] == 2 && agreed(BREATHING)) {
        say(&reply, BREATHING_TABLE, "14122222", f[0], FOCAL_UM, 5, 32768, 33000, 33250, 33500, 33750);
    } else {
        refuse(f[1] == 2 || f[1] == 3 ? NOT_AGREED : OUT_OF_RANGE, 2);
    }
}

static void aperture_drive(void)
{
    enum { QUICK, SMOOTH, STOP_DOWN, PREVIEW, OPEN };
    int32_t to = f[1] == OPEN ? WIDEST : get_s16(f + 2);
    double here = place(&iris), seconds;
    if (!lens.granted) {
        refuse(NO_POWER, 0);
    } else if (f[1] > OPEN) {
        refuse(OUT_OF_RANGE, 2);
    } else if (to < LOWEST_AV || to > HIGHEST_AV) {
        refuse(OUT_OF_RANGE, 3);
    } else {
        to = to < WIDEST ? WIDEST : to > SMALLEST_AV ? SMALLEST_AV : to;
        seconds = (to > here ? to - here : here - to) / (AV_PER_S * lens.diaphragm_share);
        if (f[1] == SMOOTH && seconds > 0 && get(f + 4, 4) * 1e-6 > seconds)
            seconds = get(f + 4, 4) * 1e-6;
        go(&iris, to, seconds, f[0]);
        done(ACCEPTED);
    }
}

static void correction(void)
{
    static const int16_t DATA[4][4] = {{410, 500, -100, 10}, {8, 4, -6, -3}, {-3000, -1200, -800}, {300}};
    static const uint8_t COUNT[4] = {4, 4, 3, 1};
    uint8_t kind = f[1];
    uint32_t distance = get(f + 6, 4);
    int32_t aperture = get_s16(f + 10);
    if (!agreed(CORRECTIONS)) {
        not_agreed();
    } else if (kind < 1 || kind > 4) {
        refuse(OUT_OF_RANGE, 2);
    } else if (kind == 4 && !agreed(BREATHING)) {
        refuse(NOT_AGREED, 2);
    } else {
        distance = distance < NEAREST_MM ? NEAREST_MM : distance > INFINITY_MM ? INFINITY_MM : distance;
        aperture = aperture < WIDEST ? WIDEST : aperture > SMALLEST_AV ? SMALLEST_AV : aperture;
        say(&reply, CORRECTION, "114421", f[0], kind, FOCAL_UM, (int)distance, aperture, COUNT[kind - 1]);
        for (size_t i = 0; i < COUNT[kind - 1]; i++)
            add(&reply, "2", DATA[kind - 1][i]);
    }
}

/* An order, the bytes that it has at least, and the list that they end in: width of its count, size of an item. */
static const struct order {
    uint8_t type, least, count_width, item;
    void (*obey)(void);
} ORDERS[] = {
    {0x02, 3, 2, 1, challenge},     {RATE_ORDER, 5, 0, 0, rate_order},
    {SLEEP, 2, 0, 0, go_to_sleep},  {0x05, 2, 1, 1, stream_order},
    {0x08, 1, 0, 0, identity},      {0x09, 1, 0, 0, abilities},
    {0x0B, 1, 0, 0, metadata},      {POWER_GRANT, 5, 0, 0, power_grant},
    {0x11, 2, 0, 0, crop_notice},   {FOCUS_DRIVE, 8, 0, 0, focus_drive},
    {0x21, 5, 0, 0, focus_limits},  {0x22, 7, 0, 0, not_able},       /* no ring */
    {0x23, 6, 0, 0, focus_table},   {APERTURE_DRIVE, 8, 0, 0, aperture_drive},
    {0x30, 7, 0, 0, not_able},      {0x38, 5, 0, 0, not_able},       /* no powered zoom, no stabiliser */
    {0x40, 12, 0, 0, correction},   {0x60, 17, 0, 0, not_agreed},    /* no firmware update */
    {0x61, 11, 2, 1, not_agreed},   {0x62, 1, 0, 0, not_agreed},
    {0x63, 1, 0, 0, not_agreed},    {0x70, 2, 1, 3, not_agreed},     /* no pages */
    {0x71, 5, 2, 1, not_agreed},
};

static bool long_enough(const struct order *o, const uint8_t *fields, size_t size)
{
    return size >= o->least && size - o->least >= get(fields + o->least - o->count_width, o->count_width) * o->item;
}

/* Answer one order; the same bytes are answered again and not obeyed again. */
static void answer(const uint8_t *raw, size_t size, bool whole_message)
{
    struct kept *kept = &lens.kept[lens.next_kept];
    for (size_t i = 0; i < 8; i++)
        if (lens.kept[i].order.size == size && !memcmp(lens.kept[i].order.bytes, raw, size)) {
            transmit(ORDER, &lens.kept[i].answer);
            return;
        }
    const struct order *o = NULL;
    for (size_t i = 0; i < sizeof ORDERS / sizeof *ORDERS; i++)
        if (ORDERS[i].type == raw[0])
            o = &ORDERS[i];
    uint8_t number = size > 3 ? raw[3] : 0, code = 0;
    if (raw[0] == BODY_HELLO || (o && (!whole_message || !long_enough(o, raw + 3, size - 3))))
        code = DAMAGED;
    else if (!o)
        code = UNKNOWN_MESSAGE;
    else if (!lens.greeted || lens.asleep)
        code = NOT_NOW;
    reply.size = 0;
    if (code) {
        say(&reply, REFUSAL, "1111", number, raw[0], code, 0);
    } else {
        f = raw + 3, f_size = size - 3, order_type = raw[0];
        o->obey();
    }
    transmit(ORDER, &reply);
    if (!lens.greeted)
        return;
    memcpy(kept->order.bytes, raw, size);
    kept->order.size = size;
    kept->answer = reply;
    lens.next_kept = (lens.next_kept + 1) % 8;
    if (raw[0] == RATE_ORDER && reply.bytes[0] == DONE_ANSWER) {
        tcdrain(lens.out);
        rest_us(1000);
        lens.rate = get(raw + 4, 4); /* a pseudo-terminal has none; a port would be set to it here */
    }
}

/* ---- greeting and frames ---- */

static bool greet(const uint8_t *hello, size_t size)
{
    struct message m = {.size = 0};
    if (size < 16 || (size - 16) / 4 < hello[15])
        return false;
    /* Whatever was told before is forgotten, by a lens that slept as well: there is no line to wake it by. */
    memset(lens.kept, 0, sizeof lens.kept);
    lens.greeted = true;
    lens.asleep = false;
    lens.stream_size = 0;
    lens.granted = 0;
    lens.features = get(hello + 1, 4) & FEATURES;
    say(&m, LENS_HELLO, "141221", REVISION, FEATURES, NORMAL_POWER, IDLE_MA + FOCUS_MA + DIAPHRAGM_MA, LARGEST_PAYLOAD,
        N_RATES);
    for (size_t i = 0; i < N_RATES; i++)
        add(&m, "4", RATES[i]);
    transmit(LINK, &m);
    return true;
}

static void report(struct message *m, uint8_t type)
{
    enum { MOVING = 1, REACHED = 2, NEAR = 4, FAR = 8, RELIABLE = 64 };
    int position = whole(place(&focus));
    double speed = moving(&focus) ? (focus.to - focus.from) / (focus.ends - focus.began) * lens.period : 0;
    speed = speed > 32767 ? 32767 : speed < -32768 ? -32768 : speed;
    say(m, type, "2", lens.frame);
    if (type == FOCUS_STATE)
        add(m, "22241", position, whole(focus.to), whole(speed), distance_mm(position),
            (moving(&focus) ? MOVING : REACHED) | (position == STEPS - 1) * NEAR | !position * FAR | RELIABLE);
    else if (type == APERTURE_STATE)
        add(m, "222221", whole(place(&iris)), whole(iris.to), WIDEST, SMALLEST_AV, 0, moving(&iris) ? MOVING : REACHED);
    else if (type == ZOOM_STATE)
        add(m, "411", FOCAL_UM, 0, 0);
    else
        add(m, "12221", 0, 0, 0, 0, 0); /* no stabiliser: off, no range */
}

/* Without lines this message is the frame signal as well. */
static void frame_start(const uint8_t *fields)
{
    struct message m = {.size = 0};
    lens.frame = (uint16_t)get(fields, 2);
    lens.period = get(fields + 2, 4) * 1e-6;
    for (size_t i = 0; i < lens.stream_size; i++)
        report(&m, lens.stream[i]);
    if (m.size)
        transmit(CYCLE, &m);
}

static void on_frame(uint8_t class_, const uint8_t *payload, size_t size)
{
    lens.heard_at = now_s();
    for (size_t at = 0; at < size;) {
        size_t left = size - at, needed = left < 3 ? left + 1 : 3 + get(payload + at + 1, 2);
        size_t taken = needed < left ? needed : left;
        const uint8_t *raw = payload + at;
        bool is_whole = needed <= left;
        if (class_ == LINK || class_ == ORDER) {
            if (!is_whole || raw[0] != BODY_HELLO || !greet(raw + 3, needed - 3))
                answer(raw, taken, is_whole);
        } else if (is_whole && class_ == CYCLE && raw[0] == FRAME_START && needed >= 9 && !lens.asleep) {
            frame_start(raw + 3);
        }
        at += taken;
    }
}

/* Size of the frame that a candidate is; 0 while it may become one, -1 when it cannot. */
static long judge(const uint8_t *at, size_t have)
{
    size_t size = have < 3 ? SMALLEST : HEAD + get(at + 1, 2) + TAIL;
    if (size < SMALLEST || size > LARGEST || (have > 3 && (at[3] < LINK || at[3] > EVENT)))
        return -1;
    if (have < size)
        return 0;
    return crc16(at + 1, size - 3) == get(at + size - 2, 2) ? (long)size : -1;
}

static uint8_t heard[2 * LARGEST];
static size_t heard_size;

/* Take the frames out of what was heard; `ended`: nothing will follow, so a candidate that waits is none. */
static void scan(bool ended)
{
    size_t at = 0;
    while (at < heard_size) {
        long size = heard[at] == START ? judge(heard + at, heard_size - at) : -1;
        if (size == 0 && !ended)
            break;
        if (size > 0)
            on_frame(heard[at + 3], heard + at + HEAD, (size_t)size - HEAD - TAIL);
        at += size > 0 ? (size_t)size : 1;
    }
    memmove(heard, heard + at, heard_size - at);
    heard_size -= at;
}

/* ---- time ---- */

static void tick(double now)
{
    int draw = IDLE_MA;
    draw += moving(&focus) ? (int)(FOCUS_MA * lens.focus_share) : 0;
    draw += moving(&iris) ? (int)(DIAPHRAGM_MA * lens.diaphragm_share) : 0;
    lens.peak_ma = draw > lens.peak_ma ? draw : lens.peak_ma;
    if (!moving(&focus))
        end_drive(&focus, DONE);
    if (!moving(&iris))
        end_drive(&iris, DONE);
    bool told_now = lens.told_ma < 0 || now - lens.looked_at >= LOOK_S;
    if (lens.granted && !lens.asleep && told_now) {
        int change = draw > lens.told_ma ? draw - lens.told_ma : lens.told_ma - draw;
        lens.looked_at = now;
        if (change >= WORTH_TELLING_MA) {
            struct message m = {.size = 0};
            say(&m, POWER_REPORT, "221", draw, lens.peak_ma, lens.reduced);
            transmit(EVENT, &m);
            lens.told_ma = draw, lens.peak_ma = 0;
        }
    }
    if (lens.rate != RATES[0] && now - lens.heard_at >= UNHEARD_S)
        lens.rate = RATES[0];
}

static bool open_port(const char *path)
{
    struct termios t;
    lens.in = lens.out = open(path, O_RDWR | O_NOCTTY);
    if (lens.in < 0 || tcgetattr(lens.in, &t))
        return false;
    t.c_iflag = t.c_oflag = t.c_lflag = 0;
    t.c_cflag = CS8 | CREAD | CLOCAL;
    t.c_cc[VMIN] = 1, t.c_cc[VTIME] = 0;
    return !tcsetattr(lens.in, TCSANOW, &t);
}

int main(int argc, char **argv)
{
    double came_at = 0;
    bool over = false;
    lens.in = STDIN_FILENO, lens.out = STDOUT_FILENO;
    lens.rate = RATES[0], lens.focus_share = lens.diaphragm_share = 1, lens.limit_near = STEPS - 1;
    if (argc > 1 && !open_port(argv[1])) {
        perror(argv[1]);
        return 1;
    }
    while (!over || focus.number || iris.number) {
        struct pollfd p = {over ? -1 : lens.in, POLLIN, 0};
        int ready = poll(&p, 1, focus.number || iris.number ? 1 : heard_size ? 3 : 20);
        double now = now_s();
        if (heard_size && now - came_at > SILENCE_S)
            scan(true);
        if (ready > 0) {
            ssize_t n = read(lens.in, heard + heard_size, sizeof heard - heard_size);
            over = n == 0 || (n < 0 && errno != EINTR);
            heard_size += n > 0 ? (size_t)n : 0;
            came_at = now;
            scan(over);
        }
        tick(now);
    }
    return 0;
}
