/* Interrupts between any two memory accesses of the core: every place is tried, each in a process of its own.
 *
 *     interrupts [CASE]...       those with names that begin so, or all
 *
 * The core is compiled so that the compiler calls a hook before each load and store (gcc's thread sanitizer, with the
 * hooks of interrupt_hooks.c in place of its library). A case sets a board up, arms one kind of interrupt for the n-th access of one
 * operation, and looks at what became of it; n runs until the operation has no more accesses.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "board.h"
#include "host_commands.h"
#include "interlock.h"
#include "interrupts.h"
#include "line_map.h"
#include "tx_sequencer.h"
#include "command_queue.h"
#include "sim.h"
#include "line_monitor.h"

#define LATER_US 3000u
#define PERIOD_US 1000u
#define LIMIT 200000u

static void run(uint64_t us) {
    sim_run_until(sim_now() + us);
}

/* --- set-ups: a body with its lens; commands for later in the queue; a frame signal */

static void body(void) {
    sim_start();
    sim_set_pin(PRESENCE_PIN, true);
    host_hello(1);
    host_configure_body();
    run(10);
    sim_set_pin(PRESENCE_PIN, false);
    run(300);
    host_drive(SUPPLY, 1, 0);
    run(10);
}

static void body_with_queue(void) {
    body();
    host_window(1, 40, sim_now() + LATER_US);
    host_window(2, 200, 0);
    host_rate(1500000, sim_now() + LATER_US);
    host_drive(PLAIN, 1, BOARD_DRIVE_FLAG_IN_TURN);
    run(10);
}

static void body_with_signal(void) {
    body();
    host_sync(PERIOD_US, true);
    run(PERIOD_US / 2);
}

static void body_that_sends(void) {
    body();
    host_window(1, 100, 0);
    run(200);
}

static void lens_with_unit(void) {
    sim_start();
    host_hello(1);
    host_configure_lens();
    run(10);
    sim_set_pin(SUPPLY_PIN, true);
    run(300);
    host_unit(1);
    run(10);
}

static const uint8_t from_body[2 * UNIT] = {1, 2, 3, 4, 5, 6, 7, 8};

static void clock_unit(void) {
    sim_clock(from_body, from_body, UNIT, 0);
}

static void lens_in_burst(void) {
    lens_with_unit();
    clock_unit();
}

/* --- interrupts */

static void byte_shifts(void) {
    board_on_shifted(0, 0x5a, (uint32_t)sim_now());
}

static void burst_is_over(void) {
    sim_pass(100);
    board_mount_service();
}

static void power_goes(void) {
    sim_edge(SUPPLY_PIN, false);
    sim_pass(101);
    board_mount_service();
}

static void due_orders(void) {
    sim_pass(LATER_US + 100);
    board_mount_service();
}

static void lens_goes(void) {
    sim_edge(PRESENCE_PIN, true);
    sim_pass(101);
    board_mount_service();
}

static void signal_edge(void) {
    sim_pass(PERIOD_US / 2 + 10);
    board_sync_service();
}

static void byte_comes(void) {
    board_on_byte(1, 0x5a, (uint32_t)sim_now());
}

/* --- operations: of the main loop, or of the mount's context */

static void hello_again(void) {
    host_hello(1);
    board_poll();
}

static void configure_again(void) {
    host_configure_body();
    board_poll();
}

static void rest(void) {
    host_safe_state();
    board_poll();
}

static void queue_more(void) {
    host_window(3, 60, 0);
    host_drive(PLAIN, 0, BOARD_DRIVE_FLAG_IN_TURN);
    board_poll();
}

static void change_signal(void) {
    host_sync(PERIOD_US + 300, true);
    board_poll();
}

static void end_signal(void) {
    host_sync(PERIOD_US, false);
    board_poll();
}

static void drive_plain(void) {
    host_drive(PLAIN, 1, 0);
    board_poll();
}

/* The frame signal interrupts the mount: a rail is switched on, and each line that idles high is updated. */
static void switch_rail(void) {
    (void)tx_seq_drive(RAIL, true, sim_now());
    board_mount_service();
}

static void lose_lens(void) {
    lens_goes();
}

static void queue_unit(void) {
    host_unit(2);
    board_poll();
}

static void load_unit(void) {
    queue_unit();
    board_mount_service();
}

/* Two replies to any burst: whichever is there in the end, it is whole. */
static void lens_with_reply_in_burst(void) {
    lens_with_unit();
    host_reply(0x11);
    run(10);
    clock_unit();
}

static void prepare_another(void) {
    host_reply(0x22);
    board_poll();
}

static void end_burst(void) {
    burst_is_over();
    board_poll();
}

static void configure_link_again(void) {
    host_configure_lens();
    board_poll();
}

static void only_look(void) {
    board_poll();
}

/* --- what must hold afterwards */

static const char *failure;

static void must(bool holds, const char *what) {
    if (!holds && !failure)
        failure = what;
}

static size_t bytes_sent(void) {
    const struct sim_byte *bytes;
    return sim_bytes(&bytes);
}

static bool is_high(unsigned pin) {
    return sim_pin_state(pin) == SIM_HIGH;
}

static bool all_at_rest(void) {
    return !lines.active && !is_high(SUPPLY_PIN) && !is_high(RAIL_PIN) && !is_high(ATTENTION_PIN);
}

/* Pulses of the frame signal that began within the last so many microseconds; the shortest of all that have ended. */
static unsigned pulses(uint32_t within_us, uint64_t *shortest_us) {
    const struct sim_change *changes;
    const size_t count = sim_changes(&changes);
    unsigned found = 0;
    uint64_t began = 0;
    *shortest_us = UINT64_MAX;
    for (size_t at = 0; at < count; at++) {
        if (changes[at].pin != SYNC_PIN)
            continue;
        if (changes[at].state == SIM_LOW) {
            began = changes[at].at_us;
            found += began + within_us >= sim_now();
        } else if (began) {
            const uint64_t width = changes[at].at_us - began;
            *shortest_us = width < *shortest_us ? width : *shortest_us;
            began = 0;
        }
    }
    return found;
}

/* The pin of the frame signal is where the core believes it to be. */
static bool signal_is_true(void) {
    return line_in_mask(SYNC, lines.level) == is_high(SYNC_PIN);
}

static size_t sent_before;

/* HELLO or a safe state drops the queue: what had not begun before it never does. */
static void dropped(void) {
    uint8_t size;
    must(command_queue_is_empty(), "commands are left in the queue");
    must(command_queue_first(&size) == NULL, "a dropped command is in the queue");
    must(command_queue_room() == COMMAND_QUEUE_BYTES, "room of the queue is lost");
    run(3 * LATER_US);
    must(bytes_sent() <= sent_before + 40, "more was sent than one window that was due");
    must(all_at_rest(), "a line is not idle");
    must(command_queue_room() == COMMAND_QUEUE_BYTES, "room of the queue is lost");
}

static void works_again(void) {
    dropped();
    const size_t before = bytes_sent();
    host_hello(2);
    host_configure_body();
    run(10);
    sim_set_pin(PRESENCE_PIN, false);
    run(300);
    host_drive(SUPPLY, 1, 0);
    run(10);
    host_window(9, 11, 0);
    run(1000);
    must(bytes_sent() == before + 11, "a window after it is not sent, or not whole");
}

static void sent_in_turn(void) {
    run(3 * LATER_US);
    const size_t count = bytes_sent() - sent_before;
    must(count == 60, "a command is lost, cut or doubled");
    must(command_queue_room() == COMMAND_QUEUE_BYTES, "room of the queue is lost");
}

static void signal_goes_on(void) {
    must(signal_is_true(), "the frame signal's pin is not where the core believes it to be");
    for (unsigned look = 0; look < 40; look++) {
        run(97);
        must(signal_is_true(), "the frame signal's pin is not where the core believes it to be");
    }
    uint64_t shortest;
    must(pulses(3 * PERIOD_US, &shortest) >= 2, "the frame signal has stopped");
    /* The interrupt comes 10 us late, and the pulse ends when it was to end. */
    must(shortest >= WIDTH_US - 20, "a pulse is cut short");
}

static void signal_has_ended(void) {
    run(3 * PERIOD_US);
    must(signal_is_true() && is_high(SYNC_PIN), "the frame signal's line is not at its level between pulses");
    uint64_t shortest;
    must(pulses(2 * PERIOD_US, &shortest) == 0, "the frame signal continues");
}

static void rests(void) {
    must(all_at_rest(), "a line is not idle without a lens");
    must(signal_is_true() || !lines.powered, "the frame signal's pin is not where the core believes it to be");
    run(3 * PERIOD_US);
    must(all_at_rest(), "a line is not idle without a lens");
}

static void sound(void) {
    run(3 * LATER_US);
    must(command_queue_room() == COMMAND_QUEUE_BYTES, "room of the queue is lost");
}

/* What is loaded now goes out with the next burst, whole and alone. */
static void loads_again(void) {
    run(LATER_US);
    must(command_queue_is_empty(), "a command is left in the queue");
    host_unit(9);
    run(50);
    clock_unit();
    run(LATER_US);
    const struct sim_byte *bytes;
    const size_t count = sim_bytes(&bytes);
    for (unsigned at = 1; at <= UNIT; at++)
        must(count >= at && bytes[count - at].value == 0x49, "a unit after it is not shifted out, or not whole");
    must(command_queue_room() == COMMAND_QUEUE_BYTES, "room of the queue is lost");
}

static void answers_whole(void) {
    burst_is_over();
    clock_unit();
    const struct sim_byte *bytes;
    const size_t count = sim_bytes(&bytes);
    const uint8_t value = bytes[count - 1].value;
    must(value == 0x11 || value == 0x22, "the burst was not answered");
    for (unsigned at = 1; at <= UNIT; at++)
        must(bytes[count - at].value == value, "half of one reply, and half of another");
    loads_again();
}

static void loads_after_power(void) {
    run(LATER_US);
    must(!lines.active, "a line is not idle without power");
    sim_set_pin(SUPPLY_PIN, true);
    run(300);
    loads_again();
}

static void loads_after_hello(void) {
    run(LATER_US);
    must(!lines.active, "a line is not idle after HELLO");
    host_configure_lens();
    run(300);
    loads_again();
}

/* --- cases */

static const struct interrupt_case {
    const char *name;
    void (*set_up)(void), (*operation)(void), (*interrupt)(void), (*check)(void);
} cases[] = {
    {"hello, commands come due", body_with_queue, hello_again, due_orders, works_again},
    {"hello, lens goes", body_with_queue, hello_again, lens_goes, dropped},
    {"hello, a byte comes", body_with_queue, hello_again, byte_comes, works_again},
    {"hello, edge of the frame signal", body_with_signal, hello_again, signal_edge, works_again},
    {"hello while it sends", body_that_sends, hello_again, due_orders, works_again},
    {"configuration, commands come due", body_with_queue, configure_again, due_orders, dropped},
    {"configuration, edge of the frame signal", body_with_signal, configure_again, signal_edge, dropped},
    {"configuration, lens goes", body_with_queue, configure_again, lens_goes, dropped},
    {"safe state, commands come due", body_with_queue, rest, due_orders, dropped},
    {"safe state, edge of the frame signal", body_with_signal, rest, signal_edge, dropped},
    {"safe state, lens goes", body_with_queue, rest, lens_goes, rests},
    {"commands are queued, others come due", body_with_queue, queue_more, due_orders, sound},
    {"commands are queued, lens goes", body_with_queue, queue_more, lens_goes, rests},
    {"commands are queued while it sends", body_that_sends, queue_more, due_orders, sound},
    {"commands are queued, a byte comes", body, queue_more, byte_comes, sent_in_turn},
    {"a line is driven, lens goes", body, drive_plain, lens_goes, rests},
    {"a line is driven, edge of the frame signal", body_with_signal, drive_plain, signal_edge, signal_goes_on},
    {"frame signal changes, edge of it", body_with_signal, change_signal, signal_edge, signal_goes_on},
    {"frame signal ends, edge of it", body_with_signal, end_signal, signal_edge, signal_has_ended},
    {"reports are sent, edge of the frame signal", body_with_signal, only_look, signal_edge, signal_goes_on},
    {"reports are sent, lens goes", body_with_queue, only_look, lens_goes, rests},
    {"rail comes on, edge of the frame signal", body_with_signal, switch_rail, signal_edge, signal_goes_on},
    {"lens goes, edge of the frame signal", body_with_signal, lose_lens, signal_edge, rests},
    {"lens goes, a byte comes", body_with_queue, lose_lens, byte_comes, rests},
    {"a unit is loaded, a byte shifts", lens_with_unit, load_unit, byte_shifts, loads_again},
    {"a unit is put in, power goes", lens_with_unit, queue_unit, power_goes, loads_after_power},
    {"a unit is put in while a burst ends", lens_in_burst, queue_unit, burst_is_over, loads_again},
    {"a reply is prepared while a burst ends", lens_with_reply_in_burst, prepare_another, burst_is_over, answers_whole},
    {"a burst is answered, a byte shifts", lens_with_reply_in_burst, end_burst, byte_shifts, loads_again},
    {"a burst ends, a byte shifts", lens_in_burst, end_burst, byte_shifts, loads_again},
    {"a burst ends, power goes", lens_in_burst, end_burst, power_goes, loads_after_power},
    {"reports are sent, a byte shifts", lens_in_burst, only_look, byte_shifts, loads_again},
    {"hello in a burst, a byte shifts", lens_in_burst, hello_again, byte_shifts, loads_after_hello},
    {"configuration in a burst, a byte shifts", lens_in_burst, configure_link_again, byte_shifts, loads_again},
};

/* --- the hooks */

static struct {
    const struct interrupt_case *armed;
    unsigned long left;
    bool fired;
} hook;

extern char __data_start, _end;

/* Called before each access of the core. What an interrupt may share is no variable of a function; and one that is
 * locked out comes at the first access after the lock.
 */
void interrupts_access_at(const void *at) {
    const char *address = at;
    if (!hook.armed || hook.fired || address < &__data_start || address >= &_end || sim_is_locked())
        return;
    if (hook.left) {
        hook.left--;
        return;
    }
    hook.fired = true;
    hook.armed->interrupt();
}

/* --- every place of every case */

enum { HELD, FAILED, NO_SUCH_PLACE };

static int try_place(const struct interrupt_case *at, unsigned long place) {
    at->set_up();
    sent_before = bytes_sent();
    (void)line_monitor_violation();
    hook.armed = at;
    hook.left = place;
    at->operation();
    hook.armed = NULL;
    if (!hook.fired)
        return NO_SUCH_PLACE;
    at->check();
    const char *violation = line_monitor_violation();
    must(!violation, violation);
    if (!failure)
        return HELD;
    fprintf(stderr, "%s: interrupted before access %lu of the core: %s\n", at->name, place, failure);
    return FAILED;
}

static int outcome_of(const struct interrupt_case *at, unsigned long place) {
    const pid_t child = fork();
    if (child == 0)
        _exit(try_place(at, place));
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child) {
        perror("interrupts");
        exit(2);
    }
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    fprintf(stderr, "%s: interrupted before access %lu of the core: ended by signal %d\n", at->name, place,
            WTERMSIG(status));
    return FAILED;
}

static bool wanted(const char *name, char **words) {
    if (!*words)
        return true;
    for (; *words; words++)
        if (strncmp(name, *words, strlen(*words)) == 0)
            return true;
    return false;
}

int main(int argc, char **argv) {
    unsigned long places = 0, failures = 0;
    unsigned tried = 0;
    for (size_t number = 0; number < sizeof cases / sizeof cases[0]; number++) {
        const struct interrupt_case *at = &cases[number];
        unsigned long place = 0, failed = 0;
        if (!wanted(at->name, argv + 1))
            continue;
        tried++;
        for (; place < LIMIT; place++) {
            const int outcome = outcome_of(at, place);
            if (outcome == NO_SUCH_PLACE)
                break;
            failed += outcome != HELD;
        }
        if (place < 10) {
            fprintf(stderr, "%s: the core made %lu accesses to shared data only; it is not instrumented\n", at->name, place);
            return 2;
        }
        printf("%-45s %6lu places, %lu failed\n", at->name, place, failed);
        places += place;
        failures += failed;
    }
    printf("%lu places in %u cases, %lu failed\n", places, tried, failures);
    return failures != 0 || tried == 0;
}
