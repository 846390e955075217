"""Bursts of a clocked link from logic lines: cut by pauses, with an inverted clock, swapped lines and odd bursts."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from lensmount_hardware.captures.formats import open_capture
from lensmount_hardware.captures.logic_analyser.clocked import decode_clocked
from lensmount_hardware.captures.logic_analyser.logic_lines import check_rate
from lensmount_hardware.captures.logic_analyser.sigrok_writer import write_sigrok
from lensmount_hardware.captures.logic_analyser.uart import LogicLine
from lensmount_hardware.captures.logic_analyser.vcd_writer import write_vcd
from lensmount_hardware.captures.logic_analyser.waveform import Waveform
from lensmount_protocol.decoder import DecodedFrame, Decoder
from lensmount_protocol.dialects.fuji_g.dialect import FUJI_G
from lensmount_protocol.dialects.fuji_g.lines import BIT_RATE, BODY_DATA, CLK, LENS_DATA
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Annotation, Burst, Defect, Edge, LineDefect, Role, WireRecord

RATE = 25e6
HALF_BIT = 8
"""Samples of half a clock period."""
PAUSE = 7_000

# A poll of the status and its reply, from captures of github.com/Scottapotamas/fuji-G-mount.
POLL = [
    ("00000820", "00000000"),
    ("0f10801a", "08008832"),
    ("00000000", "00900834"),
    ("08008832", "0f00800a"),
]
FUJI_CAPTURES = Path(__file__).parents[5] / "shared" / "captures" / "fuji-g"


def lines_of(pairs: Sequence[tuple[str, str]], cut: int = 0) -> dict[str, LogicLine]:
    """The lines of some bursts: mode 3, most significant bit first; the last burst lacks `cut` clock periods."""
    at = PAUSE
    clock: list[int] = []
    edges: dict[str, list[int]] = {BODY_DATA: [], LENS_DATA: []}
    for number, (body, lens) in enumerate(pairs):
        count = len(body) * 4 - (cut if number == len(pairs) - 1 else 0)
        for bit in range(count):
            clock += [at + bit * 2 * HALF_BIT, at + (bit * 2 + 1) * HALF_BIT]
        for name, text in ((BODY_DATA, body), (LENS_DATA, lens)):
            bits = np.unpackbits(np.frombuffer(bytes.fromhex(text), np.uint8))[:count]
            changed = np.flatnonzero(np.diff(np.concatenate(([0], bits, [0]))))
            edges[name] += [at + int(place) * 2 * HALF_BIT for place in changed]
        at += count * 2 * HALF_BIT + PAUSE
    return {
        CLK: LogicLine(True, np.array(clock, np.int64), at),
        **{name: LogicLine(False, np.array(places, np.int64), at) for name, places in edges.items()},
    }


def bursts_of(lines: dict[str, LogicLine]) -> list[tuple[str, str]]:
    found = [record for record in decode_clocked(lines, FUJI_G.wiring, RATE) if isinstance(record, Burst)]
    body, lens = ([burst.data.hex() for burst in found if burst.sender is role] for role in (Role.BODY, Role.LENS))
    return list(zip(body, lens, strict=True))


def test_bursts_are_cut_by_pauses_of_the_clock() -> None:
    lines = lines_of(POLL)
    assert bursts_of(lines) == POLL
    first = next(record for record in decode_clocked(lines, FUJI_G.wiring, RATE) if isinstance(record, Burst))
    assert first.at == PAUSE / RATE
    assert first.end is not None
    assert round((first.end - first.at) * RATE) == 63 * HALF_BIT


def test_burst_of_31_bits_is_named_with_its_place_and_the_others_are_read() -> None:
    records = list(decode_clocked(lines_of(POLL, cut=1), FUJI_G.wiring, RATE))
    notes = [record for record in records if isinstance(record, Annotation)]
    assert [note.text for note in notes] == [
        "CLK: a burst of 31 clock edges; a burst has 32 or 1048; not taken as data"
    ]
    assert notes[0].at is not None
    assert sum(isinstance(record, Burst) for record in records) == 6


def test_inverted_clock_is_reported_and_read() -> None:
    lines = lines_of(POLL)
    clock = lines[CLK]
    lines[CLK] = LogicLine(False, clock.edges, clock.length)
    defects = [record for record in decode_clocked(lines, FUJI_G.wiring, RATE) if isinstance(record, LineDefect)]
    assert [(defect.line, defect.defect) for defect in defects] == [(CLK, Defect.INVERTED)]
    assert "CLK idles low" in defects[0].text
    assert bursts_of(lines) == POLL


def test_swapped_data_lines_are_reported_and_read() -> None:
    lines = lines_of(POLL * 4)
    lines[BODY_DATA], lines[LENS_DATA] = lines[LENS_DATA], lines[BODY_DATA]
    defects = [record for record in decode_clocked(lines, FUJI_G.wiring, RATE) if isinstance(record, LineDefect)]
    assert [(defect.line, defect.defect) for defect in defects] == [(BODY_DATA, Defect.SWAPPED)]
    assert "LENS_DATA" in defects[0].text
    assert bursts_of(lines) == POLL * 4


def test_capture_without_a_clock_gives_no_bursts() -> None:
    lines = lines_of(POLL)
    lines[CLK] = LogicLine(True, np.empty(0, np.int64), lines[CLK].length)
    assert list(decode_clocked(lines, FUJI_G.wiring, RATE)) == []


def test_rate_that_is_too_low_for_the_clock_is_refused() -> None:
    with pytest.raises(CaptureError, match=r"1 MHz is too slow for CLK, a clock of 1\.4996 MHz; sample at"):
        check_rate(Path("slow.sal"), 1e6, FUJI_G.wiring)


@pytest.mark.parametrize(("write", "name"), [(write_vcd, "out.vcd"), (write_sigrok, "out.sr")])
def test_session_that_is_drawn_with_its_clock_reads_back(
    write: Callable[..., Waveform], name: str, tmp_path: Path
) -> None:
    bits = [(0.003 + number * 5e-4, *pair) for number, pair in enumerate(POLL)]
    records: list[WireRecord] = [Edge(0.0, "SUPPLY", True), Edge(0.001, CLK, True)]
    for at, body, lens in bits:
        for role, text in ((Role.BODY, body), (Role.LENS, lens)):
            records.append(Burst(at, role, bytes.fromhex(text), BIT_RATE, at + 21e-6, whole=True))
    path = tmp_path / name
    waveform = write(path, lambda: records, FUJI_G.wiring, 100_000_000)
    read = list(open_capture(path, FUJI_G.wiring).records)
    assert waveform.notes() == []
    assert not any(isinstance(record, Annotation | LineDefect) for record in read)
    bursts = [record for record in read if isinstance(record, Burst)]
    assert [(burst.sender, burst.data.hex()) for burst in bursts] == [
        (role, text) for body, lens in POLL for role, text in ((Role.BODY, body), (Role.LENS, lens))
    ]
    assert [burst.at for burst in bursts[::2]] == pytest.approx([at for at, _, _ in bits], abs=1e-7)


@pytest.mark.skipif(not FUJI_CAPTURES.is_dir(), reason="the captures are not beside the project")
def test_words_of_a_real_capture_are_all_valid() -> None:
    path = FUJI_CAPTURES / "GF45-power-up.sal"
    events = list(Decoder(FUJI_G).decode(open_capture(path, FUJI_G.wiring).records))
    # 270 bursts of 32 bits and 2 of 1048, each with a frame of both ends.
    assert sum(isinstance(event, DecodedFrame) for event in events) == 2 * 272


@pytest.mark.skipif(not FUJI_CAPTURES.is_dir(), reason="the captures are not beside the project")
def test_missing_line_of_a_real_capture_is_named() -> None:
    channels = {CLK: "Pin 99"}
    with pytest.raises(CaptureError, match="Pin 99"):
        open_capture(FUJI_CAPTURES / "GF45-power-up.sal", FUJI_G.wiring, channels=channels)
