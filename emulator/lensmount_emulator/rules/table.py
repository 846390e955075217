"""Rules as a table of bytes: conditions and new values at fixed places, applied as bytes pass, without a buffer.

A relay cuts frames through by it, and the C export is the same table: `ByteTable.feed` and its `rules_byte` are equal.
What needs a whole frame, a clock or another length is refused, with the reason.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

from lensmount_emulator.engine.profile_values import build_message
from lensmount_protocol.checksums import CrcAlgorithm, SumAlgorithm, find_checksum
from lensmount_protocol.codec.lazy_construct import known_size
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import DialectError, FaultError, FrameError, ProfileError
from lensmount_protocol.frame_parser import ConstructFrameFormat
from lensmount_protocol.message import TYPE_BYTE_SIZE, LengthPrefixedMessage, Message, SelectableMessage
from lensmount_protocol.wire import Role

COMPARISONS = ("=", "!=", "<", ">", "<=", ">=")
SET = len(COMPARISONS)
"""The operation of a row that sets bytes; smaller numbers are comparisons, in the order of `COMPARISONS`."""

MAX_AT = MAX_SIZE = 255
MAX_VALUE_SIZE = 4
MAX_TABLE_RULES = 32
MAX_COUNT = 0xFFFF


@dataclass(frozen=True, slots=True)
class FrameShape:
    """The frames of one direction, as far as bytes that pass must know them.

    Attributes:
        start: the first byte.
        length_at: place of the length, two bytes with the lower one first.
        surplus: bytes of the frame minus the value of its length.
        class_at: place of the class.
        classes: the smallest and the largest class.
        payload_at: place of the payload.
        tail: bytes after the payload.
        check_at: place of the checksum, from the end of the payload; two bytes with the lower one first.
        polynomial: of a CRC of 16 bits, highest bit first; 0 for the sum of all bytes.
        min_size: bytes of the smallest frame.
        max_size: bytes of the largest frame.
    """

    start: int
    length_at: int
    surplus: int
    class_at: int
    classes: tuple[int, int]
    payload_at: int
    tail: int
    check_at: int
    polynomial: int
    min_size: int
    max_size: int


@cache
def _shape(frame_format: ConstructFrameFormat) -> FrameShape:
    frames = import_module("lensmount_protocol.codec.generate_frame")
    resolve = import_module("lensmount_protocol.codec.lazy_construct").resolve
    source: Any = import_module("lensmount_protocol.codec.source_builder")
    layout = frames.parse_frame_layout(source.unwrap_renamed(resolve(frame_format.layout)), source.SourceBuilder())
    checksum = find_checksum(layout.check.hashfunc)
    algorithm = checksum.algorithm if checksum is not None else None
    plain_sum = isinstance(algorithm, SumAlgorithm) and algorithm.width == 16 and not algorithm.exclusive
    crc = isinstance(algorithm, CrcAlgorithm) and algorithm.width == 16 and not algorithm.reflected
    if not (plain_sum or crc):
        raise FaultError("a table repairs a sum or an unreflected CRC of 16 bits; this is another checksum")
    places = {part.kind: part for part in (*layout.head, *layout.tail)}
    length, check = places["length"], places["checksum"]
    if any(part.struct_field.size != 2 or not _is_little(part) for part in (length, check)):
        raise FaultError("a table needs a length and a checksum of two bytes, with the lower one first")
    classes = sorted(frame_format.classes)
    return FrameShape(
        start=frame_format.start,
        length_at=length.before,
        surplus=frames.length_surplus(layout),
        class_at=places["class_"].before,
        classes=(classes[0], classes[-1]),
        payload_at=layout.head_size,
        tail=layout.tail_size,
        check_at=check.before,
        polynomial=algorithm.polynomial & 0xFFFF if isinstance(algorithm, CrcAlgorithm) else 0,
        min_size=frame_format.min_size,
        max_size=frame_format.max_size,
    )


def _is_little(part: Any) -> bool:
    return str(getattr(part.struct_field, "order", "<")) == "<"


def frame_shape(dialect: Dialect, sender: Role) -> FrameShape:
    """Return the frames of an end.

    Raises:
        FaultError: a table cannot follow them, or cannot repair their checksum.
    """
    frame_format = dialect.formats[sender]
    if not isinstance(frame_format, ConstructFrameFormat):
        raise FaultError(f"a table follows frames with a header, and those of {dialect.name} have none")
    try:
        return _shape(frame_format)
    except (FaultError, DialectError, KeyError) as error:
        raise FaultError(f"{dialect.name}: {error}") from None


@dataclass(frozen=True, slots=True)
class TableRule:
    """A rule that sets fields, before it becomes rows.

    Attributes:
        name: what notes call it.
        cls: the message.
        conditions: field, comparison and value; all must hold.
        values: field -> the value that it gets.
        every: it applies to the first of so many frames that match.
        count: how often at most; 0 for always.
    """

    name: str
    cls: type[Message]
    conditions: Sequence[tuple[str, str, Any]]
    values: Mapping[str, Any]
    every: int = 1
    count: int = 0


class Row(NamedTuple):
    """A comparison or a new value of up to four bytes of a message.

    Attributes:
        op: index in `COMPARISONS`, or `SET`.
        at: the first byte, from the type byte of the message.
        size: how many bytes.
        little: whether the lowest byte comes first.
        signed: whether a comparison takes the bytes as a signed number.
        value: the number that they are compared with or become.
    """

    op: int
    at: int
    size: int
    little: bool
    signed: bool
    value: int


class RuleRows(NamedTuple):
    """One rule as rows.

    Attributes:
        name: what notes call it.
        type: the type byte of the message.
        frame_size: the frame must have so many bytes, since the layout of the message depends on it; 0 for any.
        message_size: the message has at least so many bytes.
        every: as `TableRule.every`.
        limit: as `TableRule.count`.
        rows: comparisons first, then new values by their places.
    """

    name: str
    type: int
    frame_size: int
    message_size: int
    every: int
    limit: int
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class RuleTable:
    """The rules of one direction.

    Attributes:
        sender: the end that sends.
        shape: its frames.
        prefixed: whether each message holds the size of its rest in the two bytes after its type.
        sizes: type -> bytes of a message of fixed size, where messages do not hold their size.
        rules: the rules.
    """

    sender: Role
    shape: FrameShape
    prefixed: bool
    sizes: Mapping[int, int]
    rules: tuple[RuleRows, ...]


def make_table(dialect: Dialect, sender: Role, rules: Iterable[TableRule]) -> RuleTable:
    """Return the table of the rules of one end.

    Raises:
        FaultError: a table cannot do a rule; the text gives the reason.
    """
    shape = frame_shape(dialect, sender)
    classes = [cls for (role, _), cls in dialect.messages.items() if role is sender]
    prefixed = all(issubclass(cls, LengthPrefixedMessage) for cls in classes)
    sizes = {
        cls.TYPE: cls.SIZE
        for cls in classes
        if cls.SIZE <= MAX_SIZE and not (cls.VARIES or cls.PREFIX is not None or issubclass(cls, SelectableMessage))
    }
    made = tuple(_rows(rule, shape, prefixed) for rule in rules)
    if len(made) > MAX_TABLE_RULES:
        raise FaultError(f"{len(made)} rules of the {sender.value}; a table holds {MAX_TABLE_RULES}")
    return RuleTable(sender, shape, prefixed, {} if prefixed else sizes, made)


def _rows(rule: TableRule, shape: FrameShape, prefixed: bool) -> RuleRows:
    cls, rows = rule.cls, list[Row]()
    if not rule.values:
        raise FaultError(f"rule on {rule.name}: a table only sets fields")
    if rule.every > MAX_COUNT or rule.count > MAX_COUNT:
        raise FaultError(f"rule on {rule.name}: a table counts to {MAX_COUNT}")
    if cls.PREFIX is None and cls.VARIES:
        raise FaultError(f"rule on {rule.name}: the size of the message varies, and only its end is known by its table")
    if cls.PREFIX is not None and not prefixed:
        raise FaultError(f"rule on {rule.name}: the message holds its size, and others of this end do not")
    first = min(_place(cls, name)[0] for name in rule.values)
    for name, comparison, value in rule.conditions:
        at, size = _place(cls, name)
        if at + size > first and not (size == 1 and at == first):
            raise FaultError(
                f"rule on {rule.name}: {name} ends after the first byte that is set has passed; a table keeps no bytes"
            )
        rows += _comparison(cls, name, comparison, value)
    writes = [row for name in rule.values for row in _writes(cls, name, rule.values[name])]
    size = cls.size_with(cls.DEFAULT_BLOCKS) if issubclass(cls, SelectableMessage) else cls.SIZE
    whole = shape.payload_at + size + shape.tail if issubclass(cls, SelectableMessage) else 0
    rows += sorted(writes, key=lambda row: row.at)
    return RuleRows(rule.name, cls.TYPE, whole, size, rule.every, rule.count, tuple(rows))


def _place(cls: type[Message], name: str) -> tuple[int, int]:
    """First byte of a field, from the type byte, and how many bytes it has."""
    at = TYPE_BYTE_SIZE + (known_size(cls.PREFIX) or 0)
    for spec in cls.fields_with(cls.DEFAULT_BLOCKS) if issubclass(cls, SelectableMessage) else cls.FIELDS:
        if spec.varies:
            raise FaultError(f"{cls.__name__}.{name}: its place or size varies; a table needs a fixed one")
        if spec.name == name:
            if at + spec.size - 1 > MAX_AT:
                raise FaultError(f"{cls.__name__}.{name}: is after byte {MAX_AT} of its message")
            return at, spec.size
        at += spec.size
    raise FaultError(f"{cls.__name__}.{name}: is in no block that the usual layout selects")


def _bytes(cls: type[Message], name: str, value: Any) -> bytes:
    at, size = _place(cls, name)
    shown = value.hex() if isinstance(value, bytes) else value
    return build_message(cls, {name: shown}).build()[at : at + size]


def _writes(cls: type[Message], name: str, value: Any) -> list[Row]:
    at, data = _place(cls, name)[0], _bytes(cls, name, value)
    pieces = [data[start : start + MAX_VALUE_SIZE] for start in range(0, len(data), MAX_VALUE_SIZE)]
    return [
        Row(SET, at + index * MAX_VALUE_SIZE, len(piece), True, False, int.from_bytes(piece, "little"))
        for index, piece in enumerate(pieces)
    ]


def _comparison(cls: type[Message], name: str, comparison: str, value: Any) -> list[Row]:
    at, size = _place(cls, name)
    op = COMPARISONS.index(comparison)
    if isinstance(value, bytes):
        if comparison != "=" and len(value) > MAX_VALUE_SIZE:
            raise FaultError(f"{cls.__name__}.{name}: a table compares more than {MAX_VALUE_SIZE} bytes only with =")
        if comparison in ("=", "!="):
            return [row._replace(op=op) for row in _writes(cls, name, value)]
        # Bytes are in the order of their first one that differs.
        return [Row(op, at, size, False, False, int.from_bytes(_bytes(cls, name, value), "big"))]
    if size > MAX_VALUE_SIZE or not isinstance(value, int) or isinstance(getattr(cls(), name), bool):
        raise FaultError(f"{cls.__name__}.{name}: a table compares numbers of up to {MAX_VALUE_SIZE} bytes")
    try:
        one = _bytes(cls, name, 1)
        little = one == (1).to_bytes(size, "little")
        if not little and one != (1).to_bytes(size, "big"):
            raise FaultError(f"{cls.__name__}.{name}: is no plain number, so a table cannot compare it")
    except (ProfileError, FrameError):
        raise FaultError(f"{cls.__name__}.{name}: is no plain number, so a table cannot compare it") from None
    try:
        _bytes(cls, name, -1)
        signed = True
    except (ProfileError, FrameError, OverflowError):
        signed = False
    low, high = (-(1 << 8 * size - 1), (1 << 8 * size - 1) - 1) if signed else (0, (1 << 8 * size) - 1)
    if not low <= value <= high:
        raise FaultError(f"{cls.__name__}.{name}: {value} is beyond {size} bytes")
    return [Row(op, at, size, little, signed, value)]


def _compare(op: int, left: int, right: int) -> bool:
    return (left == right, left != right, left < right, left > right, left <= right, left >= right)[op]


@dataclass(slots=True)
class _RuleState:
    """What a rule remembers: whether its conditions hold so far, how often they did, and its decision in this frame."""

    holds: bool = False
    matched: int = 0
    applied: int = 0
    decided: bool | None = None
    values: list[int] = field(default_factory=list[int])


class ByteTable:
    """Applies a table to the bytes of one direction, one at a time.

    Attributes:
        table: the rules.
        hits: names of the rules that changed the frame that is passing.
    """

    def __init__(self, table: RuleTable) -> None:
        self.table = table
        self.hits: list[str] = []
        self._states = [_RuleState(values=[0] * len(rule.rows)) for rule in table.rules]
        self._position = self._size = 0
        self._restart()

    def window(self) -> None:
        """A window has opened or closed: the next byte may begin a frame."""
        self._restart()

    def feed(self, byte: int) -> int:
        """Return what a byte becomes."""
        shape, at = self.table.shape, self._position
        if at == 0 and byte != shape.start:
            return byte
        if at == 0:
            self._begin()
        out = byte
        if at == shape.length_at:
            self._size = byte
        elif at == shape.length_at + 1:
            self._size += (byte << 8) + shape.surplus
            if not shape.min_size <= self._size <= shape.max_size:
                self._restart()
                return byte
        elif at == shape.class_at and not shape.classes[0] <= byte <= shape.classes[1]:
            self._restart()
            return byte
        if at >= shape.payload_at:
            end = self._size - shape.tail
            out = self._payload(byte, at, end) if at < end else self._tail(byte, at - end)
        self._position = at + 1
        if self._position == self._size and at > shape.length_at:
            self._position = 0
        return out

    def _restart(self) -> None:
        self._position = self._size = 0
        self._difference = self._carry = 0

    def _begin(self) -> None:
        self._size = 0xFFFF
        self._difference = self._carry = 0
        self._message_at = self.table.shape.payload_at
        self._message_end = 0
        self._type = -1
        self.hits = []
        for state in self._states:
            state.decided = None

    def _payload(self, byte: int, at: int, end: int) -> int:
        table = self.table
        if at == self._message_at:
            self._type, self._message_end = byte, at + table.sizes.get(byte, 0)
            for state in self._states:
                state.holds = True
                state.values = [0] * len(state.values)
        inside, first = at - self._message_at, 1
        if table.prefixed:
            first = 3
            if inside == 1:
                self._message_end = self._message_at + 3 + byte
            elif inside == 2:
                self._message_end += byte << 8
        out = byte
        for rule, state in zip(table.rules, self._states, strict=True):
            if rule.type == self._type and inside >= first and self._fits(rule, end):
                out = self._apply(rule, state, out, inside)
        self._difference = self._mix(self._difference, byte, out)
        # The next message begins where this one ends; after one of unknown size there is none.
        if inside >= first - 1 and at + 1 == self._message_end:
            self._message_at = at + 1
        return out

    def _fits(self, rule: RuleRows, end: int) -> bool:
        """Whether the message has the layout of the rule, as far as is known by now."""
        if rule.frame_size:
            return self._size == rule.frame_size and self._message_at == self.table.shape.payload_at
        return self._message_at + rule.message_size <= self._message_end <= end

    def _apply(self, rule: RuleRows, state: _RuleState, byte: int, inside: int) -> int:
        out = byte
        for index, row in enumerate(rule.rows):
            offset = inside - row.at
            if not 0 <= offset < row.size:
                continue
            if row.op == SET:
                if self._decides(rule, state):
                    out = row.value >> 8 * offset & 0xFF
                continue
            known = state.values[index]
            known = known | byte << 8 * offset if row.little else known << 8 | byte
            state.values[index] = known
            if offset == row.size - 1:
                if row.signed and known >> 8 * row.size - 1:
                    known -= 1 << 8 * row.size
                state.holds = state.holds and _compare(row.op, known, row.value)
        return out

    def _decides(self, rule: RuleRows, state: _RuleState) -> bool:
        """Whether the rule applies to this message: its conditions hold, and the frame is one of its count."""
        if not state.holds:
            return False
        if state.decided is None:
            turn = state.matched % rule.every == 0
            state.matched += 1
            state.decided = turn and (not rule.limit or state.applied < rule.limit)
            if state.decided:
                state.applied += 1
                self.hits.append(rule.name)
        return state.decided

    def _mix(self, difference: int, old: int, new: int) -> int:
        polynomial = self.table.shape.polynomial
        if not polynomial:
            return difference + new - old & 0xFFFF
        difference ^= (old ^ new) << 8
        for _ in range(8):
            difference = (difference << 1 ^ (polynomial if difference & 0x8000 else 0)) & 0xFFFF
        return difference

    def _tail(self, byte: int, at: int) -> int:
        place = at - self.table.shape.check_at
        if place not in (0, 1):
            return byte
        part = self._difference >> 8 * place & 0xFF
        if self.table.shape.polynomial:
            return byte ^ part
        total = byte + part + self._carry
        self._carry = total >> 8
        return total & 0xFF
