/* The USB descriptors of the board. */
#ifndef USB_DESCRIPTORS_H
#define USB_DESCRIPTORS_H

#include <stddef.h>
#include <stdint.h>

enum { USB_DEVICE = 1, USB_CONFIGURATION = 2, USB_STRING = 3 };
enum { NOTIFY_ENDPOINT = 1, DATA_ENDPOINT = 2, PACKET = 64 };

/* A descriptor and its size, or NULL. The serial number's string is made of the unique id. */
const uint8_t *usb_descriptor(uint8_t type, uint8_t index, size_t *size);

#endif
