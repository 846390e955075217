/* An adapter that carries E-mount lenses on a body of the open model, as firmware: a lens at its near port and an E-mount
 * body at its far port. The two protocols are in the headers that it includes; here is the translation between them. It
 * knows its lens before it answers a body, carries focus and aperture, and refuses what cannot be translated.
 *
 *     lensmount firmware build lmount_adapter.c
 *     lensmount loopback --adapter-firmware ./lmount_adapter.so --body panasonic-s1r --lens sel55210 --script "focus near" */
#include "lmount_lens_link.h"

enum { FEATURES = 0, STEPS = 4096, NEAREST_MM = 1000 };
enum { AV_PER_S = 15360, IDLE_MA = 60, FOCUS_MA = 220, DIAPHRAGM_MA = 60 }; /* modelled: no E-mount lens reports its current */
enum { BOOT_US = 145000 }; /* the longest that is legal: the lens needs time for its own start */
enum { CONTROL_EVENT = 0xC8, FOCUS_SWITCH = 2, ACCESSORY_REPORT = 0x8A };

#include "lmount_lens_commands.h"
#include "lmount_lens_events.h"
#include "emount_body_link.h"
#include "emount_body_sequence.h"

/* ---- the translation: what the near side has in place of a lens of its own ---- */

static int32_t clamped(int32_t value, int32_t low, int32_t high) { return value < low ? low : value > high ? high : value; }

/* 512 times the binary logarithm of a number in tenths, rounded: the Av/256 of an f-number. */
static int32_t av_of(uint32_t tenths)
{
    uint64_t x = ((uint64_t)tenths << 31) / 10;
    int32_t whole = 0;
    uint32_t part = 0;
    if (!tenths)
        return 0;
    for (; x >= UINT64_C(1) << 32; x >>= 1)
        whole++;
    for (; x < UINT64_C(1) << 31; x <<= 1)
        whole--;
    for (int bit = 0; bit < 14; bit++) {
        x = x * x >> 31;
        part <<= 1;
        if (x >= UINT64_C(1) << 32)
            x >>= 1, part |= 1;
    }
    return whole * 512 + (int32_t)((part * 512 + (1u << 13)) >> 14);
}

/* The f-number of an aperture code of the lens, in tenths. */
static uint32_t tenths_of(int32_t code) { return f_number_tenths(clamped(code - F_CODE_OF_ONE, 0, HIGHEST_AV)); }

static uint32_t bcd(const uint8_t *at, uint32_t size)
{
    uint32_t value = 0;
    for (uint32_t i = 0; i < size; i++) {
        if (at[i] >> 4 > 9 || (at[i] & 15) > 9)
            return 0;
        value = value * 100 + (at[i] >> 4) * 10u + (at[i] & 15);
    }
    return value;
}

static uint32_t shortest_mm(const struct far *f)
{
    uint32_t value = bcd(f->spec + 1, 2);
    return value ? value : 50;
}

static uint32_t longest_mm(const struct far *f)
{
    uint32_t value = bcd(f->spec + 3, 2);
    return value ? value : shortest_mm(f);
}

/* The fastest f-number in tenths, at the short end and at the long one. */
static uint32_t fastest(const struct far *f, bool at_long_end)
{
    uint32_t wide = bcd(f->spec + 5, 1), tele = bcd(f->spec + 6, 1), low, high;
    if (!wide && !tele)
        return tenths_of(f->widest_code);
    wide = wide ? wide : tele, tele = tele ? tele : wide;
    low = wide < tele ? wide : tele, high = wide < tele ? tele : wide;
    return at_long_end ? high : low;
}

static bool has_diaphragm(const struct far *f) { return f->narrowest_code > f->widest_code; }

static bool has_motor(const struct far *f) { return !f->slow_starter; }

static uint32_t focal_um(const lm_fw *fw)
{
    const struct far *f = far_seen(fw);
    return f->known_status && f->status.focal_dmm ? f->status.focal_dmm * 100 : shortest_mm(f) * 1000;
}

static int32_t widest(const lm_fw *fw)
{
    const struct far *f = far_seen(fw);
    int32_t wide = av_of(fastest(f, false)), tele = av_of(fastest(f, true));
    /* A zoom ring turns by ratios: the part of its way is that of the logarithms, which av_of has. */
    int32_t from = av_of(shortest_mm(f) * 10), way = av_of(longest_mm(f) * 10) - from, here;
    if (way <= 0)
        return wide;
    here = clamped(av_of(focal_um(fw) / 100) - from, 0, way);
    return wide + ((tele - wide) * here + way / 2) / way;
}

static int32_t smallest(const lm_fw *fw)
{
    const struct far *f = far_seen(fw);
    uint32_t least = tenths_of(f->narrowest_code), named = fastest(f, true);
    return av_of(has_diaphragm(f) && least > named ? least : has_diaphragm(f) ? named : fastest(f, false));
}

static uint32_t focus_code(const struct far *f, int32_t position)
{
    if (!f->known_focus)
        return 0;
    return (uint32_t)(f->lower + (position * (f->upper - f->lower) + (STEPS - 1) / 2) / (STEPS - 1));
}

static bool moving(const lm_fw *fw, const struct group *g)
{
    const struct far *f = far_seen(fw);
    if (g == &fw->focus)
        return f->ordered && fw->now - f->ordered_at < MAX_MOVE_US;
    return f->known_status && drives(f) && (f->frame - f->iris_frame < FRAMES_TO_START || !(f->status.state & 1));
}

static int32_t place(const lm_fw *fw, const struct group *g)
{
    const struct far *f = far_seen(fw);
    int32_t way = f->upper - f->lower;
    if (g != &fw->focus)
        return f->known_status ? f->status.aperture - F_CODE_OF_ONE : g->to;
    if (!f->known_focus || way <= 0)
        return g->to;
    if (!moving(fw, g) && (uint32_t)f->planned == focus_code(f, g->to))
        return g->to; /* the lens has no step nearer to it */
    return clamped(((f->planned - f->lower) * (STEPS - 1) + way / 2) / way, 0, STEPS - 1);
}

static void halt(lm_fw *fw, struct group *g)
{
    struct far *f = far_of(fw);
    if (g == &fw->focus && moving(fw, g)) {
        f->order_count = 0;
        add_order(f, FOCUS_STOP, 0);
        f->ordered = false;
    }
    g->from = g->to = place(fw, g);
    if (g == &fw->iris && f->known_status)
        f->aperture = F_CODE_OF_ONE + g->to;
}

/* Order the lens to a place; it chooses its own speed, and its state says when it is there. */
static void go(lm_fw *fw, struct group *g, int32_t to, uint32_t speed, uint64_t least_us, uint8_t number)
{
    struct far *f = far_of(fw);
    (void)speed, (void)least_us;
    g->to = to;
    g->number = number;
    if (g == &fw->focus) {
        uint32_t kept = 0;
        /* It replaces a move that is not sent yet: orders of the near side are faster than frames of the far one. */
        for (uint32_t i = 0; i < f->order_count; i++)
            if (f->orders[i][0] != FOCUS_MOVE)
                memmove(f->orders[kept++], f->orders[i], sizeof f->orders[0]);
        f->order_count = kept;
        add_order(f, FOCUS_MOVE, focus_code(f, to));
        f->ordered = true, f->ordered_at = fw->now;
    } else {
        f->aperture = F_CODE_OF_ONE + to;
        f->iris_frame = f->frame;
    }
    if (number)
        set_timer(fw, g == &fw->focus ? T_FOCUS : T_IRIS, fw->now + POLL_MOVE_US);
}

static uint32_t focus_speed(const lm_fw *fw) { return (void)fw, 1; }

static int64_t velocity(const lm_fw *fw) { return (void)fw, 0; } /* the unit of the lens's report is not known */

static void home(lm_fw *fw) { (void)fw; } /* the lens homes by itself */

/* The distance of the lens: 384 at 1 m, 64 more each time that it doubles. */
static uint32_t distance_mm(const lm_fw *fw, int32_t position)
{
    const struct far *f = far_seen(fw);
    uint64_t value = UINT64_C(1000) << 16;
    int32_t code = (int32_t)f->status.distance - 384 + 64 * 64;
    (void)position;
    if (!f->known_status || f->status.distance >= F_INFINITY)
        return INFINITY_MM;
    for (int32_t i = code & 63; i > 0; i--)
        value += value * 46769130 >> 32; /* the 64th root of 2 */
    value = code >> 6 >= 64 ? value << ((code >> 6) - 64) : value >> (64 - (code >> 6));
    value = (value + 32768) >> 16;
    return value < INFINITY_MM ? (uint32_t)value : INFINITY_MM - 1;
}

static bool may_answer_hello(const lm_fw *fw) { return far_seen(fw)->identified; }

static bool is_homed(const lm_fw *fw) { return drives(far_seen(fw)); }

static uint8_t focus_flags(const lm_fw *fw) { return has_motor(far_seen(fw)) ? 0 : 16; }

/* Tenths as a number without needless zeros. */
static char *write_tenths(char *at, uint32_t tenths)
{
    at = write_number(at, tenths / 10);
    if (tenths % 10)
        *at++ = '.', at = write_number(at, tenths % 10);
    return at;
}

/* The name that the specification bytes of the lens describe, up to 60 characters: `E 55-210mm F4.5-6.3 OSS (0x8012)`. */
static void write_name(const struct far *f, char *at)
{
    static const char *const KIND[] = {"", "DT ", "FE ", "E "}, *const CLASS[] = {"", " ZA", " G", ""},
                      *const SPECIAL[] = {"", " STF", " Reflex", "", " Macro", "", "", ""}, *const DRIVE[] = {"", " SSM", " SAM", ""};
    static const char HEX[] = "0123456789abcdef";
    uint32_t flags = (uint32_t)f->spec[0] << 8 | f->spec[7], wide = bcd(f->spec + 5, 1), tele = bcd(f->spec + 6, 1);
    uint32_t special = flags >> 5 & 7;
    at = write_text(at, KIND[flags >> 8 & 3]);
    at = write_text(at, flags & 0x4000 ? "PZ " : "");
    at = write_number(at, bcd(f->spec + 1, 2));
    if (bcd(f->spec + 3, 2))
        *at++ = '-', at = write_number(at, bcd(f->spec + 3, 2));
    at = write_text(at, "mm");
    if (wide) {
        at = write_tenths(write_text(at, " F"), wide);
        if (tele)
            *at++ = '-', at = write_tenths(at, tele);
    }
    at = write_text(at, CLASS[flags >> 2 & 3]);
    at = write_text(at, special == 4 ? " Fisheye" : special == 3 ? " Macro" : SPECIAL[special]);
    at = write_text(at, DRIVE[flags & 3]);
    at = write_text(at, flags & 0x8000 ? " OSS" : "");
    at = write_text(at, flags & 0x2000 ? " LE" : "");
    at = write_text(at, flags & 0x0800 ? " II" : "");
    at = write_text(at, " (0x");
    for (int shift = 12; shift >= 0; shift -= 4)
        *at++ = HEX[f->lens_id >> shift & 15];
    write_text(at, ")");
}

static void lens_identified(lm_fw *fw)
{
    struct far *f = far_of(fw);
    char text[80];
    write_name(f, write_text(text, "it carries "));
    f->identified = true;
    fw->focus.to = clamped(fw->focus.to, 0, STEPS - 1);
    fw->iris.to = av_of(fastest(f, false));
    fw->host->log(fw->host->ctx, LM_NOTE, text);
    fw->host->log(fw->host->ctx, LM_NOTE,
                  "not translated: stabiliser, rings, speeds and smooth apertures, tables, firmware update");
}

/* Its zoom may have changed the widest aperture. */
static void lens_status_received(lm_fw *fw) { fw->iris.to = clamped(fw->iris.to, widest(fw), smallest(fw)); }

/* The switch of the lens for manual focus. */
static void lens_loop_received(lm_fw *fw)
{
    struct far *f = far_of(fw);
    struct reply m = {0};
    uint8_t manual = f->known_status && f->status.focus_switch == MANUAL_SWITCH;
    if (manual == f->manual || !fw->stream_size)
        return;
    f->manual = manual;
    begin(&m, CONTROL_EVENT);
    put(&m, 1, FOCUS_SWITCH), put(&m, 1, manual);
    queue_frame(fw, EVENT, &m, 0, UINT64_MAX, 0);
}

static bool handle_unsupported(lm_fw *fw, uint8_t type, const uint8_t *f)
{
    enum { VELOCITY = 3, SMOOTH = 1, LIMITS = 0x21, TABLE = 0x23 };
    const struct far *lens = far_seen(fw);
    bool smooth = type == APERTURE_DRIVE && f[1] == SMOOTH, by_speed = type == FOCUS_DRIVE && f[1] == VELOCITY;
    if (smooth || by_speed || type == TABLE)
        refuse(fw, f[0], type, NOT_ABLE, 2);
    else if ((!has_motor(lens) && (type == FOCUS_DRIVE || type == LIMITS)) || (!has_diaphragm(lens) && type == APERTURE_DRIVE))
        refuse(fw, f[0], type, NOT_ABLE, 0);
    else
        return false;
    return true;
}

static void identity(lm_fw *fw, const uint8_t *f)
{
    const struct far *lens = far_seen(fw);
    struct reply *m = &fw->reply;
    char name[64], serial[16];
    write_name(lens, name), write_number(serial, lens->serial);
    begin(m, IDENTITY);
    put(m, 1, f[0]), put(m, 2, 0x9034), put(m, 2, lens->lens_id);
    put(m, 1, lens->version >> 8), put(m, 1, lens->version), put(m, 2, 0);
    put_text(m, name), put_text(m, serial);
}

/* What the lens can do, and the adapter itself, which allows single autofocus only. */
static void abilities(lm_fw *fw, const uint8_t *f)
{
    const struct far *lens = far_seen(fw);
    struct reply *m = &fw->reply;
    uint32_t kind = lens->spec[0] & 3;
    begin(m, ABILITIES);
    put(m, 1, f[0]), put(m, 1, kind == 1 || kind == 3 ? 1 : 2);
    put(m, 4, (has_diaphragm(lens) ? DIAPHRAGM : 0) | (has_motor(lens) ? MOTOR : 0));
    put(m, 4, shortest_mm(lens) * 1000), put(m, 4, longest_mm(lens) * 1000);
    put(m, 2, av_of(fastest(lens, false))), put(m, 2, av_of(fastest(lens, true))), put(m, 2, smallest(fw));
    put(m, 2, has_motor(lens) ? STEPS : 0), put(m, 4, NEAREST_MM), put(m, 1, 0);
    put(m, 1, has_motor(lens));
    if (has_motor(lens))
        put(m, 2, 60);
    put(m, 1, 0);
    begin(m, ACCESSORY_REPORT);
    put(m, 1, 1), put(m, 1, 3), put(m, 2, 0x9034), put(m, 2, 0x332C), put(m, 2, 1000), put(m, 1, 1);
}

static void metadata(lm_fw *fw, const uint8_t *f)
{
    const struct far *lens = far_seen(fw);
    struct reply *m = &fw->reply;
    char text[64], *end;
    begin(m, METADATA);
    put(m, 1, f[0]), put(m, 1, has_motor(lens) ? 7 : 6);
    write_tenths(text, focal_um(fw) / 100);
    put(m, 2, 0x920A), put_text(m, text);
    write_f_number(text, place(fw, &fw->iris));
    put(m, 2, 0x829D), put_text(m, text);
    if (has_motor(lens)) {
        write_metres(text, distance_mm(fw, 0));
        put(m, 2, 0x9206), put_text(m, text);
    }
    end = write_number(text, shortest_mm(lens));
    *end++ = ' ', end = write_number(end, longest_mm(lens));
    *end++ = ' ', end = write_tenths(end, fastest(lens, false));
    *end++ = ' ', write_tenths(end, fastest(lens, true));
    put(m, 2, 0xA432), put_text(m, text);
    put(m, 2, 0xA433), put_text(m, "modelled");
    write_name(lens, text);
    put(m, 2, 0xA434), put_text(m, text);
    write_number(text, lens->serial);
    put(m, 2, 0xA435), put_text(m, text);
}

/* ---- the interface ---- */

const lm_info *lm_fw_info(void)
{
    static const lm_info INFO = {
        .abi = LM_ABI, .size = sizeof INFO, .dialect = "lmount", .name = "Example adapter", .version = "1.0",
        .roles = 1u << LM_ADAPTER, .memory = sizeof(struct adapter), .alignment = 8,
        .rises = 1u << LMOUNT_V_LOGIC | 1u << LMOUNT_V_DRIVE | 1u << LMOUNT_BODY_ATT,
        .falls = 1u << LMOUNT_V_LOGIC | 1u << LMOUNT_V_DRIVE | 1u << LMOUNT_BODY_ATT | 1u << LMOUNT_FSYNC,
        .far_dialect = "emount",
        .far_rises = 1u << EMOUNT_RXD | 1u << EMOUNT_LENS_CS | 1u << EMOUNT_XDETECT,
        .far_falls = 1u << EMOUNT_RXD | 1u << EMOUNT_LENS_CS | 1u << EMOUNT_XDETECT,
    };
    return &INFO;
}

uint32_t lm_fw_state(const lm_fw *fw) { return lens_state(fw); }

lm_fw *lm_fw_init(void *memory, const lm_host *host, const lm_setup *setup, uint64_t now_us)
{
    lm_fw *fw = memory;
    struct far *f = far_of(fw);
    if (setup->role != LM_ADAPTER) {
        host->log(host->ctx, LM_TROUBLE, "this firmware is an adapter");
        return NULL;
    }
    lens_init(fw, host, setup, now_us);
    f->rxd = setup->far_levels >> EMOUNT_RXD & 1;
    f->lens_cs = setup->far_levels >> EMOUNT_LENS_CS & 1;
    drive(fw, LMOUNT_DETECT, setup->far_levels >> EMOUNT_XDETECT & 1);
    if (fw->logic)
        far_on(fw);
    return fw;
}

void lm_fw_on_bytes(lm_fw *fw, const uint8_t *data, uint32_t size, uint64_t now_us) { lens_bytes(fw, data, size, now_us); }

void lm_fw_on_line(lm_fw *fw, uint32_t line, uint32_t level, uint64_t now_us)
{
    fw->now = now_us;
    if (line == LMOUNT_V_LOGIC && !(level && fw->logic)) {
        far_off(fw);
        if (level)
            far_on(fw);
    } else if (line == LMOUNT_V_DRIVE) {
        set_motors(fw, level);
    }
    lens_line(fw, line, level, now_us);
}

void lm_fw_on_far_bytes(lm_fw *fw, const uint8_t *data, uint32_t size, uint64_t now_us)
{
    struct far *f = far_of(fw);
    fw->now = now_us;
    for (uint32_t taken; fw->logic && size; data += taken, size -= taken) {
        taken = append(f->rx, &f->rx_size, sizeof f->rx, data, size);
        scan_far(fw, false);
    }
}

void lm_fw_on_far_line(lm_fw *fw, uint32_t line, uint32_t level, uint64_t now_us)
{
    struct far *f = far_of(fw);
    fw->now = now_us;
    if (line == EMOUNT_XDETECT) {
        drive(fw, LMOUNT_DETECT, level);
    } else if (line == EMOUNT_RXD) {
        f->rxd = level;
    } else if (line == EMOUNT_LENS_CS) {
        f->lens_cs = level;
        /* A frame ends where the line falls, and a new one begins where it rises. */
        scan_far(fw, true);
        if (!level && f->step == S_REPLY_CS)
            far_timer(fw, T_FAR, now_us);
    }
}

void lm_fw_on_timer(lm_fw *fw, uint32_t timer, uint64_t now_us)
{
    struct far *f = far_of(fw);
    struct group *g = timer == T_FOCUS ? &fw->focus : &fw->iris;
    fw->now = now_us;
    switch (timer) {
    case T_FAR: far_step(fw); break;
    case T_VD: vd_falls(fw); break;
    case T_VD_RISE: far_drive(fw, EMOUNT_VD, true); break;
    case T_STATE:
        if (f->looping)
            send_state(fw);
        break;
    case T_MODE:
        if (f->looping)
            send_mode(fw);
        break;
    case T_TX_OPEN: open_window(fw); break;
    case T_TX: transmit_far(fw); break;
    case T_TX_END: tx_ended(fw); break;
    case T_FOCUS:
    case T_IRIS:
        if (moving(fw, g)) {
            set_timer(fw, (enum timer)timer, now_us + POLL_MOVE_US);
            break;
        }
        lens_timer(fw, timer, now_us);
        break;
    default: lens_timer(fw, timer, now_us); break;
    }
}
