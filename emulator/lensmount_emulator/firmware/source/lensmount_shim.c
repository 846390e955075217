/* The part of lensmount that is linked with a firmware: it calls the firmware, keeps its timers, and collects its
 * actions in a buffer, so that the session crosses the border once per event.
 *
 * A guard catches what a firmware must not do; the call then returns LM_FAULT and `fault` describes the event. Linux,
 * gcc or clang. The two headers that are included here are part of this file. */
#define _GNU_SOURCE
#include "lensmount_shim_guard.h"
#include "lensmount_firmware.h"
#include "lensmount_shim_coverage.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define LM_SHIM 3u
#define LM_FAULT (-1)

enum { ACTIONS = 1 << 16, FIRINGS = 10000 };
enum { A_TRANSMIT = 1, A_LINE, A_BAUDRATE, A_LOG, A_FINISH, A_FAR = 8 /* added for the far port */ };

/* One instance, as the session sees it: `next_us`, `used` and `actions` are read after each call. */
struct shim {
    uint64_t next_us; /* when lm_shim_time has to be called; LM_NEVER for not */
    uint32_t used, pad;
    uint8_t actions[ACTIONS];
    struct fault fault;
    lm_host host;
    lm_fw *fw;
    void *memory;
    uint64_t timers[LM_TIMERS];
    uint32_t firings, far_baudrate;
    uint64_t fired_at, far_levels, lines, far_lines;
    int inside, broken;
    uint32_t outside, role;
};

/* ---- what the firmware calls ---- */

static int allowed(struct shim *s)
{
    if (current == &s->fault && s->inside && pthread_equal(pthread_self(), handling))
        return 1;
    s->outside++; /* reported at the next event */
    return 0;
}

static uint8_t *add(struct shim *s, uint32_t kind, uint32_t value, uint32_t size)
{
    uint32_t head[3] = {kind, value, size}, whole = sizeof head + ((size + 3) & ~3u);
    uint8_t *at = s->actions + s->used;
    if (size > ACTIONS || whole > ACTIONS - s->used)
        give_up(F_ACTIONS, ACTIONS, 0);
    memset(at + whole - 4, 0, 4); /* equal actions are equal bytes */
    memcpy(at, head, sizeof head);
    s->used += whole;
    return at + sizeof head;
}

static void send(struct shim *s, uint32_t kind, const uint8_t *data, uint32_t size)
{
    if (allowed(s) && size)
        memcpy(add(s, kind, 0, size), data, size);
}

static void move(struct shim *s, uint32_t kind, uint32_t line, uint32_t level)
{
    if (allowed(s))
        add(s, kind, line << 1 | (level != 0), 0);
}

static void rate(struct shim *s, uint32_t kind, uint32_t baud)
{
    if (!allowed(s))
        return;
    if (!baud)
        give_up(F_ARGUMENT, A_BAUDRATE, baud);
    add(s, kind, baud, 0);
}

static void transmit(void *ctx, const uint8_t *data, uint32_t size) { send(ctx, A_TRANSMIT, data, size); }

static void drive_line(void *ctx, uint32_t line, uint32_t level) { move(ctx, A_LINE, line, level); }

static void set_baudrate(void *ctx, uint32_t baud) { rate(ctx, A_BAUDRATE, baud); }

static void far_transmit(void *ctx, const uint8_t *data, uint32_t size) { send(ctx, A_FAR + A_TRANSMIT, data, size); }

static void far_drive_line(void *ctx, uint32_t line, uint32_t level) { move(ctx, A_FAR + A_LINE, line, level); }

static void far_set_baudrate(void *ctx, uint32_t baud) { rate(ctx, A_FAR + A_BAUDRATE, baud); }

static void set_timer(void *ctx, uint32_t timer, uint64_t at_us)
{
    struct shim *s = ctx;
    if (!allowed(s))
        return;
    if (timer >= LM_TIMERS)
        give_up(F_ARGUMENT, 0, timer);
    s->timers[timer] = at_us;
}

static void log_text(void *ctx, uint32_t level, const char *text)
{
    struct shim *s = ctx;
    if (allowed(s)) {
        uint32_t size = (uint32_t)strnlen(text, 1000);
        memcpy(add(s, A_LOG, level, size), text, size);
    }
}

static void finish(void *ctx, uint32_t complete)
{
    struct shim *s = ctx;
    if (allowed(s))
        add(s, A_FINISH, complete, 0);
}

/* ---- what the session calls ---- */

static void plan(struct shim *s)
{
    uint64_t next = LM_NEVER;
    for (unsigned i = 0; i < LM_TIMERS; i++)
        if (s->timers[i] < next)
            next = s->timers[i];
    s->next_us = next;
}

static void begin(struct shim *s, uint64_t now_us)
{
    s->used = 0;
    enter(&s->fault, now_us, s->role);
    s->inside = 1;
}

static int64_t end(struct shim *s)
{
    s->inside = 0;
    current = NULL;
    plan(s);
    if (s->outside) {
        s->fault.kind = F_OUTSIDE;
        s->fault.number = s->outside;
        s->broken = 1;
        return LM_FAULT;
    }
    return s->used;
}

static int64_t broken(struct shim *s)
{
    s->inside = 0;
    current = NULL;
    s->broken = 1;
    s->next_us = LM_NEVER;
    read_report(&s->fault);
    return LM_FAULT;
}

/* Every call of the firmware stands between these two. */
#define GUARDED(s, now_us)                                                                                             \
    if ((s)->broken)                                                                                                   \
        return LM_FAULT;                                                                                               \
    if (sigsetjmp(back, 0))                                                                                            \
        return broken(s);                                                                                              \
    begin(s, now_us);

EXPORT uint32_t lm_shim_version(void) { return LM_SHIM; }

EXPORT const lm_info *lm_shim_info(void) { return lm_fw_info(); }

EXPORT uint32_t lm_shim_optional(void)
{
    return (lm_fw_on_control ? 1u : 0u) | (lm_fw_state ? 2u : 0u) | (lm_fw_on_far_bytes ? 4u : 0u) |
           (lm_fw_on_far_line ? 8u : 0u);
}

EXPORT struct shim *lm_shim_open(void)
{
    const lm_info *info = lm_fw_info();
    struct shim *s = calloc(1, sizeof *s);
    size_t alignment = info->alignment > sizeof(void *) ? info->alignment : sizeof(void *);
    if (!s)
        return NULL;
    if (posix_memalign(&s->memory, alignment, info->memory ? info->memory : 1)) {
        free(s);
        return NULL;
    }
    s->host = (lm_host){LM_ABI, sizeof s->host, s, transmit, drive_line, set_baudrate, set_timer, log_text, finish,
                        far_transmit, far_drive_line, far_set_baudrate};
    s->next_us = LM_NEVER;
    s->lines = s->far_lines = UINT64_MAX;
    for (unsigned i = 0; i < LM_TIMERS; i++)
        s->timers[i] = LM_NEVER;
    return s;
}

EXPORT void lm_shim_close(struct shim *s)
{
    free(s->memory);
    free(s);
}

/* What lm_shim_start has to know of the far port of an adapter. */
EXPORT void lm_shim_far(struct shim *s, uint32_t baudrate, uint64_t levels)
{
    s->far_baudrate = baudrate;
    s->far_levels = levels;
}

/* The lines that the ports have; all of them unless it is called before lm_shim_start. */
EXPORT void lm_shim_lines(struct shim *s, uint64_t lines, uint64_t far_lines)
{
    s->lines = lines;
    s->far_lines = far_lines;
}

EXPORT int64_t lm_shim_start(struct shim *s, uint32_t role, uint32_t baudrate, uint64_t levels, uint64_t seed,
                             const char *config, uint64_t now_us)
{
    const lm_setup setup = {LM_ABI, sizeof setup, role, baudrate, levels, seed, config,
                            s->far_levels, s->far_baudrate, s->lines, s->far_lines};
    s->role = role + 1;
    GUARDED(s, now_us)
    memset(s->memory, 0, lm_fw_info()->memory);
    s->fw = lm_fw_init(s->memory, &s->host, &setup, now_us);
    if (!s->fw) {
        s->fault.kind = F_REFUSED;
        return broken(s);
    }
    return end(s);
}

EXPORT int64_t lm_shim_bytes(struct shim *s, const uint8_t *data, uint32_t size, uint64_t now_us)
{
    GUARDED(s, now_us)
    lm_fw_on_bytes(s->fw, data, size, now_us);
    return end(s);
}

EXPORT int64_t lm_shim_line(struct shim *s, uint32_t line, uint32_t level, uint64_t now_us)
{
    GUARDED(s, now_us)
    lm_fw_on_line(s->fw, line, level, now_us);
    return end(s);
}

EXPORT int64_t lm_shim_far_bytes(struct shim *s, const uint8_t *data, uint32_t size, uint64_t now_us)
{
    GUARDED(s, now_us)
    if (lm_fw_on_far_bytes)
        lm_fw_on_far_bytes(s->fw, data, size, now_us);
    return end(s);
}

EXPORT int64_t lm_shim_far_line(struct shim *s, uint32_t line, uint32_t level, uint64_t now_us)
{
    GUARDED(s, now_us)
    if (lm_fw_on_far_line)
        lm_fw_on_far_line(s->fw, line, level, now_us);
    return end(s);
}

EXPORT int64_t lm_shim_control(struct shim *s, const char *step, uint64_t now_us)
{
    GUARDED(s, now_us)
    if (lm_fw_on_control)
        lm_fw_on_control(s->fw, step, now_us);
    return end(s);
}

/* Call every timer that is due: by time, then by number. */
EXPORT int64_t lm_shim_time(struct shim *s, uint64_t now_us)
{
    GUARDED(s, now_us)
    if (s->fired_at != now_us)
        s->fired_at = now_us, s->firings = 0;
    for (;;) {
        unsigned due = LM_TIMERS;
        for (unsigned i = 0; i < LM_TIMERS; i++)
            if (s->timers[i] <= now_us && (due == LM_TIMERS || s->timers[i] < s->timers[due]))
                due = i;
        if (due == LM_TIMERS)
            break;
        if (++s->firings > FIRINGS)
            give_up(F_TIMERS, due, FIRINGS);
        s->timers[due] = LM_NEVER;
        lm_fw_on_timer(s->fw, due, now_us);
    }
    return end(s);
}

EXPORT const struct fault *lm_shim_fault(const struct shim *s) { return &s->fault; }
EXPORT uint8_t *lm_shim_actions(struct shim *s) { return s->actions; }
EXPORT void *lm_shim_memory(struct shim *s) { return s->memory; }
EXPORT uint64_t *lm_shim_timers(struct shim *s) { return s->timers; }
EXPORT uint32_t lm_shim_state(const struct shim *s) { return lm_fw_state && s->fw ? lm_fw_state(s->fw) : 0; }
