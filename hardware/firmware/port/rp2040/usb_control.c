/* Requests on endpoint 0: the standard ones that a device must know, and the three of CDC-ACM. */
#include "usb_control.h"

#include "usb.h"

enum {
    GET_STATUS = 0,
    CLEAR_FEATURE = 1,
    SET_FEATURE = 3,
    SET_ADDRESS = 5,
    GET_DESCRIPTOR = 6,
    GET_CONFIGURATION = 8,
    SET_CONFIGURATION = 9,
    GET_INTERFACE = 10,
    SET_INTERFACE = 11,
    SET_LINE_CODING = 0x20,
    GET_LINE_CODING = 0x21,
    SET_CONTROL_LINES = 0x22,
    SEND_BREAK = 0x23
};

enum { TYPE_STANDARD = 0, TYPE_CLASS = 1 };
#define RECIPIENT_ENDPOINT 2u
#define ENDPOINT_HALT 0u
#define DATA_INTERFACE 1u
#define DTR 1u
#define LINE_CODING_SIZE 7u

static struct {
    const uint8_t *data; /* of an answer, what has not gone yet */
    size_t left;
    bool ends_short; /* a packet that is not full must end it */
    bool expects_coding;
    uint8_t address; /* takes effect when the host has received our reply */
    bool has_terminal;
} control;

/* Ignored: the rates of the mount are set by CONFIGURE and SET_BAUDRATE. */
static uint8_t line_coding[LINE_CODING_SIZE] = {0x00, 0xc2, 0x01, 0x00, 0, 0, 8};

static void send_part(void) {
    const size_t count = control.left < PACKET ? control.left : PACKET;
    usb_send_packet(control.data, count);
    control.data += count;
    control.left -= count;
    if (count < PACKET)
        control.ends_short = false;
}

static void answer(const uint8_t *data, size_t size, size_t wanted) {
    control.data = data;
    control.left = size < wanted ? size : wanted;
    control.ends_short = size < wanted && size % PACKET == 0;
    send_part();
}

/* An empty packet that acknowledges. */
static void agree(void) {
    usb_send_packet(NULL, 0);
}

/* The only feature that an endpoint has is its halt (USB 2.0, table 9-6). */
static bool clear_feature(uint8_t recipient, uint16_t feature, uint16_t index) {
    if (recipient == RECIPIENT_ENDPOINT && (feature != ENDPOINT_HALT || !usb_clear_halt(index & 0xfu, (index & 0x80u) != 0)))
        return false;
    agree();
    return true;
}

static bool standard(uint8_t recipient, uint8_t request, uint16_t value, uint16_t index, uint16_t wanted) {
    static const uint8_t zeros[2];
    static uint8_t one;
    size_t size;
    const uint8_t *descriptor;
    switch (request) {
    case GET_STATUS:
        answer(zeros, 2, wanted);
        return true;
    case GET_DESCRIPTOR:
        descriptor = usb_descriptor((uint8_t)(value >> 8), (uint8_t)value, &size);
        if (descriptor)
            answer(descriptor, size, wanted);
        return descriptor != NULL;
    case SET_ADDRESS:
        control.address = (uint8_t)value;
        agree();
        return true;
    case GET_CONFIGURATION:
        one = usb_is_configured();
        answer(&one, 1, wanted);
        return true;
    case SET_CONFIGURATION:
        if (value > 1)
            return false;
        usb_configure(value != 0);
        control.has_terminal = false;
        agree();
        return true;
    case GET_INTERFACE:
        answer(zeros, 1, wanted);
        return true;
    case SET_INTERFACE:
        /* It begins the toggles of the interface again, even where it selects what is selected (9.1.1.5). */
        usb_clear_halt(index == DATA_INTERFACE ? DATA_ENDPOINT : NOTIFY_ENDPOINT, true);
        if (index == DATA_INTERFACE)
            usb_clear_halt(DATA_ENDPOINT, false);
        agree();
        return true;
    case CLEAR_FEATURE:
        return clear_feature(recipient, value, index);
    case SET_FEATURE:
        agree();
        return true;
    default:
        return false;
    }
}

static bool class(uint8_t request, uint16_t value, uint16_t wanted) {
    switch (request) {
    case SET_LINE_CODING:
        if (wanted != LINE_CODING_SIZE)
            return false;
        control.expects_coding = true;
        usb_expect_packet(LINE_CODING_SIZE);
        return true;
    case GET_LINE_CODING:
        answer(line_coding, LINE_CODING_SIZE, wanted);
        return true;
    case SET_CONTROL_LINES:
        /* A terminal that goes is a host that has closed the port, or died. */
        if (control.has_terminal && !(value & DTR))
            usb_went_away();
        control.has_terminal = (value & DTR) != 0;
        agree();
        return true;
    case SEND_BREAK:
        agree();
        return true;
    default:
        return false;
    }
}

void usb_control_setup(const uint8_t setup[8]) {
    const uint8_t type = setup[0] >> 5 & 3;
    const uint16_t value = (uint16_t)(setup[2] | setup[3] << 8), index = (uint16_t)(setup[4] | setup[5] << 8);
    const uint16_t wanted = (uint16_t)(setup[6] | setup[7] << 8);
    usb_expect_data1(0);
    control.left = 0;
    control.ends_short = control.expects_coding = false;
    control.address = 0;
    const bool known = type == TYPE_STANDARD  ? standard(setup[0] & 0x1fu, setup[1], value, index, wanted)
                       : type == TYPE_CLASS   ? class(setup[1], value, wanted)
                                              : false;
    if (!known)
        usb_stall();
    else if (setup[0] & 0x80)
        usb_expect_packet(0);
}

void usb_control_sent(void) {
    if (control.address) {
        usb_set_address(control.address);
        control.address = 0;
    }
    if (control.left || control.ends_short)
        send_part();
}

void usb_control_received(const uint8_t *data, size_t count) {
    if (!control.expects_coding)
        return;
    for (size_t at = 0; at < count && at < LINE_CODING_SIZE; at++)
        line_coding[at] = data[at];
    control.expects_coding = false;
    agree();
}

void usb_control_reset(void) {
    control.left = 0;
    control.ends_short = control.expects_coding = control.has_terminal = false;
    control.address = 0;
}
