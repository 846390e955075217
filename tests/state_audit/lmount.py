"""The letters of a body of the open model: supplies, greeting, call, every order and report, and bad frames."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from lensmount_protocol.dialects.lmount.aperture_zoom import ApertureDrive
from lensmount_protocol.dialects.lmount.exposure import FrameStart
from lensmount_protocol.dialects.lmount.firmware_update import UpdateState
from lensmount_protocol.dialects.lmount.focus import FocusDrive
from lensmount_protocol.dialects.lmount.framing import CYCLE, EVENT, LINK, ORDER
from lensmount_protocol.dialects.lmount.identity import IdentityRequest
from lensmount_protocol.dialects.lmount.lines import FIRST_BAUDRATE
from lensmount_protocol.dialects.lmount.link import (
    BodyHello,
    CommandDone,
    CommandRejected,
    LensHello,
    SetBaudrateCommand,
    Sleep,
    StreamConfig,
)
from lensmount_protocol.dialects.lmount.power import PowerGrant
from lensmount_protocol.dialects.lmount.transitions import trigger_for
from lensmount_protocol.dialects.lmount.types import FocusCommand, Outcome, PowerClass
from lensmount_protocol.message import Message, UnknownMessage
from lensmount_protocol.wire import Role
from state_audit.explore import Alphabet, Letter
from state_audit.raw import Raw

FAST = 1_500_000
HOMES_S = 1.5
"""More than the slowest motion of the lens takes, so that no state counts time."""

NOT_SILENT_S = 0.4

NO_FOLLOWING = "rate, and the body keeps its own"
NEWS = ("FrameStart", "AngularRate", "Exposure")
"""What a body sends with each frame, and what is never answered."""


class State(NamedTuple):
    """What tells two moments apart."""

    lens: str
    body: str
    lens_rate: int
    body_rate: int
    supply: bool
    drive: bool
    started: bool
    asleep: bool
    granted: bool
    homed: bool
    homing: bool
    reports: bool
    changing: bool
    lens_att: bool


def state_of(raw: Raw) -> State:
    lens = raw.lens
    return State(
        lens.connection.state,
        raw.body.connection.state,
        lens.baudrate,
        raw.body.baudrate,
        raw.level("V_LOGIC"),
        raw.level("V_DRIVE"),
        lens.started,
        lens.asleep,
        lens.body_requests.granted > PowerClass.NONE,
        lens.homed,
        lens.homing,
        bool(lens.body_requests.reports),
        lens.body_requests.changing,
        raw.level("LENS_ATT"),
    )


def is_home(state: State) -> bool:
    """Greeted, awake, and at one rate."""
    return state.lens == state.body == "READY" and state.lens_rate == state.body_rate and not state.asleep


def _logic_on(raw: Raw) -> None:
    if raw.level("V_LOGIC"):
        return
    for line in ("V_LOGIC", "TXD", "FSYNC"):
        raw.drive(line, True)
    raw.body.connection.move("power", by=Role.BODY)
    raw.run(0.1)


def _logic_off(raw: Raw) -> None:
    for line in ("BODY_ATT", "V_DRIVE", "FSYNC", "TXD", "V_LOGIC"):
        raw.drive(line, False)
    raw.rate(FIRST_BAUDRATE)
    if raw.body.connection.state != "OFF":
        raw.body.connection.move("power lost", by=Role.BODY)
    raw.run(0.05)


def _pass(raw: Raw, seconds: float) -> None:
    """Let time pass as a body does: a lens that hears nothing for a second goes back to the first rate."""
    slices = max(1, round(seconds / NOT_SILENT_S))
    for _ in range(slices):
        raw.run(seconds / slices)
        if slices > 1 and raw.body.connection.state in ("READY", "ASKED"):
            raw.frame([FrameStart()], CYCLE)


def _drive_supply(level: bool) -> Callable[[Raw], None]:
    def act(raw: Raw) -> None:
        if raw.level("V_LOGIC"):
            raw.drive("V_DRIVE", level)
            _pass(raw, HOMES_S)

    return act


def _send(raw: Raw, messages: list[Any], class_: int, lasts: float = 0.03) -> None:
    if raw.level("V_LOGIC"):
        raw.frame(messages, class_)
        _pass(raw, lasts)


def _hello(raw: Raw) -> None:
    _send(raw, [BodyHello(revision=2, features=0x7F, rates=[FIRST_BAUDRATE, FAST])], LINK)


def _order(make: Callable[[], Message], lasts: float = 0.03, class_: int = ORDER) -> Callable[[Raw], None]:
    def act(raw: Raw) -> None:
        message: Any = make()
        raw.number = message.number = raw.number % 255 + 1
        _send(raw, [message], class_, lasts)

    return act


def _rate(*, follows: bool) -> Callable[[Raw], None]:
    def act(raw: Raw) -> None:
        since = len(raw.body.arrivals)
        raw.number = raw.number % 255 + 1
        _send(raw, [SetBaudrateCommand(number=raw.number, baudrate=FAST)], ORDER, 0.02)
        accepted = any(isinstance(m, CommandDone) and m.outcome == Outcome.ACCEPTED for m in raw.said(since))
        if accepted and raw.body.connection.state == "SWITCHING" and follows:
            raw.rate(FAST)
            raw.body.connection.move("switched", by=Role.BODY)
        elif accepted and not follows:
            # The lens hears nothing at the new rate, and goes back.
            raw.run(2.0)

    return act


def _call(raw: Raw) -> None:
    if not raw.level("V_LOGIC"):
        return
    raw.drive("BODY_ATT", True)
    called = raw.until(lambda: raw.level("LENS_ATT"), 0.02)
    raw.drive("BODY_ATT", False)
    if called and raw.body.connection.state == "ASLEEP":
        raw.body.connection.move("wake", by=Role.BODY)
    _pass(raw, HOMES_S)


def _back(raw: Raw) -> None:
    """A body that is not answered goes back to the first rate, and so does a lens to which nothing is said."""
    raw.rate(FIRST_BAUDRATE)
    raw.run(2.0)


def _frames(raw: Raw) -> None:
    for _ in range(3):
        if raw.level("V_LOGIC"):
            raw.drive("FSYNC", False)
            raw.run(20e-6)
            raw.drive("FSYNC", True)
        raw.run(0.0166)


def _bad(data: Callable[[bytes], bytes]) -> Callable[[Raw], None]:
    def act(raw: Raw) -> None:
        if raw.level("V_LOGIC"):
            raw.window(data(raw.dialect.build_frame(IdentityRequest(number=3).build(), ORDER, 0)))
            raw.run(0.03)

    return act


def _answers(raw: Raw, said: Sequence[Message]) -> bool:
    return any(getattr(m, "number", None) == raw.number for m in said)


def _greeted(_raw: Raw, said: Sequence[Message]) -> bool:
    return any(isinstance(m, LensHello | UpdateState) for m in said)


def _grant() -> Message:
    return PowerGrant(granted=PowerClass.EXTREME, limit_ma=1500)


UNKNOWN, SHORT = (
    UnknownMessage(bytes((0x79, 1, 0, 9)), "not declared"),
    UnknownMessage(bytes((0x20, 2, 0, 9, 0xFF)), "too short"),
)

MAKE: dict[str, Callable[[], Message]] = {
    "FocusDrive": lambda: FocusDrive(order=FocusCommand.ABSOLUTE, value=300),
    "ApertureDrive": lambda: ApertureDrive(target=1500),
}
"""Orders whose defaults are refused, with fields that are not."""

LASTS = {"FocusDrive": HOMES_S, "ApertureDrive": 0.5}


START = ("logic on", "logic off", "hello")
PARTS: dict[str, tuple[str, ...]] = {
    "power": ("drive on", "drive off", "grant", "grant nothing", "Sleep", "call", "FocusDrive", "ApertureDrive",
              "FocusLimits", "StabiliserCommand", "wait"),
    "sleep": ("Sleep", "call", "IdentityRequest", "rate", "first rate"),
    "stream": ("stream", "no stream", "frames", "Sleep", "call", "FrameStart in class 2", "rate",
               "first rate", "unknown type"),
}  # fmt: skip
"""Letters that are explored together, beside those of the start: the states of all together are their product."""

MULTIPLY = frozenset({"drive on", "drive off", "grant", "grant nothing", "stream", "no stream", "frames"})
"""What is left out of the letters of the link."""


def alphabet(profile: str, part: str = "link") -> Alphabet:
    """The letters of a part, `link`, `power` or `stream`, or `all`, for a lens of this profile."""
    raw = Raw("lmount", profile)
    letters = [
        Letter("logic on", _logic_on, "power", lambda raw, _said: raw.lens.started),
        Letter("logic off", _logic_off, "power lost", supplies=True),
        Letter("drive on", _drive_supply(True)),
        Letter("drive off", _drive_supply(False)),
        Letter("hello", _hello, "body hello", _greeted),
        Letter("call", _call, "wake", lambda raw, _said: not raw.lens.asleep),
        Letter("grant", _order(_grant, HOMES_S), "order", _answers),
        Letter("grant nothing", _order(lambda: PowerGrant(granted=PowerClass.NONE, limit_ma=0)), "order", _answers),
        Letter("rate", _rate(follows=True), "rate order", _answers),
        Letter(NO_FOLLOWING, _rate(follows=False), "rate order", _answers),
        Letter("rate refused", _order(lambda: SetBaudrateCommand(baudrate=9600)), "rate order", _answers),
        Letter("stream", _order(lambda: StreamConfig(reports=[0xA0, 0xA8])), "order", _answers),
        Letter("no stream", _order(lambda: StreamConfig(reports=[])), "order", _answers),
        Letter("frames", _frames),
        Letter("first rate", _back),
        Letter("wait", lambda raw: raw.run(2.0)),
        Letter("unknown type", lambda raw: _send(raw, [UNKNOWN], ORDER), "order",
               lambda _raw, said: any(isinstance(m, CommandRejected) for m in said)),
        Letter("too short", lambda raw: _send(raw, [SHORT], ORDER), "order",
               lambda _raw, said: any(isinstance(m, CommandRejected) for m in said)),
        Letter("bad checksum", _bad(lambda data: data[:-1] + bytes((data[-1] ^ 0x10,)))),
        Letter("cut frame", _bad(lambda data: data[:-2])),
    ]  # fmt: skip
    named = ("BodyHello", "PowerGrant", "SetBaudrateCommand", "StreamConfig")
    for (sender, _type), cls in raw.dialect.messages.items():
        if sender is not Role.BODY or cls.__name__ in named:
            continue
        make: Callable[[], Message] = MAKE.get(cls.__name__, cls)
        if cls.__name__ in NEWS:
            for class_ in (CYCLE, EVENT):
                act = lambda raw, make=make, class_=class_: _send(raw, [make()], class_)  # noqa: E731 - one of many
                letters.append(Letter(f"{cls.__name__} in class {class_}", act, "body cycle"))
        elif "number" in cls.__dataclass_fields__:
            cause = trigger_for(Role.BODY, ORDER, make())
            act = _order(make, LASTS.get(cls.__name__, 0.03))
            letters.append(Letter(cls.__name__, act, cause, _answers))
        else:
            act = lambda raw, make=make: _send(raw, [make()], LINK)  # noqa: E731 - one of many
            cause = trigger_for(Role.BODY, LINK, make())
            letters.append(Letter(cls.__name__, act, cause, lambda _raw, said: bool(said)))
    assert any(letter.name == Sleep.__name__ for letter in letters)
    return Alphabet(
        lambda: Raw("lmount", profile),
        {letter.name: letter for letter in letters if _belongs(letter.name, part)},
        state_of,
        lambda message: isinstance(message, CommandRejected),
    )


def _belongs(name: str, part: str) -> bool:
    if part == "link":
        return name not in MULTIPLY
    return part == "all" or name in START or name in PARTS[part]
