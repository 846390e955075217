"""The dissector: what is read off a dialect's frames, what cannot be, and its sums in Lua against check values."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from lensmount_emulator.exports.wireshark import lua_checksum, wireshark_dissector
from lensmount_hardware.captures.packet_files.pcapng_writer import PcapngWriter
from lensmount_protocol.checksums import CHECK_INPUT, CHECKSUMS, Checksum
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.wire import Burst, Role

EMOUNT, LMOUNT = load_dialect("emount"), load_dialect("lmount")


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
    text = wireshark_dissector(LMOUNT)
    code = "\n".join(re.sub(r'"[^"]*"', '""', line.partition("--")[0]) for line in text.splitlines())
    assert not re.search(r"//|<<|>>|[^~]~[^=]|&|\||\bgoto\b|\bbit32\b", code)


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
