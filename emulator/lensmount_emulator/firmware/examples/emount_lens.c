/* A lens for the E-mount, as firmware: written from protocol/spec/emount.md; section numbers are those of that page. An
 * autofocus prime that starts, switches its rate, answers requests, streams its state, follows the aperture, carries
 * focus orders out and sleeps. No maker's lens: its data are made up.
 *
 *     lensmount firmware build emount_lens.c
 *     lensmount loopback --lens-firmware ./emount_lens.so --script "focus 0x1800; aperture f/8; sleep" */
#include "emount_lens_link.h"

/* ---- this lens ---- */

enum { WIDEST = 0x1200, NARROWEST = 0x1900, CODES = 336, LOWER = 0x1000, UPPER = 0x2000, STEPS = 200, FAR_CODE = 0x0700 };

static const uint8_t STATUS_BLOCKS[18] = {8, 1, 8, 3, 10, 28, 2, 6, 1, 2, 8, 6, 6, 6, 1, 6, 3, 3};
static const uint8_t FOCUS_BLOCKS[8] = {2, 11, 9, 4, 6, 7, 45, 4};

/* What it answers. */
static const struct answer ANSWERS[] = {
    {0x01, 33, 10, 584, {0xFF, 0x9F, 0xFF, 0x5D, 0xEE, 0x60, 0x08, 0x08}},
    {0x07, 35, 17, 563, {0x01, 0x03, 0x35, 0x01, 0, 0, 0x01, 0, 0xA0, 0xFE, 0xFF, 0, 0, 0, 0, 0x60, 0x92}},
    {0x08, 202, 22, 1619, {0, 0x12, 0, 0x19, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0, 0x50, 0x20, 0x02}},
    {0x09, 12, 0, 390, {0}},      {0x0A, 17, 0, 774, {0}}, {0x0B, 3, 1, 343, {0x60}}, {0x0C, 2, 1, 336, {0x01}},
    {0x0D, 2, 1, 340, {0x01}},    {0x10, 2, 0, 300000, {0}}, {0x16, 2, 0, 100000, {0}},
};

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

#include "emount_lens_stream.h"

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
