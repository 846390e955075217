/* The link of a body of the open model: its state, the fields of messages, and sending. Written from protocol/spec/lmount.md;
 * section numbers are those of that specification. One translation unit with the body that includes it. */
#ifndef LMOUNT_BODY_LINK_H
#define LMOUNT_BODY_LINK_H
#include "lensmount_firmware.h"
#include "lensmount_lines_lmount.h"
#include "lmount_frame.h"

enum { MAX_FRAME = 1100, MAX_PAYLOAD = 64, QUEUE = 8, SCRIPT = 512 };
enum { RELIABLE = 64 }; /* of the flags of the report of the focus */
enum { SETTLE_US = 20000, ANSWER_US = 60000, FRAME_US = 16667, PULSE_US = 20, QUIET_US = 2500, BOOT_US = 160000,
       LOST_US = 250000, OFF_US = 50000, DRIVE_US = 3000000, CALL_US = 20000, START_US = 40 };

enum timer { T_DETECT, T_SEND, T_SENT, T_NEXT, T_ANSWER, T_FRAME, T_PULSE, T_RATE, T_STEP, T_LOST, T_OFF, T_BOOT, T_START };

/* Where the body is: it goes through these in order, one order and its answer for each up to RUNS. */
enum phase { OFF, BOOTS, GREETS, GRANTS, RATES_UP, IDENTIFIES, ASKS, CROPS, STREAMS, RUNS, ASLEEP, GAVE_UP };

struct frame {
    uint16_t size;
    uint8_t class_;
    uint8_t payload[MAX_PAYLOAD];
};

struct lm_fw {
    const lm_host *host;
    uint64_t now;
    bool detected, without_att /* section 13: the port lacks LENS_ATT */, busy, switching, levels[LMOUNT_LINES];
    enum phase phase;
    uint32_t rate, next_rate;
    uint8_t number, sequence, tries;
    struct frame order; /* the order that waits for its answer; size 0 for none */
    uint8_t drive_number, drive_type; /* the drive that is under way */
    bool reliable, stepping;
    uint32_t frame, power;
    uint64_t free_at;
    struct frame queue[QUEUE], sent;
    uint32_t queue_count;
    uint8_t rx[2 * MAX_FRAME];
    uint32_t rx_size;
    char script[SCRIPT];
    uint32_t script_at;
    bool script_done;
    uint32_t restarts;
};

static void timer(lm_fw *fw, enum timer timer, uint64_t at) { fw->host->set_timer(fw->host->ctx, timer, at); }

static void drive(lm_fw *fw, uint32_t line, bool level)
{
    if (fw->levels[line] != level) {
        fw->levels[line] = level;
        fw->host->drive_line(fw->host->ctx, line, level);
    }
}

static void put(struct frame *f, uint32_t width, int64_t value)
{
    for (uint32_t i = 0; i < width && f->size < MAX_PAYLOAD; i++)
        f->payload[f->size++] = (uint8_t)(value >> 8 * i);
    f->payload[1] = (uint8_t)(f->size - 3);
    f->payload[2] = (uint8_t)((f->size - 3) >> 8);
}

static struct frame message(uint8_t class_, uint8_t type)
{
    struct frame f = {.size = 3, .class_ = class_};
    f.payload[0] = type;
    put(&f, 0, 0);
    return f;
}

/* ---- sending ---- */

static void send_next(lm_fw *fw)
{
    if (fw->busy || fw->switching || !fw->queue_count)
        return;
    if (fw->now < fw->free_at) {
        timer(fw, T_NEXT, fw->free_at);
        return;
    }
    fw->busy = true;
    fw->sent = fw->queue[0];
    memmove(fw->queue, fw->queue + 1, sizeof *fw->queue * --fw->queue_count);
    drive(fw, LMOUNT_BODY_ATT, true);
    timer(fw, T_SEND, fw->now + SETUP_US);
}

static void send(lm_fw *fw, const struct frame *f)
{
    if (fw->queue_count < QUEUE)
        fw->queue[fw->queue_count++] = *f;
    send_next(fw);
}

static void send_frame(lm_fw *fw)
{
    uint8_t bytes[HEAD + MAX_PAYLOAD + TAIL];
    uint32_t size = build_frame(bytes, fw->sent.class_, fw->sequence++, fw->sent.payload, fw->sent.size);
    fw->host->transmit(fw->host->ctx, bytes, size);
    timer(fw, T_SENT, fw->now + duration_us(size, fw->rate) + HOLD_US);
}

/* Send an order and wait for its answer; it is sent three times in all. */
static void give(lm_fw *fw, const struct frame *order)
{
    fw->order = *order;
    fw->tries = 1;
    send(fw, order);
    timer(fw, T_ANSWER, fw->now + ANSWER_US);
}

static struct frame numbered(lm_fw *fw, uint8_t type)
{
    struct frame f = message(ORDER, type);
    fw->number = (uint8_t)(fw->number % 255 + 1);
    put(&f, 1, fw->number);
    return f;
}

#endif
