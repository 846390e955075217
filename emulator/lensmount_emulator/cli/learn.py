"""Learn what an end does as a state machine, and compare builds.

  lensmount learn lens --profile sel55210 --letters lens-session --output sel55210.json
  lensmount learn check sel55210.json --profile ./new.toml      every transition once; --thorough: the Wp-method
  lensmount learn diff old.json new.json --mermaid diff.mmd     grouped by letter and output
  lensmount learn cover sel55210.json session.lmx               which transitions recordings use

Learning needs AALpy (the extra `learn`); the other verbs do not. Exit code 1 where something differs.
"""

import argparse
import json
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lensmount_emulator.learn.alphabet import Alphabet
    from lensmount_emulator.learn.compare import CheckResult, Difference
    from lensmount_emulator.learn.machine import Machine
    from lensmount_emulator.learn.queries import Queries
    from lensmount_emulator.learn.system import LearnedSystem
    from lensmount_emulator.profiles.library import Profile

MAX_SHOWN = 40
"""Differences and words that the terminal shows; `--json` has all."""

SUBVERBS = ("lens", "body", "check", "diff", "cover")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `lensmount learn`."""
    from lensmount_emulator.cli.options import add_force, parse_positive
    from lensmount_emulator.cli.parser import verbosity_options

    what = parser.add_subparsers(dest="what", required=True, metavar="lens | body | check | diff | cover")
    shared = (verbosity_options(),)
    for end in ("lens", "body"):
        one = what.add_parser(end, help=f"learn the machine of a {end}", parents=shared)
        _add_system(one)
        one.add_argument(
            "--letters",
            default="",
            metavar="ALPHABET",
            help="an alphabet of the dialect, or a .toml file",
        )
        one.add_argument("--output", type=Path, metavar="FILE.json", help="write the machine here")
        one.add_argument("--walks", type=parse_positive, metavar="N", help="random walks from each state (default: 60)")
        one.add_argument(
            "--walk-letters", type=parse_positive, metavar="N", help="letters of a random walk (default: 20)"
        )
        add_force(one)
    check = what.add_parser("check", help="play words of a machine to a build", parents=shared)
    check.add_argument("machine", type=Path, metavar="FILE.json", help="the machine that is expected")
    _add_system(check)
    check.add_argument("--letters", default="", metavar="ALPHABET", help="its alphabet, where it is a .toml file")
    check.add_argument("--thorough", action="store_true", help="the Wp-method: complete for builds with no more states")
    check.add_argument("--junit", type=Path, metavar="FILE", help="write the result as JUnit XML")
    check.add_argument(
        "--record", type=Path, metavar="FOLDER", help="write a recording of each difference's shortest word"
    )
    diff = what.add_parser("diff", help="what the second machine does differently", parents=shared)
    diff.add_argument("old", type=Path, metavar="OLD.json", help="the first machine")
    diff.add_argument("new", type=Path, metavar="NEW.json", help="the second machine")
    for name in ("dot", "mermaid", "svg"):
        diff.add_argument(f"--{name}", type=Path, metavar="FILE", help=f"draw it as {name}, up to 15 states")
    for one in (check, diff):
        one.add_argument(
            "--tests", type=Path, metavar="FILE.py", help="write a test of each difference's shortest word"
        )
        one.add_argument("--json", action="store_true", help="one JSON object instead of text")
        add_force(one)
    diff.add_argument("--profile", default="", metavar="NAME", help="the profile that the written tests play")
    cover = what.add_parser("cover", help="which transitions recordings use", parents=shared)
    cover.add_argument("machine", type=Path, metavar="FILE.json", help="the machine")
    cover.add_argument("recordings", nargs="+", type=Path, metavar="RECORDING", help="captures of any readable format")
    cover.add_argument("--letters", default="", metavar="ALPHABET", help="its alphabet, where it is a .toml file")
    cover.add_argument(
        "--words", type=parse_positive, default=10, metavar="N", help="words that would use more (default: %(default)s)"
    )
    cover.add_argument("--json", action="store_true", help="one JSON object instead of text")


def _add_system(parser: argparse.ArgumentParser) -> None:
    from lensmount_emulator.cli.options import add_allow, parse_positive

    where = parser.add_mutually_exclusive_group()
    where.add_argument("--profile", default="", metavar="NAME", help="a profile, on the virtual mount")
    where.add_argument("--firmware", default="", metavar="LIB", help="a firmware in C, on the virtual mount")
    where.add_argument("--port", default="", metavar="SPEC", help="a device on a port that carries its supply")
    parser.add_argument(
        "--dialect", default="", help="the dialect (default: of the profile or the machine, else emount)"
    )
    parser.add_argument("--cache", type=Path, metavar="FILE", help="answers so far; a run goes on with the same file")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of jitter and walks (default: %(default)s)")
    parser.add_argument(
        "--repeats", type=parse_positive, default=3, metavar="N", help="answers to a clash (default: %(default)s)"
    )
    add_allow(parser)


def run(arguments: argparse.Namespace) -> int:
    """Do it; 0, or 1 where something differs or nothing was covered."""
    return {"lens": _learn, "body": _learn, "check": _check, "diff": _diff, "cover": _cover}[arguments.what](arguments)


def _profile(arguments: argparse.Namespace, role: str) -> "Profile | None":
    from lensmount_emulator.engine.dialect_roles import Place
    from lensmount_emulator.profiles.library import firmware_profile, load_profile

    if arguments.firmware:
        return firmware_profile(arguments.firmware, Place(role))
    return load_profile(arguments.profile) if arguments.profile else None


def _alphabet(name: str, dialect: str, role: str) -> "Alphabet":
    """The alphabet of that name, or the first one of the dialect that learns this end."""
    from lensmount_emulator.learn.alphabet import list_alphabets, load_alphabet
    from lensmount_protocol.errors import ProfileError

    if name:
        return load_alphabet(name, dialect)
    for known in list_alphabets(dialect):
        alphabet = load_alphabet(known, dialect)
        if alphabet.role.value == role:
            return alphabet
    raise ProfileError(f"{dialect} has no alphabet that learns a {role}; name a .toml file with --letters")


@contextmanager
def _system(
    arguments: argparse.Namespace, alphabet: "Alphabet", profile: "Profile | None"
) -> "Generator[LearnedSystem]":
    from lensmount_emulator.cli.options import UsageError
    from lensmount_emulator.cli.ports import open_port
    from lensmount_emulator.learn.port_system import PortSystem
    from lensmount_emulator.learn.system import VirtualSystem
    from lensmount_hardware.clock import MonotonicClock

    if profile is not None:
        system = VirtualSystem(alphabet, profile, arguments.seed)
        try:
            yield system
        finally:
            system.close()
        return
    if not arguments.port:
        raise UsageError("name what to ask: --profile NAME, --firmware LIB or --port SPEC")
    with open_port(arguments.port, alphabet.role.peer, alphabet.dialect) as port:
        device = PortSystem(alphabet, port, MonotonicClock(), allowed=arguments.allow)
        try:
            yield device
            device.require_device()
        finally:
            device.close()


@contextmanager
def _queries(arguments: argparse.Namespace, alphabet: "Alphabet", system: "LearnedSystem") -> "Generator[Queries]":
    from lensmount_emulator.learn.queries import Queries, QueryCache
    from lensmount_emulator.reports.console import count_progress

    cache = QueryCache(arguments.cache, alphabet.digest, system.name)
    try:
        with count_progress("words", shown=not arguments.quiet) as update:
            most = max(1, getattr(arguments, "planned", 0))
            yield Queries(system, cache, arguments.repeats, lambda count: update(count, max(count, most)))
    finally:
        cache.close()


def _learn(arguments: argparse.Namespace) -> int:
    from lensmount_emulator.learn.learner import WALK_LETTERS, WALKS_PER_STATE, estimate, learn
    from lensmount_emulator.reports.printable import report
    from lensmount_hardware.output_file import check_output, write_output

    profile = _profile(arguments, arguments.what)
    dialect = arguments.dialect or (profile.dialect if profile is not None else "emount")
    alphabet = _alphabet(arguments.letters, dialect, arguments.what)
    if arguments.output is not None:
        check_output(arguments.output, overwrite=arguments.force)
    resets, seconds = estimate(alphabet)
    arguments.planned = resets
    if not arguments.quiet:
        moving = [letter.name for letter in alphabet.letters if letter.moves]
        motors = f"; {', '.join(moving)} drive motors" if moving else ""
        print(
            f"alphabet {alphabet.name}, {len(alphabet.letters)} letters; on a device about {resets} power cycles and "
            f"{seconds / 3600:.1f} h{motors}",
            file=sys.stderr,
        )
    with _system(arguments, alphabet, profile) as system, _queries(arguments, alphabet, system) as queries:
        machine = learn(
            alphabet,
            system,
            queries,
            seed=arguments.seed,
            walks=arguments.walks or WALKS_PER_STATE,
            walk_letters=arguments.walk_letters or WALK_LETTERS,
        )
    if machine.is_silent:
        report(f"{machine.name}: no letter of {alphabet.name} has an output, so nothing was learned or written")
        return 1
    if arguments.output is not None:
        write_output(arguments.output, machine.to_json().encode(), overwrite=arguments.force)
    else:
        print(machine.to_json(), end="")
    effort = machine.effort
    print(
        f"{machine.name}: {machine.states} states, {len(machine.letters)} letters; {effort['resets']} resets, "
        f"{effort['device_s'] / 60:.0f} min on a device",
        file=sys.stderr if arguments.output is None else sys.stdout,
    )
    return 0


def _check(arguments: argparse.Namespace) -> int:
    from lensmount_emulator.learn.compare import check_words, transition_cover, wp_method
    from lensmount_emulator.learn.machine import read_machine
    from lensmount_emulator.reports.learned_machines import check_to_junit, to_tests
    from lensmount_hardware.output_file import check_output, write_output
    from lensmount_protocol.errors import ProfileError

    machine = read_machine(arguments.machine)
    alphabet = _alphabet(arguments.letters or machine.alphabet, machine.dialect, machine.role)
    if alphabet.digest != machine.digest:
        raise ProfileError(f"{arguments.machine} was learned with another version of {alphabet.name}; learn it again")
    if foreign := sorted(set(machine.letters) - {letter.name for letter in alphabet.letters}):
        raise ProfileError(f"{arguments.machine}: letter {foreign[0]!r} is not in the alphabet {alphabet.name}")
    for target in (arguments.junit, arguments.tests):
        if target is not None:
            check_output(target, overwrite=arguments.force, inputs=[arguments.machine])
    profile = _profile(arguments, machine.role)
    words = wp_method(machine) if arguments.thorough else transition_cover(machine)
    arguments.planned = len(words)
    with _system(arguments, alphabet, profile) as system, _queries(arguments, alphabet, system) as queries:
        result = check_words(machine, queries, words)
        name = system.name
        effort = {"resets": system.resets, "device_s": round(system.device_s, 1)}
        if arguments.record is not None:
            _record(arguments, alphabet, profile, result)
    if arguments.junit is not None:
        write_output(arguments.junit, check_to_junit(machine, name, result).encode(), overwrite=arguments.force)
    if arguments.tests is not None:
        text = to_tests(machine, result.differences, arguments.profile, arguments.letters or machine.alphabet)
        write_output(arguments.tests, text.encode(), overwrite=arguments.force)
    _print_differences(arguments, result.differences, {"words": result.words, "letters": result.letters, **effort})
    return 1 if result.differences or not result.words else 0


def _record(
    arguments: argparse.Namespace, alphabet: "Alphabet", profile: "Profile | None", result: "CheckResult"
) -> None:
    """Play each difference's shortest word once more, and write its recording."""
    from lensmount_emulator.cli.options import UsageError
    from lensmount_emulator.learn.system import VirtualSystem

    if profile is None:
        raise UsageError("--record writes recordings of a profile or a firmware; a port has `lensmount record`")
    arguments.record.mkdir(parents=True, exist_ok=True)
    system = VirtualSystem(alphabet, profile, arguments.seed)
    for number, one in enumerate(result.differences, 1):
        system.reset()
        for letter in one.word:
            system.play(letter)
        path = arguments.record / f"difference-{number:03}.lmx"
        system.save(path, " ".join(one.word), overwrite=arguments.force)


def _diff(arguments: argparse.Namespace) -> int:
    from lensmount_emulator.cli.options import UsageError
    from lensmount_emulator.learn.compare import diff_machines
    from lensmount_emulator.learn.draw import to_dot, to_mermaid, to_svg
    from lensmount_emulator.learn.machine import read_machine
    from lensmount_emulator.reports.learned_machines import to_tests
    from lensmount_hardware.output_file import write_output

    old, new = read_machine(arguments.old), read_machine(arguments.new)
    found = diff_machines(old, new)
    inputs = [arguments.old, arguments.new]
    for target, draw in ((arguments.dot, to_dot), (arguments.mermaid, to_mermaid), (arguments.svg, to_svg)):
        if target is not None:
            write_output(target, draw(old, found).encode(), overwrite=arguments.force, inputs=inputs)
    if arguments.tests is not None:
        name = arguments.profile or old.name.removeprefix("profile ")
        if not old.name.startswith("profile ") and not arguments.profile:
            raise UsageError(
                f"{arguments.old} was learned from {old.name}; name the profile of the tests with --profile"
            )
        write_output(
            arguments.tests, to_tests(old, found, name, old.alphabet).encode(), overwrite=arguments.force, inputs=inputs
        )
    sizes: dict[str, Any] = {"old_states": old.states, "new_states": new.states}
    missing = sorted(set(old.letters) ^ set(new.letters))
    if missing:
        sizes["letters_of_one"] = missing
    _print_differences(arguments, found, sizes)
    return 1 if found or missing else 0


def _print_differences(arguments: argparse.Namespace, found: "Sequence[Difference]", counts: dict[str, Any]) -> None:
    if arguments.json:
        rows = [
            {"letter": d.letter, "expected": d.expected, "found": d.found, "word": list(d.word), "count": d.count}
            for d in found
        ]
        print(json.dumps({**counts, "differences": rows}))
        return
    for one in found[:MAX_SHOWN]:
        after = " ".join(one.word[:-1]) or "start"
        print(f"{one.letter}: - {one.expected}  + {one.found}   ({one.count}x)  after: {after}")
    if len(found) > MAX_SHOWN:
        print(f"and {len(found) - MAX_SHOWN} more; --json has all")
    texts = ", ".join(f"{value} {name.replace('_', ' ')}" for name, value in counts.items())
    print(f"{len(found)} differences; {texts}" if found else f"no difference; {texts}")


def _cover(arguments: argparse.Namespace) -> int:
    from lensmount_emulator.cli.options import UsageError
    from lensmount_emulator.learn.cover import measure_cover
    from lensmount_emulator.learn.machine import read_machine
    from lensmount_emulator.reports.printable import report
    from lensmount_hardware.captures.declared_dialect import declared_dialect
    from lensmount_hardware.captures.formats import open_capture

    machine: Machine = read_machine(arguments.machine)
    alphabet = _alphabet(arguments.letters or machine.alphabet, machine.dialect, machine.role)
    for path in arguments.recordings:
        if (declared := declared_dialect(path)) not in (None, machine.dialect):
            raise UsageError(
                f"{path}: declares the dialect {declared}, and {arguments.machine} is a machine of {machine.dialect}"
            )
    recordings = [open_capture(path, alphabet.dialect.wiring).records for path in arguments.recordings]
    cover = measure_cover(machine, alphabet, recordings, arguments.words)
    if arguments.json:
        print(
            json.dumps(
                {
                    "used": len(cover.used),
                    "transitions": cover.total,
                    "letters": cover.letters,
                    "passed_over": cover.passed_over,
                    "words": [list(word) for word in cover.words],
                    "gaps": list(cover.gaps),
                }
            )
        )
    else:
        print(f"{len(cover.used)} of {cover.total} transitions used by {cover.letters} letters")
        if cover.passed_over:
            print(f"{cover.passed_over} frames are no letter of {alphabet.name}, and were passed over")
        if cover.words:
            print("words that would use more:")
            for word in cover.words:
                print(f"  {' '.join(word)}")
    for gap in cover.gaps[:MAX_SHOWN]:
        report(f"incomplete: {gap}")
    return 0 if cover.letters and not cover.gaps else 1
