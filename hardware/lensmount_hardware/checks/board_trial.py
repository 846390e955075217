"""What is tried on a board: it is greeted and asked; with jumpers in, its lines are driven and bytes are sent round."""

import os
from collections.abc import Callable, Sequence

from lensmount_hardware.boards.asking import ask_on
from lensmount_hardware.boards.conversation import Conversation
from lensmount_hardware.boards.declaration import BoardMessage
from lensmount_hardware.boards.orders import Configure, MappedLine, SendBytes, SetLevel, SetRate, Timing
from lensmount_hardware.boards.plan import DATA_IN_PINS, DATA_OUT_PIN, FIRST_LINE_PIN, Plan
from lensmount_hardware.boards.refusals import refusal
from lensmount_hardware.boards.reports import EdgeSeen, ReceivedBytes, Refused
from lensmount_hardware.boards.streams import ByteStream
from lensmount_hardware.boards.words import BoardRole, ConfigureFlag, LineFlag, LineKind
from lensmount_hardware.checks.facts import BoardFacts, Echo, Follows
from lensmount_hardware.clock import Clock
from lensmount_hardware.histogram import Histogram
from lensmount_protocol.errors import BoardError, MountError

QUESTIONS = 200
"""Round trips that are measured."""

MESSAGES = 100
"""Messages that go round over the jumper, at each rate."""

MESSAGE = bytes(range(0xF0, 0x100))
PATIENCE = 0.25

JUMPERS = ((DATA_OUT_PIN, DATA_IN_PINS[0]), (FIRST_LINE_PIN, FIRST_LINE_PIN + 1))
"""Pins that are joined: bytes, then a line."""

_OUT, _IN, _SERIAL_OUT, _SERIAL_IN = range(4)
_LINES = (
    MappedLine(JUMPERS[1][0], LineKind.PLAIN, LineFlag.OUTPUT),
    MappedLine(JUMPERS[1][1], LineKind.PLAIN, LineFlag.PULL_DOWN),
    MappedLine(JUMPERS[0][0], LineKind.DATA, LineFlag.OUTPUT),
    MappedLine(JUMPERS[0][1], LineKind.DATA, 0),
)
_NAMES = tuple(f"pin {line.gpio}" for line in _LINES)


def examine(stream: ByteStream, clock: Clock, rates: Sequence[int], *, jumpers: bool) -> BoardFacts:
    """Try all that can be tried; the board is at rest afterwards, and the stream is closed.

    Args:
        stream: the bytes to and from the board.
        clock: our time.
        rates: those that the mount needs, in bits a second.
        jumpers: the pins of `JUMPERS` are joined, and nothing else hangs there.
    """
    facts = BoardFacts()
    talk = Conversation(stream, clock, int.from_bytes(os.urandom(4)))
    try:
        facts.answer = ask_on(talk, QUESTIONS)
        if jumpers:
            _try_jumpers(talk, rates, facts)
    except MountError as error:
        facts.trouble = str(error)
    finally:
        talk.close()
    return facts


def _try_jumpers(talk: Conversation, rates: Sequence[int], facts: BoardFacts) -> None:
    assert facts.answer is not None
    lowest, highest = facts.answer.baudrates
    possible = [rate for rate in rates if lowest <= rate <= highest]
    wanted = Configure(BoardRole.LENS, ConfigureFlag.UNGUARDED, (possible or [lowest])[0], Timing(), _LINES)
    plan = Plan(wanted, _NAMES, {}, frozenset(), frozenset(), {}, "", 0.0, False)
    talk.configure(plan)
    facts.line = _try_line(talk)
    for rate in possible:
        talk.order(SetRate(0, rate, 0))
        facts.echoes[rate] = _try_bytes(talk)


def _try_line(talk: Conversation) -> Follows:
    seen: list[bool | None] = []
    for level in (True, False, True, False):
        talk.order(SetLevel(0, 0, _OUT, int(level), 0))
        edge = _await(talk, lambda report: isinstance(report, EdgeSeen) and report.line == _IN)
        seen.append(None if not isinstance(edge, EdgeSeen) else bool(edge.level) is level)
    if all(seen):
        return Follows.YES
    return Follows.INVERTED if set(seen) <= {False} else Follows.NO


def _try_bytes(talk: Conversation) -> Echo:
    times = Histogram()
    sent = 0
    while sent < MESSAGES and (times.total or sent < 3):
        begins = talk.clock.now()
        sent += 1
        talk.order(SendBytes(sent, 0, 0, 0, MESSAGE))
        came = b""
        while len(came) < len(MESSAGE):
            report = _await(talk, lambda report: isinstance(report, ReceivedBytes))
            if not isinstance(report, ReceivedBytes):
                break
            came += report.data
        if came == MESSAGE:
            times.add(talk.clock.now() - begins)
    return Echo(sent, times.total, times)


def _await(talk: Conversation, fits: Callable[[BoardMessage], bool]) -> BoardMessage | None:
    """The first report that fits and came in time; those in front of it are passed over."""
    ends = talk.clock.now() + PATIENCE
    while True:
        for report in talk.link.events():
            if isinstance(report, Refused):
                raise BoardError(f"{talk.name}: {refusal(report, _NAMES)}")
            if fits(report):
                return report
        left = ends - talk.clock.now()
        if left <= 0:
            return None
        talk.exchange(left, opening=True)
