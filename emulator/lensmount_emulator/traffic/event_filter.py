"""The filter of decoded events: one line of text, as `decode --where` and the page take it.

```
lens LensStatus.distance > 700        the lens, and a field above a value
dir=body type=1d                      a direction and a type byte, in hexadecimal as lists show it
gap > 200us or reply > 2ms            the longest pause inside a frame; the time from request to reply
!routine !(garbage or note)           none of what repeats with every frame, and no garbage or notes
t in 1.2..1.5                         between two times
```

Tests that follow each other must all hold; `or` joins alternatives, `!` or `not` inverts, brackets group.
"""

import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn, cast

from lensmount_protocol.codec.lazy_construct import resolve
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import FilterError, unknown_name_message
from lensmount_protocol.message import FieldSpec, group_fields

MAX_TEXT = 2000
"""Characters of a filter."""

MAX_DEPTH = 50

MIN_PART = 3
"""Letters from which a word stands for every message with them in its name."""

COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "~": lambda value, text: str(text).lower() in str(value).lower(),
}

FLAGS: Mapping[str, str] = {
    "body": "sent by the body",
    "lens": "sent by the lens",
    "frame": "a valid frame",
    "garbage": "bytes that are no frame",
    "window": "a select window without bytes",
    "note": "a note, a loss or a defect of the capture",
    "edge": "an edge of a line",
    "routine": "a frame that repeats in every cycle",
    "unknown": "a frame with a message that no declaration explains",
    "answer": "a frame that answers a request",
}

TIMES: Mapping[str, str] = {
    "t": "time from the start of the capture",
    "gap": "longest pause inside a frame",
    "reply": "time from the end of a request to this answer",
}

ATTRIBUTES: Mapping[str, str] = {
    **TIMES,
    "dir": "body or lens",
    "type": "type byte of a message, in hexadecimal",
    "name": "name of a message",
    "class": "class of a frame",
    "seq": "sequence number of a frame",
    "size": "bytes of a frame or a run of garbage",
    "baud": "bits a second",
    "pad": "padding bytes after a frame",
    "line": "the line of an edge",
    "text": "text of a note",
}
"""What a test may compare besides fields, for help and completion."""

_TOKEN = re.compile(
    r"""\s*(?:(?P<range>\.\.)
    |(?P<string>"[^"]*")
    |(?P<number>[+-]?(?:0[xX][0-9a-fA-F]+|(?:\d+(?:\.(?!\.)\d*)?|\.\d+)(?:[eE][+-]?\d+)?)(?:us|µs|ms|s)?(?![\w.](?!\.)))
    |(?P<word>[A-Za-z_][\w/]*(?:\.[A-Za-z_]\w*)*|[0-9A-Za-z_][\w/-]*)
    |(?P<op>!=|<=|>=|==|=|<|>|~)
    |(?P<sign>[!()])
    |(?P<joint>&&|\|\|))""",
    re.VERBOSE,
)
_TYPE = re.compile(r"(?:0[xX])?[0-9a-fA-F]{2}")
_UNITS = (("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0))


@dataclass(frozen=True, slots=True)
class Token:
    """A word of a filter.

    Attributes:
        kind: number, string, word, op, sign, joint or range.
        text: the word.
        at: its place in the filter.
    """

    kind: str
    text: str
    at: int


@dataclass(frozen=True, slots=True)
class Flag:
    """A property that an event has or has not; see `FLAGS`."""

    name: str


@dataclass(frozen=True, slots=True)
class Test:
    """A comparison of an attribute; see `ATTRIBUTES`."""

    __test__ = False

    name: str
    op: str
    value: Any


@dataclass(frozen=True, slots=True)
class Carries:
    """A frame carries one of these messages."""

    messages: frozenset[str]


@dataclass(frozen=True, slots=True)
class FieldTest:
    """A comparison of a field, of any message that has it; a group of fields by its path.

    Attributes:
        fields: full names, as `Message.field`.
        op: the comparison.
        value: a number, or text for bytes, names and text.
    """

    fields: tuple[str, ...]
    op: str
    value: Any


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    inner: "Condition"


@dataclass(frozen=True, slots=True)
class AllOf:
    """All of these; of none, every event."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of these."""

    parts: tuple["Condition", ...]


Condition = Flag | Test | Carries | FieldTest | Not | AllOf | AnyOf


def parse_filter(text: str, dialect: Dialect, marks: Mapping[str, float] | None = None) -> Condition:
    """Parse a filter; an empty one accepts every event.

    Args:
        text: the filter.
        dialect: gives the messages, their fields and the names of values.
        marks: times by name, such as the markers of a page.

    Raises:
        FilterError: it cannot be read; `at` is the place in the text.
    """
    if len(text) > MAX_TEXT:
        raise FilterError(f"the filter is longer than {MAX_TEXT} characters", at=MAX_TEXT)
    return _Parser(text, dialect, marks or {}).parse()


@dataclass(slots=True)
class _Parser:
    text: str
    dialect: Dialect
    marks: Mapping[str, float]
    tokens: list[Token] = field(init=False)
    place: int = 0
    depth: int = 0

    def __post_init__(self) -> None:
        self.tokens = list(self._tokens())

    def parse(self) -> Condition:
        if not self.tokens:
            return AllOf(())
        found = self._either()
        rest = self._peek()
        if rest is not None:
            self._fail(f"{rest.text!r} is not expected here", rest)
        return found

    def _tokens(self) -> Iterator[Token]:
        at = 0
        end = len(self.text.rstrip())
        while at < end:
            match = _TOKEN.match(self.text, at)
            if match is None or match.lastgroup is None:
                start = at + len(self.text[at:]) - len(self.text[at:].lstrip())
                raise FilterError(f"{self.text[start]!r} is not expected here", at=start)
            yield Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup))
            at = match.end()

    def _fail(self, reason: str, token: Token | None) -> NoReturn:
        raise FilterError(reason, at=len(self.text) if token is None else token.at)

    def _peek(self, ahead: int = 0) -> Token | None:
        return self.tokens[self.place + ahead] if self.place + ahead < len(self.tokens) else None

    def _take(self) -> Token:
        token = self._peek()
        if token is None:
            self._fail("something is missing at the end", None)
        self.place += 1
        return token

    def _take_if(self, *texts: str) -> bool:
        token = self._peek()
        if token is None or token.text not in texts or token.kind == "string":
            return False
        self.place += 1
        return True

    def _either(self) -> Condition:
        parts = [self._all()]
        while self._take_if("or", "||"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def _all(self) -> Condition:
        parts = [self._one()]
        while True:
            self._take_if("and", "&&")
            token = self._peek()
            if token is None or token.text in (")", "or", "||"):
                return parts[0] if len(parts) == 1 else AllOf(tuple(parts))
            parts.append(self._one())

    def _one(self) -> Condition:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self._fail(f"more than {MAX_DEPTH} nested conditions", self._peek())
        try:
            if self._take_if("!", "not"):
                return Not(self._one())
            opening = self._peek()
            if self._take_if("("):
                inner = self._either()
                if not self._take_if(")"):
                    self._fail("this bracket is not closed", opening)
                return inner
            return self._test()
        finally:
            self.depth -= 1

    def _test(self) -> Condition:
        word = self._take()
        follow = self._peek()
        if _TYPE.fullmatch(word.text) and (follow is None or (follow.kind != "op" and follow.text != "in")):
            return Test("type", "=", int(word.text, 16))
        if word.kind != "word":
            self._fail(f"{word.text!r} is not expected here; write a type as 1d or type=1d, or begin with a name", word)
        if follow is not None and (follow.kind == "op" or follow.text == "in"):
            self.place += 1
            return self._in_range(word) if follow.text == "in" else self._compare(word, follow)
        return self._alone(word)

    def _alone(self, word: Token) -> Condition:
        if word.text in FLAGS:
            return Flag(word.text)
        if word.text in ATTRIBUTES:
            self._fail(f"{word.text} needs a comparison, such as {word.text} = …", self._peek())
        messages = self._messages()
        if "." not in word.text:
            exact = [name for name in messages if name.lower() == word.text.lower()]
            if exact:
                return Carries(frozenset(exact))
            if self._owners(word.text):
                return FieldTest(self._owners(word.text), "!=", 0)
            parts = [name for name in messages if word.text.lower() in name.lower()]
            if len(word.text) >= MIN_PART and parts:
                return Carries(frozenset(parts))
            known = {*FLAGS, *ATTRIBUTES, *messages, "not", "or"}
            self._fail(unknown_name_message("word", word.text, known), word)
        return FieldTest(self._field(word), "!=", 0)

    def _in_range(self, word: Token) -> Condition:
        low = self._value(word, self._take())
        if not self._take_if(".."):
            self._fail("a range is written low..high", self._peek())
        high = self._value(word, self._take())
        return AllOf((self._make(word, ">=", low), self._make(word, "<=", high)))

    def _compare(self, word: Token, op: Token) -> Condition:
        sign = "=" if op.text == "==" else op.text
        return self._make(word, sign, self._value(word, self._take()))

    def _make(self, word: Token, op: str, value: Any) -> Condition:
        if word.text in ATTRIBUTES:
            return Test(word.text, op, value)
        if word.text in FLAGS:
            self._fail(f"{word.text} takes no comparison", word)
        fields = self._field(word)
        if isinstance(value, str) and op not in ("=", "!=", "~"):
            self._fail(f"{op} compares numbers, and {value!r} is text", word)
        return FieldTest(fields, op, value)

    def _value(self, word: Token, token: Token) -> Any:
        if token.kind not in ("number", "string", "word"):
            self._fail(f"{token.text!r} is no value", token)
        text = token.text.strip('"')
        if word.text == "type":
            try:
                return int(text, 16)
            except ValueError:
                self._fail(f"a type is two hexadecimal digits such as 1d, not {text!r}", token)
        if word.text in TIMES:
            return self._time(text, token)
        if word.text == "dir":
            if text not in ("body", "lens"):
                self._fail(f"a direction is body or lens, not {text!r}", token)
            return text
        if word.text in ("name", "text", "line") or token.kind == "string":
            return text
        number = _number(text)
        if word.text in ATTRIBUTES:
            if number is None:
                self._fail(f"{word.text} is compared with a number, not {text!r}", token)
            return number
        return self._field_value(word, text, number, token)

    def _field_value(self, word: Token, text: str, number: float | None, token: Token) -> Any:
        """The value to compare a field with: the number of an enumeration's name, hexadecimal text for bytes."""
        spec = self._spec(self._field(word)[0])
        members = getattr(resolve(spec.layout), "members", None)
        if members is not None and number is None:
            names = {member.name.lower(): int(member) for member in members}
            if text.lower() not in names:
                self._fail(unknown_name_message(f"value of {word.text}", text, names), token)
            return names[text.lower()]
        return text if number is None or _is_bytes(spec) else number

    def _time(self, text: str, token: Token) -> float:
        if text in self.marks:
            return self.marks[text]
        for unit, factor in _UNITS:
            number = _number(text.removesuffix(unit)) if text.endswith(unit) else None
            if number is not None:
                return number * factor
        number = _number(text)
        if number is None:
            marks = f", or a marker ({', '.join(self.marks)})" if self.marks else ""
            self._fail(f"a time is a number with us, ms or s{marks}, not {text!r}", token)
        return number

    def _messages(self) -> set[str]:
        return {cls.__name__ for cls in self.dialect.messages.values()}

    def _owners(self, name: str) -> tuple[str, ...]:
        """Every field of this name, of any message."""
        return tuple(
            f"{cls.__name__}.{name}"
            for cls in self.dialect.messages.values()
            if any(spec.name == name for spec in cls.FIELDS)
        )

    def _field(self, word: Token) -> tuple[str, ...]:
        kind, dot, path = word.text.partition(".")
        if not dot:
            owners = self._owners(kind)
            if not owners:
                names = {spec.name for cls in self.dialect.messages.values() for spec in cls.FIELDS}
                self._fail(unknown_name_message("attribute or field", kind, {*ATTRIBUTES, *names}), word)
            return owners
        name = next((name for name in self._messages() if name.lower() == kind.lower()), None)
        if name is None:
            self._fail(unknown_name_message("message", kind, self._messages()), word)
        self._spec(f"{name}.{path}", word)
        return (f"{name}.{path}",)

    def _spec(self, name: str, word: Token | None = None) -> FieldSpec:
        kind, _, path = name.partition(".")
        cls = next(cls for cls in self.dialect.messages.values() if cls.__name__ == kind)
        fields: tuple[FieldSpec, ...] = cls.FIELDS
        spec: FieldSpec | None = None
        for step in path.split("."):
            spec = next((one for one in fields if one.name == step), None)
            if spec is None:
                self._fail(unknown_name_message(f"field of {kind}", step, (one.name for one in fields)), word)
            fields = group_fields(spec)
        assert spec is not None
        if fields:
            self._fail(f"{name} is a group; name one of its fields: {', '.join(one.name for one in fields)}", word)
        return spec


def mentions_edges(condition: Condition) -> bool:
    """Whether a filter is about edges of lines as well; one that is not is about messages only."""
    if isinstance(condition, Flag | Test):
        return condition.name in ("edge", "line")
    if isinstance(condition, Not):
        return mentions_edges(condition.inner)
    return isinstance(condition, AllOf | AnyOf) and any(map(mentions_edges, condition.parts))


def _number(text: str) -> float | None:
    try:
        return int(text, 0)
    except ValueError:
        pass
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None


def _is_bytes(spec: FieldSpec) -> bool:
    return type(resolve(spec.layout)).__name__ in ("Bytes", "GreedyBytes")


def compare_value(value: Any, op: str, wanted: Any) -> bool:
    """Whether a field's value passes a comparison; a list passes where one of its entries does."""
    if isinstance(value, list):
        return any(compare_value(one, op, wanted) for one in cast("Sequence[Any]", value))
    if value is None:
        return False
    if isinstance(value, bytes):
        if not isinstance(wanted, str):
            return op == "!=" and any(value) if wanted == 0 else False
        text = wanted.lower().removeprefix("0x").replace(" ", "")
        return COMPARE[op](value.hex(), text)
    if isinstance(value, str):
        return COMPARE[op](value, str(wanted)) if op in ("=", "!=", "~") else False
    if isinstance(wanted, str):
        name = getattr(value, "name", str(value))
        return COMPARE[op](str(name).lower(), wanted.lower()) if op in ("=", "!=", "~") else False
    return COMPARE[op](str(value) if op == "~" else value, wanted) if isinstance(value, int | float) else False
