/* The RP2040's registers that this port touches, by the names of Raspberry Pi's "RP2040 Datasheet". */
#ifndef RP2040_REGISTERS_H
#define RP2040_REGISTERS_H

#include <stdint.h>

#define REG(address) (*(volatile uint32_t *)(uintptr_t)(address))
/* Each peripheral register has aliases that set or clear bits in one write (datasheet 2.1.2). */
#define SET(address) REG((address) + 0x2000u)
#define CLEAR(address) REG((address) + 0x3000u)

/* 2.14 Subsystem resets */
#define RESETS_RESET 0x4000c000u
#define RESETS_RESET_DONE 0x4000c008u
#define RESET_IO_BANK0 (1u << 5)
#define RESET_PADS_BANK0 (1u << 8)
#define RESET_PIO0 (1u << 10)
#define RESET_PLL_SYS (1u << 12)
#define RESET_PLL_USB (1u << 13)
#define RESET_TIMER (1u << 21)
#define RESET_UART0 (1u << 22)
#define RESET_UART1 (1u << 23)
#define RESET_USBCTRL (1u << 24)

/* 2.13 Power-on state machine */
#define PSM_WDSEL 0x40010008u
#define PSM_ALL_BUT_OSCILLATORS 0x0001fffcu

/* 2.15 Clocks, 2.16 crystal oscillator, 2.18 PLLs */
#define CLK_REF_CTRL 0x40008030u
#define CLK_REF_SELECTED 0x40008038u
#define CLK_SYS_CTRL 0x4000803cu
#define CLK_SYS_SELECTED 0x40008044u
#define CLK_PERI_CTRL 0x40008048u
#define CLK_USB_CTRL 0x40008054u
#define CLK_USB_DIV 0x40008058u
#define CLOCK_ENABLE (1u << 11)
#define XOSC_CTRL 0x40024000u
#define XOSC_STATUS 0x40024004u
#define XOSC_STARTUP 0x4002400cu
#define PLL_SYS 0x40028000u
#define PLL_USB 0x4002c000u
#define PLL_CS 0x0u
#define PLL_PWR 0x4u
#define PLL_FBDIV_INT 0x8u
#define PLL_PRIM 0xcu

/* 2.19 GPIO, 2.3.1 SIO */
#define IO_BANK0_CTRL(pin) (0x40014004u + 8u * (pin))
#define IO_BANK0_INTR(index) (0x400140f0u + 4u * (index))
#define IO_BANK0_INTE(index) (0x40014100u + 4u * (index))
#define IO_BANK0_INTS(index) (0x40014120u + 4u * (index))
#define PADS_BANK0(pin) (0x4001c004u + 4u * (pin))
#define IO_QSPI_SS_CTRL 0x4001800cu
#define FUNCTION_UART 2u
#define FUNCTION_SIO 5u
#define FUNCTION_PIO0 6u
#define FUNCTION_NONE 31u
#define OUTPUT_INVERTED (1u << 8)
#define OUTPUT_LOW (2u << 8)
#define OUTPUT_HIGH (3u << 8)
#define INPUT_INVERTED (1u << 16)
#define PAD_SCHMITT (1u << 1)
#define PAD_PULL_DOWN (1u << 2)
#define PAD_PULL_UP (1u << 3)
#define PAD_DRIVE_4MA (1u << 4)
#define PAD_INPUT_ENABLE (1u << 6)
#define SIO_GPIO_IN 0xd0000004u
#define SIO_GPIO_OUT_SET 0xd0000014u
#define SIO_GPIO_OUT_CLR 0xd0000018u
#define SIO_GPIO_OE_SET 0xd0000024u
#define SIO_GPIO_OE_CLR 0xd0000028u

/* 4.2 UART, a PL011 */
#define UART_BASE(uart) (0x40034000u + 0x4000u * (uart))
#define UART_DR 0x00u
#define UART_FR 0x18u
#define UART_IBRD 0x24u
#define UART_FBRD 0x28u
#define UART_LCR_H 0x2cu
#define UART_CR 0x30u
#define UART_IMSC 0x38u
#define UART_MIS 0x40u
#define UART_ICR 0x44u
#define UART_DR_FRAMING (1u << 8)
#define UART_DR_PARITY (1u << 9)
#define UART_DR_BREAK (1u << 10)
#define UART_DR_OVERRUN (1u << 11)
#define UART_FR_BUSY (1u << 3)
#define UART_FR_RXFE (1u << 4)
#define UART_FR_TXFF (1u << 5)
#define UART_LCR_H_8_BITS (3u << 5)
#define UART_CR_ENABLE (1u << 0)
#define UART_CR_TX_ENABLE (1u << 8)
#define UART_CR_RX_ENABLE (1u << 9)
#define UART_INT_RX (1u << 4)
#define UART_INT_TX (1u << 5)

/* 4.6 Timer, 4.7 watchdog */
#define TIMER_ALARM(alarm) (0x40054010u + 4u * (alarm))
#define TIMER_ARMED 0x40054020u
#define TIMER_TIMERAWH 0x40054024u
#define TIMER_TIMERAWL 0x40054028u
#define TIMER_INTR 0x40054034u
#define TIMER_INTE 0x40054038u
#define TIMER_INTF 0x4005403cu
#define WATCHDOG_CTRL 0x40058000u
#define WATCHDOG_LOAD 0x40058004u
#define WATCHDOG_REASON 0x40058008u
#define WATCHDOG_TICK 0x4005802cu
#define WATCHDOG_ENABLE (1u << 30)
#define WATCHDOG_TRIGGER (1u << 31)
#define TICK_ENABLE (1u << 9)

/* 3.7 PIO: control, FIFOs, and for each machine its divisor, wrap, shifting, forced instruction and pins */
#define PIO0 0x50200000u
#define PIO0_CTRL (PIO0 + 0x00u)
#define PIO0_FSTAT (PIO0 + 0x04u)
#define PIO0_TXF(machine) (PIO0 + 0x10u + 4u * (machine))
#define PIO0_RXF(machine) (PIO0 + 0x20u + 4u * (machine))
#define PIO0_INSTR_MEM(place) (PIO0 + 0x48u + 4u * (place))
#define PIO0_CLKDIV(machine) (PIO0 + 0xc8u + 0x18u * (machine))
#define PIO0_EXECCTRL(machine) (PIO0 + 0xccu + 0x18u * (machine))
#define PIO0_SHIFTCTRL(machine) (PIO0 + 0xd0u + 0x18u * (machine))
#define PIO0_INSTR(machine) (PIO0 + 0xd8u + 0x18u * (machine))
#define PIO0_PINCTRL(machine) (PIO0 + 0xdcu + 0x18u * (machine))
#define PIO0_INTE (PIO0 + 0x12cu)
#define PIO_RESTART 4u
#define PIO_RX_EMPTY(machine) (1u << (8u + (machine)))
#define PIO_TX_FULL(machine) (1u << (16u + (machine)))
#define PIO_RX_NOT_EMPTY(machine) (1u << (machine))
#define PIO_WRAP_TOP 12u
#define PIO_WRAP_BOTTOM 7u
#define PIO_AUTOPUSH (1u << 16)
#define PIO_AUTOPULL (1u << 17)
#define PIO_IN_RIGHT (1u << 18)
#define PIO_OUT_RIGHT (1u << 19)
#define PIO_PUSH_AT 20u
#define PIO_PULL_AT 25u
#define PIO_JOIN_RX (1u << 31)
#define PIO_SET_BASE 5u
#define PIO_SIDE_BASE 10u
#define PIO_IN_BASE 15u
#define PIO_OUT_COUNT 20u
#define PIO_SET_COUNT 26u
#define PIO_SIDE_COUNT 29u

/* 4.1 USB */
#define USB_DPRAM 0x50100000u
#define USB_ADDR_ENDP 0x50110000u
#define USB_MAIN_CTRL 0x50110040u
#define USB_SIE_CTRL 0x5011004cu
#define USB_SIE_STATUS 0x50110050u
#define USB_BUFF_STATUS 0x50110058u
#define USB_EP_STALL_ARM 0x50110068u
#define USB_MUXING 0x50110074u
#define USB_PWR 0x50110078u
#define USB_INTE 0x50110090u
#define USB_INTS 0x50110098u

/* 4.10 SSI, the flash's serial port */
#define SSI_CTRLR0 0x18000000u
#define SSI_CTRLR1 0x18000004u
#define SSI_SSIENR 0x18000008u
#define SSI_SER 0x18000010u
#define SSI_BAUDR 0x18000014u
#define SSI_TXFLR 0x18000020u
#define SSI_RXFLR 0x18000024u
#define SSI_SR 0x18000028u
#define SSI_DR0 0x18000060u
#define SSI_SPI_CTRLR0 0x180000f4u

/* 2.4 Cortex-M0+: interrupt controller and vector table */
#define NVIC_ISER 0xe000e100u
#define NVIC_ICER 0xe000e180u
#define NVIC_ISPR 0xe000e200u
#define NVIC_ICPR 0xe000e280u
#define NVIC_IPR(index) (0xe000e400u + 4u * (index))
#define SCB_VTOR 0xe000ed08u

enum {
    IRQ_TIMER_0 = 0,
    IRQ_TIMER_1 = 1,
    IRQ_TIMER_2 = 2,
    IRQ_USBCTRL = 5,
    IRQ_PIO0 = 7,
    IRQ_IO_BANK0 = 13,
    IRQ_UART0 = 20,
    IRQ_UART1 = 21,
    IRQ_KICK = 31, /* no block of the chip has it: software's own */
    IRQ_COUNT = 32
};

#endif
