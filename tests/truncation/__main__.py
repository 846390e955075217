"""`python -m truncation [--every N]`: truncated sessions and board records, as `.lmx` and `.pcapng`."""

import argparse
import sys
import tempfile
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Protocol

from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_hardware.captures.formats import open_capture
from lensmount_hardware.captures.lmx import RecordingWriter
from lensmount_hardware.captures.packet_files.pcapng_writer import PcapngWriter
from lensmount_hardware.captures.record_json import record_to_json
from lensmount_hardware.clock import MonotonicClock
from lensmount_hardware.output_file import partial_path
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Annotation, Burst, ClockSync, DataLoss, Edge, Role, WireRecord, Wiring

SESSIONS = {
    "emount": ("a6000", "sel55210", "wait 0.2; focus 0x4200; aperture f/8; sleep"),
    "lmount": ("panasonic-s1r", "sigma-45mm-f2.8-dg-dn", "focus 2m; aperture f/8; expose 1/60; sleep"),
}
BETWEEN = 20
"""Records of a session between two of those that only boards and people add."""

SHOWN = 10


class Writer(Protocol):
    def write(self, record: WireRecord) -> None: ...

    def close(self) -> None: ...


FORMATS: dict[str, Callable[[Path], Writer]] = {
    ".lmx": lambda path: RecordingWriter(path, {"dialect": "any"}),
    ".pcapng": PcapngWriter,
}


@dataclass(frozen=True)
class Whole:
    """A recording without a cut.

    Attributes:
        path: its file.
        data: what is in it.
        ends: how long the file was behind its beginning, and behind each record.
        records: what is read from it.
        wiring: of the mount.
    """

    path: Path
    data: bytes
    ends: list[int]
    records: list[WireRecord]
    wiring: Wiring


def with_what_boards_add(records: list[WireRecord]) -> Iterator[WireRecord]:
    """The records of a session, and between them clocks, losses, notes and bytes without a time."""
    added = cycle(("clock", "drop", "note", "timeless"))
    for number, record in enumerate(records):
        yield record
        if number % BETWEEN == BETWEEN - 1 and record.at is not None:
            match next(added):
                case "clock":
                    yield ClockSync(record.at, number * 1_000_003, 31e-6)
                case "drop":
                    yield DataLoss(record.at, "bytes of the lens", number)
                case "note":
                    yield Annotation(record.at, f"the port is back — {number}")
                case _:
                    yield Burst(None, Role.LENS, bytes([0xF0, 10, 13]), 750_000, whole=True)


def written(dialect: str, ending: str, folder: Path) -> Whole:
    """A whole session in a file of this ending.

    Raises:
        AssertionError: a kind of record is missing, or what is read is not what was written.
    """
    body, lens, script = SESSIONS[dialect]
    session = run_loopback(body, lens, script=script, seed=7)
    assert session.clean
    wiring = session.dialect.wiring
    records = list(with_what_boards_add(session.records))
    assert {type(record) for record in records} == {Burst, Edge, Annotation, ClockSync, DataLoss}
    path, ends = folder / f"{dialect}{ending}", list[int]()
    writer = FORMATS[ending](path)
    file = writer._file  # type: ignore[attr-defined]
    for record in records:
        file.flush()
        ends.append(partial_path(path).stat().st_size)
        writer.write(record)
    writer.close()
    data = path.read_bytes()
    back = list(open_capture(path, wiring).records)
    assert list(map(record_to_json, back)) == list(map(record_to_json, records))
    return Whole(path, data, [*ends, len(data)], back, wiring)


def wrong_with(whole: Whole, cut: int) -> str:
    """What is wrong with what is read of a file that was cut there; `""` for nothing. Leaves it that short."""
    with whole.path.open("r+b") as file:
        file.truncate(cut)
    complete = bisect_right(whole.ends, cut) - 1
    try:
        records = list(open_capture(whole.path, whole.wiring).records)
    except CaptureError as error:
        return "" if complete < 0 and "\n" not in str(error) else f"refused: {error}"
    if records[: max(0, complete)] != whole.records[: max(0, complete)]:
        return "what stands in front of the cut is read otherwise"
    behind = records[max(0, complete) :]
    if complete < 0:
        # In front of the first record there is nothing to lose; between two blocks there is nothing to be told either.
        return f"{behind} come from nowhere" if any(not isinstance(record, Annotation) for record in behind) else ""
    if cut in whole.ends:
        return f"{len(behind)} records come from nowhere" if behind else ""
    told = [record.text for record in behind if isinstance(record, Annotation) and "cut" in record.text]
    return "" if len(told) == len(behind) == 1 else f"it ends with {behind}"


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m cuts", description=__doc__)
    parser.add_argument("--every", type=int, default=1, metavar="N", help="take each Nth cut")
    every = parser.parse_args(words).every
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for dialect in SESSIONS:
            for ending in FORMATS:
                clock = MonotonicClock()
                whole = written(dialect, ending, Path(folder))
                # From the end on, so that the file only ever has to be made shorter.
                cuts = range(len(whole.data), 0, -every)
                wrong = [(cut, told) for cut in cuts if (told := wrong_with(whole, cut))]
                print("\n".join(f"cut at byte {cut}: {told}" for cut, told in wrong[:SHOWN]), end="\n" if wrong else "")
                good = len(cuts) - len(wrong)
                print(
                    f"{dialect}, {len(whole.records)} records in {len(whole.data)} bytes of {ending}: "
                    f"{good} of {len(cuts)} cuts are readable up to the cut ({clock.now():.0f} s)",
                    flush=True,
                )
                failed += len(wrong)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
