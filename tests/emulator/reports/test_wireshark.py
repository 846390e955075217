"""The dissector: what is read off a dialect's frames, what cannot be, and its sums in Lua against check values."""

import re
import shutil
import subprocess
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest

from lensmount_emulator.reports.wireshark import (
    SCRIPT_FILE,
    DissectedLayout,
    lua_checksum,
    measure_layout,
    wireshark_dissector,
)
from lensmount_hardware.captures.packet_files.pcapng_writer import PcapngWriter
from lensmount_protocol.checksums import CHECK_INPUT, CHECKSUMS, CRC16_IBM_3740, SUM16, Checksum
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.errors import DialectError
from lensmount_protocol.wire import Burst, Role

EMOUNT, LMOUNT = load_dialect("emount"), load_dialect("lmount")


def test_where_the_parts_of_a_frame_stand_is_read_off_frames() -> None:
    assert measure_layout(EMOUNT) == DissectedLayout(0xF0, 1, 3, 4, 5, 0, SUM16, 2, 1, b"\x55")
    assert measure_layout(LMOUNT) == DissectedLayout(0xE0, 1, 3, 4, 5, 7, CRC16_IBM_3740, 2, 1, b"")


@pytest.mark.parametrize("dialect", [EMOUNT, LMOUNT], ids=lambda dialect: dialect.name)
def test_every_message_is_declared_once_and_nothing_is_left_to_fill_in(dialect) -> None:
    script = wireshark_dissector(dialect)
    assert "$" not in script
    for (sender, type_), cls in dialect.messages.items():
        assert script.count(f'MESSAGES.{sender.value}[{type_:#04x}] = {{ name = "{cls.__name__}"') == 1
    filters = re.findall(r'field\("\w+", "([^"]+)"', script)
    assert len(filters) == len(set(filters)) > 50
    assert all(re.fullmatch(r"[a-z0-9]+\.[a-z0-9_]+", name) for name in filters)


def test_the_script_keeps_to_what_every_lua_takes() -> None:
    text = files("lensmount_emulator.reports").joinpath(SCRIPT_FILE).read_text(encoding="utf-8")
    code = "\n".join(re.sub(r'"[^"]*"', '""', line.partition("--")[0]) for line in text.splitlines())
    assert not re.search(r"//|<<|>>|[^~]~[^=]|&|\||\bgoto\b|\bbit32\b", code)


def test_frames_that_no_script_can_read_are_refused_in_a_line() -> None:
    build = EMOUNT.build_frame
    other = replace(EMOUNT, build_frame=lambda payload, class_, number: build(payload, class_, number)[:-1] + b"\x54")
    with pytest.raises(DialectError, match="no classes"):
        wireshark_dissector(other)

    def unsummed(payload: bytes, class_: int, number: int) -> bytes:
        frame = build(payload, class_, number)
        return frame[:-3] + bytes(value ^ 0x5A for value in frame[-3:-1]) + frame[-1:]

    formats = {role: replace(EMOUNT.formats[role]) for role in Role}
    for format_ in formats.values():
        object.__setattr__(format_, "check", lambda _candidate: None)
    with pytest.raises(DialectError, match="the sum after their payload is unknown") as error:
        wireshark_dissector(replace(EMOUNT, build_frame=unsummed, formats=formats))
    assert "\n" not in str(error.value)


def run_tshark(tmp_path: Path, scripts: list[str], burst: Burst, *words: str) -> list[str]:
    """What tshark prints of one packet, with these scripts loaded."""
    tshark = shutil.which("tshark")
    if tshark is None:
        pytest.skip("tshark is not installed: apt-get install --no-install-recommends tshark")
    path = tmp_path / "one.pcapng"
    with PcapngWriter(path) as writer:
        writer.write(burst)
    loads: list[str] = []
    for number, script in enumerate(scripts):
        place = tmp_path / f"{number}.lua"
        place.write_text(script)
        loads += ["-X", f"lua_script:{place}"]
    command = [tshark, *loads, "-r", str(path), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()


@pytest.mark.parametrize("checksum", CHECKSUMS.values(), ids=lambda checksum: checksum.name)
def test_each_sum_in_lua_gives_its_check_value(checksum: Checksum, tmp_path: Path) -> None:
    helpers, _, _ = wireshark_dissector(EMOUNT).partition("local function checksum(")
    wanted = f'local bytes = ByteArray.new("00{CHECK_INPUT.hex()}00")\nprint("sum", checksum(bytes, 1, 10))\n'
    told = run_tshark(tmp_path, [helpers + lua_checksum(checksum) + "\n" + wanted], Burst(0.0, Role.BODY, b"x", 9600))
    assert [float(line.split()[1]) for line in told if line.startswith("sum")] == [checksum.check]


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("dialect", [EMOUNT, LMOUNT], ids=lambda dialect: dialect.name)
def test_the_dissectors_of_two_dialects_live_together(dialect, turned: bool, tmp_path: Path) -> None:
    scripts = [wireshark_dissector(EMOUNT), wireshark_dissector(LMOUNT)]
    frame = dialect.build_frame(bytes.fromhex("0b6000" if dialect is EMOUNT else "480000"), 2, 9)
    fields = ["-T", "fields", "-e", "lensmount_emount.sequence", "-e", "lensmount_lmount.sequence"]
    (told,) = run_tshark(tmp_path, scripts[::-1] if turned else scripts, Burst(0.0, Role.BODY, frame, 9600), *fields)
    assert told.split("\t") == (["9", ""] if dialect is EMOUNT else ["", "9"])
