"""List the lenses, bodies and accessories that can be played; a path to a TOML file works wherever a name does."""

import argparse
import json
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lensmount_emulator.profiles.profile import Profile


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `lensmount profiles`."""
    parser.add_argument("--dialect", metavar="NAME", help="only those that speak this")
    parser.add_argument("--role", choices=["lens", "body", "accessory"], help="only what stands there on a mount")
    parser.add_argument("--json", action="store_true", help="one JSON object a profile")


def run(arguments: argparse.Namespace) -> int:
    """Print every profile that was asked for, dialect by dialect; what a dialect is stands behind its profiles."""
    from lensmount_emulator.profiles.library import all_profiles
    from lensmount_protocol.registry import load_dialect

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
    for dialect, group in groupby(listed, attrgetter("dialect")):
        _print_text(list(group))
        print(f"\n{dialect}: {load_dialect(dialect).notice}\n")
    return 0


def _print_json(profile: "Profile") -> None:
    told = {"name": profile.name, "role": profile.place.value, "dialect": profile.dialect}
    told |= {"title": profile.title, "notes": profile.notes}
    print(json.dumps({**told, "sources": dict(profile.sources), "evidence": dict(profile.evidence)}))


def _print_text(profiles: "list[Profile]") -> None:
    longest = max(len(profile.name) for profile in profiles)
    for profile in profiles:
        print(f"{profile.name:<{longest}}  {profile.place.value:<9}  {profile.dialect}  {profile.title}")
        if profile.notes:
            print(f"    {profile.notes}")
        for key, source in profile.sources.items():
            print(f"    {key}: {source}")
