"""`lensmount fuzz lens|body`: fuzzing of the device on a port."""

import argparse
import contextlib
import json
import shlex
import sys
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lensmount_emulator.reports.printable import report

if TYPE_CHECKING:
    from lensmount_emulator.fuzz.device.config import DeviceFuzzConfig
    from lensmount_emulator.fuzz.device.executor import CaseExecutor
    from lensmount_emulator.fuzz.device.fuzzer import DeviceFuzzer, DeviceFuzzResult

UNRECOVERABLE = 5
"""Exit code: the device did not recover."""


def add_device_arguments(parser: argparse.ArgumentParser, device: str) -> None:
    """The options of `lensmount fuzz lens` and `lensmount fuzz body`."""
    from lensmount_emulator.cli.options import parse_duration, parse_positive

    peer = "body" if device == "lens" else "lens"
    parser.add_argument("--port", required=True, metavar="SPEC", help=f"where the {device} is")
    parser.add_argument("--dialect", default="emount", help="what it speaks (default: %(default)s)")
    parser.add_argument("--profile", default="", metavar="NAME", help=f"the {peer} that we play (default: a usual one)")
    parser.add_argument("--twin", default="", metavar="NAME", help=f"the {device} of ours that is most like it")
    parser.add_argument("--seconds", type=parse_duration, default=60.0, help="time to spend (default: %(default)g)")
    parser.add_argument("--cases", type=parse_positive, default=None, metavar="N", help="cases at most")
    parser.add_argument(
        "--repeat", type=_count, default=3, metavar="N", help="attempts per finding, to detect intermittent ones"
    )
    parser.add_argument(
        "--shrink-attempts", type=_count, default=24, metavar="N", help="attempts to shorten one scenario"
    )
    parser.add_argument("--seed", type=int, default=1, help="where cases come from (default: %(default)s)")
    parser.add_argument(
        "--output-dir", default="fuzz", metavar="FOLDER", help="findings, corpus and recording (default: %(default)s)"
    )
    parser.add_argument("--power-cycle", metavar="COMMAND", help="takes the device's power and gives it again")
    parser.add_argument(
        "--power-cycles", type=_count, default=100, metavar="N", help="power cycles to spend (default: %(default)s)"
    )
    parser.add_argument("--interactive", action="store_true", help="ask a person to bring the device back")
    add_limits(parser)
    add_send_guard(parser)
    parser.add_argument("--json", action="store_true", help="the report as one JSON object")


def add_limits(parser: argparse.ArgumentParser) -> None:
    """What a device has to keep."""
    from lensmount_emulator.cli.options import parse_duration

    parser.add_argument(
        "--reply-timeout",
        type=parse_duration,
        default=0.5,
        metavar="SECONDS",
        help="for a known request (default: %(default)g)",
    )
    parser.add_argument(
        "--startup-timeout",
        type=parse_duration,
        default=2.5,
        metavar="SECONDS",
        help="to its first frame (default: %(default)g)",
    )


def add_send_guard(parser: argparse.ArgumentParser) -> None:
    """What may be sent to a device."""
    parser.add_argument(
        "--allow", action="append", default=[], metavar="MESSAGE", help="let pass what is held back; may be given again"
    )


def run_device(arguments: argparse.Namespace) -> int:
    """Hunt; 0 where nothing was found, 1 where something was or no case was tried, 5 where the device stays away."""
    from lensmount_emulator.cli.ports import open_port
    from lensmount_emulator.fuzz.device.config import make_config
    from lensmount_emulator.fuzz.device.corpus import SeedQueue
    from lensmount_emulator.fuzz.device.finding import RunLog
    from lensmount_emulator.fuzz.device.fuzzer import Budget, DeviceFuzzer
    from lensmount_emulator.sessions.send_guard import SendGuard
    from lensmount_emulator.termination import OrderlyStack, format_stop
    from lensmount_protocol.errors import MountError
    from lensmount_protocol.wire import Role

    setup = make_config(arguments.dialect, Role(arguments.what), arguments.profile, arguments.twin, arguments.seed)
    SendGuard(setup.dialect, setup.role, arguments.allow)
    folder = Path(arguments.output_dir)
    header: dict[str, object] = {
        "dialect": setup.dialect.name, "fuzzed": setup.device.value, "port": arguments.port, "profile": setup.ours,
        "seed": arguments.seed, "allowed": arguments.allow,
    }  # fmt: skip
    with OrderlyStack() as stack:
        port = stack.enter_context(open_port(arguments.port, setup.role, setup.dialect))
        notebook = stack.enter_context(RunLog(folder, header))
        corpus = SeedQueue(setup, folder / "corpus.jsonl")
        corpus.load()
        if corpus.broken:
            print(f"lensmount: {corpus.path}: {corpus.broken} entries are left out: broken, or not for this device",
                  file=sys.stderr)  # fmt: skip
        trier, twin = make_executors(arguments, setup, port, notebook.write)
        budget = Budget(arguments.seconds, arguments.cases, max(1, arguments.repeat), max(0, arguments.shrink_attempts))
        update = stack.enter_context(_progress(arguments.seconds, shown=not arguments.quiet))
        hunt = DeviceFuzzer(
            setup, trier, twin, corpus, notebook, budget, lambda came: update(trier.session.clock.now(), came)
        )
        try:
            hunt.run()
        except MountError as error:
            hunt.result.ended = str(error)
            _report(hunt, notebook.recording, as_json=arguments.json)
            raise
        except KeyboardInterrupt as error:
            hunt.result.ended = f"stopped by {format_stop(error)}"
            _report(hunt, notebook.recording, as_json=arguments.json)
            raise
        _report(hunt, notebook.recording, as_json=arguments.json)
    if hunt.result.unrecoverable:
        return UNRECOVERABLE
    if not hunt.result.cases:
        report(f"no case was tried in {hunt.result.seconds:.1f} s; --seconds gives it longer")
        return 1
    return 1 if hunt.result.findings else 0


def make_executors(
    arguments: argparse.Namespace, config: "DeviceFuzzConfig", port: Any, tap: Callable[[Any], None]
) -> "tuple[CaseExecutor, Callable[[], CaseExecutor]]":
    """What tries cases on the device, and what makes one that tries them on its twin."""
    from lensmount_emulator.fuzz.device.executor import CaseExecutor, make_reference
    from lensmount_emulator.fuzz.device.recovery import HealthCheck, HealthLimits, PowerCommand, RecoverySequence
    from lensmount_emulator.fuzz.device.session import DeviceSession
    from lensmount_hardware.clock import MonotonicClock

    limits = HealthLimits(arguments.reply_timeout, arguments.startup_timeout)
    link = DeviceSession(config, port, MonotonicClock(), tap, tuple(arguments.allow))
    for note in link.port.notes:
        print(f"note: {note}", file=sys.stderr)
    cycle = PowerCommand(arguments.power_cycle) if arguments.power_cycle else None
    person = _is_operator_done if arguments.interactive else None
    trier = CaseExecutor(config, RecoverySequence(HealthCheck(link, limits), cycle, person, arguments.power_cycles))
    return trier, lambda: make_reference(config, port.lines, limits, allowed=arguments.allow)


def _is_operator_done() -> bool:
    """Whether a person has seen to the device."""
    print("the device does not answer: switch it off and on, then press Enter (Ctrl-D to end): ",
          end="", file=sys.stderr, flush=True)  # fmt: skip
    return sys.stdin.readline() != ""


def result_to_dict(fuzzer: "DeviceFuzzer") -> dict[str, Any]:
    """A run's report as plain data."""
    came, recovery, gate = fuzzer.result, fuzzer.executor.recovery, fuzzer.executor.session.guard
    findings = [
        {
            "kind": found.kind, "repeats": found.repeats, "helped": found.recovery_step, "twin breaks too": found.twin,
            "steps": list(found.steps), "steps at first": found.tried, "again": found.repeated_cases,
                "file": found.file,
        }
        for found in came.findings
    ]  # fmt: skip
    return {
        "dialect": fuzzer.config.dialect.name, "device": fuzzer.config.device.value,
            "port": fuzzer.executor.session.port.name,
        "identity": fuzzer.executor.session.identity, "seed": fuzzer.config.seed, "cases": came.cases,
        "seconds": round(came.seconds, 1), "shown by the wire": len(fuzzer.corpus.seen),
        "corpus": len(fuzzer.corpus.cases), "findings": findings, "stumbles": came.transient,
        (
            "sessions lost as by "
            "the twin"
        ): came.lost, "recovered": dict(recovery.step_counts), "power cycles": recovery.spent,
        "bytes sent": gate.allowed, "held back": dict(gate.refused),
            "errors of our own end": fuzzer.executor.session.engine_errors[:10],
        "ended": came.ended,
    }  # fmt: skip


def _report(fuzzer: "DeviceFuzzer", recording: Path, *, as_json: bool) -> None:
    figures = result_to_dict(fuzzer)
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
def _progress(seconds: float, *, shown: bool) -> "Generator[Callable[[float, DeviceFuzzResult], None]]":
    """A bar on the error stream: time, cases and findings."""
    from rich.progress import Progress

    from lensmount_emulator.reports.console import progress_console

    with Progress(console=progress_console(), transient=True, disable=not shown) as bar:
        task = bar.add_task("0 cases, 0 findings", total=seconds)

        def update(now: float, came: "DeviceFuzzResult") -> None:
            text = f"{came.cases} cases, {len(came.findings)} findings"
            bar.update(task, completed=min(now, seconds), description=text)

        yield update


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is no count")
    return int(text)
