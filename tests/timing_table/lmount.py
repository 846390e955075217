"""The timing of both ends of the open model, from its specification."""

from collections.abc import Callable
from functools import cache
from itertools import pairwise
from typing import Any

import msgspec

from lensmount_emulator.engine.dialect_roles import get_roles
from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.engine.script import parse_script
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.roles.lmount.body.engine import BodyEngine
from lensmount_emulator.roles.lmount.lens.engine import LensEngine
from lensmount_emulator.sessions.virtual_session import VirtualSession
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.dialects.lmount.aperture_zoom import ApertureDrive, ZoomDrive
from lensmount_protocol.dialects.lmount.focus import FocusDrive, FocusState, RingMoved
from lensmount_protocol.dialects.lmount.framing import LINK, ORDER
from lensmount_protocol.dialects.lmount.identity import IdentityRequest
from lensmount_protocol.dialects.lmount.link import BodyHello, CommandDone, SetBaudrateCommand, Sleep, StreamConfig
from lensmount_protocol.dialects.lmount.power import BrownOut, PowerGrant, PowerReport
from lensmount_protocol.dialects.lmount.types import FocusCommand, Outcome, PowerClass
from lensmount_protocol.wire import LineChanged, Role, WireRecord
from state_audit.raw import Raw
from timing_table.rows import Row
from timing_table.wire import Window, Wire

LMOUNT = load_dialect("lmount")
BODY, LENS = Role.BODY, Role.LENS
SELECTS = {BODY: "BODY_ATT", LENS: "LENS_ATT"}
TYPE_AT, CLASS_AT = 5, 3
SPEC = "protocol/spec/lmount.md section"
DEFAULT = "modelled, docs of the profile"
BODY_NAME, LENS_NAME = "panasonic-s1r", "sigma-45mm-f2.8-dg-dn"


def _changed(settings: Any, **changes: Any) -> Any:
    new = {
        key: msgspec.structs.replace(getattr(settings, key), **value) if isinstance(value, dict) else value
        for key, value in changes.items()
    }
    return msgspec.structs.replace(settings, **new)


def _body(script: str, **changes: Any) -> BodyEngine:
    settings = _changed(load_profile(BODY_NAME).settings, **changes)
    return BodyEngine(settings, script=parse_script(script, get_roles("lmount").verbs))


def _settings(**changes: Any) -> Any:
    """A lens of nothing but defaults, but for its optics."""
    settings: Any = load_profile(LENS_NAME).settings
    return _changed(type(settings)(optics=settings.optics, name=settings.name), **changes)


class Told(LensEngine):
    """A lens that keeps some of its words to itself.

    Attributes:
        mute: types that it does not send.
        deaf: lines whose moves it does not see.
        until: seconds from which on it does not send them; before it does.
    """

    mute: frozenset[int] = frozenset()
    deaf: frozenset[str] = frozenset()
    since: float = 0.0

    def queue_frame(self, messages: Any, class_: int, **more: Any) -> None:
        if self.now < self.since or messages[0].TYPE not in self.mute:
            super().queue_frame(messages, class_, **more)

    def on_line(self, edge: LineChanged) -> None:
        if edge.line not in self.deaf:
            super().on_line(edge)


def play(
    body: Engine, lens: Engine, seconds: float, prepare: Callable[[VirtualSession], None] = lambda _bench: None
) -> Wire:
    """A session at nominal times."""
    records: list[WireRecord] = []
    bench = VirtualSession(LMOUNT, body, lens, tap=records.append)
    prepare(bench)
    bench.start()
    bench.run(seconds)
    return Wire(records, SELECTS, TYPE_AT, CLASS_AT)


def _told(mute: tuple[int, ...] = (), since: float = 0.0, **changes: Any) -> Told:
    lens = Told(_settings(**changes))
    lens.mute, lens.since = frozenset(mute), since
    return lens


@cache
def usual() -> Wire:
    script = "wait 0.3; focus far; focus near; wait 0.1; aperture f/16; sleep; wake; wait 0.2"
    return play(_body(script), _told(), 3.0)


@cache
def mute(*types: int, since: float = 0.0, script: str = "wait 5", seconds: float = 4.0) -> Wire:
    return play(_body(script), _told(types, since), seconds)


@cache
def dead(script: str = "") -> Wire:
    return play(_body(script), Engine(LMOUNT, LENS), 3.0)


@cache
def no_lens() -> list[float]:
    """When a body gives up on a mount without a lens: time of its finding."""
    body = _body("wait 1")
    bench = VirtualSession(LMOUNT, body, LensEngine(_settings(parts={"contacts": False})))
    bench.start()
    bench.run(1.0, stop_when=lambda: body.done)
    return [finding.at for finding in body.compatibility_results]


@cache
def stubborn() -> Wire:
    """A lens that sleeps and does not hear its call."""

    class Sleeper(LensEngine):
        def on_line(self, edge: LineChanged) -> None:
            if not (edge.line == "BODY_ATT" and self.asleep):
                super().on_line(edge)
            else:
                self._waiting.pop("BODY_ATT", None)

    return play(_body("wait 0.2; sleep; wake; wait 0.1"), Sleeper(_settings()), 2.0)


@cache
def clinging() -> Wire:
    """A lens that keeps its attention line up when it is awake."""
    lens = _told()
    drive = lens.drive

    def held(line: str, level: bool) -> None:
        if not (line == "LENS_ATT" and not level and lens.now > 0.5 and not lens.sending and not lens.asleep):
            drive(line, level)

    lens.drive = held  # type: ignore[method-assign]
    return play(_body("wait 0.2; sleep; wake; wait 0.1"), lens, 2.0)


class Greeted(Raw):
    """A raw body that has greeted a lens of defaults."""

    def __init__(self, **changes: Any) -> None:
        super().__init__("lmount", LENS_NAME)
        self.lens = LensEngine(_settings(**changes))
        self.bench = VirtualSession(
            LMOUNT, self.body, self.lens, tap=self.records.append, on_notice=self.notices.append
        )
        self.bench.start()
        for line in ("V_LOGIC", "TXD", "FSYNC"):
            self.drive(line, True)
        self.body.connection.move("power", by=BODY)
        self.run(0.1)
        self.frame([BodyHello(revision=2, features=0x7F, rates=[115_200, 1_500_000])], LINK)
        self.run(0.02)

    def ask(self, order: Any, seconds: float = 0.01) -> Any:
        self.number = order.number = self.number + 1
        since = len(self.body.arrivals)
        self.frame([order], ORDER)
        self.run(seconds)
        return next((m for m in self.said(since) if getattr(m, "number", 0) == order.number), None)

    def powered(self) -> "Greeted":
        self.ask(PowerGrant(granted=PowerClass.EXTREME, limit_ma=1500))
        self.drive("V_DRIVE", True)
        self.run(1.0)
        return self

    def done_at(self, order: Any, seconds: float) -> tuple[float, float]:
        """When a drive was accepted, and when it was done."""
        self.number = order.number = self.number + 1
        since = len(self.body.arrivals)
        self.frame([order], ORDER)
        self.run(seconds)
        said = [(a.at, m) for a in self.body.arrivals[since:] for m in a.messages if isinstance(m, CommandDone)]
        times = [at for at, m in said if m.number == order.number]
        return times[0], times[1]

    def wire(self) -> Wire:
        return Wire(self.records, SELECTS, TYPE_AT, CLASS_AT)


@cache
def homing() -> float:
    """From the drive supply to the end of homing."""
    lens = Greeted()
    lens.ask(PowerGrant(granted=PowerClass.EXTREME, limit_ma=1500))
    lens.drive("V_DRIVE", True)
    began = lens.now
    assert lens.until(lambda: bool(lens.lens.homed), 2.0)
    return lens.now - began


@cache
def moves(what: str) -> float:
    """How long a drive over the whole range takes, from its acceptance to its end."""
    if what == "focus":
        first, last = Greeted().powered().done_at(FocusDrive(order=FocusCommand.NEAR_END), 2.0)
    elif what == "iris":
        first, last = Greeted().powered().done_at(ApertureDrive(target=9 * 256), 1.0)
    else:
        lens = Greeted(
            parts={"power_zoom": True},
            optics=msgspec.structs.replace(load_profile("panasonic-s-pro-70-200mm-f2.8").settings.optics),
        ).powered()  # type: ignore[union-attr]
        first, last = lens.done_at(ZoomDrive(target_um=200_000), 4.0)
    return last - first


@cache
def brown_out() -> float:
    """From the fall of the drive supply to its report."""
    lens = Greeted().powered()
    lens.drive("V_DRIVE", False)
    fell = lens.now
    lens.run(0.01)
    window = lens.wire().of(LENS, BrownOut.TYPE)[0]
    return window.opens - fell


@cache
def power_reports() -> float:
    """How soon a changed draw is reported: the next look after a drive begins, counted from the report of the grant."""
    lens = Greeted()
    lens.ask(PowerGrant(granted=PowerClass.EXTREME, limit_ma=1500), 0.05)
    lens.drive("V_DRIVE", True)
    lens.run(0.5)
    first, second = lens.wire().of(LENS, PowerReport.TYPE)[:2]
    return second.opens - first.opens


@cache
def call(hold_us: float) -> bool:
    """Whether a lens that wakes at once takes a line that is up for so long for a call."""
    lens = Greeted(timing={"wake": 0.0})
    lens.ask(SetBaudrateCommand(baudrate=1_500_000))
    lens.rate(1_500_000)
    lens.ask(Sleep())
    lens.drive("BODY_ATT", True)
    lens.run(hold_us * 1e-6)
    lens.drive("BODY_ATT", False)
    lens.run(1e-3)
    return not lens.lens.asleep


def threshold(begins_us: float, step_us: float, count: int, holds: Callable[[float], bool]) -> float:
    """The first of some values for which something holds, in seconds."""
    return next(begins_us + step_us * n for n in range(count) if holds(begins_us + step_us * n)) * 1e-6


@cache
def switched(after_us: float) -> bool:
    """Whether a lens hears the new rate so long behind the last bit of its acceptance."""
    lens = Greeted()
    lens.number = order = 9
    lens.frame([SetBaudrateCommand(number=order, baudrate=1_500_000)], ORDER)
    assert lens.until(lambda: lens.lens.connection.state == "SWITCHING" and not lens.lens.sending, 0.05)
    # The hold of 5 us and the fall of the line are behind us.
    lens.run(after_us * 1e-6 - 5e-6)
    return bool(lens.lens.baudrate == 1_500_000)


@cache
def unheard(seconds_tenths: float) -> bool:
    """Whether a lens to which nothing is said has gone back to the first rate."""
    lens = Greeted()
    lens.ask(SetBaudrateCommand(baudrate=1_500_000))
    heard = lens.lens.last_received_at
    lens.run(heard + seconds_tenths * 1e-6 - lens.now)
    return bool(lens.lens.baudrate == 115_200)


@cache
def late_report(busy_us: float) -> bool:
    """Whether a lens whose line is busy for so long behind a frame signal leaves its report out."""
    lens = Greeted()
    lens.ask(StreamConfig(reports=[FocusState.TYPE]))
    lens.run(0.02)
    since = len(lens.body.arrivals)
    lens.drive("FSYNC", False)
    fell = lens.now
    # What is being sent keeps the line busy.
    lens.lens._busy = True
    lens.bench.scheduler.call_at(fell + busy_us * 1e-6, lambda _n, now: _free(lens, now), None)
    lens.run(0.02)
    return not any(isinstance(m, FocusState) for m in lens.said(since))


def _free(lens: Greeted, now: float) -> None:
    engine = lens.lens
    engine.now = now
    engine._busy = True
    engine.spawn(engine._send_all())


@cache
def two_frames() -> list[float]:
    """How long the line is low between two frames of a lens that has many to send."""
    lens = Greeted()
    for _ in range(6):
        lens.window(LMOUNT.build_frame(b"".join(IdentityRequest(number=n).build() for n in (1, 2, 3)), ORDER, 0))
    lens.run(0.2)
    windows = lens.wire().windows[LENS][1:]
    return [b.opens - a.closes for a, b in pairwise(windows) if b.opens - a.closes < 1e-3]


@cache
def never_homes() -> Wire:
    """A lens that does not see its drive supply, so that its reports never say that it knows its position."""
    lens = _told()
    lens.deaf = frozenset({"V_DRIVE"})
    return play(_body("sleep; wait 0.1"), lens, 4.0)


@cache
def unended(type_: int, step: str) -> float:
    """From a drive that is accepted and never done to the next step of the script."""

    class Endless(LensEngine):
        def queue_frame(self, messages: Any, class_: int, **more: Any) -> None:
            first = messages[0]
            if not (isinstance(first, CommandDone) and first.order == type_ and first.outcome == Outcome.DONE):
                super().queue_frame(messages, class_, **more)

    wire = play(_body(f"wait 0.1; {step}; sleep; wait 0.1"), Endless(_settings()), 7.0)
    return window(wire, BODY, Sleep.TYPE).opens - window(wire, BODY, type_).opens


@cache
def sagging() -> float:
    """How long the drive supply is away that a lens asked for too much."""
    lens = _told(power={"focus_ma": 900})
    body = _body("wait 0.1; focus near; wait 0.2", power={"supply_ma": 300})

    def rogue(bench: VirtualSession) -> None:
        bench.scheduler.call_at(0.6, lambda _n, _now: setattr(lens, "reduction", lens.budget.reduce(5000)), None)

    wire = play(body, lens, 2.0, rogue)
    fell = wire.edge("V_DRIVE", False)
    return wire.edge("V_DRIVE", True, since=fell) - fell


@cache
def turned() -> list[float]:
    """Between two reports of a focus ring that is turned."""
    lens = Greeted().powered()
    (step,) = parse_script("turn focus 30", get_roles("lmount").lens_verbs)
    lens.bench.operate_mount(step)
    lens.run(0.3)
    rises = [w.opens for w in lens.wire().of(LENS, RingMoved.TYPE)]
    assert len(rises) == 6
    return [b - a for a, b in pairwise(rises)]


def window(wire: Wire, role: Role, type_: int, nth: int = 0) -> Window:
    return wire.of(role, type_)[nth]


def after_fsync(wire: Callable[[], Wire], role: Role) -> Callable[[], list[float]]:
    def measured() -> list[float]:
        falls = wire().edges("FSYNC", False)
        reports = [w for w in wire().windows[role] if w.data[CLASS_AT] == 2]
        return [w.opens - max(at for at in falls if at <= w.opens) for w in reports[3:]]

    return measured


def _spaced(type_: int, nth: int = 0, **more: Any) -> Callable[[], float]:
    """From one sending of an order that is not answered to the next."""

    def measured() -> float:
        windows = mute(type_ | 0x80, **more).of(BODY, type_)
        return windows[nth + 1].opens - windows[nth].opens

    return measured


def _settle() -> list[float]:
    """From the last bit of an answer to the next order of the same greeting."""
    wire = usual()
    identity = window(wire, LENS, 0x88)
    return [wire.edge("BODY_ATT", True, since=identity.last) - identity.last]


def _stops_reporting() -> float:
    """From the last report to the loss of supply, where reports stop at 0.8 s."""
    wire = mute(FocusState.TYPE, since=0.8)
    last = [w for w in wire.of(LENS, FocusState.TYPE) if w.opens < 0.85][-1]
    return wire.edge("V_LOGIC", False) - last.last


def _woken(wire: Wire) -> tuple[float, float, float]:
    """The call of a body: its rise, the rise of the lens's line, and the fall of the body's."""
    slept = window(wire, BODY, Sleep.TYPE).closes
    rises = wire.edge("BODY_ATT", True, since=slept)
    return rises, wire.edge("LENS_ATT", True, since=rises), wire.edge("BODY_ATT", False, since=rises)


ROWS: tuple[Row, ...] = (
    Row("presence to supply", lambda: usual().edge("V_LOGIC", True), 20_000, 1, DEFAULT),
    Row("supply to LENS_ATT",
        lambda: usual().edge("LENS_ATT", True) - usual().edge("V_LOGIC", True), 60_000, 1, DEFAULT),
    Row("greeting to greeting", lambda: window(usual(), LENS, 0x81).opens - window(usual(), BODY, 0x01).last, 500, 1,
        DEFAULT),
    Row("order to answer",
        lambda: window(usual(), LENS, 0x88).opens - window(usual(), BODY, 0x08).last, 120, 1, DEFAULT),
    Row("answer to next order", _settle, 60, 1, DEFAULT),
    Row("body set-up", lambda: [w.first - w.opens for w in usual().windows[BODY]], 10, 0.1, f"{SPEC} 3, turns"),
    Row("lens set-up", lambda: [w.first - w.opens for w in usual().windows[LENS]], 10, 0.1, f"{SPEC} 3, turns"),
    Row("body hold", lambda: [w.closes - w.last for w in usual().windows[BODY]], 5, 0.1, DEFAULT),
    Row("lens hold", lambda: [w.closes - w.last for w in usual().windows[LENS]], 5, 0.1, DEFAULT),
    Row("line low between two frames", two_frames, 10, 0.5, f"{SPEC} 3, turns"),
    Row("frame signal to the lens's reports", after_fsync(usual, LENS), 300, 1, DEFAULT),
    Row("frame signal to the body's frame", after_fsync(usual, BODY), 60, 1, DEFAULT),
    Row("frame signal low",
        lambda: [usual().edge("FSYNC", True, since=at) - at for at in usual().edges("FSYNC", False)[:-1]],
        20, 0.1, DEFAULT),
    Row("frame period at 60 Hz", lambda: [b - a for a, b in pairwise(usual().edges("FSYNC", False)[:20])],
        16_666.7, 1, DEFAULT),
    Row("rate accepted to the body's next order", lambda: window(usual(), BODY, 0x08).opens
        - window(usual(), LENS, 0x85, 1).last, 3_000, 5, f"{SPEC} 4, step 6"),
    Row("rate accepted to the lens's new rate",
        lambda: threshold(600, 20, 40, switched), 1_000, 21, f"{SPEC} 4, step 6"),
    Row("silence to the first rate", lambda: threshold(700_000, 50_000, 20, unheard), 1_050_000, 60_000, f"{SPEC} 3"),
    Row("call to LENS_ATT", lambda: _woken(usual())[1] - _woken(usual())[0], 3_000, 1, DEFAULT),
    Row("the shortest call", lambda: threshold(800, 20, 30, call), 1_010, 30, f"{SPEC} 4, sleep"),
    Row("call that is not heard", lambda: _woken(stubborn())[2] - _woken(stubborn())[0], 100_000, 10, DEFAULT),
    Row("lens keeps its line up when called", lambda: clinging().edge("V_DRIVE", True, since=_woken(clinging())[2])
        - _woken(clinging())[2], 10_000, 10, DEFAULT),
    Row("homing", homing, 244_500, 100, "arithmetic: 1333 steps at 6000/s, ramps at 400 000/s2, push 32, 2 ms"),
    Row("focus over its range",
        lambda: moves("focus"), 365_537, 100, "arithmetic: 4001 steps at 12 000/s, two ramps, 2 ms, 0.12 ms"),
    Row("diaphragm over 6.03 Av", lambda: moves("iris"), 100_500, 2_000, "arithmetic: 60 Av/s"),
    Row("zoom over its range", lambda: moves("zoom"), 2_000_120, 100, DEFAULT),
    Row("drive supply lost to BrownOut", brown_out, 500, 2, DEFAULT),
    Row("draw reported", power_reports, 99_000, 1_500, f"{SPEC} 4, power: ten times a second at most"),
    Row("no LENS_ATT after the supply",
        lambda: dead().edge("V_LOGIC", False) - dead().edge("V_LOGIC", True), 150_060, 2,
        f"{SPEC} 4, step 1"),
    Row("supply off between two tries", lambda: dead().edge("V_LOGIC", True, since=dead().edge("V_LOGIC", False))
        - dead().edge("V_LOGIC", False) - 20e-3, 100_000, 10, DEFAULT),
    Row("tries", lambda: len(dead().edges("V_LOGIC", True)) * 1e-6, 3, 0.1, DEFAULT),
    Row("greeting that is not answered", _spaced(0x01), 60_000, 10, f"{SPEC} 4"),
    Row("greetings",
        lambda: len([w for w in mute(0x81).of(BODY, 1) if w.opens < mute(0x81).edge("V_LOGIC", False)]) * 1e-6,
        3, 0.1, f"{SPEC} 4"),
    Row("order that is not answered", _spaced(0x08), 14_693, 30, "12 ms beside 404 bytes at 1.5 Mbaud"),
    Row("times that an order is sent", lambda: len([w for w in mute(0x88).of(BODY, 8)
        if w.opens < mute(0x88).edge("V_LOGIC", False)]) * 1e-6, 3, 0.1, f"{SPEC} 3"),
    Row("reports that stop to the loss of supply",
        _stops_reporting, 258_000, 12_000, f"{SPEC} 3: 250 ms and ten frames"),
    Row("no lens seen", lambda: no_lens()[0], 300_000, 10, DEFAULT),
    Row("table that is not answered", _spaced(0x40, script="correct", seconds=1.2), 32_780, 60,
        "30 ms beside 417 bytes at 1.5 Mbaud"),
    Row("a lens that never homes", lambda: window(never_homes(), BODY, Sleep.TYPE).opens
        - never_homes().edge("FSYNC", False), 3_000_000, 2_000, DEFAULT),
    Row("a focus drive without an end", lambda: unended(FocusDrive.TYPE, "focus near"), 5_000_000, 20_000, DEFAULT),
    Row("a diaphragm without an end", lambda: unended(ApertureDrive.TYPE, "aperture f/8"), 2_000_000, 20_000, DEFAULT),
    Row("drive supply that is asked for too much", sagging, 5_000, 5, DEFAULT),
    Row("reports of a ring that is turned", turned, 20_000, 10, DEFAULT),
    Row("latest report", lambda: threshold(1_000, 50, 30, late_report), 1_500, 55, f"{SPEC} 3, turns"),
)  # fmt: skip
