/* A lens for the open model of an L-Mount link, as firmware: an autofocus prime with a diaphragm, corrections and breathing
 * data; it has no stabiliser, no ring, no pages, and takes no update. The protocol is in the three headers that this file
 * includes; here is the device, which you replace by yours.
 *
 *     lensmount firmware build lmount_lens.c
 *     lensmount loopback --lens-firmware ./lmount_lens.so --script "check all" */
#include "lmount_lens_link.h"

enum { FEATURES = CORRECTIONS | BREATHING, PARTS = DIAPHRAGM | MOTOR, MAKER = 0xC0DE, MODEL = 1 };
enum { STEPS = 3000, NEAREST_MM = 300 };
enum { STEPS_PER_S = 12000, AV_PER_S = 15360, IDLE_MA = 40, FOCUS_MA = 150, DIAPHRAGM_MA = 60, BOOT_US = 60000 };
static const char NAME[] = "Example 35mm F2", SERIAL[] = "0000001", MAKER_NAME[] = "Example";

#include "lmount_lens_commands.h"
#include "lmount_lens_events.h"

static uint32_t focal_um(const lm_fw *fw)
{
    (void)fw;
    return 35000;
}

static int32_t widest(const lm_fw *fw)
{
    (void)fw;
    return 512;
}

static int32_t smallest(const lm_fw *fw)
{
    (void)fw;
    return 2283;
}

/* ---- moving ---- */

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

static bool handle_unsupported(lm_fw *fw, uint8_t type, const uint8_t *f)
{
    (void)fw, (void)type, (void)f;
    return false;
}

/* ---- what it is ---- */

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
    put(m, 1, f[0]), put(m, 1, 2), put(m, 4, PARTS), put(m, 4, focal_um(fw)), put(m, 4, focal_um(fw));
    put(m, 2, widest(fw)), put(m, 2, widest(fw)), put(m, 2, smallest(fw));
    put(m, 2, STEPS), put(m, 4, NEAREST_MM), put(m, 1, 0);
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

/* ---- the interface ---- */

uint32_t lm_fw_state(const lm_fw *fw) { return lens_state(fw); }

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
