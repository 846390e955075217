"""Timing parameters of either end, by name: a time of a profile, or a disturbance of a line or an end.

A time of a profile is a field of its `timing` table, with the key or index inside it where it holds several:
`reply 08`, `lens status_after_vd`, `body hold slow 16`, `setup slow`. A rule of the timing contract names the time that
it bounds: `VD to 05`. A disturbance is `VD jitter`, `lens jitter`, `body clock`, `lens baud`.
"""

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec

from lensmount_emulator.engine.dialect_roles import Place, get_roles
from lensmount_emulator.engine.session_knowledge import SessionKnowledge
from lensmount_emulator.explain.explainer import session_knowledge
from lensmount_emulator.profiles.library import Profile
from lensmount_protocol.dialect import Dialect, load_dialect
from lensmount_protocol.errors import FaultError, ProfileError, unknown_name_message
from lensmount_protocol.timing import TimingRule
from lensmount_protocol.wire import Role

MAX_US = 10_000_000.0
"""Largest time that a parameter may take, in microseconds; profiles allow no longer wait."""

SLOW, FAST = "slow", "fast"
_RATES = (SLOW, FAST)

DISTURBANCES: Mapping[str, tuple[str, str, float]] = {
    "jitter": ("us", "jitter {where} by={value:g}us", 1_000_000.0),
    "late": ("us", "late-edge {where} by={value:g}us rate=1", 1_000_000.0),
    "clock": ("%", "drift {where} by={value:g}%", 20.0),
    "baud": ("%", "baud {where} by={value:g}%", 30.0),
}
"""Name -> unit, the text of its fault, and its largest value."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The values of the devices that the contract was measured on.

    Attributes:
        minimum: the smallest one.
        maximum: the largest one.
        rule: name of the rule of the contract.
        devices: number of devices that the bounds come from; 0 where they are our own design.
        source: the evidence.
    """

    minimum: float
    maximum: float
    rule: str
    devices: int
    source: str

    def hold(self, value: float) -> bool:
        """Whether a value is one that the devices kept."""
        return self.minimum <= value <= self.maximum


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter that is varied.

    Attributes:
        name: its full name: `lens reply 08`.
        end: the end that it belongs to; `None` for a line.
        unit: `us` or `%`.
        nominal: its value in the profile; 0 for a disturbance.
        limit: the largest value that can be set.
        bounds: what devices kept; `None` without a rule.
        is_random: whether it acts at random, so that a point is a rate over seeds.
        signed: whether it can be negative.
    """

    name: str
    end: Role | None
    unit: str
    nominal: float
    limit: float
    bounds: Bounds | None = None
    is_random: bool = False
    signed: bool = False
    _apply: Callable[[Profile, float], Profile] | None = field(default=None, repr=False, compare=False)
    _fault: Callable[[float], str] | None = field(default=None, repr=False, compare=False)

    def changed(self, profile: Profile, value: float) -> Profile:
        """The profile of this parameter's end with another value; the same for a disturbance.

        Raises:
            ProfileError: the value is not legal, with the legal ones.
        """
        return profile if self._apply is None else self._apply(profile, value)

    def faults(self, value: float) -> list[str]:
        """The faults that set the value of a disturbance."""
        return [] if self._fault is None or not value else [self._fault(value)]

    def format(self, value: float) -> str:
        """A value for users, with its unit."""
        if self.unit == "%":
            return f"{value:g} %"
        return format_us(value)


def format_us(value: float) -> str:
    """A time for users: microseconds, milliseconds or seconds."""
    for unit, size in (("s", 1e6), ("ms", 1e3)):
        if abs(value) >= size:
            return f"{value / size:.4g} {unit}"
    return f"{value:.4g} µs"


def find_parameter(text: str, body: Profile, lens: Profile) -> Parameter:
    """Return the parameter of a name.

    Args:
        text: `reply 08`, `lens status_after_vd`, `VD to 05`, `VD jitter`, `lens clock`.
        body: the body's profile.
        lens: the lens's profile.

    Raises:
        ProfileError: no parameter has this name (lists the nearest known ones).
    """
    words = text.split()
    dialect = load_dialect(body.dialect)
    knowledge = session_knowledge(dialect)
    found = _disturbance(words, dialect) or _time(" ".join(words), body, lens, dialect, knowledge)
    if found is None:
        known = [one.name for one in list_parameters(body, lens)]
        raise ProfileError(unknown_name_message("timing parameter", text, known))
    return found


def list_parameters(body: Profile, lens: Profile) -> list[Parameter]:
    """Every parameter of a pair: the times of both profiles, and the disturbances of both ends and of the lines."""
    dialect = load_dialect(body.dialect)
    knowledge = session_knowledge(dialect)
    times = [
        _make_time(profile, path, value, dialect, knowledge)
        for profile in (body, lens)
        for path, value in _times(profile)
    ]
    ends = [(f"{role.value} {what}").split() for role in Role for what in ("jitter", "clock", "baud")]
    lines = [f"{line} {what}".split() for line in dialect.drivers for what in ("jitter", "late")]
    others = [_disturbance(words, dialect) for words in (*ends, *lines)]
    return [*times, *(one for one in others if one is not None)]


def _disturbance(words: Sequence[str], dialect: Dialect) -> Parameter | None:
    if not words or words[-1] not in DISTURBANCES or len(words) > 2:
        return None
    kind = words[-1]
    unit, pattern, limit = DISTURBANCES[kind]
    subject = words[0] if len(words) == 2 else Role.LENS.value
    line = next((name for name in dialect.drivers if name.lower() == subject.lower()), None)
    end = next((role for role in Role if role.value == subject.lower()), None)
    if (line is None) is (end is None) or (line is not None and unit == "%") or (end is not None and kind == "late"):
        return None
    where = f"line={line}" if line is not None else f"from={subject.lower()}"
    return Parameter(
        f"{line or subject.lower()} {kind}",
        end,
        unit,
        0.0,
        limit,
        is_random=kind == "jitter",
        signed=unit == "%",
        _fault=lambda value: pattern.format(where=where, value=value),
    )


def _time(text: str, body: Profile, lens: Profile, dialect: Dialect, knowledge: SessionKnowledge) -> Parameter | None:
    by_rule = {rule: path for path, rule in knowledge.parameter_rules.items()}
    wanted = by_rule.get(text, _path_of_rule(text, dialect) or text)
    for profile in (lens, body):
        prefix = f"{profile.role.value} "
        path = wanted.removeprefix(prefix)
        if wanted.startswith(("lens ", "body ")) and not wanted.startswith(prefix):
            continue
        value = dict(_times(profile)).get(path)
        if value is None:
            value = _otherwise(profile, path)
        if value is not None:
            return _make_time(profile, path, value, dialect, knowledge)
    return None


_REPLY = re.compile(r"(reply|pauses) ([0-9A-Fa-f]{2})")
_REQUEST = re.compile(r"next_request ([0-9A-Fa-f]{2})( [0-9A-Fa-f]{2})?")
_TO_REQUEST = re.compile(r"([0-9A-F]{2}) to request ([0-9A-F]{2})")


def _path_of_rule(text: str, dialect: Dialect) -> str:
    """The time that a rule such as `01 to request 07` bounds."""
    match = _TO_REQUEST.fullmatch(text)
    known = any(rule.name == text for rule in dialect.timing)
    return f"body next_request {match[1]} {match[2]}" if match and known else ""


def _otherwise(profile: Profile, path: str) -> float | None:
    """The value of a key that a profile leaves to its `…_otherwise`: the reply to a type that it does not list."""
    if not (_REPLY.fullmatch(path) or _REQUEST.fullmatch(path)):
        return None
    times = dict(_times(profile))
    return times.get(path.rpartition(" ")[0]) or times.get(f"{path.split()[0]}_otherwise")


def _times(profile: Profile) -> Iterator[tuple[str, float]]:
    """The times of a profile: path of each, and its value in microseconds."""
    timing = getattr(profile.settings, "timing", None)
    if not isinstance(timing, msgspec.Struct):
        return
    for key in timing.__struct_fields__:
        value: object = getattr(timing, key)
        if isinstance(value, int | float):
            yield key, float(value)
        elif isinstance(value, Mapping):
            for inner, one in cast("Mapping[str, object]", value).items():
                if isinstance(one, int | float):
                    yield f"{key} {inner}", float(one)
        elif isinstance(value, tuple):
            for word, one in zip(_RATES, cast("tuple[object, ...]", value), strict=False):
                if isinstance(one, int | float):
                    yield f"{key} {word}", float(one)


def _make_time(profile: Profile, path: str, value: float, dialect: Dialect, knowledge: SessionKnowledge) -> Parameter:
    return Parameter(
        f"{profile.role.value} {path}",
        profile.role,
        "us",
        value,
        MAX_US,
        _bounds(f"{profile.role.value} {path}", dialect, knowledge),
        _apply=lambda given, wanted: _replace_time(given, path, wanted),
    )


def _replace_time(profile: Profile, path: str, value: float) -> Profile:
    settings: Any = profile.settings
    timing: Any = settings.timing
    key, _, inner = path.partition(" ")
    old: object = getattr(timing, key)
    new: object = value
    if isinstance(old, Mapping):
        new = {**cast("Mapping[str, float]", old), inner: value}
    elif isinstance(old, tuple):
        values = list(cast("tuple[float, ...]", old))
        values[_RATES.index(inner)] = value
        new = tuple(values)
    changed = msgspec.structs.replace(settings, timing=msgspec.structs.replace(timing, **{key: new}))
    get_roles(profile.dialect).check(Place(profile.role.value), changed)
    return dataclasses.replace(profile, settings=changed)


def _bounds(name: str, dialect: Dialect, knowledge: SessionKnowledge) -> Bounds | None:
    rule_name = knowledge.parameter_rules.get(name) or _find_rule(name)
    rule: TimingRule | None = next((one for one in dialect.timing if one.name == rule_name), None)
    if rule is None:
        return None
    devices = knowledge.devices.get(rule.name, knowledge.fewest_devices)
    return Bounds(rule.minimum_us, rule.maximum_us, rule.name, devices, str(rule.evidence))


def _find_rule(name: str) -> str:
    """The rule for a reply or a next request, by its type."""
    match = re.fullmatch(r"lens reply ([0-9A-F]{2})", name)
    if match:
        return f"reply {match[1]}"
    match = re.fullmatch(r"body next_request ([0-9A-F]{2}) ([0-9A-F]{2})", name)
    return f"{match[1]} to request {match[2]}" if match else ""


RANGE = re.compile(r"([0-9.eE+-]+)\s*(us|µs|ms|s|%)?")


def parse_value(text: str, parameter: Parameter) -> float:
    """Read a value with its unit: `1.5ms`, `200us`, `5%`; without a unit the parameter's own.

    Raises:
        FaultError: it is no value of this parameter.
    """
    match = RANGE.fullmatch(text.strip())
    sizes = {"us": 1.0, "µs": 1.0, "ms": 1e3, "s": 1e6, "%": 1.0}
    unit = parameter.unit if match is None or match[2] is None else match[2]
    try:
        value = float(match[1]) * sizes[unit] if match else None
    except ValueError:
        value = None
    fits = (unit == "%") is (parameter.unit == "%")
    if value is None or not fits or not (-parameter.limit if parameter.signed else 0.0) <= value <= parameter.limit:
        least = f"-{parameter.limit:g}" if parameter.signed else "0"
        raise FaultError(
            f"{text!r} is no value of {parameter.name}; write a number from {least} to {parameter.limit:g} "
            f"{parameter.unit}, such as {'5%' if parameter.unit == '%' else '1.5ms or 200us'}"
        )
    return value
