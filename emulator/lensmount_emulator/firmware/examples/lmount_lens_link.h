/* The link of a lens of the open model: its state, the fields of messages, and sending. Written from protocol/spec/lmount.md;
 * section numbers are those of that specification. The first of three headers that a device includes in this order:
 * lmount_lens_link.h, lmount_lens_commands.h, lmount_lens_events.h. They are one translation unit with it. */
#ifndef LMOUNT_LENS_LINK_H
#define LMOUNT_LENS_LINK_H
#include "lensmount_firmware.h"
#include "lensmount_lines_lmount.h"
#include "lmount_frame.h"

/* LM_PLANTED selects a deliberate defect by its number, so that tests can measure which of them a fuzzer finds. */
#ifndef LM_PLANTED
#define LM_PLANTED 0
#endif
#define PLANTED(number) (LM_PLANTED == (number))

/* ---- constants, sections 3 to 6 and 12 ---- */

enum { MAX_FRAME = 600, MAX_PAYLOAD = 512 };
enum { UNKNOWN_MESSAGE = 1, NOT_ABLE = 2, OUT_OF_RANGE = 3, NOT_NOW = 4, NO_POWER = 5, DAMAGED = 7, NOT_AGREED = 8 };
enum { DELAY_US = 120, HELLO_US = 500, CYCLE_US = 300, CYCLE_LATEST_US = 1500 };
enum { WAKE_US = 3000, SILENCE_US = 1000000, GARBAGE_US = 2000, REPORT_US = 100000 };
enum { SUPPLIES_FALL_US = 500 };

enum { CORRECTIONS = 1 << 2, BREATHING = 1 << 3, DIAPHRAGM = 1 << 0, MOTOR = 1 << 1 };
enum { INFINITY_MM = 65535000, LOWEST_AV = -1024, HIGHEST_AV = 4096, NORMAL_POWER = 2, MIN_CHANGE_MA = 20 };
enum { KEPT = 8, QUEUE = 48, MAX_REPLY = 192, STREAM = 4, SCALE_POINTS = 16, BREATHING_POINTS = 9 };

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
    bool without_fsync; /* section 13: the port lacks the line, and each frame begins with its message */
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

/* ---- sending, section 3: the attention line frames each frame ---- */

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
    uint32_t size = build_frame(bytes, fw->sent.class_, fw->sequence++, payload->bytes, payload->size);
    if (PLANTED(8) && fw->sequence == 200)
        fw->sequence = 0;
    if (fw->sent.flags & F_HELLO)
        fw->hello_sent = true;
    fw->host->transmit(fw->host->ctx, bytes, size);
    uint64_t lasts = duration_us(size, fw->rate) + HOLD_US;
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

/* ---- what a device brings: the file that includes these headers defines it ----
 *
 * After this header, before the next: the constants FEATURES, STEPS, NEAREST_MM, AV_PER_S (speed of the diaphragm, 512 to
 * a stop), IDLE_MA, FOCUS_MA, DIAPHRAGM_MA (currents) and BOOT_US. */

static uint32_t focal_um(const lm_fw *fw);
static int32_t widest(const lm_fw *fw); /* apertures: 512 to a stop, 0 for f/1 */
static int32_t smallest(const lm_fw *fw);
static bool moving(const lm_fw *fw, const struct group *g);
static int32_t place(const lm_fw *fw, const struct group *g);
static void halt(lm_fw *fw, struct group *g);
/* Move, at so many units a second, in at least `least_us`; the end is reported after the acceptance. */
static void go(lm_fw *fw, struct group *g, int32_t to, uint32_t speed, uint64_t least_us, uint8_t number);
static uint32_t focus_speed(const lm_fw *fw); /* steps a second */
static uint32_t distance_mm(const lm_fw *fw, int32_t position);
static int64_t velocity(const lm_fw *fw); /* steps a frame */
static void home(lm_fw *fw);
static bool is_homed(const lm_fw *fw);
static bool may_answer_hello(const lm_fw *fw);
static uint8_t focus_flags(const lm_fw *fw); /* further flags of the report of the focus */
static bool handle_unsupported(lm_fw *fw, uint8_t type, const uint8_t *f); /* true: it has refused the command */
static void identity(lm_fw *fw, const uint8_t *f); /* these three write the answer */
static void abilities(lm_fw *fw, const uint8_t *f);
static void metadata(lm_fw *fw, const uint8_t *f);

#endif
