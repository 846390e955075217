/* The flash chip's unique id, by its command 4Bh. Nothing runs from the flash any more by then. */
#include "chip.h"
#include "hal.h"

#define COMMAND_UNIQUE_ID 0x4bu
#define DUMMY_BYTES 4u
#define MAX_POLLS 10000u

static uint8_t unique_id[UNIQUE_ID_SIZE];

const uint8_t *hal_unique_id(void) {
    return unique_id;
}

static uint8_t exchange(uint8_t value) {
    REG(SSI_DR0) = value;
    /* Bit 3: the receiving FIFO has something. */
    for (uint32_t poll = 0; poll < MAX_POLLS && !(REG(SSI_SR) & 1u << 3); poll++) {
    }
    return (uint8_t)REG(SSI_DR0);
}

void flash_read_unique_id(void) {
    REG(SSI_SSIENR) = 0;
    REG(SSI_BAUDR) = 8;
    /* 8 bits a frame, standard SPI, send and receive. */
    REG(SSI_CTRLR0) = 7u << 16;
    REG(SSI_SER) = 1;
    REG(SSI_SSIENR) = 1;
    REG(IO_QSPI_SS_CTRL) = OUTPUT_LOW;
    (void)exchange(COMMAND_UNIQUE_ID);
    for (unsigned at = 0; at < DUMMY_BYTES; at++)
        (void)exchange(0);
    for (unsigned at = 0; at < UNIQUE_ID_SIZE; at++)
        unique_id[at] = exchange(0);
    REG(IO_QSPI_SS_CTRL) = 0;
}
