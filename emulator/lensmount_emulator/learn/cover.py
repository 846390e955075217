"""Which transitions of a machine recordings use, and words that would use more.

A recording is read as letters: moves of the supply, select windows without bytes, and frames of the playing end. What
no letter describes is counted and passed over.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from lensmount_emulator.learn.alphabet import Alphabet, Letter
from lensmount_emulator.learn.machine import SILENCE, Machine, Word
from lensmount_protocol.decoder import DecodedFrame, DecodedGarbage, Decoder
from lensmount_protocol.errors import ProfileError
from lensmount_protocol.framer import GarbageReason
from lensmount_protocol.wire import Annotation, Edge, Role, WireRecord


@dataclass(frozen=True, slots=True)
class Coverage:
    """What recordings use of a machine.

    Attributes:
        used: transitions that they use, as pairs of state and letter.
        total: transitions of the machine.
        letters: letters that were read.
        passed_over: frames of the playing end that no letter describes.
        words: words that would use further transitions, shortest first.
        gaps: why recordings are incomplete, one line each.
    """

    used: frozenset[tuple[int, str]]
    total: int
    letters: int
    passed_over: int
    words: tuple[Word, ...]
    gaps: tuple[str, ...] = ()


class LetterReader:
    """Reads the actions of the playing end as letters.

    Args:
        alphabet: the letters.
        machine: decides between letters that look alike, such as two kinds of empty windows.
    """

    def __init__(self, alphabet: Alphabet, machine: Machine) -> None:
        self._alphabet, self._machine = alphabet, machine
        self.state = 0
        self.letters: list[tuple[int, str]] = []
        self.passed_over = 0
        self._select = alphabet.dialect.select_line(alphabet.role.peer)
        supply = alphabet.dialect.supply
        self._on = self._find(lambda letter: any(s.kind == "high" and s.line == supply for s in letter.steps))
        self._off = self._find(lambda letter: any(s.kind == "low" and s.line == supply for s in letter.steps))
        self._bare = self._find(
            lambda letter: (
                any(s.kind == "high" and s.line == self._select for s in letter.steps)
                and not any(s.kind in ("send", "bytes") for s in letter.steps)
            )
        )
        self._frames: list[tuple[Letter, bytes]] = []
        for letter in alphabet.letters:
            sends = [step for step in letter.steps if step.kind == "send"]
            if len(sends) == 1 and not letter.damage:
                self._frames.append((letter, b"".join(message.build() for message in sends[0].messages)))
        self._damaged = self._find(lambda letter: bool(letter.damage))
        self._opened = self._held_bytes = False

    def _find(self, matches: Callable[[Letter], bool]) -> list[Letter]:
        return [letter for letter in self._alphabet.letters if matches(letter)]

    def take_edge(self, edge: Edge) -> None:
        """Read a move of a line of the playing end."""
        if edge.line == self._alphabet.dialect.supply:
            self._step(self._on if edge.level else self._off)
        elif edge.line == self._select and edge.level:
            self._opened, self._held_bytes = True, False
        elif edge.line == self._select and self._opened:
            self._opened = False
            if not self._held_bytes:
                self._step(self._bare)

    def take_bytes(self) -> None:
        """The current window holds bytes."""
        self._held_bytes = True

    def take_frame(self, payload: bytes) -> None:
        """Read a frame: by its bytes, or by the types of its first message."""
        same = [letter for letter, data in self._frames if data == payload]
        alike = same or [letter for letter, data in self._frames if data[:1] == payload[:1]][:1]
        if alike:
            self._step(alike)
        else:
            self.passed_over += 1

    def take_damaged(self) -> None:
        """Read a damaged frame."""
        if self._damaged:
            self._step(self._damaged)
        else:
            self.passed_over += 1

    def _step(self, candidates: list[Letter]) -> None:
        if not candidates:
            return
        names = [letter.name for letter in candidates if letter.name in self._machine.letters]
        speaking = [name for name in names if self._machine.step(self.state, name)[0] != SILENCE]
        for name in (speaking or names)[:1]:
            self.letters.append((self.state, name))
            self.state = self._machine.step(self.state, name)[1]


def measure_cover(
    machine: Machine, alphabet: Alphabet, recordings: Iterable[Iterable[WireRecord]], most: int
) -> Coverage:
    """Measure what recordings use of a machine; each begins in its first state.

    Args:
        machine: the machine.
        alphabet: its letters.
        recordings: the records of each recording.
        most: words to suggest.

    Raises:
        ProfileError: the machine is that of a body: its letters depend on the requests.
    """
    if alphabet.role is Role.BODY:
        raise ProfileError(f"recordings cannot be read as letters of {alphabet.name}: it learns a body")
    used: set[tuple[int, str]] = set()
    gaps: list[str] = []
    letters = passed_over = 0
    player = alphabet.role.peer
    for records in recordings:
        reader = LetterReader(alphabet, machine)
        decoder = Decoder(alphabet.dialect)
        for event in decoder.decode(list(records)):
            if isinstance(event, Annotation) and event.incomplete:
                gaps.append(event.text)
            elif isinstance(event, Edge) and alphabet.dialect.drivers.get(event.line) is player:
                reader.take_edge(event)
            elif isinstance(event, DecodedFrame) and event.sender is player:
                reader.take_bytes()
                reader.take_frame(event.frame.payload)
            elif isinstance(event, DecodedGarbage) and event.sender is player:
                reader.take_bytes()
                if event.reason is GarbageReason.CHECKSUM:
                    reader.take_damaged()
        used |= set(reader.letters)
        letters += len(reader.letters)
        passed_over += reader.passed_over
    access = machine.access_words()
    missing = [(*access[state], letter) for state, letter, _, _ in machine.edges() if (state, letter) not in used]
    words = sorted(missing, key=lambda word: (len(word), word))
    return Coverage(
        frozenset(used), machine.states * len(machine.letters), letters, passed_over, tuple(words[:most]), tuple(gaps)
    )
