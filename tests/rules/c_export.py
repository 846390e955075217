"""The C export: built for this machine and held against the engine, and built for a Cortex-M0+ for its size."""

import ctypes
import re
import subprocess
from dataclasses import replace
from itertools import chain
from pathlib import Path

from lensmount_emulator.exports.c_code.rules import PREFIX, rules_to_c
from lensmount_emulator.faults.rule import Rule
from lensmount_emulator.rules.table import ByteTable, make_table
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.wire import Role
from rules.corpus import RULES, frames, tables

DRIVER = f"""
#include <stddef.h>
#include "{PREFIX}.h"

void run(int lens, size_t count, const uint8_t *in, uint8_t *out)
{{
    static struct {PREFIX}_state states[2];
    {PREFIX}_init(&states[lens]);
    for (size_t at = 0; at < count; at++)
        out[at] = {PREFIX}_byte(lens ? &{PREFIX}_from_lens : &{PREFIX}_from_body, &states[lens], in[at]);
}}
"""

CROSS = ("arm-none-eabi-gcc", "-std=c11", "-Os", "-mcpu=cortex-m0plus", "-mthumb", "-ffunction-sections")
WARNINGS = ("-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic")


def write(dialect: str, rules: tuple[Rule, ...], folder: Path) -> None:
    """Write the export of rules into a folder."""
    declared = load_dialect(dialect)
    made = [rule.table_rule(declared) for rule in rules]
    found = {role: make_table(declared, role, [rule for rule in made if rule.cls.SENDER is role]) for role in Role}
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in rules_to_c(declared, found, [rule.on for rule in rules]).items():
        (folder / name).write_text(text)


def build(dialect: str, rules: tuple[Rule, ...], folder: Path) -> ctypes.CDLL:
    """Write the export of rules into a folder, and compile it for this machine."""
    write(dialect, rules, folder)
    (folder / "driver.c").write_text(DRIVER)
    words = ["gcc", *WARNINGS, "-O2", "-shared", "-fPIC", "-o", "rules.so", f"{PREFIX}.c", "driver.c"]
    subprocess.run(words, cwd=folder, check=True, timeout=60)
    return ctypes.CDLL(str(folder / "rules.so"))


def compare(dialect: str, count: int, folder: Path, seed: int = 1) -> tuple[int, int, int]:
    """Frames, those that the rules change, and those that C and the engine change differently.

    The compiled table is also held against the table in Python on frames with a wrong byte.
    """
    library = build(dialect, RULES[dialect], folder)
    changed = different = 0
    for sender, (engine, table) in tables(dialect).items():
        given = list(frames(dialect, sender, count // 2, seed))
        expected: list[bytes] = []
        for frame in given:
            result = engine.process(sender, frame, 0.0)
            expected.append(frame if result is None else result.data)
        found = pass_through(library, sender, given)
        changed += sum(new != old for new, old in zip(expected, given, strict=True))
        different += sum(new != old for new, old in zip(expected, found, strict=True))
        damaged = [bytes((*frame[:-3], frame[-3] ^ 0xFF, *frame[-2:])) for frame in given[:2000]]
        passing = ByteTable(table)
        again = [bytes(map(passing.feed, frame)) for frame in damaged]
        different += sum(new != old for new, old in zip(again, pass_through(library, sender, damaged), strict=True))
    return count // 2 * 2, changed, different


def pass_through(library: ctypes.CDLL, sender: Role, given: list[bytes]) -> list[bytes]:
    """Frames of one end after the compiled rules."""
    joined = b"".join(given)
    out = ctypes.create_string_buffer(len(joined))
    library.run(ctypes.c_int(sender is Role.LENS), ctypes.c_size_t(len(joined)), joined, out)
    ends = [*accumulated(map(len, given))]
    return [out.raw[end - len(frame) : end] for end, frame in zip(ends, given, strict=True)]


def accumulated(sizes: "map[int]") -> list[int]:
    total, ends = 0, list[int]()
    for size in chain(sizes):
        total += size
        ends.append(total)
    return ends


SHIPPED = {
    "emount": (
        Rule(on="LensStatus", where="state=7", set="focal_length_dmm=777"),
        Rule(on="FocusMove", set="operand=0x3E00"),
    ),
    "lmount": (
        Rule(on="ApertureState", where="now<0", set="target=-77"),
        Rule(on="PowerGrant", set="limit_ma=200"),
    ),
}
"""Two rules, one for each direction."""


def size_on_cortex_m0(dialect: str, folder: Path) -> int:
    """Bytes of code and tables of two rules on a Cortex-M0+."""
    write(dialect, tuple(map(replace, SHIPPED[dialect])), folder)
    subprocess.run([*CROSS, *WARNINGS[1:], "-c", f"{PREFIX}.c"], cwd=folder, check=True, timeout=60)
    done = subprocess.run(
        ["arm-none-eabi-size", f"{PREFIX}.o"], cwd=folder, check=True, capture_output=True, text=True, timeout=60
    )
    found = re.search(r"^\s*(\d+)\s+(\d+)\s+(\d+)", done.stdout.splitlines()[1])
    assert found is not None
    return int(found[1]) + int(found[2])
