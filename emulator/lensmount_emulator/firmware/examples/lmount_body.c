/* A camera body for the open model of an L-Mount link, as firmware: written from protocol/spec/lmount.md; section
 * numbers are those of that specification. It starts a lens, orders its reports at 60 frames a second, and carries out a
 * script, which is the first line of `config`: `focus near`, `focus far`, `focus 1200`, `aperture f/5.6`, `open`,
 * `stop`, `wait 0.5`, `sleep`, `wake`. Its link is in the header that this file includes.
 *
 *     lensmount firmware build lmount_body.c
 *     lensmount loopback --body-firmware ./lmount_body.so --script "focus near; aperture f/8; sleep" */
#include "lmount_body_link.h"

/* ---- supply ---- */

static void forget(lm_fw *fw)
{
    static const enum timer ALL[] = {T_SEND, T_SENT, T_NEXT, T_ANSWER, T_FRAME, T_PULSE, T_RATE, T_STEP, T_LOST, T_BOOT,
                                     T_START};
    for (uint32_t i = 0; i < sizeof ALL / sizeof *ALL; i++)
        timer(fw, ALL[i], LM_NEVER);
    fw->busy = fw->switching = fw->reliable = fw->stepping = false;
    fw->queue_count = fw->rx_size = fw->frame = 0;
    fw->order.size = 0;
    fw->drive_number = 0;
    if (fw->rate != RATES[0])
        fw->host->set_baudrate(fw->host->ctx, RATES[0]);
    fw->rate = RATES[0];
    fw->phase = OFF;
}

static void switch_off(lm_fw *fw)
{
    static const uint32_t LINES[] = {LMOUNT_BODY_ATT, LMOUNT_FSYNC, LMOUNT_TXD, LMOUNT_V_DRIVE, LMOUNT_V_LOGIC};
    forget(fw);
    for (uint32_t i = 0; i < sizeof LINES / sizeof *LINES; i++)
        drive(fw, LINES[i], false);
}

static void finish(lm_fw *fw, bool complete)
{
    if (!fw->script_done) {
        fw->script_done = true;
        fw->host->finish(fw->host->ctx, complete);
    }
}

static void switch_on(lm_fw *fw)
{
    fw->phase = BOOTS;
    drive(fw, LMOUNT_V_LOGIC, true);
    drive(fw, LMOUNT_TXD, true);
    drive(fw, LMOUNT_FSYNC, true);
    timer(fw, T_BOOT, fw->now + BOOT_US);
}

/* The lens does not do its part: switch the supply off and on, twice; then give up until it is attached again. */
static void restart(lm_fw *fw, const char *why)
{
    fw->host->log(fw->host->ctx, LM_TROUBLE, why);
    switch_off(fw);
    if (++fw->restarts > 2) {
        fw->phase = GAVE_UP;
        finish(fw, false);
    } else {
        timer(fw, T_OFF, fw->now + OFF_US);
    }
}

/* ---- the start, section 4 ---- */

static void enter(lm_fw *fw, enum phase phase)
{
    struct frame f;
    fw->phase = phase;
    switch (phase) {
    case GREETS:
        f = message(LINK, BODY_HELLO);
        put(&f, 1, REVISION), put(&f, 4, 0x0C), put(&f, 2, 0xC0DE), put(&f, 2, 2), put(&f, 4, 1), put(&f, 2, 512);
        put(&f, 1, N_RATES);
        for (uint32_t i = 0; i < N_RATES; i++)
            put(&f, 4, RATES[i]);
        break;
    case GRANTS:
        f = numbered(fw, POWER_GRANT);
        put(&f, 1, fw->power), put(&f, 2, fw->power < 3 ? 500 : 900), put(&f, 1, 0);
        break;
    case RATES_UP:
        drive(fw, LMOUNT_V_DRIVE, true);
        f = numbered(fw, RATE_ORDER);
        put(&f, 4, fw->next_rate);
        break;
    case IDENTIFIES: f = numbered(fw, IDENTITY_REQUEST); break;
    case ASKS: f = numbered(fw, ABILITIES_REQUEST); break;
    case CROPS:
        f = numbered(fw, CROP_NOTICE);
        put(&f, 1, 2);
        break;
    case STREAMS:
        f = numbered(fw, STREAM_ORDER);
        put(&f, 1, 4), put(&f, 1, FOCUS_STATE), put(&f, 1, APERTURE_STATE), put(&f, 1, ZOOM_STATE);
        put(&f, 1, STABILISER_STATE);
        break;
    default:
        timer(fw, T_FRAME, fw->now + FRAME_US);
        timer(fw, T_LOST, fw->now + LOST_US);
        return;
    }
    give(fw, &f);
}

/* ---- the script ---- */

static bool is(const char *step, const char *word)
{
    uint32_t i = 0;
    while (word[i] && step[i] == word[i])
        i++;
    return !word[i] && (step[i] == 0 || step[i] == ' ' || step[i] == ';');
}

/* A decimal number in thousandths, such as `5.6`; *found is false where there is none. */
static uint32_t thousandths(const char *at, bool *found)
{
    uint32_t value = 0, scale = 0;
    *found = false;
    for (; (*at >= '0' && *at <= '9') || *at == '.'; at++) {
        if (*at == '.') {
            scale = 1000;
        } else if (!scale || scale > 1) {
            *found = true;
            value = value < 1000000 ? value * 10 + (uint32_t)(*at - '0') : value;
            scale /= scale ? 10 : 1;
        }
    }
    return scale ? value * scale : value * 1000;
}

/* Av in 1/256 of a stop: 512 for each doubling of the f-number, by bisection of squares. */
static int32_t to_av(uint32_t thousandths_of_f)
{
    uint64_t x = ((uint64_t)thousandths_of_f << 20) / 1000;
    int32_t av = 0;
    if (!x)
        return 0;
    while (x >= UINT64_C(2) << 20)
        x >>= 1, av += 512;
    for (int32_t part = 256; part; part /= 2) {
        x = x * x >> 20;
        if (x >= UINT64_C(2) << 20)
            x >>= 1, av += part;
    }
    return av;
}

static void next_step(lm_fw *fw)
{
    const char *step = fw->script + fw->script_at;
    bool found;
    struct frame f;
    if (fw->script_done || fw->stepping || (fw->phase != RUNS && fw->phase != ASLEEP) || fw->order.size || fw->drive_number)
        return;
    while (*step == ' ' || *step == ';')
        step++, fw->script_at++;
    if (!*step || *step == '\n') {
        finish(fw, true);
        return;
    }
    if ((is(step, "focus") || is(step, "open") || is(step, "aperture")) && !fw->reliable)
        return; /* a body drives a lens that knows its position */
    while (fw->script[fw->script_at] && fw->script[fw->script_at] != ';' && fw->script[fw->script_at] != '\n')
        fw->script_at++;
    if (is(step, "wait")) {
        timer(fw, T_STEP, fw->now + (uint64_t)thousandths(step + 5, &found) * 1000);
        fw->stepping = true;
        return;
    }
    if (is(step, "focus") || is(step, "stop")) {
        const char *where = step + 6;
        int64_t value = is(step, "stop") ? 0 : (int64_t)thousandths(where, &found) / 1000;
        f = numbered(fw, FOCUS_DRIVE);
        put(&f, 1, is(step, "stop") ? 0 : is(where, "near") ? 4 : is(where, "far") ? 5 : 1);
        put(&f, 4, value), put(&f, 2, 0);
    } else if (is(step, "aperture") || is(step, "open")) {
        f = numbered(fw, APERTURE_DRIVE);
        put(&f, 1, is(step, "open") ? 4 : 0);
        put(&f, 2, is(step, "open") ? 0 : to_av(thousandths(step + 9 + (step[9] == 'f' ? 2 : 0), &found))), put(&f, 4, 0);
    } else if (is(step, "sleep")) {
        timer(fw, T_FRAME, LM_NEVER), timer(fw, T_LOST, LM_NEVER);
        f = numbered(fw, SLEEP);
        put(&f, 1, 0);
    } else if (is(step, "wake")) {
        drive(fw, LMOUNT_V_DRIVE, true);
        if (fw->without_att) { /* a hello wakes it, and the start follows */
            enter(fw, GREETS);
            return;
        }
        drive(fw, LMOUNT_BODY_ATT, true);
        timer(fw, T_START, fw->now + CALL_US);
        fw->stepping = true;
        return;
    } else {
        fw->host->log(fw->host->ctx, LM_TROUBLE, "a step of the script that this body does not know");
        finish(fw, false);
        return;
    }
    give(fw, &f);
}

/* ---- answers ---- */

static void answered(lm_fw *fw, bool refused)
{
    uint8_t type = fw->order.payload[0];
    fw->order.size = 0;
    timer(fw, T_ANSWER, LM_NEVER);
    if (refused && fw->phase < RUNS && type != CROP_NOTICE) {
        restart(fw, "the lens refuses an order of the start");
        return;
    }
    if (fw->phase == RATES_UP) {
        fw->switching = true;
        timer(fw, T_RATE, fw->now + SWITCH_US);
    } else if (fw->phase < RUNS) {
        if (fw->phase == STREAMS)
            fw->restarts = 0;
        enter(fw, fw->phase + 1);
    } else if (type == SLEEP && !refused) {
        fw->phase = ASLEEP;
        drive(fw, LMOUNT_V_DRIVE, false);
        fw->reliable = false;
        next_step(fw);
    } else {
        next_step(fw);
    }
}

static void on_message(lm_fw *fw, const uint8_t *raw, uint32_t size)
{
    const uint8_t *f = raw + 3;
    uint8_t type = raw[0];
    if (type == FOCUS_STATE && size >= 16) {
        timer(fw, T_LOST, fw->phase == RUNS ? fw->now + LOST_US : LM_NEVER);
        fw->reliable = f[12] & RELIABLE;
        if (!fw->stepping)
            next_step(fw);
    } else if (type == LENS_HELLO && fw->phase == GREETS && size >= 14) {
        fw->power = f[5] > 4 ? 4 : f[5];
        fw->next_rate = RATES[0];
        for (uint32_t i = 0; i < f[10] && 14 + 4 * i + 4 <= size; i++)
            if (get(f + 11 + 4 * i, 4) == RATES[2])
                fw->next_rate = RATES[2];
        fw->order.size = 0;
        enter(fw, GRANTS);
    } else if ((type == DONE_ANSWER && size >= 6) || (type == REFUSAL && size >= 7)) {
        bool refused = type == REFUSAL;
        if (fw->order.size && fw->order.payload[0] == f[1] && fw->order.payload[3] == f[0]) {
            if (!refused && f[2] == ACCEPTED && (f[1] == FOCUS_DRIVE || f[1] == APERTURE_DRIVE)) {
                fw->drive_number = f[0], fw->drive_type = f[1];
                fw->order.size = 0;
                timer(fw, T_ANSWER, fw->now + DRIVE_US);
            } else {
                answered(fw, refused);
            }
        } else if (fw->drive_number && f[0] == fw->drive_number && f[1] == fw->drive_type && f[2] != ACCEPTED) {
            fw->drive_number = 0;
            timer(fw, T_ANSWER, LM_NEVER);
            next_step(fw);
        }
    } else if (fw->order.size && ((type == IDENTITY && fw->phase == IDENTIFIES) || (type == ABILITIES && fw->phase == ASKS)) &&
               size >= 4 && f[0] == fw->order.payload[3]) {
        if (type == IDENTITY)
            fw->host->log(fw->host->ctx, LM_NOTE, "the lens is identified");
        answered(fw, false);
    }
}

static void scan(lm_fw *fw, bool ended)
{
    uint32_t at = 0;
    while (at < fw->rx_size) {
        int32_t size = frame_size(fw->rx + at, fw->rx_size - at, MAX_FRAME);
        if (size == 0 && !ended)
            break;
        if (size > 0 && !is_frame(fw->rx + at, (uint32_t)size))
            size = -1;
        if (size > 0 && fw->phase > BOOTS && fw->phase != GAVE_UP) {
            uint32_t end = at + (uint32_t)size - TAIL;
            for (uint32_t m = at + HEAD; m + 3 <= end && m + 3 + get(fw->rx + m + 1, 2) <= end;) {
                uint32_t whole = 3 + get(fw->rx + m + 1, 2);
                on_message(fw, fw->rx + m, whole);
                if (!fw->rx_size)
                    return; /* the supply was switched off */
                m += whole;
            }
        }
        at += size > 0 ? (uint32_t)size : 1;
    }
    discard(fw->rx, &fw->rx_size, at);
}

/* ---- time ---- */

static void no_answer(lm_fw *fw)
{
    if (fw->drive_number) {
        fw->drive_number = 0;
        restart(fw, "a drive does not end");
    } else if (fw->order.size && (fw->tries++ < 3 || (fw->without_att && fw->phase == GREETS))) {
        if (fw->tries > 3 && fw->rate != RATES[0]) { /* a lens that has slept for a second has the first rate */
            fw->rate = RATES[0];
            fw->host->set_baudrate(fw->host->ctx, fw->rate);
        }
        send(fw, &fw->order);
        timer(fw, T_ANSWER, fw->now + ANSWER_US);
    } else if (fw->order.size) {
        restart(fw, "the lens does not answer");
    }
}

static void begin_frame(lm_fw *fw)
{
    struct frame f = message(CYCLE, FRAME_START);
    fw->frame = (fw->frame + 1) & 0xFFFF;
    drive(fw, LMOUNT_FSYNC, false);
    timer(fw, T_PULSE, fw->now + PULSE_US);
    timer(fw, T_FRAME, fw->now + FRAME_US);
    put(&f, 2, fw->frame), put(&f, 4, FRAME_US);
    send(fw, &f);
    next_step(fw);
}

static void set_rate(lm_fw *fw)
{
    fw->rate = fw->next_rate;
    fw->host->set_baudrate(fw->host->ctx, fw->rate);
    timer(fw, T_STEP, fw->now + QUIET_US);
}

/* ---- the interface ---- */

const lm_info *lm_fw_info(void)
{
    static const lm_info INFO = {
        .abi = LM_ABI, .size = sizeof INFO, .dialect = "lmount", .name = "Example body", .version = "1.0", .roles = 1u << LM_BODY,
        .memory = sizeof(lm_fw), .alignment = 8,
        .rises = 1u << LMOUNT_DETECT | 1u << LMOUNT_LENS_ATT,
        .falls = 1u << LMOUNT_DETECT | 1u << LMOUNT_LENS_ATT,
    };
    return &INFO;
}

lm_fw *lm_fw_init(void *memory, const lm_host *host, const lm_setup *setup, uint64_t now_us)
{
    lm_fw *fw = memory;
    fw->host = host;
    fw->now = now_us;
    fw->rate = RATES[0];
    for (uint32_t i = 0; i + 1 < SCRIPT && setup->config[i]; i++)
        fw->script[i] = setup->config[i];
    if (setup->role != LM_BODY) {
        host->log(host->ctx, LM_TROUBLE, "this firmware is a body");
        return NULL;
    }
    fw->without_att = !(setup->lines >> LMOUNT_LENS_ATT & 1);
    fw->detected = !(setup->levels >> LMOUNT_DETECT & 1);
    if (fw->detected) /* there from the start, or the port cannot show it */
        timer(fw, T_DETECT, now_us + SETTLE_US);
    return fw;
}

void lm_fw_on_bytes(lm_fw *fw, const uint8_t *data, uint32_t size, uint64_t now_us)
{
    fw->now = now_us;
    if (fw->phase == OFF || fw->phase == GAVE_UP)
        return;
    for (uint32_t taken; size; data += taken, size -= taken) {
        taken = append(fw->rx, &fw->rx_size, sizeof fw->rx, data, size);
        scan(fw, false);
    }
}

void lm_fw_on_line(lm_fw *fw, uint32_t line, uint32_t level, uint64_t now_us)
{
    fw->now = now_us;
    if (line == LMOUNT_DETECT) {
        fw->detected = !level;
        switch_off(fw);
        timer(fw, T_OFF, LM_NEVER);
        fw->restarts = 0;
        timer(fw, T_DETECT, fw->detected ? now_us + SETTLE_US : LM_NEVER);
        return;
    }
    scan(fw, true);
    fw->rx_size = 0;
    if (fw->phase == BOOTS && level) {
        timer(fw, T_BOOT, LM_NEVER);
        timer(fw, T_START, now_us + START_US);
    } else if (fw->phase == ASLEEP && fw->stepping && level) {
        /* It is awake: the stream is ordered again. */
        timer(fw, T_START, LM_NEVER);
        drive(fw, LMOUNT_BODY_ATT, false);
        fw->free_at = now_us + 200;
        fw->stepping = false;
        enter(fw, STREAMS);
    }
}

void lm_fw_on_timer(lm_fw *fw, uint32_t number, uint64_t now_us)
{
    fw->now = now_us;
    switch ((enum timer)number) {
    case T_DETECT:
    case T_OFF:
        if (fw->detected)
            switch_on(fw);
        break;
    case T_BOOT:
        if (fw->without_att)
            enter(fw, GREETS);
        else
            restart(fw, "the lens does not start");
        break;
    case T_START:
        if (fw->phase == BOOTS)
            enter(fw, GREETS);
        else if (fw->phase == ASLEEP)
            restart(fw, "the lens does not wake");
        break;
    case T_SEND: send_frame(fw); break;
    case T_SENT:
        drive(fw, LMOUNT_BODY_ATT, false);
        fw->busy = false;
        fw->free_at = now_us + GAP_US;
        send_next(fw);
        break;
    case T_NEXT: send_next(fw); break;
    case T_ANSWER: no_answer(fw); break;
    case T_FRAME: begin_frame(fw); break;
    case T_PULSE: drive(fw, LMOUNT_FSYNC, true); break;
    case T_RATE: set_rate(fw); break;
    case T_STEP:
        if (fw->switching) {
            fw->switching = false;
            enter(fw, IDENTIFIES);
        } else {
            fw->stepping = false;
            next_step(fw);
        }
        break;
    case T_LOST: restart(fw, "no reports for 250 ms"); break;
    }
}

uint32_t lm_fw_state(const lm_fw *fw)
{
    return (uint32_t)fw->phase | (uint32_t)fw->busy << 4 | (uint32_t)(fw->order.size != 0) << 5 |
           (uint32_t)(fw->drive_number != 0) << 6 | (uint32_t)fw->reliable << 7 | (uint32_t)fw->tries << 8 |
           (uint32_t)fw->restarts << 10 | fw->queue_count << 12;
}
