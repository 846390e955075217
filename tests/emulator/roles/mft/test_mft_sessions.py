"""Virtual sessions of the half-duplex dialect: start-up, rounds, orders, sleep, the acknowledge lines, and faults."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from lensmount_emulator.engine.dialect_roles import Place, get_roles
from lensmount_emulator.engine.observer import Notice
from lensmount_emulator.engine.script import parse_script
from lensmount_emulator.explain.explainer import explain_records
from lensmount_emulator.faults.registry import FaultPlan, parse_fault
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.roles.mft.body import BodyEngine
from lensmount_emulator.roles.mft.lens import LensEngine
from lensmount_emulator.roles.mft.profile import BodySettings, LensSettings, check_settings
from lensmount_emulator.sessions.virtual_session import VirtualSession
from lensmount_hardware.captures.formats import open_capture
from lensmount_hardware.captures.logic_analyser.sigrok_writer import write_sigrok
from lensmount_hardware.captures.logic_analyser.vcd_writer import write_vcd
from lensmount_hardware.captures.logic_analyser.waveform import Waveform
from lensmount_protocol.decoder import DecodedFrame, Decoder
from lensmount_protocol.dialects.mft.dialect import MFT
from lensmount_protocol.dialects.mft.link import BODY_ACK, CLK, FOCUS, LENS_ACK, SHUTTER, SLEEP, VDD
from lensmount_protocol.dialects.mft.transactions import TransactionChecker
from lensmount_protocol.errors import ProfileError
from lensmount_protocol.wire import Annotation, Burst, Edge, LineDefect, Role, WireRecord

SCRIPT = "aperture 0x3b2; focus 0x24e; zoom 12; wait 0.04; ring reverse; sleep; wake; focus 0x1ffd7; release; wake"


class Played:
    """A session that is run until the script is over and some time longer."""

    def __init__(
        self,
        script: str,
        faults: tuple[str, ...] = (),
        body: BodySettings | None = None,
        lens: LensSettings | None = None,
        seconds: float = 0.1,
    ) -> None:
        roles = get_roles("mft")
        self.records: list[WireRecord] = []
        self.notices: list[Notice] = []
        ours = body or load_profile("e-pl1").settings
        theirs = lens or load_profile("bell-lens").settings
        made = roles.make_engine(ours, None, None, parse_script(script, roles.verbs))
        lens_engine = roles.make_engine(theirs, None, None, ())
        assert isinstance(made, BodyEngine)
        assert isinstance(lens_engine, LensEngine)
        self.body, self.lens = made, lens_engine
        plan = FaultPlan([parse_fault(fault) for fault in faults], 7) if faults else None
        self.session = VirtualSession(
            MFT, made, lens_engine, tap=self.records.append, on_notice=self.notices.append, plan=plan
        )
        self.session.start()
        self.session.run(20.0, stop_when=lambda: made.done)
        self.session.run(self.session.now + seconds)

    @property
    def frames(self) -> list[DecodedFrame]:
        return [event for event in Decoder(MFT).decode(self.records) if isinstance(event, DecodedFrame)]

    @property
    def units(self) -> list[str]:
        """The units in order, those of the lens in parentheses."""
        bursts = [record for record in self.records if isinstance(record, Burst)]
        return [burst.data.hex() if burst.sender is Role.BODY else f"({burst.data.hex()})" for burst in bursts]

    @property
    def errors(self) -> list[str]:
        return [notice.text for notice in self.notices if notice.is_error]

    def edges(self, *lines: str) -> list[Edge]:
        return [record for record in self.records if isinstance(record, Edge) and record.line in lines]


@pytest.fixture(scope="module")
def played() -> Played:
    return Played(SCRIPT)


IDENTITY = "(150000000110000041414232323334363500000001111d)"
STATUS = "(1f00c2e10000000c4200b103000c0c00d2002f018c01ea014702a45c034e0200d3)"
START = [
    *("b0f20000", "(a2)", "(00)"),
    *("c0f60000", "(b6)", "(05000a10c409e7)"),
    *("a0f50100", "(96)"),
    *("c1f90000", "(ba)", IDENTITY),
    *("60f00000", "(50)", "050000000000", "(00)"),
    *("c1800106", "(48)", STATUS),
    *("a0b0fe00", "(4e)"),
    *("b1880302", "(3e)", "(00)"),
]


def test_script_is_carried_out_and_no_rule_is_broken(played: Played) -> None:
    assert played.body.done
    assert played.errors == []
    assert played.session.violations == []
    checker = TransactionChecker()
    assert [text for frame in played.frames for text in checker.on_frame(frame.sender, frame.frame, frame.at)] == []


def test_start_sends_the_documented_bytes(played: Played) -> None:
    assert played.units[: len(START)] == START


def test_rounds_and_orders_send_the_documented_bytes(played: Played) -> None:
    units = played.units
    second = units.index("608006fe")
    assert units[second : second + 4] == ["608006fe", "(e4)", "0a00010000000000000000", "(01)"]
    assert units[second - 3 : second - 1] == ["c1800106", "(48)"]
    text = " ".join(units)
    assert "6080fe02 (e0) 0a0001b203000000000000 (b6)" in text
    assert "608003fe (e1) 0a0001000000004e020000 (51)" in text
    assert "608003fe (e1) 0a000100000000d7ff0100 (d8)" in text
    assert "a0b0fe01 (4f)" in text


def test_report_follows_the_aperture_and_the_zoom_ring(played: Played) -> None:
    reports = [unit for unit in played.units if unit.startswith("(1f00")]
    assert any(report.startswith("(1f00c2e10000000c4200b203") for report in reports)
    assert any(report.startswith("(1f00c2e100000c0c4200b203") for report in reports)


def test_start_and_rounds_keep_the_documented_times(played: Played) -> None:
    vdd, sleep = played.edges(VDD)[0].at, played.edges(SLEEP)[0].at
    assert vdd < sleep
    first = [edge for edge in played.edges(BODY_ACK, LENS_ACK) if edge.at < sleep + 0.045]
    assert [(edge.line, edge.level) for edge in first[:4]] == [
        (BODY_ACK, True),
        (LENS_ACK, True),
        (LENS_ACK, False),
        (BODY_ACK, False),
    ]
    assert first[0].at - sleep == pytest.approx(0.010)
    assert first[2].at - first[1].at == pytest.approx(0.010)
    shutter = played.edges(SHUTTER)[:4]
    assert shutter[1].at - shutter[0].at == pytest.approx(500e-6)
    assert 0.015 < shutter[2].at - shutter[0].at < 0.019
    focus = played.edges(FOCUS)[:2]
    assert focus[0].level is not focus[1].level
    low = next(edge for edge in played.edges(CLK) if not edge.level)
    high = next(edge for edge in played.edges(CLK) if edge.level and edge.at > low.at)
    assert high.at - low.at == pytest.approx(1e-3)


def test_line_that_rises_first_shows_the_sender_of_each_unit(played: Played) -> None:
    levels = {BODY_ACK: False, LENS_ACK: False}
    rose_second, unit_count = "", 0
    for record in sorted(played.records, key=lambda one: one.at or 0.0):
        if isinstance(record, Edge) and record.line in levels:
            levels[record.line] = record.level
            rose_second = record.line if record.level else rose_second
        elif isinstance(record, Burst):
            assert all(levels.values()), record
            assert record.sender is (Role.BODY if rose_second == LENS_ACK else Role.LENS)
            unit_count += 1
    assert unit_count > 100


def test_sleep_keeps_the_supply_and_release_takes_it_away(played: Played) -> None:
    assert [edge.level for edge in played.edges(VDD)] == [True, False, True]
    assert [edge.level for edge in played.edges(SLEEP)] == [True, False, True, False, True]
    slept = played.edges(SLEEP)[1].at
    woke = played.edges(SLEEP)[2].at
    assert not [burst for burst in played.records if isinstance(burst, Burst) and slept < (burst.at or 0) < woke]


@pytest.mark.parametrize(("write", "name"), [(write_vcd, "out.vcd"), (write_sigrok, "out.sr")])
def test_drawn_session_reads_back_equal(
    played: Played, write: Callable[..., Waveform], name: str, tmp_path: Path
) -> None:
    waveform = write(tmp_path / name, lambda: played.records, MFT.wiring, 4_000_000)
    read = list(open_capture(tmp_path / name, MFT.wiring).records)
    assert waveform.notes() == []
    assert not any(isinstance(record, Annotation | LineDefect) for record in read)
    assert units_of(read) == units_of(played.records)
    for line in (VDD, SLEEP, BODY_ACK, LENS_ACK, SHUTTER, FOCUS, CLK):
        assert changes_of(read, line) == changes_of(played.records, line), line


def units_of(records: list[WireRecord]) -> list[tuple[Role, str, int]]:
    return [
        (record.sender, record.data.hex(), round((record.at or 0) * 1e6))
        for record in records
        if isinstance(record, Burst)
    ]


def changes_of(records: list[WireRecord], line: str) -> list[tuple[bool, int]]:
    """The changes of a line that begins low, with their times in microseconds."""
    found: list[tuple[bool, int]] = []
    for record in records:
        if isinstance(record, Edge) and record.line == line and record.level is not (found[-1][0] if found else False):
            found.append((record.level, round(record.at * 1e6)))
    return found


def test_frame_of_one_byte_that_is_truncated_is_lost() -> None:
    run = Played("focus 1", ("truncate from=lens until=600ms count=1",))
    assert any("does not" in text or "is missing" in text for text in run.errors)
    assert run.lens.focus_target == 1


def test_same_seed_gives_the_same_records() -> None:
    faults = ("bitflip rate=2e-3",)
    assert Played("focus 800", faults).records == Played("focus 800", faults).records


def test_wrong_check_is_reported_and_the_transaction_repeated() -> None:
    run = Played("aperture 0x400; focus 0x24e", ("bitflip rate=1e-3",))
    assert run.body.done
    assert not run.body.gave_up
    assert run.lens.focus_target == 0x24E
    assert any("is due" in text or "damaged" in text for text in run.errors)


def test_lens_that_is_never_ready_is_put_to_sleep_and_given_up() -> None:
    run = Played("wait 0.3; focus 1", ("stuck-line line=LENS_ACK level=low at=700ms for=20s",), seconds=0.0)
    assert any("the lens is not ready for StandbyRequest; the lens is put to sleep" in text for text in run.errors)
    assert any("does not wake up" in text for text in run.errors)
    assert run.body.gave_up


def test_explanation_of_a_session_without_a_fault_finds_nothing() -> None:
    found = explain_records(Played("aperture 0x3b2; sleep; wake; wait 0.05").records, MFT)
    assert found.ok, found.text
    assert "The loop ran" in found.text


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("stuck line=LENS_ACK level=low at=700ms for=20s", "The lens never raised LENS_ACK"),
        ("clock-lost at=600ms count=3", "The body sent a burst of 3 bytes at .* that is no frame: length out of range"),
    ],
)
def test_explanation_names_the_first_cause(fault: str, words: str) -> None:
    found = explain_records(Played("wait 0.2; focus 1", (fault,), seconds=0.0).records, MFT)
    assert not found.ok
    assert re.match(words, found.text), found.text


def test_lens_that_is_detached_starts_again() -> None:
    run = Played("wait 0.2; focus 0x24e", ("detach at=700ms for=200ms",))
    assert run.body.done
    assert not run.body.gave_up
    assert [edge.level for edge in run.edges(VDD)] == [True, False, True]
    assert run.lens.focus_target == 0x24E


def test_open_points_are_settings() -> None:
    body = BodySettings(hello="F0", standby="0102", ring_direction="reverse", first_order_round=0)
    lens = LensSettings(focus_per_raw=0x80, action_ms=1.0, follows_aperture=False)
    run = Played("aperture 0x400; focus 0x280; wait 0.03", body=body, lens=lens)
    assert run.units[0] == "b0f00000"
    assert "c1800102" in run.units
    assert "a0b0fe01" in run.units
    assert "608006fe" not in run.units
    last = next(unit for unit in reversed(run.units) if unit.startswith("(1f00"))
    assert last.startswith("(1f00c2e1000000054200b103")


@pytest.mark.parametrize(
    ("place", "change", "text"),
    [
        (Place.LENS, {"identity": "00"}, "identity has 1 bytes; it must have 20"),
        (Place.LENS, {"standby": "zz"}, "bytes in hexadecimal"),
        (Place.LENS, {"ready_us": 0.0}, "ready_us is 0"),
        (Place.BODY, {"hello": "F1"}, "hello is 'F1'; it must be F2 or F0"),
        (Place.BODY, {"ring_direction": "up"}, "must be forward or reverse"),
        (Place.BODY, {"attempts": 0}, "attempts is 0"),
    ],
)
def test_profile_with_a_value_out_of_range_is_refused(place: Place, change: dict[str, object], text: str) -> None:
    kind = LensSettings if place is Place.LENS else BodySettings
    with pytest.raises(ProfileError, match=text):
        check_settings(place, kind(**change))  # type: ignore[arg-type]
