"""A script of a user: the five uses of the public API, with no import but `lensmount` and what it is written with."""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from random import Random
from threading import Thread

from msgspec import Struct

import lensmount
from lensmount.dialect import (
    SUM16,
    AnyMessage,
    Bytes,
    Checksum,
    Const,
    ConstructFrameFormat,
    Dialect,
    Evidence,
    EvidenceLevel,
    Int8ub,
    Int16ub,
    Int16ul,
    Message,
    RawCopy,
    SerialLine,
    TransitionTable,
    Wiring,
    field,
    message,
    message_table,
    this,
)
from lensmount.dialect import Struct as Layout
from lensmount.dialects.emount import FocusMove
from lensmount.roles import ARRIVAL, DialectRoles, Engine, Place, ReceivedFrame, Step, Task, Wait, parse_count
from lensmount.testing import memory_pair
from lensmount.wire import Burst, Edge, WireRecord


def decode(path: str) -> int:
    """Open a capture by its path, and use its frames, fields, statistics and timing."""
    capture = lensmount.open_capture(path)
    count = 0
    for frame in capture.frames():
        assert frame.at is None or frame.at >= 0
        assert frame.sender in (lensmount.Role.BODY, lensmount.Role.LENS)
        for one in frame.messages:
            fields = one.values() if isinstance(one, Message) else {}
            count += len(fields)
    moves = [move.operand for _frame, move in capture.messages(FocusMove)]
    assert moves, "the script of the session moves the focus"
    broken = [(result.rule.name, result.violations) for result in capture.timing if result.violations]
    assert not broken, broken
    assert not capture.problems, capture.problems
    assert capture.statistics.valid == capture.statistics.rebuilt
    return count


def run_virtual(path: Path) -> lensmount.LoopbackResult:
    """Run a virtual session, and save it."""
    result = lensmount.run_loopback("nex7", "sel2870", script="wait 0.2; focus 0x3F50; sleep", seed=1)
    assert result.ok, result.errors
    result.save(path)
    sent: list[WireRecord] = [record for record in result.records if isinstance(record, Burst | Edge)]
    assert sent
    faulty = lensmount.run_loopback("nex7", "sel2870", seconds=0.5, seed=1, faults=["bitflip rate=1e-3"])
    kinds = {error.kind for error in faulty.errors}
    assert kinds & {lensmount.ErrorKind.FRAMING, lensmount.ErrorKind.PROTOCOL}
    return result


def play(path: Path) -> lensmount.LiveResult:
    """Play a body on a port; a lens is played on the other end of it."""
    here, there = memory_pair(lensmount.load_dialect("emount").wiring.lines)
    with (
        lensmount.LiveSession("nex7", here, script="wait 0.1", record=path) as body,
        lensmount.LiveSession("sel2870", there, keep_records=False) as lens,
    ):
        ended: list[bool] = []
        other = Thread(target=lambda: lens.run(until=lambda: bool(ended)))
        other.start()
        try:
            result = body.run()
        finally:
            ended.append(True)
            other.join()
    assert result.ok, result.verdict.shortfalls
    assert lens.result.statistics.valid
    return result


@message(0x01, lensmount.Role.BODY, Evidence(EvidenceLevel.MODELLED, "this script"))
class Ask(Message):
    """The body asks for the temperature."""

    number: int = field(Int8ub, "number of the question")


@message(0x02, lensmount.Role.LENS, Evidence(EvidenceLevel.MODELLED, "this script"))
class Answer(Message):
    """The lens answers."""

    number: int = field(Int8ub, "number of the question")
    temperature: int = field(Int16ul, "temperature", unit="0.1 K")


FORMAT = ConstructFrameFormat(
    Layout(
        "start" / Const(0xA5, Int8ub),
        "checked"
        / RawCopy(Layout("length" / Int8ub, "class_" / Int8ub, "sequence" / Int8ub, "payload" / Bytes(this.length))),
        "checksum" / Checksum(Int16ub, SUM16.compute, this.checked.data),
    ),
    min_size=7,
    max_size=64,
    classes=frozenset({0}),
)


def trigger(sender: lensmount.Role, _class: int, _message: AnyMessage) -> str:
    """The transition of a frame."""
    return "ask" if sender is lensmount.Role.BODY else "answer"


THERMO = Dialect(
    name="thermo",
    title="A thermometer",
    notice="A dialect of a script.",
    sources={},
    wiring=Wiring(
        (SerialLine("R", lensmount.Role.LENS), SerialLine("T", lensmount.Role.BODY)), (9600,), 3, ("R", "T", "V", "D")
    ),
    drivers={"R": lensmount.Role.LENS, "T": lensmount.Role.BODY, "V": lensmount.Role.BODY, "D": lensmount.Role.LENS},
    messages=message_table((Ask, Answer)),
    formats={lensmount.Role.BODY: FORMAT, lensmount.Role.LENS: FORMAT},
    build_frame=FORMAT.build,
    transitions=TransitionTable(
        "IDLE",
        {"IDLE": {"ask": "ASKED"}, "ASKED": {"answer": "IDLE"}},
        {"ask": lensmount.Role.BODY, "answer": lensmount.Role.LENS},
    ),
    trigger_for=trigger,
    timing=(),
    idle_timeout=0.05,
    supply="V",
    detect="D",
)


class LensSettings(Struct, frozen=True):
    """What the profile of a lens holds."""

    temperature: int = 2930


class BodySettings(Struct, frozen=True):
    """What the profile of a body holds."""


class ThermoLens(Engine):
    """Answers each question."""

    def __init__(self, settings: LensSettings, carried: frozenset[str] | None, random: Random | None) -> None:
        super().__init__(THERMO, lensmount.Role.LENS, carried, random)
        self.settings = settings

    def on_arrival(self, arrival: ReceivedFrame) -> None:
        """A frame came from the body."""
        for one in arrival.messages:
            if isinstance(one, Ask):
                answer = Answer(number=one.number, temperature=self.settings.temperature)
                self.transmit(self.connection.send([answer], 0, 0))


class ThermoBody(Engine):
    """Asks as often as its script has it."""

    def __init__(self, carried: frozenset[str] | None, random: Random | None, script: Sequence[Step]) -> None:
        super().__init__(THERMO, lensmount.Role.BODY, carried, random)
        self.script = tuple(script)
        self.answers: list[Answer] = []
        self.levels["D"] = "D" in self.carried

    def on_start(self) -> None:
        """The session begins."""
        self.spawn(self._ask())

    def on_arrival(self, arrival: ReceivedFrame) -> None:
        """A frame came from the lens."""
        self.answers += [one for one in arrival.messages if isinstance(one, Answer)]

    def _ask(self) -> Task:
        yield self.level("D", False)
        self.drive("V", True)
        for step in self.script:
            for number in range(int(step.value)):
                self.transmit(self.connection.send([Ask(number=number)], 0, 0))
                wanted = len(self.answers) + 1
                yield Wait(self.now + 0.5, partial(self._has, wanted), (ARRIVAL,))
        self.done = True

    def _has(self, count: int) -> bool:
        return len(self.answers) >= count


def engine(settings: Struct, carried: frozenset[str] | None, random: Random | None, script: Sequence[Step]) -> Engine:
    """Make the engine of a profile's settings."""
    if isinstance(settings, LensSettings):
        return ThermoLens(settings, carried, random)
    return ThermoBody(carried, random, script)


def check(_place: Place, settings: Struct) -> None:
    """Refuse a temperature below absolute zero."""
    if isinstance(settings, LensSettings) and settings.temperature < 0:
        raise lensmount.ProfileError(f"temperature is {settings.temperature}; give 0 or more, in 0.1 K")


ROLES = DialectRoles(
    settings={Place.LENS: LensSettings, Place.BODY: BodySettings},
    check=check,
    verbs={"ask": parse_count},
    lens_verbs={},
    rules={},
    make_engine=engine,
    default_body="thermo-body",
    default_lens="thermo-lens",
)


def declare() -> list[int]:
    """Run both ends of a dialect that this script declares."""
    body = ThermoBody(None, None, [Step("ask", "ask 2", 2)])
    session = lensmount.VirtualSession(THERMO, body, ThermoLens(LensSettings(), None, None))
    session.start()
    session.run(2.0, stop_when=lambda: body.done)
    assert not session.violations, session.violations
    return [answer.temperature for answer in body.answers]


def main(folder: Path) -> None:
    """Do all of it in a folder."""
    path = folder / "session.lmx"
    result = run_virtual(path)
    print(result)
    print(decode(str(path)), "fields")
    print(play(folder / "live.lmx"))
    assert declare() == [2930, 2930]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
