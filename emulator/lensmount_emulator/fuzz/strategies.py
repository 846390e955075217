"""Hypothesis strategies of any dialect, from its declarations: messages, frames, streams, faults, scenarios.

Bytes of a message are drawn field by field as its construct declares them: sizes, counts and cases fit each other.
"""


# construct's classes carry no types for what is walked here.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Callable, Sequence
from dataclasses import Field
from functools import partial
from itertools import pairwise
from random import Random
from typing import Any

import construct
from hypothesis import strategies as st

from lensmount_emulator.engine.dialect_roles import FuzzTraits
from lensmount_emulator.faults.fault import Fault, bit_lines
from lensmount_emulator.faults.options import DURATION, LINE, NAME_OPTION, RATE, OptionType, option_type
from lensmount_emulator.faults.registry import BUILT_IN_FAULTS, faults_of_link, format_fault, option_fields
from lensmount_emulator.fuzz.random_inputs import allowed_messages, fault_lines
from lensmount_emulator.fuzz.scenario import Scenario, get_cached_roles, get_dialect, get_traits
from lensmount_emulator.verification.codec_equivalence import message_bytes, mutate_bytes
from lensmount_protocol.codec.constructs import StrictGreedyRange
from lensmount_protocol.codec.lazy_construct import resolve
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import MountError
from lensmount_protocol.frame_parser import ConstructFrameFormat
from lensmount_protocol.message import TYPE_BYTE_SIZE, Message, SelectableMessage
from lensmount_protocol.wire import Role

MAX_ITEMS = 4
"""Maximum length of a list without a declared count."""

MAX_BYTES = 8
"""Maximum number of bytes without a declared size."""

Draw = Callable[[st.SearchStrategy[Any]], Any]


@st.composite
def draw_message_bytes(draw: Draw, cls: type[Message]) -> bytes:
    """Bytes of a message, type byte first, that fit its declaration; a field may have any value."""
    fields = cls.fields_with(cls.DEFAULT_BLOCKS) if issubclass(cls, SelectableMessage) else cls.FIELDS
    inside = construct.Struct(*(spec.name / resolve(spec.layout) for spec in fields))
    body = _draw_construct(draw, inside, construct.Container())
    prefix = b"" if cls.PREFIX is None else bytes(resolve(cls.PREFIX).build(len(body)))
    return cls.TYPE.to_bytes(TYPE_BYTE_SIZE, "big") + prefix + body


def _draw_construct(draw: Draw, layout: Any, context: Any) -> bytes:
    for kind, make in KINDS:
        if isinstance(layout, kind):
            return make(draw, layout, context)
    try:
        size = layout.sizeof(**context)
    except (construct.SizeofError, KeyError, AttributeError):
        size = None
    if isinstance(layout, construct.Subconstruct) and not isinstance(layout, construct.Transformed):
        return _draw_construct(draw, layout.subcon, context)
    return bytes(draw(st.binary(min_size=size, max_size=size) if size is not None else st.binary(max_size=MAX_BYTES)))


def _struct(draw: Draw, layout: Any, context: Any) -> bytes:
    """Draw one field after the other; sizes and cases follow from the fields before them."""
    parts, inner = list[bytes](), construct.Container(_=context)
    for field in layout.subcons:
        parts.append(_draw_construct(draw, field, inner))
        if field.name:
            try:
                inner[field.name] = field.parse(parts[-1], **{key: inner[key] for key in inner if key != "_"})
            except construct.ConstructError:
                inner[field.name] = None
    return b"".join(parts)


def _array(draw: Draw, layout: Any, context: Any) -> bytes:
    count: Any = layout.count(context) if callable(layout.count) else layout.count
    return b"".join(_draw_construct(draw, layout.subcon, context) for _ in range(int(count)))


def _counted(draw: Draw, layout: Any, context: Any) -> bytes:
    """Draw construct's `PrefixedArray`: a count, and so many elements."""
    if layout.parsebuildfrom != "items" or len(layout.subcons) != 2:
        return _struct(draw, layout, context)
    count, items = layout.subcons
    number = draw(st.integers(0, MAX_ITEMS))
    things = [_draw_construct(draw, items.subcon.subcon, context) for _ in range(number)]
    return b"".join([_field(count).build(number), *things])


def _field(layout: Any) -> Any:
    """The construct inside names and rebuilds."""
    while isinstance(layout, construct.Renamed | construct.Rebuild):
        layout = layout.subcon
    return layout


def _prefixed(draw: Draw, layout: Any, context: Any) -> bytes:
    inside = _draw_construct(draw, layout.subcon, context)
    own = layout.lengthfield.sizeof() if layout.includelength else 0
    return bytes(layout.lengthfield.build(len(inside) + own)) + inside


def _text(draw: Draw, layout: Any, context: Any) -> bytes:
    text = draw(st.text(st.characters(codec="ascii", categories=("L", "N")), max_size=MAX_BYTES))
    try:
        size = layout.sizeof(**context)
    except construct.SizeofError:
        return bytes(layout.build(text))
    return bytes(layout.build(text[: size // 4 or size]))


def _several(draw: Draw, layout: Any, context: Any) -> bytes:
    return b"".join(_draw_construct(draw, layout.subcon, context) for _ in range(draw(st.integers(0, MAX_ITEMS))))


def _draw_alternative(draw: Draw, layout: Any, context: Any) -> bytes:
    return _draw_construct(draw, draw(st.sampled_from(layout.subcons)), context)


def _if(draw: Draw, layout: Any, context: Any) -> bytes:
    holds = layout.condfunc(context) if callable(layout.condfunc) else layout.condfunc
    return _draw_construct(draw, layout.thensubcon if holds else layout.elsesubcon, context)


def _switch(draw: Draw, layout: Any, context: Any) -> bytes:
    key = layout.keyfunc(context) if callable(layout.keyfunc) else layout.keyfunc
    return _draw_construct(draw, layout.cases.get(key, layout.default), context)


def _number(draw: Draw, layout: Any, _context: Any) -> bytes:
    """Any number of this width; smaller ones are simpler, in any byte order."""
    if layout.fmtstr[-1] not in "bBhHiIlLqQ":
        return bytes(draw(st.binary(min_size=layout.length, max_size=layout.length)))
    return bytes(layout.build(draw(_numbers(8 * layout.length, signed=layout.fmtstr[-1].islower()))))


def _long_number(draw: Draw, layout: Any, _context: Any) -> bytes:
    if callable(layout.length):
        return bytes(draw(st.binary(max_size=MAX_BYTES)))
    return bytes(layout.build(draw(_numbers(8 * layout.length, signed=layout.signed))))


def _numbers(bits: int, *, signed: bool) -> st.SearchStrategy[int]:
    lowest = -(1 << bits - 1) if signed else 0
    return st.integers(lowest, lowest + (1 << bits) - 1)


def _constant(_draw: Draw, layout: Any, _context: Any) -> bytes:
    return bytes(layout.build(None))


def _nothing(_draw: Draw, _layout: Any, _context: Any) -> bytes:
    return b""


KINDS: tuple[tuple[Any, Callable[[Draw, Any, Any], bytes]], ...] = (
    (construct.FormatField, _number), (construct.BytesInteger, _long_number),
    (construct.Const, _constant), (construct.Struct, _struct), (construct.FocusedSeq, _counted),
    (construct.Array, _array), (construct.Prefixed, _prefixed), (construct.StringEncoded, _text),
    (construct.Select, _draw_alternative), (construct.IfThenElse, _if), (construct.Switch, _switch),
    ((construct.GreedyRange, StrictGreedyRange), _several), (type(construct.Pass), _nothing),
    (type(construct.Terminated), _nothing),
)  # fmt: skip
"""Construct -> maker of its bytes; other constructs have a size, or take a few bytes."""


SEEDS = st.integers(0, 2**16)
MAX_DURATION_S = 0.5
"""Maximum duration of a fault."""


def resolve_dialect(dialect: str | Dialect) -> Dialect:
    """A dialect by its name, or itself."""
    return get_dialect(dialect) if isinstance(dialect, str) else dialect


def messages(dialect: str | Dialect, sender: Role) -> st.SearchStrategy[bytes]:
    """Bytes of any message of one end that needs no permission.

    They are its defaults, or legal values in every field; for variable sizes, wrong ones too.
    """
    return st.one_of([_message(cls) for cls in allowed_messages(resolve_dialect(dialect), sender)])


def _message(cls: type[Message]) -> st.SearchStrategy[bytes]:
    right = st.just(cls().build()) | draw_message_bytes(cls)
    return right | SEEDS.map(lambda seed: message_bytes(cls, Random(seed))) if cls.VARIES else right


def typed_messages(dialect: str | Dialect, sender: Role) -> st.SearchStrategy[Message]:
    """The same as objects of their classes, each of them legal."""
    return st.one_of([_typed(cls) for cls in allowed_messages(resolve_dialect(dialect), sender)])


def _typed(cls: type[Message]) -> st.SearchStrategy[Message]:
    # The filter removes `None`, which mypy cannot see.
    return draw_message_bytes(cls).map(lambda data: _parsed(cls, data)).filter(lambda message: message is not None)  # type: ignore[return-value]


def _parsed(cls: type[Message], data: bytes) -> Message | None:
    """Parse bytes; `None` if a declaration allows less than its sizes do."""
    try:
        return cls.parse(data)
    except MountError:
        return None


def frames(dialect: str | Dialect, sender: Role) -> st.SearchStrategy[bytes]:
    """Whole frames with one to three messages; the envelope is valid, and the content may be odd."""
    resolved = resolve_dialect(dialect)
    frame_format = resolved.formats[sender]
    classes, least = [1, 2, 3, 4], 0
    if isinstance(frame_format, ConstructFrameFormat):
        classes, least = sorted(frame_format.classes), frame_format.min_size
    maximum = frame_format.max_size - len(resolved.build_frame(b"", classes[0], 0))
    payloads = st.lists(messages(resolved, sender), min_size=1, max_size=3).map(lambda some: b"".join(some)[:maximum])
    built = st.builds(resolved.build_frame, payloads, st.sampled_from(classes), st.integers(0, 255))
    return built.filter(lambda frame: len(frame) >= least)


def near_misses(dialect: str | Dialect, sender: Role) -> st.SearchStrategy[bytes]:
    """Frames with one to three changes: a bit, a byte, a cut, bytes removed or added."""
    return st.builds(_damage, frames(dialect, sender), SEEDS).filter(bool)


def _damage(frame: bytes, seed: int) -> bytes:
    return mutate_bytes(frame, Random(seed))


def noise(dialect: str | Dialect, sender: Role) -> st.SearchStrategy[bytes]:
    """Bytes without meaning, with start bytes among them."""
    start = bytes((resolve_dialect(dialect).formats[sender].start,))
    return st.binary(min_size=1, max_size=40) | st.binary(max_size=6).map(lambda rest: start + rest)


def streams(dialect: str | Dialect, sender: Role) -> st.SearchStrategy[bytes]:
    """Frames, near misses and noise, cut and joined."""
    parts = st.one_of(frames(dialect, sender), near_misses(dialect, sender), noise(dialect, sender))
    cut = st.builds(_cut, parts, st.integers(0, 600))
    return st.lists(parts | cut, max_size=4).map(_joined)


def arrivals(dialect: str | Dialect, sender: Role) -> st.SearchStrategy[list[bytes]]:
    """The same as chunks of any size, cut anywhere; joined they are the stream."""
    return st.builds(_chunked, streams(dialect, sender), st.lists(st.integers(0, 600), max_size=5))


def _chunked(stream: bytes, places: Sequence[int]) -> list[bytes]:
    stops = [0, *sorted(place % (len(stream) + 1) for place in places), len(stream)]
    return [stream[start:stop] for start, stop in pairwise(stops)]


def _cut(part: bytes, size: int) -> bytes:
    return part[: size % (len(part) + 1)]


def _joined(parts: Sequence[bytes]) -> bytes:
    return b"".join(parts)


def faults(
    dialect: str | Dialect, among: Sequence[type[Fault]] = BUILT_IN_FAULTS, *, latest: float = 1.0
) -> st.SearchStrategy[Fault]:
    """Faults that fit a dialect's mount and end by themselves.

    Args:
        dialect: the dialect, which gives the lines.
        among: classes to choose from.
        latest: latest start in seconds.
    """
    resolved = resolve_dialect(dialect)
    return st.one_of([_fault(cls, resolved, latest) for cls in faults_of_link(resolved, among)])


def _fault(cls: type[Fault], dialect: Dialect, latest: float) -> st.SearchStrategy[Fault]:
    keys = option_fields(cls)
    own = {one.name: _values(one, dialect) for name, one in keys.items() if name not in ("at", "for", "until", "rate")}
    own["for_"] = st.floats(1e-5, MAX_DURATION_S).map(lambda seconds: round(seconds, 6))
    own["at"] = st.floats(0.0, latest).map(lambda seconds: round(seconds, 6))
    if not cls.BY_TIME:
        own["rate"] = st.sampled_from((1.0, 0.1, 0.01, 1e-3))
    return st.builds(cls, **own)


def _values(one: Field[Any], dialect: Dialect) -> st.SearchStrategy[Any]:
    kind: OptionType = option_type(one.metadata)
    values: st.SearchStrategy[Any]
    if kind is DURATION:
        values = st.floats(1e-5, 0.05).map(lambda seconds: round(seconds, 6))
    elif kind is RATE:
        values = st.floats(0.0, 1.0)
    elif kind.values:
        values = st.sampled_from(kind.values)
    elif kind is LINE:
        values = st.sampled_from([line for line in fault_lines(dialect) if line not in bit_lines(dialect)])
    elif kind is NAME_OPTION:
        values = st.just(one.default)
    elif isinstance(one.default, float):
        values = st.floats(kind.minimum, kind.maximum)
    elif kind.minimum < kind.maximum:
        values = st.integers(int(kind.minimum), int(min(kind.maximum, 600)))
    else:
        raise TypeError(f"the fault key {one.name} takes {kind.legal}: no strategy draws such values")
    return values if one.default is not None else st.none() | values


def _send_step(role: Role, data: bytes) -> str:
    return f"send {role.value} {data.hex()}"


def steps(dialect: str | Dialect, traits: FuzzTraits | None = None) -> st.SearchStrategy[str]:
    """Steps of a scenario with two engines: waits, bytes of a third party, faults, control inputs, lens off and on."""
    resolved = resolve_dialect(dialect)
    control_steps = (traits or get_traits(resolved.name)).control_steps
    waits = st.sampled_from((0.0, 1e-5, 4e-4, 0.003, 0.02, 0.3)).map(lambda seconds: f"wait {seconds:g}")
    sends = [streams(resolved, role).map(partial(_send_step, role)) for role in Role]
    wrong = st.builds(_step_error, SEEDS, faults(resolved, latest=0.01))
    some = [waits, waits, *sends, wrong, st.sampled_from(("detach", "attach", "attach"))]
    return st.one_of(
        [*some, st.sampled_from(control_steps).map(lambda control: f"operate {control}")] if control_steps else some
    )


def _step_error(seed: int, fault: Fault) -> str:
    return f"fault {seed} {format_fault(fault)}"


def scenarios(
    dialect: str | Dialect,
    *,
    bodies: Sequence[str] = (),
    lenses: Sequence[str] = (),
    scripts: Sequence[str] = (),
    max_steps: int = 30,
) -> st.SearchStrategy[Scenario]:
    """Scenarios of two engines.

    Args:
        dialect: the dialect.
        bodies: profiles of bodies; by default those of the dialect's fuzzing traits, or the default body of its roles.
        lenses: profiles of lenses, likewise.
        scripts: scripts of the body, likewise.
        max_steps: maximum number of steps after the start-up.
    """
    resolved = resolve_dialect(dialect)
    traits = get_traits(resolved.name)
    default = get_cached_roles(resolved.name)
    return st.builds(
        Scenario,
        st.just(resolved.name),
        st.sampled_from(tuple(bodies) or traits.bodies or (default.default_body,)),
        st.sampled_from(tuple(lenses) or traits.lenses or (default.default_lens,)),
        st.just("both"),
        st.sampled_from(tuple(scripts) or traits.scripts),
        st.integers(0, 1000),
        st.lists(steps(resolved), max_size=max_steps).map(lambda taken: ("wait 1.2", *taken)),
    )
