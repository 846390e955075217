/* The main program of a worker: a firmware and the shim as a program of its own, which lensmount starts for each instance
 * and talks to by two pipes. For firmware that cannot be loaded as a library: 32 bits, another processor under an
 * emulator, or state outside of the instance.
 *
 *     cc firmware.c lensmount_shim.c lensmount_worker.c -o firmware.worker -ldl -pthread
 *
 * A request on the standard input is six numbers of 32 bits, little-endian - operation, two arguments, size, and the time
 * in its lower and upper half - and `size` bytes. The answer on the standard output is five - the size of the actions or
 * -1 for a fault, the size of what follows, 0, and the next time in two halves - and what follows. What the firmware
 * prints goes to the standard error. */
#include "lensmount_firmware.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { W_INFO, W_OPEN, W_START, W_BYTES, W_LINE, W_TIME, W_CONTROL, W_STATE, W_MEMORY, W_FAULT, W_FAR, W_FAR_BYTES,
       W_FAR_LINE, W_LINES };
enum { MAX_REQUEST = 1 << 20, FAULT_SIZE = 4520 };

struct shim;
uint32_t lm_shim_version(void);
uint32_t lm_shim_optional(void);
void lm_shim_guard(volatile uint64_t *shared, int with_alarm);
struct shim *lm_shim_open(void);
int64_t lm_shim_start(struct shim *s, uint32_t role, uint32_t baudrate, uint64_t levels, uint64_t seed, const char *config,
                      uint64_t now_us);
int64_t lm_shim_bytes(struct shim *s, const uint8_t *data, uint32_t size, uint64_t now_us);
int64_t lm_shim_line(struct shim *s, uint32_t line, uint32_t level, uint64_t now_us);
int64_t lm_shim_control(struct shim *s, const char *step, uint64_t now_us);
void lm_shim_far(struct shim *s, uint32_t baudrate, uint64_t levels);
void lm_shim_lines(struct shim *s, uint64_t lines, uint64_t far_lines);
int64_t lm_shim_far_bytes(struct shim *s, const uint8_t *data, uint32_t size, uint64_t now_us);
int64_t lm_shim_far_line(struct shim *s, uint32_t line, uint32_t level, uint64_t now_us);
int64_t lm_shim_time(struct shim *s, uint64_t now_us);
const void *lm_shim_fault(const struct shim *s);
uint8_t *lm_shim_actions(struct shim *s);
void *lm_shim_memory(struct shim *s);
uint32_t lm_shim_state(const struct shim *s);

static int out;

static int read_all(void *to, size_t size)
{
    uint8_t *at = to;
    while (size) {
        ssize_t got = read(0, at, size);
        if (got <= 0)
            return 0;
        at += got, size -= (size_t)got;
    }
    return 1;
}

static void write_all(const void *from, size_t size)
{
    const uint8_t *at = from;
    while (size) {
        ssize_t put = write(out, at, size);
        if (put <= 0)
            _exit(0); /* the session is over */
        at += put, size -= (size_t)put;
    }
}

static void answer(int64_t used, uint64_t next_us, const void *data, uint32_t size)
{
    uint32_t head[5] = {(uint32_t)used, size, 0, (uint32_t)next_us, (uint32_t)(next_us >> 32)};
    write_all(head, sizeof head);
    write_all(data, size);
}

static uint64_t get64(const uint8_t *at)
{
    uint64_t value = 0;
    for (int i = 7; i >= 0; i--)
        value = value << 8 | at[i];
    return value;
}

static void put_text(uint8_t *to, uint32_t *at, const char *text)
{
    size_t size = text ? strlen(text) : 0;
    size = size < 200 ? size : 200;
    memcpy(to + *at, text ? text : "", size);
    to[*at + size] = 0;
    *at += (uint32_t)size + 1;
}

static void answer_info(void)
{
    const lm_info *info = lm_fw_info();
    /* One of the first version ends before the members of the far port. */
    int has_far = info && info->abi > 1 && info->size >= sizeof *info;
    uint64_t far_rises = has_far ? info->far_rises : 0, far_falls = has_far ? info->far_falls : 0;
    uint8_t text[1000];
    uint32_t head[15] = {lm_shim_version(), lm_shim_optional()}, at = sizeof head;
    if (info) {
        uint32_t rest[13] = {info->abi, info->size, info->roles, info->memory, info->alignment,
                             (uint32_t)info->rises, (uint32_t)(info->rises >> 32), (uint32_t)info->falls,
                             (uint32_t)(info->falls >> 32), (uint32_t)far_rises, (uint32_t)(far_rises >> 32),
                             (uint32_t)far_falls, (uint32_t)(far_falls >> 32)};
        memcpy(head + 2, rest, sizeof rest);
    }
    memcpy(text, head, sizeof head);
    put_text(text, &at, info ? info->dialect : ""), put_text(text, &at, info ? info->name : "");
    put_text(text, &at, info ? info->version : ""), put_text(text, &at, has_far ? info->far_dialect : "");
    answer(0, LM_NEVER, text, at);
}

int main(void)
{
    static uint8_t data[MAX_REQUEST + 1];
    uint32_t head[6];
    struct shim *s = NULL;
    out = dup(1);
    dup2(2, 1); /* what the firmware prints must not reach the session */
    lm_shim_guard(NULL, 1);
    while (read_all(head, sizeof head)) {
        uint64_t now_us = head[4] | (uint64_t)head[5] << 32;
        uint32_t size = head[3], state;
        int64_t used = 0;
        if (size > MAX_REQUEST || !read_all(data, size))
            return 2;
        data[size] = 0;
        if (head[0] == W_INFO) {
            answer_info();
            continue;
        }
        if (!s && !(s = lm_shim_open()))
            return 3;
        switch (head[0]) {
        case W_OPEN: break;
        case W_START:
            used = lm_shim_start(s, head[1], head[2], get64(data), get64(data + 8), (const char *)data + 16, now_us);
            break;
        case W_BYTES: used = lm_shim_bytes(s, data, size, now_us); break;
        case W_LINE: used = lm_shim_line(s, head[1], head[2], now_us); break;
        case W_TIME: used = lm_shim_time(s, now_us); break;
        case W_CONTROL: used = lm_shim_control(s, (const char *)data, now_us); break;
        case W_FAR: lm_shim_far(s, head[1], get64(data)); break;
        case W_FAR_BYTES: used = lm_shim_far_bytes(s, data, size, now_us); break;
        case W_FAR_LINE: used = lm_shim_far_line(s, head[1], head[2], now_us); break;
        case W_LINES: lm_shim_lines(s, get64(data), get64(data + 8)); break;
        case W_STATE:
            state = lm_shim_state(s);
            answer(0, *(uint64_t *)(void *)s, &state, sizeof state);
            continue;
        case W_MEMORY: answer(0, *(uint64_t *)(void *)s, lm_shim_memory(s), lm_fw_info()->memory); continue;
        case W_FAULT: answer(0, LM_NEVER, lm_shim_fault(s), FAULT_SIZE); continue;
        default: return 4;
        }
        answer(used, *(uint64_t *)(void *)s, lm_shim_actions(s), used > 0 ? (uint32_t)used : 0);
    }
    return 0;
}
