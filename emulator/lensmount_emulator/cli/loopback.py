"""A body and a lens meet on a virtual mount, in virtual time; the session is printed, measured, and recorded if asked.

A script holds verbs separated by `;`. On an E-mount: `focus 0x3F50`, `focus +200`, `stop`, `aperture f/5.6`,
`wait 0.5`, `frame 30`, `sleep`, `wake`. On the open L-Mount model also: `focus 2m`, `focus near`, `autofocus`,
`limits 100 900`, `ramp-aperture f/8 1s`, `preview f/11`, `open-aperture`, `stabilise panning`, `ring-throw 180`,
`fetch-corrections`, `expose 1/60`, `rate 120`, `track-focus 0.5`, `extension fast focus`, `check all`, `update FILE`,
`rollback`; and by operating the virtual lens: `zoom 70`, `turn focus 30`, `press afl`, `switch af 1`, `ring f/4`,
`detach 0.2`. Other dialects have verbs of their own: an unknown verb is refused with a list of the known ones.
"""

import argparse
import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lensmount_emulator.sessions.loopback import LoopbackResult

from lensmount_protocol.wire import WireRecord


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `lensmount loopback`."""
    from lensmount_emulator.cli.options import add_allow, add_firmware, add_force, add_open, parse_duration
    from lensmount_emulator.cli.parser import one_of

    parser.add_argument("--body", metavar="NAME", help="body profile (default: the usual one for the lens, or a6000)")
    parser.add_argument(
        "--lens", "--profile", metavar="NAME", help="lens profile (default: the usual one for the body, or sel55210)"
    )
    parser.add_argument("--dialect", help="the dialect (default: that of --body or --lens, else emount)")
    add_firmware(parser, adapter=True)
    parser.add_argument(
        "--accessory",
        dest="accessories",
        action="append",
        default=[],
        metavar="NAME",
        help="accessory profile that stands between them; again for the next one, from the body on",
    )
    parser.add_argument(
        "--script",
        default="",
        metavar="SCRIPT",
        help='such as "focus 0x3EEF; aperture f/5.6; sleep"',
    )
    parser.add_argument(
        "--duration", type=parse_duration, metavar="SECONDS", help="virtual time; default: until the script is done"
    )
    parser.add_argument("--seed", type=int, help="jitter of reaction times; the same seed gives the same recording")
    parser.add_argument(
        "--resolution",
        **one_of("resolution", ("frame", "byte")),
        default="frame",
        help="deliver frames, or every byte by itself: the same session, slower (default: %(default)s)",
    )
    add_allow(parser)
    parser.add_argument(
        "--fault",
        dest="faults",
        action="append",
        default=[],
        metavar="FAULT",
        help="what goes wrong, such as 'bitflip rate=1e-4' or 'detach at=1.2s for=30ms'; may be given again; its "
        "chance comes from --seed",
    )
    parser.add_argument(
        "--rules", metavar="FILE", help="a .toml file of rules that change, drop, delay or add messages on their way"
    )
    parser.add_argument(
        "--order",
        dest="orders",
        action="append",
        default=[],
        metavar="ORDER",
        help="what is done at a virtual time in seconds: '0.5 script focus +200', '0.8 operate zoom 70', "
        "'1.2 fault drop rate=0.1', '2 detach' or '2.5 attach'; may be given again",
    )
    parser.add_argument("--record", metavar="FILE", help="write every byte and edge to this .lmx file")
    add_force(parser)
    add_open(parser)
    parser.add_argument("--every-frame", action="store_true", help="print each frame of the loop")
    parser.add_argument("--json", action="store_true", help="one JSON object an event, nothing else")
    parser.add_argument(
        "--demo", action="store_true", help="the main job: handshake to sleep, with a short introduction"
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the session and print it; return 0 where nothing was found wanting, else 1."""
    import contextlib
    from pathlib import Path

    from lensmount_emulator.cli.options import named_files, take_firmware
    from lensmount_emulator.engine.dialect_roles import get_roles
    from lensmount_emulator.sessions.loopback import run_loopback, validate_loopback
    from lensmount_emulator.sessions.virtual.participants import default_pair, session_header
    from lensmount_emulator.sessions.virtual.steering import parse_orders
    from lensmount_hardware.captures.lmx import RecordingWriter

    take_firmware(arguments)
    body, lens = default_pair(arguments.body, arguments.lens, arguments.dialect)
    script = arguments.script
    if arguments.demo and not script:
        script = get_roles(body.dialect).demo_script
    if arguments.rules:
        from lensmount_emulator.faults.rule import load_rules

        arguments.faults = [*arguments.faults, *load_rules(Path(arguments.rules))]
    plan = validate_loopback(body, lens, arguments.accessories, script, arguments.faults, arguments.orders)
    with contextlib.ExitStack() as stack:
        tap: Callable[[WireRecord], None] | None = None
        if arguments.record:
            header = session_header(
                body.dialect,
                arguments.body or body.name,
                arguments.lens or lens.name,
                script,
                arguments.seed,
                accessories=arguments.accessories,
                faults=plan.texts() if plan else (),
                orders=[str(order) for order in parse_orders(arguments.orders)],
                duration=arguments.duration,
                allowed=arguments.allow,
            )
            inputs = named_files(arguments.body, arguments.lens, arguments.rules, *arguments.accessories)
            writer = RecordingWriter(Path(arguments.record), header, overwrite=arguments.force, inputs=inputs)
            tap = stack.enter_context(writer).write
        session = run_loopback(
            body,
            lens,
            accessories=arguments.accessories,
            script=script,
            seconds=arguments.duration,
            seed=arguments.seed,
            tap=tap,
            resolution=arguments.resolution,
            allowed=arguments.allow,
            faults=arguments.faults,
            orders=arguments.orders,
        )
    _print_events(session, arguments)
    if arguments.opens:
        from lensmount_emulator.cli.page import open_page

        open_page(session)
    return 0 if session.clean else 1


def _print_events(session: "object", arguments: argparse.Namespace) -> None:
    from lensmount_emulator.reports.console import make_console
    from lensmount_emulator.reports.event_json import event_to_dict
    from lensmount_emulator.reports.event_text import narrate
    from lensmount_emulator.reports.explanation import print_failure
    from lensmount_emulator.reports.printable import line_writer, write_line
    from lensmount_emulator.reports.terminal import print_session
    from lensmount_emulator.sessions.explain_capture import explain_session
    from lensmount_emulator.sessions.loopback import LoopbackResult

    assert isinstance(session, LoopbackResult)
    if arguments.json:
        for event in session.events:
            print(json.dumps(event_to_dict(event, session.dialect), separators=(",", ":")))
        return
    if arguments.demo:
        write_line(
            sys.stdout, f"{session.body.title} meets {_header_line(session)} on a virtual {session.dialect.name} mount."
        )
        write_line(sys.stdout, session.dialect.notice)
        print("Times are milliseconds of virtual time since the supply came on.\n")
    if not arguments.quiet:
        write = line_writer(sys.stdout)
        for line in narrate(
            session.events, session.notices, session.dialect.routine, every_frame=arguments.every_frame
        ):
            write(line)
        print()
    print_session(make_console(sys.stdout), session)
    if not session.clean:
        print_failure(sys.stdout, explain_session(session), quiet=arguments.quiet)


def _header_line(session: "LoopbackResult") -> str:
    return " with ".join([session.lens.title, *(profile.title for profile in reversed(session.accessories))])
