"""The verdict on a session at a port: what it lacks, how far its script came, and the exit code that follows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Any

from lensmount_emulator.sessions.script_progress import ScriptProgress
from lensmount_hardware.transport import BROKEN_BYTES
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.wire import Role

PEER_SILENT_S = 1.0
"""Seconds without a byte after which a peer whose frames come in a steady stream has stopped: dozens of its frames."""

WAKE = "wake"
"""Trigger that leaves a state in which both ends may be silent."""

NO_ANSWER = 4
"""Exit code: the peer sends nothing. A body that asked in vain has errors, and the session ends with 1."""

NOTHING: Mapping[str, int] = MappingProxyType({})


class Lack(Enum):
    """What a session can lack."""

    SILENCE = "silence"
    NO_FRAME = "no frame"
    STOPPED = "peer stopped"
    SCRIPT = "script not done"
    ERRORS = "errors"
    LOST = "bytes lost"
    STEPS = "steps missed"


@dataclass(frozen=True, slots=True)
class Shortfall:
    """Something that a session lacks.

    Attributes:
        lack: its kind.
        text: what is missing, and what to check, in one line.
    """

    lack: Lack
    text: str


def expects_traffic(state: str, dialect: Dialect) -> bool:
    """Whether a peer that is silent in a state has stopped: the link is up, and not in a state that a wake-up leaves.

    A dialect whose table has no wake-up does not say so of any state.
    """
    moves = dialect.transitions.moves
    sleeps = {name for name, triggers in moves.items() if WAKE in triggers}
    return bool(sleeps) and state in moves and state != dialect.transitions.initial and state not in sleeps


@dataclass(slots=True)
class Traffic:
    """What came from one end.

    Attributes:
        sender: the end.
        bytes: bytes that came.
        frames: valid frames among them.
    """

    sender: Role
    bytes: int = 0
    frames: int = 0

    def shortfall(self, dialect: str, seconds: float) -> Shortfall | None:
        """What is missing of it: everything, or every valid frame; `None` where frames came."""
        who = f"the {self.sender.value}"
        if not self.bytes:
            return Shortfall(
                Lack.SILENCE, f"nothing came from {who} in {seconds:.1f} s; check its power, the wiring and the port"
            )
        if not self.frames:
            return Shortfall(
                Lack.NO_FRAME,
                f"{self.bytes} bytes from {who} hold no valid frame of {dialect}; check the dialect, the baud rate "
                "and the wiring",
            )
        return None


@dataclass(frozen=True, slots=True)
class LiveVerdict:
    """The verdict on a session in which we play one end.

    Attributes:
        peer: what came from the other end.
        errors: notices of trouble from our end.
        script: how far our script came; `None` where there is nothing to complete.
        silent_s: seconds since the last byte of the peer; `None` where none came.
        state: the state of the link at the end; `""` where our end keeps none.
        shortfalls: what the session lacks, the most important first.
    """

    peer: Traffic
    errors: int
    script: ScriptProgress | None = None
    silent_s: float | None = None
    state: str = ""
    shortfalls: Sequence[Shortfall] = field(default=())

    @property
    def exit_code(self) -> int:
        """0 where nothing is missing; 4 where the peer sent nothing and our end had no error; else 1."""
        return exit_code(self.shortfalls)

    def as_json(self) -> dict[str, Any]:
        """The verdict as plain data."""
        script = self.script
        return {
            "ok": not self.shortfalls,
            "exit_code": self.exit_code,
            "peer": {"role": self.peer.sender.value, "bytes": self.peer.bytes, "frames": self.peer.frames,
                     "silent_s": None if self.silent_s is None else round(self.silent_s, 3)},
            "errors": self.errors,
            "script": None if script is None else
            {"done": min(script.done, len(script.steps)), "steps": list(script.steps), "complete": script.complete},
            "state": self.state,
            "lacks": lacks_as_json(self.shortfalls),
        }  # fmt: skip


def exit_code(shortfalls: Iterable[Shortfall]) -> int:
    """The exit code of a session in which one end is ours."""
    lacks = {one.lack for one in shortfalls}
    silent = Lack.SILENCE in lacks and not lacks & {Lack.ERRORS, Lack.STEPS}
    return NO_ANSWER if silent else int(bool(lacks))


def lacks_as_json(shortfalls: Iterable[Shortfall]) -> list[dict[str, str]]:
    """What is missing, as plain data."""
    return [{"kind": one.lack.value, "text": one.text} for one in shortfalls]


def judge_live(
    peer: Traffic,
    dialect: str,
    seconds: float,
    *,
    errors: int,
    script: ScriptProgress | None = None,
    silent_s: float | None = None,
    streams: bool = False,
    state: str = "",
    unmet: str = "",
    lost: Mapping[str, int] = NOTHING,
    may_be_silent: bool = False,
) -> LiveVerdict:
    """The verdict on a session in which one end is ours.

    Args:
        peer: what came from the other end.
        dialect: name of what is spoken.
        seconds: how long the session lasted.
        errors: notices of trouble from our end.
        script: how far our script came; `None` where there is nothing to complete.
        silent_s: seconds since the last byte of the peer.
        streams: whether the link is in a state in which the peer sends all the time.
        state: that state, for people.
        unmet: what a replay waited for in vain, in one line; `""` for nothing.
        lost: what was lost between the port and the recording, in words, and how much.
        may_be_silent: a peer that sends nothing is no shortfall.
    """
    found: list[Shortfall] = []
    nothing = peer.shortfall(dialect, seconds)
    if nothing is not None and not (may_be_silent and nothing.lack is Lack.SILENCE):
        found.append(nothing)
    if streams and silent_s is not None and silent_s > PEER_SILENT_S:
        text = f"the {peer.sender.value} sent nothing in the last {silent_s:.1f} s, though the link is {state}"
        found.append(Shortfall(Lack.STOPPED, text))
    if script is not None and not script.complete and (script.steps or nothing is None):
        longer = "" if script.over else "; --duration gives it longer"
        found.append(Shortfall(Lack.SCRIPT, f"the script was not done in {seconds:.3f} s: {script.describe()}{longer}"))
    if unmet:
        found.append(Shortfall(Lack.STEPS, unmet))
    found += _losses(lost)
    if errors:
        found.append(Shortfall(Lack.ERRORS, f"{errors} error{'s' if errors > 1 else ''}"))
    return LiveVerdict(peer, errors, script, silent_s, state, tuple(found))


def judge_listening(
    ends: Iterable[Traffic],
    dialect: str,
    seconds: float,
    *,
    lost: Mapping[str, int] = NOTHING,
    may_be_silent: bool = False,
) -> list[Shortfall]:
    """What a session lacks in which we only listen, or pass on.

    Args:
        ends: what came from each end that was listened to.
        dialect: name of what is spoken.
        seconds: how long the session lasted.
        lost: what was lost between the port and the recording, in words, and how much.
        may_be_silent: silence is no shortfall here.
    """
    found = [one.shortfall(dialect, seconds) for one in ends]
    lacks = [one for one in found if one is not None and not (may_be_silent and one.lack is Lack.SILENCE)]
    return [*lacks, *_losses(lost)]


def _losses(lost: Mapping[str, int]) -> list[Shortfall]:
    # Bytes that came broken are no loss: at another baud rate every byte does, and both ends may change it.
    whole = {what: count for what, count in lost.items() if what != BROKEN_BYTES}
    text = ", ".join(f"{count} {what}" for what, count in whole.items())
    return [Shortfall(Lack.LOST, f"the recording is not complete: lost {text}")] if whole else []
