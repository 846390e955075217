"""Body, accessories and lens on one chain: whole sessions, any joint opened at any moment, at every rate."""

import io
import json
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lensmount_emulator.cli.main import main
from lensmount_emulator.engine.dialect_roles import Accessory, DeviceSpec, get_roles
from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.engine.observer import Notice
from lensmount_emulator.engine.script import parse_script
from lensmount_emulator.engine.verdicts import Verdict
from lensmount_emulator.mount.virtual_mount import Resolution
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.roles.lmount.accessories.assembly import assemble_accessories
from lensmount_emulator.roles.lmount.profile import BodySettings
from lensmount_emulator.sessions.loopback import LoopbackResult, run_loopback
from lensmount_emulator.sessions.virtual_session import VirtualSession
from lensmount_hardware.captures.lmx import RecordingWriter
from lensmount_protocol.decoder import DecodedFrame, Decoder
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.dialects.lmount.aperture_zoom import ZoomState
from lensmount_protocol.dialects.lmount.identity import AccessoryReport, LensCapabilities
from lensmount_protocol.errors import ProfileError
from lensmount_protocol.timing import measure
from lensmount_protocol.timing_marks import extract_marks
from lensmount_protocol.wire import Burst, Role, WireRecord

LMOUNT = load_dialect("lmount")
BODY, LENS, CONVERTER = "panasonic-s1r", "panasonic-s-pro-70-200mm-f4", "panasonic-stc14"
RATES = (115_200, 750_000, 1_500_000)
EVERYTHING = "zoom 140; focus near; aperture f/11; correct; expose 1/60; sleep; wait 0.05; wake; wait 0.1"


def piece(name: str, **changes: Any) -> DeviceSpec:
    profile = load_profile(name)
    return DeviceSpec(
        profile.name, profile.title, profile.dialect, msgspec.structs.replace(profile.settings, **changes)
    )


class Played:
    """A chain with everything that came of it.

    The accessories are speaking converters; two of them stand on each other, which `fits` would not have.
    """

    def __init__(
        self,
        converters: int = 1,
        *,
        rate: int = 1_500_000,
        resolution: Resolution = "frame",
        seed: int | None = None,
        script: str = "",
    ) -> None:
        body = load_profile(BODY).settings
        assert isinstance(body, BodySettings)
        rates = tuple(value for value in RATES if value <= rate)
        body = msgspec.structs.replace(body, firmware=msgspec.structs.replace(body.firmware, rates=rates))
        cast = get_roles("lmount")

        def random_of(name: str) -> Random | None:
            return None if seed is None else Random(f"{seed} {name}")

        accessories: list[Accessory] = []
        for number in range(converters):
            train = assemble_accessories(
                [piece(CONVERTER)], piece(LENS), lambda end, number=number: random_of(f"{number} {end}")
            )  # type: ignore[misc]
            accessories += train.accessories
        self.file = io.BytesIO()
        self.records: list[WireRecord] = []
        self.inner: list[tuple[int, WireRecord]] = []
        self.notices: list[Notice] = []
        self.recording = RecordingWriter(self.file, {})
        ends: tuple[Engine, Engine] = (
            cast.make_engine(body, None, random_of("body"), parse_script(script, cast.verbs)),
            cast.make_engine(load_profile(LENS).settings, None, random_of("lens"), ()),
        )
        self.body, self.lens = ends
        self.chain = VirtualSession(
            LMOUNT,
            *ends,
            accessories,
            tap=self._tap,
            on_notice=self.notices.append,
            resolution=resolution,
            tap_inner=lambda joint, record: self.inner.append((joint, record)),
        )
        self.chain.start()

    def _tap(self, record: WireRecord) -> None:
        self.records.append(record)
        self.recording.write(record)

    def until_done(self) -> "Played":
        self.chain.run(20.0, stop_when=lambda: self.body.done)
        self.chain.run(self.chain.now + 0.3)
        return self

    @property
    def troubles(self) -> list[str]:
        return [notice.text for notice in self.notices if notice.is_error]

    def recorded(self) -> bytes:
        self.recording.__exit__(None, None, None)
        return self.file.getvalue()


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("converters", [1, 2])
def test_the_contract_is_kept_at_every_rate(rate: int, converters: int) -> None:
    # At the slow rate reports fill most of a short frame, and answers wait for them, with or without an accessory.
    script = f"rate 24; {EVERYTHING}" if rate == RATES[0] else EVERYTHING
    played = Played(converters, rate=rate, seed=3, script=script).until_done()
    assert played.body.done
    assert played.troubles == []
    assert played.chain.violations == []
    assert {record.baudrate for record in played.records if isinstance(record, Burst)} == {115_200, rate}
    timing = measure(LMOUNT.timing, extract_marks(Decoder(LMOUNT).decode(played.records), LMOUNT))
    assert all(rule.intervals for rule in timing)
    assert [(rule.rule.name, rule.violations) for rule in timing if rule.violations] == []


def test_both_ends_of_an_accessory_switch_their_rate() -> None:
    played = Played(2, rate=750_000, script="wait 0.1").until_done()
    for joint in (1, 2):
        rates = [record.baudrate for number, record in played.inner if number == joint and isinstance(record, Burst)]
        assert sorted(set(rates)) == [115_200, 750_000]
        assert rates == sorted(rates)


def test_sequence_numbers_are_the_senders_own() -> None:
    played = Played(1, script="wait 0.3; focus near").until_done()
    inner = [record for _, record in played.inner]
    for role in Role:
        outside, inside = (
            [frame.frame.sequence for frame in frames(records, role)] for records in (played.records, inner)
        )
        assert outside == inside
        assert len(outside) > 20


def frames(records: list[WireRecord], role: Role) -> list[DecodedFrame]:
    decoded = Decoder(LMOUNT).decode(records)
    return [event for event in decoded if isinstance(event, DecodedFrame) and event.sender is role]


def test_the_frame_signal_is_not_moved_in_time() -> None:
    played = Played(2, script="wait 0.3").until_done()
    outside = [record for record in played.records if getattr(record, "line", "") == "FSYNC"]
    assert len(outside) > 20
    for joint in (1, 2):
        assert outside == [
            record for number, record in played.inner if number == joint and getattr(record, "line", "") == "FSYNC"
        ]


def test_factors_multiply_and_the_body_sees_the_chain_from_its_own_side() -> None:
    played = Played(2, script="zoom 392; wait 0.1").until_done()
    said = [message for frame in frames(played.records, Role.LENS) for message in frame.messages]
    report = next(message for message in said if isinstance(message, AccessoryReport))
    assert [entry.factor_permille for entry in report.entries] == [1400, 1400]
    abilities = next(message for message in said if isinstance(message, LensCapabilities))
    assert (abilities.shortest_um, abilities.longest_um) == (137_200, 392_000)
    zooms = [message.focal_length_um for message in said if isinstance(message, ZoomState)]
    assert (zooms[0], zooms[-1]) == (137_200, 392_000)


def outcome(
    resolution: Resolution, converters: int, rate: int, seed: int | None, deeds: list[tuple[float, int]]
) -> Any:
    played = Played(converters, rate=rate, seed=seed, resolution=resolution, script=EVERYTHING)
    apart: set[int] = set()
    for at, joint in sorted(deeds):
        played.chain.run(at)
        number = joint % (converters + 1)
        (played.chain.close_joint if number in apart else played.chain.open_joint)(number, played.chain.now)
        apart ^= {number}
    played.chain.run(1.5)
    return {
        "recording": played.recorded(),
        "inner": played.inner,
        "notices": played.notices,
        "violations": played.chain.violations,
        "levels": [mount.levels for mount in played.chain.mounts],
        "states": [engine.connection.state for engine in played.chain.engines],
    }


@settings(max_examples=12, deadline=None)
@given(
    st.integers(1, 2),
    st.sampled_from(RATES),
    st.sampled_from([None, 7]),
    st.lists(st.tuples(st.floats(0.08, 1.3), st.integers(0, 2)), max_size=4),
)
def test_frames_or_bytes_whatever_is_taken_apart_is_the_same(
    converters: int, rate: int, seed: int | None, deeds: list[tuple[float, int]]
) -> None:
    by_frame, by_byte = (outcome(which, converters, rate, seed, deeds) for which in ("frame", "byte"))
    for what, value in by_frame.items():
        assert value == by_byte[what], what
    assert by_frame["violations"] == []


def middles(records: list[Any], role: Role) -> list[float]:
    """A moment in the midst of each burst that an end sends while the lens is being got to know."""
    bursts = [record for record in records if isinstance(record, Burst) and record.sender is role]
    return [((burst.at or 0) + (burst.end or 0)) / 2 + 1e-7 for burst in bursts[:14]]


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("side", ["near", "far"])
def test_a_lens_taken_off_its_converter_in_mid_frame_leaves_all_at_rest_and_comes_back(role: Role, side: str) -> None:
    calm = Played(1, rate=115_200, script="wait 0.1").until_done()
    for at in middles(calm.records if side == "near" else [record for _, record in calm.inner], role):
        played = Played(1, rate=115_200)
        played.chain.run(at)
        played.chain.open_joint(1, played.chain.now)
        gone = len(played.records)
        played.chain.run(at + 2e-3)
        for mount in played.chain.mounts:
            assert mount.levels.pop("DETECT")
            assert not any(mount.levels.values()), mount.levels
            mount.levels["DETECT"] = True
        # What was on the wire ended with the supply.
        assert all((record.end or 0) <= at + 1e-9 for record in played.records[gone:] if isinstance(record, Burst))
        played.chain.run(at + 0.05)
        played.chain.close_joint(1, played.chain.now)
        played.chain.run(at + 1.2)
        assert played.chain.violations == []
        # An order that was under way may be answered when the next frame has moved the link on.
        assert {played.body.connection.state, played.lens.connection.state} <= {"READY", "ASKED"}
        assert "the lens is gone; supply off, lines at rest" in played.troubles


def test_an_accessory_without_a_lens_behind_it_shows_nowhere() -> None:
    played = Played(1)
    played.chain.open_joint(1, 0.0)
    played.chain.run(1.0)
    assert played.chain.mount.attached
    assert played.chain.mount.levels["DETECT"]
    assert not played.chain.mount.levels["V_LOGIC"]
    played.chain.close_joint(1, 1.0)
    played.chain.run(1.5)
    assert played.body.connection.state == "READY"
    played.chain.detach_lens(1.5)
    played.chain.run(1.6)
    assert not played.chain.mounts[1].levels["V_LOGIC"]
    assert not played.chain.mounts[1].levels["DETECT"]
    assert played.chain.violations == []


def test_with_an_accessory_every_check_runs_and_the_lens_is_longer_and_slower() -> None:
    session = run_loopback(BODY, LENS, accessories=[CONVERTER], script="check all")
    assert session.clean
    assert [profile.name for profile in session.accessories] == [CONVERTER]
    found = {finding.step: finding for finding in session.compatibility_results}
    assert (found["identify"].verdict, found["identify"].rule) == (Verdict.REDUCED, "converter")
    assert "98 to 280 mm" in found["zoom"].detail
    assert "280 mm" in found["expose"].detail
    assert all(finding.verdict is not Verdict.REFUSED for finding in session.compatibility_results)


def told(session: LoopbackResult) -> list[str]:
    return [notice.text for notice in session.notices if notice.at == 0.0]


def test_a_lens_that_knows_its_converter_is_another_lens_with_it() -> None:
    lens = "sigma-100-400mm-f5-6.3-dg-dn-os"
    alone, together = (
        run_loopback(BODY, lens, accessories=with_, script="check zoom") for with_ in ([], ["sigma-tc-1411"])
    )
    assert "140 to 560 mm" in next(
        finding.detail for finding in together.compatibility_results if finding.step == "zoom"
    )
    assert all(finding.verdict is Verdict.WORKS for finding in together.compatibility_results)
    assert any("the lens knows it" in text for text in told(together))
    assert told(alone) == []


def test_of_a_silent_one_only_people_are_reported() -> None:
    lens = "sigma-100-400mm-f5-6.3-dg-dn-os"
    alone, with_wires = (
        run_loopback(BODY, lens, accessories=with_, script="check focus", seed=1)
        for with_ in ([], ["panasonic-stc14-silent"])
    )
    assert alone.records == with_wires.records
    assert any("1.4 times what the lens says" in text for text in told(with_wires))


@pytest.mark.parametrize(
    ("lens", "with_", "why"),
    [
        ("sigma-200mm-f2-dg-os", ["sigma-tc-1411"], "sigma-tc-1411 does not fit sigma-200mm-f2-dg-os: takes none"),
        (LENS, ["leica-extender-l-1.4x"], "leica-extender-l-1.4x does not fit .*; it fits leica-vario-elmar"),
        ("sigma-70-200mm-f2.8-dg-dn-os", ["sigma-tc-1411", "sigma-tc-2011"], "put a tube between them"),
        ("sel55210", [CONVERTER], "needs the dialect lmount, not emount"),
        (LENS, ["emount-adapter"], "emount-adapter does not fit .* needs the dialect emount, not lmount"),
        (LENS, ["extension-tube-l-16mm"] * 4, "at most 3 are allowed"),
        (LENS, [BODY], "is a body; an accessory is needed here"),
        (LENS, ["no-such-thing"], "unknown profile 'no-such-thing'"),
    ],
)
def test_what_does_not_fit_is_reported_in_one_line_and_nothing_is_begun(
    lens: str, with_: list[str], why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ProfileError, match=why) as caught:
        run_loopback(BODY, lens, accessories=with_)
    assert "\n" not in str(caught.value)
    path = tmp_path / "none.lmx"
    words = [word for name in with_ for word in ("--with", name)]
    assert main(["loopback", "--body", BODY, "--lens", lens, *words, "--record", str(path)]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert not path.exists()


def test_an_accessory_of_another_mount_is_refused() -> None:
    with pytest.raises(ProfileError, match="a6000 uses emount and panasonic-stc14 uses lmount; they cannot connect"):
        run_loopback("a6000", "sel55210", accessories=[CONVERTER])


def test_a_recording_says_what_was_between(tmp_path: Path) -> None:
    path = tmp_path / "session.lmx"
    words = ["loopback", "--body", BODY, "--lens", LENS, "--with", CONVERTER, "--quiet", "--do", "wait 0.1"]
    assert main([*words, "--record", str(path)]) == 0
    header = json.loads(path.read_bytes().partition(b"\n")[0])
    assert header["accessories"] == [CONVERTER]
