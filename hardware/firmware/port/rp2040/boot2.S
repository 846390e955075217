/* Second stage: the boot ROM copies these 252 bytes to RAM, checks the checksum after them and calls them.
 *
 * It sets the flash to the plain serial read command 03h, which every flash chip knows, and jumps through the vector
 * table at 0x10000100. Nothing runs from the flash but the few instructions that copy the firmware to RAM, so that a
 * fast read would win nothing. Registers: RP2040 Datasheet 4.10.13.
 */
    .syntax unified
    .cpu cortex-m0plus
    .thumb

    .section .text.boot2, "ax"
    .global boot2
    .type boot2, %function
    .thumb_func
boot2:
    ldr r3, =0x18000000         // SSI
    movs r1, #0
    str r1, [r3, #0x08]         // SSIENR: off while it is set up
    movs r1, #4
    str r1, [r3, #0x14]         // BAUDR: clk_sys / 4
    ldr r1, =0x001f0300         // CTRLR0: 32 bits a frame, standard SPI, "EEPROM" mode
    str r1, [r3, #0x00]
    movs r1, #0
    str r1, [r3, #0x04]         // CTRLR1: one frame
    ldr r0, =0x180000f4
    ldr r1, =0x03000218         // SPI_CTRLR0: command 03h, 8 bits of command, 24 of address
    str r1, [r0]
    movs r1, #1
    str r1, [r3, #0x08]         // SSIENR: on
    ldr r0, =0x10000100
    ldr r1, =0xe000ed08         // VTOR
    str r0, [r1]
    ldmia r0!, {r1, r2}
    msr msp, r1
    bx r2
    .pool
