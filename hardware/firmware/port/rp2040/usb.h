/* What the control requests need of the controller. */
#ifndef USB_H
#define USB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "usb_descriptors.h"

#define USB_ENDPOINTS 3u

/* Endpoint 0: one packet of at most PACKET bytes. */
void usb_send_packet(const uint8_t *data, size_t count);
void usb_expect_packet(size_t count);
void usb_expect_data1(unsigned endpoint);
void usb_stall(void);
void usb_set_address(uint8_t address);
void usb_configure(bool on);
/* CLEAR_FEATURE(ENDPOINT_HALT): the next packet is DATA0; false where there is no such endpoint. */
bool usb_clear_halt(unsigned endpoint, bool in);
bool usb_is_configured(void);
/* The host closed the port. */
void usb_went_away(void);

#endif
