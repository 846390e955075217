"""How many planted defects of the example firmware `fuzz session` finds, and after how long: `make firmware-bugs`.

Each defect is built by itself, with sanitizers and coverage, and fuzzed until it is found or the time is over. A
finding counts if its scenario breaks the firmware again, and does not break the firmware without the defect. Seconds
are processor time of each process, as on a machine with a free core for each: its load does not change them.
"""

import argparse
import statistics
import sys
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from lensmount_emulator.cli.options import load_sanitizer
from lensmount_emulator.firmware.build import BuildOptions, build_firmware, example_folder
from lensmount_emulator.firmware.library import runtime_loaded
from lensmount_emulator.fuzz.firmware_fuzzer import FirmwareFuzzPlan, FirmwareFuzzRun, fuzz_firmware
from lensmount_emulator.fuzz.scenario import write_scenario
from lensmount_emulator.fuzz.scenario_runner import ScenarioResult, run_scenario
from planted.bugs import LMOUNT_LENS, Bug

SOURCE = "lmount_lens.c"


def build(folder: Path, number: int) -> str:
    options = BuildOptions(sanitize=True, coverage=True, options=(f"-DLM_PLANTED={number}", "-w"))
    library = folder / f"planted{number}.so"
    if not library.exists():
        build_firmware([example_folder() / SOURCE], library, options)
    return str(library)


class Search:
    """The search for one defect."""

    def __init__(self, library: str, sound: str) -> None:
        self.library = library
        self.sound = sound
        self.outcome: ScenarioResult | None = None
        self.doubtful = 0

    def found(self, outcome: ScenarioResult) -> bool:
        again = run_scenario(outcome.scenario)
        without = run_scenario(replace(outcome.scenario, lens=self.sound))
        if again.violations and not without.violations:
            self.outcome = outcome
            return False
        self.doubtful += 1
        return True


def search(bug: Bug, folder: Path, seconds: float, seed: int, jobs: int) -> tuple[float | None, str]:
    library, sound = build(folder, bug.number), build(folder, 0)
    looking = Search(library, sound)
    plan = FirmwareFuzzPlan("lmount", lens=library, seed=seed, jobs=jobs, processor_s=seconds * jobs)
    run = fuzz_firmware(plan, looking.found)
    if looking.outcome is None:
        return None, f"{looking.doubtful} findings that do not count" if looking.doubtful else ""
    violation = looking.outcome.violations[0]
    return run.processor_s / jobs, f"{violation.invariant}: {violation.text[:70]}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300.0, help="of each process, for each defect")
    parser.add_argument("--seed", type=int, action="append", default=[])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--bug", type=int, action="append", default=[])
    parser.add_argument("--without", type=float, default=0.0, metavar="SECONDS", help="also fuzz without a defect")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="write the scenarios of false alarms into it")
    arguments = parser.parse_args()
    if arguments.keep is not None and list(arguments.keep.glob("alarm*.lmx")):
        parser.error(f"{arguments.keep} has scenarios of an earlier run; name another folder")
    seeds = arguments.seed or [1]
    bugs = [bug for bug in LMOUNT_LENS if not arguments.bug or bug.number in arguments.bug]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if not runtime_loaded():
            load_sanitizer(Path(build(folder, 0)), [sys.executable, "-m", "planted", *sys.argv[1:]])
        rows = 0
        print(f"{'defect':<6}  {'class':<16}  {'median s':>8}  found by", flush=True)
        for bug in bugs:
            results = [search(bug, folder, arguments.seconds, seed, arguments.jobs) for seed in seeds]
            times = [arguments.seconds if time is None else time for time, _ in results]
            hits = [time for time, _ in results if time is not None]
            found = len(hits) * 2 > len(results)
            rows += found
            median = f"{statistics.median(times):8.1f}" if found else "       -"
            how = next((text for time, text in results if time is not None), results[0][1])
            print(f"{bug.number:<6}  {bug.kind:<16}  {median}  {len(hits)}/{len(results)}  {how}", flush=True)
        share = rows / len(bugs)
        print(f"{rows} of {len(bugs)} defects found ({share:.0%}), {arguments.seconds:g} s each, seeds {seeds}")
        false = 0
        if arguments.without:
            reports: list[str] = []
            plan = FirmwareFuzzPlan(
                "lmount",
                lens=build(folder, 0),
                seed=seeds[0],
                jobs=arguments.jobs,
                processor_s=arguments.without * arguments.jobs,
            )

            def note(outcome: ScenarioResult) -> bool:
                reports.append(f"{outcome.violations[0]}")
                if arguments.keep is not None:
                    arguments.keep.mkdir(parents=True, exist_ok=True)
                    place = arguments.keep / f"alarm{len(reports)}.lmx"
                    write_scenario(place, outcome.scenario, outcome.records)
                return True

            run = FirmwareFuzzRun()
            # An interrupted run keeps its result.
            with suppress(KeyboardInterrupt):
                fuzz_firmware(plan, note, run=run)
            false += run.processor_s < plan.processor_s
            false += len(reports)
            print(
                f"without a defect: {run.scenarios} scenarios, {run.steps} steps, "
                f"{run.processor_s / arguments.jobs:.0f} s on {arguments.jobs} cores ({run.elapsed_s:.0f} s here), "
                f"{len(reports)} reports"
            )
            for text in reports[:5]:
                print(f"    {text}")
    return 0 if share >= 0.9 and not false else 1


if __name__ == "__main__":
    sys.exit(main())
