/* The port of the tests: executes events in the order of their times, then runs the main loop. */
#include "sim.h"

#include <stdlib.h>
#include <string.h>

#include "board.h"
#include "hal.h"
#include "line_monitor.h"

#define INBOX 65536u
#define OUTBOX 4096u
#define LOG 262144u

struct uart {
    const uint8_t *data;
    size_t left;
    uint64_t next_ns, free_ns;
    size_t last; /* in the log, one after it */
    bool listens;
};

/* Bytes of a clocked link, in the log of bytes. */
#define LINK_UART 2u
#define PEER 1024u

struct clocked {
    struct hal_link setup;
    const uint8_t *unit;
    size_t left;
    uint64_t next_ns; /* our burst: its next byte is over */
    unsigned bits;
    uint8_t partial[HAL_LINK_INPUTS];
    uint8_t peer[PEER];
    size_t peer_head, peer_tail;
    int level;
    bool on, shifts;
};

static struct {
    struct clocked link;
    uint64_t now_ns, mount_ns, sync_ns, poll_us;
    uint64_t read_ns, sync_late_ns;
    uint32_t slow_us, rate, busy, locked;
    bool kicked, usb_up, usb_was_down, host_reads, boots;
    uint32_t levels, edges, pins_up, pins_down;
    uint8_t state[HAL_PINS];
    struct uart uarts[HAL_UARTS];
    uint8_t inbox[INBOX], outbox[OUTBOX];
    size_t inbox_head, inbox_tail, outbox_used;
    uint8_t *host;
    size_t host_used, host_room;
    struct sim_change *changes;
    struct sim_byte *bytes;
    size_t change_count, byte_count;
} sim;

const uint32_t hal_lowest_rate = 300, hal_highest_rate = 3000000;
const char hal_revision[] = "simulated";

void sim_start(void) {
    sim.mount_ns = sim.sync_ns = UINT64_MAX;
    sim.rate = 115200;
    sim.usb_up = sim.host_reads = true;
    sim.now_ns = 1000;
    sim.host_room = 1u << 20;
    sim.host = malloc(sim.host_room);
    sim.changes = calloc(LOG, sizeof *sim.changes);
    sim.bytes = calloc(LOG, sizeof *sim.bytes);
    board_start();
    sim.poll_us = board_poll();
}

uint64_t sim_now(void) {
    return sim.now_ns / 1000;
}

uint64_t hal_now_us(void) {
    return sim_now();
}

uint32_t hal_lock(void) {
    const uint32_t before = sim.locked;
    sim.locked = 1;
    return before;
}

void hal_unlock(uint32_t before) {
    sim.locked = before;
}

bool sim_is_locked(void) {
    return sim.locked != 0;
}

void sim_pass(uint32_t us) {
    sim.now_ns += us * 1000u;
}

void hal_kick(void) {
    sim.kicked = true;
}

static uint64_t as_ns(uint64_t at_us) {
    return at_us >= UINT64_MAX / 1000 ? UINT64_MAX : at_us * 1000;
}

void hal_mount_alarm(uint64_t at_us) {
    sim.mount_ns = as_ns(at_us);
}

void hal_sync_alarm(uint64_t at_us) {
    sim.sync_ns = as_ns(at_us);
}

bool hal_pin_exists(unsigned pin) {
    return pin < 23 || (pin > 25 && pin < 29);
}

int hal_uart_with_output(unsigned pin) {
    return pin % 4 == 0 ? (int)((pin + 4) / 8 % 2) : -1;
}

int hal_uart_with_input(unsigned pin) {
    return pin % 4 == 1 ? (int)((pin + 4) / 8 % 2) : -1;
}

static void set_state(unsigned pin, uint8_t state) {
    if (sim.state[pin] == state)
        return;
    sim.state[pin] = state;
    if (sim.change_count < LOG)
        sim.changes[sim.change_count++] = (struct sim_change){sim_now(), (uint8_t)pin, state};
    for (unsigned uart = 0; uart < HAL_UARTS; uart++) {
        /* Taking the pin away from its UART cuts the byte on the wire. */
        struct uart *at = &sim.uarts[uart];
        if (hal_uart_with_output(pin) == (int)uart && state != SIM_UART_OUT && at->last &&
            sim.bytes[at->last - 1].end_ns > sim.now_ns)
            sim.bytes[at->last - 1].cut = 1;
    }
    line_monitor_edge(pin);
}

void hal_pin_input(unsigned pin, bool pull_up, bool pull_down) {
    sim.pins_up = (sim.pins_up & ~(1u << pin)) | (uint32_t)pull_up << pin;
    sim.pins_down = (sim.pins_down & ~(1u << pin)) | (uint32_t)pull_down << pin;
    set_state(pin, SIM_INPUT);
}

void hal_pin_drive(unsigned pin, bool level) {
    set_state(pin, level ? SIM_HIGH : SIM_LOW);
}

void hal_pin_release(unsigned pin) {
    set_state(pin, SIM_INPUT);
}

void hal_pin_to_uart(unsigned pin, bool output, bool inverted) {
    (void)inverted;
    set_state(pin, output ? SIM_UART_OUT : SIM_UART_IN);
}

uint32_t hal_pins(void) {
    return sim.levels;
}

void hal_pin_edges(unsigned pin, bool on) {
    sim.edges = (sim.edges & ~(1u << pin)) | (uint32_t)on << pin;
}

uint32_t hal_nearest_rate(uint32_t baudrate) {
    return baudrate < hal_lowest_rate ? hal_lowest_rate : baudrate > hal_highest_rate ? hal_highest_rate : baudrate;
}

void hal_set_rate(uint32_t baudrate) {
    sim.rate = baudrate;
}

void hal_uart_listen(unsigned uart, bool on) {
    sim.uarts[uart].listens = on;
}

void hal_uart_send(unsigned uart, const uint8_t *data, size_t count) {
    struct uart *at = &sim.uarts[uart];
    at->data = data;
    at->left = count;
    at->next_ns = at->free_ns > sim.now_ns ? at->free_ns : sim.now_ns;
}

void hal_uart_stop(unsigned uart) {
    struct uart *at = &sim.uarts[uart];
    at->left = 0;
    if (at->free_ns > sim.now_ns) {
        sim.bytes[at->last - 1].cut = 1;
        at->free_ns = sim.now_ns;
    }
}

bool hal_uart_busy(unsigned uart) {
    (void)uart;
    return sim.busy && sim.busy--;
}

void sim_busy_for(uint32_t looks) {
    sim.busy = looks;
}

uint32_t hal_nearest_bit_rate(uint32_t bit_rate) {
    return bit_rate < 1000 ? 1000 : bit_rate > 4000000 ? 4000000 : bit_rate;
}

void hal_pin_to_link(unsigned pin, bool output, bool inverted) {
    (void)inverted;
    set_state(pin, output ? SIM_UART_OUT : SIM_UART_IN);
}

void hal_link_start(const struct hal_link *link) {
    sim.link.setup = *link;
    sim.link.on = true;
    sim.link.left = 0;
    sim.link.shifts = false;
    sim.link.level = -1;
}

void hal_link_stop(void) {
    sim.link.on = sim.link.shifts = false;
}

void hal_link_load(const uint8_t *unit, size_t count) {
    sim.link.unit = unit;
    sim.link.left = count;
}

static uint64_t link_byte_ns(void) {
    return 8000000000u / sim.link.setup.bit_rate;
}

void hal_link_shift(const uint8_t *unit, size_t count) {
    hal_link_load(unit, count);
    sim.link.shifts = true;
    sim.link.next_ns = sim.now_ns + link_byte_ns();
}

unsigned hal_link_end(uint8_t partial[HAL_LINK_INPUTS]) {
    const unsigned bits = sim.link.bits;
    memcpy(partial, sim.link.partial, HAL_LINK_INPUTS);
    sim.link.bits = 0;
    sim.link.left = 0;
    sim.link.shifts = false;
    return bits;
}

void hal_link_level(bool level) {
    sim.link.level = level;
}

int sim_link_level(void) {
    return sim.link.level;
}

uint32_t sim_bit_rate(void) {
    return sim.link.setup.bit_rate;
}

/* A byte goes out while one comes in; who has loaded nothing sends the idle byte. */
static void log_shifted(void) {
    uint8_t value = sim.link.setup.idle_byte;
    if (sim.link.left) {
        value = *sim.link.unit++;
        sim.link.left--;
    }
    if (sim.byte_count < LOG)
        sim.bytes[sim.byte_count++] =
            (struct sim_byte){sim.now_ns - link_byte_ns(), sim.now_ns, LINK_UART, value, 0};
}

void sim_peer_loads(const uint8_t *data, size_t count) {
    for (size_t at = 0; at < count; at++)
        sim.link.peer[sim.link.peer_head++ % PEER] = data[at];
}

static void shift_byte(void) {
    const bool loaded = sim.link.peer_tail != sim.link.peer_head;
    const uint8_t value = loaded ? sim.link.peer[sim.link.peer_tail++ % PEER] : sim.link.setup.idle_byte;
    log_shifted();
    sim.link.shifts = sim.link.left != 0;
    sim.link.next_ns = sim.now_ns + link_byte_ns();
    board_on_shifted(0, value, (uint32_t)(sim.now_ns / 1000));
}

static void run_until_ns(uint64_t until);
static void look(void);

void sim_clock(const uint8_t *first, const uint8_t *second, size_t count, unsigned bits) {
    const uint8_t *values[HAL_LINK_INPUTS] = {first, second};
    if (!sim.link.on || sim.link.setup.clocks)
        return;
    const uint32_t clock = 1u << sim.link.setup.clock;
    if (sim.edges & clock)
        board_on_pins(clock, clock, sim.levels, (uint32_t)sim_now());
    look();
    for (size_t at = 0; at < count; at++) {
        run_until_ns(sim.now_ns + link_byte_ns());
        if (!sim.link.on)
            return;
        log_shifted();
        for (unsigned input = 0; input < HAL_LINK_INPUTS; input++)
            if (sim.link.setup.inputs[input] != HAL_NO_PIN)
                board_on_shifted(input, values[input][at], (uint32_t)(sim.now_ns / 1000));
        look();
    }
    sim.link.bits = bits;
    for (unsigned input = 0; input < HAL_LINK_INPUTS && bits; input++)
        sim.link.partial[input] = (uint8_t)(values[input][count] & 0xff00u >> bits);
}

size_t hal_usb_read(uint8_t *data, size_t room) {
    size_t count = 0;
    sim.now_ns += sim.read_ns;
    while (count < room && sim.inbox_tail != sim.inbox_head)
        data[count++] = sim.inbox[sim.inbox_tail++ % INBOX];
    return count;
}

static void drain_outbox(void) {
    if (!sim.host_reads)
        return;
    if (sim.host_used + sim.outbox_used > sim.host_room)
        sim.host = realloc(sim.host, sim.host_room *= 2);
    memcpy(sim.host + sim.host_used, sim.outbox, sim.outbox_used);
    sim.host_used += sim.outbox_used;
    sim.outbox_used = 0;
}

size_t hal_usb_room(void) {
    return OUTBOX - sim.outbox_used;
}

void hal_usb_write(const uint8_t *data, size_t count) {
    memcpy(sim.outbox + sim.outbox_used, data, count);
    sim.outbox_used += count;
    drain_outbox();
}

bool hal_usb_up(void) {
    const bool was_down = sim.usb_was_down;
    sim.usb_was_down = false;
    return sim.usb_up && !was_down;
}

const uint8_t *hal_unique_id(void) {
    return (const uint8_t *)"\1\2\3\4\5\6\7\10";
}

void hal_enter_boot_mode(void) {
    sim.boots = true;
}

static void look(void) {
    line_monitor_check();
    if (sim.kicked) {
        sim.kicked = false;
        board_mount_service();
    }
    if (sim.slow_us && sim_now() < sim.poll_us)
        return;
    const uint64_t next = board_poll(), soonest = sim_now() + (sim.slow_us ? sim.slow_us : 1);
    sim.poll_us = next > soonest ? next : soonest;
    if (sim.slow_us)
        sim.poll_us = soonest;
    if (sim.kicked) {
        sim.kicked = false;
        board_mount_service();
    }
}

static void send_byte(unsigned uart) {
    struct uart *at = &sim.uarts[uart];
    const uint64_t end = sim.now_ns + 10000000000u / sim.rate;
    if (sim.byte_count < LOG) {
        sim.bytes[sim.byte_count++] =
            (struct sim_byte){sim.now_ns, end, (uint8_t)uart, *at->data, 0};
        at->last = sim.byte_count;
    }
    at->free_ns = at->next_ns = end;
    at->data++;
    if (--at->left == 0)
        board_on_loaded(uart, (uint32_t)(sim.now_ns / 1000));
}

void sim_run_until(uint64_t at_us) {
    run_until_ns(at_us * 1000);
}

static void run_until_ns(uint64_t until) {
    look();
    for (;;) {
        uint64_t next = as_ns(sim.poll_us);
        next = sim.mount_ns < next ? sim.mount_ns : next;
        next = sim.sync_ns < next ? sim.sync_ns : next;
        for (unsigned uart = 0; uart < HAL_UARTS; uart++)
            if (sim.uarts[uart].left && sim.uarts[uart].next_ns < next)
                next = sim.uarts[uart].next_ns;
        if (sim.link.shifts && sim.link.next_ns < next)
            next = sim.link.next_ns;
        if (next > until)
            break;
        if (next > sim.now_ns)
            sim.now_ns = next;
        for (unsigned uart = 0; uart < HAL_UARTS; uart++)
            if (sim.uarts[uart].left && sim.uarts[uart].next_ns <= sim.now_ns)
                send_byte(uart);
        if (sim.link.shifts && sim.link.next_ns <= sim.now_ns)
            shift_byte();
        if (sim.sync_ns <= sim.now_ns) {
            sim.sync_ns = UINT64_MAX;
            board_sync_service();
        }
        if (sim.mount_ns <= sim.now_ns) {
            sim.mount_ns = UINT64_MAX;
            board_mount_service();
        }
        look();
    }
    if (until > sim.now_ns)
        sim.now_ns = until;
    look();
}

void sim_host_write(const uint8_t *data, size_t count) {
    for (size_t at = 0; at < count; at++)
        sim.inbox[sim.inbox_head++ % INBOX] = data[at];
}

size_t sim_host_read(uint8_t *data, size_t room) {
    const size_t count = room < sim.host_used ? room : sim.host_used;
    memcpy(data, sim.host, count);
    memmove(sim.host, sim.host + count, sim.host_used - count);
    sim.host_used -= count;
    return count;
}

void sim_host_reads(bool reads) {
    sim.host_reads = reads;
    drain_outbox();
    look();
}

void sim_usb(bool up) {
    sim.usb_was_down |= !up;
    sim.usb_up = up;
    if (!up)
        sim.inbox_tail = sim.inbox_head;
    look();
}

void sim_set_pin(unsigned pin, bool level) {
    const uint32_t bit = 1u << pin;
    if (((sim.levels & bit) != 0) == level)
        return;
    line_monitor_check();
    sim.levels ^= bit;
    if (sim.edges & bit)
        board_on_pins(level ? bit : 0, level ? 0 : bit, sim.levels, (uint32_t)sim_now());
    look();
}

void sim_edge(unsigned pin, bool level) {
    const uint32_t bit = 1u << pin;
    sim.levels = level ? sim.levels | bit : sim.levels & ~bit;
    if (sim.edges & bit)
        board_on_pins(level ? bit : 0, level ? 0 : bit, sim.levels, (uint32_t)sim_now());
}

void sim_glitch(unsigned pin) {
    if (sim.edges >> pin & 1u)
        board_on_pins(1u << pin, 1u << pin, sim.levels, (uint32_t)sim_now());
    look();
}

void sim_feed(unsigned uart, uint8_t value, int kind) {
    if (sim.uarts[uart].listens) {
        if (kind == 0)
            board_on_byte(uart, value, (uint32_t)sim_now());
        else if (kind == 1)
            board_on_broken_byte(uart);
        else
            board_on_overrun(uart);
    }
    look();
}

void sim_reads_take(uint32_t us) {
    sim.read_ns = us * 1000;
}

void sim_late_sync(uint32_t us) {
    sim.sync_ns += us * 1000;
}

void sim_slow(uint32_t us) {
    sim.slow_us = us;
    sim.poll_us = sim_now() + us;
}

bool sim_boots(void) {
    return sim.boots;
}

unsigned sim_pin_state(unsigned pin) {
    return sim.state[pin];
}

unsigned sim_pin_pull(unsigned pin) {
    return (sim.pins_up >> pin & 1u) | (sim.pins_down >> pin & 1u) << 1;
}

uint32_t sim_levels(void) {
    return sim.levels;
}

uint32_t sim_rate(void) {
    return sim.rate;
}

size_t sim_changes(const struct sim_change **changes) {
    *changes = sim.changes;
    return sim.change_count;
}

size_t sim_bytes(const struct sim_byte **bytes) {
    *bytes = sim.bytes;
    return sim.byte_count;
}
