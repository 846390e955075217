"""Firmware: your own in C at one end of the virtual mount, and images (.lmf) for updates of virtual lenses.

  lensmount firmware build lens.c                 C to a library that every verb takes as a lens or a body
  lensmount firmware check ./lens.so              does it keep the rules of the interface?
  lensmount firmware lines lmount                 the numbers of a dialect's lines, as a C header
  lensmount loopback --lens-firmware ./lens.so --script "check all"

  lensmount firmware new.lmf --make-for sigma-45mm-f2.8-dg-dn --version 2.0 --size 65536
  lensmount loopback --body panasonic-s1r --lens sigma-45mm-f2.8-dg-dn --allow "Update*" --script "update new.lmf"

The format of images is lensmount's own: no maker's file is one. An image that is made here holds noise, and only a
virtual lens starts from it.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

SUBCOMMANDS = ("image", "build", "check", "lines", "source")
"""What can be done; where none is named, the argument is an image."""


def with_default_subcommand(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with the subcommand first; `image` is the default."""
    named = not arguments or arguments[0] in SUBCOMMANDS or arguments[0] in ("-h", "--help")
    return list(arguments) if named else ["image", *arguments]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `lensmount firmware`."""
    from lensmount_emulator.cli.options import add_force
    from lensmount_emulator.cli.parser import verbosity_options

    what = parser.add_subparsers(dest="what", required=True, metavar="FILE | build | check | lines | source")
    shared = (verbosity_options(),)
    image = what.add_parser("image", help="look at an image, or make one; the default", parents=shared)
    image.add_argument("file", metavar="FILE", help="the image")
    image.add_argument("--make-for", metavar="PROFILE", help="make an image for this lens")
    image.add_argument("--version", default="2.0", help="of the image that is made (default: %(default)s)")
    image.add_argument("--size", type=int, default=65_536, help="its bytes (default: %(default)s)")
    image.add_argument("--seed", type=int, default=0, help="of its noise (default: %(default)s)")
    add_force(image)
    build = what.add_parser("build", help="compile C into a firmware", parents=shared)
    build.add_argument("sources", nargs="+", type=Path, metavar="FILE.c", help="the C files")
    build.add_argument("--output", type=Path, metavar="FILE.so", help="the library (default: FILE.so, here)")
    build.add_argument("--sanitize", action="store_true", help="with AddressSanitizer and UndefinedBehaviorSanitizer")
    build.add_argument("--coverage", action="store_true", help="with counters, for guided fuzzing")
    build.add_argument("--worker", action="store_true", help="a program of its own, FILE.worker, in place of a library")
    build.add_argument("--compiler", default="", metavar="CC", help="gcc or clang (default: $CC, or the system's)")
    build.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="OPTION",
        help="for the compiler: --option=-DNAME=1; repeatable",
    )
    build.add_argument("--json", action="store_true", help="one JSON object instead of text")
    add_force(build)
    check = what.add_parser("check", help="check that a firmware keeps the rules of the interface", parents=shared)
    check.add_argument("library", metavar="FILE.so", help="the firmware")
    check.add_argument("--partner", metavar="NAME", help="profile of the other end (default: the dialect's usual one)")
    check.add_argument("--script", default="", help="what the body does (default: what the dialect has for a check)")
    check.add_argument("--seed", type=int, default=1, help="of the sessions (default: %(default)s)")
    check.add_argument("--json", action="store_true", help="one JSON object instead of text")
    lines = what.add_parser("lines", help="print the header with the numbers of a dialect's lines", parents=shared)
    lines.add_argument("dialect", metavar="DIALECT", help="such as lmount")
    what.add_parser("source", help="print the folder with the header, the shim and the examples", parents=shared)


def run(arguments: argparse.Namespace) -> int:
    """Do it; 0 where nothing was found wanting, else 1."""
    verbs = {"image": _image, "build": _build, "check": _check, "lines": _lines, "source": _source}
    return verbs[arguments.what](arguments)


def _build(arguments: argparse.Namespace) -> int:
    from lensmount_emulator.cli.options import UsageError, print_message
    from lensmount_emulator.firmware.build import BuildOptions, FirmwareBuildError, build_firmware
    from lensmount_emulator.firmware.library import describe_library
    from lensmount_emulator.reports.printable import report

    suffix = ".worker" if arguments.worker else ".so"
    output = arguments.output or Path(arguments.sources[0].with_suffix(suffix).name)
    if output.suffix != suffix:
        raise UsageError(
            f"--output {output}: the name of {'a worker' if arguments.worker else 'a library'} ends in {suffix}"
        )
    options = BuildOptions(
        arguments.compiler, arguments.sanitize, arguments.coverage, arguments.worker, tuple(arguments.option)
    )
    try:
        build_firmware(arguments.sources, output, options, overwrite=arguments.force)
    except FirmwareBuildError as error:
        if not arguments.quiet:
            for line in error.output_text.splitlines():
                report(line)
        raise
    kind = " and ".join(
        name for name, on in (("sanitizers", arguments.sanitize), ("coverage", arguments.coverage)) if on
    )
    text = f"{output}: {describe_library(output)}" + (f", with {kind}" if kind else "")
    message = {"text": text, "library": str(output), "sanitize": arguments.sanitize, "coverage": arguments.coverage}
    return print_message(message, as_json=arguments.json)


def _check(arguments: argparse.Namespace) -> int:
    from lensmount_emulator.reports.printable import one_line
    from lensmount_emulator.sessions.firmware.conformance import check_firmware

    results = check_firmware(arguments.library, arguments.partner, arguments.script, arguments.seed)
    failed = [one for one in results if not one.passed]
    if arguments.json:
        rows = [{"check": one.name, "passed": one.passed, "detail": one.detail} for one in results]
        print(json.dumps({"library": arguments.library, "checks": rows, "failed": len(failed)}))
    else:
        for one in results:
            if not one.passed or not arguments.quiet:
                print(f"{'ok  ' if one.passed else 'FAIL'}  {one.name:<24}  {one_line(one.detail)}")
        print(f"{arguments.library}: {len(results) - len(failed)} of {len(results)} checks passed")
    return 1 if failed or not results else 0


def _lines(arguments: argparse.Namespace) -> int:
    from lensmount_emulator.firmware.lines import lines_header

    print(lines_header(arguments.dialect), end="")
    return 0


def _source(_arguments: argparse.Namespace) -> int:
    from lensmount_emulator.firmware.build import source_folder

    print(source_folder().parent)
    return 0


def _image(arguments: argparse.Namespace) -> int:
    """Make the image if asked to, and print what the file holds."""
    from lensmount_emulator.cli.options import named_files
    from lensmount_emulator.models.firmware_image import format_version, make_image, read_image, write_image
    from lensmount_emulator.profiles.library import load_profile
    from lensmount_emulator.reports.printable import one_line
    from lensmount_emulator.roles.lmount.ids import lens_number, maker_name, maker_number
    from lensmount_emulator.roles.lmount.profile import LensSettings, version_bytes
    from lensmount_protocol.errors import ProfileError
    from lensmount_protocol.wire import Role

    path = Path(arguments.file)
    if arguments.make_for is not None:
        settings = load_profile(arguments.make_for, Role.LENS).settings
        if not isinstance(settings, LensSettings):
            raise ProfileError(f"profile {arguments.make_for!r} speaks another dialect than lmount; it takes no image")
        version = version_bytes(arguments.version)
        made = make_image(
            maker_number(settings.optics.maker), lens_number(settings), version, arguments.size, arguments.seed
        )
        write_image(path, made, overwrite=arguments.force, inputs=named_files(arguments.make_for))
    image = read_image(path)
    print(
        f"{one_line(path)}: {one_line(image.name)}, version {format_version(image.version)}, {len(image.content)} bytes"
    )
    print(f"for maker {maker_name(image.maker)}, model {image.model:#06x}; CRC-32 {image.crc32:#010x}")
    return 0
