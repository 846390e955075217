/* What a lens for the E-mount sends: replies, the stream of its state, and the acknowledgements of orders. After
 * emount_lens_link.h, and after the data of the device. */
#ifndef EMOUNT_LENS_STREAM_H
#define EMOUNT_LENS_STREAM_H
#include "emount_lens_link.h"

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
#endif
