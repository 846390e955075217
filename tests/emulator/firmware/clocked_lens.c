/* A lens for the Fuji G mount: a firmware on a clocked link. `transmit` loads a unit, which the body's next burst shifts
 * out; `on_bytes` brings the unit that the body shifted in at the same time. */
#include "lensmount_firmware.h"
#include "lensmount_lines_fuji_g.h"
#include <string.h>

enum { ACK = 1 << 15, BLOCK = 131, LOAD_US = 100 };
enum { T_BUSY, T_READY, T_STARTED, T_LOAD, T_FOCUS_FALLS, T_FOCUS_RISES, T_IRIS_FALLS, T_IRIS_RISES };

struct lm_fw {
    const lm_host *host;
    uint8_t unit[BLOCK]; /* the next unit to load */
    uint32_t size, blocks, announced, focus_due, iris_due;
    uint32_t word, number; /* the body's last word; the number of its last acknowledge */
    uint16_t position, target, iris, step;
    uint32_t levels; /* bit n: line n of ours */
};

static const lm_info INFO = {LM_ABI, sizeof INFO, "fuji-g", "clocked test lens", "1", 1u << LM_LENS, sizeof(lm_fw), 8, ~0ull, ~0ull};
const lm_info *lm_fw_info(void) { return &INFO; }

lm_fw *lm_fw_init(void *memory, const lm_host *host, const lm_setup *setup, uint64_t now_us)
{
    lm_fw *fw = memory;
    (void)setup;
    (void)now_us;
    fw->host = host;
    return fw;
}

static void drive(lm_fw *fw, uint32_t line, uint32_t level)
{
    fw->levels = (fw->levels & ~(1u << line)) | level << line;
    fw->host->drive_line(fw->host->ctx, line, level);
}

static void at(lm_fw *fw, uint32_t timer, uint64_t at_us) { fw->host->set_timer(fw->host->ctx, timer, at_us); }

static void prepare_word(lm_fw *fw, uint32_t word)
{
    uint32_t sum = (word >> 27) + (word >> 22 & 31) + (word >> 17 & 31) + (word >> 12 & 31) + (word >> 7 & 31) + (word >> 6 & 1);
    word |= (sum & 31) << 1;
    for (int i = 0; i < 4; i++) fw->unit[i] = (uint8_t)(word >> (24 - 8 * i));
    fw->size = 4;
}

static void prepare_block(lm_fw *fw)
{
    uint32_t sum = 0;
    memset(fw->unit, 0, BLOCK);
    if (fw->blocks == 1) memset(fw->unit, 0xff, 2);
    memcpy(fw->unit + 2, "C00001", 6);
    memcpy(fw->unit + 10, "CLOCKED1", 8);
    memcpy(fw->unit + 18, "a lens in C", 11);
    for (int i = 0; i < BLOCK - 1; i++) sum += fw->unit[i];
    fw->unit[BLOCK - 1] = (uint8_t)sum;
    fw->size = BLOCK;
    fw->blocks--;
}

static void prepare_next(lm_fw *fw)
{
    if (fw->blocks) prepare_block(fw);
    else prepare_word(fw, 0);
}

static uint16_t value_of(lm_fw *fw, uint32_t command, uint16_t argument)
{
    switch (command) {
    case 0x20: return (uint16_t)(0x0380 | !(fw->levels >> FUJI_G_FOCUS_BUSY & 1) | !(fw->levels >> FUJI_G_IRIS_BUSY & 1) << 1);
    case 0x21: return fw->position;
    case 0x22: return (uint16_t)(fw->iris << 8);
    case 0x24: return 0;
    case 0x26: return 0x15;
    case 0x27: return 1;
    case 0x30: return 1;
    case 0x32: return 0;
    case 0x14: fw->announced = 2; return argument;
    case 0x56: fw->target = argument; fw->focus_due = 1; return argument;
    case 0x62: fw->step = argument >> 6 & 0x3f; fw->iris_due = 1; return argument;
    default: return argument;
    }
}

static void take_acknowledge(lm_fw *fw, uint32_t word, uint64_t now_us)
{
    uint32_t command = fw->word >> 6 & 0xff;
    if (!command) {
        fw->number = 0;
        fw->blocks = fw->announced;
        fw->announced = 0;
        prepare_next(fw);
        return;
    }
    fw->number = word >> 24 & 7;
    prepare_word(fw, (uint32_t)value_of(fw, command, (uint16_t)(fw->word >> 16)) << 16 | command << 6);
    if (command == 0xff && fw->focus_due) at(fw, T_FOCUS_FALLS, now_us + 150);
    if (command == 0xff && fw->iris_due) at(fw, T_IRIS_FALLS, now_us + 150);
}

void lm_fw_on_bytes(lm_fw *fw, const uint8_t *data, uint32_t size, uint64_t now_us)
{
    uint32_t word = 0;
    if (fw->levels >> FUJI_G_LENS_DATA & 1) drive(fw, FUJI_G_LENS_DATA, 0);
    for (uint32_t i = 0; i < 4 && i < size; i++) word = word << 8 | data[i];
    if (size != 4) prepare_next(fw);
    else if (word & ACK) take_acknowledge(fw, word, now_us);
    else {
        fw->word = word;
        prepare_word(fw, (8 | fw->number) << 24 | ACK | (word >> 6 & 0xff) << 6);
    }
    at(fw, T_LOAD, now_us + LOAD_US);
}

void lm_fw_on_line(lm_fw *fw, uint32_t line, uint32_t level, uint64_t now_us)
{
    const lm_host *host = fw->host;
    if (line != FUJI_G_SUPPLY) return;
    memset(fw, 0, sizeof *fw);
    fw->host = host;
    drive(fw, FUJI_G_FOCUS_BUSY, level);
    drive(fw, FUJI_G_IRIS_BUSY, level);
    drive(fw, FUJI_G_LENS_DATA, 0);
    for (uint32_t timer = 0; timer <= T_IRIS_RISES; timer++) at(fw, timer, LM_NEVER);
    if (!level) return;
    at(fw, T_BUSY, now_us + 52000);
    at(fw, T_READY, now_us + 56600);
    at(fw, T_STARTED, now_us + 239000);
}

void lm_fw_on_timer(lm_fw *fw, uint32_t timer, uint64_t now_us)
{
    switch (timer) {
    case T_BUSY: drive(fw, FUJI_G_FOCUS_BUSY, 0); break;
    case T_READY: prepare_word(fw, 0); drive(fw, FUJI_G_LENS_DATA, 1); /* fall through */
    case T_LOAD: fw->host->transmit(fw->host->ctx, fw->unit, fw->size); break;
    case T_STARTED: drive(fw, FUJI_G_FOCUS_BUSY, 1); break;
    case T_FOCUS_FALLS: fw->focus_due = 0; drive(fw, FUJI_G_FOCUS_BUSY, 0); at(fw, T_FOCUS_RISES, now_us + 30000); break;
    case T_FOCUS_RISES: fw->position = fw->target; drive(fw, FUJI_G_FOCUS_BUSY, 1); break;
    case T_IRIS_FALLS: fw->iris_due = 0; drive(fw, FUJI_G_IRIS_BUSY, 0); at(fw, T_IRIS_RISES, now_us + 40000); break;
    case T_IRIS_RISES: fw->iris = fw->step; drive(fw, FUJI_G_IRIS_BUSY, 1); break;
    }
}
