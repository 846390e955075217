/* What happens to a lens of the open model: a hello, frames, supply, sleep, changes of the rate; and the four events of an
 * instance. After lmount_lens_commands.h. */
#ifndef LMOUNT_LENS_EVENTS_H
#define LMOUNT_LENS_EVENTS_H
#include "lmount_lens_commands.h"

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
            if (fw->without_fsync && !fw->asleep)
                begin_reports(fw);
        }
        /* The planted defect: an empty message is not skipped. */
        at += PLANTED(25) && whole && needed == 3 ? 0 : taken;
    }
}

static int32_t check_frame(const uint8_t *at, uint32_t have)
{
    int32_t size = frame_size(at, have, MAX_FRAME);
    if (size <= 0 || (PLANTED(26) && at[3] == ORDER && at[4] == 0x55))
        return size;
    return is_frame(at, (uint32_t)size) ? size : -1;
}

/* Take the frames out of what was received; `ended`: nothing follows, so a candidate that waits is none. */
static void scan(lm_fw *fw, bool ended)
{
    uint32_t at = 0;
    while (at < fw->rx_size) {
        int32_t size = check_frame(fw->rx + at, fw->rx_size - at);
        if (size == 0 && !ended)
            break;
        if (size > 0)
            on_frame(fw, fw->rx[at + 3], fw->rx + at + HEAD, (uint32_t)size - HEAD - TAIL);
        else if (PLANTED(27) && size < 0 && fw->rx[at] == START && fw->rx_size - at > 8)
            size = 8; /* the planted defect: a failed candidate takes more than its first byte along */
        at += size > 0 ? (uint32_t)size : 1;
    }
    discard(fw->rx, &fw->rx_size, at);
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
    bool body_att = fw->body_att, supply = fw->drive, without_fsync = fw->without_fsync, first = !fw->limit_near;
    for (uint32_t i = 0; i < LM_TIMERS; i++)
        set_timer(fw, (enum timer)i, LM_NEVER);
    attention(fw, false);
    drive(fw, LMOUNT_RXD, PLANTED(28) && fw->busy);
    if (fw->rate && fw->rate != RATES[0])
        host->set_baudrate(host->ctx, RATES[0]);
    memset(fw, 0, sizeof *fw);
    fw->host = host;
    fw->now = now, fw->random = random;
    fw->body_att = body_att, fw->drive = supply, fw->without_fsync = without_fsync;
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

/* ---- events ---- */

static void lens_init(lm_fw *fw, const lm_host *host, const lm_setup *setup, uint64_t now_us)
{
    fw->host = host;
    fw->now = now_us;
    fw->random = setup->seed;
    fw->focus.to = STEPS / 3;
    fw->iris.to = widest(fw);
    fw->without_fsync = !(setup->lines >> LMOUNT_FSYNC & 1);
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
    for (uint32_t taken; size; data += taken, size -= taken) {
        taken = append(fw->rx, &fw->rx_size, sizeof fw->rx, data, size);
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

/* The state word for guided fuzzing. */
static uint32_t lens_state(const lm_fw *fw)
{
    return (uint32_t)fw->started | (uint32_t)fw->hello_sent << 1 | (uint32_t)fw->asleep << 2 | (uint32_t)is_homed(fw) << 3 |
           (uint32_t)moving(fw, &fw->focus) << 4 | (uint32_t)moving(fw, &fw->iris) << 5 |
           (uint32_t)(fw->granted != 0) << 6 | (uint32_t)(fw->stream_size != 0) << 7 |
           (uint32_t)(fw->rate != RATES[0]) << 8 | (uint32_t)fw->busy << 9 |
           (fw->queue_count > 7 ? 7 : fw->queue_count) << 10 | (fw->orders >> 4 & 0x1F) << 13;
}

#endif
