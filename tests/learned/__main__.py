"""Hold every committed machine against its engine: `python -m learned`; `--write` learns and writes them.

`--planted` plants changes of behaviour in each dialect and counts those that the words of a machine find.
"""

import argparse
import resource
import sys

from learned.families import FAMILIES, Family, check
from learned.planted import count_found
from lensmount_emulator.learn.learner import learn
from lensmount_emulator.learn.queries import Queries, QueryCache
from lensmount_emulator.learn.system import VirtualSystem
from lensmount_emulator.profiles.library import load_profile
from lensmount_hardware.clock import MonotonicClock


def write(family: Family) -> None:
    alphabet = family.letters()
    system = VirtualSystem(alphabet, load_profile(family.profile), 1)
    machine = learn(alphabet, system, Queries(system, QueryCache(None, alphabet.digest, system.name)))
    family.path.write_text(machine.to_json())
    print(f"{family.path.name}: {machine.states} states, {machine.effort['resets']} resets")


def seeds(count: int) -> int:
    """Learn an SEL55210 with so many seeds of jitter; 1 where a figure is missed."""
    family = next(one for one in FAMILIES if one.profile == "sel55210")
    alphabet, expected, missed = family.letters(), family.machine(), False
    for seed in range(count):
        system = VirtualSystem(alphabet, load_profile(family.profile), seed)
        began = cpu_seconds()
        machine = learn(alphabet, system, Queries(system, QueryCache(None, alphabet.digest, system.name)))
        took, equal = cpu_seconds() - began, machine.is_equal(expected)
        missed |= machine.states != 11 or system.resets > 1000 or took > 20 or not equal
        print(f"seed {seed}: {machine.states} states, {system.resets} resets, {took:.1f} s CPU, equal: {equal}")
    return int(missed)


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m learned", description=__doc__)
    parser.add_argument("--write", action="store_true", help="learn the machines and write them")
    parser.add_argument("--cover", action="store_true", help="the transition cover, in place of the Wp-method")
    parser.add_argument("--figures", action="store_true", help="learn an SEL55210 with five seeds, and count plants")
    parser.add_argument("--planted", action="store_true", help="count the planted changes that are found")
    arguments = parser.parse_args()
    clock = MonotonicClock()
    if arguments.planted:
        return count_found()
    if arguments.figures:
        return seeds(5) | count_found()
    wrong = 0
    for family in FAMILIES:
        if arguments.write:
            write(family)
            continue
        result = check(family, thorough=not arguments.cover)
        wrong += len(result.differences)
        print(f"{family.path.stem}: {result.words} words, {len(result.differences)} differences")
        for one in result.differences:
            print(f"  {' '.join(one.word)}: - {one.expected} + {one.found}")
    print(f"{len(FAMILIES)} machines, {wrong} differences, {clock.now():.0f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
