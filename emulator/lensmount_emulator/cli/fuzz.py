"""Break what lensmount plays and reads before a user does, and repeat what broke from one file.

  lensmount fuzz parser DIALECT     readers under valid frames, near misses and noise
  lensmount fuzz session            both ends under faults, noise and operator actions
  lensmount fuzz lens --port SPEC   the lens on a port, our body beside it
  lensmount fuzz body --port SPEC   the body on a port, our lens beside it

The same seed gives the same cases. Exit code 1 where something is broken; its scenario is then in a file that replays.
What can leave a device dead (firmware update, flash, test modes, unknown types) is held back at a port unless --allow
names it. Exit code 5 where a device did not recover.
"""

import argparse
import contextlib
import itertools
import json
import os
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lensmount_emulator.cli.fuzz_device import add_device_arguments, run_device
from lensmount_emulator.cli.fuzz_files import (
    CorpusWriter,
    add_corpus,
    make_parser_fuzzer,
    open_corpus_at,
    print_scenario_result,
)
from lensmount_emulator.reports.printable import report
from lensmount_protocol.errors import CaptureError

if TYPE_CHECKING:
    from lensmount_emulator.fuzz.corpus import Corpus
    from lensmount_emulator.fuzz.scenario import Scenario
    from lensmount_emulator.fuzz.scenario_runner import ScenarioResult
    from lensmount_emulator.profiles.library import Profile


WHOLE_STEPS = 100_000
SUBCOMMANDS = ("parser", "session", "lens", "body")
"""What can be fuzzed."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `lensmount fuzz`."""
    from lensmount_emulator.cli.options import parse_positive
    from lensmount_emulator.cli.parser import one_of, verbosity_options

    shared = (verbosity_options(),)
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    reader = what.add_parser("parser", help="a dialect's readers", parents=shared)
    reader.add_argument("dialect", metavar="DIALECT", help="such as emount")
    reader.add_argument("--cases", type=parse_positive, default=100_000, help="inputs (default: %(default)s)")
    reader.add_argument("--guided", action="store_true", help="guided by coverage; wants atheris")
    session = what.add_parser("session", help="both ends, or one of them", parents=shared)
    session.add_argument(
        "--dialect",
        action="append",
        default=[],
        metavar="NAME",
        help="may be given again (default: all that are known)",
    )
    session.add_argument(
        "--steps", type=parse_positive, default=WHOLE_STEPS, help="steps in all (default: %(default)s)"
    )
    session.add_argument(
        "--mode",
        **one_of("mode", ("both", "body", "lens")),
        default=None,
        help="which ends are engines (default: at random)",
    )
    for end in ("body", "lens"):
        session.add_argument(
            f"--{end}",
            metavar="NAME",
            help=f"{end} of every scenario, by name or as a file, such as a twin (default: at random)",
        )
    _add_firmware_arguments(session)
    session.add_argument("--output-dir", metavar="FOLDER", default=".", help="folder for broken scenarios (default: .)")
    for one in (reader, session):
        one.add_argument("--seed", type=int, default=1, help="where cases come from (default: %(default)s)")
        add_corpus(one)
    for device in ("lens", "body"):
        add_device_arguments(what.add_parser(device, help=f"the {device} on a port", parents=shared), device)
    for one in (reader, session):
        one.add_argument("--json", action="store_true", help="the figures as one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Do it; 0 where nothing is broken, else 1."""
    return VERBS[arguments.what](arguments)


def _parser(arguments: argparse.Namespace) -> int:
    from lensmount_hardware.clock import MonotonicClock
    from lensmount_protocol.dialect import load_dialect

    dialect = load_dialect(arguments.dialect)
    run = make_parser_fuzzer(dialect, arguments)
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
        # The work until then is printed; the exit code is that of a stopped run.
        raise KeyboardInterrupt
    return code


def _session(arguments: argparse.Namespace) -> int:
    from lensmount_emulator.cli.options import UsageError, take_firmware
    from lensmount_emulator.fuzz.scenario import fuzzed_dialects, get_cached_roles, write_scenario
    from lensmount_emulator.fuzz.session_fuzzer import FuzzRun, fuzz_sessions
    from lensmount_hardware.clock import MonotonicClock

    take_firmware(arguments)
    profiles = _named_profiles(arguments)
    if arguments.lens_firmware or arguments.body_firmware:
        places = {end: _place(arguments, end) for end in profiles}
        return _run_firmware(arguments, places, _prepare_folder(Path(arguments.output_dir)))
    if arguments.jobs > 1:
        raise UsageError(
            f"--jobs {arguments.jobs}: only a firmware runs in several processes; start this command once more "
            "with another --seed"
        )
    dialects = arguments.dialect or sorted({one.dialect for one in profiles.values()}) or fuzzed_dialects()
    for name in dialects:
        get_cached_roles(name)
    folder = _prepare_folder(Path(arguments.output_dir))
    corpus = open_corpus_at(arguments.corpus)
    corpus_writers = {name: CorpusWriter(corpus, f"session {name}") for name in dialects}
    first = [scenario for name in dialects for scenario in _corpus_scenarios(corpus, name)]
    files = list[str]()
    trouble = list[str]()

    def found(outcome: "ScenarioResult") -> None:
        numbers = itertools.count(len(files) + 1)
        names = (folder / f"scenario-{arguments.seed}-{number}.lmx" for number in numbers)
        # Findings of earlier runs of the same seed, by other code or with other options, stay.
        file = next(name for name in names if not name.exists())
        files.append(str(file))
        corpus_writers[outcome.scenario.dialect].keep(outcome.scenario.to_dict())
        try:
            write_scenario(file, outcome.scenario, outcome.records, violations=outcome.violations)
        except CaptureError as error:
            trouble.append(str(error))

    came, stopped = FuzzRun(), False
    clock, worked = MonotonicClock(), sum(os.times()[:2])
    # A time takes the place of the number of steps.
    steps = sys.maxsize if arguments.seconds else arguments.steps
    with _progress("steps", None if arguments.seconds else steps, shown=not arguments.quiet) as update:
        try:
            fuzz_sessions(
                dialects,
                steps,
                arguments.seed,
                shrinks=not arguments.no_shrink,
                goes_on=lambda: not arguments.seconds or clock.now() < arguments.seconds,
                mode=arguments.mode or "",
                progress=update,
                first=first,
                found=found,
                shrinking=_say_nothing if arguments.quiet else _report_shrinking,
                run=came,
                profiles={end: _place(arguments, end) for end in profiles},
            )
        except KeyboardInterrupt:
            stopped = True
    seconds, worked = clock.now(), sum(os.times()[:2]) - worked
    more = {"from corpus": len(first), "damaged": corpus.broken + came.unplayable} if corpus else {}
    figures = {"dialects": dialects, "steps": came.steps, "scenarios": came.scenarios, **more,
               "broken": sum(came.counts.values()), "kinds": len(came.broken), "files": files,
               "seconds": round(seconds, 1), "of one core": round(worked, 1)}  # fmt: skip
    _print(figures, came.steps / max(worked, 1e-9), "steps", as_json=arguments.json)
    for file, outcome in zip(files, came.broken, strict=False):
        if trouble:
            # A scenario that cannot be written to disk is printed in full, so that it is not lost.
            print(json.dumps({"scenario": outcome.scenario.to_dict()}))
        elif not arguments.json:
            print_scenario_result(outcome)
            print(f"    lensmount replay {shlex.quote(file)}")
    code = _code(len(came.broken), *trouble, *(corpus_writer.problem for corpus_writer in corpus_writers.values()))
    code = code or (0 if stopped else _nothing_tried(came.steps))
    if stopped:
        raise KeyboardInterrupt
    return code


def _report_shrinking(outcome: "ScenarioResult") -> None:
    """Print what was found before it is shrunk: a reader of a pipe sees no progress meanwhile."""
    violation, steps = outcome.violations[0], len(outcome.scenario.steps)
    text = f"{violation.invariant}: {violation.text}; shrinking {steps} steps, which takes some minutes at most"
    report(f"{text} (--no-shrink leaves it)")


def _say_nothing(_outcome: "ScenarioResult") -> None:
    """Print nothing."""


def _named_profiles(arguments: argparse.Namespace) -> "dict[str, Profile]":
    """The profiles that are named, by end.

    Raises:
        ProfileError: one is unknown, or plays the other end.
        DialectError: they are of two dialects.
    """
    from lensmount_emulator.fuzz.scenario import get_profile
    from lensmount_protocol.errors import DialectError, ProfileError

    found: dict[str, Profile] = {}
    for end in ("body", "lens"):
        if getattr(arguments, end) is not None:
            profile = get_profile(_place(arguments, end))
            if profile.place.value != end:
                raise ProfileError(f"--{end} {getattr(arguments, end)}: this profile plays a {profile.place.value}")
            found[end] = profile
    dialects = {one.dialect for one in found.values()}
    if len(dialects | set(arguments.dialect)) > 1 and dialects:
        raise DialectError(f"the profiles are of {', '.join(sorted(dialects))}; name ends and --dialect of one dialect")
    return found


def _place(arguments: argparse.Namespace, end: str) -> str:
    """The name of a profile, or the whole path of its file, so that a scenario replays from any folder."""
    name: str = getattr(arguments, end)
    return str(Path(name).resolve()) if Path(name).is_file() else name


def _prepare_folder(folder: Path) -> Path:
    """Create the folder for scenarios and check that it is writable, before hours of work depend on it.

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
        raise CaptureError(f"{folder}: scenarios cannot be written there: {why}") from error
    return folder


def _corpus_scenarios(corpus: "Corpus | None", dialect: str) -> "list[Scenario]":
    """What a corpus kept of a dialect."""
    from lensmount_emulator.fuzz.scenario import scenario_from_dict

    def read(entry: Mapping[str, Any]) -> "Scenario":
        if entry["dialect"] != dialect:
            raise ValueError("another dialect")
        return scenario_from_dict(entry)

    return corpus.kept(f"session {dialect}", read) if corpus else []


def _code(broken: int, *troubles: str) -> int:
    """Report each problem in keeping the findings; return the exit code."""
    text = [trouble for trouble in troubles if trouble]
    for trouble in text:
        report(trouble)
    return 1 if broken else 3 if text else 0


def _nothing_tried(count: int) -> int:
    """Return the exit code of a run without findings; report a run that tried nothing."""
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
def _progress(what: str, total: int | None, *, shown: bool) -> Generator[Callable[[int], None]]:
    """A bar on the error stream."""
    from rich.progress import Progress

    from lensmount_emulator.reports.console import progress_console

    with Progress(console=progress_console(), transient=True, disable=not shown) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)


VERBS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "parser": _parser,
    "session": _session,
    "lens": run_device,
    "body": run_device,
}
"""What is fuzzed -> what does it."""


MAX_KINDS = 10
"""Different kinds of findings after which the run ends."""


def _add_firmware_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `fuzz session` for firmware."""
    from lensmount_emulator.cli.options import add_firmware, parse_duration, parse_positive

    add_firmware(parser)
    parser.add_argument(
        "--seconds", type=parse_duration, metavar="SECONDS", help="real time to spend, instead of --steps"
    )
    parser.add_argument(
        "--jobs", type=parse_positive, default=1, metavar="N", help="with a firmware: processes (default: %(default)s)"
    )
    parser.add_argument("--no-shrink", action="store_true", help="keep each finding as long as it was found")


def _run_firmware(arguments: argparse.Namespace, ends: Mapping[str, str], folder: Path) -> int:
    """Fuzz the firmware that the arguments name; 0 where nothing is broken, else 1.

    Args:
        arguments: the arguments of `fuzz session`.
        ends: `body` and `lens` -> the firmware or the profile that is named for it; all of one dialect.
        folder: the folder for findings.

    Raises:
        UsageError: the mode leaves a firmware out, or there is a corpus, which firmware does not use.
    """
    from lensmount_emulator.cli.options import UsageError
    from lensmount_emulator.fuzz.firmware_fuzzer import FirmwareFuzzPlan, FirmwareFuzzRun, fuzz_firmware
    from lensmount_emulator.fuzz.scenario import get_profile, write_scenario
    from lensmount_emulator.fuzz.session_fuzzer import replace_breaks, shrink_outcome, violation_kind

    firmware = {end: getattr(arguments, f"{end}_firmware") for end in ("lens", "body")}
    for end, library in firmware.items():
        if library and arguments.mode not in (None, "both", end):
            raise UsageError(f"--mode {arguments.mode} leaves out the firmware of the {end}; give --mode both or none")
    if arguments.corpus:
        raise UsageError("--corpus has no effect on a firmware: its scenarios are kept in memory; leave it out")
    plan = FirmwareFuzzPlan(
        get_profile(next(iter(ends.values()))).dialect,
        ends.get("lens", ""),
        ends.get("body", ""),
        arguments.mode or "",
        arguments.seed,
        arguments.jobs,
        0 if arguments.seconds else arguments.steps,
        arguments.seconds or 0.0,
    )
    kinds, files = Counter[str](), list[str]()
    broken: list[ScenarioResult] = []
    run, stopped, trouble = FirmwareFuzzRun(), False, list[str]()

    def found(outcome: "ScenarioResult") -> bool:
        kind = violation_kind(outcome)
        kinds[kind] += 1
        if kinds[kind] > 1:
            return True
        if not arguments.no_shrink and not arguments.quiet:
            _report_shrinking(outcome)
        kept = replace_breaks(outcome) if arguments.no_shrink else shrink_outcome(outcome)
        name = next(
            path
            for number in range(1, 1_000_000)
            if not (path := folder / f"scenario-{arguments.seed}-{number}.lmx").exists()
        )
        try:
            write_scenario(name, kept.scenario, kept.records, violations=kept.violations)
            files.append(str(name))
        except CaptureError as error:
            trouble.append(str(error))
        broken.append(kept)
        return len(kinds) < MAX_KINDS

    try:
        fuzz_firmware(plan, found, run=run)
    except KeyboardInterrupt:
        stopped = True
    figures = {"firmware": firmware["lens"] or firmware["body"], "steps": run.steps, "scenarios": run.scenarios,
               "kept": run.kept, "broken": sum(kinds.values()), "kinds": len(kinds), "files": files,
               "seconds": round(run.elapsed_s, 1)}  # fmt: skip
    if arguments.json:
        rows = [{"kind": kind, "count": count} for kind, count in kinds.items()]
        print(json.dumps({**figures, "findings": rows}))
    else:
        _print_findings(figures, broken, files)
    for text in trouble:
        report(text)
    if stopped:
        raise KeyboardInterrupt
    if not run.steps:
        report("nothing was tried")
        return 1
    return 1 if kinds else 3 if trouble else 0


def _print_findings(figures: Mapping[str, object], broken: "list[ScenarioResult]", files: list[str]) -> None:
    for name, value in figures.items():
        if not isinstance(value, list):
            print(f"{name:<12}{value!s:>12}")
    for outcome, file in zip(broken, files, strict=False):
        print_scenario_result(outcome)
        print(f"    lensmount replay {shlex.quote(file)}")
