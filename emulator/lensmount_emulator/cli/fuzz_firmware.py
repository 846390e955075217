"""`fuzz session` with firmware in C at one end: random scenarios, and scenarios that are guided by coverage."""

import argparse
import json
import shlex
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lensmount_emulator.reports.printable import report

if TYPE_CHECKING:
    from lensmount_emulator.fuzz.scenario_runner import ScenarioResult

MAX_KINDS = 10
"""Different kinds of findings after which the run ends."""


def add_firmware_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `fuzz session` for firmware."""
    from lensmount_emulator.cli.options import add_firmware, parse_duration, parse_positive

    add_firmware(parser)
    parser.add_argument(
        "--seconds", type=parse_duration, metavar="SECONDS", help="with a firmware: real time, instead of --steps"
    )
    parser.add_argument(
        "--jobs", type=parse_positive, default=1, metavar="N", help="with a firmware: processes (default: %(default)s)"
    )
    parser.add_argument(
        "--no-shrink", action="store_true", help="with a firmware: keep each finding as long as it was found"
    )


def run_firmware(arguments: argparse.Namespace, ends: Mapping[str, str], folder: Path) -> int:
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
    from lensmount_emulator.fuzz.session_fuzzer import shrink_outcome, violation_kind
    from lensmount_protocol.errors import CaptureError

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
        kept = replace_breaks(outcome) if arguments.no_shrink else shrink_outcome(outcome)
        name = next(
            path
            for number in range(1, 1_000_000)
            if not (path := folder / f"scenario-{arguments.seed}-{number}.lmx").exists()
        )
        try:
            write_scenario(name, kept.scenario, kept.records)
            files.append(str(name))
        except CaptureError as error:
            trouble.append(str(error))
        broken.append(kept)
        return len(kinds) < MAX_KINDS

    def replace_breaks(outcome: "ScenarioResult") -> "ScenarioResult":
        return replace(outcome, scenario=replace(outcome.scenario, breaks=outcome.violations[0].invariant))

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
    from lensmount_emulator.cli.fuzz_files import print_scenario_result

    for name, value in figures.items():
        if not isinstance(value, list):
            print(f"{name:<12}{value!s:>12}")
    for outcome, file in zip(broken, files, strict=False):
        print_scenario_result(outcome)
        print(f"    lensmount replay {shlex.quote(file)}")
