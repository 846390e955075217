"""Whether a device is well: it streams, and answers a known request rightly and in time."""

from dataclasses import dataclass

from lensmount_emulator.fuzz.device.link import Link
from lensmount_protocol.message import Unknown
from lensmount_protocol.paving import type_of

STREAM_FRAMES = 4
"""So many frames of the stream in a row are a stream."""

ANSWER_S = 0.5
"""Seconds that a device has for a known request; twice what the slowest profile takes."""

FRAMES_S = 0.25
"""Seconds that a stream has for its next frames."""

FIRST_S = 2.5
"""Seconds that a device has from our greeting to its first frame; one at another rate needs time to fall back."""

STREAM_S = 4.0
"""Seconds that a device has from our greeting to its stream."""

WELL = "well"
SILENT = "silent"
WRONG = "wrong answer"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a device has to keep.

    Attributes:
        answer: seconds for a known request.
        speaks: seconds from a greeting to the first frame.
        starts: seconds from there to the stream.
    """

    answer: float = ANSWER_S
    speaks: float = FIRST_S
    starts: float = STREAM_S


class Health:
    """Examines a device.

    Args:
        link: our end.
        limits: what it has to keep.
    """

    def __init__(self, link: Link, limits: Limits) -> None:
        self.link = link
        self.limits = limits
        self._expected: int | None = None

    def greet(self) -> bool:
        """Begin a session from nothing; whether the device streams and is well."""
        link = self.link
        link.begin()
        before = link.stream
        if not link.run(self.limits.speaks, unless=lambda: bool(link.heard)):
            return False
        if not link.run(self.limits.starts, unless=lambda: link.stream - before >= STREAM_FRAMES):
            return False
        return self.examine() == WELL

    def examine(self) -> str:
        """`WELL`, `SILENT` or `WRONG`."""
        link, probe = self.link, self.link.setup.probe()
        if probe is None:
            before = link.stream
            patience = max(FRAMES_S, self.limits.answer)
            return WELL if link.run(patience, unless=lambda: link.stream - before >= STREAM_FRAMES) else SILENT
        answer = link.ask(probe, self.limits.answer)
        if answer is None:
            return SILENT
        number = type_of(answer)
        if self._expected is None:
            self._expected = number
        return WELL if number == self._expected and not isinstance(answer, Unknown) else WRONG

    def streams(self) -> bool:
        """Whether the stream still runs; a device may have been told to stop it, and be well."""
        before = self.link.stream
        return self.link.run(FRAMES_S, unless=lambda: self.link.stream > before)
