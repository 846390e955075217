"""Sessions of both dialects against what they were: each edge and each byte at its microsecond.

The files in `recorded/` hold whole sessions in virtual time, one record a line: the time in microseconds, then a line
and its level, or the sender, the rate, the number of bytes and the bytes, of which long ones show the first twelve and
a CRC of all. Behind the records come the notices and the findings: their times and the numbers in their texts.

A session changes only where that is the purpose of a change. Then
`PYTHONPATH=protocol:hardware:emulator python tests/emulator/sessions/test_recorded_sessions.py` writes the files again,
and their difference shows what changed.
"""

import re
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lensmount_emulator.models.firmware_image import make_image, write_image
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_protocol.wire import Burst, Edge, WireRecord

RECORDED = Path(__file__).with_name("recorded")
SHOWN_BYTES = 12
TELE = "panasonic-s-pro-70-200mm-f2.8"

SESSIONS: dict[str, dict[str, Any]] = {
    "emount-native": {
        "body": "a6000",
        "lens": "sel55210",
        "script": "focus +200; stop; aperture f/8; sleep; wake",
    },
    "emount-nex": {
        "body": "nex7", "lens": "sel2870", "script": "focus 0x3EEF; focus -300; aperture f/5.6; sleep", "seed": 8,
    },
    "emount-manual": {"body": "nex7", "lens": "loxia-21", "script": "focus 0x3F50; aperture f/8; sleep; wake"},
    "emount-adapter": {"body": "a6000", "lens": "viltrox-ef50", "script": "focus +100; aperture f/8; sleep", "seed": 9},
    "emount-taken-off": {"body": "a6000", "lens": "sel55210", "seconds": 1.6, "faults": ["detach at=0.9s for=100ms"]},
    "emount-bad-frames": {
        "body": "a6000",
        "lens": "sel55210",
        "seconds": 1.9,
        "seed": 1,
        "faults": [
            "checksum count=2 from=lens at=0.3s",
            "truncate count=2 from=body at=1.4s",
            "sequence count=2 from=lens at=1.5s",
            "pause by=4ms from=lens at=1.6s",
        ],
    },
    "emount-late-and-unpowered": {
        "body": "a6000",
        "lens": "sel55210",
        "seconds": 2.5,
        "seed": 2,
        "faults": ["delay-frame by=1500ms from=lens at=1.2s", "brownout at=2.0s for=30ms"],
    },
    "emount-stuck": {
        "body": "nex7",
        "lens": "loxia-21",
        "seconds": 1.6,
        "seed": 3,
        "faults": ["stuck-line line=LENS_CS level=high at=0.12s for=200ms", "bounce at=0.5s", "detach-inside at=0.9s"],
    },
    "lmount-bad-frames": {
        "body": "panasonic-s1r",
        "lens": "sigma-45mm-f2.8-dg-dn",
        "seconds": 1.2,
        "seed": 4,
        "script": "wait 0.05; focus near; focus far; aperture f/8",
        "faults": [
            "checksum count=3 from=lens at=0.05s",
            "delay-frame count=2 by=30ms from=lens at=0.3s",
            "truncate count=2 from=body at=0.4s",
            "sequence count=2 from=lens at=0.5s",
        ],
    },
    "lmount-unpowered": {
        "body": "panasonic-s1r",
        "lens": "panasonic-s-24-105mm-f4",
        "seconds": 1.3,
        "seed": 5,
        "faults": ["brownout at=0.4s for=20ms line=V_DRIVE", "rail-lost at=0.8s"],
    },
    "lmount-late-and-stuck": {
        "body": "leica-sl2",
        "lens": "sigma-45mm-f2.8-dg-dn",
        "seconds": 1.2,
        "seed": 6,
        "faults": [
            "delay-frame count=4 by=60ms from=lens at=0.02s",
            "stuck-line line=LENS_ATT level=low at=0.4s for=200ms",
            "detach-inside at=0.9s",
        ],
    },
    "lmount-little-power": {"body": "leica-tl2", "lens": TELE, "script": "check all", "seed": 7},
    "lmount-falls-silent": {
        "body": "panasonic-s1r",
        "lens": "sigma-45mm-f2.8-dg-dn",
        "script": "check all",
        "seed": 8,
        "faults": ["checksum count=2000 from=lens at=0.36s for=3s"],
    },
    "lmount-lost-bytes": {
        "body": "panasonic-s1r",
        "lens": "panasonic-s-24-105mm-f4",
        "script": "focus near; aperture f/8; correct; expose 1/60; sleep; wake",
        "seed": 9,
        "faults": ["drop rate=0.006 from=lens at=0.36s"],
    },
    "lmount-prime": {"body": "panasonic-s1r", "lens": "sigma-45mm-f2.8-dg-dn", "script": "check all"},
    "lmount-zoom": {"body": "panasonic-s5iix", "lens": "panasonic-s-24-105mm-f4", "script": "check all", "seed": 3},
    "lmount-converter": {
        "body": "sigma-fp-l",
        "lens": "sigma-100-400mm-f5-6.3-dg-dn-os",
        "accessories": ["sigma-tc-1411"],
        "script": "focus near; focus 3m; expose 1/125; zoom 250; correct; sleep",
        "seed": 4,
    },
    "lmount-crop": {"body": "leica-tl2", "lens": "sigma-18-50mm-f2.8-dc-dn", "script": "zoom 35; expose 1/60; sleep"},
    "lmount-manual": {"body": "leica-sl2", "lens": "modelled-manual-50mm-f2", "script": "check all"},
    "lmount-focus": {
        "body": "panasonic-s1ii",
        "lens": TELE,
        "script": "focus home; focus far; focus 1200; focus +200; focus -200; focus 2.5m; velocity 500; stop;"
        " velocity -300; wait 0.02; limits 200 1500; focus 50; limits off; track 0.03",
    },
    "lmount-picture": {
        "body": "panasonic-s1ii",
        "lens": TELE,
        "script": "aperture f/5.6; smooth f/8 50ms; preview f/11; open; stabilise video; stabilise off;"
        " stabilise panning; linear 180; linear off; correct; expose 1/60; rate 120; wait 0.02; sleep;"
        " wake; expose 1/500",
    },
    "lmount-hand": {
        "body": "panasonic-s1ii",
        "lens": TELE,
        "script": "zoom 100; turn focus 30; press afl; release afl; switch af 1; turn focus -40",
    },
    "lmount-aperture-ring": {
        "body": "sigma-fp",
        "lens": "sigma-50mm-f1.4-dg-dn",
        "script": "ring f/4; turn aperture 15; switch click 1; ring A",
    },
    "lmount-pages": {
        "body": "leica-sl3-p",
        "lens": "panasonic-s-40mm-f2",
        "script": "page fast focus; page joint corrections; wait 0.02",
    },
    "lmount-taken-off": {
        "body": "panasonic-s1r", "lens": "sigma-45mm-f2.8-dg-dn", "script": "wait 0.1; detach 0.2; wait 0.4",
    },
    "lmount-update": {
        "body": "panasonic-s1r",
        "lens": "sigma-45mm-f2.8-dg-dn",
        "script": "update IMAGE; rollback",
        "allowed": ["Update*"],
    },
}  # fmt: skip


def in_a_line(record: WireRecord) -> str:
    if isinstance(record, Edge):
        return f"{round(record.at * 1e6)} {record.line} {'high' if record.level else 'low'}"
    if isinstance(record, Burst) and record.at is not None and record.end is not None:
        data = record.data
        shown = data.hex() if len(data) <= SHOWN_BYTES + 4 else f"{data[:SHOWN_BYTES].hex()} {zlib.crc32(data):08x}"
        times = f"{round(record.at * 1e6)} {round((record.end - record.at) * 1e6)}"
        return f"{times} {record.sender.value} {record.baudrate} {len(data)} {shown}"
    return f"other {type(record).__name__}"


def numbers(text: str) -> str:
    """The numbers in a text for people: what they are matters, and the words around them do not."""
    return " ".join(re.findall(r"-?\d+(?:\.\d+)?", text))


def play(name: str, folder: Path) -> Iterator[str]:
    wanted = dict(SESSIONS[name])
    if "IMAGE" in wanted.get("script", ""):
        write_image(folder / "image.lmf", make_image(3, 43_837, b"\2\0\0\0", 2000, seed=1))
        wanted["script"] = wanted["script"].replace("IMAGE", str(folder / "image.lmf"))
    session = run_loopback(**wanted)
    yield from (in_a_line(record) for record in session.records)
    for notice in session.notices:
        trouble = ", trouble" if notice.is_error else ""
        counted = numbers(notice.text.replace(str(folder), ""))
        yield f"{round(notice.at * 1e6)} notice of the {notice.role.value}{trouble}: {counted}"
    for finding in session.compatibility_results:
        verdict = f"{finding.step} {finding.verdict.value} {finding.rule or '-'}"
        yield f"{round(finding.at * 1e6)} finding {verdict}: {numbers(finding.detail)}"
    yield f"{round(session.seconds * 1e6)} end, script {'done' if session.finished else 'not done'}"


@pytest.mark.parametrize("name", SESSIONS)
def test_a_session_is_what_it_was(name: str, tmp_path: Path) -> None:
    expected = (RECORDED / f"{name}.txt").read_text().splitlines()
    found = list(play(name, tmp_path))
    differs = next((place for place, pair in enumerate(zip(found, expected, strict=False)) if pair[0] != pair[1]), None)
    if differs is not None:
        pytest.fail(f"line {differs + 1}: {found[differs]!r}, recorded {expected[differs]!r}")
    assert len(found) == len(expected)


def test_each_recorded_session_has_its_test() -> None:
    assert {path.stem for path in RECORDED.glob("*.txt")} == set(SESSIONS)


def write_all() -> None:
    RECORDED.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for name in SESSIONS:
            lines = list(play(name, Path(folder)))
            (RECORDED / f"{name}.txt").write_text("\n".join(lines) + "\n")
            print(f"{name}: {len(lines)} lines")


if __name__ == "__main__":
    write_all()
