"""Verify that generated code does what construct does: same values, same bytes, same verdict on mutated frames.

Each case reads a mutated frame in chunks, a message by itself, and builds one of odd values; generated code and
construct must agree on all of it. The same seed gives the same cases. Exit code 1 where they differ; the first of them
are shown.

With --exports it compares the decoders that `export --from-dialect` writes: one corpus of frames, valid and damaged,
decoded by generated Python, C, the tables of sigrok and Saleae, tshark, sigrok-cli and Kaitai Struct, and each must
agree with construct on type, fields and validity. A decoder with a missing tool is skipped with the reason.
"""

import argparse
import json
from typing import TYPE_CHECKING

from lensmount_emulator.reports.printable import report

if TYPE_CHECKING:
    from lensmount_protocol.dialect import Dialect


DECODER_NAMES = ("python", "c", "tables", "tshark", "sigrok", "kaitai")
"""The decoders of `--exports`; `lensmount_emulator.exports.decoders` has them, and loads construct."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `lensmount verify-codec`."""
    from lensmount_emulator.cli.options import parse_positive
    from lensmount_emulator.cli.parser import one_of

    parser.add_argument("dialect", metavar="DIALECT", help="such as emount")
    parser.add_argument("--cases", type=parse_positive, default=10_000, help="mutated frames (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the mutations (default: %(default)s)")
    parser.add_argument("--exports", action="store_true", help="compare the decoders that `export` writes")
    parser.add_argument(
        "--decoder",
        action="append",
        default=[],
        **one_of("decoder", DECODER_NAMES),
        help="of --exports: only this one; may be given again",
    )
    parser.add_argument("--json", action="store_true", help="the statistics as one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Compare, print the result and return the exit code."""
    from random import Random

    from rich.progress import Progress

    from lensmount_emulator.cli.options import UsageError
    from lensmount_emulator.reports.console import progress_console
    from lensmount_emulator.verification.codec_equivalence import EquivalenceResult, compare_codecs
    from lensmount_hardware.clock import MonotonicClock
    from lensmount_protocol.dialect import load_dialect

    dialect = load_dialect(arguments.dialect)
    if arguments.exports:
        return _compare_exports(dialect, arguments)
    if arguments.decoder:
        raise UsageError(f"--decoder {arguments.decoder[0]} needs --exports")
    clock = MonotonicClock()
    found, stopped = EquivalenceResult(), False
    with Progress(console=progress_console(), transient=True, disable=arguments.quiet) as bar:
        task = bar.add_task("frames", total=arguments.cases)
        try:
            compare_codecs(
                dialect,
                arguments.cases,
                Random(arguments.seed),
                lambda done: bar.update(task, completed=done),
                found,
            )
        except KeyboardInterrupt:
            stopped = True
    seconds = clock.now()
    if arguments.json:
        print(json.dumps({**found.cases, "mismatches": found.mismatches, "seconds": round(seconds, 1)}))
    else:
        for what, count in sorted(found.cases.items()):
            print(f"{what:<20} {count:>10}")
        print(f"{'mismatches':<20} {found.mismatches:>10}   in {seconds:.1f} s")
    for line in found.shown:
        print(line)
    if stopped:
        # The work until then is printed; the exit code is that of a stopped run.
        raise KeyboardInterrupt
    if not found.cases:
        report("nothing was compared")
    return 1 if found.mismatches or not found.cases else 0


def _compare_exports(dialect: "Dialect", arguments: argparse.Namespace) -> int:
    """Compare the decoders of a dialect; print the table and return the exit code."""
    import tempfile
    from pathlib import Path

    from lensmount_emulator.exports.agreement import compare_decoders, make_corpus
    from lensmount_emulator.exports.decoders import DECODERS
    from lensmount_emulator.exports.units_schema import make_any_schema

    schema = make_any_schema(dialect)
    chosen = {name: decode for name, decode in DECODERS.items() if not arguments.decoder or name in arguments.decoder}
    corpus = make_corpus(schema, arguments.cases, arguments.seed)
    with tempfile.TemporaryDirectory(prefix="lensmount-") as folder:
        found = compare_decoders(
            schema, corpus, chosen, Path(folder), lambda name: None if arguments.quiet else report(f"decoding: {name}")
        )
    if arguments.json:
        print(json.dumps(found.document()))
    else:
        print(*found.lines(), sep="\n")
    if not any(one.compared for one in found.decoders):
        report("nothing was compared")
        return 1
    return 0 if found.passed else 1
