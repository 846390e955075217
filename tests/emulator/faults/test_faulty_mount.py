"""A mount on which things go wrong: nothing changes without faults, a seed repeats them, and each does what it says."""

import io
import itertools
import re
from collections.abc import Sequence
from functools import cache
from typing import Any

import pytest

from lensmount_emulator.cli.main import main
from lensmount_emulator.engine.observer import NoticeKind
from lensmount_emulator.faults.registry import format_fault, known_faults, parse_fault
from lensmount_emulator.faults.timing_faults import resample_uart
from lensmount_emulator.mount.virtual_mount import Resolution
from lensmount_emulator.sessions.loopback import LoopbackResult, run_loopback
from lensmount_hardware.captures.lmx import RecordingWriter, read_recording
from lensmount_protocol.errors import FaultError, ProfileError
from lensmount_protocol.wire import Annotation, Burst, Edge, Role, WireRecord

PAIRS = {
    "emount": ("a6000", "viltrox-ef50", "wait 0.2; focus +20; aperture f/8; wait 0.1"),
    "lmount": ("panasonic-s1r", "sigma-45mm-f2.8-dg-dn", "focus 2m; aperture f/8; wait 0.1"),
    "fuji-g": ("gfx50r", "gf45", "focus 800; iris 9; wait 0.5; focus 100"),
}
UART = ("emount", "lmount")
KEYS = {"bitflip": "rate=0.001", "drop": "rate=0.01", "insert": "rate=0.01", "duplicate": "rate=0.01"}


def timed(name: str, at: float = 0.8) -> str:
    """A fault that acts while both ends stream."""
    cls = known_faults()[name]
    many = name not in ("detach", "drift") and not cls.BY_TIME
    return f"{name} at={at} {KEYS.get(name, '')} {'until=1.2' if many else ''} {'for=0.1' if name == 'detach' else ''}"


def play(
    dialect: str, given: Sequence[str], *, seed: int | None = 7, resolution: Resolution = "frame", seconds: float = 1.6
) -> tuple[LoopbackResult, bytes]:
    body, lens, script = PAIRS[dialect]
    file = io.BytesIO()
    with RecordingWriter(file, {}) as recording:
        session = run_loopback(
            body,
            lens,
            script=script,
            seconds=seconds,
            seed=seed,
            tap=recording.write,
            resolution=resolution,
            faults=given,
        )
    return session, file.getvalue()


@cache
def plain(dialect: str) -> bytes:
    return play(dialect, [])[1]


def without_remarks(recording: bytes) -> list[bytes]:
    return [line for line in recording.splitlines() if b'"remark"' not in line and b"fault:" not in line]


FITTING = [
    (dialect, name) for name, cls in known_faults().items() for dialect in (("fuji-g",) if cls.NEEDS_CLOCK else UART)
]
"""Each fault with the dialects that it suits."""


@pytest.mark.parametrize(("dialect", "name"), FITTING)
def test_a_fault_changes_the_session_and_its_seed_repeats_it(dialect: str, name: str) -> None:
    at = 0.0 if name in ("bounce", "rail-order") else 0.8
    outcomes = [play(dialect, [timed(name, at)], resolution=resolution) for resolution in ("frame", "frame", "byte")]
    first, second, by_byte = (recording for _, recording in outcomes)
    assert first == second
    assert without_remarks(first) != without_remarks(plain(dialect))
    assert first == by_byte
    assert not outcomes[0][0].violations


@pytest.mark.parametrize("dialect", UART)
def test_a_fault_that_never_acts_changes_nothing(dialect: str) -> None:
    later = ["bitflip rate=1 at=50s", "drop rate=0", "detach at=60s", "jitter by=0us", "drift by=0%", "drift at=50s"]
    assert play(dialect, later)[1] == plain(dialect)


def test_another_seed_is_another_session_and_other_faults_do_not_shift_it() -> None:
    one, same, other = (play("lmount", ["drop rate=0.01 at=0.8", *more], seed=seed)[1]
                        for seed, more in ((1, []), (1, ["bitflip rate=1 at=30s"]), (2, [])))  # fmt: skip
    assert one == same != other


def bursts(records: Sequence[WireRecord], role: Role) -> list[Burst]:
    return [record for record in records if isinstance(record, Burst) and record.sender is role]


def notes(session: LoopbackResult) -> list[str]:
    return [r.text.removeprefix("fault: ") for r in session.records if isinstance(r, Annotation) and "fault:" in r.text]


def garbage(session: LoopbackResult) -> dict[str, int]:
    return dict(session.tally.garbage)


@pytest.mark.parametrize("dialect", UART)
@pytest.mark.parametrize(
    ("text", "reason"),
    [("checksum from=lens count=3", "wrong checksum"), ("truncate from=lens by=3 count=2", "window closed")],
)
def test_frames_are_refused_for_their_reason(dialect: str, text: str, reason: str) -> None:
    session, _ = play(dialect, [f"{text} at=0.9"])
    assert any(reason in why or "silent" in why for why in garbage(session)), garbage(session)
    assert len(notes(session)) == session.plan.reset_copy()[0].count


@pytest.mark.parametrize("dialect", UART)
def test_a_pause_holds_the_select_line(dialect: str) -> None:
    session, _ = play(dialect, ["pause by=3ms byte=5 from=lens at=0.9"])
    assert not [why for why in garbage(session) if "window" in why]
    first = next(
        burst for burst in bursts(session.records, Role.LENS) if (burst.at or 0) > 0.9 and len(burst.data) == 5
    )
    select = session.dialect.select_line(Role.LENS)
    edges = [edge for edge in session.records if isinstance(edge, Edge) and edge.line == select]
    fall = next(edge.at for edge in edges if not edge.level and edge.at > (first.at or 0))
    assert fall - (first.end or 0) > 3e-3


def test_a_swapped_frame_comes_behind_the_next() -> None:
    session, _ = play("lmount", ["swap from=body at=0.9"])
    sequences = [event.frame.sequence for event in session.events if getattr(event, "sender", None) is Role.BODY
                 and hasattr(event, "frame")]  # fmt: skip
    steps = [(after - before) % 256 for before, after in itertools.pairwise(sequences)]
    assert sorted(set(steps)) == [1, 2, 255]


def test_a_brown_out_takes_the_supply_behind_the_body_s_back() -> None:
    session, _ = play("lmount", ["brownout at=0.9 for=30ms"])
    supply = [edge for edge in session.records if isinstance(edge, Edge) and edge.line == session.dialect.supply]
    assert [edge.level for edge in supply if 0.89 < edge.at < 0.94] == [False, True]
    assert any("power lost" in notice.text for notice in session.notices if notice.role is Role.LENS)


def test_a_detached_lens_cuts_the_frame_where_it_was() -> None:
    session, _ = play("emount", ["detach-inside byte=4 from=lens at=0.9"])
    assert any(len(burst.data) == 4 for burst in bursts(session.records, Role.LENS))


def test_another_lens_is_another_lens() -> None:
    session, _ = play("lmount", ["swap-lens at=0.9 for=100ms lens=sigma-35mm-f1.2-dg-ii"], seconds=3.0)
    names = [notice.text for notice in session.notices if notice.kind is NoticeKind.IDENTIFIED]
    assert len(names) == 2
    assert "45" in names[0]
    assert "35" in names[1]


def test_a_clock_that_drifts_is_slow_by_so_much() -> None:
    period = {rate: _periods(rate) for rate in ("0%", "1%", "-2%")}
    assert period["1%"] == pytest.approx(period["0%"] * 1.01, rel=1e-6)
    assert period["-2%"] == pytest.approx(period["0%"] * 0.98, rel=1e-6)


def _periods(rate: str) -> float:
    session, _ = play("emount", [f"drift from=body by={rate}"], seed=None)
    falls = [edge.at for edge in session.records if isinstance(edge, Edge) and edge.line == "VD" and not edge.level]
    return (falls[-1] - falls[0]) / (len(falls) - 1)


@pytest.mark.parametrize(("rate", "same"), [(1.0, True), (1.03, True), (0.97, True), (1.08, False), (0.9, False)])
def test_what_a_receiver_makes_of_another_rate(rate: float, same: bool) -> None:
    data = bytes(range(0, 256, 7))
    assert (resample_uart(data, rate) == data) is same


def test_a_session_says_what_went_wrong(capsys: pytest.CaptureFixture[str], tmp_path: Any) -> None:
    path = tmp_path / "faulty.lmx"
    words = ["loopback", "--duration", "0.5", "--quiet", "--fault", "bitflip rate=1e-4", "--record", str(path)]
    assert main([*words, "--seed", "7"]) in (0, 1)
    assert "fault, seed 7: bitflip at=0.0s from=both rate=0.0001" in capsys.readouterr().out
    assert '"faults":["bitflip at=0.0s from=both rate=0.0001"]' in path.read_text().splitlines()[0]
    wiring = run_loopback(seconds=0.1).dialect.wiring
    assert list(read_recording(path, wiring).records)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("stuck-line line=MOUTH", "fault stuck-line: emount has no line 'MOUTH'; it has BODY_CS"),
        ("detach at=2s until=1s", "fault detach: until=1s is not after at=2s"),
        ("bitflip for=2s until=1s", "fault bitflip: takes for or until, not both"),
    ],
)
def test_what_does_not_fit_the_mount_is_refused(given: str, says: str) -> None:
    with pytest.raises(FaultError, match=says):
        run_loopback(faults=[given])


@pytest.mark.parametrize("fault", ["stuck-line", "glitch", "bounce", "late-edge"])
def test_a_fault_of_edges_at_a_line_that_carries_bits_is_refused(fault: str) -> None:
    with pytest.raises(FaultError, match=f"fault {fault}: TXD carries bytes, .* use stuck-bytes from=body"):
        run_loopback(faults=[f"{fault} line=TXD"])
    with pytest.raises(FaultError, match=f"fault {fault}: TXD carries bytes, .* use stuck-bytes from=body"):
        run_loopback("leica-sl2", "leica-apo-summicron-sl-28mm-f2", faults=[f"{fault} line=txd"])
    with pytest.raises(FaultError, match=f"fault {fault}: CLK is the clock, .* use clock-lost or clock-extra"):
        run_loopback("gfx50r", "gf110", faults=[f"{fault} line=CLK"])
    with pytest.raises(FaultError, match=f"fault {fault}: LENS_DATA carries bytes, .* use stuck-bytes from=lens"):
        run_loopback("gfx50r", "gf110", faults=[f"{fault} line=LENS_DATA"])


def test_fault_by_time_lasts_until_its_end_unless_its_duration_is_given() -> None:
    stuck = parse_fault("stuck-line line=VD at=0.5s until=2s")
    assert (stuck.for_, stuck.end_time) == (1.5, 2.0)
    assert parse_fault(format_fault(stuck)) == stuck
    assert "for=0.1s" in format_fault(parse_fault("stuck-line line=VD at=0.3s until=0.4s"))
    assert parse_fault("stuck-line line=VD for=30ms until=2s").for_ == 0.03
    assert parse_fault("stuck-line line=VD rate=2 until=2s").for_ == 0.05
    session = run_loopback(faults=["stuck-line line=VD at=0.5s until=0.9s"], seconds=1.2, script="wait 1")
    moved = [one.at for one in session.records if isinstance(one, Edge) and one.line == "VD"]
    assert moved
    assert not [at for at in moved if 0.51 < at < 0.9]
    assert [at for at in moved if at > 0.9]


def test_another_lens_must_exist_and_speak_the_same() -> None:
    with pytest.raises(ProfileError, match="unknown profile"):
        run_loopback(faults=["swap-lens lens=no-such-lens"])
    with pytest.raises(ProfileError, match="uses lmount"):
        run_loopback(faults=["swap-lens lens=sigma-45mm-f2.8-dg-dn"])


@pytest.mark.parametrize(
    ("options", "note"),
    [
        ("rate=1.0", r"fault: drop at all \d+ bytes from the lens"),
        ("rate=0.8", r"fault: drop at \d+ of \d+ bytes, byte \d+ to byte \d+, from the lens"),
        ("rate=1.0 count=2", r"fault: drop at byte 0, byte 1 of \d+ bytes from the lens"),
    ],
)
def test_note_of_a_byte_fault_counts_many_bytes_and_lists_few(options: str, note: str) -> None:
    records = run_loopback(seconds=0.5, seed=7, faults=[f"drop from=lens {options}"]).records
    notes = [one.text for one in records if isinstance(one, Annotation) and "fault: drop" in one.text]
    assert notes
    assert re.fullmatch(note, notes[0])
