"""A lens's engine explored breadth first: every state that words of letters reach, and every letter in each of them.

A letter is what a body can do: a frame with one message, a move of a line, or time. A word is applied to a new lens in
virtual time. Two moments are the same state where both ends' links, rates, lines and the lens's own flags are the same.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lensmount_protocol.message import Message
from state_audit.raw import Raw

State = tuple[Any, ...]


@dataclass(frozen=True)
class Letter:
    """One thing that a body does.

    Attributes:
        name: for people, and for exceptions.
        act: does it, and waits for what comes of it.
        trigger: what it is in the table of transitions; empty for time and lines without a trigger.
        shows: whether what the lens sent shows that it took the input; `None` where an input shows nothing by itself.
        supplies: whether it takes the supply.
    """

    name: str
    act: Callable[[Any], None]
    trigger: str = ""
    shows: Callable[[Any, Sequence[Message]], bool] | None = None
    supplies: bool = False


@dataclass(frozen=True)
class Step:
    """One letter in one state.

    Attributes:
        before: the state.
        letter: its name.
        after: the state that follows.
        legal: whether both ends' tables allow it.
        refused: whether the lens refused something.
        answered: whether the lens showed that it took the input.
        trouble: what the lens reported as trouble.
    """

    before: State
    letter: Letter
    after: State
    legal: bool
    refused: bool
    answered: bool
    trouble: tuple[str, ...]


@dataclass
class Explored:
    """What an exploration found.

    Attributes:
        states: state -> the shortest word that leads there.
        steps: every letter in every state.
    """

    states: dict[State, tuple[str, ...]] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)


@dataclass(frozen=True)
class Alphabet:
    """How one lens is explored.

    Attributes:
        new: a lens without supply, and its raw body.
        letters: by name.
        state: what tells states apart.
        refusal: whether a message refuses something.
        depth: letters in a word at most.
    """

    new: Callable[[], Any]
    letters: Mapping[str, Letter]
    state: Callable[[Any], State]
    refusal: Callable[[Any], bool]
    depth: int = 12


def explore(alphabet: Alphabet, most_states: int = 400, *, each_new: bool = False) -> Explored:
    """Every state within the depth, and every letter in it.

    Args:
        alphabet: what to explore.
        most_states: states that are expected at most.
        each_new: whether every letter meets a new lens; else one lens takes letter after letter while its state stays.

    Raises:
        AssertionError: there are more states than expected, or a word does not lead to its state again.
    """
    found = Explored()
    start = alphabet.new()
    first = alphabet.state(start)
    found.states[first] = ()
    open_ = deque([first])
    while open_:
        state = open_.popleft()
        word = found.states[state]
        lens: Any = None
        for letter in alphabet.letters.values():
            if lens is None:
                lens = _led(alphabet, word, state)
            step = _apply(alphabet, lens, letter, state)
            found.steps.append(step)
            if step.after not in found.states and len(word) < alphabet.depth:
                found.states[step.after] = (*word, letter.name)
                open_.append(step.after)
                assert len(found.states) <= most_states, f"more than {most_states} states; the last: {step.after}"
            if each_new or step.after != state:
                lens = None
    return found


def _led(alphabet: Alphabet, word: Sequence[str], state: State) -> Any:
    lens = alphabet.new()
    for name in word:
        alphabet.letters[name].act(lens)
    assert alphabet.state(lens) == state, f"{word} leads to {alphabet.state(lens)}, and led to {state}"
    return lens


def _apply(alphabet: Alphabet, raw: Raw, letter: Letter, before: State) -> Step:
    body, lens = raw.body.connection, raw.lens.connection
    # An input without a frame or an edge has no trigger, and is never illegal.
    legal = all(letter.trigger in end.dialect.transitions.moves[end.state] for end in (body, lens))
    arrivals, notices = len(raw.body.arrivals), len(raw.notices)
    letter.act(raw)
    said = raw.said(arrivals)
    refused = any(alphabet.refusal(message) for message in said)
    trouble = tuple(n.text for n in raw.notices[notices:] if n.is_error and n.role is raw.lens.role)
    answered = letter.shows is None or letter.shows(raw, said)
    return Step(before, letter, alphabet.state(raw), legal, refused, answered, trouble)


# The three kinds of defects, each with what is wrong in words.


def changed_by_refusal(found: Explored) -> list[tuple[Step, str]]:
    """A letter that was only refused, and after which the state is another one."""
    return [
        (step, f"a refusal of {step.letter.name} leads from {step.before} to {step.after}")
        for step in found.steps
        if step.refused and not step.letter.supplies and step.after != step.before
    ]


def ignored(found: Explored) -> list[tuple[Step, str]]:
    """A letter that both tables allow, and of which nothing comes: no answer, no refusal, no other state."""
    return [
        (step, f"{step.letter.name} is legal in {step.before} and nothing comes of it")
        for step in found.steps
        if step.legal and not (step.refused or step.answered) and step.after == step.before
    ]


def locked(found: Explored, is_home: Callable[[State], bool]) -> list[tuple[Step, str]]:
    """A state from which no word without a loss of supply leads to a state that serves: a way back is missing."""
    sources: dict[State, set[State]] = {}
    for step in found.steps:
        if not step.letter.supplies:
            sources.setdefault(step.after, set()).add(step.before)
    reached = {state for state in found.states if is_home(state)}
    open_ = list(reached)
    while open_:
        for source in sources.get(open_.pop(), ()):
            if source not in reached:
                reached.add(source)
                open_.append(source)
    assert reached, "no state serves"
    by_state = {step.before: step for step in found.steps}
    return [
        (by_state[state], f"only a loss of supply leads out of {state}, reached by {' '.join(word) or 'nothing'}")
        for state, word in found.states.items()
        if state not in reached and state in by_state
    ]
