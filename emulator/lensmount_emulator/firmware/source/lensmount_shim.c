/* The part of lensmount that is linked with a firmware: it calls the firmware, keeps its timers, and collects its
 * actions in a buffer, so that the session crosses the border once per event.
 *
 * A guard catches what a firmware must not do: a signal, an endless loop (by processor time), too many actions, a call
 * of the host outside of an event, and the report of a sanitizer. The call then returns LM_FAULT and `fault` describes
 * the event. Linux, gcc or clang. */
#define _GNU_SOURCE
#include "lensmount_firmware.h"
#include <dlfcn.h>
#include <execinfo.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define LM_SHIM 3u
#define LM_FAULT (-1)

enum { ACTIONS = 1 << 16, FRAMES = 48, TEXT = 4096, FIRINGS = 10000, TICK_US = 100000, TICKS = 3, STALLS = 100 };
enum { A_TRANSMIT = 1, A_LINE, A_BAUDRATE, A_LOG, A_FINISH, A_FAR = 8 /* added for the far port */ };
enum { F_NONE, F_SIGNAL, F_LOOP, F_SANITIZER, F_ACTIONS, F_OUTSIDE, F_ARGUMENT, F_REFUSED, F_TIMERS, F_STALL };

/* What went wrong; read by the session. */
struct fault {
    uint32_t kind, number; /* number: signal, or an argument */
    uint64_t address, event, now_us;
    uint32_t frames, text_size;
    uint64_t frame[FRAMES]; /* offsets in this library, innermost first */
    char text[TEXT];
};

/* One instance, as the session sees it: `next_us`, `used` and `actions` are read after each call. */
struct shim {
    uint64_t next_us; /* when lm_shim_time has to be called; LM_NEVER for not */
    uint32_t used, pad;
    uint8_t actions[ACTIONS];
    uint64_t event, now_us;
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

static sigjmp_buf back;
static struct shim *volatile current; /* the instance that handles an event */
static pthread_t handling;
static volatile uint64_t crossings;
static uint64_t ticked, stalled;
static long waits;
static unsigned ticks, stalls;
static struct sigaction before[NSIG];
static volatile uint64_t *progress; /* optional: event, time and end, in memory that another process reads */
static int report_file = -1;
static void (*set_callback[2])(void (*)(void)), (*set_file)(void *), (*set_late_file)(void *);
static uint64_t base;
static const int SIGNALS[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS};
enum { N_SIGNALS = sizeof SIGNALS / sizeof *SIGNALS };

/* ---- the guard ---- */

static void keep_frames(struct fault *fault)
{
    void *found[FRAMES + 24];
    int count = backtrace(found, FRAMES + 24);
    Dl_info where;
    fault->frames = 0;
    for (int i = 0; i < count && fault->frames < FRAMES; i++)
        if (dladdr(found[i], &where) && (uint64_t)(uintptr_t)where.dli_fbase == base)
            fault->frame[fault->frames++] = (uint64_t)(uintptr_t)found[i] - base;
}

/* Leave the event that is handled; the call of the session returns LM_FAULT. */
static void give_up(uint32_t kind, uint32_t number, uint64_t address)
{
    struct shim *s = current;
    s->fault.kind = kind;
    s->fault.number = number;
    s->fault.address = address;
    s->fault.event = s->event;
    s->fault.now_us = s->now_us;
    keep_frames(&s->fault);
    siglongjmp(back, 1);
}

static void pass_on(int signal_number, siginfo_t *info, void *context)
{
    const struct sigaction *old = &before[signal_number];
    if (old->sa_flags & SA_SIGINFO) {
        if (old->sa_sigaction)
            old->sa_sigaction(signal_number, info, context);
    } else if (old->sa_handler != SIG_DFL && old->sa_handler != SIG_IGN) {
        old->sa_handler(signal_number);
    } else if (signal_number != SIGPROF && signal_number != SIGALRM) {
        signal(signal_number, SIG_DFL); /* the instruction runs again, and ends the process as it would without us */
    }
}

static void on_signal(int signal_number, siginfo_t *info, void *context)
{
    if (!current || !pthread_equal(pthread_self(), handling))
        pass_on(signal_number, info, context);
    else
        give_up(F_SIGNAL, (uint32_t)signal_number, (uint64_t)(uintptr_t)info->si_addr);
}

/* An event that is still the same after some ticks of processor time never ends. */
static void on_tick(int signal_number, siginfo_t *info, void *context)
{
    if (!current) {
        pass_on(signal_number, info, context);
    } else if (!pthread_equal(pthread_self(), handling)) {
        pthread_kill(handling, signal_number);
    } else if (ticked != crossings) {
        ticked = crossings, ticks = 0;
    } else if (++ticks >= TICKS) {
        ticks = 0;
        give_up(F_LOOP, TICK_US / 1000 * TICKS, 0);
    }
}

/* An event that waits for something outside: real time counts then. One that is ready, but gets no processor on a busy
 * machine, has not given it up since the last alarm; it does not wait. */
static void on_alarm(int signal_number, siginfo_t *info, void *context)
{
    if (!current) {
        pass_on(signal_number, info, context);
    } else if (!pthread_equal(pthread_self(), handling)) {
        pthread_kill(handling, signal_number);
    } else {
        struct rusage used;
        if (getrusage(RUSAGE_THREAD, &used))
            return;
        if (stalled != crossings)
            stalled = crossings, stalls = 0;
        else if (used.ru_nvcsw != waits && ++stalls >= STALLS) {
            stalls = 0;
            give_up(F_STALL, STALLS / 10, 0);
        }
        waits = used.ru_nvcsw;
    }
}

static void catch(int signal_number, void (*handler)(int, siginfo_t *, void *))
{
    static uint8_t caught[NSIG];
    struct sigaction action;
    if (caught[signal_number])
        return; /* a second firmware may have put its handler before ours, and passes on to it */
    caught[signal_number] = 1;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = handler;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESTART;
    sigaction(signal_number, &action, &before[signal_number]);
}

static void on_death(void)
{
    if (current)
        give_up(F_SANITIZER, 0, 0);
}

/* The two sanitizers of gcc are two libraries, each with its own runtime. */
static void find_sanitizers(void)
{
    static const char *const LIBRARIES[] = {NULL, "libubsan.so.1"};
    for (int i = 0; i < 2; i++) {
        void *runtime = LIBRARIES[i] ? dlopen(LIBRARIES[i], RTLD_NOW | RTLD_NOLOAD) : RTLD_DEFAULT;
        if (LIBRARIES[i] && !runtime)
            continue;
        *(void **)&set_callback[i] = dlsym(runtime, "__sanitizer_set_death_callback");
        *(void **)(i ? &set_late_file : &set_file) = dlsym(runtime, "__sanitizer_set_report_fd");
    }
}

/* A runtime has one callback for all firmware of the process: it is that of the firmware that handles an event. */
static void take_death(void)
{
    for (int i = 0; i < 2; i++)
        if (set_callback[i])
            set_callback[i](on_death);
}

static void set_report(void)
{
    if (set_file && report_file >= 0)
        set_file((void *)(intptr_t)dup(report_file)); /* it may close what it gets */
}

/* The undefined-behaviour sanitizer of gcc opens its output, and that of the other one, at its first report, and calls
 * this before it writes. */
EXPORT void __ubsan_on_report(void)
{
    if (set_late_file && report_file >= 0)
        set_late_file((void *)(intptr_t)dup(report_file));
    set_report();
}

/* Called before lm_shim_guard: the file of all firmware in this process for the reports of the sanitizers. */
EXPORT void lm_shim_report(int file)
{
    report_file = file;
    find_sanitizers();
    set_report();
}

/* Watch from now on. `with_alarm`: real time as well, for a process that uses no alarm of its own. */
EXPORT void lm_shim_guard(volatile uint64_t *shared, int with_alarm)
{
    static uint8_t stack[1 << 16];
    stack_t old, own = {.ss_sp = stack, .ss_size = sizeof stack};
    struct itimerval every = {{0, TICK_US}, {0, TICK_US}};
    Dl_info where;
    void *warm_up[4];
    progress = shared;
    backtrace(warm_up, 4); /* loads what it needs now, not in a handler */
    if (dladdr((void *)(uintptr_t)lm_shim_guard, &where))
        base = (uint64_t)(uintptr_t)where.dli_fbase;
    if (!sigaltstack(NULL, &old) && (old.ss_flags & SS_DISABLE || old.ss_size < sizeof stack / 2))
        sigaltstack(&own, NULL);
    for (unsigned i = 0; i < N_SIGNALS; i++)
        catch(SIGNALS[i], on_signal);
    catch(SIGPROF, on_tick);
    setitimer(ITIMER_PROF, &every, NULL);
    if (with_alarm) {
        catch(SIGALRM, on_alarm);
        setitimer(ITIMER_REAL, &every, NULL);
    }
    if (dlsym(RTLD_DEFAULT, "__sanitizer_set_death_callback")) {
        if (report_file < 0)
            lm_shim_report(memfd_create("report", MFD_CLOEXEC));
        find_sanitizers(); /* what was loaded after that */
    }
}

/* ---- what the firmware calls ---- */

static int allowed(struct shim *s)
{
    if (current == s && s->inside && pthread_equal(pthread_self(), handling))
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

static void read_report(struct fault *fault)
{
    ssize_t size;
    if (report_file < 0)
        return;
    size = pread(report_file, fault->text, TEXT - 1, 0);
    fault->text_size = size > 0 ? (uint32_t)size : 0;
    if (ftruncate(report_file, 0) || lseek(report_file, 0, SEEK_SET))
        return;
}

static void begin(struct shim *s, uint64_t now_us)
{
    s->used = 0;
    s->now_us = now_us;
    s->event++;
    crossings++;
    if (progress) {
        progress[0] = s->event;
        progress[1] = now_us;
        progress[2] = s->role;
    }
    take_death();
    handling = pthread_self();
    current = s;
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
        s->fault.event = s->event;
        s->fault.now_us = s->now_us;
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
        s->fault.event = s->event;
        s->fault.now_us = now_us;
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

/* ---- coverage: counters of clang's inline-8bit-counters, or of gcc's trace-pc by the place of the call ---- */

enum { MAX_SECTIONS = 16, PLACES = 1 << 14 };
static struct section {
    uint8_t *from, *to;
} sections[MAX_SECTIONS];
static unsigned section_count;
static uint8_t places[PLACES];
static int traced;

EXPORT void __sanitizer_cov_8bit_counters_init(uint8_t *from, uint8_t *to)
{
    if (section_count < MAX_SECTIONS && from < to)
        sections[section_count++] = (struct section){from, to};
}

EXPORT void __sanitizer_cov_trace_pc(void)
{
    uintptr_t place = (uintptr_t)__builtin_return_address(0) - (uintptr_t)base;
    uint8_t *counter = &places[(place ^ place >> 14) & (PLACES - 1)];
    *counter = (uint8_t)(*counter + (*counter < 255));
    traced = 1;
}

static uint8_t bucket(uint8_t count)
{
    return count < 4 ? (uint8_t)(count ? 1u << (count - 1) : 0)
                     : (uint8_t)(count < 8 ? 8 : count < 16 ? 16 : count < 32 ? 32 : count < 128 ? 64 : 128);
}

static uint32_t collect(uint8_t *from, uint8_t *to, uint8_t *seen, uint32_t size)
{
    uint32_t fresh = 0;
    for (uint32_t i = 0; from + i < to && i < size; i++) {
        uint8_t bits = bucket(from[i]);
        if (bits & (uint8_t)~seen[i])
            seen[i] |= bits, fresh++;
        from[i] = 0;
    }
    return fresh;
}

/* Number of counters; 0 in a library without coverage. */
EXPORT uint32_t lm_shim_counters(void)
{
    uint32_t size = 0;
    for (unsigned i = 0; i < section_count; i++)
        size += (uint32_t)(sections[i].to - sections[i].from);
    return size ? size : traced ? (uint32_t)PLACES : 0;
}

/* Merge the counters into `seen`, clear them, and return how many show a count that `seen` did not have. */
EXPORT uint32_t lm_shim_coverage(uint8_t *seen, uint32_t size)
{
    uint32_t at = 0, fresh = 0;
    if (!section_count)
        return collect(places, places + PLACES, seen, size);
    for (unsigned i = 0; i < section_count; i++) {
        uint32_t length = (uint32_t)(sections[i].to - sections[i].from);
        if (length > size - at)
            length = size - at;
        fresh += collect(sections[i].from, sections[i].from + length, seen + at, length);
        at += length;
    }
    return fresh;
}
