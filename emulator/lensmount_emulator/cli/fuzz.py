"""Break what lensmount plays and reads before a user does, and repeat what broke from one file.

  lensmount fuzz parser DIALECT     readers under valid frames, near misses and noise
  lensmount fuzz session            both ends under faults, noise and a hand, step by step
  lensmount fuzz lens --port SPEC   the lens on a port, our body beside it
  lensmount fuzz body --port SPEC   the body on a port, our lens beside it
  lensmount fuzz replay FILE        the story in a file once more, as `lensmount replay FILE` does

The same seed gives the same cases. Exit code 1 where something is broken; its story is then in a file that replays.
What can leave a device dead (firmware update, flash, test modes, unknown types) is held back at a port unless --arm
names it. Exit code 5 where a device does not come back and nobody is there to see to it.
"""

import argparse
import contextlib
import itertools
import json
import os
import shlex
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lensmount_emulator.cli.fuzz_device import add_device_arguments, add_gate, run_device
from lensmount_emulator.cli.parsing import Keeper, add_corpus, corpus_at, prepared
from lensmount_emulator.cli.stories import add_story_options, replay_story, tell_outcome
from lensmount_emulator.reports.terminal import report
from lensmount_protocol.errors import CaptureError

if TYPE_CHECKING:
    from lensmount_emulator.fuzz.corpus import Corpus
    from lensmount_emulator.fuzz.stage import Outcome
    from lensmount_emulator.fuzz.story import Story

WHOLE_STEPS = 100_000
WORDS = ("parser", "session", "lens", "body", "replay")
"""What can be fuzzed or replayed."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `lensmount fuzz`."""
    from lensmount_emulator.cli.parser import one_of
    from lensmount_emulator.cli.verbosity import verbosity_options
    from lensmount_emulator.cli.words import count

    shared = (verbosity_options(),)
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    reader = what.add_parser("parser", help="a dialect's readers", parents=shared)
    reader.add_argument("dialect", metavar="DIALECT", help="such as emount")
    reader.add_argument("--cases", type=count, default=100_000, help="inputs (default: %(default)s)")
    reader.add_argument("--guided", action="store_true", help="guided by coverage; wants atheris")
    session = what.add_parser("session", help="both ends, or one of them", parents=shared)
    session.add_argument(
        "--dialect",
        action="append",
        default=[],
        metavar="NAME",
        help="may be given again (default: all that are known)",
    )
    session.add_argument("--steps", type=count, default=WHOLE_STEPS, help="steps in all (default: %(default)s)")
    session.add_argument(
        "--mode",
        **one_of("mode", ("both", "body", "lens")),
        default=None,
        help="which ends are engines (default: by chance)",
    )
    session.add_argument("--stories", metavar="FOLDER", default=".", help="where broken stories go (default: here)")
    for one in (reader, session):
        one.add_argument("--seed", type=int, default=1, help="where cases come from (default: %(default)s)")
        add_corpus(one)
    for device in ("lens", "body"):
        add_device_arguments(what.add_parser(device, help=f"the {device} on a port", parents=shared), device)
    replay = what.add_parser("replay", help="a story that was written to a file", parents=shared)
    replay.add_argument("file", metavar="FILE", help="a .lmx file with a story in its header")
    replay.add_argument("--port", metavar="SPEC", help="play it on the device that is there")
    add_story_options(replay)
    add_gate(replay)
    for one in (reader, session, replay):
        one.add_argument("--json", action="store_true", help="the figures as one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Do it; 0 where nothing is broken, else 1."""
    return VERBS[arguments.what](arguments)


def _parser(arguments: argparse.Namespace) -> int:
    from lensmount_hardware.clock import MonotonicClock
    from lensmount_protocol.registry import load_dialect

    dialect = load_dialect(arguments.dialect)
    run = prepared(dialect, arguments)
    clock = MonotonicClock()
    with _progress("inputs", arguments.cases, shown=not arguments.quiet) as update:
        came, more, trouble, stopped = run(update)
    seconds = clock.now()
    figures = {"dialect": dialect.name, "cases": came.cases, **more, "violations": came.violations,
               "seconds": round(seconds, 1)}  # fmt: skip
    _print(figures, came.cases / max(seconds, 1e-9), "cases", as_json=arguments.json)
    for line in came.shown:
        print(line)
    code = _code(came.violations, trouble) or (0 if stopped else _nothing_tried(came.cases))
    if stopped:
        # What was done until then is told; the code is that of a run that was stopped.
        raise KeyboardInterrupt
    return code


def _session(arguments: argparse.Namespace) -> int:
    from lensmount_emulator.fuzz.session import Campaign, run_campaign
    from lensmount_emulator.fuzz.story import write_story
    from lensmount_emulator.fuzz.traits import fuzzed_dialects, players_of
    from lensmount_hardware.clock import MonotonicClock

    dialects = arguments.dialect or fuzzed_dialects()
    for name in dialects:
        players_of(name)
    folder = _ready(Path(arguments.stories))
    corpus = corpus_at(arguments.corpus)
    keepers = {name: Keeper(corpus, f"session {name}") for name in dialects}
    first = [story for name in dialects for story in _stories(corpus, name)]
    files = list[str]()
    trouble = list[str]()

    def found(outcome: "Outcome") -> None:
        numbers = itertools.count(len(files) + 1)
        names = (folder / f"story-{arguments.seed}-{number}.lmx" for number in numbers)
        # What earlier runs of the same seed have found, by other code or with other words, stays.
        file = next(name for name in names if not name.exists())
        files.append(str(file))
        keepers[outcome.story.dialect].keep(outcome.story.entry())
        try:
            write_story(file, outcome.story, outcome.records)
        except CaptureError as error:
            trouble.append(str(error))

    came, stopped = Campaign(), False
    clock, worked = MonotonicClock(), sum(os.times()[:2])
    with _progress("steps", arguments.steps, shown=not arguments.quiet) as update:
        try:
            run_campaign(
                dialects,
                arguments.steps,
                arguments.seed,
                mode=arguments.mode or "",
                progress=update,
                first=first,
                found=found,
                came=came,
            )
        except KeyboardInterrupt:
            stopped = True
    seconds, worked = clock.now(), sum(os.times()[:2]) - worked
    more = {"from corpus": len(first), "damaged": corpus.broken + came.unplayable} if corpus else {}
    figures = {"dialects": dialects, "steps": came.steps, "stories": came.stories, **more,
               "broken": sum(came.counts.values()), "kinds": len(came.broken), "files": files,
               "seconds": round(seconds, 1), "of one core": round(worked, 1)}  # fmt: skip
    _print(figures, came.steps / max(worked, 1e-9), "steps", as_json=arguments.json)
    for file, outcome in zip(files, came.broken, strict=False):
        if trouble:
            # What no disk takes is told in full, so that it is not lost.
            print(json.dumps({"story": outcome.story.entry()}))
        elif not arguments.json:
            tell_outcome(outcome)
            print(f"    lensmount replay {shlex.quote(file)}")
    code = _code(len(came.broken), *trouble, *(keeper.trouble for keeper in keepers.values()))
    code = code or (0 if stopped else _nothing_tried(came.steps))
    if stopped:
        raise KeyboardInterrupt
    return code


def _ready(folder: Path) -> Path:
    """A folder for stories, made where it is missing, and tried: hours of work shall not end at a wrong path.

    Raises:
        CaptureError: nothing can be written there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".lensmount-probe-{os.getpid()}"
        try:
            probe.write_bytes(b"room")
        finally:
            probe.unlink(missing_ok=True)
    except OSError as error:
        why = "it is no folder" if isinstance(error, FileExistsError) else error.strerror or error
        raise CaptureError(f"{folder}: stories cannot be written there: {why}") from error
    return folder


def _stories(corpus: "Corpus | None", dialect: str) -> "list[Story]":
    """What a corpus kept of a dialect."""
    from lensmount_emulator.fuzz.story import story_from

    def read(entry: Mapping[str, Any]) -> "Story":
        if entry["dialect"] != dialect:
            raise ValueError("another dialect")
        return story_from(entry)

    return corpus.kept(f"session {dialect}", read) if corpus else []


def _code(broken: int, *troubles: str) -> int:
    """The exit code, behind a line for each trouble that what was found could not be kept."""
    told = [trouble for trouble in troubles if trouble]
    for trouble in told:
        report(trouble)
    return 1 if broken else 3 if told else 0


def _nothing_tried(count: int) -> int:
    """The exit code of a run that found nothing, behind a line where it tried nothing either."""
    if not count:
        report("nothing was tried")
    return 0 if count else 1


def _print(figures: Mapping[str, object], rate: float, what: str, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({**figures, f"{what} a second": round(rate)}))
        return
    for name, value in figures.items():
        if not isinstance(value, list):
            print(f"{name:<12}{value!s:>12}")
    print(f"{what} a second {rate:>10.0f}")


@contextlib.contextmanager
def _progress(what: str, total: int, *, shown: bool) -> Generator[Callable[[int], None]]:
    """A bar on the error stream."""
    from rich.progress import Progress

    from lensmount_emulator.reports.console import progress_console

    with Progress(console=progress_console(), transient=True, disable=not shown) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)


VERBS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "parser": _parser,
    "session": _session,
    "replay": replay_story,
    "lens": run_device,
    "body": run_device,
}
"""What is fuzzed -> what does it."""
