"""`lensmount fuzz lens|body`: fuzzing of the device on a port."""

import argparse
import contextlib
import json
import shlex
import sys
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lensmount_emulator.reports.terminal import report

if TYPE_CHECKING:
    from lensmount_emulator.fuzz.device.hunt import Hunt, Hunted
    from lensmount_emulator.fuzz.device.setup import Setup
    from lensmount_emulator.fuzz.device.trying import Trier

HELPLESS = 5
"""Exit code: the device does not come back, and nobody is there to see to it."""


def add_device_arguments(parser: argparse.ArgumentParser, device: str) -> None:
    """The options of `lensmount fuzz lens` and `lensmount fuzz body`."""
    from lensmount_emulator.cli.words import count, duration

    peer = "body" if device == "lens" else "lens"
    parser.add_argument("--port", required=True, metavar="SPEC", help=f"where the {device} is")
    parser.add_argument("--dialect", default="emount", help="what it speaks (default: %(default)s)")
    parser.add_argument("--profile", default="", metavar="NAME", help=f"the {peer} that we play (default: a usual one)")
    parser.add_argument("--twin", default="", metavar="NAME", help=f"the {device} of ours that is most like it")
    parser.add_argument("--seconds", type=duration, default=60.0, help="time to spend (default: %(default)g)")
    parser.add_argument("--cases", type=count, default=None, metavar="N", help="cases at most")
    parser.add_argument(
        "--repeats", type=_count, default=3, metavar="N", help="tries that tell certain from intermittent"
    )
    parser.add_argument("--tries", type=_count, default=24, metavar="N", help="tries to make one story short")
    parser.add_argument("--seed", type=int, default=1, help="where cases come from (default: %(default)s)")
    parser.add_argument(
        "--folder", default="fuzz", metavar="FOLDER", help="findings, corpus and recording (default: %(default)s)"
    )
    parser.add_argument("--power-cycle", metavar="COMMAND", help="takes the device's power and gives it again")
    parser.add_argument(
        "--power-cycles", type=_count, default=100, metavar="N", help="power cycles to spend (default: %(default)s)"
    )
    parser.add_argument("--ask", action="store_true", help="ask a person to bring the device back")
    add_limits(parser)
    add_gate(parser)
    parser.add_argument("--json", action="store_true", help="the report as one JSON object")


def add_limits(parser: argparse.ArgumentParser) -> None:
    """What a device has to keep."""
    from lensmount_emulator.cli.words import duration

    parser.add_argument(
        "--answer", type=duration, default=0.5, metavar="SECONDS", help="for a known request (default: %(default)g)"
    )
    parser.add_argument(
        "--greeting", type=duration, default=2.5, metavar="SECONDS", help="to its first frame (default: %(default)g)"
    )


def add_gate(parser: argparse.ArgumentParser) -> None:
    """What may be sent to a device."""
    parser.add_argument(
        "--arm", action="append", default=[], metavar="MESSAGE", help="let pass what is held back; may be given again"
    )


def run_device(arguments: argparse.Namespace) -> int:
    """Hunt; 0 where nothing was found, 1 where something was or no case was tried, 5 where the device stays away."""
    from lensmount_emulator.cli.ports import open_port
    from lensmount_emulator.fuzz.device.corpus import Corpus
    from lensmount_emulator.fuzz.device.hunt import Budget, Hunt
    from lensmount_emulator.fuzz.device.notebook import Notebook
    from lensmount_emulator.fuzz.device.setup import make_setup
    from lensmount_emulator.sessions.gate import Gate
    from lensmount_emulator.termination import OrderlyStack, name_of_stop
    from lensmount_protocol.errors import MountError
    from lensmount_protocol.wire import Role

    setup = make_setup(arguments.dialect, Role(arguments.what), arguments.profile, arguments.twin, arguments.seed)
    Gate(setup.dialect, setup.role, arguments.arm)
    folder = Path(arguments.folder)
    header: dict[str, object] = {
        "dialect": setup.dialect.name, "fuzzed": setup.device.value, "port": arguments.port, "profile": setup.ours,
        "seed": arguments.seed, "armed": arguments.arm,
    }  # fmt: skip
    with OrderlyStack() as stack:
        port = stack.enter_context(open_port(arguments.port, setup.role, setup.dialect))
        notebook = stack.enter_context(Notebook(folder, header))
        corpus = Corpus(setup, folder / "corpus.jsonl")
        corpus.load()
        if corpus.broken:
            print(f"lensmount: {corpus.path}: {corpus.broken} entries are left out: broken, or not for this device",
                  file=sys.stderr)  # fmt: skip
        trier, twin = triers(arguments, setup, port, notebook.write)
        budget = Budget(arguments.seconds, arguments.cases, max(1, arguments.repeats), max(0, arguments.tries))
        update = stack.enter_context(_progress(arguments.seconds, shown=not arguments.quiet))
        hunt = Hunt(setup, trier, twin, corpus, notebook, budget, lambda came: update(trier.link.clock.now(), came))
        try:
            hunt.run()
        except MountError as error:
            hunt.came.ended = str(error)
            _report(hunt, notebook.recording, as_json=arguments.json)
            raise
        except KeyboardInterrupt as error:
            hunt.came.ended = f"stopped by {name_of_stop(error)}"
            _report(hunt, notebook.recording, as_json=arguments.json)
            raise
        _report(hunt, notebook.recording, as_json=arguments.json)
    if hunt.came.helpless:
        return HELPLESS
    if not hunt.came.cases:
        report(f"no case was tried in {hunt.came.seconds:.1f} s; --seconds gives it longer")
        return 1
    return 1 if hunt.came.findings else 0


def triers(
    arguments: argparse.Namespace, setup: "Setup", port: Any, tap: Callable[[Any], None]
) -> "tuple[Trier, Callable[[], Trier]]":
    """What tries cases on the device, and what makes one that tries them on its twin."""
    from lensmount_emulator.fuzz.device.health import Health, Limits
    from lensmount_emulator.fuzz.device.ladder import Ladder
    from lensmount_emulator.fuzz.device.link import Link
    from lensmount_emulator.fuzz.device.power import Command
    from lensmount_emulator.fuzz.device.trying import Trier, twin_of
    from lensmount_hardware.clock import MonotonicClock

    limits = Limits(arguments.answer, arguments.greeting)
    link = Link(setup, port, MonotonicClock(), tap, tuple(arguments.arm))
    for note in link.port.notes:
        print(f"note: {note}", file=sys.stderr)
    cycle = Command(arguments.power_cycle) if arguments.power_cycle else None
    person = _asked if arguments.ask else None
    trier = Trier(setup, Ladder(Health(link, limits), cycle, person, arguments.power_cycles))
    return trier, lambda: twin_of(setup, port.lines, limits, armed=arguments.arm)


def _asked() -> bool:
    """Whether a person has seen to the device."""
    print("the device does not answer: switch it off and on, then press Enter (Ctrl-D to end): ",
          end="", file=sys.stderr, flush=True)  # fmt: skip
    return sys.stdin.readline() != ""


def figures_of(hunt: "Hunt") -> dict[str, Any]:
    """A run's report as plain data."""
    came, ladder, gate = hunt.came, hunt.trier.ladder, hunt.trier.link.gate
    findings = [
        {
            "kind": found.kind, "repeats": found.repeats, "helped": found.rung, "twin breaks too": found.twin,
            "steps": list(found.steps), "steps at first": found.tried, "again": found.again, "file": found.file,
        }
        for found in came.findings
    ]  # fmt: skip
    return {
        "dialect": hunt.setup.dialect.name, "device": hunt.setup.device.value, "port": hunt.trier.link.port.name,
        "identity": hunt.trier.link.identity, "seed": hunt.setup.seed, "cases": came.cases,
        "seconds": round(came.seconds, 1), "shown by the wire": len(hunt.corpus.seen),
        "corpus": len(hunt.corpus.cases), "findings": findings, "stumbles": came.stumbles,
        "sessions lost as by the twin": came.lost, "recovered": dict(ladder.rungs), "power cycles": ladder.spent,
        "bytes sent": gate.passed, "held back": dict(gate.refused), "errors of our own end": hunt.trier.link.ours[:10],
        "ended": came.ended,
    }  # fmt: skip


def _report(hunt: "Hunt", recording: Path, *, as_json: bool) -> None:
    figures = figures_of(hunt)
    if as_json:
        print(json.dumps({**figures, "recording": str(recording)}), flush=True)
        return
    for name in ("cases", "seconds", "shown by the wire", "corpus", "stumbles", "sessions lost as by the twin",
                 "power cycles", "bytes sent"):  # fmt: skip
        print(f"{name:<30}{figures[name]:>10}")
    for title in ("recovered", "held back"):
        counts: Mapping[str, int] = figures[title]
        print(f"{title:<30}{sum(counts.values()):>10}")
        for what, count in sorted(counts.items(), key=lambda item: -item[1])[:12]:
            print(f"    {count:>6}  {what}")
    for error in figures["errors of our own end"]:
        print(f"a fault of ours: {error}")
    print(f"{'findings':<30}{len(figures['findings']):>10}")
    for found in figures["findings"]:
        also = ", our own engine too" if found["twin breaks too"] else ""
        print(
            f"    {found['kind']}{also}; {found['repeats']}; {len(found['steps'])} steps; {found['again']} times more"
        )
        print(f"        lensmount replay {shlex.quote(found['file'])} --port SPEC")
    print(f"recorded in {recording}; ended: {figures['ended']}", flush=True)


@contextlib.contextmanager
def _progress(seconds: float, *, shown: bool) -> "Generator[Callable[[float, Hunted], None]]":
    """A bar on the error stream: time, cases and findings."""
    from rich.progress import Progress

    from lensmount_emulator.reports.console import progress_console

    with Progress(console=progress_console(), transient=True, disable=not shown) as bar:
        task = bar.add_task("0 cases, 0 findings", total=seconds)

        def update(now: float, came: "Hunted") -> None:
            text = f"{came.cases} cases, {len(came.findings)} findings"
            bar.update(task, completed=min(now, seconds), description=text)

        yield update


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is no count")
    return int(text)
