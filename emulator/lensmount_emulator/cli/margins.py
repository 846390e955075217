"""Find how far a timing parameter may move: limits by bisection, rates over seeds, and maps of two parameters.

  lensmount margins --body a6000 --lens sel55210 --vary "reply 08"
  lensmount margins --vary "reply 08" --vary "VD period" --output map.html
  lensmount margins --vary "VD jitter" --seeds 40

A parameter is a time of a profile (`reply 08`, `lens status_after_vd`, `body next_request 07 0B`, `setup fast`), a rule
of the timing contract (`VD to 05`), or a disturbance (`VD jitter`, `lens jitter`, `LENS_CS late`, `body clock`,
`lens baud`); --list prints all of them. A range may follow: `reply 08=10us..600ms`. Two parameters make a map.

Three regions are kept apart: what captured devices kept, what works with our engine, and what does not. No capture
shows the time-out of a real device, so nothing here is the margin of one. On a port (--port) our end is the one profile
that is named, and each point is a start-up of the device after a power cycle.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lensmount_emulator.margins.parameters import Parameter
    from lensmount_emulator.margins.point import LivePoints
    from lensmount_emulator.margins.results import Result
    from lensmount_emulator.margins.run import Varied
    from lensmount_emulator.profiles.library import Profile

DEFAULT_RATE_SEEDS = 20
MAX_SEEDS = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `lensmount margins`."""
    from lensmount_emulator.cli.options import add_force

    parser.add_argument("--body", metavar="NAME", help="body profile (default: the usual one for the lens, or a6000)")
    parser.add_argument("--lens", metavar="NAME", help="lens profile (default: the usual one for the body)")
    parser.add_argument(
        "--vary", action="append", default=[], metavar="PARAMETER[=LEAST..MOST]", help="what to vary; twice for a map"
    )
    parser.add_argument("--list", action="store_true", help="print every parameter of the pair, with what devices kept")
    parser.add_argument("--seed", type=int, help="seed of the jitter of reaction times; without it times are nominal")
    parser.add_argument(
        "--seeds", type=int, metavar="N", help="sessions at each point; a point works if all do "
        f"(default: 1, and {DEFAULT_RATE_SEEDS} for the rate of a jitter)",
    )  # fmt: skip
    parser.add_argument("--size", default="40x20", metavar="COLUMNSxROWS", help="cells of a map (default: %(default)s)")
    parser.add_argument("--port", metavar="SPEC", help="the device is on this port; name our end with --body or --lens")
    parser.add_argument("--power-cycle", metavar="COMMAND", help="takes the device's power and gives it again")
    parser.add_argument("--output", type=Path, metavar="FILE", help="a picture or page: .svg, .png or .html")
    add_force(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")


def run(arguments: argparse.Namespace) -> int:
    """Find the margins and print them."""
    from lensmount_emulator.margins.parameters import list_parameters
    from lensmount_emulator.margins.run import parse_varied, refuse_recording
    from lensmount_emulator.sessions.virtual.participants import default_pair
    from lensmount_protocol.errors import FaultError

    for named in (arguments.body, arguments.lens):
        refuse_recording(named)
    body, lens = default_pair(arguments.body, arguments.lens)
    if arguments.list:
        _print_list(list_parameters(body, lens), as_json=arguments.json)
        return 0
    if not 1 <= len(arguments.vary) <= 2:
        raise FaultError("margins wants one or two --vary PARAMETER; --list prints the parameters")
    varied = [parse_varied(text, body, lens) for text in arguments.vary]
    if len({one.parameter.name for one in varied}) < len(varied):
        raise FaultError(f"{varied[0].parameter.name} is varied twice; name two parameters for a map")
    return _find(arguments, body, lens, varied)


def _find(arguments: argparse.Namespace, body: "Profile", lens: "Profile", varied: "list[Varied]") -> int:
    from lensmount_emulator.margins.point import VirtualPoints
    from lensmount_emulator.margins.run import run_margins
    from lensmount_emulator.reports.printable import report
    from lensmount_hardware.clock import MonotonicClock
    from lensmount_protocol.errors import ProfileError, TransportError

    write = _writer(arguments, f"{body.title} with {lens.title}", body.dialect)
    columns, rows = _size(arguments.size)
    parameters = {one.parameter.name: one.parameter for one in varied}
    live = None if arguments.port is None else _live_points(arguments, body, lens, varied)
    clock = MonotonicClock()
    begun = clock.now()
    seeds, rate_seeds = _seeds(arguments)
    try:
        results, search = run_margins(
            varied,
            VirtualPoints(body, lens, parameters) if live is None else live,
            seeds=(None,) if live is not None else seeds,
            rate_seeds=rate_seeds,
            columns=columns,
            rows=rows,
        )
    except ProfileError as error:
        if live is None:
            raise
        if not live.received:
            device = live.profile.role.peer.value
            raise TransportError(
                f"{arguments.port}: nothing came from the {device}; check the wiring, the supply and the dialect"
            ) from None
        # The device is there, and does not start with the times of our profile.
        report(str(error))
        return 1
    seconds = clock.now() - begun
    write(results)
    _print(arguments, results, body, lens, live)
    if not arguments.quiet and not arguments.json:
        print(f"{search.points} sessions in {seconds:.1f} s, {seconds / max(1, search.points) * 1e3:.1f} ms each")
    return 0


def _seeds(arguments: argparse.Namespace) -> tuple[list[int | None], range]:
    from lensmount_protocol.errors import FaultError

    number = arguments.seeds
    if number is not None and not 1 <= number <= MAX_SEEDS:
        raise FaultError(f"--seeds {number}: write a number from 1 to {MAX_SEEDS}")
    first = arguments.seed
    seeds: list[int | None] = [first] if number is None else [(first or 0) + index for index in range(number)]
    start = first or 0
    return seeds, range(start, start + (number or DEFAULT_RATE_SEEDS))


def _size(text: str) -> tuple[int, int]:
    from lensmount_protocol.errors import FaultError

    columns, _, rows = text.partition("x")
    if not (columns.isdigit() and rows.isdigit() and len(text) < 12):
        raise FaultError(f"--size {text!r}: write the cells of a map as COLUMNSxROWS, such as 40x20")
    return int(columns), int(rows)


def _writer(arguments: argparse.Namespace, heading: str, dialect: str) -> "Callable[[list[Result]], None]":
    """Checks the output before any work, and returns what writes it."""
    from lensmount_emulator.cli.options import named_files
    from lensmount_hardware.output_file import check_output, write_output
    from lensmount_protocol.errors import CaptureError

    path: Path | None = arguments.output
    if path is None:
        return lambda _results: None
    if path.suffix not in (".svg", ".png", ".html"):
        raise CaptureError(f"{path}: a margin is written as .svg, .png or .html")
    if path.suffix == ".png":
        from lensmount_emulator.traffic.plots import check_matplotlib

        check_matplotlib()
    check_output(path, overwrite=arguments.force, inputs=named_files(arguments.body, arguments.lens))

    def write(results: "list[Result]") -> None:
        from lensmount_emulator.reports.margin_charts import margins_html, margins_png, margins_svg
        from lensmount_protocol.dialect import load_dialect

        live = arguments.port is not None
        if path.suffix == ".png":
            data = margins_png(results, live=live)
        elif path.suffix == ".svg":
            data = margins_svg(results, live=live).encode()
        else:
            notice = load_dialect(dialect).notice
            data = margins_html(results, f"lensmount margins: {heading}", notice, live=live).encode()
        write_output(path, data, overwrite=arguments.force)

    return write


def _print(
    arguments: argparse.Namespace, results: "list[Result]", body: "Profile", lens: "Profile", live: "LivePoints | None"
) -> None:
    from lensmount_emulator.margins.results import UNKNOWN, result_lines, result_to_dict
    from lensmount_emulator.reports.printable import write_line

    if arguments.json:
        head = {"body": body.name, "lens": lens.name, "dialect": body.dialect, "port": arguments.port}
        jitter = None
        if live is not None and live.jitter.total:
            jitter = {"p50_us": live.jitter.percentile_us(50), "p99_us": live.jitter.percentile_us(99)}
        print(json.dumps({**head, "port_jitter": jitter, "results": [result_to_dict(one) for one in results]}))
        return
    for line in result_lines(results, live=live is not None):
        write_line(sys.stdout, line, hang=14)
    if live is None:
        write_line(sys.stdout, UNKNOWN)
    elif live.jitter.total:
        least = live.jitter.percentile_us(99)
        write_line(sys.stdout, f"the port meets deadlines late by {live.jitter.summary()}")
        write_line(sys.stdout, f"no margin smaller than {least} µs can be resolved on it")


def _print_list(parameters: "list[Parameter]", *, as_json: bool) -> None:
    from lensmount_emulator.margins.results import bounds_text
    from lensmount_emulator.reports.printable import write_line

    for one in parameters:
        if as_json:
            print(json.dumps({"name": one.name, "unit": one.unit, "nominal": one.nominal, "seen": bounds_text(one)}))
        else:
            write_line(sys.stdout, f"{one.name:<28} {one.format(one.nominal):>10}  {bounds_text(one)}", hang=42)


def _live_points(
    arguments: argparse.Namespace, body: "Profile", lens: "Profile", varied: "list[Varied]"
) -> "LivePoints":
    """Our end on a port.

    Raises:
        FaultError: our end is not clear, or a parameter is not a time of our end.
    """
    from lensmount_emulator.cli.ports import open_port
    from lensmount_emulator.explain.explainer import session_knowledge
    from lensmount_emulator.fuzz.device.recovery import PowerCommand
    from lensmount_emulator.margins.point import LivePoints
    from lensmount_emulator.sessions.send_guard import GuardedTransport, SendGuard
    from lensmount_hardware.clock import MonotonicClock
    from lensmount_protocol.dialect import load_dialect
    from lensmount_protocol.errors import FaultError

    if (arguments.body is None) is (arguments.lens is None):
        raise FaultError("on a port one end is ours: name it with --body or --lens, and not both")
    ours = body if arguments.body is not None else lens
    for one in varied:
        if one.parameter.end is not ours.role or one.parameter.nominal == 0.0:
            raise FaultError(
                f"{one.parameter.name}: on a port only a time of our own end can be varied; the device has its own"
            )
    dialect = load_dialect(ours.dialect)
    command = arguments.power_cycle
    if command is None and ours.role.value == "lens":
        raise FaultError("the body on the port has its own power; --power-cycle COMMAND switches it off and on again")

    def cycle() -> None:
        if command is not None:
            PowerCommand(command)()

    return LivePoints(
        ours,
        {one.parameter.name: one.parameter for one in varied},
        lambda: GuardedTransport(open_port(arguments.port, ours.role, dialect), SendGuard(dialect, ours.role)),
        cycle,
        MonotonicClock(),
        session_knowledge(dialect).is_loop,
    )
