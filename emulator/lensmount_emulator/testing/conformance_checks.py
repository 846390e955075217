"""The checks of the conformance suite: each is a function of a dialect that raises where it does not conform."""

import unittest
from collections.abc import Callable
from functools import cached_property, partial
from random import Random
from typing import Any

from lensmount_emulator.engine.dialect_roles import DialectRoles, get_roles
from lensmount_emulator.fuzz.random_inputs import build_fitting_frame
from lensmount_emulator.profiles.library import Profile, load_profile
from lensmount_emulator.sessions.loopback import LoopbackResult, run_loopback
from lensmount_emulator.verification.codec_equivalence import compare_codecs, message_bytes
from lensmount_protocol.connection import Connection
from lensmount_protocol.dialect import Dialect, load_dialect
from lensmount_protocol.errors import FrameError, LocalProtocolError
from lensmount_protocol.frame_parser import FrameParser
from lensmount_protocol.framer import Frame, FrameEvent, GarbageReason, burst_format
from lensmount_protocol.message import LengthPrefixedMessage, Message, SelectableMessage, UnknownMessage
from lensmount_protocol.wire import Role


class ConformanceSkip(unittest.SkipTest):
    """A check does not apply to a dialect."""


class ConformanceSubject:
    """A dialect under check, with a session that several checks share.

    Attributes:
        dialect: the dialect.
        roles: its roles.
    """

    def __init__(self, name: str) -> None:
        self.dialect: Dialect = load_dialect(name)
        self.roles: DialectRoles = get_roles(name)

    @cached_property
    def body(self) -> Profile:
        """The default body."""
        return load_profile(self.roles.default_body, Role.BODY)

    @cached_property
    def lens(self) -> Profile:
        """The default lens."""
        return load_profile(self.roles.default_lens, Role.LENS)

    @cached_property
    def session(self) -> LoopbackResult:
        """One session of the check script."""
        return self.play(seed=1)

    def play(self, **options: object) -> LoopbackResult:
        """Run the check script."""
        script = self.roles.check_script or "wait 0.5" if "wait" in self.roles.verbs else self.roles.check_script
        seconds = None if script else 1.0
        # The options are those of `run_loopback`, passed on by name.
        return run_loopback(self.body, self.lens, script=script, seconds=seconds, **options)  # type: ignore[arg-type]

    def classes(self, role: Role) -> list[type[Message]]:
        """The messages of an end."""
        return [cls for (sender, _), cls in self.dialect.messages.items() if sender is role]

    def frames(self, role: Role, count: int = 20) -> list[bytes]:
        """Whole frames of an end, the same at each call."""
        random, found = Random(7), list[bytes]()
        classes, format_ = self.classes(role), self.dialect.formats[role]
        if not classes:
            raise ConformanceSkip(f"the {role.value} sends no message")
        if burst_format(format_) is not None:
            raise ConformanceSkip("its frames are bursts without a start byte")
        for number in range(40 * count):
            cls = random.choice(classes)
            frame = build_fitting_frame(self.dialect, role, cls().build(), number % 5, number % 256)
            if _raw(self.parse(role, frame)) == [frame] and len(frame) <= format_.max_size:
                found.append(frame)
            if len(found) == count:
                return found
        assert found, f"no default message of the {role.value} makes a valid frame"
        return found

    def parse(self, role: Role, *pieces: bytes) -> list[FrameEvent]:
        """What a parser reports of these pieces and of the end after them."""
        parser = FrameParser(self.dialect, role, self.dialect.payload_parser())
        events = [event for piece in pieces for event in parser.receive(piece)]
        return [*events, *parser.close(GarbageReason.SOURCE_ENDED)]


Check = Callable[[ConformanceSubject], None]
CHECKS: dict[str, Check] = {}


def check(function: Check) -> Check:
    """Register a check under its name."""
    CHECKS[function.__name__] = function
    return function


def check_by_role(function: Callable[[ConformanceSubject, Role], None]) -> None:
    """Register a check once for each end."""
    for role in Role:
        named = partial(_call_for_role, function, role)
        named.__doc__ = function.__doc__
        CHECKS[f"{function.__name__}_{role.value}"] = named


def _call_for_role(
    function: Callable[[ConformanceSubject, Role], None], role: Role, subject: ConformanceSubject
) -> None:
    function(subject, role)


def _raw(events: list[FrameEvent]) -> list[bytes]:
    return [event.raw for event in events if isinstance(event, Frame)]


def _all_bytes(events: list[FrameEvent]) -> bytes:
    return b"".join(event.raw if isinstance(event, Frame) else event.data for event in events)


# Framing.


@check_by_role
def framing_whole(subject: ConformanceSubject, role: Role) -> None:
    """Every frame is found as it was built."""
    for frame in subject.frames(role):
        assert _raw(subject.parse(role, frame)) == [frame], f"{frame.hex()} is not found as it was built"


@check_by_role
def framing_every_cut(subject: ConformanceSubject, role: Role) -> None:
    """A frame is found wherever the bytes are cut, and no part of it is one."""
    for frame in subject.frames(role, 4):
        for cut in range(1, min(len(frame), 80)):
            assert _raw(subject.parse(role, frame[:cut], frame[cut:])) == [frame], f"{frame.hex()} cut at {cut}"
            assert frame not in _raw(subject.parse(role, frame[:cut])), f"{frame.hex()} cut off at {cut}"


@check_by_role
def framing_byte_by_byte(subject: ConformanceSubject, role: Role) -> None:
    """The same frames come from single bytes."""
    for frame in subject.frames(role, 6):
        assert _raw(subject.parse(role, *(bytes((byte,)) for byte in frame))) == [frame], f"{frame.hex()} byte by byte"


@check_by_role
def framing_noise(subject: ConformanceSubject, role: Role) -> None:
    """A frame after noise is found, and every byte is reported once and in order."""
    random = Random(3)
    for frame in subject.frames(role, 8):
        noise = bytes(byte for byte in random.randbytes(12) if byte != subject.dialect.formats[role].start)
        events = subject.parse(role, noise + frame)
        assert _raw(events) == [frame], f"{frame.hex()} is not found after {noise.hex()}"
        assert _all_bytes(events) == noise + frame, f"bytes of {noise.hex()} {frame.hex()} are lost or out of order"


@check_by_role
def framing_false_start(subject: ConformanceSubject, role: Role) -> None:
    """After a false start byte the next frame is found."""
    frames = subject.frames(role, 8)
    start = bytes((subject.dialect.formats[role].start,))
    for frame in frames:
        assert frame in _raw(subject.parse(role, start + frame)), f"{frame.hex()} is not found after {start.hex()}"


@check_by_role
def framing_trailing_data(subject: ConformanceSubject, role: Role) -> None:
    """Bytes after a frame do not belong to it."""
    one, other = subject.frames(role, 2)
    assert _raw(subject.parse(role, one + other)) == [one, other], f"{one.hex()} {other.hex()} are not found as two"
    events = subject.parse(role, one + b"\0\0\0")
    assert _raw(events) == [one], f"{one.hex()} is not found before 000000"
    assert _all_bytes(events) == one + b"\0\0\0", f"bytes of {one.hex()} 000000 are lost or out of order"


@check_by_role
def framing_longest_frame(subject: ConformanceSubject, role: Role) -> None:
    """The largest frame is found, and one byte more is no frame."""
    template = subject.frames(role, 1)[0]
    format_ = subject.dialect.formats[role]
    inside = format_.parse_header(template, 0)
    around = len(template) - len(inside.payload)
    data = (inside.payload * format_.max_size)[: format_.max_size - around]
    frame = subject.dialect.build_frame(data, inside.class_, inside.sequence)
    what = f"a frame of {len(data)} bytes of payload, max_size ({format_.max_size}) less {around} around it"
    assert len(frame) == format_.max_size, f"{what}, is built with {len(frame)} bytes"
    assert _raw(subject.parse(role, frame)) == [frame], (
        f"{what}, is not found; by frame_length it has {format_.frame_length(frame[: format_.header_size])} bytes"
    )
    try:
        longer = subject.dialect.build_frame(data + b"\0", inside.class_, inside.sequence)
    except Exception:
        # The length cannot be written, so such a frame cannot exist.
        return
    assert longer not in _raw(subject.parse(role, longer)), f"a frame of {len(longer)} bytes is found, max_size is less"


@check_by_role
def framing_damaged_checksum(subject: ConformanceSubject, role: Role) -> None:
    """A frame with a wrong bit in its payload is no frame."""
    for frame in subject.frames(role, 6):
        inside = subject.dialect.formats[role].parse_header(frame, 0).payload_slice
        place = range(len(frame))[inside][0]
        damaged = frame[:place] + bytes((frame[place] ^ 1,)) + frame[place + 1 :]
        assert damaged not in _raw(subject.parse(role, damaged)), f"{damaged.hex()} is a frame with a wrong bit"


# Codec.


@check
def codec_agrees_with_construct(subject: ConformanceSubject) -> None:
    """Generated code does what construct does, on valid and damaged frames."""
    result = compare_codecs(subject.dialect, 150, Random(5))
    assert result.cases, "no case was compared"
    assert result.mismatches == 0, result.shown[0]


@check_by_role
def codec_round_trip(subject: ConformanceSubject, role: Role) -> None:
    """Every message with its defaults parses to itself."""
    for cls in subject.classes(role):
        message = cls()
        assert cls.parse(message.build()) == message, f"{cls.__name__} parses to other values than its defaults"


@check_by_role
def codec_cut_messages(subject: ConformanceSubject, role: Role) -> None:
    """A cut message of fixed size is refused at every length, with an error of the library."""
    for cls in subject.classes(role):
        data = cls().build()
        for size in range(min(len(data), 40)):
            try:
                cls.parse(data[:size])
            except FrameError:
                continue
            assert cls.VARIES, f"{cls.__name__} accepts {data[:size].hex()}"


@check_by_role
def codec_random_bytes(subject: ConformanceSubject, role: Role) -> None:
    """Random payloads are messages or unknown bytes, which build to the same bytes, and never an exception."""
    random, parser = Random(11), subject.dialect.payload_parser()
    for cls in subject.classes(role):
        for _ in range(10):
            payload = message_bytes(cls, random)
            found = parser.parse(role, payload)
            assert b"".join(message.build() for message in found)[:1] == payload[:1], (
                f"{payload.hex()}, made for {cls.__name__}, begins with another byte after parse and build"
            )


@check
def revisions_optional_fields(subject: ConformanceSubject) -> None:
    """A message without the fields of later revisions parses, and builds to the same bytes."""
    _require_prefixed(subject)
    compared = 0
    for cls in _prefixed(subject):
        absent = [spec.name for spec in cls.FIELDS if "Optional" in repr(spec.layout)]
        if absent:
            message = cls()
            for name in absent:
                setattr(message, name, None)
            assert cls.parse(message.build()) == message, f"{cls.__name__} without {', '.join(absent)} is another one"
            compared += 1
    if not compared:
        raise ConformanceSkip("no message has an optional field")


@check
def revisions_later_bytes(subject: ConformanceSubject) -> None:
    """Bytes of a later revision are kept and built again."""
    _require_prefixed(subject)
    for cls in _prefixed(subject):
        if any("Optional" in repr(spec.layout) for spec in cls.FIELDS):
            continue
        later: Any = cls()
        later.tail = b"\1\2\3"
        message: LengthPrefixedMessage = later
        assert cls.parse(message.build()) == message, f"{cls.__name__} loses bytes after its last field"


@check
def revisions_unknown_message_is_skipped(subject: ConformanceSubject) -> None:
    """A message of an unknown type is skipped by its size, and the next one is read."""
    _require_prefixed(subject)
    if len(_prefixed(subject)) != len(subject.dialect.messages):
        raise ConformanceSkip("some messages carry no size")
    known = _prefixed(subject)[0]
    types = {type_ for _, type_ in subject.dialect.messages}
    type_ = next(number for number in range(255, -1, -1) if number not in types)
    size = known.PREFIX.build(2) if not known().tail else b""
    unknown = bytes((type_,)) + size + b"\7\7"
    found = subject.dialect.payload_parser().parse(known.SENDER, unknown + known().build())
    assert isinstance(found[0], UnknownMessage), f"{unknown.hex()} is not an unknown message"
    assert found[1:] == [known()], (
        f"{known.__name__} is not read after {unknown.hex()}; Dialect.unknown_message_end returns where an unknown "
        "message ends"
    )


def _prefixed(subject: ConformanceSubject) -> list[type[LengthPrefixedMessage]]:
    return [cls for cls in subject.dialect.messages.values() if issubclass(cls, LengthPrefixedMessage)]


def _require_prefixed(subject: ConformanceSubject) -> None:
    if not _prefixed(subject):
        raise ConformanceSkip("no message carries its size")


# States and timing.


@check
def states_are_closed(subject: ConformanceSubject) -> None:
    """Each move leads to a state, and each trigger has its owner."""
    table = subject.dialect.transitions
    assert table.initial in table.moves, f"the initial state {table.initial} has no moves"
    for state, moves in table.moves.items():
        for trigger, target in moves.items():
            assert target in table.moves, f"{state} --{trigger}--> {target}, which is no state of `moves`"
            assert trigger in table.triggered_by, f"{state} has the trigger {trigger!r}, which `triggered_by` lacks"


@check
def states_are_reachable(subject: ConformanceSubject) -> None:
    """Every state can be reached, and each has a way back to the first."""
    table = subject.dialect.transitions
    back = {state: {other for other, moves in table.moves.items() if state in moves.values()} for state in table.moves}
    unreachable = set(table.moves) - _reach(table.initial, lambda state: set(table.moves[state].values()))
    assert not unreachable, f"no moves lead from {table.initial} to {', '.join(sorted(unreachable))}"
    final = set(table.moves) - _reach(table.initial, lambda state: back[state])
    assert not final, f"no moves lead back to {table.initial} from {', '.join(sorted(final))}"


def _reach(start: str, step: Callable[[str], set[str]]) -> set[str]:
    found, waiting = {start}, [start]
    while waiting:
        new = step(waiting.pop()) - found
        found |= new
        waiting += new
    return found


@check
def states_have_a_trigger_for_each_message(subject: ConformanceSubject) -> None:
    """What a frame causes is a trigger of the table, in every class."""
    for (role, _), cls in subject.dialect.messages.items():
        for class_ in range(5):
            trigger = subject.dialect.trigger_for(role, class_, cls())
            assert trigger in subject.dialect.transitions.triggered_by, (
                f"{cls.__name__} of the {role.value}, with its defaults and in class {class_}, gives the trigger "
                f"{trigger!r}, which `triggered_by` lacks"
            )


@check
def timing_rules_are_sound(subject: ConformanceSubject) -> None:
    """Each rule has bounds, a name of its own and evidence, and its marks name lines and messages that exist."""
    if not subject.dialect.timing:
        raise ConformanceSkip("the dialect has no timing rule")
    names = [rule.name for rule in subject.dialect.timing]
    for rule in subject.dialect.timing:
        assert 0 <= rule.minimum_us <= rule.maximum_us, f"{rule.name}: {rule.minimum_us} … {rule.maximum_us} µs"
        assert str(rule.evidence), f"{rule.name} has no evidence"
        for mark in (rule.start, rule.end, *rule.cancelled_by):
            if mark[0] == "edge":
                assert mark[1] in subject.dialect.wiring.lines, f"{rule.name}: no line {mark[1]}"
            elif mark[2].startswith("0x"):
                known = (Role(mark[1]), int(mark[2], 16)) in subject.dialect.messages
                assert known, f"{rule.name}: the {mark[1]} has no message {mark[2]}"
    assert len(names) == len(set(names)), "two rules have one name"


@check
def timing_is_kept(subject: ConformanceSubject) -> None:
    """A session without faults keeps every rule, measured in absolute values."""
    if not subject.dialect.timing:
        raise ConformanceSkip("the dialect has no timing rule")
    measured = [rule for rule in subject.session.timing if rule.intervals_us]
    assert measured, "the check script measures no rule"
    for rule in measured:
        low, high = min(rule.intervals_us), max(rule.intervals_us)
        text = f"{rule.rule.name}: {low:g} … {high:g} µs, must be {rule.rule.minimum_us:g} … {rule.rule.maximum_us:g}"
        assert rule.rule.minimum_us - 1 <= low, text
        assert high <= rule.rule.maximum_us + 1, text


# The description.


@check
def description_of_messages(subject: ConformanceSubject) -> None:
    """Every message has a description and evidence."""
    for cls in subject.dialect.messages.values():
        assert (cls.__doc__ or "").strip(), f"{cls.__name__} has no description"
        assert cls.EVIDENCE.source, f"{cls.__name__} has no source"


@check
def description_of_fields(subject: ConformanceSubject) -> None:
    """Every field has a meaning."""
    for cls in subject.dialect.messages.values():
        for spec in cls.FIELDS:
            assert spec.meaning.strip(), f"{cls.__name__}.{spec.name} has no meaning"


@check
def description_of_the_dialect(subject: ConformanceSubject) -> None:
    """Title, notice and sources are there."""
    for name in ("title", "notice", "sources"):
        assert getattr(subject.dialect, name), f"Dialect.{name} is empty"


@check
def lines_have_drivers(subject: ConformanceSubject) -> None:
    """Every contact has the end that drives it; supply, detect and serial lines are contacts."""
    dialect = subject.dialect
    differ = ", ".join(sorted(set(dialect.drivers) ^ set(dialect.wiring.lines)))
    assert not differ, f"in only one of Dialect.drivers and Wiring.lines: {differ}"
    absent = ", ".join({dialect.supply, dialect.detect} - set(dialect.wiring.lines))
    assert not absent, f"Wiring.lines lacks {absent}, the supply or the detect line"
    clocked = dialect.wiring.clocked
    if clocked is not None and clocked.acknowledge is not None:
        # One data line serves both ends; the end that clocks is noted as its driver.
        data = dialect.wiring.serial[0].name
        assert {line.name for line in dialect.wiring.serial} == {data}, "an acknowledged link has one data line"
        by, acknowledge = clocked.clocked_by, clocked.acknowledge
        drivers = {data: by, acknowledge.clocking: by, acknowledge.clocked: by.peer}
    else:
        drivers = {line.name: line.sender for line in dialect.wiring.serial}
    for line, role in drivers.items():
        assert dialect.drivers[line] is role, f"Dialect.drivers gives {line} to another end than the {role.value}"


@check
def names_are_unique(subject: ConformanceSubject) -> None:
    """No two messages of one end have one name."""
    for role in Role:
        names = [cls.__name__ for cls in subject.classes(role)]
        twice = ", ".join(sorted({name for name in names if names.count(name) > 1}))
        assert not twice, f"two messages of the {role.value} are called {twice}"


@check
def guarded_kinds_exist(subject: ConformanceSubject) -> None:
    """Every guarded type byte is that of a message."""
    if not subject.dialect.protected_types:
        raise ConformanceSkip("the dialect guards no message")
    absent = subject.dialect.protected_types - {type_ for _, type_ in subject.dialect.messages}
    assert not absent, f"guarded and no message: {', '.join(f'{type_:02X}' for type_ in sorted(absent))}"


@check
def guarded_kinds_are_refused(subject: ConformanceSubject) -> None:
    """A connection sends no guarded message without permission."""
    refused = 0
    for (role, type_), cls in subject.dialect.messages.items():
        if type_ in subject.dialect.types_protected_from(role):
            try:
                Connection(subject.dialect, role).send([cls()], 1, 0)
            except LocalProtocolError as error:
                refused += "can damage a device" in str(error)
            else:
                raise AssertionError(f"{cls.__name__} is sent without permission")
    if not refused:
        raise ConformanceSkip("the dialect guards no message")


@check
def guarded_kinds_are_not_sent(subject: ConformanceSubject) -> None:
    """A session without permission sends no guarded message."""
    for frame in subject.session.frames:
        for message in frame.messages:
            guarded = subject.dialect.types_protected_from(frame.sender)
            assert message.build()[0] not in guarded, f"{type(message).__name__} is sent, and it is guarded"


@check
def selections_have_defaults(subject: ConformanceSubject) -> None:
    """A message with selectable blocks parses under its default selection."""
    found = [cls for cls in subject.dialect.messages.values() if issubclass(cls, SelectableMessage)]
    if not found:
        raise ConformanceSkip("no message has selectable blocks")
    for cls in found:
        assert cls.parse(cls().build()) == cls(), f"{cls.__name__} is another one under its default selection"
