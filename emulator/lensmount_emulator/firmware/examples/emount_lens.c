/* A lens for the E-mount, as firmware: written from protocol/spec/emount.md; section numbers are those of that page. An
 * autofocus prime that starts, switches its rate, answers requests, streams its state, follows the aperture, carries
 * focus orders out and sleeps. No maker's lens: its data are made up.
 *
 *     lensmount firmware build emount_lens.c
 *     lensmount loopback --lens-firmware ./emount_lens.so --script "focus 0x1800; aperture f/8; sleep" */
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

/* ---- this lens ---- */

enum { WIDEST = 0x1200, NARROWEST = 0x1900, CODES = 336, LOWER = 0x1000, UPPER = 0x2000, STEPS = 200, FAR_CODE = 0x0700 };
enum { ACKNOWLEDGE_FRAMES = 2, ECHO = 2, REPLIES = 48, ORDERS = 32, FRAMES = 8, MAX_SENT = 280 };
enum { STATUS_SIZE = 109, FOCUS_SIZE = 89 };

static const uint8_t STATUS_BLOCKS[18] = {8, 1, 8, 3, 10, 28, 2, 6, 1, 2, 8, 6, 6, 6, 1, 6, 3, 3};
static const uint8_t FOCUS_BLOCKS[8] = {2, 11, 9, 4, 6, 7, 45, 4};

/* The sizes of the messages of a body, which have no length of their own (section 10). */
static const struct {
    uint8_t type, size;
} SIZES[] = {
    {0x01, 33}, {0x03, 21}, {0x04, 14}, {0x07, 2},  {0x08, 9},  {0x09, 5},  {0x0A, 17}, {0x0B, 3},  {0x0C, 2},
    {0x0D, 2},  {0x10, 2},  {0x14, 16}, {0x16, 2},  {0x19, 2},  {0x1B, 6},  {0x1C, 1},  {0x1D, 5},  {0x1E, 5},
    {0x1F, 14}, {0x22, 3},  {0x26, 2},  {0x28, 2},  {0x2E, 3},  {0x2F, 3},  {0x34, 24}, {0x35, 2},  {0x3A, 24},
    {0x3B, 8},  {0x3C, 8},  {0x3D, 24}, {0x3E, 9},  {0x3F, 2},  {0x40, 19}, {0x4A, 12}, {0x4B, 3},  {0x4C, 8},
};

/* What it answers: type, size of the answer, time until it begins, and the bytes after the type; the rest is zero. */
static const struct answer {
    uint8_t type, size, given;
    uint32_t delay_us;
    uint8_t bytes[22];
} ANSWERS[] = {
    {0x01, 33, 10, 584, {0xFF, 0x9F, 0xFF, 0x5D, 0xEE, 0x60, 0x08, 0x08}},
    {0x07, 35, 17, 563, {0x01, 0x03, 0x35, 0x01, 0, 0, 0x01, 0, 0xA0, 0xFE, 0xFF, 0, 0, 0, 0, 0x60, 0x92}},
    {0x08, 202, 22, 1619, {0, 0x12, 0, 0x19, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0, 0x50, 0x20, 0x02}},
    {0x09, 12, 0, 390, {0}},      {0x0A, 17, 0, 774, {0}}, {0x0B, 3, 1, 343, {0x60}}, {0x0C, 2, 1, 336, {0x01}},
    {0x0D, 2, 1, 340, {0x01}},    {0x10, 2, 0, 300000, {0}}, {0x16, 2, 0, 100000, {0}},
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

/* ---- replies: they begin a fixed time after the body's window has closed ---- */

static const struct answer *find_answer(uint8_t type)
{
    for (uint32_t i = 0; i < sizeof ANSWERS / sizeof *ANSWERS; i++)
        if (ANSWERS[i].type == type)
            return &ANSWERS[i];
    return NULL;
}

static struct reply *first_reply(lm_fw *fw) { return &fw->replies[fw->reply_first]; }

static void plan_reply(lm_fw *fw)
{
    if (fw->reply_count && first_reply(fw)->due != LM_NEVER)
        set_timer(fw, T_REPLY, first_reply(fw)->due);
}

static uint64_t due(lm_fw *fw, const struct reply *reply)
{
    const struct answer *answer = reply->code ? NULL : find_answer(reply->type);
    return fw->now + (answer ? answer->delay_us : 400);
}

static void queue_reply(lm_fw *fw, uint8_t type, uint8_t class_, uint8_t code, const uint8_t *message)
{
    struct reply *reply = &fw->replies[(fw->reply_first + fw->reply_count) % REPLIES];
    if (fw->reply_count >= REPLIES)
        return;
    fw->reply_count++;
    memset(reply, 0, sizeof *reply);
    reply->type = type, reply->class_ = class_, reply->code = code;
    if (type == LAYOUT && !code)
        memcpy(reply->layout, message + 1, sizeof reply->layout);
    reply->due = fw->body_cs ? LM_NEVER : due(fw, reply);
    plan_reply(fw);
}

static void send_reply(lm_fw *fw)
{
    uint8_t bytes[202] = {0};
    struct reply reply = *first_reply(fw);
    const struct answer *answer = find_answer(reply.type);
    enum after after = A_NOTHING;
    uint32_t size = 8;
    if (fw->frame_count >= FRAMES - 2) { /* the stream needs two of them */
        set_timer(fw, T_REPLY, fw->now + 1000);
        return;
    }
    fw->reply_first = (fw->reply_first + 1) % REPLIES, fw->reply_count--;
    fw->answered++;
    if (reply.code || !answer) {
        bytes[0] = REFUSAL, bytes[1] = reply.class_, bytes[2] = reply.type, bytes[3] = reply.code;
    } else {
        size = answer->size;
        bytes[0] = reply.type;
        memcpy(bytes + 1, answer->bytes, answer->given);
        if (reply.type == LAYOUT)
            memcpy(bytes + 1, reply.layout, sizeof reply.layout), after = A_STREAM;
        else if (reply.type == SPEED)
            bytes[1] = !fw->streams, after = fw->streams ? A_NOTHING : A_SWITCH;
        else if (reply.type == SHUT_DOWN)
            after = A_SLEEP;
    }
    queue_frame(fw, E_REQUEST, 0, bytes, size, after);
    plan_reply(fw);
}

/* ---- the stream: 05 and 06, once a pulse of VD ---- */

static int32_t planned_at(const lm_fw *fw, int32_t frame)
{
    int32_t way = (frame - fw->began) * STEPS, far = fw->to - fw->from;
    if (way < 0)
        way = 0;
    return far >= 0 ? fw->from + (way < far ? way : far) : fw->from - (way < -far ? way : -far);
}

static uint32_t select_blocks(uint8_t *to, const uint8_t *from, const uint8_t *sizes, uint32_t count, uint32_t blocks)
{
    uint32_t size = 1, at = 1;
    to[0] = from[0];
    for (uint32_t i = 0; i < count; at += sizes[i], i++)
        if (blocks >> i & 1)
            memcpy(to + size, from + at, sizes[i]), size += sizes[i];
    return size;
}

static void make_status(lm_fw *fw)
{
    enum { AT_REST = 1, OTHER = 6, SERVES = 0x80, MOTION = 0x40 };
    uint8_t all[STATUS_SIZE] = {STATUS};
    int32_t before = fw->iris, way = fw->goal - fw->iris, next;
    fw->iris += within(way, -CODES, CODES);
    way = fw->goal - fw->iris;
    next = fw->iris + within(way, -CODES, CODES);
    way = way < 0 ? -way : way;
    fw->goal = within(fw->target, WIDEST, NARROWEST);
    put16(all + 1, fw->iris), put16(all + 3, next);
    all[5] = (uint8_t)((way + CODES - 1) / CODES + (before != fw->iris || way));
    put16(all + 6, fw->iris - fw->goal);
    all[9] = (uint8_t)(OTHER | (fw->iris == fw->goal ? AT_REST : 0));
    put16(all + 10, 0x2A), put16(all + 12, 0x2A), put16(all + 14, 0x0154), put16(all + 16, 0x0154);
    put16(all + 21, FAR_CODE);
    all[23] = (uint8_t)(SERVES | (fw->moving ? MOTION : 0));
    all[24] = 0xFF;
    put16(all + 25, 500), put16(all + 27, 500), put16(all + 82, 500);
    all[33] = all[39] = 0x26;
    all[63] = 1;
    memmove(fw->rows, fw->rows + 1, sizeof fw->rows[0] * ECHO); /* the echo of a row select comes two frames later */
    all[78] = fw->rows[0][0], all[79] = fw->rows[0][1];
    fw->status_size = select_blocks(fw->status, all, STATUS_BLOCKS, sizeof STATUS_BLOCKS, fw->status_blocks);
}

static void make_focus(lm_fw *fw)
{
    enum { REST = 0x82, NEAR_LOWER = 0x10, NEAR_UPPER = 0x08, RISES = 2, FALLS = 4, CYCLE = 0x40, MARGIN = 2 };
    uint8_t all[FOCUS_SIZE] = {FOCUS};
    int32_t here = planned_at(fw, fw->frame), before = planned_at(fw, fw->frame - 1);
    fw->position = here;
    all[1] = (uint8_t)(REST | (here <= LOWER + MARGIN ? NEAR_LOWER : 0) | (here >= UPPER - MARGIN ? NEAR_UPPER : 0));
    all[2] = (uint8_t)(here > before ? RISES : here < before ? FALLS : 0);
    put16(all + 3, here);
    all[7] = 0x10;
    put16(all + 8, LOWER), put16(all + 10, UPPER);
    put16(all + 14, 0x12);
    put16(all + 21, before); /* the encoder lags the plan by a frame */
    all[24] = (fw->frame & 2) == 0 ? CYCLE : 0;
    for (uint32_t i = 0; i < 7; i++)
        all[33 + i] = (uint8_t)((before - here) / 8);
    fw->focus_size = select_blocks(fw->focus, all, FOCUS_BLOCKS, sizeof FOCUS_BLOCKS, fw->focus_blocks);
    while (fw->order_count && fw->orders[0].due <= fw->frame && !(fw->orders[0].moves && here != fw->to)) {
        memcpy(fw->focus + fw->focus_size, fw->orders[0].bytes, fw->orders[0].size);
        fw->focus_size += fw->orders[0].size;
        memmove(fw->orders, fw->orders + 1, sizeof fw->orders[0] * --fw->order_count);
    }
    if (here == fw->to)
        fw->moving = false;
}

static void begin_pair(lm_fw *fw, uint64_t delay_us)
{
    fw->frame++;
    if (fw->received)
        fw->met = true, fw->number = (uint8_t)(fw->received_number + 1 == 0xF0 ? 0 : fw->received_number + 1);
    else if (fw->frame && fw->met)
        fw->number = (uint8_t)(fw->number + 1 == 0xF0 ? 0 : fw->number + 1);
    fw->received = false;
    fw->pair = true;
    fw->waits = false;
    make_status(fw);
    make_focus(fw);
    set_timer(fw, T_PAIR, fw->now + delay_us);
}

static void end_stream(lm_fw *fw)
{
    fw->from = fw->to = fw->position = planned_at(fw, fw->frame);
    fw->streams = fw->pair = fw->waits = fw->moving = false;
    fw->run++;
    fw->order_count = 0;
    set_timer(fw, T_PAIR, LM_NEVER), set_timer(fw, T_SECOND, LM_NEVER);
}

static void start_stream(lm_fw *fw)
{
    const uint8_t *layout = fw->sent.bytes + 6; /* of the answer that has just been sent */
    fw->status_blocks = get(layout, 3), fw->focus_blocks = layout[8];
    end_stream(fw); /* an earlier answer may have started one */
    if (!fw->status_blocks || !fw->focus_blocks)
        return; /* an order without blocks stops it; our choice: one without those of a message does, too */
    fw->streams = true;
    fw->frame = -1;
    fw->began = 0;
    fw->number = 0;
    fw->met = fw->received = false;
    if (fw->now + FIRST_PAIR_US + PAIR_US < fw->pulse_at + fw->period)
        begin_pair(fw, FIRST_PAIR_US);
    else
        fw->waits = true;
}

static void on_pulse(lm_fw *fw)
{
    fw->period = fw->now - fw->pulse_at;
    fw->pulse_at = fw->now;
    if (fw->state == LINKED && fw->streams && !fw->pair)
        begin_pair(fw, STATUS_US);
}

/* ---- orders of the loop, section 5 ---- */

static void acknowledge(lm_fw *fw, const uint8_t *bytes, uint8_t size, bool moves)
{
    struct order *order = &fw->orders[fw->order_count];
    if (fw->order_count >= ORDERS || !fw->streams)
        return;
    fw->order_count++;
    order->due = fw->frame + ACKNOWLEDGE_FRAMES;
    order->size = size;
    order->moves = moves;
    memcpy(order->bytes, bytes, size);
}

static void move_focus(lm_fw *fw, int32_t to)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < fw->order_count; i++) /* the acknowledgement of a replaced move is lost */
        if (!fw->orders[i].moves)
            fw->orders[kept++] = fw->orders[i];
    fw->order_count = kept;
    fw->from = planned_at(fw, fw->frame);
    fw->began = fw->frame;
    fw->to = within(to, LOWER, UPPER);
    fw->moving = fw->from != fw->to;
}

/* Base-2 logarithm of value/65536 in 1/64, for values from 1 to 65536. */
static int32_t log2_64(uint32_t value)
{
    int32_t whole = 0, part = 0;
    while (value < 65536)
        value *= 2, whole--;
    for (int32_t bit = 32; bit; bit /= 2) { /* square, and see whether it doubles */
        uint64_t square = (uint64_t)value * value >> 16;
        if (square >= 2 * 65536)
            square /= 2, part += bit;
        value = (uint32_t)square;
    }
    return whole * 64 + part;
}

/* A model: dioptres grow evenly from the lower limit, infinity, to the upper one, 1 m. */
static int32_t distance_code(int32_t position)
{
    int32_t steps = within(position, LOWER, UPPER) - LOWER;
    return steps ? 384 - log2_64((uint32_t)steps * (65536u / (UPPER - LOWER))) : FAR_CODE;
}

static int32_t position_of(int32_t code)
{
    int32_t low = LOWER, high = UPPER;
    while (low < high) { /* the code falls with the position */
        int32_t middle = (low + high) / 2;
        if (distance_code(middle) > code)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void on_order(lm_fw *fw, const uint8_t *m)
{
    enum { LEADING = 0x80, UNIT = 3, RELATIVE = 4, BACKWARDS = 0x80 };
    uint8_t answer[4] = {m[0]};
    int32_t value = (int32_t)get(m + 1, 2);
    switch (m[0]) {
    case BODY_STATE: fw->target = (int32_t)get(m[8] & LEADING ? m + 6 : m + 4, 2); break;
    case ROW_SELECT: fw->rows[ECHO][0] = m[1], fw->rows[ECHO][1] = m[2]; break;
    case FOCUS_MOVE:
        if ((m[4] & UNIT) == 1) {
            answer[1] = 1; /* a unit that it does not have */
            acknowledge(fw, answer, 2, false);
            break;
        }
        if (m[4] & RELATIVE)
            value = planned_at(fw, fw->frame) + (value >= 0x8000 ? value - 0x10000 : value);
        move_focus(fw, value);
        acknowledge(fw, answer, 2, true);
        break;
    case FOCUS_STOP:
        move_focus(fw, planned_at(fw, fw->frame));
        acknowledge(fw, answer, 2, true);
        break;
    case FOCUS_SCAN:
        move_focus(fw, (int32_t)get(m + 7, 2));
        acknowledge(fw, answer, 2, true);
        break;
    case LIMIT_DRIVE:
        answer[1] = m[2] & BACKWARDS ? 1 : 0;
        move_focus(fw, m[2] & BACKWARDS ? LOWER : UPPER);
        acknowledge(fw, answer, 4, true);
        break;
    case TO_DISTANCE: put16(answer + 1, distance_code(value)), acknowledge(fw, answer, 3, false); break;
    case TO_POSITION: put16(answer + 1, position_of(value)), acknowledge(fw, answer, 3, false); break;
    default: break;
    }
}

/* ---- receiving ---- */

static uint32_t size_of(uint8_t type)
{
    for (uint32_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++)
        if (SIZES[i].type == type)
            return SIZES[i].size;
    return 0;
}

static void on_frame(lm_fw *fw, uint8_t class_, uint8_t number, const uint8_t *payload, uint32_t size)
{
    if (class_ == E_LOOP) {
        fw->received = true;
        fw->received_number = number;
        for (uint32_t at = 0, taken; at < size; at += taken) {
            taken = size_of(payload[at]);
            if (!taken || taken > size - at)
                return; /* without its size nothing after it can be read */
            on_order(fw, payload + at);
        }
    } else if (class_ == E_REQUEST) {
        if (fw->switching == S_WAITS)
            fw->switching = S_NONE, set_timer(fw, T_LIMIT, LM_NEVER);
        if (!find_answer(payload[0]) || size_of(payload[0]) > size) {
            queue_reply(fw, payload[0], class_, UNKNOWN_TYPE, payload);
            return;
        }
        if (payload[0] == LAYOUT)
            end_stream(fw);
        queue_reply(fw, payload[0], class_, 0, payload);
    }
}

/* Take the frames out of what was received; `ended`: nothing follows, so a candidate that waits is none. */
static void scan(lm_fw *fw, bool ended)
{
    uint32_t at = 0;
    while (at < fw->rx_size) {
        if (fw->pads && (fw->padding || !fw->rx[at])) {
            fw->padding -= fw->padding != 0;
            at++;
            continue;
        }
        fw->pads = false;
        int32_t size = check_e_frame(fw->rx + at, fw->rx_size - at, MAX_FRAME);
        if (size == 0 && !ended)
            break;
        if (size > 0 && (fw->rx[at + 3] == 0 || fw->rx[at + 3] > 3))
            size = E_NONE;
        if (size > 0)
            on_frame(fw, fw->rx[at + 3], fw->rx[at + 4], fw->rx + at + 5, (uint32_t)size - E_AROUND);
        else if (size < E_NONE && fw->state == LINKED)
            queue_reply(fw, UNTYPED, UNTYPED, size == E_BAD_END ? BAD_END : BAD_SUM, fw->rx);
        if (size > 0)
            fw->pads = true, fw->padding = fw->body_cs ? PADDING : 0;
        at += size > 0 ? (uint32_t)size : 1;
    }
    discard(fw->rx, &fw->rx_size, ended ? fw->rx_size : at);
    fw->pads = fw->pads && !ended;
}

/* ---- power, handshakes and sleep, sections 3 and 4 ---- */

static void power_off(lm_fw *fw)
{
    const lm_host *host = fw->host;
    uint64_t now = fw->now;
    int32_t position = fw->position;
    bool body_cs = fw->body_cs;
    for (uint32_t i = 0; i < LM_TIMERS; i++)
        set_timer(fw, (enum timer)i, LM_NEVER);
    lens_cs(fw, false);
    serial(fw, false);
    if (fw->rate == FAST)
        set_rate(fw, SLOW);
    memset(fw, 0, sizeof *fw);
    fw->host = host;
    fw->now = now;
    fw->body_cs = body_cs;
    fw->rate = SLOW;
    fw->position = fw->from = fw->to = position;
    fw->iris = fw->goal = fw->target = WIDEST;
    for (uint32_t i = 0; i <= ECHO; i++)
        fw->rows[i][0] = fw->rows[i][1] = 0x15;
}

static void call(lm_fw *fw)
{
    fw->state = CALLED;
    fw->called_at = fw->now;
    set_timer(fw, T_BOOT, fw->now < fw->free_at ? fw->free_at : LM_NEVER);
    if (fw->now >= fw->free_at)
        lens_cs(fw, true);
    set_timer(fw, T_SERIAL, fw->now + SERIAL_US);
}

static void fall_asleep(lm_fw *fw)
{
    end_stream(fw);
    fw->state = ASLEEP;
    fw->rx_size = fw->reply_count = fw->frame_count = 0;
    set_timer(fw, T_REPLY, LM_NEVER);
    serial(fw, false);
}

static void frame_sent(lm_fw *fw)
{
    release(fw);
    fw->busy = false;
    switch ((enum after)fw->sent.after) {
    case A_SWITCH:
        fw->switching = S_WAITS;
        fw->window_bytes = false;
        set_timer(fw, T_LIMIT, fw->now + SWITCH_LIMIT_US);
        break;
    case A_STREAM: start_stream(fw); break;
    case A_SLEEP: fall_asleep(fw); return;
    case A_STATUS: set_timer(fw, T_SECOND, fw->now + FOCUS_US); break;
    case A_FOCUS: fw->pair = false; break;
    case A_NOTHING: break;
    }
    send_next(fw);
}

static void on_body_cs(lm_fw *fw)
{
    fw->missed = false;
    fw->body_cs = !fw->body_cs; /* what has arrived belongs to the window that ends here */
    scan(fw, true);
    fw->body_cs = !fw->body_cs;
    if (fw->body_cs) {
        fw->window_bytes = false;
        if ((fw->state == BOOTS && fw->lens_cs) || fw->state == ASLEEP)
            call(fw);
        else if (fw->switching == S_WAITS)
            set_timer(fw, T_SWITCH, fw->now + SWITCH_RISES_US);
        return;
    }
    if (fw->state == CALLED && fw->serial)
        set_timer(fw, T_LINKED, fw->now + LINKED_US);
    if (fw->switching == S_UP) {
        if (fw->window_bytes) { /* a window like any other: it keeps its rate */
            fw->switching = S_NONE;
            set_timer(fw, T_LIMIT, LM_NEVER);
            if (!fw->busy)
                release(fw);
        } else {
            fw->switching = S_FALLS;
            set_timer(fw, T_SWITCH, fw->now + SWITCH_FALLS_US);
        }
    }
    for (uint32_t i = 0; i < fw->reply_count; i++) {
        struct reply *reply = &fw->replies[(fw->reply_first + i) % REPLIES];
        if (reply->due == LM_NEVER)
            reply->due = due(fw, reply);
    }
    plan_reply(fw);
}

static void switch_rate(lm_fw *fw)
{
    if (fw->switching == S_WAITS && fw->body_cs && !fw->window_bytes) {
        fw->switching = S_UP;
        if (!fw->busy)
            lens_cs(fw, true);
        set_timer(fw, T_LIMIT, fw->now + SWITCH_LIMIT_US);
    } else if (fw->switching == S_FALLS) {
        fw->switching = S_NONE;
        set_timer(fw, T_LIMIT, LM_NEVER);
        if (!fw->busy)
            release(fw);
        set_rate(fw, FAST);
    }
}

static void linked(lm_fw *fw)
{
    release(fw);
    fw->state = LINKED;
    fw->rx_size = 0;
    fw->missed = fw->body_cs;
}

/* ---- the interface ---- */

const lm_info *lm_fw_info(void)
{
    static const lm_info INFO = {
        .abi = LM_ABI, .size = sizeof INFO, .dialect = "emount", .name = "Example 50mm F2", .version = "1.0", .roles = 1u << LM_LENS,
        .memory = sizeof(lm_fw), .alignment = 8,
        .rises = 1u << EMOUNT_VCC | 1u << EMOUNT_BODY_CS,
        .falls = 1u << EMOUNT_VCC | 1u << EMOUNT_BODY_CS | 1u << EMOUNT_VD,
    };
    return &INFO;
}

lm_fw *lm_fw_init(void *memory, const lm_host *host, const lm_setup *setup, uint64_t now_us)
{
    lm_fw *fw = memory;
    if (setup->role != LM_LENS) {
        host->log(host->ctx, LM_TROUBLE, "this firmware is a lens");
        return NULL;
    }
    fw->host = host;
    fw->now = now_us;
    fw->position = 0x1400;
    fw->body_cs = setup->levels >> EMOUNT_BODY_CS & 1;
    power_off(fw);
    if (setup->levels >> EMOUNT_VCC & 1)
        lm_fw_on_line(fw, EMOUNT_VCC, 1, now_us);
    return fw;
}

void lm_fw_on_bytes(lm_fw *fw, const uint8_t *data, uint32_t size, uint64_t now_us)
{
    fw->now = now_us;
    fw->window_bytes = true;
    if (fw->state != LINKED || fw->missed)
        return; /* before its handshake it reads nothing */
    if (!fw->body_cs && now_us - fw->rx_at > SILENCE_US) {
        scan(fw, true);
    }
    fw->rx_at = now_us;
    for (uint32_t taken; size; data += taken, size -= taken) {
        taken = append(fw->rx, &fw->rx_size, sizeof fw->rx, data, size);
        scan(fw, false);
    }
}

void lm_fw_on_line(lm_fw *fw, uint32_t line, uint32_t level, uint64_t now_us)
{
    fw->now = now_us;
    if (line == EMOUNT_VCC) {
        if (!level) {
            power_off(fw);
        } else if (!fw->supply) {
            fw->supply = true;
            fw->state = BOOTS;
            set_timer(fw, T_BOOT, now_us + BOOT_US);
        }
    } else if (line == EMOUNT_BODY_CS) {
        fw->body_cs = level;
        if (fw->supply)
            on_body_cs(fw);
    } else if (line == EMOUNT_VD && !level) {
        on_pulse(fw);
    }
}

void lm_fw_on_timer(lm_fw *fw, uint32_t timer, uint64_t now_us)
{
    fw->now = now_us;
    switch ((enum timer)timer) {
    case T_BOOT:
        lens_cs(fw, true);
        if (fw->state == BOOTS && fw->body_cs)
            call(fw);
        break;
    case T_SERIAL:
        serial(fw, true);
        if (!fw->body_cs)
            set_timer(fw, T_LINKED, now_us + LINKED_US);
        break;
    case T_LINKED: linked(fw); break;
    case T_REPLY: send_reply(fw); break;
    case T_SEND: send_frame(fw); break;
    case T_SENT: frame_sent(fw); break;
    case T_NEXT: send_next(fw); break;
    case T_PAIR: queue_frame(fw, E_LOOP, fw->number, fw->status, fw->status_size, A_STATUS); break;
    case T_SECOND: queue_frame(fw, E_LOOP, fw->number, fw->focus, fw->focus_size, A_FOCUS); break;
    case T_SWITCH: switch_rate(fw); break;
    case T_LIMIT: /* the handshake of the switch did not come, or stayed half-way: it keeps its rate */
        if (!fw->busy)
            release(fw);
        fw->switching = S_NONE;
        break;
    }
}

uint32_t lm_fw_state(const lm_fw *fw)
{
    return (uint32_t)fw->state | (uint32_t)fw->switching << 3 | (uint32_t)fw->streams << 5 | (uint32_t)fw->moving << 6 |
           (uint32_t)(fw->iris != fw->goal) << 7 | (uint32_t)(fw->rate == FAST) << 8 | (uint32_t)fw->busy << 9 |
           (fw->reply_count > 7 ? 7 : fw->reply_count) << 10 | (fw->order_count > 3 ? 3 : fw->order_count) << 13 |
           (fw->answered >> 4 & 0xF) << 15;
}
