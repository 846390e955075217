"""The timing of both ends of an E-mount, from captures, and where there are none from our specification."""

from collections.abc import Callable
from functools import cache
from itertools import pairwise
from typing import Any

import msgspec

from lensmount_emulator.engine.dialect_roles import get_roles
from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.engine.script import parse_script
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.roles.emount.body.engine import BodyEngine
from lensmount_emulator.roles.emount.lens.engine import LensEngine
from lensmount_emulator.roles.emount.models import EmountIris
from lensmount_emulator.roles.emount.profile import BodyTiming, LensTiming
from lensmount_emulator.sessions.virtual_session import VirtualSession
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.dialects.emount.identification import SpeedRequest
from lensmount_protocol.wire import Burst, LineChanged, Role, WireRecord
from state_audit.raw import Raw
from timing_table.rows import Row
from timing_table.wire import Window, Wire

EMOUNT = load_dialect("emount")
BODY, LENS = Role.BODY, Role.LENS
SELECTS = {BODY: "BODY_CS", LENS: "LENS_CS"}
SLOW, FAST = 750_000, 1_500_000
SIG, LEX, BAS, OWN = "captures SIG", "logs LEX", "public body BAS", "protocol/spec/emount.md section 9"


def _body(name: str, script: str, *, defaults: bool = False) -> BodyEngine:
    settings: Any = load_profile(name).settings
    if defaults:
        timing = BodyTiming(setup=settings.timing.setup, hold=settings.timing.hold)
        settings = msgspec.structs.replace(settings, timing=timing)
    return BodyEngine(settings, script=parse_script(script, get_roles("emount").verbs))


def _lens(name: str, *, defaults: bool = False) -> LensEngine:
    settings: Any = load_profile(name).settings
    if defaults:
        kept = {key: getattr(settings.timing, key) for key in LensTiming.__struct_fields__}
        for key in ("select_follows", "switch_rises", "switch_falls"):
            del kept[key]
        timing = LensTiming(**kept | {"select_rises": -1.0})
        settings = msgspec.structs.replace(settings, timing=timing)
    return LensEngine(settings)


def play(
    body: Engine, lens: Engine, seconds: float, prepare: Callable[[VirtualSession], None] = lambda _bench: None
) -> Wire:
    """A session at nominal times."""
    records: list[WireRecord] = []
    bench = VirtualSession(EMOUNT, body, lens, tap=records.append)
    prepare(bench)
    bench.start()
    bench.run(seconds)
    return Wire(records, SELECTS, 5, 3)


@cache
def usual() -> Wire:
    return play(_body("a6000", "wait 0.2; focus 0x4100; sleep; wake; wait 0.2"), _lens("sel55210"), 5.5)


@cache
def plain() -> Wire:
    """Both ends with the times that a profile need not give."""
    return play(_body("a6000", "wait 0.2; sleep; wait 0.1", defaults=True), _lens("sel55210", defaults=True), 3.5)


@cache
def slow() -> Wire:
    return play(_body("nex7", "wait 0.2"), _lens("sel2870"), 1.5)


class Mute(LensEngine):
    """A lens that does not answer some requests, and does not stream if it is told so."""

    mute: frozenset[int] = frozenset()
    streams = True
    answered: int = 0

    def on_arrival(self, arrival: Any) -> None:
        if arrival.frame.payload[0] not in self.mute or arrival.frame.class_ == 1:
            super().on_arrival(arrival)

    def on_line(self, edge: LineChanged) -> None:
        if edge.line != "VD" or self.streams:
            super().on_line(edge)


@cache
def without_answer(type_: int, script: str = "wait 0.1; sleep", seconds: float = 12.0) -> Wire:
    lens = Mute(load_profile("sel55210").settings)  # type: ignore[arg-type]
    lens.mute = frozenset({type_})
    return play(_body("a6000", script), lens, seconds)


@cache
def dead() -> Wire:
    """Nothing but the contact of presence."""
    return play(_body("a6000", ""), Engine(EMOUNT, LENS), 12.0)


@cache
def falls_silent() -> Wire:
    """A lens that stops streaming one second into its session."""
    lens = Mute(load_profile("sel55210").settings)  # type: ignore[arg-type]

    def stop(bench: VirtualSession) -> None:
        bench.scheduler.call_at(1.5, lambda _none, _now: setattr(lens, "streams", False), None)

    return play(_body("a6000", "wait 9"), lens, 3.0, stop)


@cache
def holds_select() -> tuple[float, float]:
    """A lens whose select line stays high behind its answer to 0B: the end of the answer, and the loss of supply."""
    records: list[WireRecord] = []
    lens = _lens("sel55210")
    drive = lens.drive

    def held(line: str, level: bool) -> None:
        if not (line == "LENS_CS" and not level and lens.baudrate == FAST):
            drive(line, level)

    lens.drive = held  # type: ignore[method-assign]
    bench = VirtualSession(EMOUNT, _body("a6000", ""), lens, tap=records.append)
    bench.start()
    bench.run(1.0)
    answer = next(r for r in records if isinstance(r, Burst) and r.sender is LENS and r.baudrate == FAST)
    return answer.end, Wire(records, SELECTS, 5, 3).edge("VCC", False)


@cache
def never_arrives() -> Wire:
    """A lens that acknowledges no order and whose diaphragm never rests."""
    lens: Any = Mute(load_profile("sel55210").settings)  # type: ignore[arg-type]
    lens.stream.begin = _without_acknowledgements(lens)
    script = "focus 0x4100; focus 0x4200; aperture f/8; focus 0x4300"
    return play(_body("a6000", script), lens, 12.0)


def _without_acknowledgements(lens: Any) -> Callable[[int, int], None]:
    begin = lens.stream.begin

    class Never(list):  # type: ignore[type-arg]
        def append(self, _item: object) -> None:
            pass

        popleft = list.pop

    def begins(status: int, focus: int) -> None:
        begin(status, focus)
        lens.stream.acknowledgements = Never()
        lens.iris.__class__ = _Restless

    return begins


class _Restless(EmountIris):
    """A diaphragm that never rests."""

    __slots__ = ()

    @property
    def is_idle(self) -> bool:
        return False


@cache
def flooded() -> Wire:
    """A lens that has two refusals to send at once."""
    raw = Raw("emount", "sel55210")
    for line in ("LENS_POWER", "VCC", "VD"):
        raw.drive(line, True)
    raw.run(0.119)
    raw.drive("BODY_CS", True)
    raw.drive("TXD", True)
    raw.run(0.03)
    raw.drive("BODY_CS", False)
    raw.run(0.01)
    for _ in range(20):
        raw.window(bytes(1))
    raw.run(0.1)
    return Wire(raw.records, SELECTS, 5, 3)


@cache
def latest_switch() -> float:
    """The longest time behind the reply to 0C after which a lens follows a silent handshake, in steps of 0.5 ms."""
    longest = 0.0
    for halves in range(14, 27):
        raw = Raw("emount", "sel55210")
        for line in ("LENS_POWER", "VCC", "VD"):
            raw.drive(line, True)
        raw.run(0.119)
        raw.drive("BODY_CS", True)
        raw.drive("TXD", True)
        raw.run(0.03)
        raw.drive("BODY_CS", False)
        raw.run(0.01)
        raw.frame([SpeedRequest()], 2)
        assert raw.until(lambda raw=raw: bool(raw.body.arrivals), 0.1)
        raw.until(lambda raw=raw: not raw.level("LENS_CS"), 0.01)
        raw.run(halves * 0.5e-3)
        raw.drive("BODY_CS", True)
        raw.run(1e-4)
        if raw.level("LENS_CS"):
            longest = halves * 0.5e-3
    return longest


def ask(wire: Wire, type_: int, nth: int = 0) -> Window:
    """The window of a request."""
    return wire.of(BODY, type_, 2)[nth]


def reply(wire: Wire, type_: int, nth: int = 0) -> Window:
    """The window of an answer."""
    return wire.of(LENS, type_, 2)[nth]


def answer_s(wire: Callable[[], Wire], type_: int) -> Callable[[], float]:
    return lambda: reply(wire(), type_).opens - ask(wire(), type_).closes


def next_s(wire: Callable[[], Wire], before: int, after: int) -> Callable[[], float]:
    return lambda: ask(wire(), after).opens - reply(wire(), before).closes


def after_vd(wire: Callable[[], Wire], role: Role, type_: int) -> Callable[[], list[float]]:
    def measured() -> list[float]:
        falls = wire().edges("VD", False)
        windows = wire().of(role, type_, 1)[3:]
        return [window.opens - max(at for at in falls if at <= window.opens) for window in windows]

    return measured


def edge_s(wire: Callable[[], Wire], since: tuple[str, bool], until: tuple[str, bool]) -> Callable[[], float]:
    """From the first edge of a kind to the next one of another."""
    return lambda: wire().edge(*until, since=wire().edge(*since)) - wire().edge(*since)


def set_up(wire: Callable[[], Wire], role: Role, baudrate: int) -> Callable[[], list[float]]:
    return lambda: [w.first - w.opens for w in wire().windows[role] if w.baudrate == baudrate]


def hold(wire: Callable[[], Wire], role: Role, baudrate: int, size: int = 0) -> Callable[[], list[float]]:
    return lambda: [
        w.closes - w.last for w in wire().windows[role] if w.baudrate == baudrate and size in (0, len(w.data))
    ]


def _period(wire: Callable[[], Wire]) -> Callable[[], list[float]]:
    return lambda: [b - a for a, b in pairwise(wire().edges("VD", False))]


def _low(wire: Callable[[], Wire]) -> Callable[[], list[float]]:
    return lambda: [wire().edge("VD", True, since=at) - at for at in wire().edges("VD", False)[:-1]]


def _handshake(nth: int) -> Callable[[], tuple[float, float]]:
    def measured() -> tuple[float, float]:
        rise = usual().edges("BODY_CS", True)[nth]
        return rise, usual().edge("BODY_CS", False, since=rise)

    return measured


def _switch(wire: Wire) -> tuple[float, float, float, float, float]:
    """Times of the speed switch: reply over, body rises, lens rises, body falls, lens falls."""
    over = reply(wire, 0x0C).closes
    rises = wire.edge("BODY_CS", True, since=over)
    follows = wire.edge("LENS_CS", True, since=over)
    falls = wire.edge("BODY_CS", False, since=rises)
    return over, rises, follows, falls, wire.edge("LENS_CS", False, since=falls)


def _wake(wire: Wire) -> tuple[float, float, float, float]:
    """Times of the warm start: pulse, body rises, body falls, 0B opens."""
    slept = reply(wire, 0x16).closes
    rises = wire.edge("BODY_CS", True, since=slept)
    pulse = max(at for at in wire.edges("VD", False) if at <= rises)
    falls = wire.edge("BODY_CS", False, since=rises)
    return pulse, rises, falls, ask(wire, 0x0B, 1).opens


def _stop(wire: Wire) -> float:
    """From the last 04 to the order that stops the stream."""
    order = ask(wire, 0x0A, 1)
    return order.opens - max(w.closes for w in wire.of(BODY, 0x04, 1) if w.closes < order.opens)


def _again(type_: int, script: str = "wait 0.1; sleep", nth: int = 0) -> Callable[[], float]:
    """From the end of a request without an answer to the next request, or to the loss of supply."""

    def measured() -> float:
        wire = without_answer(type_, script)
        asked = ask(wire, type_, nth)
        behind = [w.opens for w in wire.windows[BODY] if w.opens > asked.closes and w.data[5] not in (3, 4)]
        lost = [at for at in wire.edges("VCC", False) if at > asked.closes]
        return min([*behind, *lost]) - asked.closes

    return measured


def _sends(type_: int) -> Callable[[], float]:
    """How often a request is sent before the supply is taken, as millionths so that the table counts it."""

    def measured() -> float:
        wire = without_answer(type_)
        lost = wire.edge("VCC", False)
        return sum(w.closes < lost for w in wire.of(BODY, type_, 2)) * 1e-6

    return measured


def _refused() -> list[float]:
    windows = [w for w in flooded().windows[LENS] if w.data[5] == 2]
    return [b.opens - a.closes for a, b in pairwise(windows[2:])]


def _moves(wire: Wire) -> list[float]:
    """When frames with a focus order went out."""
    return [w.first for w in wire.of(BODY, 0x04, 1) if w.data[1] == 27 and w.data[19] == 0x1D]


def _last_status(wire: Wire) -> float:
    return (
        wire.of(LENS, 0x05, 1)[-1].last
        if wire is not falls_silent()
        else max(w.last for w in wire.of(LENS, 0x05, 1) if w.last < 1.6)
    )


REPLIES_US = {0x01: 583, 0x07: 562, 0x0C: 336, 0x0B: 343, 0x08: 1_619, 0x09: 390, 0x0D: 339, 0x10: 849_000, 0x0A: 774}
"""An SEL55210 on an A6000."""

NEXT_US = {(0x01, 0x07): 240, (0x07, 0x0C): 260, (0x0B, 0x08): 313, (0x08, 0x09): 490, (0x09, 0x0D): 285,
           (0x0D, 0x10): 265, (0x10, 0x0A): 310}  # fmt: skip

ROWS: tuple[Row, ...] = (
    Row("VCC to first VD", edge_s(usual, ("VCC", True), ("VD", False)), 2_212, 60, SIG),
    Row("VCC to first VD, no profile", edge_s(plain, ("VCC", True), ("VD", False)), 2_240, 60, SIG),
    Row("VD period", _period(usual), 16_684, 1, SIG),
    Row("VD period of a NEX-7", _period(slow), 16_683, 1, LEX),
    Row("VD low", _low(usual), 63, 1, SIG),
    Row("VCC to BODY_CS", edge_s(usual, ("VCC", True), ("BODY_CS", True)), 119_380, 40, SIG),
    Row("VCC to BODY_CS, no profile", edge_s(plain, ("VCC", True), ("BODY_CS", True)), 119_380, 60, SIG),
    Row("BODY_CS to TXD", edge_s(usual, ("BODY_CS", True), ("TXD", True)), 25.8, 1, SIG),
    Row("BODY_CS to TXD, no profile", edge_s(plain, ("BODY_CS", True), ("TXD", True)), 20, 1, SIG),
    Row("VCC to LENS_CS", edge_s(usual, ("VCC", True), ("LENS_CS", True)), 68_200, 200, SIG),
    Row("BODY_CS to LENS_CS, no profile", edge_s(plain, ("BODY_CS", True), ("LENS_CS", True)), 10, 0.5, SIG),
    Row("BODY_CS to RXD", edge_s(usual, ("BODY_CS", True), ("RXD", True)), 23_100, 50, SIG),
    Row("BODY_CS high in the handshake", edge_s(usual, ("BODY_CS", True), ("BODY_CS", False)), 25_390, 20, SIG),
    Row("BODY_CS low to LENS_CS low", edge_s(usual, ("BODY_CS", False), ("LENS_CS", False)), 2_720, 5, SIG),
    Row("handshake to 01", lambda: ask(usual(), 1).opens - usual().edge("BODY_CS", False), 5_210, 20, SIG),
    Row("first look behind the handshake",
        lambda: ask(slow(), 1).opens - slow().edge("BODY_CS", False), 15_250, 40, SIG),
    *(Row(f"reply {t:02X}", answer_s(usual, t), us, max(1.0, us * 2e-3), SIG) for t, us in REPLIES_US.items()),
    *(Row(f"{a:02X} to request {b:02X}", next_s(usual, a, b), us, 2, SIG) for (a, b), us in NEXT_US.items()),
    Row("07 to request 0B without a switch", next_s(slow, 0x07, 0x0B), 15_350, 5, LEX),
    Row("09 to request 0D, no profile", next_s(plain, 0x09, 0x0D), 260, 2, SIG),
    Row("switch: reply to BODY_CS", lambda: _switch(usual())[1] - _switch(usual())[0], 124, 1, SIG),
    Row("switch: BODY_CS to LENS_CS", lambda: _switch(usual())[2] - _switch(usual())[1], 24, 0.5, SIG),
    Row("switch: BODY_CS high", lambda: _switch(usual())[3] - _switch(usual())[1], 5_110, 8, SIG),
    Row("switch: BODY_CS low to LENS_CS low", lambda: _switch(usual())[4] - _switch(usual())[3], 32.5, 1, SIG),
    Row("switch: silence", lambda: ask(usual(), 0x0B).opens - _switch(usual())[3], 20_300, 20, SIG),
    Row("switch, no profile: BODY_CS to LENS_CS", lambda: _switch(plain())[2] - _switch(plain())[1], 12, 0.5, SIG),
    Row("switch, no profile: BODY_CS high", lambda: _switch(plain())[3] - _switch(plain())[1], 65, 3, SIG),
    Row("switch, no profile: LENS_CS low", lambda: _switch(plain())[4] - _switch(plain())[3], 100, 1, OWN),
    Row("body set-up, slow", set_up(usual, BODY, SLOW), 20, 0.5, SIG),
    Row("body set-up, fast", set_up(usual, BODY, FAST), 22, 0.5, SIG),
    Row("lens set-up, slow", set_up(usual, LENS, SLOW), 30.8, 0.3, SIG),
    Row("lens set-up, fast", set_up(usual, LENS, FAST), 30.3, 0.3, SIG),
    Row("body hold, slow, 48 bytes", hold(usual, BODY, SLOW, 48), 45, 1, SIG),
    Row("body hold, slow, 16 bytes", hold(usual, BODY, SLOW, 16), 275, 3, SIG),
    Row("body hold, fast, 16 bytes", hold(usual, BODY, FAST, 16), 155, 2, SIG),
    Row("body hold, fast, 32 bytes", hold(usual, BODY, FAST, 32), 53.3, 1, SIG),
    Row("lens hold, slow", hold(usual, LENS, SLOW), 26.4, 0.3, SIG),
    Row("lens hold, fast", hold(usual, LENS, FAST), 56.3, 0.5, SIG),
    Row("0A reply to first 05", lambda: usual().of(LENS, 5, 1)[0].opens - reply(usual(), 0x0A).closes, 2_436, 5, SIG),
    Row("VD to 05", after_vd(usual, LENS, 5), 3_286, 2, SIG),
    Row("VD to 06", after_vd(usual, LENS, 6), 4_689, 40, SIG),
    Row("VD to 05 of a Sony zoom", after_vd(slow, LENS, 5), 1_810, 2, SIG),
    Row("05 to 06", lambda: [f.opens - max(w.closes for w in usual().of(LENS, 5, 1) if w.closes <= f.opens)
                             for f in usual().of(LENS, 6, 1)], 616, 2, SIG),
    Row("VD to 03", after_vd(usual, BODY, 3), 8_567, 2, SIG),
    Row("VD to 04", after_vd(usual, BODY, 4), 10_083, 2, SIG),
    Row("VD to 03 of a NEX-7", after_vd(slow, BODY, 3), 8_590, 2, LEX),
    Row("VD to 04 of a NEX-7", after_vd(slow, BODY, 4), 10_100, 2, LEX),
    Row("last 04 to the stop of the stream", lambda: _stop(usual()), 7_000, 20, LEX),
    Row("stream stopped to 16", lambda: ask(usual(), 0x16).opens - reply(usual(), 0x0A, 1).closes, 265, 10, LEX),
    Row("16 to its reply", answer_s(usual, 0x16), 549_000, 20, LEX),
    Row("wake: VD to BODY_CS", lambda: _wake(usual())[1] - _wake(usual())[0], 330, 2, SIG),
    Row("wake: BODY_CS low to 0B", lambda: _wake(usual())[3] - _wake(usual())[2], 20_250, 60, LEX),
    Row("no answer to 0B: asked again", _again(0x0B), 400_000, 100, OWN),
    Row("no answer to 08: asked again", _again(0x08), 500_000, 100, OWN),
    Row("no answer to 0A: given up", _again(0x0A), 500_000, 100, OWN),
    Row("no answer to 10: given up", _again(0x10), 8_000_000, 100, BAS),
    Row("no answer to 16: given up", _again(0x16), 4_000_000, 100, OWN),
    Row("sends of 0B", _sends(0x0B), 3, 0.1, OWN),
    Row("sends of 0A", _sends(0x0A), 1, 0.1, OWN),
    Row("supply off between two tries", edge_s(dead, ("VCC", False), ("VCC", True)), 100_000, 10, OWN),
    Row("tries", lambda: len(dead().edges("VCC", True)) * 1e-6, 3, 0.1, OWN),
    Row("handshake without a lens", edge_s(dead, ("BODY_CS", True), ("BODY_CS", False)), 504_190, 10, OWN),
    Row("silent stream to loss of supply", lambda: falls_silent().edge("VCC", False) - _last_status(falls_silent()),
        1_010_000, 12_000, OWN),
    Row("LENS_CS held behind an answer", lambda: holds_select()[1] - holds_select()[0], 400_000, 100, OWN),
    Row("a move that is not acknowledged", lambda: _moves(never_arrives())[1] - _moves(never_arrives())[0],
        3_000_000, 20_000, OWN),
    Row("a move, then a diaphragm that does not rest", lambda: _moves(never_arrives())[2] - _moves(never_arrives())[1],
        5_000_000, 20_000, OWN),
    Row("two frames of one end", _refused, 20, 0.5, OWN),
    Row("the latest silent handshake", latest_switch, 10_000, 500, "static analysis of a Samyang (BAS-SY)"),
)  # fmt: skip
