"""The units of a clocked link as declarations: what their bytes must be, and which payload they carry.

A unit is a burst of the clock. The first form of its sender that it fits is its form. Decoders in other languages are
made from these declarations, and a dialect without a format class of its own reads its units by them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from lensmount_protocol.checksums import Checksum
from lensmount_protocol.errors import DialectError, FrameError
from lensmount_protocol.framer import Frame, GarbageReason, UnitFrame, UnitPlace, byte_places
from lensmount_protocol.wire import Role


@dataclass(frozen=True, slots=True)
class UnitBits:
    """An unsigned number in a unit: some bits of one to four bytes.

    Attributes:
        at: offset of its first byte; negative values count from the end of the unit.
        size: its bytes.
        shift: bits of those bytes below the number.
        width: bits of the number; 0 for all bits above `shift`.
        little: whether the first byte is the lowest.

    Raises:
        DialectError: there are no such bits.
    """

    at: int
    size: int = 1
    shift: int = 0
    width: int = 0
    little: bool = False

    def __post_init__(self) -> None:
        """Refuse bytes that run over the end of the unit, and bits that the bytes do not have."""
        bits = 8 * self.size - self.shift
        if not 1 <= self.size <= 4 or -self.size < self.at < 0:
            raise DialectError(f"{self}: declare one to four bytes inside the unit")
        if self.shift < 0 or not 0 <= self.width <= bits or bits < 1:
            raise DialectError(f"{self}: the bits are not in its bytes")

    @property
    def mask(self) -> int:
        """The highest value."""
        return (1 << (self.width or 8 * self.size - self.shift)) - 1

    def read(self, unit: bytes) -> int:
        """Return the number."""
        at = self.at if self.at >= 0 else len(unit) + self.at
        return int.from_bytes(unit[at : at + self.size], "little" if self.little else "big") >> self.shift & self.mask

    def place(self, unit: bytes) -> UnitPlace:
        """Return the place of the bytes with its bits, for a payload of which the number is a byte."""
        at = self.at if self.at >= 0 else len(unit) + self.at
        low, high = self.shift // 8, (self.shift + self.mask.bit_length() - 1) // 8
        first, last = (low, high) if self.little else (self.size - 1 - high, self.size - 1 - low)
        return UnitPlace(at + first, at + last + 1, self.mask == 0xFF and self.shift % 8 == 0)

    def write(self, unit: bytearray, value: int) -> bool:
        """Put the number into a unit; return whether it fits."""
        if not 0 <= value <= self.mask:
            return False
        at = self.at if self.at >= 0 else len(unit) + self.at
        order: Literal["little", "big"] = "little" if self.little else "big"
        place = slice(at, at + self.size)
        kept = int.from_bytes(unit[place], order) & ~(self.mask << self.shift)
        unit[place] = (kept | value << self.shift).to_bytes(self.size, order)
        return True


@dataclass(frozen=True, slots=True)
class OneOf:
    """The rule that a number has one of some values; a rule with one value is a constant.

    Raises:
        DialectError: there is no value, or one that the number cannot have.
    """

    number: UnitBits
    values: tuple[int, ...]

    def __post_init__(self) -> None:
        """Refuse a rule that no number keeps, or a value that the number cannot have."""
        if not self.values or not 0 <= min(self.values) <= max(self.values) <= self.number.mask:
            raise DialectError(f"{self}: declare values from 0 to {self.number.mask}")

    def check(self, unit: bytes) -> GarbageReason | None:
        """Return the reason why a unit breaks the rule; `None` where it does not."""
        return None if self.number.read(unit) in self.values else GarbageReason.CLASS


@dataclass(frozen=True, slots=True)
class SizeIs:
    """The rule that a unit has the number of bytes in one of its fields, and `surplus` more."""

    number: UnitBits
    surplus: int = 0

    def check(self, unit: bytes) -> GarbageReason | None:
        """Return the reason why a unit breaks the rule; `None` where it does not."""
        return None if self.number.read(unit) + self.surplus == len(unit) else GarbageReason.LENGTH


@dataclass(frozen=True, slots=True)
class UnitBytes:
    """Bytes of a unit, from an offset on.

    Attributes:
        start: offset of the first one.
        size: how many: a count, a number in the unit, or `None` for all but the last `after`.
        after: bytes after them, where `size` is `None`.

    Raises:
        DialectError: a count is negative.
    """

    start: int
    size: int | UnitBits | None = None
    after: int = 0

    def __post_init__(self) -> None:
        """Refuse negative counts."""
        if min(self.start, self.after, self.size if isinstance(self.size, int) else 0) < 0:
            raise DialectError(f"{self}: a count is negative")

    @property
    def least_unit(self) -> int:
        """Bytes of the smallest unit that has room for them."""
        return self.start + (self.size if isinstance(self.size, int) else self.after)

    def stop(self, unit: bytes) -> int:
        """Return the offset after the last one."""
        if isinstance(self.size, UnitBits):
            return self.start + self.size.read(unit)
        return len(unit) - self.after if self.size is None else self.start + self.size


@dataclass(frozen=True, slots=True)
class ZeroAfter:
    """The rule that the bytes between `carried` and the last `after` of a unit are zero, and that `carried` fits."""

    carried: UnitBytes
    after: int = 0

    def check(self, unit: bytes) -> GarbageReason | None:
        """Return the reason why a unit breaks the rule; `None` where it does not."""
        first, last = self.carried.stop(unit), len(unit) - self.after
        if first > last:
            return GarbageReason.LENGTH
        return GarbageReason.END if any(unit[first:last]) else None


@dataclass(frozen=True, slots=True)
class ChecksumIs:
    """The rule that a number is the checksum of bytes.

    Attributes:
        number: the number.
        over: the bytes.
        checksum: a checksum of `lensmount.dialect`, or one of `make_crc`.
    """

    number: UnitBits
    over: UnitBytes
    checksum: Checksum

    def expected(self, unit: bytes) -> int:
        """Return the checksum that a unit must have."""
        return self.checksum.compute(unit[self.over.start : self.over.stop(unit)]) & self.number.mask

    def check(self, unit: bytes) -> GarbageReason | None:
        """Return the reason why a unit breaks the rule; `None` where it does not."""
        if not self.over.start <= self.over.stop(unit) <= len(unit):
            return GarbageReason.LENGTH
        return None if self.number.read(unit) == self.expected(unit) else GarbageReason.CHECKSUM


@dataclass(frozen=True, slots=True)
class SumIs:
    """The rule that a number is the sum of other numbers, as far as it has bits."""

    number: UnitBits
    terms: tuple[UnitBits, ...]

    def expected(self, unit: bytes) -> int:
        """Return the sum that a unit must have."""
        return sum(term.read(unit) for term in self.terms) & self.number.mask

    def check(self, unit: bytes) -> GarbageReason | None:
        """Return the reason why a unit breaks the rule; `None` where it does not."""
        return None if self.number.read(unit) == self.expected(unit) else GarbageReason.CHECKSUM


UnitRule = OneOf | SizeIs | ZeroAfter | ChecksumIs | SumIs


@dataclass(frozen=True, slots=True)
class UnitLookup:
    """A payload byte that a number of the unit stands for: number -> byte."""

    number: UnitBits
    values: Mapping[int, int]


PayloadPart = int | UnitBits | UnitLookup | UnitBytes
"""A constant byte, a byte with a number of the unit, a byte by a table, or bytes of the unit."""


def _byte_values(part: PayloadPart) -> Iterable[int]:
    """The values that show whether a part of a payload is bytes."""
    match part:
        case int():
            return (part,)
        case UnitBits():
            return (part.mask,)
        case UnitLookup():
            return part.values.values()
        case UnitBytes():
            return ()


@dataclass(frozen=True, slots=True)
class UnitForm:
    """One form of a unit.

    Attributes:
        name: its name, for exports and errors.
        class_: class of its frames.
        sizes: bytes of the smallest and the largest unit.
        rules: what the bytes must be, in this order.
        payload: the payload, part by part; the type byte of the first message comes first.
        sequence: the sequence number, which may be part of the payload as well; `None` without one.
        all_rules: the rules, and that each number that the payload looks up is in its table.

    Raises:
        DialectError: a part does not fit the smallest unit, a byte of the payload is no byte, or its size is not clear.
    """

    name: str
    class_: int
    sizes: tuple[int, int]
    rules: tuple[UnitRule, ...]
    payload: tuple[PayloadPart, ...]
    sequence: UnitBits | None = None
    all_rules: tuple[UnitRule, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse a form that not every unit of its sizes has room for, or with a payload that cannot be built."""
        lookups = (OneOf(part.number, tuple(part.values)) for part in self.payload if isinstance(part, UnitLookup))
        object.__setattr__(self, "all_rules", (*self.rules, *lookups))
        if not self.payload or not 1 <= self.sizes[0] <= self.sizes[1]:
            raise DialectError(f"form {self.name}: declare a payload, and the sizes of the smallest and largest unit")
        ends = [
            *(bits.at + bits.size if bits.at >= 0 else -bits.at for bits in self._numbers()),
            *(span.least_unit for span in self._spans()),
        ]
        if any(end > self.sizes[0] for end in ends):
            raise DialectError(f"form {self.name}: a part ends after the {self.sizes[0]} bytes of its smallest unit")
        if any(not 0 <= value <= 0xFF for part in self.payload for value in _byte_values(part)):
            raise DialectError(f"form {self.name}: a part of its payload has values of more than a byte")
        if sum(isinstance(part, UnitBytes) and not isinstance(part.size, int) for part in self.payload) > 1:
            raise DialectError(f"form {self.name}: its payload has two parts of variable size; declare one")
        part = self.open_part
        if part is not None and isinstance(part.size, UnitBits) and self.sizes[0] != self.sizes[1]:
            raise DialectError(
                f"form {self.name}: a number gives the size of its payload, but not of the unit; declare a form for"
                " each size of the unit, or a payload up to its end and SizeIs"
            )

    def _spans(self) -> Iterator[UnitBytes]:
        for rule in self.rules:
            if isinstance(rule, ZeroAfter):
                yield from (rule.carried, UnitBytes(0, None, rule.after))
            elif isinstance(rule, ChecksumIs):
                yield rule.over
        yield from (part for part in self.payload if isinstance(part, UnitBytes))

    def _numbers(self) -> Iterator[UnitBits]:
        for rule in self.all_rules:
            if not isinstance(rule, ZeroAfter):
                yield rule.number
            yield from rule.terms if isinstance(rule, SumIs) else ()
        yield from (span.size for span in self._spans() if isinstance(span.size, UnitBits))
        yield from (part for part in self.payload if isinstance(part, UnitBits))
        yield from () if self.sequence is None else (self.sequence,)

    @property
    def fixed_size(self) -> int:
        """Bytes of the payload without its part of variable size."""
        return sum(
            1 if not isinstance(part, UnitBytes) else part.size if isinstance(part.size, int) else 0
            for part in self.payload
        )

    @property
    def open_part(self) -> UnitBytes | None:
        """The part of the payload that has a variable size; `None` where the size of the payload is fixed."""
        return next(
            (part for part in self.payload if isinstance(part, UnitBytes) and not isinstance(part.size, int)), None
        )

    @property
    def max_payload(self) -> int:
        """Bytes of the longest payload."""
        part = self.open_part
        return self.fixed_size + (0 if part is None else self.sizes[1] - part.start - part.after)

    def check(self, unit: bytes) -> GarbageReason | None:
        """Return the reason why a unit does not have this form; `None` where it has."""
        if not self.sizes[0] <= len(unit) <= self.sizes[1]:
            return GarbageReason.LENGTH
        for rule in self.all_rules:
            reason = rule.check(unit)
            if reason is not None:
                return reason
        part = self.open_part
        return GarbageReason.LENGTH if part is not None and part.stop(unit) > len(unit) else None

    def read_payload(self, unit: bytes) -> bytes:
        """Return the payload of a unit of this form."""
        found = bytearray()
        for part in self.payload:
            match part:
                case int():
                    found.append(part)
                case UnitBits():
                    found.append(part.read(unit))
                case UnitLookup():
                    found.append(part.values[part.number.read(unit)])
                case UnitBytes():
                    found += unit[part.start : part.stop(unit)]
        return bytes(found)

    def places(self, unit: bytes) -> tuple[UnitPlace, ...]:
        """Return the place of each byte of the payload of a unit of this form."""
        found = list[UnitPlace]()
        for part in self.payload:
            match part:
                case int():
                    found.append(UnitPlace(0, 0))
                case UnitBits():
                    found.append(part.place(unit))
                case UnitLookup():
                    found.append(part.number.place(unit)._replace(whole=False))
                case UnitBytes():
                    found += byte_places(part.start, part.stop(unit))
        return tuple(found)

    def build(self, payload: bytes, sequence: int) -> bytes | None:
        """Return the unit with a payload; `None` where this form does not carry it."""
        part, rest = self.open_part, len(payload) - self.fixed_size
        if rest < 0 or (part is None and rest):
            return None
        size = self.sizes[0]
        if part is not None and part.size is None:
            size = part.start + rest + part.after
        if not self.sizes[0] <= size <= self.sizes[1]:
            return None
        unit = bytearray(size)
        if not self._fill(unit, payload, rest) or (
            self.sequence is not None and not self.sequence.write(unit, sequence & self.sequence.mask)
        ):
            return None
        for rule in self.rules:
            if isinstance(rule, ChecksumIs | SumIs):
                rule.number.write(unit, rule.expected(bytes(unit)))
        return bytes(unit)

    def _fill(self, unit: bytearray, payload: bytes, rest: int) -> bool:
        """Write all but the sequence and the checksums; return whether every value fits."""
        written = True
        for rule in self.rules:
            if isinstance(rule, OneOf) and len(rule.values) == 1:
                written &= rule.number.write(unit, rule.values[0])
            elif isinstance(rule, SizeIs):
                written &= rule.number.write(unit, len(unit) - rule.surplus)
        at = 0
        for part in self.payload:
            match part:
                case int():
                    written &= payload[at] == part
                case UnitBits():
                    written &= part.write(unit, payload[at])
                case UnitLookup():
                    keys = [key for key, value in part.values.items() if value == payload[at]]
                    written &= bool(keys) and part.number.write(unit, keys[0])
                case UnitBytes():
                    size = part.size if isinstance(part.size, int) else rest
                    if isinstance(part.size, UnitBits):
                        written &= part.size.write(unit, size)
                    if part.start + size > len(unit):
                        return False
                    unit[part.start : part.start + size] = payload[at : at + size]
                    at += size - 1
            at += 1
        return written


def distinct_forms(forms: Mapping[Role, tuple[UnitForm, ...]]) -> list[UnitForm]:
    """Return the forms of both senders, once each, in their order."""
    every = [form for role in Role for form in forms[role]]
    return [form for place, form in enumerate(every) if form not in every[:place]]


def find_form(forms: Iterable[UnitForm], unit: bytes) -> UnitForm | None:
    """Return the form of a unit; `None` where it has none."""
    return next((form for form in forms if form.check(unit) is None), None)


@dataclass(frozen=True, slots=True)
class DeclaredUnitFormat:
    """The frame format of one end of a clocked link, by its forms; a `BurstFrameFormat`.

    Attributes:
        forms: the forms of its units; the first that a unit fits is its form.
        classes: type byte -> class of the frames that carry such messages; without one, the class of the first form.
        sizes: the legal sizes of a unit, in bytes.
        start: no value of a byte begins a unit.
        header_size: bytes of the shortest unit.
        max_size: bytes of the longest.
        max_padding: no end pads.
    """

    forms: tuple[UnitForm, ...]
    classes: Mapping[int, int] = field(default_factory=lambda: dict[int, int]())
    sizes: frozenset[int] = field(init=False)
    start: int = -1
    header_size: int = field(init=False)
    max_size: int = field(init=False)
    max_padding: int = 0

    def __post_init__(self) -> None:
        """Derive the sizes from the forms."""
        sizes = frozenset(size for form in self.forms for size in range(form.sizes[0], form.sizes[1] + 1))
        object.__setattr__(self, "sizes", sizes)
        object.__setattr__(self, "header_size", min(sizes))
        object.__setattr__(self, "max_size", max(sizes))

    def frame_length(self, header: bytes, /) -> int | GarbageReason:
        """Return the shortest size of a unit: only the clock ends it."""
        return self.header_size if len(header) >= self.header_size else GarbageReason.LENGTH

    def class_of(self, type_: int, /) -> int:
        """Return the class of the frames that carry messages of this type."""
        return self.classes.get(type_, self.forms[0].class_)

    def check(self, candidate: bytes, /) -> GarbageReason | None:
        """Return the reason why a unit has no form, that of the last form of its size; `None` if it has one."""
        reason: GarbageReason | None = GarbageReason.LENGTH
        for form in self._of_size(candidate):
            reason = form.check(candidate)
            if reason is None:
                break
        return reason

    def parse_header(self, candidate: bytes, offset: int, /) -> Frame:
        """Return the frame of a unit that `check` accepted."""
        *others, last = self._of_size(candidate)
        form = find_form(others, candidate) or last
        sequence = 0 if form.sequence is None else form.sequence.read(candidate)
        carried = next((part for part in form.payload if isinstance(part, UnitBytes)), UnitBytes(0))
        place = slice(carried.start, carried.stop(candidate))
        payload, places = form.read_payload(candidate), form.places(candidate)
        return UnitFrame(candidate, offset, form.class_, sequence, place, None, payload, places)

    def _of_size(self, candidate: bytes) -> list[UnitForm]:
        return [form for form in self.forms if form.sizes[0] <= len(candidate) <= form.sizes[1]]


def unit_builder(formats: Mapping[Role, DeclaredUnitFormat]) -> Callable[[bytes, int, int], bytes]:
    """Return the function `build_frame` of a dialect: payload, class and sequence number to the bytes of a unit.

    Args:
        formats: the formats of both ends; the first form that carries a payload builds it.
    """
    forms = distinct_forms({role: formats[role].forms for role in Role})

    def build_frame(payload: bytes, class_: int, sequence: int) -> bytes:
        """Return the bytes of a unit.

        Raises:
            FrameError: no form of this class carries the payload.
        """
        for form in forms:
            unit = form.build(payload, sequence) if form.class_ == class_ and payload else None
            if unit is not None and any(find_form(formats[role].forms, unit) == form for role in Role):
                return unit
        raise FrameError(f"no unit of class {class_} carries a payload of {len(payload)} bytes")

    return build_frame


def declared_forms(frame_format: object) -> tuple[UnitForm, ...]:
    """Return the forms that a format declares; none where it reads its units in code only."""
    forms: tuple[UnitForm, ...] = getattr(frame_format, "forms", ())
    return forms
