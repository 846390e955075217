"""Run every body with every lens, and with each accessory that fits, through one script; print and write the table.

`lmount`, the default dialect, is an open model of our own, designed from public facts. The protocol of the L-Mount is
licensed and unpublished: this is not it, and no byte of it is Leica's, Panasonic's or Sigma's.

A cell works, works reduced, or is refused, each by a rule with its reason and source. It is broken where
its session has errors, or a result that no rule explains: exit code 1. Each cell comes with the command that replays
it. Ctrl-C writes what has been done.
"""

import argparse
import sys
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `lensmount matrix`."""
    from lensmount_emulator.cli.options import add_firmware, add_force

    parser.add_argument("--dialect", default="lmount", metavar="NAME", help="the dialect (default: %(default)s)")
    for place in ("body", "lens"):
        parser.add_argument(
            f"--{place}",
            nargs="+",
            action="extend",
            metavar="NAME",
            help="names, patterns such as 'sigma-*', or paths of .toml files (default: all)",
        )
    add_firmware(parser, adapter=True)
    parser.add_argument(
        "--accessory",
        dest="accessories",
        nargs="+",
        action="extend",
        metavar="NAME",
        help="accessories: names, patterns, 'none' for no accessory, 'all' for none and each (default: all)",
    )
    parser.add_argument(
        "--script",
        metavar="SCRIPT",
        default="",
        help="what each body does (default: what the dialect has for it)",
    )
    parser.add_argument("--seed", type=int, help="jitter of reaction times; the same seed gives the same reports")
    parser.add_argument("--jobs", type=_count, metavar="N", help="worker processes (default: one per processor)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the matrix as one JSON document")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="write it as JUnit XML, for CI")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write it as one HTML page")
    parser.add_argument("--record", type=Path, metavar="FOLDER", help="write a recording of each cell into this folder")
    add_force(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the cells, write and print the results; return 0 where none is broken, else 1."""
    from contextlib import closing

    from lensmount_emulator.campaign.matrix import MatrixOutcome
    from lensmount_emulator.campaign.planner import plan_matrix
    from lensmount_emulator.campaign.worker_pool import default_worker_count
    from lensmount_emulator.cli.options import take_firmware
    from lensmount_emulator.cli.report_files import prepare_matrix_outputs, write_all
    from lensmount_emulator.reports.console import count_progress, make_console
    from lensmount_emulator.reports.summary import matrix_counts
    from lensmount_emulator.reports.terminal import print_matrix
    from lensmount_hardware.clock import MonotonicClock

    take_firmware(arguments, listed=True)
    clock = MonotonicClock()
    planned = plan_matrix(
        arguments.dialect,
        arguments.body or ["*"],
        arguments.lens or ["*"],
        arguments.accessories or ["all"],
        script=arguments.script,
        seed=arguments.seed,
        folder=arguments.record,
        overwrite=arguments.force,
    )
    matrix = planned.matrix
    targets = prepare_matrix_outputs(arguments.json, arguments.junit, arguments.html, arguments.record)
    stopped = False
    jobs = arguments.jobs or default_worker_count(matrix.planned)
    with closing(planned.run(jobs)) as cells, count_progress("cells", shown=not arguments.quiet) as update:
        update(0, matrix.planned)
        try:
            for _ in cells:
                update(len(matrix.cells), matrix.planned)
        except KeyboardInterrupt:
            stopped = True
    seconds = clock.now()
    write_all(matrix, targets)
    if not arguments.quiet:
        print_matrix(make_console(sys.stdout), matrix)
    each = f" ({seconds / len(matrix.cells) * 1e3:.0f} ms a cell)" if matrix.cells else ""
    print(f"{matrix_counts(matrix)}; {seconds:.1f} s{each}")
    if stopped:
        raise KeyboardInterrupt
    return 1 if matrix.counts[MatrixOutcome.BROKEN] else 0


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of processes; 1 or more is")
    return int(text)
