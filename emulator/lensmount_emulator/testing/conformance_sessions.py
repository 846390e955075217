"""The checks of the conformance suite that run sessions: start, stream, sleep, floods, recovery after each fault."""

from collections.abc import Iterator
from functools import partial
from random import Random

from lensmount_emulator.engine.script import parse_script
from lensmount_emulator.faults.fault import Fault
from lensmount_emulator.faults.registry import BUILT_IN_FAULTS, FaultPlan, format_fault, parse_fault
from lensmount_emulator.fuzz.invariants import check_session, wait_for_recovery
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
from lensmount_protocol.errors import FaultError
from lensmount_protocol.wire import Annotation, AnnotationKind, Burst, Received, Role

__all__ = ["CHECKS"]


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
        assert load_profile(name, role).dialect == subject.dialect.name, name


@check
def scripts_are_read(subject: ConformanceSubject) -> None:
    """The scripts of the roles and of the traits are read."""
    traits = subject.roles.fuzz_traits
    scripts = (subject.roles.check_script, subject.roles.demo_script, *traits.scripts, *traits.verbs)
    for script in filter(None, scripts):
        parse_script(script, subject.roles.verbs)
    assert any(scripts), "no script is there"


@check
def session_starts(subject: ConformanceSubject) -> None:
    """Both ends leave the first state, and messages go both ways."""
    for role in Role:
        assert any(frame.sender is role for frame in subject.session.frames), f"nothing comes from the {role.value}"


@check
def session_streams(subject: ConformanceSubject) -> None:
    """The loop runs: the routine messages repeat in both directions."""
    routine = {int(type_, 16) for group in subject.dialect.routine for type_ in group.split("+")}
    if not routine:
        raise ConformanceSkip("the dialect names no routine messages")
    for role in Role:
        found = [
            frame for frame in subject.session.frames if frame.sender is role and frame.frame.payload[0] in routine
        ]
        assert len(found) >= 4, f"the {role.value} repeats nothing"


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
    assert subject.play(seed=1).records == subject.session.records


@check
def session_is_the_same_byte_by_byte(subject: ConformanceSubject) -> None:
    """Both ends do the same where every byte comes by itself."""
    bursts = [record for record in subject.play(seed=1, resolution="byte").records if isinstance(record, Burst)]
    assert [(one.sender, one.data) for one in bursts] == [
        (one.sender, one.data) for one in subject.session.records if isinstance(one, Burst)
    ]


@check
def session_has_no_electrical_violation(subject: ConformanceSubject) -> None:
    """No end drives a line or sends bytes into an end without supply."""
    assert subject.session.violations == []
    for record in subject.session.records:
        assert not (isinstance(record, Annotation) and record.kind is AnnotationKind.FRAMING_ERROR), record.text


@check
def session_frames_are_typed(subject: ConformanceSubject) -> None:
    """Every frame of a session is typed and builds to its own bytes."""
    assert subject.session.tally.valid
    assert subject.session.tally.all_frames_verified


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
        # mypy infers no type for a lambda with a default argument.
        monitor.run_guarded(lambda data=data: engine.receive(Received(data), monitor.now))  # type: ignore[misc]
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
    assert wait_for_recovery(monitor, within), f"{format_fault(fault)}: no recovery within {within:g} s"
    crashed = [one for one in monitor.violations if one.invariant == "no exception"]
    assert not crashed, crashed[0].text


for _fault in BUILT_IN_FAULTS:
    _named = partial(_recovers, _fault)
    _named.__doc__ = f"Both ends stream again after the fault {_fault.NAME}, or reach a legal final state."
    CHECKS[f"recovers_from_{_fault.NAME.replace('-', '_')}"] = _named
