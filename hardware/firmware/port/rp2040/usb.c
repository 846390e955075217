/* The USB device controller (datasheet 4.1): endpoints, and bytes to and from the main loop. */
#include "usb.h"

#include "chip.h"
#include "hal.h"
#include "usb_control.h"

/* Ring sizes, powers of two. */
#define IN_ROOM 2048u
#define OUT_ROOM 2048u

/* Buffer control (datasheet 4.1.2.5.4). */
#define BUFFER_FULL (1u << 15)
#define BUFFER_DATA1 (1u << 13)
#define BUFFER_STALL (1u << 11)
#define BUFFER_AVAILABLE (1u << 10)
#define BUFFER_SIZE 0x3ffu

#define ENDPOINT_ENABLE (1u << 31)
#define ENDPOINT_INTERRUPTS (1u << 29)
#define ENDPOINT_TYPE(type) ((type) << 26)

#define SUSPENDED (1u << 4)
#define RESUMED (1u << 11)
#define INT_BUFFERS (1u << 4)
#define INT_BUS_RESET (1u << 12)
#define INT_SUSPEND (1u << 14)
#define INT_RESUME (1u << 15)
#define INT_SETUP (1u << 16)
#define STATUS_SETUP (1u << 17)
#define STATUS_BUS_RESET (1u << 19)

/* Where packets lie in the controller's memory. */
enum { EP0_BUFFER = 0x100, NOTIFY_BUFFER = 0x180, OUT_BUFFER = 0x1c0, IN_BUFFER = 0x200 };

static struct {
    uint8_t from_host[OUT_ROOM], to_host[IN_ROOM];
    volatile uint32_t from_head, from_tail, to_head, to_tail;
    volatile bool configured, suspended, sending, receiving, went_away;
    bool last_was_full;
    uint8_t pid[USB_ENDPOINTS][2];
} usb;

static uint32_t buffer_control(unsigned endpoint, bool in) {
    return USB_DPRAM + 0x80u + 8u * endpoint + (in ? 0 : 4u);
}

static void copy(volatile uint8_t *to, const volatile uint8_t *from, size_t count) {
    for (size_t at = 0; at < count; at++)
        to[at] = from[at];
}

static volatile uint8_t *memory(uint32_t offset) {
    return (volatile uint8_t *)(uintptr_t)(USB_DPRAM + offset);
}

/* The controller's clock is slower than ours: it must see everything else before it sees AVAILABLE. */
static void start_buffer(unsigned endpoint, bool in, uint32_t control) {
    const uint32_t address = buffer_control(endpoint, in);
    control |= usb.pid[endpoint][in] ? BUFFER_DATA1 : 0;
    usb.pid[endpoint][in] ^= 1u;
    REG(address) = control;
    for (unsigned wait = 0; wait < 4; wait++)
        __asm__ volatile("nop\n\tnop\n\tnop");
    REG(address) = control | BUFFER_AVAILABLE;
}

void usb_expect_data1(unsigned endpoint) {
    usb.pid[endpoint][0] = usb.pid[endpoint][1] = 1;
}

void usb_send_packet(const uint8_t *data, size_t count) {
    copy(memory(EP0_BUFFER), data, count);
    start_buffer(0, true, BUFFER_FULL | (uint32_t)count);
}

void usb_expect_packet(size_t count) {
    start_buffer(0, false, (uint32_t)count);
}

void usb_stall(void) {
    REG(USB_EP_STALL_ARM) = 3;
    REG(buffer_control(0, true)) = BUFFER_STALL;
    REG(buffer_control(0, false)) = BUFFER_STALL;
}

void usb_set_address(uint8_t address) {
    REG(USB_ADDR_ENDP) = address;
}

/* Only USB's own interrupt is kept out: copying a packet takes longer than a UART can wait. */
static uint32_t keep_out(void) {
    const uint32_t was = REG(NVIC_ISER) & 1u << IRQ_USBCTRL;
    REG(NVIC_ICER) = 1u << IRQ_USBCTRL;
    __asm__ volatile("dsb\n\tisb" ::: "memory");
    return was;
}

static void let_in(uint32_t was) {
    __asm__ volatile("" ::: "memory");
    REG(NVIC_ISER) = was;
}

/* In the interrupt, or with it kept out. */
static void send_more(void) {
    const uint32_t waiting = usb.to_head - usb.to_tail;
    /* A transfer ends with a packet that is not full. */
    if (!usb.configured || usb.sending || (waiting == 0 && !usb.last_was_full))
        return;
    const uint32_t count = waiting < PACKET ? waiting : PACKET;
    for (uint32_t at = 0; at < count; at++)
        memory(IN_BUFFER)[at] = usb.to_host[(usb.to_tail + at) % IN_ROOM];
    usb.to_tail += count;
    usb.last_was_full = count == PACKET;
    usb.sending = true;
    start_buffer(DATA_ENDPOINT, true, BUFFER_FULL | count);
}

static void receive_more(void) {
    if (!usb.configured || usb.receiving || OUT_ROOM - (usb.from_head - usb.from_tail) < PACKET)
        return;
    usb.receiving = true;
    start_buffer(DATA_ENDPOINT, false, PACKET);
}

static void take_packet(void) {
    const uint32_t count = REG(buffer_control(DATA_ENDPOINT, false)) & BUFFER_SIZE;
    for (uint32_t at = 0; at < count; at++)
        usb.from_host[(usb.from_head + at) % OUT_ROOM] = memory(OUT_BUFFER)[at];
    usb.from_head += count;
    usb.receiving = false;
    receive_more();
}

static void forget(void) {
    usb.configured = usb.sending = usb.receiving = usb.last_was_full = false;
    usb.from_tail = usb.from_head;
    usb.to_tail = usb.to_head;
}

void usb_went_away(void) {
    usb.went_away = true;
}

void usb_configure(bool on) {
    if (usb.configured)
        usb.went_away = true;
    forget();
    for (unsigned endpoint = 1; endpoint < USB_ENDPOINTS; endpoint++) {
        usb.pid[endpoint][0] = usb.pid[endpoint][1] = 0;
        REG(buffer_control(endpoint, true)) = REG(buffer_control(endpoint, false)) = 0;
    }
    usb.configured = on;
    receive_more();
}

static bool exists(unsigned endpoint, bool in) {
    return endpoint == DATA_ENDPOINT || (endpoint == NOTIFY_ENDPOINT && in);
}

bool usb_clear_halt(unsigned endpoint, bool in) {
    if (endpoint == 0)
        return true;
    if (!usb.configured || !exists(endpoint, in))
        return false;
    /* The host begins again with DATA0 (USB 2.0, 9.4.5); so does a packet that the controller has already. */
    usb.pid[endpoint][in] = 0;
    const uint32_t armed = REG(buffer_control(endpoint, in));
    if (armed & BUFFER_AVAILABLE)
        start_buffer(endpoint, in, armed & (BUFFER_FULL | BUFFER_SIZE));
    return true;
}

bool usb_is_configured(void) {
    return usb.configured;
}

static void reset_bus(void) {
    usb_configure(false);
    REG(USB_ADDR_ENDP) = 0;
    usb_control_reset();
}

void on_usb(void) {
    const uint32_t why = REG(USB_INTS);
    news = true;
    if (why & INT_BUS_RESET) {
        REG(USB_SIE_STATUS) = STATUS_BUS_RESET;
        usb.suspended = false;
        reset_bus();
    }
    if (why & INT_SUSPEND) {
        REG(USB_SIE_STATUS) = SUSPENDED;
        usb.suspended = true;
        usb.went_away = true;
    }
    if (why & INT_RESUME) {
        REG(USB_SIE_STATUS) = RESUMED;
        usb.suspended = false;
    }
    if (why & INT_BUFFERS) {
        const uint32_t done = REG(USB_BUFF_STATUS);
        REG(USB_BUFF_STATUS) = done;
        if (done & 1u)
            usb_control_sent();
        if (done & 2u)
            usb_control_received((const uint8_t *)(uintptr_t)(USB_DPRAM + EP0_BUFFER),
                                 REG(buffer_control(0, false)) & BUFFER_SIZE);
        if (done & 1u << 2 * DATA_ENDPOINT) {
            usb.sending = false;
            send_more();
        }
        if (done & 2u << 2 * DATA_ENDPOINT)
            take_packet();
    }
    if (why & INT_SETUP) {
        uint8_t setup[8];
        copy(setup, memory(0), sizeof setup);
        REG(USB_SIE_STATUS) = STATUS_SETUP;
        usb_control_setup(setup);
    }
}

static void set_up_endpoint(unsigned endpoint, bool in, uint32_t type, uint32_t buffer) {
    REG(USB_DPRAM + 8u * endpoint + (in ? 0 : 4u)) =
        ENDPOINT_ENABLE | ENDPOINT_INTERRUPTS | ENDPOINT_TYPE(type) | buffer;
}

void usb_start(void) {
    for (uint32_t at = 0; at < 0x100; at += 4)
        REG(USB_DPRAM + at) = 0;
    set_up_endpoint(NOTIFY_ENDPOINT, true, 3, NOTIFY_BUFFER);
    set_up_endpoint(DATA_ENDPOINT, false, 2, OUT_BUFFER);
    set_up_endpoint(DATA_ENDPOINT, true, 2, IN_BUFFER);
    /* To the pads of the chip, as if a host's supply was always seen: the Pico's own pin for that is not on them. */
    REG(USB_MUXING) = 1u << 0 | 1u << 3;
    REG(USB_PWR) = 1u << 2 | 1u << 3;
    REG(USB_MAIN_CTRL) = 1;
    /* An interrupt for each packet of endpoint 0; the pull-up shows the host that a device is attached. */
    REG(USB_SIE_CTRL) = 1u << 29;
    REG(USB_INTE) = INT_BUFFERS | INT_BUS_RESET | INT_SETUP | INT_SUSPEND | INT_RESUME;
    SET(USB_SIE_CTRL) = 1u << 16;
}

size_t hal_usb_read(uint8_t *data, size_t room) {
    /* A bus reset moves the tail to the head: what was counted before it must not be added after it. */
    const uint32_t before = keep_out();
    const uint32_t waiting = usb.from_head - usb.from_tail;
    const size_t count = waiting < room ? waiting : room;
    for (size_t at = 0; at < count; at++)
        data[at] = usb.from_host[(usb.from_tail + at) % OUT_ROOM];
    usb.from_tail += count;
    receive_more();
    let_in(before);
    return count;
}

size_t hal_usb_room(void) {
    return usb.configured ? IN_ROOM - (usb.to_head - usb.to_tail) : 0;
}

void hal_usb_write(const uint8_t *data, size_t count) {
    const uint32_t before = keep_out();
    /* A host that went away since there was room for these bytes does not get them when it returns. */
    for (size_t at = 0; at < count && usb.configured; at++)
        usb.to_host[usb.to_head++ % IN_ROOM] = data[at];
    send_more();
    let_in(before);
}

bool hal_usb_up(void) {
    const uint32_t before = keep_out();
    const bool stayed = !usb.went_away;
    usb.went_away = false;
    let_in(before);
    return stayed && usb.configured && !usb.suspended;
}
