/* Control transfers: the controller's events of endpoint 0. */
#ifndef USB_CONTROL_H
#define USB_CONTROL_H

#include <stddef.h>
#include <stdint.h>

void usb_control_setup(const uint8_t setup[8]);
void usb_control_sent(void);
void usb_control_received(const uint8_t *data, size_t count);
void usb_control_reset(void);

#endif
