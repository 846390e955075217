"""Fault-free sessions: without faults nothing may be missing, so both ends are checked more strictly."""

from dataclasses import replace
from random import Random

from lensmount_emulator.engine.dialect_roles import FuzzTraits
from lensmount_emulator.engine.observer import Notice, NoticeKind
from lensmount_emulator.fuzz.invariants import check_session
from lensmount_emulator.fuzz.monitor import SessionConfig, SessionMonitor, Violation
from lensmount_emulator.fuzz.scenario import Scenario, get_profile, get_traits
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_protocol.wire import Annotation, AnnotationKind, Role

MAX_SESSION_S = 60.0
DRAIN_S = 0.1
MAX_STEPS = 5


class FaultFreeMonitor(SessionMonitor):
    """Monitors a session without faults.

    Both ends must change their rate together, and open a window for each frame. A script step that drives a part must
    not end before the part is idle.
    """

    def __init__(self, config: SessionConfig) -> None:
        self._rates = dict[Role, int]()
        self._parted_at = 0.0
        self._opened_at: dict[Role, float | None] = dict.fromkeys(Role)
        self._step = ""
        super().__init__(config)

    def run_script(self) -> list[Violation]:
        """Run the script to its end; return the violations."""
        body = self.session.body
        self._rates = {role: self.mount.baudrate(role) for role in Role}
        self.run_guarded(self.session.start)
        self.run(MAX_SESSION_S, stop_when=lambda: body.done)
        self._ends_step()
        self.run(self.now + DRAIN_S)
        if not self.crashed:
            if not body.done or body.gave_up:
                self.report_violation(
                    "fault-free session", f"the script was not carried out; it stopped at {self._step!r}"
                )
            check_session(self)
        return self.violations

    def _on_notice(self, notice: Notice) -> None:
        super()._on_notice(notice)
        if notice.is_error:
            self.report_violation("fault-free session", f"the {notice.role.value}: {notice.text}")
        elif notice.role is Role.BODY and notice.kind is NoticeKind.SCRIPT_STEP:
            self._ends_step()
            self._step = notice.subject

    def _ends_step(self) -> None:
        rests = self.traits.idle_checks.get(self._step.partition(" ")[0])
        if rests is not None and not rests(self.session.lens):
            self.report_violation(
                "fault-free session", f"the body is done with {self._step!r}, and the lens still drives"
            )

    def _on_baudrate(self, role: Role, baudrate: int) -> None:
        parted = len({*self._rates.values()}) > 1
        self._rates[role] = baudrate
        part = len({*self._rates.values()}) > 1
        if part and not parted:
            self._parted_at = self.now
        elif parted and not part and self.now - self._parted_at > self.traits.baudrate_switch_s:
            lasted = (self.now - self._parted_at) * 1e3
            self.report_violation("fault-free session", f"for {lasted:.1f} ms the two ends use different rates")

    def _on_drive(self, role: Role, line: str, level: bool) -> None:
        super()._on_drive(role, line, level)
        if line == self.dialect.select_line(role):
            self._opened_at[role] = self.now if level else None

    def _on_tx(self, role: Role, data: bytes) -> None:
        super()._on_tx(role, data)
        opened, self._opened_at[role] = self._opened_at[role], None
        if opened is not None and self.now - opened > self.traits.window_lead_s:
            lasted = (self.now - opened) * 1e3
            self.report_violation(
                "fault-free session", f"the {role.value} sends in a window that it opened {lasted:.1f} ms before"
            )


def random_script(traits: FuzzTraits, random: Random) -> str:
    """A random script."""
    return "; ".join(random.choice(traits.verbs or ("",)) for _ in range(random.randint(0, MAX_STEPS)))


def random_fault_free(dialect: str, traits: FuzzTraits, random: Random) -> tuple[Scenario, frozenset[str]]:
    """A random pair of profiles with a script, and the lines that their ports lack."""
    scenario = Scenario(
        dialect, random.choice(traits.bodies), random.choice(traits.lenses), script=random_script(traits, random)
    )
    scenario = replace(scenario, seed=random.randrange(1_000_000))
    missing = (
        random.choice(traits.uncarried_lines)
        if traits.uncarried_lines and random.random() < REDUCED_SHARE
        else frozenset[str]()
    )
    return scenario, missing


REDUCED_SHARE = 0.4
"""Share of sessions over ports that do not carry every line."""


def monitor_fault_free(scenario: Scenario, missing: frozenset[str] = frozenset()) -> list[Violation]:
    """Run a session without a fault, with a monitor; return the violations."""
    config = SessionConfig(
        get_profile(scenario.body), get_profile(scenario.lens), scenario.script, scenario.seed, uncarried_lines=missing
    )
    came = FaultFreeMonitor(config).run_script()
    without = f", without {' and '.join(sorted(missing))}" if missing else ""
    return [complaint._replace(text=complaint.text + without) for complaint in came]


def run_fault_free(scenario: Scenario) -> list[Violation]:
    """Run a session without a fault; return its defects: timing, script, reported errors."""
    session = run_loopback(
        get_profile(scenario.body), get_profile(scenario.lens), script=scenario.script or "wait 0.5", seed=scenario.seed
    )
    wrong = [
        f"{rule.rule.name}: {rule.violation_count} intervals out of bounds"
        for rule in session.timing
        if rule.violation_count
    ]
    wrong += [f"the {notice.role.value}: {notice.text}" for notice in session.notices if notice.is_error]
    remarks = [record for record in session.records if isinstance(record, Annotation)]
    wrong += [remark.text for remark in remarks if remark.kind is AnnotationKind.FRAMING_ERROR]
    wrong += session.violations
    if not session.finished:
        wrong.append("the script was not carried out")
    if not session.clean and not wrong:
        wrong.append(f"not clean: {session.tally.summary()}")
    return [Violation("fault-free session", session.seconds, text) for text in wrong]


def run_fault_free_sessions(dialect: str, sessions: int, seed: int) -> list[Violation]:
    """Run so many monitored sessions of a dialect; return the violations of the first one that has any."""
    for number in range(sessions):
        came = monitor_fault_free(
            *random_fault_free(dialect, get_traits(dialect), Random(f"{seed} {dialect} {number}"))
        )
        if came:
            return came
    return []
