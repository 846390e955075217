"""The exported C codec against hand-written C of the same messages: decodes a second, in one program.

`python tests/benchmarks/c_codec.py` compiles both with -O2 and prints the ratio; the hand-written functions check every
size, as firmware has to.
"""

import subprocess
import tempfile
from pathlib import Path

from lensmount_emulator.exports.c_code.codec import c_files
from lensmount_emulator.exports.schema import make_schema
from lensmount_protocol.dialect import load_dialect

PROGRAM = r"""
#include "lmount_codec.h"
#include <stdio.h>
#include <string.h>
#include <time.h>
typedef struct {
    uint8_t number;
    uint32_t focal;
    const uint8_t *points;
    uint32_t points_size, count;
    const uint8_t *tail; /* bytes of a later revision, as the exported codec keeps them */
    uint32_t tail_size;
} hand_scale;
static uint32_t le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}
__attribute__((noipa)) static uint32_t hand_decode(hand_scale *out, const uint8_t *data, uint32_t size)
{
    if (size < 9u || data[0] != 0xa3u) { return 0u; }
    const uint32_t length = (uint32_t)data[1] | (uint32_t)data[2] << 8;
    if (length > size - 3u || length < 6u) { return 0u; }
    out->number = data[3];
    out->focal = le32(&data[4]);
    out->count = data[8];
    if ((length - 6u) / 6u < out->count) { return 0u; }
    out->points = &data[9];
    out->points_size = out->count * 6u;
    out->tail = &data[9u + out->points_size];
    out->tail_size = length - 6u - out->points_size;
    return 3u + length;
}
static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
static uint64_t sink;
int main(void)
{
    uint8_t data[64] = {0xa3, 42, 0, 7, 1, 2, 3, 4, 6};
    for (uint32_t i = 9; i < 45; ++i) { data[i] = (uint8_t)i; }
    double best[2] = {1e9, 1e9};
    for (int run = 0; run < 8; ++run) {
        for (int side = 0; side < 2; ++side) {
            const double begin = now();
            for (uint32_t i = 0; i < 4000000u; ++i) {
                data[3] = (uint8_t)i;
                if (side == 0) {
                    lmount_distance_scale out;
                    sink += lmount_decode_distance_scale(&out, data, 45u) + out.number + out.points.count;
                } else {
                    hand_scale out;
                    sink += hand_decode(&out, data, 45u) + out.number + out.count;
                }
            }
            const double spent = now() - begin;
            if (spent < best[side]) { best[side] = spent; }
        }
    }
    printf("DistanceScale: exported %.1f million decodes a second, hand-written %.1f, ratio %.2f\n",
        4.0 / best[0], 4.0 / best[1], best[1] / best[0]);
    return sink == 0u;
}
"""


def main() -> None:
    """Compile and run."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, text in c_files(make_schema(load_dialect("lmount"))).items():
            (folder / file).write_text(text)
        (folder / "speed.c").write_text(PROGRAM)
        words = ["gcc", "-std=gnu11", "-O2", "-o", "speed", "speed.c", "lmount_codec.c"]
        subprocess.run(words, cwd=folder, check=True, timeout=60)
        print(
            subprocess.run(["./speed"], cwd=folder, check=True, timeout=60, capture_output=True, text=True).stdout,
            end="",
        )


if __name__ == "__main__":
    main()
