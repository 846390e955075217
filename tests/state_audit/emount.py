"""The letters of an E-mount body: supply, handshakes, every request, every order of the loop, and bad frames."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from lensmount_protocol.dialects.emount.body_status import BodyMode, BodyState, RowSelect
from lensmount_protocol.dialects.emount.focus import (
    DistanceOfPosition,
    DistanceToPosition,
    FocusLimitDrive,
    FocusLimitDriven,
    FocusMove,
    FocusMoved,
    FocusScan,
    FocusScanned,
    FocusStop,
    FocusStopped,
    PositionOfDistance,
    PositionToDistance,
)
from lensmount_protocol.dialects.emount.framing import LOOP_CLASS, REQUEST_CLASS
from lensmount_protocol.dialects.emount.identification import Query0B, SpeedReply, SpeedRequest
from lensmount_protocol.dialects.emount.lens_status import LensStatus
from lensmount_protocol.dialects.emount.lines import FAST_BAUDRATE, SLOW_BAUDRATE
from lensmount_protocol.dialects.emount.service import Refusal
from lensmount_protocol.dialects.emount.startup_shutdown import StreamLayoutRequest
from lensmount_protocol.dialects.emount.transitions import trigger_for
from lensmount_protocol.message import Message, UnknownMessage
from lensmount_protocol.wire import Role
from state_audit.explore import Alphabet, Letter
from state_audit.raw import Raw

LONGEST_S = 2.0
"""What is waited for an answer."""

FRAMES = 5
"""Pulses after an order of the loop within which it shows."""

NO_FOLLOWING = "0C and its handshake, and the body keeps its rate"

LOOP_ONLY = ("BodyState", "BodyMode", "RowSelect")


class State(NamedTuple):
    """What tells two moments apart."""

    lens: str
    body: str
    lens_rate: int
    body_rate: int
    supply: bool
    streams: bool
    hears: bool
    lens_cs: bool
    rxd: bool


def state_of(raw: Raw) -> State:
    lens = raw.lens
    return State(
        lens.connection.state,
        raw.body.connection.state,
        lens.baudrate,
        raw.body.baudrate,
        raw.level("VCC"),
        lens.stream.running,
        lens.rx_enabled,
        raw.level("LENS_CS"),
        raw.level("RXD"),
    )


def is_home(state: State) -> bool:
    """Both ends are ready for a request, at one rate."""
    return state.lens == state.body == "READY" and state.lens_rate == state.body_rate and state.hears


def pulse(raw: Raw, count: int) -> None:
    for _ in range(count):
        if raw.level("VCC"):
            raw.drive("VD", False)
            raw.run(63e-6)
            raw.drive("VD", True)
        raw.run(16_684e-6 - 63e-6)


def _power_on(raw: Raw) -> None:
    if raw.level("VCC"):
        return
    for line in ("LENS_POWER", "VCC", "VD"):
        raw.drive(line, True)
    raw.body.connection.move("power", by=Role.BODY)
    raw.run(0.119)


def _power_off(raw: Raw) -> None:
    for line in ("BODY_CS", "TXD", "VD", "VCC", "LENS_POWER"):
        raw.drive(line, False)
    raw.rate(SLOW_BAUDRATE)
    if raw.body.connection.state != "OFF":
        raw.body.connection.move("power lost", by=Role.BODY)
    raw.run(0.05)


def _handshake(raw: Raw) -> None:
    """What a body does at either start; it goes on where the lens does not follow."""
    body = raw.body.connection
    if not raw.level("VCC"):
        return
    if body.state == "ASLEEP":
        body.move("wake", by=Role.BODY)
    raw.drive("BODY_CS", True)
    raw.drive("TXD", True)
    raw.until(lambda: raw.level("RXD"), 0.06)
    raw.run(2e-3)
    raw.drive("BODY_CS", False)
    raw.until(lambda: not raw.level("LENS_CS"), 0.06)
    if body.state == "WAKING":
        body.move("linked", by=Role.BODY)
    raw.run(1e-3)


def _bare_window(raw: Raw) -> None:
    if raw.level("VCC"):
        raw.drive("BODY_CS", True)
        raw.run(60e-6)
        raw.drive("BODY_CS", False)
    raw.run(0.06)


def _answered(raw: Raw) -> None:
    """Wait until the lens has sent what it has to send."""
    raw.run(2e-3)
    raw.until(lambda: not raw.lens.waiting and not raw.lens.sending, LONGEST_S)
    if raw.lens.connection.state == "WAKING":
        # The window has begun a handshake.
        raw.run(0.06)
    raw.run(1e-3)


def _answered_quickly(raw: Raw) -> None:
    """Wait for the end of one answer, to do what has to follow at once."""
    since = len(raw.body.arrivals)
    raw.until(lambda: len(raw.body.arrivals) > since and not raw.level("LENS_CS"), 0.03)


def _asks(message: Message | UnknownMessage, type_: int) -> Callable[[Raw], None]:
    def act(raw: Raw) -> None:
        if not raw.level("VCC"):
            return
        raw.frame([message], REQUEST_CLASS)
        _answered(raw)
        if type_ == SpeedRequest.TYPE:
            # The switch that does not come.
            raw.run(0.02)

    return act


def _switch(raw: Raw, *, follows: bool = True) -> None:
    since = len(raw.body.arrivals)
    if not raw.level("VCC"):
        return
    raw.frame([SpeedRequest()], REQUEST_CLASS)
    _answered_quickly(raw)
    if not any(isinstance(said, SpeedReply) and said.accepted & 1 for said in raw.said(since)):
        return
    if follows and raw.body.connection.state != "SWITCHING":
        raw.run(0.02)
        return
    raw.run(120e-6)
    raw.drive("BODY_CS", True)
    raw.run(70e-6)
    raw.drive("BODY_CS", False)
    raw.run(2e-3)
    if follows:
        raw.rate(FAST_BAUDRATE)
        raw.body.connection.move("switched", by=Role.BODY)
    raw.run(0.018)


def _loops(*messages: Message) -> Callable[[Raw], None]:
    def act(raw: Raw) -> None:
        if raw.level("VCC"):
            raw.frame(list(messages), LOOP_CLASS)
        pulse(raw, FRAMES)

    return act


def _bad(place: int) -> Callable[[Raw], None]:
    def act(raw: Raw) -> None:
        if not raw.level("VCC"):
            return
        data = bytearray(raw.dialect.build_frame(Query0B().build(), REQUEST_CLASS, 0))
        data[place] ^= 0x10
        raw.window(bytes(data))
        _answered(raw)

    return act


def _one_of(*classes: type[Message]) -> Callable[[Raw, Sequence[Message]], bool]:
    return lambda _raw, said: any(isinstance(message, classes) for message in said)


def _same_type(type_: int) -> Callable[[Raw, Sequence[Message]], bool]:
    return lambda _raw, said: any(type_ == message.TYPE for message in said)


def _new_aperture(_raw: Raw, said: Sequence[Message]) -> bool:
    return len({m.aperture for m in said if isinstance(m, LensStatus)}) > 1 or any(
        isinstance(m, LensStatus) and m.aperture >= 0x1600 for m in said
    )


def _rows_echoed(_raw: Raw, said: Sequence[Message]) -> bool:
    return any(isinstance(m, LensStatus) and m.row_index_a == 0x16 for m in said)


LOOP: tuple[tuple[str, tuple[Message, ...], Callable[[Raw, Sequence[Message]], bool] | None], ...] = (
    ("BodyState", (BodyState(aperture_target=0x1600, aperture_target_leading=0x1600, control=0x1C),), _new_aperture),
    ("RowSelect", (BodyState(aperture_target=0x1600, control=0x1C), RowSelect(row_a=0x16, row_b=0x16)), _rows_echoed),
    ("BodyMode", (BodyMode(),), None),
    ("FocusMove", (BodyMode(), FocusMove(operand=0x4100)), _one_of(FocusMoved)),
    ("FocusMove relative", (BodyMode(), FocusMove(operand=5, flags=4)), _one_of(FocusMoved)),
    ("FocusMove unit 1", (BodyMode(), FocusMove(operand=5, flags=1)), _one_of(FocusMoved)),
    ("FocusStop", (BodyMode(), FocusStop()), _one_of(FocusStopped)),
    ("FocusScan", (BodyMode(), FocusScan(limit_a=0x4000, limit_b=0x4080)), _one_of(FocusScanned)),
    ("FocusLimitDrive", (BodyMode(), FocusLimitDrive(speed=-5)), _one_of(FocusLimitDriven)),
    ("PositionToDistance", (BodyMode(), PositionToDistance(position=0x4100)), _one_of(DistanceOfPosition)),
    ("DistanceToPosition", (BodyMode(), DistanceToPosition(distance=384)), _one_of(PositionOfDistance)),
)
"""Orders of the loop, and what shows that they were taken."""


SHARE = (
    "IdentityRequest",
    "Query0B",
    "FrameRateRequest",
    "SpeedRequest",
    "StreamLayoutRequest",
    "StartUpRequest",
    "ShutDownRequest",
    "ApertureOrder",
    "NameRequest",
    "FocusMove",
    "loop BodyState",
    "loop FocusMove",
)
"""Letters of single messages that stand for all others of their kind."""


def alphabet(profile: str, part: str = "all") -> Alphabet:
    """The letters `all`, or a `share` of them, for a lens of this profile."""
    raw = Raw("emount", profile)
    letters = [
        Letter("power", _power_on, "power", lambda raw, _said: raw.lens.connection.state != "OFF"),
        Letter("power lost", _power_off, "power lost", supplies=True),
        Letter("handshake", _handshake, "linked", lambda raw, _said: raw.lens.connection.state == "READY"),
        Letter("wake", _handshake, "wake", lambda raw, _said: raw.lens.connection.state == "READY"),
        Letter("bare window", _bare_window),
        Letter("pulse", lambda raw: pulse(raw, 2)),
        Letter("wait", lambda raw: raw.run(0.1)),
        Letter("0C and its handshake", _switch, "request", _one_of(SpeedReply, Refusal)),
        Letter(NO_FOLLOWING, lambda raw: _switch(raw, follows=False), "request", _one_of(SpeedReply, Refusal)),
        Letter("stop the stream", _asks(StreamLayoutRequest(status_blocks=0, focus_blocks=0), 0x0A), "request",
               _same_type(0x0A)),
        Letter("unknown type", _asks(UnknownMessage(b"\x7e\x00", "not declared"), 0x7E), "request", _one_of(Refusal)),
        Letter("bad sum", _bad(-3)),
        Letter("bad end", _bad(-1)),
    ]  # fmt: skip
    for (sender, type_), cls in raw.dialect.messages.items():
        if sender is Role.BODY and cls.__name__ not in LOOP_ONLY:
            message = cls()
            if len(message.build()) > 200:
                # More than a body's frame holds.
                continue
            letters.append(
                Letter(
                    cls.__name__,
                    _asks(message, type_),
                    trigger_for(Role.BODY, REQUEST_CLASS, message),
                    lambda _raw, said, type_=type_: any(m.TYPE in (type_, Refusal.TYPE) for m in said),
                )
            )
    letters += [Letter(f"loop {name}", _loops(*messages), "loop", shows) for name, messages, shows in LOOP]
    return Alphabet(
        lambda: Raw("emount", profile),
        {letter.name: letter for letter in letters if part == "all" or _belongs(letter.name)},
        state_of,
        lambda message: isinstance(message, Refusal),
    )


def _belongs(name: str) -> bool:
    return name in SHARE or not (name[0].isupper() or name.startswith("loop"))
