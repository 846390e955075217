/* A CDC-ACM device: one interface to control it, one that carries bytes. USB 2.0 chapter 9; CDC 1.2; PSTN 1.2. */
#include "usb_descriptors.h"

#include "hal.h"

/* pid.codes gives this pair to whoever tries something out; hosts know the board by its product's name. */
#define VENDOR 0x1209u
#define PRODUCT 0x0001u
#define LOW(value) ((value) & 0xffu)
#define HIGH(value) ((value) >> 8)

static const uint8_t device[] = {
    18, USB_DEVICE, 0x00, 0x02,
    0xef, 0x02, 0x01, /* functions are given by interface associations */
    PACKET, LOW(VENDOR), HIGH(VENDOR), LOW(PRODUCT), HIGH(PRODUCT), 0x00, 0x01,
    1, 2, 3, /* strings: manufacturer, product, serial number */
    1,
};

#define CONFIGURATION_SIZE (9 + 8 + 9 + 5 + 5 + 4 + 5 + 7 + 9 + 7 + 7)

static const uint8_t configuration[CONFIGURATION_SIZE] = {
    9, USB_CONFIGURATION, LOW(CONFIGURATION_SIZE), HIGH(CONFIGURATION_SIZE), 2, 1, 0, 0x80, 50, /* 100 mA */
    8, 11, 0, 2, 2, 2, 0, 0, /* interfaces 0 and 1 are one function */
    9, 4, 0, 0, 1, 2, 2, 0, 0, /* communication, abstract control model */
    5, 0x24, 0x00, 0x20, 0x01, /* CDC 1.2 */
    5, 0x24, 0x01, 0x00, 1, /* no call management */
    4, 0x24, 0x02, 0x02, /* line coding and control lines are understood */
    5, 0x24, 0x06, 0, 1,
    7, 5, 0x80 | NOTIFY_ENDPOINT, 3, 8, 0, 255,
    9, 4, 1, 0, 2, 10, 0, 0, 0, /* data */
    7, 5, DATA_ENDPOINT, 2, PACKET, 0, 0,
    7, 5, 0x80 | DATA_ENDPOINT, 2, PACKET, 0, 0,
};

static const char *const texts[] = {"lensmount", "lensmount board"};

/* UTF-16, after size and type. */
static uint8_t string[2 + 2 * 16];

static const uint8_t *as_string(const char *text, size_t count, size_t *size) {
    string[0] = (uint8_t)(2 + 2 * count);
    string[1] = USB_STRING;
    for (size_t at = 0; at < count; at++) {
        string[2 + 2 * at] = (uint8_t)text[at];
        string[3 + 2 * at] = 0;
    }
    *size = string[0];
    return string;
}

static const uint8_t *serial_number(size_t *size) {
    char digits[16];
    const uint8_t *id = hal_unique_id();
    for (unsigned at = 0; at < 16; at++)
        digits[at] = "0123456789ABCDEF"[id[at / 2] >> (at % 2 ? 0 : 4) & 15];
    return as_string(digits, sizeof digits, size);
}

static const uint8_t *string_descriptor(uint8_t index, size_t *size) {
    static const uint8_t languages[] = {4, USB_STRING, 0x09, 0x04};
    if (index == 0) {
        *size = sizeof languages;
        return languages;
    }
    if (index == 3)
        return serial_number(size);
    if (index > 3)
        return NULL;
    const char *text = texts[index - 1];
    size_t count = 0;
    while (count < 16 && text[count])
        count++;
    return as_string(text, count, size);
}

const uint8_t *usb_descriptor(uint8_t type, uint8_t index, size_t *size) {
    switch (type) {
    case USB_DEVICE:
        *size = sizeof device;
        return device;
    case USB_CONFIGURATION:
        *size = sizeof configuration;
        return configuration;
    case USB_STRING:
        return string_descriptor(index, size);
    default:
        return NULL;
    }
}
