"""One cell of a matrix: its session on the virtual mount, what went wrong in it, its recording and its command."""

import io
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lensmount_emulator.profiles.profile import Profile
from lensmount_emulator.sessions.combinations import Combination
from lensmount_emulator.sessions.header import session_header
from lensmount_emulator.sessions.loopback import Session, run_loopback
from lensmount_emulator.sessions.matrix import Trial
from lensmount_hardware.captures.recording import RecordingWriter
from lensmount_hardware.output_file import write_output
from lensmount_protocol.wire import Record

CHECK_ALL = "check all"
"""The script in which a body finds out all that it can about a lens."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """Runs the session of a combination.

    Attributes:
        profiles: what was read of each profile, by the name that combinations use.
        dialect: what is spoken.
        script: what to do.
        seed: where reaction times get their jitter from.
        folder: where a recording of each session goes; `None` for none.
        overwrite: replace recordings that exist.
    """

    profiles: Mapping[str, Profile]
    dialect: str
    script: str = CHECK_ALL
    seed: int | None = None
    folder: Path | None = None
    overwrite: bool = False

    def __call__(self, combination: Combination) -> Trial:
        """Run it; see `Try`.

        Raises:
            CaptureError: the recording exists or cannot be written.
        """
        if self.folder is None:
            return self._trial(self._session(combination, None))
        memory = io.BytesIO()
        recording = RecordingWriter(memory, self._header(combination))
        try:
            return self._trial(self._session(combination, recording.write))
        finally:
            # A session that ends in an error leaves what was heard until then.
            path = self.folder / recording_name(combination)
            write_output(path, memory.getvalue(), overwrite=self.overwrite)

    def replay(self, combination: Combination) -> str:
        """The command that runs the session again."""
        words = ["lensmount", "loopback", "--body", combination.body, "--lens", combination.lens]
        for accessory in combination.accessories:
            words += ["--with", accessory]
        words += ["--do", self.script]
        return shlex.join(words if self.seed is None else [*words, "--seed", str(self.seed)])

    def _session(self, combination: Combination, tap: Callable[[Record], None] | None) -> Session:
        return run_loopback(
            self.profiles[combination.body],
            self.profiles[combination.lens],
            accessories=[self.profiles[name] for name in combination.accessories],
            script=self.script,
            seed=self.seed,
            tap=tap,
        )

    def _trial(self, session: Session) -> Trial:
        errors = errors_in(session)
        if self.script == CHECK_ALL and not session.findings:
            errors.append("the body found nothing out")
        return Trial(tuple(session.findings), tuple(errors), session.seconds)

    def _header(self, combination: Combination) -> dict[str, object]:
        return session_header(
            self.dialect,
            combination.body,
            combination.lens,
            self.script,
            self.seed,
            accessories=combination.accessories,
        )


def errors_in(session: Session) -> list[str]:
    """What must not be in any session, one line each: errors, broken timing, electrical violations, odd bytes."""
    errors = [
        f"{notice.role.value} at {notice.at * 1e3:.3f} ms: {notice.text}"
        for notice in session.notices
        if notice.trouble
    ]
    for measured in session.timing:
        if measured.broken:
            rule, (at, interval_us) = measured.rule, measured.violations[0]
            errors.append(
                f"timing: {rule.name} {interval_us:g} µs at {at * 1e3:.3f} ms, must be {rule.minimum_us:g} … "
                f"{rule.maximum_us:g}; {measured.broken}x"
            )
    errors += [f"electrical: {violation}" for violation in session.violations]
    if not session.tally.proven or session.tally.runs:
        errors.append(f"bytes: {session.tally.summary()}")
    # A lens that the body cannot use is a result of its own: the finding has the rule.
    if not session.finished and not session.declined:
        errors.append("the script was not carried out to its end")
    return errors


def recording_name(combination: Combination) -> str:
    """The file name of a combination's recording; a profile's path becomes a name."""
    parts = (combination.body, combination.lens, *combination.accessories)
    return "+".join(re.sub(r"[^A-Za-z0-9._-]", "_", part) for part in parts) + ".lmx"
