"""Runs one point of a margin in virtual time: a start-up and a part of the loop with changed parameters."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lensmount_emulator.engine.observer import Notice
from lensmount_emulator.margins.parameters import Parameter
from lensmount_emulator.profiles.library import Profile
from lensmount_emulator.sessions.loopback import make_virtual_session
from lensmount_protocol.errors import ProfileError
from lensmount_protocol.wire import Burst, Role, WireRecord

LOOP_S = 0.3
"""Seconds of the loop after the start-up."""

LAST_S = 0.1
"""The end of these seconds, in which both ends must still send."""

MAX_START_S = 4.0
"""Seconds that a start-up may take beyond the values that are varied; the longest homing of a profile is 1.4 s."""


@dataclass(frozen=True, slots=True)
class PointResult:
    """The result of one point.

    Attributes:
        works: whether the session started, streamed, and reported no error.
        reason: why it does not; `""` where it works.
        at: when that was, in seconds; `None` where it works.
        is_legal: whether a profile may have the values; a point that is not legal was not run.
    """

    works: bool
    reason: str = ""
    at: float | None = None
    is_legal: bool = True


RunPoint = Callable[[Mapping[str, float], int | None], PointResult]
"""Runs a point: name of each parameter -> its value, and the seed of the jitter; `None` for nominal times."""


@dataclass(frozen=True, slots=True)
class VirtualPoints:
    """Runs points with our engines at both ends.

    Attributes:
        body: the body's profile.
        lens: the lens's profile.
        parameters: what is varied, by name.
    """

    body: Profile
    lens: Profile
    parameters: Mapping[str, Parameter]

    def __call__(self, values: Mapping[str, float], seed: int | None) -> PointResult:
        """Run a session with these values; a value that a profile does not allow does not work."""
        body, lens, faults, waits = self.body, self.lens, list[str](), 0.0
        try:
            for name, value in values.items():
                parameter = self.parameters[name]
                if parameter.end is Role.BODY:
                    body = parameter.changed(body, value)
                else:
                    lens = parameter.changed(lens, value)
                faults += parameter.faults(value)
                waits += abs(value) * 1e-6 if parameter.unit == "us" else 0.0
        except ProfileError as error:
            return PointResult(False, str(error), is_legal=False)
        errors: list[Notice] = []
        last = dict.fromkeys(Role, 0.0)

        def note(notice: Notice) -> None:
            if notice.is_error:
                errors.append(notice)

        def tap(record: WireRecord) -> None:
            if isinstance(record, Burst) and record.at is not None:
                last[record.sender] = record.at

        session = make_virtual_session(body, lens, seed=seed, tap=tap, on_notice=note, faults=faults)
        session.start()
        session.run(MAX_START_S + 3 * waits, stop_when=lambda: session.body.done or bool(errors))
        if not errors and session.body.done:
            session.run(session.now + LOOP_S, stop_when=lambda: bool(errors))
        return _judge(session.now, done=session.body.done, errors=errors, last=last)


def _judge(now: float, *, done: bool, errors: Sequence[Notice], last: Mapping[Role, float]) -> PointResult:
    if errors:
        first = errors[0]
        return PointResult(False, f"{first.role.value}: {first.text}", first.at)
    if not done:
        return PointResult(False, "the start-up was not completed", now)
    for role, at in last.items():
        if now - at > LAST_S:
            return PointResult(False, f"the {role.value} sends nothing any more", at)
    return PointResult(True)
