"""E-mount lenses on bodies of the open model: two dialects in one session, each clean in its own tables."""

from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lensmount_emulator.engine.dialect_roles import DeviceSpec, get_adapter, get_roles
from lensmount_emulator.engine.observer import Notice
from lensmount_emulator.engine.script import parse_script
from lensmount_emulator.mount.virtual_mount import Resolution
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.roles.emount.lens.engine import LensEngine
from lensmount_emulator.roles.emount.profile import LensSettings
from lensmount_emulator.roles.emount_adapter.lens import AdapterLensEngine
from lensmount_emulator.roles.lmount.accessories.assembly import assemble_accessories
from lensmount_emulator.roles.lmount.body.engine import BodyEngine
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_emulator.sessions.virtual_session import VirtualSession
from lensmount_emulator.verification.codec_equivalence import message_bytes
from lensmount_protocol.decoder import DecodedFrame, DecodedGarbage, Decoder
from lensmount_protocol.dialect import Dialect, load_dialect
from lensmount_protocol.dialects.emount.body_status import BodyState
from lensmount_protocol.dialects.emount.focus import FocusMove
from lensmount_protocol.dialects.emount.focus_status import FocusStatus
from lensmount_protocol.dialects.lmount.aperture_zoom import ApertureState, ZoomState
from lensmount_protocol.dialects.lmount.exposure import ControlEvent
from lensmount_protocol.dialects.lmount.focus import FocusState
from lensmount_protocol.dialects.lmount.identity import AccessoryReport, Identity, LensCapabilities
from lensmount_protocol.dialects.lmount.link import BodyHello, CommandRejected
from lensmount_protocol.dialects.lmount.types import AccessoryKind, ImageCircle, Part, RejectionCode
from lensmount_protocol.errors import ProfileError
from lensmount_protocol.message import Message
from lensmount_protocol.wire import DriveLine, Role, SetBaudrate, Transmit, WireRecord

LMOUNT, EMOUNT = load_dialect("lmount"), load_dialect("emount")
LENSES = ["sel55210", "sel2870", "loxia-21", "voigtlander-15", "viltrox-ef50"]
BODY, ADAPTER = "panasonic-s1r", "emount-adapter"
ADAPTER_PIECE = DeviceSpec(ADAPTER, "An adapter", "lmount", load_profile(ADAPTER).settings)


class Adapted:
    """A body, the adapter, an E-mount lens, and all that was said on both mounts."""

    def __init__(
        self, script: str = "", lens: str = "sel55210", resolution: Resolution = "frame", **timing: float
    ) -> None:
        told = load_profile(lens).settings
        assert isinstance(told, LensSettings)
        told = msgspec.structs.replace(told, timing=msgspec.structs.replace(told.timing, **timing))
        cast = get_roles("lmount")
        body = cast.make_engine(load_profile(BODY).settings, None, None, parse_script(script, cast.verbs))
        assert isinstance(body, BodyEngine)
        self.body, self.lens = body, LensEngine(told)
        train = assemble_accessories([ADAPTER_PIECE], DeviceSpec(lens, lens, "emount", told), lambda _end: None)
        self.near = train.accessories[0].near
        self.records: list[WireRecord] = []
        self.inner: list[WireRecord] = []
        self.notices: list[Notice] = []
        self.chain = VirtualSession(
            LMOUNT,
            self.body,
            self.lens,
            train.accessories,
            tap=self.records.append,
            on_notice=self.notices.append,
            resolution=resolution,
            tap_inner=lambda _joint, record: self.inner.append(record),
        )
        self.chain.start()

    def done(self) -> "Adapted":
        self.chain.run(20.0, stop_when=lambda: self.body.done)
        self.chain.run(self.chain.now + 0.1)
        assert self.body.done
        return self

    def near_said(self, kind: type[Message]) -> list[Any]:
        return said(Decoder(LMOUNT).decode(self.records), kind)

    def far_said(self, kind: type[Message]) -> list[Any]:
        return said(Decoder(EMOUNT).decode(self.inner), kind)

    @property
    def troubles(self) -> list[str]:
        return [notice.text for notice in self.notices if notice.is_error]


def said(decoded: Any, kind: type[Message]) -> list[Any]:
    frames = [event for event in decoded if isinstance(event, DecodedFrame)]
    return [message for frame in frames for message in frame.messages if isinstance(message, kind)]


@pytest.mark.parametrize("lens", LENSES)
@pytest.mark.parametrize("body", ["panasonic-s1r", "leica-cl", "sigma-fp"])
def test_every_check_runs_with_every_lens(body: str, lens: str) -> None:
    session = run_loopback(body, lens, accessories=[ADAPTER], script="check all", seed=2)
    assert session.clean
    assert all(finding.verdict.value != "refused" for finding in session.compatibility_results)
    assert [finding.rule for finding in session.compatibility_results if finding.step == "identify"] == [
        "single autofocus"
    ]


def test_both_dialects_are_clean_in_one_session() -> None:
    adapted = Adapted("check all").done()
    assert adapted.troubles == []
    assert adapted.chain.violations == []
    for dialect, records in ((LMOUNT, adapted.records), (EMOUNT, adapted.inner)):
        decoded = list(Decoder(dialect).decode(records))
        assert sum(isinstance(event, DecodedFrame) for event in decoded) > 100
        assert not any(isinstance(event, DecodedGarbage) for event in decoded)


def test_the_lens_behind_is_known_before_anybody_asks() -> None:
    adapted = Adapted("wait 0.1").done()
    (identity,), (abilities,) = adapted.near_said(Identity)[:1], adapted.near_said(LensCapabilities)
    assert (identity.name, identity.model, identity.firmware) == (
        "E 55-210mm F4.5-6.3 OSS (0x8012)",
        0x8012,
        b"\2\6\0\0",
    )
    assert (abilities.shortest_um, abilities.longest_um) == (55_000, 210_000)
    assert abilities.image_circle == ImageCircle.APS_C
    assert abilities.parts == 1 << Part.DIAPHRAGM | 1 << Part.FOCUS_DRIVE
    (report,) = adapted.near_said(AccessoryReport)
    assert [(entry.kind, entry.limits) for entry in report.entries] == [(AccessoryKind.MOUNT_ADAPTER, 1)]
    assert any("not translated: stabiliser" in notice.text for notice in adapted.notices)


def test_focus_and_aperture_go_out_in_the_lenss_own_units_and_come_back() -> None:
    adapted = Adapted("focus 1365; aperture f/8; wait 0.1").done()
    moves = [order.operand for order in adapted.far_said(FocusMove)]
    state = adapted.far_said(FocusStatus)[-1]
    assert moves == [state.planned_position]
    assert state.lower_limit + round(1365 / 4095 * (state.upper_limit - state.lower_limit)) == moves[0]
    assert adapted.near_said(FocusState)[-1].position == 1365
    assert adapted.far_said(BodyState)[-1].aperture_target == 4096 + 1536
    reported = adapted.near_said(ApertureState)[-1]
    assert (reported.target, reported.now) == (1536, 1536 + 0x15)


def test_a_zoom_by_hand_is_seen_through_the_adapter() -> None:
    adapted = Adapted("zoom 100; zoom 900").done()
    seen = [state.focal_length_um for state in adapted.near_said(ZoomState)]
    assert 100_000 in seen
    assert seen[-1] == 210_000


@pytest.mark.parametrize(
    ("script", "order"), [("smooth f/8 200ms", 0x28), ("velocity 500", 0x20), ("correct", 0x23), ("linear 90", None)]
)
def test_what_cannot_be_translated_is_refused(script: str, order: int | None) -> None:
    adapted = Adapted(f"wait 0.1; {script}; wait 0.1").done()
    refused = {(answer.order, answer.code) for answer in adapted.near_said(CommandRejected) if answer.order != 0x40}
    assert refused == ({(order, RejectionCode.NOT_ABLE)} if order else set())


def test_a_manual_lens_says_so_once() -> None:
    adapted = Adapted("wait 0.3", lens="voigtlander-15").done()
    assert [event.value for event in adapted.near_said(ControlEvent)] == [1]
    assert adapted.near_said(LensCapabilities)[0].parts == 0


def test_a_lens_that_takes_its_time_is_greeted_again() -> None:
    adapted = Adapted("wait 0.1", select_rises=190_000.0).done()
    assert len(adapted.near_said(BodyHello)) > 1
    assert adapted.near_said(Identity)[0].model == 0x8012
    assert adapted.troubles == []


def test_sleep_reaches_the_lens_behind_and_it_comes_back() -> None:
    adapted = Adapted("wait 0.1; sleep; wait 1.5; wake; wait 0.1; focus near").done()
    assert any(notice.text == "awake again" for notice in adapted.notices)
    assert adapted.near_said(FocusState)[-1].position == 4095
    assert adapted.troubles == []


TIMES = st.lists(st.tuples(st.floats(0.01, 1.6), st.integers(0, 1)), max_size=4)


def played(resolution: Resolution, lens: str, deeds: list[tuple[float, int]]) -> dict[str, Any]:
    adapted = Adapted("focus near; aperture f/8; sleep; wake", lens, resolution)
    apart: set[int] = set()
    for at, joint in sorted(deeds):
        adapted.chain.run(at)
        (adapted.chain.close_joint if joint in apart else adapted.chain.open_joint)(joint, adapted.chain.now)
        apart ^= {joint}
    adapted.chain.run(1.8)
    return {
        "near": adapted.records,
        "far": adapted.inner,
        "notices": adapted.notices,
        "violations": adapted.chain.violations,
        "levels": [mount.levels for mount in adapted.chain.mounts],
        "states": [engine.connection.state for engine in adapted.chain.engines],
    }


@settings(max_examples=12, deadline=None)
@given(st.sampled_from(LENSES), TIMES)
def test_frames_or_bytes_whatever_is_taken_apart_is_the_same(lens: str, deeds: list[tuple[float, int]]) -> None:
    by_frame, by_byte = (played(which, lens, deeds) for which in ("frame", "byte"))
    for what, value in by_frame.items():
        assert value == by_byte[what], what
    assert by_frame["violations"] == []


@pytest.mark.parametrize("joint", [0, 1])
@pytest.mark.parametrize("at", [0.05, 0.1146, 0.1195, 0.1671, 0.1803, 0.5, 1.0301, 1.1])
def test_a_lens_taken_off_at_either_joint_leaves_all_at_rest_and_comes_back(joint: int, at: float) -> None:
    adapted = Adapted("")
    adapted.chain.run(at)
    adapted.chain.open_joint(joint, adapted.chain.now)
    adapted.chain.run(at + 2e-3)
    assert adapted.chain.mounts[0].levels["DETECT"]
    for mount in adapted.chain.mounts:
        assert not any(level for line, level in mount.levels.items() if line not in ("DETECT", "XDETECT"))
    adapted.chain.run(at + 0.1)
    adapted.chain.close_joint(joint, adapted.chain.now)
    adapted.chain.run(at + 1.6)
    assert adapted.chain.violations == []
    assert (adapted.body.connection.state, adapted.lens.connection.state) == ("READY", "STREAMING")


def frames_of(dialect: Dialect, role: Role) -> st.SearchStrategy[bytes]:
    own = [cls for cls in dialect.messages.values() if cls.SENDER is role and cls.TYPE not in dialect.protected_types]
    return st.builds(
        lambda which, seed, class_: dialect.build_frame(message_bytes(which, Random(seed))[:500], class_, seed & 0xFF),
        st.sampled_from(own),
        st.integers(0, 10_000),
        st.integers(1, 4 if dialect is LMOUNT else 2),
    )


def hands_at(joint: int, role: Role) -> st.SearchStrategy[Any]:
    dialect = (LMOUNT, EMOUNT)[joint]
    lines = [
        line
        for line, driver in dialect.drivers.items()
        if driver is role and line not in (dialect.supply, dialect.detect)
    ]
    deeds = st.one_of(
        st.builds(DriveLine, st.sampled_from(lines), st.booleans()),
        st.builds(Transmit, st.one_of(frames_of(dialect, role), st.binary(min_size=1, max_size=30))),
        st.builds(SetBaudrate, st.sampled_from(dialect.wiring.baudrates)),
    )
    return st.tuples(st.just(joint), st.just(role), deeds, st.floats(0.02, 1.4))


@settings(max_examples=10, deadline=None)
@given(st.sampled_from(LENSES), st.lists(st.one_of(hands_at(0, Role.BODY), hands_at(1, Role.LENS)), max_size=12))
def test_whatever_is_on_either_mount_all_rests_without_power_and_begins_again(lens: str, hands: list[Any]) -> None:
    adapted = Adapted("", lens)
    for joint, role, action, at in sorted(hands, key=lambda hand: hand[-1]):
        adapted.chain.run(at)
        adapted.chain.mounts[joint].apply(role, action)
    adapted.chain.run(1.5)
    adapted.chain.detach_lens(1.5)
    # Hands and engines that disagree about a level or a rate agree again without power.
    adapted.chain.run(1.6)
    for mount, dialect in zip(adapted.chain.mounts, (LMOUNT, EMOUNT), strict=True):
        for role in Role:
            mount.apply(role, SetBaudrate(dialect.wiring.baudrates[0]))
            for line, driver in dialect.drivers.items():
                if driver is role and line != dialect.detect:
                    mount.apply(role, DriveLine(line, False))
    assert [engine.connection.state for engine in adapted.chain.engines[:3]] == ["OFF", "OFF", "OFF"]
    adapted.chain.run(1.7)
    adapted.chain.attach_lens(1.7)
    adapted.chain.run(3.2)
    # A body that has given up asks no more.
    given_up = any(notice.text == "gives up" for notice in adapted.notices)
    assert given_up or any(text.startswith("lens identified: ") for text in told_since(adapted, 1.7))


def told_since(adapted: Adapted, at: float) -> list[str]:
    return [notice.text for notice in adapted.notices if notice.at >= at]


def test_nothing_translates_what_no_one_wrote() -> None:
    with pytest.raises(
        ProfileError, match="no adapter connects a lens of efmount to a body of lmount; known: emount on lmount"
    ):
        get_adapter("lmount", "efmount")
    near = get_adapter("lmount", "emount")(ADAPTER_PIECE, ADAPTER_PIECE, lambda _end: None).near
    assert isinstance(near, AdapterLensEngine)
    assert not near.asserts_detect
