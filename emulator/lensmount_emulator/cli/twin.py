"""Make a lens that plays from captures of a real one: a profile, with a score on the part that it was not made from.

The first 60 % of each session make the twin, and the rest scores it; --train 100% uses all, for the profile to keep.
--test scores it on captures that it is not made from, --leave-out on values of a state that it has not seen.
The result is a profile like any other: lensmount loopback --lens my-lens.toml.
"""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `lensmount twin`."""
    from lensmount_emulator.cli.options import add_force, add_samplerate
    from lensmount_emulator.cli.parser import one_of

    parser.add_argument(
        "captures", nargs="+", type=Path, metavar="CAPTURE", help="captures of one device with its peer"
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the profile here; the name ends in .toml")
    parser.add_argument(
        "--role", **one_of("role", ("lens", "body")), default="lens", help="the device (default: %(default)s)"
    )
    parser.add_argument(
        "--train",
        default="60%",
        metavar="SHARE",
        help="the share of each session that the twin is made from (default: %(default)s)",
    )
    parser.add_argument("--donor", default="", metavar="PROFILE", help="gives the messages that the captures lack")
    parser.add_argument(
        "--leave-out",
        default="",
        metavar="[STATE:]N",
        help="leave out every N-th value of a state, and score those: 2, aperture:4",
    )
    parser.add_argument(
        "--test",
        action="append",
        default=[],
        type=Path,
        metavar="CAPTURE",
        help="score the twin on this capture too, which it is not made from",
    )
    parser.add_argument("--name", default="", metavar="NAME", help="of the profile (default: from the capture's name)")
    parser.add_argument("--dialect", help="the dialect (default: the one that the captures declare, else emount)")
    parser.add_argument("--channel", action="append", default=[], metavar="LINE=PROBE", help="as in `lensmount decode`")
    add_samplerate(parser)
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the report as one HTML page")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
    add_force(parser)


def run(arguments: argparse.Namespace) -> int:
    """Make the twin, write it, and print its report; 1 where no scored reply is right or a capture is incomplete."""
    import json
    import sys

    from lensmount_emulator.cli.options import UsageError, file_progress, parse_channels
    from lensmount_emulator.cli.report_files import check_writable, write_all
    from lensmount_emulator.engine.dialect_roles import Place
    from lensmount_emulator.reports.console import make_console
    from lensmount_emulator.reports.twin import print_twin, twin_to_html
    from lensmount_emulator.twin.make import TwinRequest, make_twin
    from lensmount_emulator.twin.sessions import find_dialect
    from lensmount_hardware.output_file import check_output, write_output

    output: Path | None = arguments.output
    if output is not None:
        if output.suffix != ".toml":
            raise UsageError(f"{output}: a profile's name ends in .toml; write --output {output.stem or 'twin'}.toml")
        check_output(output, overwrite=arguments.force, inputs=arguments.captures)
    named_files = [*arguments.captures, *arguments.test, *([] if output is None else [output])]
    pages = check_writable([(arguments.html, twin_to_html, b"<!DOCTYPE html>")], others=named_files)
    state, n = _leave_out(arguments.leave_out)
    dialect = find_dialect([*arguments.captures, *arguments.test], arguments.dialect)
    request = TwinRequest(
        captures=arguments.captures,
        place=Place(arguments.role),
        train=arguments.train,
        dialect=arguments.dialect,
        donor=arguments.donor,
        leave_out=n,
        leave_out_state=state,
        tests=arguments.test,
        name=arguments.name or ("" if output is None else output.stem),
        channels=parse_channels(arguments.channel, dialect.wiring.lines),
        samplerate=arguments.samplerate,
    )
    with file_progress(*arguments.captures, *arguments.test, shown=not arguments.quiet) as progress:
        result = make_twin(request, progress)
    if output is not None:
        write_output(output, result.profile.encode(), overwrite=arguments.force, inputs=arguments.captures)
    write_all(result, pages)
    if arguments.json:
        print(json.dumps(result.as_dict() | {"output": None if output is None else str(output)}))
    else:
        print_twin(make_console(sys.stdout), result, None if output is None else str(output))
    return 0 if result.score.strict and not result.gaps else 1


def _leave_out(text: str) -> tuple[str, int]:
    """The state and the number of `[STATE:]N`."""
    from lensmount_emulator.cli.options import UsageError

    if not text:
        return "", 0
    state, _, number = text.rpartition(":")
    if not number.isascii() or not number.isdecimal() or not 2 <= int(number) <= 1000:
        raise UsageError(
            f"--leave-out {text!r}: write a number from 2 to 1000, or a state with one, such as aperture:2"
        )
    return state, int(number)
