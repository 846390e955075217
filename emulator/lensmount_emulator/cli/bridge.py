"""Join two ports: what comes at one goes out at the other, bytes and the lines that both carry.

PORT is where the body is, or a program in its place; PORT2 is where the lens is. The rate follows the link at both
ports. A relay guards nothing: whatever a program sends, firmware updates too, reaches the lens. What a rule of --rules
changes or adds passes the send guard; where the guard holds it back, the frame goes on as it came. For this the frames
that a rule may be about are stored, whatever the way of the rule.
"""

import argparse
import sys
from collections.abc import Callable
from threading import Event, Thread

from lensmount_protocol.wire import WireRecord


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `lensmount bridge`."""
    from lensmount_emulator.cli.options import add_allow_silence, add_force, parse_duration

    parser.add_argument("port", metavar="PORT", help="where the body is")
    parser.add_argument("port2", metavar="PORT2", help="where the lens is")
    parser.add_argument("--dialect", default="emount", help="dialect of the devices there (default: %(default)s)")
    parser.add_argument("--baudrate", type=int, help="stay at this rate")
    parser.add_argument("--duration", type=parse_duration, metavar="SECONDS", help="default: until Ctrl-C")
    parser.add_argument("--record", metavar="FILE", help="write every byte and edge to this .lmx file")
    add_force(parser)
    parser.add_argument("--summary", action="store_true", help="print a summary of what passes, an event a line")
    parser.add_argument(
        "--rules",
        metavar="FILE",
        help="a .toml file of rules that change, drop, delay, hold or add messages on their way",
    )
    parser.add_argument(
        "--hold",
        type=parse_duration,
        metavar="SECONDS",
        help="hold frames so long at a breakpoint (default: what the timing contract allows); Enter lets them go on",
    )
    parser.add_argument("--every-frame", action="store_true", help="print each frame of the loop")
    add_allow_silence(parser)


def run(arguments: argparse.Namespace) -> int:
    """Relay until the time is over or the user stops it; return the exit code."""
    from pathlib import Path

    from lensmount_emulator.cli.listen_console import RecordCounter, event_printer, report_shortfalls, tee
    from lensmount_emulator.cli.ports import open_port, require_distinct
    from lensmount_emulator.faults.registry import parse_plan
    from lensmount_emulator.faults.rule import Rule, load_rules, relay_rules
    from lensmount_emulator.reports.terminal import format_hits
    from lensmount_emulator.sessions.bridge import PortBridge, bridge_once
    from lensmount_emulator.sessions.listener import Listener
    from lensmount_emulator.sessions.verdict import evaluate_listening
    from lensmount_emulator.termination import OrderlyStack, shielded
    from lensmount_hardware.captures.lmx import RecordingWriter
    from lensmount_hardware.clock import MonotonicClock
    from lensmount_hardware.output_file import check_output
    from lensmount_hardware.transport import as_timed
    from lensmount_protocol.dialect import load_dialect
    from lensmount_protocol.wire import Role

    dialect = load_dialect(arguments.dialect)
    specs = {Role.BODY: arguments.port, Role.LENS: arguments.port2}
    require_distinct(specs.values())
    plan = parse_plan(load_rules(Path(arguments.rules)) if arguments.rules else (), 0)
    plan.check(dialect)
    rules = [fault for fault in plan.reset_copy() if isinstance(fault, Rule)]
    relay_rules(dialect, rules, stores=True)
    if arguments.record:
        check_output(Path(arguments.record), overwrite=arguments.force)
    with OrderlyStack() as stack:
        # Where the body is we stand in for the lens, and the other way round.
        ports = {
            sender: stack.enter_context(open_port(spec, sender.peer, dialect, arguments.baudrate))
            for sender, spec in specs.items()
        }
        count = RecordCounter()
        tap: Callable[[WireRecord], None] = count
        if arguments.record:
            header = {"dialect": dialect.name, "bridge": {role.value: spec for role, spec in specs.items()}}
            writer = RecordingWriter(Path(arguments.record), header, overwrite=arguments.force)
            tap = tee(count, stack.enter_context(writer).write)
        print_event = (
            event_printer(dialect, "summary", arguments.every_frame, sys.stdout)
            if arguments.summary and not arguments.quiet
            else None
        )
        # Where both ports keep time, edges and bytes come in their order, so that a select line ends a frame.
        windows = all(as_timed(port) is not None for port in ports.values())
        listener = Listener(dialect, tap, print_event, arguments.baudrate, keeps_windows=windows)
        relay = PortBridge(listener, ports[Role.BODY].lines & ports[Role.LENS].lines)
        if rules:
            relay.use_rules(rules)
            relay.hold_s, relay.report = arguments.hold, lambda text: print(text, file=sys.stderr)
        released = _watch_enter() if any(rule.do == "hold" for rule in rules) else Event()
        carried = ", ".join(sorted(relay.carried)) or "none"
        clock = MonotonicClock()
        try:
            if not arguments.quiet:
                places = f"body on {ports[Role.BODY].name}, lens on {ports[Role.LENS].name}"
                print(f"{places}; lines: {carried}", file=sys.stderr)
                for note in (note for port in ports.values() for note in port.notes):
                    print(f"note: {note}", file=sys.stderr)
            if rules:
                print(f"{len(rules)} rules of {arguments.rules}", file=sys.stderr)
            print("note: a bridge guards nothing: what one side sends, firmware updates too, reaches the other",
                  file=sys.stderr)  # fmt: skip
            with shielded() as stopped:
                while not stopped() and (arguments.duration is None or clock.now() < arguments.duration):
                    bridge_once(relay, ports, clock)
                    if released.is_set():
                        released.clear()
                        relay.release(clock.now())
        finally:
            relay.clear(clock.now(), "the bridge ends")
            relay.write_notes(clock.now())
            listener.finish()
            print(f"passed on {count.summary()}", file=sys.stderr)
            for rule in (rule for rule in rules if rule.on):
                print(f"rule on {rule.on}: applied to {format_hits(rule.applied_count)}", file=sys.stderr)
            ends = [count.traffic(role, listener.frames) for role in Role]
            lacks = evaluate_listening(
                ends, dialect.name, clock.now(), lost=count.lost, may_be_silent=arguments.allow_silence
            )
            code = report_shortfalls(lacks, sys.stderr)
    return code


def _watch_enter() -> Event:
    """Return an event that each line of the standard input sets.

    A read of the standard input cannot be given up, so it is in a thread that ends with the process.
    """
    pressed = Event()

    def watch() -> None:
        while sys.stdin.readline():
            pressed.set()

    Thread(target=watch, name="enter", daemon=True).start()
    return pressed
