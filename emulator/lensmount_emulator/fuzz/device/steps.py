"""What a story's steps do to a device: the verbs that need no virtual mount, each as a function of our end."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from lensmount_emulator.fuzz.device.link import Heard, Link
from lensmount_emulator.fuzz.device.setup import Setup
from lensmount_emulator.fuzz.device.traces import Trace, traced
from lensmount_protocol.errors import FaultError, unknown
from lensmount_protocol.wire import Role

SETTLES_S = 0.02
"""Behind its last step a case is listened to for so long."""

MEETS_S = 0.1
"""A frame of the device's stream is waited for at most so long."""

LONGEST_WAIT_S = 10.0


@dataclass(slots=True)
class Played:
    """What playing a story came to.

    Attributes:
        traces: what the wire showed.
        refused: why the gate held bytes back.
    """

    traces: set[Trace] = field(default_factory=lambda: set[Trace]())
    refused: list[str] = field(default_factory=lambda: list[str]())


def play(link: Link, steps: Sequence[str]) -> Played:
    """Take steps on a session that runs.

    Raises:
        FaultError: a step that cannot be taken on a device.
        TransportLostError, CaptureError: as `Link.run`.
    """
    played = Played()
    for step in steps:
        verb, _, rest = step.partition(" ")
        deed = STEPS.get(verb)
        if deed is None:
            raise FaultError(unknown("step of a story on a device", verb, STEPS))
        try:
            deed(link, rest, played)
        except (ValueError, KeyError) as error:
            raise FaultError(f"step {step!r} cannot be read: {error}") from None
    link.run(SETTLES_S)
    return played


def check(setup: Setup, step: str) -> None:
    """Refuse a step that cannot be taken on a device.

    Raises:
        ValueError, KeyError: see above.
    """
    verb, _, rest = step.partition(" ")
    READERS[verb](setup, rest)


def _seconds(_setup: Setup, text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds <= LONGEST_WAIT_S:
        raise ValueError(f"a wait is from 0 to {LONGEST_WAIT_S:g} s")
    return seconds


def _bytes(setup: Setup, text: str) -> bytes:
    name, _, digits = text.partition(" ")
    if Role(name) is not setup.role:
        raise ValueError(f"nobody but the {setup.role.value} sends here")
    data = bytes.fromhex(digits)
    if not data:
        raise ValueError("it sends nothing")
    return data


def _level(setup: Setup, text: str) -> tuple[str, bool]:
    line, _, level = text.partition(" ")
    if setup.dialect.drivers[line] is not setup.role:
        raise ValueError(f"{line} is not ours")
    return line, {"low": False, "high": True}[level]


def _device(setup: Setup, text: str) -> Role:
    if Role(text) is not setup.device:
        raise ValueError(f"the device is a {setup.device.value}")
    return setup.device


READERS: Mapping[str, Callable[[Setup, str], object]] = {
    "wait": _seconds,
    "send": _bytes,
    "drive": _level,
    "hear": _device,
}
"""Verb of a step -> what reads its words, and raises ValueError or KeyError where they mean nothing."""


def _wait(link: Link, text: str, _played: Played) -> None:
    link.run(_seconds(link.setup, text))


def _send(link: Link, text: str, played: Played) -> None:
    """Bytes beside those of our engine; what came in answer to the bytes before is looked at first."""
    data = _bytes(link.setup, text)
    state, began = link.engine.connection.state, link.clock.now()
    link.forget()
    reason = link.inject(data)
    if reason:
        played.refused.append(reason)
        return
    # What answers at once is seen by itself; what comes later belongs to this and to what follows.
    link.run(ANSWERS_S, unless=lambda: any(_is_news(link, heard) for heard in link.heard))
    news: Heard | None = next((heard for heard in link.heard if _is_news(link, heard)), None)
    played.traces.add(traced(link.setup, state, data, news, link.garbage, began))


def _is_news(link: Link, heard: Heard) -> bool:
    return not heard.legal or heard.said not in link.setup.dialect.routine


ANSWERS_S = 0.004
"""Bytes are listened to for so long before the next step; most answers take less, and a case stays close together."""


def _drive(link: Link, text: str, _played: Played) -> None:
    line, level = _level(link.setup, text)
    link.drive(line, level=level)


def _hear(link: Link, text: str, _played: Played) -> None:
    """Wait for the next frame of the device's stream, so that what follows has a place within its frame."""
    _device(link.setup, text)
    before = link.stream
    link.run(MEETS_S, unless=lambda: link.stream > before)


STEPS: Mapping[str, Callable[[Link, str, Played], None]] = {
    "wait": _wait,
    "send": _send,
    "drive": _drive,
    "hear": _hear,
}
"""Verb of a step -> what takes it on a device."""
