"""Many hostile files through the verbs that read them, on every processor; the figures of a run."""

import gc
import json
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from random import Random

from hostile.crafted import crafted
from hostile.mutations import mutated
from hostile.seeds import Seed, make_seeds
from hostile.trial import Trial, chosen, commands, run
from lensmount_emulator.campaign import worker_pool
from lensmount_emulator.cli.verbs import VERBS, verb_module

ENCODINGS = ("utf-8", "utf-8", "utf-8", "ascii", "cp1252")

CRAFTED_COMMANDS = 4
"""Commands on each crafted file in one run. They cost seconds each: all of them take longer than 20 000 mutations."""

ROTATION = 4
"""One input of so many takes its verb in turn and not at random."""

PRELOADED = (
    "hardware.captures.logic_analyser.sigrok_reader",
    "hardware.captures.logic_analyser.vcd_reader",
    "hardware.captures.sniffer_log",
    "hardware.captures.jsonl",
    "hardware.captures.logic_analyser.saleae_session",
    "hardware.captures.logic_analyser.saleae_binary",
    "hardware.captures.logic_analyser.dsview",
    "hardware.captures.logic_analyser.waveform_csv",
    "hardware.captures.packet_files.pcap_reader",
    "hardware.captures.logic_analyser.sigrok_writer",
    "hardware.captures.logic_analyser.vcd_writer",
    "emulator.cli.decode",
    "emulator.cli.fuzz_files",
    "emulator.reports.console",
    "emulator.reports.terminal",
    "emulator.fidelity.assessment",
    "emulator.roles.emount.fidelity.body_follower",
    "emulator.fidelity.ledger.ledger",
    "emulator.fidelity.shadow",
    "emulator.sessions.reproduce",
    "emulator.campaign.results",
    "emulator.campaign.runner",
    "emulator.fuzz.scenario_runner",
    "emulator.fuzz.session_fuzzer",
    "emulator.cli.report_files",
    "emulator.reports.event_json",
    "emulator.reports.event_text",
    "emulator.roles.lmount.profile",
    "emulator.roles.lmount.twin",
    "emulator.roles.emount.twin.traits",
    "emulator.roles.emount.traits",
    "emulator.reports.data_files",
    "emulator.reports.explanation",
    "emulator.reports.html",
    "emulator.reports.learned_machines",
    "emulator.reports.monitor_table",
    "emulator.reports.twin",
    "emulator.twin.make",
    "emulator.learn.compare",
    "emulator.firmware.isolation",
    "emulator.learn.cover",
    "emulator.learn.learner",
    "emulator.margins.run",
    "emulator.scaffold.render",
    "emulator.fuzz.parser_fuzzer",
    "emulator.roles.fuji_g.fidelity.capture_replay",
    "hardware.boards.flash",
    "web.page_file",
)
"""Modules that a process has before it is forked, so that each run does not import them again."""


@dataclass(slots=True)
class Figures:
    """What many runs came to.

    Attributes:
        inputs: hostile files.
        runs: commands that were run on them.
        codes: exit code -> runs.
        verbs: verb -> runs.
        seconds: verb -> seconds of the processor.
        slowest: the run that took most of the processor.
        largest: the run that took most memory.
        failures: name of the file, and the run, of those where something is wrong.
    """

    inputs: int = 0
    runs: int = 0
    codes: Counter[int] = field(default_factory=Counter)
    verbs: Counter[str] = field(default_factory=Counter)
    seconds: Counter[str] = field(default_factory=Counter)
    slowest: Trial | None = None
    largest: Trial | None = None
    failures: list[tuple[str, Trial]] = field(default_factory=list)

    def take(self, name: str, trial: Trial) -> None:
        """Count a run."""
        self.runs += 1
        self.codes[trial.code] += 1
        self.verbs[verb_of(trial.words)] += 1
        self.seconds[verb_of(trial.words)] += trial.cpu
        if self.slowest is None or trial.cpu > self.slowest.cpu:
            self.slowest = trial
        if self.largest is None or trial.memory > self.largest.memory:
            self.largest = trial
        if trial.wrong:
            self.failures.append((name, trial))

    def join(self, other: "Figures") -> None:
        """Add the runs of another process."""
        self.inputs += other.inputs
        self.runs += other.runs
        self.codes += other.codes
        self.verbs += other.verbs
        self.seconds += other.seconds
        for trial in (other.slowest, other.largest):
            if trial is not None and (self.slowest is None or trial.cpu > self.slowest.cpu):
                self.slowest = trial
            if trial is not None and (self.largest is None or trial.memory > self.largest.memory):
                self.largest = trial
        self.failures += other.failures


def verb_of(words: Sequence[str]) -> str:
    """The verb of a command, with the second word where that names what is done."""
    named = words[0] in ("fuzz", "learn", "new", "rules") or words[1] in ("report", "rerun", "check")
    return " ".join(words[: 2 if named else 1])


def preload() -> None:
    """Import what the verbs import, and leave it to the children."""
    for verb in VERBS:
        with suppress(ImportError):
            import_module(verb_module(verb))
    for name in PRELOADED:
        import_module(f"lensmount_{name}")
    # A campaign is planned and its file is opened; playing its cases is work that the user asks for, without a bound.
    worker_pool.run_local = lambda *_: (one for one in ())  # type: ignore[assignment]


def seeds_read(seeds: Sequence[Seed], folder: Path) -> list[str]:
    """What is wrong with the valid files: each must be read by some command, else its mutations test nothing."""
    wrong = []
    for seed in seeds:
        file = _written(folder, seed.name, seed.data)
        every = commands(seed.kind, file, folder, seed.data)
        if not any(run(words, folder).code in (0, 1) for words in every):
            wrong.append(f"{seed.name}: no command reads it")
    return wrong


def seeds_by_verb(seeds: Sequence[Seed], folder: Path) -> dict[str, list[Seed]]:
    """Verb -> the valid files that some command of the verb reads."""
    found: dict[str, list[Seed]] = {}
    for seed in seeds:
        for verb in {verb_of(words) for words in commands(seed.kind, folder / seed.name, folder, seed.data)}:
            found.setdefault(verb, []).append(seed)
    return dict(sorted(found.items()))


def try_input(seed: Seed, words_of: Sequence[list[str]], folder: Path, encoding: str, figures: Figures) -> None:
    """Run commands on one file."""
    figures.inputs += 1
    for words in words_of:
        figures.take(seed.name, run(words, folder, encoding))


def share(seeds: Sequence[Seed], numbers: Sequence[int], seed: int, folder: Path, kept: Path | None) -> Figures:
    """The inputs of these numbers; what breaks something is kept.

    Most are drawn from all files. Every `ROTATION`th takes the next verb in turn, so that a run of a few dozen inputs
    tries every verb, also those that read few kinds of files.
    """
    figures = Figures()
    by_verb = seeds_by_verb(seeds, folder)
    verbs = list(by_verb)
    for number in numbers:
        random = Random(f"{seed} {number}")
        turn, other = divmod(number, ROTATION)
        verb = None if other else verbs[turn % len(verbs)]
        valid = random.choice(seeds if verb is None else by_verb[verb])
        data = mutated(random, valid)
        place = folder / str(os.getpid())
        place.mkdir(exist_ok=True)
        file = _written(place, valid.name, data)
        before = len(figures.failures)
        every = [words for words in commands(valid.kind, file, place, data) if verb is None or verb_of(words) == verb]
        try_input(valid, chosen(random, every, 1), place, random.choice(ENCODINGS), figures)
        _keep(figures, before, kept, f"{number}-{valid.name}", data)
        shutil.rmtree(place)
    return figures


def crafted_share(part: int, parts: int, seed: int, folder: Path, kept: Path | None, commands_each: int) -> Figures:
    """Each crafted file of a part with some commands of its kind, other ones with another seed."""
    figures = Figures()
    for number, made in enumerate(crafted()):
        if number % parts != part:
            continue
        place = folder / f"crafted-{os.getpid()}"
        place.mkdir(exist_ok=True)
        file = _written(place, made.name, made.data)
        before = len(figures.failures)
        every = commands(made.kind, file, place, made.data)
        try_input(made, chosen(Random(f"{seed} {made.name}"), every, commands_each), place, "utf-8", figures)
        _keep(figures, before, kept, made.name, made.data)
        shutil.rmtree(place)
    return figures


def run_all(inputs: int, seed: int, kept: Path | None, workers: int, crafted_commands: int) -> Figures:
    """Everything, in as many processes as asked for.

    Args:
        inputs: mutated files, one command on each.
        seed: of the mutations and of the commands.
        kept: folder for what breaks something.
        workers: processes.
        crafted_commands: commands on each crafted file; 0 leaves these files out.
    """
    preload()
    gc.freeze()
    total = Figures()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seeds = make_seeds(folder)
        for trouble in seeds_read(seeds, folder):
            total.failures.append((trouble, Trial((), 0, 0.0, 0, trouble)))
        children = []
        for part in range(workers):
            read, write = os.pipe()
            child = os.fork()
            if child == 0:
                os.close(read)
                _work(seeds, range(part, inputs, workers), seed, folder, kept, (part, workers), crafted_commands, write)
            os.close(write)
            children.append((child, read))
        for child, read in children:
            with os.fdopen(read, "rb") as pipe:
                data = pipe.read()
            os.waitpid(child, 0)
            if not data:
                raise RuntimeError("a worker of the harness died")
            total.join(_figures_from(json.loads(data)))
    return total


def _work(seeds, numbers, seed, folder, kept, part, crafted_commands, write) -> None:
    try:
        figures = crafted_share(*part, seed, folder, kept, crafted_commands) if crafted_commands else Figures()
        figures.join(share(seeds, numbers, seed, folder, kept))
        with os.fdopen(write, "wb") as pipe:
            pipe.write(json.dumps(_entry(figures)).encode())
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(0)


def _entry(figures: Figures) -> dict:
    def trial(one: Trial | None) -> list | None:
        return one and [list(one.words), one.code, one.cpu, one.memory, one.wrong]

    return {
        "inputs": figures.inputs, "runs": figures.runs, "codes": dict(figures.codes), "verbs": dict(figures.verbs),
        "seconds": dict(figures.seconds),
        "slowest": trial(figures.slowest), "largest": trial(figures.largest),
        "failures": [[name, trial(one)] for name, one in figures.failures],
    }  # fmt: skip


def _figures_from(told: dict) -> Figures:
    def trial(one: list | None) -> Trial | None:
        return one and Trial(tuple(one[0]), *one[1:])

    return Figures(
        told["inputs"], told["runs"], Counter({int(code): count for code, count in told["codes"].items()}),
        Counter(told["verbs"]), Counter(told["seconds"]), trial(told["slowest"]), trial(told["largest"]),
        [(name, trial(one)) for name, one in told["failures"]],
    )  # fmt: skip


def _written(folder: Path, name: str, data: bytes) -> Path:
    file = folder / f"in-{name}"
    file.write_bytes(data)
    return file


def _keep(figures: Figures, before: int, kept: Path | None, name: str, data: bytes) -> None:
    if kept is not None and len(figures.failures) > before:
        kept.mkdir(parents=True, exist_ok=True)
        (kept / name).write_bytes(data)
