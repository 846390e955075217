/* The guard of the shim: it leaves an event in which the firmware does what it must not do - a signal, an endless loop (by
 * processor time), a wait (by real time), the report of a sanitizer - and keeps what is known of it. */
#ifndef LENSMOUNT_SHIM_GUARD_H
#define LENSMOUNT_SHIM_GUARD_H
#include <dlfcn.h>
#include <execinfo.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

enum { FRAMES = 48, TEXT = 4096, TICK_US = 100000, TICKS = 3, STALLS = 100 };
enum { F_NONE, F_SIGNAL, F_LOOP, F_SANITIZER, F_ACTIONS, F_OUTSIDE, F_ARGUMENT, F_REFUSED, F_TIMERS, F_STALL };

/* The event that is handled, and what went wrong in it; read by the session. */
struct fault {
    uint32_t kind, number; /* number: signal, or an argument */
    uint64_t address, event, now_us;
    uint32_t frames, text_size;
    uint64_t frame[FRAMES]; /* offsets in this library, innermost first */
    char text[TEXT];
};

static sigjmp_buf back;
static struct fault *volatile current; /* of the instance that handles an event; NULL between events */
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
    current->kind = kind;
    current->number = number;
    current->address = address;
    keep_frames(current);
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

/* An event begins: the next one of this instance. Its end sets `current` to NULL. */
static void enter(struct fault *fault, uint64_t now_us, uint32_t end)
{
    fault->now_us = now_us;
    fault->event++;
    crossings++;
    if (progress) {
        progress[0] = fault->event;
        progress[1] = now_us;
        progress[2] = end;
    }
    take_death();
    handling = pthread_self();
    current = fault;
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
#endif
