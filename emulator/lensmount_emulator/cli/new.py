"""Write something new to begin with: a dialect, a fault, a profile, or a repository with tests of a device.

  lensmount new dialect acme                          a package with a dialect that plays: pip install -e ./acme
  lensmount new dialect acme --clocked                the same for a mount with a clock
  lensmount new fault every-tenth                     a package with a fault
  lensmount new firmware mylens --role lens           firmware in C, ready to build, with tests: cd mylens && make check
  lensmount new profile mylens --like sel55210        mylens.toml, with every value of another profile
  lensmount new test bench --dialect emount           pytest, and a test file for a device of yours

The package of a dialect has messages, frames, states, timing, both ends, profiles, tests and a CI file; every verb of
lensmount knows it once it is installed.
"""

import argparse
from contextlib import suppress
from pathlib import Path

SUBCOMMANDS = ("dialect", "fault", "firmware", "profile", "test")
"""What can be written."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `lensmount new`."""
    from lensmount_emulator.cli.options import add_force
    from lensmount_emulator.cli.parser import verbosity_options

    what = parser.add_subparsers(dest="what", required=True, metavar="dialect | fault | firmware | profile | test")
    shared = (verbosity_options(),)
    abouts = {
        "dialect": "an installable package with a dialect that plays",
        "fault": "an installable package with a fault",
        "firmware": "firmware in C that is ready to build, with tests",
        "profile": "a profile, from another one",
        "test": "a repository with tests of a device",
    }
    for name, about in abouts.items():
        child = what.add_parser(name, help=about, parents=shared)
        child.add_argument("name", metavar="NAME", help="small letters, digits and hyphens, such as acme-mount")
        place = "the file (default: NAME.toml)" if name == "profile" else "the folder (default: NAME)"
        child.add_argument("--output", metavar="PLACE", help=place)
        if name == "dialect":
            child.add_argument("--clocked", action="store_true", help="one end drives a clock, and both shift at once")
        if name == "profile":
            child.add_argument("--like", required=True, metavar="PROFILE", help="the profile to begin with")
        if name == "firmware":
            child.add_argument(
                "--role", choices=("lens", "body", "adapter"), default="lens", help="what it is (default: %(default)s)"
            )
            child.add_argument("--dialect", default="lmount", help="of the example (default: %(default)s)")
        if name == "test":
            child.add_argument("--dialect", help="the dialect of the usual body and lens")
            child.add_argument("--body", metavar="PROFILE", help="profile of the body")
            child.add_argument("--lens", metavar="PROFILE", help="profile of the lens")
        child.add_argument("--json", action="store_true", help="one JSON object instead of the names of the files")
        add_force(child)


def run(arguments: argparse.Namespace) -> int:
    """Write the files and list them."""
    from lensmount_hardware.output_file import STREAMS, check_output
    from lensmount_protocol.errors import CaptureError

    files = _render(arguments)
    if arguments.what == "profile":
        ((name, text),) = files.items()
        places = {Path(arguments.output or name): text}
    else:
        folder = Path(arguments.output or arguments.name)
        if str(folder) in STREAMS or (folder.exists() and not folder.is_dir()):
            raise CaptureError(f"{folder}: a folder is needed here")
        places = {folder / name: text for name, text in files.items()}
    for place in places:
        check_output(place, overwrite=arguments.force)
    _write_all(places, overwrite=arguments.force)
    _report(arguments, [str(place) for place in places if str(place) not in STREAMS])
    return 0


def _write_all(places: dict[Path, str], *, overwrite: bool) -> None:
    """Write every file; after a failure or a signal nothing is left of what this call made."""
    from lensmount_hardware.output_file import STREAMS, write_output
    from lensmount_protocol.errors import CaptureError

    made: list[Path] = []
    try:
        for place, text in places.items():
            if str(place) not in STREAMS:
                made += reversed([one for one in place.parents if not one.exists()])
                try:
                    place.parent.mkdir(parents=True, exist_ok=True)
                except OSError as error:
                    raise CaptureError(f"{place.parent}: {error.strerror}") from error
                if not place.exists():
                    made.append(place)
            write_output(place, text.encode(), overwrite=overwrite)
    except BaseException:
        for one in reversed(made):
            with suppress(OSError):
                one.rmdir() if one.is_dir() else one.unlink()
        raise


def _render(arguments: argparse.Namespace) -> dict[str, str]:
    from lensmount_emulator.scaffold.render import new_dialect, new_fault, new_firmware, new_profile, new_test

    match arguments.what:
        case "dialect":
            return new_dialect(arguments.name, clocked=arguments.clocked)
        case "fault":
            return new_fault(arguments.name)
        case "firmware":
            return new_firmware(arguments.name, arguments.role, arguments.dialect)
        case "profile":
            return new_profile(arguments.name, arguments.like)
        case _:
            return new_test(arguments.name, arguments.body, arguments.lens, arguments.dialect)


def _report(arguments: argparse.Namespace, places: list[str]) -> None:
    if arguments.json:
        import json

        print(json.dumps({"what": arguments.what, "name": arguments.name, "files": places}))
        return
    for place in places:
        print(place)
    if arguments.quiet or not places:
        return
    folder = str(arguments.output or arguments.name)
    # Without a separator pip takes a name for a package of its index.
    package = folder if "/" in folder else f"./{folder}"
    steps = {
        "dialect": f"next: pip install -e {package}, then lensmount loopback --dialect {arguments.name} --demo",
        "fault": f'next: pip install -e {package}, then lensmount loopback --fault "{arguments.name} rate=1e-3"',
        "firmware": f"next: cd {folder} && make check session",
        "profile": f"next: lensmount profiles {places[0]}",
        "test": f"next: cd {folder} && pytest",
    }
    print(steps[arguments.what])
