/* What runs from flash: the vector table that the second stage uses, and the copy of everything else to RAM.
 *
 * The firmware runs from RAM alone, so that no interrupt ever waits for the flash.
 */
    .syntax unified
    .cpu cortex-m0plus
    .thumb

    .section .flash_vectors, "a"
    .word stack_top
    .word reset + 1

    .section .flash_text, "ax"
    .thumb_func
    .global reset
reset:
    cpsid i
    ldr r0, =ram_image_start
    ldr r1, =ram_image_end
    ldr r2, =ram_image_load
1:  cmp r0, r1
    bhs 2f
    ldmia r2!, {r3}
    stmia r0!, {r3}
    b 1b
2:  ldr r0, =bss_start
    ldr r1, =bss_end
    movs r3, #0
3:  cmp r0, r1
    bhs 4f
    stmia r0!, {r3}
    b 3b
4:  ldr r0, =start_from_ram
    bx r0
    .pool
