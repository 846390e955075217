"""What every reader says of a source of which a part is missing: a remark that a program can tell from a note."""

from pathlib import Path

import pytest

from lensmount_hardware.captures.formats import open_capture
from lensmount_hardware.captures.lmx import RecordingWriter
from lensmount_hardware.captures.logic_analyser.vcd_writer import write_vcd
from lensmount_hardware.captures.packet_files.pcapng_writer import PcapngWriter
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.wire import Annotation, Burst, Edge, Role, WireRecord

WIRING = load_dialect("emount").wiring
RECORDS: list[WireRecord] = [
    Edge(0.0, "BODY_CS", True),
    Burst(0.001, Role.BODY, bytes.fromhex("f00b0002000b6000780055"), 750_000),
    Edge(0.002, "BODY_CS", False),
    Annotation(0.003, "a note"),
]


def written(path: Path, records: list[WireRecord]) -> Path:
    if path.suffix == ".vcd":
        write_vcd(path, lambda: records, WIRING)
        return path
    with RecordingWriter(path, {}) if path.suffix == ".lmx" else PcapngWriter(path) as writer:
        for record in records:
            writer.write(record)
    return path


def gaps(path: Path) -> list[Annotation]:
    return [one for one in open_capture(path, WIRING).records if isinstance(one, Annotation) and one.incomplete]


@pytest.mark.parametrize("suffix", [".lmx", ".pcapng", ".vcd"])
def test_cut_file_has_an_incomplete_remark(tmp_path: Path, suffix: str) -> None:
    path = written(tmp_path / f"a{suffix}", RECORDS)
    assert gaps(path) == []
    path.write_bytes(path.read_bytes()[:-3])
    assert len(gaps(path)) == 1


@pytest.mark.parametrize("suffix", [".lmx", ".pcapng"])
def test_incomplete_remark_survives_a_copy(tmp_path: Path, suffix: str) -> None:
    gap = Annotation(None, "a part is missing", True)
    path = written(tmp_path / f"a{suffix}", [*RECORDS, gap])
    assert [one for one in open_capture(path, WIRING).records if isinstance(one, Annotation)] == [RECORDS[-1], gap]


def test_damaged_line_of_a_recording_is_incomplete(tmp_path: Path) -> None:
    path = written(tmp_path / "a.lmx", RECORDS)
    path.write_bytes(path.read_bytes().replace(b'"hex":"f0', b'"hex":"x0'))
    assert len(gaps(path)) == 1
