"""The long capture is a real one: every frame right, every rule of the contract kept, the same file each time."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from lensmount_hardware.captures.formats import open_capture
from lensmount_protocol.decoder import DecodedFrame, DecodedGarbage, Decoder
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.timing import TimingAnalyzer
from lensmount_protocol.timing_marks import TimingMarkExtractor
from lensmount_protocol.wire import Annotation


@pytest.fixture(scope="module")
def write():
    spec = spec_from_file_location("long_capture", Path(__file__).with_name("long_capture.py"))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.write_long_capture


@pytest.mark.parametrize("frames", [10, 3000])
def test_it_has_as_many_frames_as_asked_and_keeps_the_contract(tmp_path, write, frames):
    dialect = load_dialect("emount")
    path = tmp_path / "long.lmx"
    records = write(frames, path)
    assert path.read_bytes().count(b"\n") == records + 1
    meter = TimingAnalyzer(dialect.timing, 1000)
    finder = TimingMarkExtractor(dialect, meter.wanted)
    found = 0
    for event in Decoder(dialect).decode(open_capture(path, dialect.wiring).records):
        assert not isinstance(event, DecodedGarbage | Annotation)
        if isinstance(event, DecodedFrame):
            found += 1
            assert None not in (event.opened, event.closed)
        meter.add_marks(finder.marks(event))
    assert found == frames
    assert meter.late == 0
    assert not [measured.rule.name for measured in meter.finish() if measured.violation_count]


def test_the_same_number_gives_the_same_file(tmp_path, write):
    first, second = tmp_path / "a.lmx", tmp_path / "b.lmx"
    write(1500, first)
    write(1500, second)
    assert first.read_bytes() == second.read_bytes()
