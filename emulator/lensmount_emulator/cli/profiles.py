"""List the lenses and bodies that can be played; a path to a TOML file works wherever a name does."""

import argparse
import json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `lensmount profiles`."""
    parser.add_argument("--dialect", metavar="NAME", help="only those that speak this")
    parser.add_argument("--role", choices=["lens", "body"], help="only this end")
    parser.add_argument("--json", action="store_true", help="one JSON object a profile")


def run(arguments: argparse.Namespace) -> int:
    """Print every profile that was asked for."""
    from lensmount_emulator.profiles.library import all_profiles
    from lensmount_protocol.registry import load_dialect

    if arguments.dialect is not None:
        load_dialect(arguments.dialect)
    for profile in all_profiles():
        if arguments.dialect not in (None, profile.dialect) or arguments.role not in (
            None,
            profile.place.value,
        ):
            continue
        if arguments.json:
            told = {"name": profile.name, "role": profile.place.value, "dialect": profile.dialect}
            told |= {"title": profile.title, "notes": profile.notes}
            print(json.dumps({**told, "sources": dict(profile.sources)}))
            continue
        print(f"{profile.name:<16} {profile.place.value}  {profile.dialect}  {profile.title}")
        print(f"{'':<16} {profile.notes}")
        for key, source in profile.sources.items():
            print(f"{'':<16} {key}: {source}")
    return 0
