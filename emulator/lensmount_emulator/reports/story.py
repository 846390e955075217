"""A session told line by line: what the engines say, every question and answer, and of the loop only what is new."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from lensmount_emulator.reports.lines import ARROWS, HANG, colour_of, time_text
from lensmount_emulator.reports.printable import one_line
from lensmount_emulator.reports.terminal import ROLES, Colour, Line
from lensmount_emulator.roles.notice import Notice
from lensmount_emulator.sessions.tally import composition_of
from lensmount_protocol.decoder import Decoded, DecodedFrame, DecodedGarbage, EmptyWindow
from lensmount_protocol.describe import headline
from lensmount_protocol.wire import Role

NOTICE_HANG = 16
"""Columns by which the continuation of a notice is indented."""


@dataclass(slots=True)
class Storyteller:
    """Turns events into lines as they come.

    Attributes:
        routine: compositions that a loop repeats every frame, as the dialect says.
        every_frame: tell the loop's frames too, each one.
    """

    routine: frozenset[str]
    every_frame: bool = False
    _told: set[str] = field(default_factory=lambda: set[str]())
    _skipped: int = 0

    def frame(self, event: Decoded) -> Iterator[Line]:
        """The lines for something on the wire."""
        if isinstance(event, DecodedFrame):
            composition = composition_of(event)
            if not self.every_frame and composition in self.routine and composition in self._told:
                self._skipped += 1
                return
            self._told.add(composition)
            yield from self._skipped_line(event.at)
            said = "  +  ".join(headline(message) for message in event.messages)
            text = f"{time_text(event.at)}  {ARROWS[event.sender]}  {one_line(said)}"
            yield Line(text, colour_of(event), HANG)
        elif isinstance(event, DecodedGarbage):
            text = f"{time_text(event.at)}  {ARROWS[event.sender]}  {len(event.data)} bytes, {event.reason.value}"
            yield Line(text, colour_of(event), HANG)
        elif isinstance(event, EmptyWindow):
            length_ms = (event.closed - event.opened) * 1e3
            text = f"select line high for {length_ms:.3f} ms, no byte"
            yield Line(f"{time_text(event.opened)}  {ARROWS[event.sender]}  {text}", colour_of(event), HANG)

    def notice(self, notice: Notice) -> Iterator[Line]:
        """The line for something that an engine says; the loop's frames behind it are told once more."""
        yield from self._skipped_line(notice.at)
        self._told.clear()
        mark = "!" if notice.trouble else "●"
        text = f"{time_text(notice.at)}  {mark} {notice.role.value}: {one_line(notice.text)}"
        yield Line(text, Colour.ERROR if notice.trouble else ROLES[notice.role.value], NOTICE_HANG)

    def _skipped_line(self, at: float | None) -> Iterator[Line]:
        if self._skipped:
            yield Line(f"{time_text(at)}  ⋯ {self._skipped} loop frame{'s' if self._skipped > 1 else ''}")
            self._skipped = 0


def tell(
    events: Sequence[Decoded], notices: Sequence[Notice], routine: frozenset[str], *, every_frame: bool = False
) -> Iterator[Line]:
    """The story of a session, in the order of time."""
    teller = Storyteller(routine, every_frame)
    timed: list[tuple[float, int, Decoded | Notice]] = [(_time(event), 1, event) for event in events]
    timed += [(notice.at, 0, notice) for notice in notices]
    for _, _, what in sorted(timed, key=lambda item: item[:2]):
        yield from teller.notice(what) if isinstance(what, Notice) else teller.frame(what)


def _time(event: Decoded) -> float:
    return event.opened if isinstance(event, EmptyWindow) else event.at or 0.0


def errors_of(notices: Sequence[Notice], role: Role | None = None) -> list[Notice]:
    """What went wrong, as the engines saw it."""
    return [notice for notice in notices if notice.trouble and role in (None, notice.role)]
