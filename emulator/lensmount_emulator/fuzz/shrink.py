"""Makes a story short: leaves out steps, then what the rest of them need not say, as long as it breaks the same."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from lensmount_emulator.faults.registry import keys_of, parse_fault, text_of
from lensmount_emulator.fuzz.story import Story

Breaks = Callable[[Story], bool]
"""Whether a story still breaks what it is about."""

MOST_TRIES = 2000


def shrunk(story: Story, breaks: Breaks) -> Story:
    """The shortest story that can be found from one that breaks something."""
    tries = 0

    def still(tried: Story) -> bool:
        nonlocal tries
        tries += 1
        return tries <= MOST_TRIES and breaks(tried)

    before = None
    while story != before and tries < MOST_TRIES:
        before = story
        story = _fewer_steps(story, still)
        story = _joined_waits(story, still)
        story = _simpler_players(story, still)
        story = _simpler_steps(story, still)
    return story


def _fewer_steps(story: Story, still: Breaks) -> Story:
    """Leave out as many steps at once as can be, from the end on."""
    size = len(story.steps)
    while size >= 1:
        stop = len(story.steps)
        while stop > 0:
            start = max(0, stop - size)
            tried = story.with_steps(story.steps[:start] + story.steps[stop:])
            if still(tried):
                story = tried
            stop = start
        size //= 2
    return story


def _joined_waits(story: Story, still: Breaks) -> Story:
    """One wait instead of two that stand next to each other, or next but one."""
    at = 0
    while at < len(story.steps):
        if story.steps[at].startswith("wait "):
            for next_ in range(at + 1, min(at + 3, len(story.steps))):
                if story.steps[next_].startswith("wait "):
                    both = float(story.steps[at][5:]) + float(story.steps[next_][5:])
                    between = story.steps[at + 1 : next_]
                    tried = story.with_steps((*story.steps[:at], f"wait {both!r}", *between, *story.steps[next_ + 1 :]))
                    if still(tried):
                        story = tried
                        break
        at += 1
    return story


def _simpler_players(story: Story, still: Breaks) -> Story:
    """A shorter script, and no jitter but that of seed 0."""
    parts = [part.strip() for part in story.script.split(";") if part.strip()]
    for at in reversed(range(len(parts))):
        tried = replace(story, script="; ".join(parts[:at] + parts[at + 1 :]))
        if still(tried):
            story = tried
            del parts[at]
    tried = replace(story, seed=0)
    return tried if story.seed and still(tried) else story


def _simpler_steps(story: Story, still: Breaks) -> Story:
    """Each step said as simply as it can be."""
    for at in range(len(story.steps)):
        for simpler in _simpler(story.steps[at]):
            tried = story.with_steps((*story.steps[:at], simpler, *story.steps[at + 1 :]))
            if still(tried):
                story = tried
    return story


def _simpler(step: str) -> Iterator[str]:
    verb, _, rest = step.partition(" ")
    if verb == "wait":
        seconds = float(rest)
        for digits in range(5):
            if (short := float(f"{seconds:.{digits}f}")) < seconds * 1.5:
                yield f"wait {short:g}"
    elif verb == "send":
        name, _, digits_ = rest.partition(" ")
        half = len(digits_) // 4 * 2
        yield f"send {name} {digits_[:half]}"
        yield f"send {name} {digits_[half:]}"
    elif verb == "fault":
        seed, _, words = rest.partition(" ")
        fault = parse_fault(words)
        for name, one in keys_of(type(fault)).items():
            if getattr(fault, one.name) != one.default and name not in ("until", "for"):
                usual: dict[str, Any] = {one.name: one.default}
                yield f"fault {seed} {text_of(replace(fault, **usual))}"
        yield f"fault 0 {text_of(fault)}"
