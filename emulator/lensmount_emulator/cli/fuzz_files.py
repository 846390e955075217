"""Parser fuzzing with random or coverage-guided inputs and a corpus; replay of scenario files.

`lensmount fuzz parser` and `lensmount replay` use this module.
"""

import argparse
import contextlib
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lensmount_protocol.errors import CorpusError

if TYPE_CHECKING:
    from lensmount_emulator.fuzz.corpus import Corpus, Entry
    from lensmount_emulator.fuzz.device.finding import FindingContext
    from lensmount_emulator.fuzz.parser_fuzzer import ParserFuzzStats
    from lensmount_emulator.fuzz.random_inputs import ParserInput
    from lensmount_emulator.fuzz.scenario import Scenario
    from lensmount_emulator.fuzz.scenario_runner import ScenarioResult
    from lensmount_protocol.dialect import Dialect


def add_corpus(parser: argparse.ArgumentParser) -> None:
    """Add the option for the place where runs keep their findings."""
    parser.add_argument(
        "--corpus",
        action="append",
        default=[],
        metavar="PLACE",
        help="folder, redis:// or valkey:// where runs keep what they find; may be given again",
    )


def open_corpus_at(places: list[str]) -> "Corpus | None":
    """The corpus at these places, if there are any.

    Raises:
        CorpusError: it cannot be had.
    """
    if not places:
        return None
    try:
        from lensmount_emulator.fuzz.corpus import open_corpus
    except ImportError as error:
        raise CorpusError("a corpus wants hypothesis: pip install hypothesis") from error
    return open_corpus(*places)


class CorpusWriter:
    """Keeps the findings of a run; a failure to keep one does not stop the run.

    Attributes:
        problem: why something could not be kept; empty where all was.
    """

    def __init__(self, corpus: "Corpus | None", subject: str) -> None:
        self._corpus = corpus
        self._subject = subject
        self.problem = ""

    def keep(self, *entries: "Entry") -> None:
        """Keep entries, if there is a corpus."""
        if self._corpus is None or not entries:
            return
        try:
            self._corpus.keep(self._subject, *entries)
        except CorpusError as error:
            self.problem = str(error)


class FuzzRunSummary(NamedTuple):
    """How a run ended.

    Attributes:
        stats: its statistics.
        figures: the statistics to print.
        problem: what trouble there was with the corpus; empty where none was.
        stopped: whether the user stopped it.
    """

    stats: "ParserFuzzStats"
    figures: dict[str, object]
    problem: str
    stopped: bool


def make_parser_fuzzer(
    dialect: "Dialect", arguments: argparse.Namespace
) -> Callable[[Callable[[int], None]], FuzzRunSummary]:
    """Return a function that fuzzes a dialect's parsers and reports its progress; its requirements are checked.

    Raises:
        CorpusError: the corpus cannot be had.
        FaultError: atheris is wanted and not installed.
    """
    from lensmount_emulator.fuzz.parser_fuzzer import (
        CoverageFuzzStats,
        ParserFuzzStats,
        check_installed,
        fuzz_guided,
        fuzz_parser,
    )
    from lensmount_emulator.fuzz.random_inputs import input_from_dict

    if arguments.guided:
        check_installed()
    corpus, subject = open_corpus_at(arguments.corpus), f"parser {dialect.name}"
    first = corpus.kept(subject, input_from_dict) if corpus else []
    figures: dict[str, object] = {"from corpus": len(first), "damaged": corpus.broken} if corpus else {}
    corpus_writer = CorpusWriter(corpus, subject)

    def run(progress: Callable[[int], None]) -> FuzzRunSummary:
        cases, seed, stopped = arguments.cases, arguments.seed, False
        came = CoverageFuzzStats() if arguments.guided else ParserFuzzStats()
        try:
            if isinstance(came, CoverageFuzzStats):
                fuzz_guided(dialect, cases, seed, progress, first=first, found=found, stats=came)
            else:
                fuzz_parser(dialect, cases, seed, progress, first=first, found=found, stats=came)
        except KeyboardInterrupt:
            stopped = True
        if isinstance(came, CoverageFuzzStats):
            more = {"branches": came.covered, "features": came.features, "new inputs": len(came.kept)}
            corpus_writer.keep(*(given.to_dict() for given in came.kept))
        else:
            more = {"bytes": came.bytes, "frames": came.frames, "no frames": came.refused}
        return FuzzRunSummary(came, {**figures, **more}, corpus_writer.problem, stopped)

    def found(given: "ParserInput") -> None:
        corpus_writer.keep(given.to_dict())

    return run


def add_scenario_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for how a scenario is played."""
    from lensmount_emulator.cli.fuzz_device import add_limits
    from lensmount_emulator.cli.options import parse_positive

    parser.add_argument("--test", action="store_true", help="print it as a pytest test, and do not play it")
    parser.add_argument("--repeat", type=parse_positive, default=1, help="tries on a device (default: %(default)s)")
    parser.add_argument("--power-cycle", metavar="COMMAND", help="takes the device's power and gives it again")
    parser.add_argument("--power-cycles", type=parse_positive, default=100, metavar="N", help=argparse.SUPPRESS)
    parser.add_argument("--interactive", action="store_true", help="ask a person to bring the device back")
    parser.add_argument("--ignore-identity", action="store_true", help="also where the device is another one")
    add_limits(parser)


def contains_scenario(path: Path) -> bool:
    """Whether a file is a recording with a scenario in its header."""
    from lensmount_hardware.captures.capture import read_blocks
    from lensmount_hardware.captures.lmx import parse_header
    from lensmount_protocol.errors import CaptureError

    try:
        # A header that was edited manually may have spaces, which the signature of a recording has not.
        return "scenario" in parse_header(path, next(read_blocks(path), b""))
    except CaptureError:
        return False


def replay_scenario_file(arguments: argparse.Namespace) -> int:
    """Play the scenario in a file, on the device at a port where there is one; 1 where something breaks."""
    from lensmount_emulator.fuzz.scenario import read_scenario, to_pytest
    from lensmount_emulator.fuzz.scenario_runner import run_scenario
    from lensmount_hardware.captures.lmx import read_recording_header
    from lensmount_protocol.errors import FaultError, ProfileError, ScriptError

    scenario = read_scenario(Path(arguments.file))
    if arguments.test:
        print(to_pytest(scenario, Path(arguments.file).stem), end="")
        return 0
    if arguments.port is not None or "device" in read_recording_header(Path(arguments.file)):
        return _replay_on_device(arguments)
    try:
        outcome = run_scenario(scenario)
    except (FaultError, ProfileError, ScriptError) as error:
        # An unknown role, fault or step.
        raise type(error)(f"{arguments.file}: {error}") from error
    if arguments.json:
        broken = [{"invariant": c.invariant, "at": round(c.at, 6), "text": c.text} for c in outcome.violations]
        print(json.dumps({"steps": outcome.steps, "broke": scenario.breaks, "broken": broken}))
    else:
        for step in () if arguments.quiet else scenario.steps:
            print(f"  {step}")
        print_scenario_result(outcome)
    return 1 if outcome.violations else 0


def _replay_on_device(arguments: argparse.Namespace) -> int:
    """Play a finding on the device at a port, or on its twin; 1 where it breaks, or was not played in full."""
    from lensmount_emulator.cli.fuzz_device import make_executors
    from lensmount_emulator.cli.ports import open_port
    from lensmount_emulator.fuzz.device.config import make_config
    from lensmount_emulator.fuzz.device.executor import BROKEN, UNKNOWN, make_reference
    from lensmount_emulator.fuzz.device.finding import read_finding, steps_after_prelude
    from lensmount_emulator.fuzz.device.recovery import HealthLimits
    from lensmount_protocol.errors import FaultError, TransportError
    from lensmount_protocol.wire import Role

    scenario, context = read_finding(Path(arguments.file))
    device = Role(context.role)
    ours, twin = (scenario.body, scenario.lens) if device is Role.LENS else (scenario.lens, scenario.body)
    setup = make_config(scenario.dialect, device, ours, twin, scenario.seed)
    with contextlib.ExitStack() as stack:
        if arguments.port is None:
            limits = HealthLimits(arguments.reply_timeout, arguments.startup_timeout)
            trier = make_reference(
                setup, frozenset(context.lines), limits, allowed=(*context.allowed, *arguments.allow)
            )
        else:
            port = stack.enter_context(open_port(arguments.port, setup.role, setup.dialect))
            trier, _ = make_executors(arguments, setup, port, lambda _record: None)
        where = trier.session.port.name
        counts = dict[str, int]()
        if arguments.port is not None and not arguments.ignore_identity and trier.new_session():
            # Before anything of it is sent.
            identity = trier.session.identity
            if context.identity and identity and identity != context.identity:
                raise FaultError(f"{arguments.file}: it is about {context.identity}; at {where} there is {identity}; "
                                 "--ignore-identity plays it all the same")  # fmt: skip
        for _ in range(max(1, arguments.repeat)):
            came = trier.run_once(steps_after_prelude(scenario))
            if came == UNKNOWN:
                break
            counts[came] = counts.get(came, 0) + 1
        if not counts:
            raise TransportError(f"{where}: the {device.value} does not establish a session; nothing was played")
    held = dict(trier.session.guard.refused)
    broke = sum(count for came, count in counts.items() if came in BROKEN)
    if held and not broke:
        print(f"lensmount: {arguments.file}: {sum(held.values())} sends were held back, so the scenario was not played "
              "in full; --allow lets them pass", file=sys.stderr)  # fmt: skip
    if arguments.json:
        print(json.dumps({"kind": context.kind, "found": context.repeats, "results": counts, "broke": broke,
                          "held back": held, "allowed then": context.allowed}))  # fmt: skip
    else:
        _print_device(scenario, context, counts)
        for what, count in held.items():
            print(f"    {count}x held back: {what}")
        if held and context.allowed:
            print(f"    it was found with {' '.join(f'--allow {name}' for name in context.allowed)}")
    return 1 if broke or held else 0


def _print_device(scenario: "Scenario", context: "FindingContext", counts: Mapping[str, int]) -> None:
    for step in scenario.steps:
        print(f"  {step}")
    print(f"it was found: {context.kind}; {context.repeats}")
    for came, count in counts.items():
        print(f"    {count}x {came}")


def print_scenario_result(outcome: "ScenarioResult") -> None:
    """Print the result of a scenario."""
    scenario = outcome.scenario
    print(
        f"{scenario.dialect}, {scenario.body} and {scenario.lens}, {len(scenario.steps)} steps, script "
        f"'{scenario.script}':"
    )
    for violation in outcome.violations[:3] or ():
        print(f"    {violation.at:.6f} s, {violation.invariant}: {violation.text}")
    if not outcome.violations:
        print("    nothing is broken")
