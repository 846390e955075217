"""The conformance suite of dialects: about 60 checks that a package runs by a subclass of three lines.

```python
from lensmount.testing.conformance import DialectConformance

class TestConformance(DialectConformance):
    dialect_name = "acme"
```

`python -m lensmount.testing.conformance NAME…` runs it without pytest and prints the table.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import zip_longest
from random import Random
from typing import Any, ClassVar

from lensmount_emulator.engine.script import parse_script
from lensmount_emulator.exports.units_schema import make_any_schema
from lensmount_emulator.faults.fault import Fault
from lensmount_emulator.faults.registry import BUILT_IN_FAULTS, FaultPlan, format_fault, parse_fault
from lensmount_emulator.fuzz.invariants import check_session, recovery_failure, wait_for_recovery
from lensmount_emulator.fuzz.monitor import SessionConfig, SessionMonitor
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_emulator.testing.conformance_checks import (
    CHECKS,
    ConformanceSkip,
    ConformanceSubject,
    check,
    check_by_role,
)
from lensmount_protocol.decoder import DecodedFrame
from lensmount_protocol.dialect import BaudrateNegotiation
from lensmount_protocol.errors import DialectError, FaultError, MountError
from lensmount_protocol.wire import Annotation, AnnotationKind, Burst, Edge, Received, Role


@check
def profiles_are_read(subject: ConformanceSubject) -> None:
    """The default profiles and those of the traits are read, and belong to the dialect."""
    traits = subject.roles.fuzz_traits
    for name, role in [
        (subject.roles.default_body, Role.BODY),
        (subject.roles.default_lens, Role.LENS),
        *((name, Role.BODY) for name in traits.bodies),
        *((name, Role.LENS) for name in traits.lenses),
    ]:
        dialect = load_profile(name, role).dialect
        assert dialect == subject.dialect.name, f"the profile {name} is of {dialect}"


@check
def scripts_are_read(subject: ConformanceSubject) -> None:
    """The scripts of the roles and of the traits are read."""
    traits = subject.roles.fuzz_traits
    scripts = (subject.roles.check_script, subject.roles.demo_script, *traits.scripts, *traits.verbs)
    for script in filter(None, scripts):
        parse_script(script, subject.roles.verbs)
    assert any(scripts), "no script is there"


@check
def dialect_can_be_exported(subject: ConformanceSubject) -> None:
    """`export --from-dialect` can write the messages and frames; a dialect that it cannot write may still be played."""
    try:
        schema = make_any_schema(subject.dialect)
    except DialectError as error:
        raise ConformanceSkip(str(error)) from error
    count = len(schema.messages)
    assert count == len(subject.dialect.messages), f"{count} of {len(subject.dialect.messages)} messages can be written"


@check
def session_starts(subject: ConformanceSubject) -> None:
    """Both ends leave the first state, and messages go both ways."""
    for role in Role:
        assert any(frame.sender is role for frame in subject.session.frames), f"nothing comes from the {role.value}"


@check
def session_streams(subject: ConformanceSubject) -> None:
    """The loop runs: the routine messages of each end that has some repeat."""
    routine = subject.dialect.routine_types
    if not routine:
        raise ConformanceSkip("the dialect names no routine messages")
    for role in subject.dialect.streaming_roles:
        found = [
            frame for frame in subject.session.frames if frame.sender is role and frame.frame.payload[0] in routine
        ]
        assert len(found) >= 4, f"the {role.value} repeats nothing"


@check
def session_streams_by_the_measure_of_recovery(subject: ConformanceSubject) -> None:
    """Without a fault the ends stream, by the measure of the checks of recovery, which `fuzz session` shares."""
    monitor = _monitor(subject, None)
    monitor.run_guarded(monitor.session.start)
    within = subject.roles.fuzz_traits.recovery_s
    recovered = wait_for_recovery(monitor, within)
    assert recovered, f"without a fault: {recovery_failure(monitor, within)}"


@check
def session_is_clean(subject: ConformanceSubject) -> None:
    """The check script is carried out without an error."""
    assert subject.session.ok, subject.session.errors[0].text


@check
def session_sleeps_and_wakes(subject: ConformanceSubject) -> None:
    """A body puts its lens to sleep and wakes it."""
    if not {"sleep", "wake"} <= subject.roles.verbs.keys():
        raise ConformanceSkip("the body has no verbs sleep and wake")
    session = run_loopback(subject.body, subject.lens, script="sleep; wake; sleep; wake", seed=2)
    assert session.ok, session.errors[0].text


@check
def session_repeats(subject: ConformanceSubject) -> None:
    """The same seed gives the same session, byte for byte."""
    assert subject.play(seed=1).records == subject.session.records, "two sessions with seed 1 differ"


@check
def session_is_the_same_byte_by_byte(subject: ConformanceSubject) -> None:
    """Both ends do the same where every byte comes by itself."""
    bursts = [record for record in subject.play(seed=1, resolution="byte").records if isinstance(record, Burst)]
    whole = [(one.sender, one.data) for one in subject.session.records if isinstance(one, Burst)]
    pairs = zip_longest([(one.sender, one.data) for one in bursts], whole)
    differ = next((pair for pair in enumerate(pairs) if pair[1][0] != pair[1][1]), None)
    assert differ is None, f"the sessions differ from burst {differ} on"


@check
def session_has_no_electrical_violation(subject: ConformanceSubject) -> None:
    """No end drives a line or sends bytes into an end without supply."""
    assert not subject.session.violations, subject.session.violations[0]
    for record in subject.session.records:
        assert not (isinstance(record, Annotation) and record.kind is AnnotationKind.FRAMING_ERROR), record.text


@check
def session_frames_are_typed(subject: ConformanceSubject) -> None:
    """Every frame of a session is typed and builds to its own bytes."""
    assert subject.session.tally.valid, "no frame is on the wire"
    assert subject.session.tally.all_frames_verified, subject.session.tally.summary()


@check
def rates_change_as_declared(subject: ConformanceSubject) -> None:
    """Both ends use the rates of the wiring, and change them as the messages and the delay of the dialect say."""
    dialect, session = subject.dialect, subject.session
    declared = dialect.wiring.baudrates
    used = {frame.baudrate for frame in session.frames}
    assert used, "no frame is on the wire"
    assert used <= set(declared), f"a session has frames at {sorted(used)} Bd, and Wiring.baudrates is {declared}"
    if len(declared) == 1:
        raise ConformanceSkip("the mount has one rate")
    delay = dialect.baudrate_switch_delay
    expected, switches = declared[0], 0
    change: tuple[float, int] | None = None
    negotiation = BaudrateNegotiation(dialect.parse_baudrate_message)
    power = [edge for edge in session.records if isinstance(edge, Edge) and edge.line == dialect.supply and edge.level]
    # At one time, an edge comes before the frames that it makes possible.
    events: list[Edge | DecodedFrame] = [*power, *session.frames]
    for event in sorted(events, key=lambda one: one.at or 0.0):
        if isinstance(event, Edge):
            expected, change = declared[0], None
            negotiation = BaudrateNegotiation(dialect.parse_baudrate_message)
            continue
        begin, end = event.at or 0.0, event.end or 0.0
        who = (
            f"the {event.sender.value} sends {type(event.messages[0]).__name__} at {event.baudrate} Bd at {begin:.6f} s"
        )
        if change is not None:
            at, rate = change
            assert end <= at or begin >= at + delay, (
                f"{who}, less than baudrate_switch_delay ({delay:g} s) before or after the change at {at:.6f} s"
            )
            if begin >= at:
                expected, change, switches = rate, None, switches + 1
        assert event.baudrate == expected, f"{who}; by parse_baudrate_message the rate is {expected} Bd there"
        agreed = negotiation.observe(event.sender, event.frame.class_, event.messages)
        if agreed is not None:
            assert agreed in declared, f"{agreed} Bd are agreed on, and Wiring.baudrates is {declared}"
            change = end + delay, agreed
    if not switches:
        raise ConformanceSkip("the check script changes no rate")


@check_by_role
def flood_is_bounded(subject: ConformanceSubject, role: Role) -> None:
    """An end that is flooded with frames and noise keeps a bounded number of things, and no exception leaves it."""
    monitor = _monitor(subject, None)
    monitor.run_guarded(monitor.session.start)
    monitor.run(0.3)
    engine = monitor.session.body if role is Role.BODY else monitor.session.lens
    random = Random(13)
    for frame in subject.frames(role.peer, 12) * 20:
        data = frame if random.random() < 0.8 else random.randbytes(30)
        monitor.run_guarded(partial(engine.receive, Received(data), monitor.now))
    monitor.violations[:] = [one for one in monitor.violations if one.invariant == "no exception"]
    check_session(monitor)
    wrong = [one for one in monitor.violations if one.invariant in ("no exception", "bounded memory")]
    assert not wrong, wrong[0].text


def _monitor(subject: ConformanceSubject, plan: FaultPlan | None) -> SessionMonitor:
    script = subject.roles.check_script
    return SessionMonitor(SessionConfig(subject.body, subject.lens, script, 1, plan))


def _faults(cls: type[Fault]) -> Iterator[str]:
    """Text forms of a fault that begins and ends, one of which fits any mount."""
    times = {
        True: "at=0.2s for=50ms",
        False: "at=0.2s until=0.4s rate=0.05",
    }
    for line in ("", " line=supply"):
        yield f"{cls.NAME} {times[cls.BY_TIME]}{line}"
        yield f"{cls.NAME} at=0.2s until=0.4s{line}"
        yield f"{cls.NAME} at=0.2s{line}"
        yield f"{cls.NAME}{line}"
    yield f"{cls.NAME} from=lens"


def _recovers(cls: type[Fault], subject: ConformanceSubject) -> None:
    fault = None
    for text in _faults(cls):
        try:
            fault = parse_fault(text)
            fault.check(subject.dialect)
        except FaultError:
            fault = None
            continue
        break
    if fault is None:
        raise ConformanceSkip(f"the mount has nothing that {cls.NAME} may strike")
    monitor = _monitor(subject, FaultPlan([fault], 1))
    monitor.run_guarded(monitor.session.start)
    monitor.run(0.8)
    monitor.run_guarded(lambda: monitor.session.attach_lens(monitor.now))
    within = subject.roles.fuzz_traits.recovery_s
    recovered = wait_for_recovery(monitor, within)
    assert recovered, f"{format_fault(fault)}: {recovery_failure(monitor, within)}"
    crashed = [one for one in monitor.violations if one.invariant == "no exception"]
    assert not crashed, crashed[0].text


for _fault in BUILT_IN_FAULTS:
    _named = partial(_recovers, _fault)
    _named.__doc__ = f"Both ends stream again after the fault {_fault.NAME}, or reach a legal final state."
    CHECKS[f"recovers_from_{_fault.NAME.replace('-', '_')}"] = _named


_subjects: dict[str, ConformanceSubject] = {}
_results: dict[str, dict[str, str]] = {}


def run_check(dialect: str, name: str) -> None:
    """Run one check of a dialect, and note its result for the table.

    Raises:
        AssertionError: the dialect does not conform; the text names the difference.
        unittest.SkipTest: the check does not apply to the dialect; the text gives the reason.
    """
    results = _results.setdefault(dialect, {})
    results[name] = "failed"
    if dialect not in _subjects:
        _subjects[dialect] = ConformanceSubject(dialect)
    try:
        CHECKS[name](_subjects[dialect])
    except ConformanceSkip as reason:
        results[name] = f"not applicable: {reason}"
        raise
    results[name] = "passed"


def conformance_table(dialect: str) -> list[str]:
    """Return the lines of the table of what has run for a dialect."""
    results = _results.get(dialect, {})
    passed = sum(result == "passed" for result in results.values())
    skipped = sum(result.startswith("not applicable") for result in results.values())
    lines = [
        f"conformance of {dialect}: {passed} passed, {len(results) - passed - skipped} failed, "
        f"{skipped} not applicable, of {len(CHECKS)}"
    ]
    return lines + [f"  {name.replace('_', ' '):<52} {result}" for name, result in results.items()]


class DialectConformance:
    """The checks as a test class; subclass it and set `dialect_name`.

    Attributes:
        dialect_name: the dialect, by the name of its entry point.
    """

    dialect_name: ClassVar[str] = ""

    @classmethod
    def teardown_class(cls) -> None:
        """Print the table; `pytest -s` shows it."""
        print("", *conformance_table(cls.dialect_name), sep="\n")


def _test_method(name: str) -> Callable[[DialectConformance], None]:
    def test(self: DialectConformance) -> None:
        run_check(self.dialect_name, name)

    test.__name__ = f"test_{name}"
    test.__doc__ = CHECKS[name].__doc__
    return test


for _name in CHECKS:
    setattr(DialectConformance, f"test_{_name}", _test_method(_name))


def run_conformance(dialect: str) -> bool:
    """Run every check of a dialect; return whether none failed and most applied."""
    # A dialect that cannot be loaded is one error, and no list of failed checks.
    _subjects[dialect] = ConformanceSubject(dialect)
    for name in CHECKS:
        try:
            run_check(dialect, name)
        except ConformanceSkip:
            continue
        except Exception as error:
            _results[dialect][name] = f"failed: {type(error).__name__}: {' '.join(str(error).split())[:200]}"
    results = _results[dialect].values()
    passed = sum(result == "passed" for result in results)
    return passed > len(CHECKS) // 2 and not any(result.startswith("failed") for result in results)


def main(names: Sequence[str]) -> int:
    """Print the table of each dialect; return 1 where one fails."""
    parser = argparse.ArgumentParser(
        prog="python -m lensmount.testing.conformance",
        description="Run the conformance suite on dialects and print its table; exit code 1 where a check fails.",
    )
    parser.add_argument("dialects", metavar="DIALECT", nargs="+", help="the name of its entry point, such as emount")
    code = 0
    for name in parser.parse_args(names).dialects:
        try:
            passed = run_conformance(name)
        except MountError as error:
            print(error, file=sys.stderr)
            return 2
        code = code if passed else 1
        print(*conformance_table(name), sep="\n")
    return code


def conformance_results(dialect: str) -> dict[str, Any]:
    """Return check -> result of what has run for a dialect."""
    return dict(_results.get(dialect, {}))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
