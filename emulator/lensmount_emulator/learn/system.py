"""Systems that are learned: they can be reset, and they play one letter at a time.

A virtual system is a new session per reset, in virtual time. What a reset costs on a device is counted as well.
"""

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Protocol

from lensmount_emulator.engine.dialect_roles import get_roles, make_engine
from lensmount_emulator.engine.traits import LearnTraits
from lensmount_emulator.learn.alphabet import Alphabet, learn_traits
from lensmount_emulator.learn.probe_end import ProbeEnd
from lensmount_emulator.profiles.library import Profile
from lensmount_emulator.sessions.virtual_session import VirtualSession
from lensmount_hardware.captures.lmx import RecordingWriter
from lensmount_protocol.errors import ProfileError
from lensmount_protocol.wire import Role, WireRecord

OFF_S = 0.3
"""Seconds without supply at a reset of a device."""

MAX_LETTER_S = 120.0


class LearnedSystem(Protocol):
    """A system that is learned."""

    @property
    def name(self) -> str:
        """What it is, for users and for the cache."""
        ...

    @property
    def resets(self) -> int:
        """How often it was reset."""
        ...

    @property
    def device_s(self) -> float:
        """Seconds that all letters and resets take on a device."""
        ...

    def reset(self) -> None:
        """Bring it into its first state: without supply."""
        ...

    def play(self, letter: str) -> str:
        """Play a letter and return its output."""
        ...

    def close(self) -> None:
        """Leave it in its safe state."""
        ...


def get_learn_traits(alphabet: Alphabet) -> LearnTraits:
    """The traits of an alphabet's dialect.

    Raises:
        ProfileError: the dialect has none.
    """
    traits = learn_traits(alphabet.dialect.name)
    if traits is None:
        raise ProfileError(f"the dialect {alphabet.dialect.name} has no traits for learning")
    return traits


class VirtualSystem:
    """A profile or a firmware on the virtual mount.

    Args:
        alphabet: the letters.
        profile: the end that is learned.
        seed: seed of its jitter; each reset has another one. `None` reacts in nominal time.
    """

    def __init__(self, alphabet: Alphabet, profile: Profile, seed: int | None = 0) -> None:
        if profile.dialect != alphabet.dialect.name or profile.role is not alphabet.role:
            raise ProfileError(
                f"{profile.name} is a {profile.role.value} of {profile.dialect}; the alphabet {alphabet.name} learns a "
                f"{alphabet.role.value} of {alphabet.dialect.name}"
            )
        self.name = f"profile {profile.name}"
        self.resets = 0
        self.device_s = 0.0
        self.records: list[WireRecord] = []
        self._alphabet, self._profile, self._seed = alphabet, profile, seed
        self._traits = get_learn_traits(alphabet)
        self._letters = {letter.name: letter for letter in alphabet.letters}
        self._roles = get_roles(alphabet.dialect.name)
        self._session: VirtualSession | None = None
        self._probe: ProbeEnd | None = None

    def reset(self) -> None:
        """Begin a new session, without supply."""
        self.resets += 1
        self.device_s += OFF_S
        random = None if self._seed is None else Random(f"{self._seed} {self.resets}")
        learned = make_engine(self._roles, self._profile.settings, None, random, ())
        probe = self._probe = ProbeEnd(self._alphabet, self._traits, None)
        self.records = []
        body, lens = (probe, learned) if self._alphabet.role is Role.LENS else (learned, probe)
        self._session = VirtualSession(self._alphabet.dialect, body, lens, tap=self.records.append)
        probe.attach = self._attach
        self._session.start()

    def play(self, letter: str) -> str:
        """Play a letter and return its output."""
        assert self._session is not None
        assert self._probe is not None
        session, probe = self._session, self._probe
        began = session.now
        # As an event of its own: a spawned task of a session without other events would never be advanced.
        task = probe.prepare(self._letters[letter])
        session.mount.timebase(probe.role).call_soon(probe.run_task, task)
        session.run(session.now + MAX_LETTER_S, stop_when=lambda: probe.over)
        self.device_s += session.now - began
        return probe.output if probe.over else "stuck"

    @property
    def link_state(self) -> str:
        """The state of the learned end's link, as the dialect's table names it."""
        assert self._session is not None
        learned = self._session.lens if self._alphabet.role is Role.LENS else self._session.body
        return learned.connection.state

    def _attach(self, attached: bool) -> None:
        assert self._session is not None
        if attached:
            self._session.attach_lens()
        else:
            self._session.detach_lens()

    def save(self, path: Path, word: str, *, overwrite: bool = False) -> None:
        """Write the last session as a recording that `lensmount decode` reads.

        Args:
            path: the file.
            word: the word that was played, for its header.
            overwrite: replace an existing file.
        """
        header = {"dialect": self._alphabet.dialect.name, "word": word, "system": self.name}
        with RecordingWriter(path, header, overwrite=overwrite) as writer:
            for record in self.records:
                writer.write(record)

    def close(self) -> None:
        """End the session."""
        self._session = self._probe = None


def play_word(profile: Profile, alphabet: Alphabet, word: Sequence[str], seed: int | None = 0) -> list[str]:
    """Play one word to a profile on the virtual mount, and return the output of each letter.

    Args:
        profile: the end that answers.
        alphabet: the letters.
        word: their names, in order.
        seed: of the jitter; `None` for nominal times.

    Raises:
        ProfileError: the profile is not of the alphabet's end, or a letter does not exist.
    """
    for letter in word:
        alphabet.letter(letter)
    system = VirtualSystem(alphabet, profile, seed)
    system.reset()
    return [system.play(letter) for letter in word]
