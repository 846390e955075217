"""What scenarios of one process have reached, for guided fuzzing, and the steps of the scenario that runs.

A guide keeps scenarios that reached a coverage counter, or a value of the state word of the firmware, that was not
there before, and continues those with rare states. A journal keeps the steps in memory that outlives the process.
"""

import mmap
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from lensmount_emulator.fuzz.firmware_inputs import RecordedMessages
from lensmount_emulator.fuzz.scenario import Scenario
from lensmount_protocol.message import Message

MAX_CORPUS = 400
"""Scenarios that a process keeps to continue from."""

CANDIDATES = 4
"""Kept scenarios of which the one with the rarest state is continued."""

MAX_STATES = 1 << 16
"""Values of the state word that count as progress."""

PROBE_SHARE = 0.25
MAX_PROBES = 3
COMMON_VISITS = 50
"""Probability with which every input is tried in a new state, how often in one scenario, and visits that halve it."""

JOURNAL_SIZE = 4 << 20
"""Bytes for the steps of one scenario."""


@dataclass(slots=True)
class Guide:
    """What the scenarios of one process have reached.

    Attributes:
        seen: coverage buckets so far.
        size: their number.
        visits: value of the state word -> steps after which it was seen.
        probes: value of the state word -> how often every input was tried there.
        corpus: scenarios that reached something new, each with the last new state, if any.
        fresh: the scenario that was kept last.
        recorded: messages of the peer in recorded sessions.
    """

    seen: Any
    size: int
    visits: Counter[int] = field(default_factory=lambda: Counter[int]())
    probes: Counter[int] = field(default_factory=lambda: Counter[int]())
    corpus: list[tuple[Scenario, int]] = field(default_factory=lambda: list[tuple[Scenario, int]]())
    fresh: Scenario | None = None
    recorded: RecordedMessages = field(default_factory=lambda: dict[type[Message], Sequence[Message]]())

    def keep(self, scenario: Scenario, state: int = 0) -> None:
        """Keep a scenario; the oldest but for the first ones makes room."""
        self.fresh = scenario
        self.corpus.append((scenario, state))
        if len(self.corpus) > MAX_CORPUS:
            del self.corpus[MAX_CORPUS // 4]

    def visit(self, word: int) -> bool:
        """Count a value of the state word; return whether it is new."""
        visits = self.visits[word]
        if not visits and len(self.visits) > MAX_STATES:
            return False
        self.visits[word] = visits + 1
        return not visits

    def wants_probe(self, word: int, random: Random) -> bool:
        """Whether to try every input in this state: at random, and more often where it is rare and was seldom tried."""
        share = PROBE_SHARE / ((1 + self.probes[word]) ** 2 * (1 + self.visits[word] / COMMON_VISITS))
        if random.random() >= share:
            return False
        self.probes[word] += 1
        return True

    def choose(self, random: Random) -> Scenario:
        """Return a kept scenario; of a few, the one with the rarest state."""
        some = random.choices(self.corpus, k=CANDIDATES)
        return min(some, key=lambda one: self.visits[one[1]])[0]


class Journal:
    """The steps of a scenario in memory that a process shares with its parent, so that they outlive it."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, JOURNAL_SIZE)

    def begin(self) -> None:
        """Begin a scenario."""
        self._memory[:4] = bytes(4)

    def note(self, step: str) -> None:
        """Add a step; too many of them are left out."""
        used = int.from_bytes(self._memory[:4], "little")
        data = f"{step}\n".encode()
        if used + len(data) <= JOURNAL_SIZE - 4:
            self._memory[4 + used : 4 + used + len(data)] = data
            self._memory[:4] = (used + len(data)).to_bytes(4, "little")

    def steps(self) -> list[str]:
        """Return the steps so far."""
        return self._memory[4 : 4 + int.from_bytes(self._memory[:4], "little")].decode().splitlines()
