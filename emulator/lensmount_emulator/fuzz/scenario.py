"""Scenarios: the profiles of a session and every step, as text; equal scenarios give equal sessions everywhere.

A scenario that broke an invariant is one file, a recording (`.lmx`) with the scenario in its header. Shrinking removes
steps and simplifies the rest, as long as the scenario breaks the same invariant.

Also caches dialects, roles, traits and profiles by name for all sessions of a run.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, cast

from lensmount_emulator.engine.dialect_roles import DialectRoles, FuzzTraits, Place, get_roles, playable_dialects
from lensmount_emulator.faults.registry import format_fault, option_fields, parse_fault
from lensmount_emulator.profiles.library import Profile, load_profile
from lensmount_emulator.sessions.virtual.participants import session_header
from lensmount_hardware.captures.capture import read_blocks
from lensmount_hardware.captures.lmx import RecordingWriter, parse_header
from lensmount_hardware.output_file import write_output
from lensmount_protocol.dialect import Dialect, load_dialect
from lensmount_protocol.errors import DialectError, FaultError, limit_list
from lensmount_protocol.wire import WireRecord


@cache
def get_traits(dialect: str) -> FuzzTraits:
    """The fuzzing traits of a dialect: those that its roles declare, or the defaults if it has no roles."""
    try:
        return get_cached_roles(dialect).fuzz_traits
    except DialectError:
        return FuzzTraits()


def fuzzed_dialects() -> list[str]:
    """The dialects with profiles for fuzzing in their traits, sorted: the default dialects of a run."""
    return [name for name in playable_dialects() if get_traits(name).bodies and get_traits(name).lenses]


@cache
def get_dialect(name: str) -> Dialect:
    """A dialect by its name, looked up once: each look-up queries the installed packages.

    Raises:
        DialectError: as `load_dialect`.
    """
    return load_dialect(name)


@cache
def get_cached_roles(name: str) -> DialectRoles:
    """The roles of a dialect, looked up once.

    Raises:
        DialectError: as `get_roles`.
    """
    return get_roles(name)


@cache
def get_profile(name: str) -> Profile:
    """A profile, read once.

    Raises:
        ProfileError: as `load_profile`.
    """
    return load_profile(name)


VERSION = 2
"""Version of scenarios in files and corpora; version 1 had the names of `OLD_STEPS` and `OLD_INVARIANTS`."""

OLD_STEPS = {"hear": "wait-frame", "hand": "operate", "off": "detach", "on": "attach"}
"""Verb of a step in version 1 -> its verb."""

OLD_INVARIANTS = {
    "only frames": "valid frames only",
    "unpowered": "no back-powering",
    "heard whole": "frame boundaries",
    "never teleported": "speed limits",
    "in tables": "state machine",
    "bounded": "bounded memory",
    "clean": "fault-free session",
    "repeats": "deterministic",
}
"""Name of an invariant in scenarios of version 1 and in older results of campaigns -> its name."""


def current_step(step: str) -> str:
    """Return a step with the verb that it has now; scenarios of version 1 hold old ones."""
    verb, space, rest = step.partition(" ")
    return OLD_STEPS.get(verb, verb) + space + rest


MODES = ("both", "body", "lens")
"""Which ends are engines; the other one does only the scenario's steps."""


MAX_NAME = 60
"""Maximum number of characters in the name of a generated test."""

MAX_VIOLATIONS = 3
"""Violations that the header of a recording names."""

MAX_STEPS = 20_000
"""Maximum number of steps of a scenario from a file."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """The profiles of a session, and its steps.

    Attributes:
        dialect: the dialect.
        body: profile of the body.
        lens: profile of the lens.
        mode: which ends are engines.
        script: the script of the body.
        seed: the seed of the jitter of both ends.
        steps: the steps, in order; `STEPS` in `lensmount_emulator.fuzz.scenario_runner` defines them.
        breaks: the invariant that it breaks; `""` for none.
    """

    dialect: str
    body: str
    lens: str
    mode: str = "both"
    script: str = ""
    seed: int = 0
    steps: tuple[str, ...] = ()
    breaks: str = ""

    def with_steps(self, steps: Sequence[str]) -> "Scenario":
        """The same profiles with other steps."""
        return replace(self, steps=tuple(steps))

    def to_dict(self) -> dict[str, Any]:
        """The scenario as files and a corpus store it."""
        return {"version": VERSION, **asdict(self)}

    def header(self) -> dict[str, object]:
        """The header of its recording: the session, and the scenario itself."""
        session = session_header(self.dialect, self.body, self.lens, self.script, self.seed)
        return session | {"scenario": self.to_dict()}


def current_scenario(scenario: Scenario) -> Scenario:
    """Return a scenario with the names of now; files of version 1, and tests generated from it, hold old ones."""
    steps = tuple(map(current_step, scenario.steps))
    return replace(scenario, steps=steps, breaks=OLD_INVARIANTS.get(scenario.breaks, scenario.breaks))


def write_scenario(
    path: Path,
    scenario: Scenario,
    records: Sequence[WireRecord],
    *,
    violations: Sequence[tuple[str, float, str]] = (),
    overwrite: bool = False,
) -> None:
    """Write a scenario and its traffic to a file, which appears when it is complete.

    Args:
        path: the file.
        scenario: the scenario.
        records: every byte and edge.
        violations: what it broke: the name of the invariant, the time in seconds, and the observation.
        overwrite: whether an existing file is replaced.

    Raises:
        CaptureError: the file exists or cannot be written.
    """
    memory = BytesIO()
    broken = [{"invariant": name, "at": at, "text": text} for name, at, text in violations[:MAX_VIOLATIONS]]
    with RecordingWriter(memory, scenario.header() | ({"violations": broken} if broken else {})) as recording:
        for record in records:
            recording.write(record)
    write_output(path, memory.getvalue(), overwrite=overwrite)


def read_scenario(path: Path) -> Scenario:
    """Read the scenario in a file.

    Raises:
        CaptureError: the file cannot be read, or is no recording.
        FaultError: it holds no scenario, one of another version, or a damaged one.
    """
    header = parse_header(path, next(read_blocks(path), b""))
    data: object = header.get("scenario")
    if not isinstance(data, Mapping):
        raise FaultError(f"{path}: the recording holds no scenario; `lensmount decode` reads it")
    return scenario_from_dict(cast("Mapping[str, Any]", data), path)


def scenario_from_dict(data: Mapping[str, Any], path: str | Path = "corpus") -> Scenario:
    """Convert an entry to a scenario.

    Args:
        data: a result of `to_dict`.
        path: its source, for messages.

    Raises:
        FaultError: the entry has another version, or is damaged.
    """
    values = dict(data)
    version = values.pop("version", None)
    if version not in (1, VERSION):
        raise FaultError(f"{path}: scenario version {version!r}; this program reads versions 1 and {VERSION}")
    kinds: dict[str, type] = dict.fromkeys(("dialect", "body", "lens", "mode", "script", "breaks"), str)
    kinds |= {"seed": int, "steps": list}
    wrong = [name for name, value in values.items() if not isinstance(value, kinds.get(name, ()))]
    seed: object = values.get("seed", 0)
    if isinstance(seed, bool) or (isinstance(seed, int) and seed.bit_length() > 64):
        wrong.append("seed")
    missing = [name for name in ("dialect", "body", "lens", "steps") if name not in values]
    if wrong or missing or not all(isinstance(step, str) for step in values["steps"]):
        raise FaultError(f"{path}: the scenario is damaged: {', '.join(limit_list([*wrong, *missing])) or 'steps'}")
    if len(values["steps"]) > MAX_STEPS:
        raise FaultError(f"{path}: a scenario of {len(values['steps'])} steps; at most {MAX_STEPS} are allowed")
    if values.get("mode", "both") not in MODES:
        raise FaultError(f"{path}: scenario mode {values['mode']!r}; known: {', '.join(MODES)}")
    values["steps"] = tuple(values["steps"])
    return current_scenario(Scenario(**values))


def validate_scenario(scenario: Scenario) -> None:
    """Check that a scenario's profiles are a body and a lens of its dialect.

    Raises:
        ProfileError: a profile is unknown.
        FaultError: a profile has another place or another dialect.
    """
    for name, place in ((scenario.body, Place.BODY), (scenario.lens, Place.LENS)):
        profile_ = get_profile(name)
        if profile_.place is not place:
            raise FaultError(f"the scenario's {place.value} is {name!r}, a profile of a {profile_.place.value}")
        if profile_.dialect != scenario.dialect:
            raise FaultError(
                f"the scenario is of {scenario.dialect!r}, and its {place.value} {name!r} of {profile_.dialect!r}"
            )


def to_pytest(scenario: Scenario, name: str) -> str:
    """Write a pytest test that runs the scenario and fails on a violation.

    No text of the scenario becomes code: its values are literals, and the name keeps letters and digits only.

    Args:
        scenario: the scenario.
        name: the name of the test, such as the stem of a file.
    """
    name = re.sub(r"[^0-9a-z]+", "_", name.lower(), flags=re.ASCII).strip("_")[:MAX_NAME] or "scenario"
    lines = ",\n".join(f"        {_literal(step)}" for step in scenario.steps)
    steps = f"(\n{lines},\n    )" if scenario.steps else "()"
    return f'''from lensmount_emulator.fuzz.scenario_runner import run_scenario
from lensmount_emulator.fuzz.scenario import Scenario


def test_{name}() -> None:
    """A scenario that was found by fuzzing; nothing may break."""
    scenario = Scenario(
        dialect={_literal(scenario.dialect)},
        body={_literal(scenario.body)},
        lens={_literal(scenario.lens)},
        mode={_literal(scenario.mode)},
        script={_literal(scenario.script)},
        seed={int(scenario.seed)},
        steps={steps.replace(chr(10), chr(10) + "    ")},
        breaks={_literal(scenario.breaks)},
    )
    assert run_scenario(scenario).violations == []
'''


def _literal(text: str) -> str:
    """A text as a literal of Python, in ASCII without control characters."""
    # JSON writes a character beyond the basic plane as two surrogates, which Python would keep separate.
    return json.dumps(text) if text.isascii() and "\x7f" not in text else ascii(text)


Breaks = Callable[[Scenario], bool]
"""Returns whether a scenario still breaks the same invariant."""

MAX_ATTEMPTS = 2000


def shrink_scenario(scenario: Scenario, breaks: Breaks) -> Scenario:
    """Shrink a scenario that breaks an invariant to the shortest one found."""
    tries = 0

    def still(tried: Scenario) -> bool:
        nonlocal tries
        tries += 1
        return tries <= MAX_ATTEMPTS and breaks(tried)

    before = None
    while scenario != before and tries < MAX_ATTEMPTS:
        before = scenario
        scenario = _remove_steps(scenario, still)
        scenario = _join_waits(scenario, still)
        scenario = _simplify_config(scenario, still)
        scenario = _simplify_steps(scenario, still)
    return scenario


def _remove_steps(scenario: Scenario, still: Breaks) -> Scenario:
    """Remove as many steps at once as possible, from the end on."""
    size = len(scenario.steps)
    while size >= 1:
        stop = len(scenario.steps)
        while stop > 0:
            start = max(0, stop - size)
            tried = scenario.with_steps(scenario.steps[:start] + scenario.steps[stop:])
            if still(tried):
                scenario = tried
            stop = start
        size //= 2
    return scenario


def _join_waits(scenario: Scenario, still: Breaks) -> Scenario:
    """Join two waits that are neighbours, or separated by one step."""
    at = 0
    while at < len(scenario.steps):
        if scenario.steps[at].startswith("wait "):
            for next_ in range(at + 1, min(at + 3, len(scenario.steps))):
                if scenario.steps[next_].startswith("wait "):
                    both = float(scenario.steps[at][5:]) + float(scenario.steps[next_][5:])
                    between = scenario.steps[at + 1 : next_]
                    tried = scenario.with_steps(
                        (*scenario.steps[:at], f"wait {both!r}", *between, *scenario.steps[next_ + 1 :])
                    )
                    if still(tried):
                        scenario = tried
                        break
        at += 1
    return scenario


def _simplify_config(scenario: Scenario, still: Breaks) -> Scenario:
    """A shorter script, and no jitter but that of seed 0."""
    parts = [part.strip() for part in scenario.script.split(";") if part.strip()]
    for at in reversed(range(len(parts))):
        tried = replace(scenario, script="; ".join(parts[:at] + parts[at + 1 :]))
        if still(tried):
            scenario = tried
            del parts[at]
    tried = replace(scenario, seed=0)
    return tried if scenario.seed and still(tried) else scenario


def _simplify_steps(scenario: Scenario, still: Breaks) -> Scenario:
    """Simplify each step as far as possible."""
    for at in range(len(scenario.steps)):
        for simpler in _simplify_step(scenario.steps[at]):
            tried = scenario.with_steps((*scenario.steps[:at], simpler, *scenario.steps[at + 1 :]))
            if still(tried):
                scenario = tried
    return scenario


def _simplify_step(step: str) -> Iterator[str]:
    verb, _, rest = step.partition(" ")
    if verb == "wait":
        seconds = float(rest)
        for digits in range(5):
            if (short := float(f"{seconds:.{digits}f}")) < seconds * 1.5:
                yield f"wait {short:g}"
    elif verb == "send":
        name, _, digits_ = rest.partition(" ")
        half = len(digits_) // 4 * 2
        yield f"send {name} {digits_[:half]}"
        yield f"send {name} {digits_[half:]}"
    elif verb == "fault":
        seed, _, parts = rest.partition(" ")
        fault = parse_fault(parts)
        for name, one in option_fields(type(fault)).items():
            if getattr(fault, one.name) != one.default and name not in ("until", "for"):
                default: dict[str, Any] = {one.name: one.default}
                yield f"fault {seed} {format_fault(replace(fault, **default))}"
        yield f"fault 0 {format_fault(fault)}"
