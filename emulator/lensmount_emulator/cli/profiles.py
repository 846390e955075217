"""List the lenses, bodies and accessories that can be played; a path to a TOML file works wherever a name does."""

import argparse
import json
import sys
from collections.abc import Callable
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from lensmount_emulator.reports.printable import ROLES, Line, line_writer

if TYPE_CHECKING:
    from lensmount_emulator.profiles.library import Profile


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `lensmount profiles`."""
    from lensmount_emulator.cli.parser import one_of

    parser.add_argument("--dialect", metavar="NAME", help="only those of this dialect")
    parser.add_argument(
        "--role", **one_of("role", ("lens", "body", "accessory")), help="only what stands there on a mount"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a profile")


def run(arguments: argparse.Namespace) -> int:
    """Print every profile that was asked for, dialect by dialect; the description of a dialect follows its profiles."""
    from lensmount_emulator.profiles.library import all_profiles
    from lensmount_protocol.dialect import load_dialect

    if arguments.dialect is not None:
        load_dialect(arguments.dialect)
    listed = [
        profile
        for profile in all_profiles()
        if arguments.dialect in (None, profile.dialect) and arguments.role in (None, profile.place.value)
    ]
    listed.sort(key=lambda profile: (profile.dialect, profile.place.value, profile.name))
    if arguments.json:
        for profile in listed:
            _print_json(profile)
        return 0
    if arguments.quiet:
        for profile in listed:
            print(profile.name)
        return 0
    write = line_writer(sys.stdout)
    for dialect, group in groupby(listed, attrgetter("dialect")):
        _print_text(list(group), write)
        print()
        write(Line(f"{dialect}: {load_dialect(dialect).notice}\n"))
    return 0


def _print_json(profile: "Profile") -> None:
    data = {"name": profile.name, "role": profile.place.value, "dialect": profile.dialect}
    data |= {"title": profile.title, "notes": profile.notes}
    print(json.dumps({**data, "sources": dict(profile.sources), "evidence": dict(profile.evidence)}))


def _print_text(profiles: "list[Profile]", write: "Callable[[Line], None]") -> None:
    name_width = max(len(profile.name) for profile in profiles)
    for profile in profiles:
        head = f"{profile.name:<{name_width}}  {profile.place.value:<9}  {profile.dialect}  "
        write(Line(f"{head}{profile.title}", ROLES.get(profile.place.value), len(head)))
        if profile.notes:
            write(Line(f"    {profile.notes}", None, 4))
        for key, source in profile.sources.items():
            write(Line(f"    {key}: {source}", None, 6))
