"""What `lensmount replay` and `lensmount fuzz replay` have in common: a story from a file, played once more."""

import argparse
import contextlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lensmount_emulator.fuzz.device.findings import Whose
    from lensmount_emulator.fuzz.stage import Outcome
    from lensmount_emulator.fuzz.story import Story


def add_story_options(parser: argparse.ArgumentParser) -> None:
    """How a story is played."""
    from lensmount_emulator.cli.fuzz_device import add_limits
    from lensmount_emulator.cli.words import count

    parser.add_argument("--test", action="store_true", help="print it as a pytest test, and do not play it")
    parser.add_argument("--repeats", type=count, default=1, help="tries on a device (default: %(default)s)")
    parser.add_argument("--power-cycle", metavar="COMMAND", help="takes the device's power and gives it again")
    parser.add_argument("--power-cycles", type=count, default=100, metavar="N", help=argparse.SUPPRESS)
    parser.add_argument("--ask", action="store_true", help="ask a person to bring the device back")
    parser.add_argument("--any-device", action="store_true", help="also where the device is another one")
    add_limits(parser)


def holds_story(path: Path) -> bool:
    """Whether a file is a recording with a story in its header; of any other, whoever reads it says more."""
    from lensmount_hardware.captures.recording import header_of
    from lensmount_protocol.errors import CaptureError

    try:
        return "story" in header_of(path)
    except CaptureError:
        return False


def replay_story(arguments: argparse.Namespace) -> int:
    """Play the story in a file, on the device at a port where there is one; 1 where something breaks."""
    from lensmount_emulator.fuzz.stage import play_story
    from lensmount_emulator.fuzz.story import as_test, read_story
    from lensmount_hardware.captures.recording import header_of
    from lensmount_protocol.errors import FaultError, ProfileError, ScriptError

    story = read_story(Path(arguments.file))
    if arguments.test:
        print(as_test(story, Path(arguments.file).stem), end="")
        return 0
    if arguments.port is not None or "device" in header_of(Path(arguments.file)):
        return _replay_on_device(arguments)
    try:
        outcome = play_story(story)
    except (FaultError, ProfileError, ScriptError) as error:
        # A player, a fault or a step that nobody knows here.
        raise type(error)(f"{arguments.file}: {error}") from error
    if arguments.json:
        broken = [{"invariant": c.invariant, "at": round(c.at, 6), "text": c.text} for c in outcome.complaints]
        print(json.dumps({"steps": outcome.steps, "broke": story.breaks, "broken": broken}))
    else:
        for step in () if arguments.quiet else story.steps:
            print(f"  {step}")
        tell_outcome(outcome)
    return 1 if outcome.complaints else 0


def _replay_on_device(arguments: argparse.Namespace) -> int:
    """Play a finding on the device at a port, or on its twin; 1 where it breaks, or was not played in full."""
    from lensmount_emulator.cli.fuzz_device import triers
    from lensmount_emulator.cli.ports import open_port
    from lensmount_emulator.fuzz.device.findings import read_finding, steps_in
    from lensmount_emulator.fuzz.device.health import Limits
    from lensmount_emulator.fuzz.device.setup import make_setup
    from lensmount_emulator.fuzz.device.trying import BROKEN, UNKNOWN, twin_of
    from lensmount_protocol.errors import FaultError, TransportError
    from lensmount_protocol.wire import Role

    story, whose = read_finding(Path(arguments.file))
    device = Role(whose.role)
    ours, twin = (story.body, story.lens) if device is Role.LENS else (story.lens, story.body)
    setup = make_setup(story.dialect, device, ours, twin, story.seed)
    with contextlib.ExitStack() as stack:
        if arguments.port is None:
            limits = Limits(arguments.answer, arguments.greeting)
            trier = twin_of(setup, frozenset(whose.lines), limits, armed=(*whose.armed, *arguments.arm))
        else:
            port = stack.enter_context(open_port(arguments.port, setup.role, setup.dialect))
            trier, _ = triers(arguments, setup, port, lambda _record: None)
        where = trier.link.port.name
        counts = dict[str, int]()
        if arguments.port is not None and not arguments.any_device and trier.fresh():
            # Before anything of it is sent.
            identity = trier.link.identity
            if whose.identity and identity and identity != whose.identity:
                raise FaultError(f"{arguments.file}: it is about {whose.identity}; at {where} there is {identity}; "
                                 "--any-device plays it all the same")  # fmt: skip
        for _ in range(max(1, arguments.repeats)):
            came = trier.once(steps_in(story))
            if came == UNKNOWN:
                break
            counts[came] = counts.get(came, 0) + 1
        if not counts:
            raise TransportError(f"{where}: the {device.value} does not come to a session; nothing was played")
    held = dict(trier.link.gate.refused)
    broke = sum(count for came, count in counts.items() if came in BROKEN)
    if held and not broke:
        print(f"lensmount: {arguments.file}: {sum(held.values())} sends were held back, so the story was not played in "
              "full; --arm lets them pass", file=sys.stderr)  # fmt: skip
    if arguments.json:
        print(json.dumps({"kind": whose.kind, "found": whose.repeats, "came": counts, "broke": broke,
                          "held back": held, "armed then": whose.armed}))  # fmt: skip
    else:
        _tell_device(story, whose, counts)
        for what, count in held.items():
            print(f"    {count}x held back: {what}")
        if held and whose.armed:
            print(f"    it was found with {' '.join(f'--arm {name}' for name in whose.armed)}")
    return 1 if broke or held else 0


def _tell_device(story: "Story", whose: "Whose", counts: Mapping[str, int]) -> None:
    for step in story.steps:
        print(f"  {step}")
    print(f"it was found: {whose.kind}; {whose.repeats}")
    for came, count in counts.items():
        print(f"    {count}x {came}")


def tell_outcome(outcome: "Outcome") -> None:
    """What a story came to."""
    story = outcome.story
    print(f"{story.dialect}, {story.body} and {story.lens}, {len(story.steps)} steps, script '{story.script}':")
    for complaint in outcome.complaints[:3] or ():
        print(f"    {complaint.at:.6f} s, {complaint.invariant}: {complaint.text}")
    if not outcome.complaints:
        print("    nothing is broken")
