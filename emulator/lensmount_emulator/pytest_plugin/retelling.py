"""What a test did on the virtual mount, as words of `lensmount loopback`, as far as those can say it."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lensmount_emulator.profiles.library import load_profile, profile_names
from lensmount_emulator.profiles.profile import Profile
from lensmount_protocol.wire import Role

ProfileLike = str | Profile
"""A profile's name or path, or one that has been read."""


@dataclass(slots=True)
class Retelling:
    """What a test did, step by step.

    Attributes:
        words: the ends, the seed and the like.
        steps: steps of the script.
        exact: whether every moment is told too, so that the session is the same to the byte.
        possible: whether words can tell it at all.
    """

    words: list[str]
    steps: list[str] = field(default_factory=lambda: list[str]())
    exact: bool = True
    possible: bool = True

    def add(self, text: str, *, exact: bool) -> None:
        """A step was done; `exact` where it began at the moment at which a script would begin it."""
        self.steps.append(text)
        self.exact = self.exact and exact

    def command(self, seconds: float) -> str:
        """The command that tells the session up to a time, and whether it is quite the same."""
        words = ["lensmount", "loopback", *self.words]
        if self.steps:
            words += ["--do", "; ".join(self.steps)]
        words += ["--duration", f"{seconds:.6f}"]
        same = "the same session, byte for byte" if self.exact else "the same steps; their moments may differ a little"
        return f"{shlex.join(words)}  # {same}"


def retelling(
    ends: Sequence[tuple[ProfileLike | None, Profile]],
    between: Sequence[ProfileLike],
    script: str,
    seed: int | None,
    arm: Sequence[str],
) -> Retelling:
    """What is known before anything was done.

    Args:
        ends: what was asked for as body and as lens, and what was taken.
        between: what was asked for in between.
        script: the body's.
        seed: of the jitter.
        arm: guarded messages that it may send.
    """
    options = ("--body", "--lens", *("--with" for _ in between))
    names = [_name(taken if asked is None else asked) for asked, taken in ends] + [_name(one) for one in between]
    words = [word for option, name in zip(options, names, strict=True) for word in (option, name or "")]
    if seed is not None:
        words += ["--seed", str(seed)]
    for name in arm:
        words += ["--arm", name]
    return Retelling(words, [script] if script else [], possible=None not in names)


def again_on_port(path: Path, port: str, role: Role, arm: Sequence[str]) -> str:
    """The command that does once more, to a device, what our end did in a recording.

    Args:
        path: the recording.
        port: where the device is.
        role: our end.
        arm: guarded messages that it may send.
    """
    words = ["lensmount", "replay", str(path), "--port", port, "--as", role.value]
    for name in arm:
        words += ["--arm", name]
    return f"{shlex.join(words)}  # what our {role.value} did, in its own time, to the device"


def _name(profile: ProfileLike) -> str | None:
    """How a command calls it; `None` for one that a test has made or changed."""
    if isinstance(profile, str):
        return profile
    return profile.name if profile.name in profile_names() and load_profile(profile.name) == profile else None
