"""A good start-up to compare with: a capture, or a virtual session of profiles. It gives colour, never the verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lensmount_emulator.explain.knowledge import SessionKnowledge
from lensmount_emulator.explain.timeline import Timeline, first_type, read_timeline
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.sessions.decoded_capture import open_capture
from lensmount_emulator.sessions.loopback import MAX_SESSION_S, default_pair, run_loopback
from lensmount_hardware.captures.lmx import read_recording_header
from lensmount_protocol.decoder import Decoder, OrderedDecoder
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import MountError, ProfileError
from lensmount_protocol.timing import TimingResult, measure
from lensmount_protocol.wire import Role

REFERENCE_S = 4.0
"""Seconds of virtual time of a reference session; the longest homing of a profile takes 1.4 s."""


@dataclass(slots=True)
class Reference:
    """A good start-up.

    Attributes:
        name: the file or the profiles, for users.
        timeline: its facts.
        exact: whether it is the same devices, so that their own times can be compared.
        measured: the intervals of the contract's rules.
    """

    name: str
    timeline: Timeline
    exact: bool = True
    measured: Mapping[str, TimingResult] = field(init=False)

    def __post_init__(self) -> None:
        marks = ((at, mark) for at, mark, _ in self.timeline.marks)
        self.measured = {one.rule.name: one for one in measure(self.timeline.dialect.timing, marks) if len(one.intervals)}

    def frame(self, sender: Role, type_: int) -> bytes | None:
        """The first frame of an end that begins with a message type."""
        return next(
            (one.frame.raw for one in self.timeline.frames if one.sender is sender and first_type(one) == type_), None
        )

    def types(self, sender: Role) -> frozenset[int]:
        """The types with which an end begins its frames."""
        return frozenset(
            type_ for one in self.timeline.frames if one.sender is sender and (type_ := first_type(one)) is not None
        )

    def next_after(self, sender: Role, type_: int | None) -> tuple[Role, int] | None:
        """The frame that follows a frame in the start-up: its sender and first type."""
        frames = self.timeline.frames
        for one, after in zip(frames, frames[1:], strict=False):
            if one.sender is sender and first_type(one) == type_:
                found = first_type(after)
                return None if found is None else (after.sender, found)
        return None

    def seconds(self, rule: str) -> float | None:
        """The median of a rule's intervals here, in seconds."""
        result = self.measured.get(rule)
        return None if result is None else result.median_us * 1e-6


def run_reference(
    body: str | None, lens: str | None, accessories: Sequence[str], knowledge: SessionKnowledge, dialect: Dialect,
    *, exact: bool = True,
) -> Reference:  # fmt: skip
    """Run the good start-up of a pair in virtual time, without faults and without jitter.

    Raises:
        ProfileError: a profile is unknown, or the pair does not fit.
    """
    near, far = default_pair(body, lens)
    session = run_loopback(near, far, accessories=accessories, seconds=min(REFERENCE_S, MAX_SESSION_S))
    events = OrderedDecoder(Decoder(dialect)).decode(session.records)
    name = f"{near.name} with {far.name}, virtual"
    return Reference(name, read_timeline(events, dialect, knowledge), exact)


def load_reference(named: str, knowledge: SessionKnowledge, dialect: Dialect) -> Reference:
    """The good start-up that the user names: a capture file, or a profile by name or path.

    Raises:
        CaptureError: the file cannot be read.
        ProfileError: there is neither a file nor a profile of that name.
    """
    path = Path(named)
    if path.exists() and path.suffix != ".toml":
        capture = open_capture(path, dialect)
        return Reference(named, read_timeline(capture, dialect, knowledge))
    try:
        profile = load_profile(named)
    except ProfileError as error:
        raise ProfileError(f"--reference {named!r} is neither a file nor a profile: {error}") from error
    if profile.dialect != dialect.name:
        raise ProfileError(f"--reference {named}: the profile is of {profile.dialect}, and the session of {dialect.name}")
    is_body = profile.place.value == Role.BODY.value
    return run_reference(named if is_body else None, None if is_body else named, (), knowledge, dialect)


def find_reference(source: Path, knowledge: SessionKnowledge, dialect: Dialect) -> Reference | None:
    """The good start-up of the devices that a recording's header names; `None` where it names none that can run.

    Faults in the header are not read.
    """
    try:
        header = read_recording_header(source) if source.is_file() else {}
        return header_reference(header, knowledge, dialect)
    except MountError:
        return None


def header_reference(
    header: Mapping[str, object], knowledge: SessionKnowledge, dialect: Dialect
) -> Reference | None:
    """The good start-up of the devices in a header; `None` where it names none that can run."""
    body, lens, profile, between = (header.get(key) for key in ("body", "lens", "profile", "with"))
    accessories = [str(one) for one in between] if isinstance(between, list) else []
    try:
        if isinstance(body, str) and isinstance(lens, str):
            return run_reference(body, lens, accessories, knowledge, dialect)
        if isinstance(profile, str):
            return load_reference(profile, knowledge, dialect)
    except MountError:
        return None
    return None
