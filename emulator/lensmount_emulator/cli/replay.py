"""Play a file once more: a scenario that broke something, a virtual session, or one end of any capture.

A scenario, which `fuzz` and `campaign` write, is played step by step; with --port one that broke a device is played on
the device that is there, and else on its twin. A recording of a virtual session is run again from its header,
and every byte is compared. With --port and --role: what that end did in the capture is done again, in its own
time, or with --sync each step when the peer has done its own.

Messages that can leave a device dead, unknown ones, and bytes that are no frame are refused unless --allow names them:
--allow 'Update*', --allow 0x7f, --allow garbage.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `lensmount replay`."""
    from lensmount_emulator.cli.fuzz_files import add_scenario_options
    from lensmount_emulator.cli.options import add_force, add_samplerate
    from lensmount_emulator.cli.parser import one_of

    parser.add_argument("file", metavar="FILE", help="a scenario or a recording, or with --port and --role any capture")
    parser.add_argument("--port", metavar="SPEC", help="where the peer is, or the device that a scenario broke")
    end = parser.add_argument_group("to play one end of a capture")
    end.add_argument("--role", **one_of("end", ("lens", "body")), help="the end that is played")
    end.add_argument("--sync", action="store_true", help="wait for the peer's frames and edges at each step")
    end.add_argument(
        "--timeout",
        type=float,
        default=2.0,
        metavar="SECONDS",
        help="how long to wait for a step of the peer (default: %(default)g)",
    )
    end.add_argument("--dialect", help="the dialect (default: the one that the recording declares, else emount)")
    end.add_argument("--channel", action="append", default=[], metavar="LINE=PROBE", help="as in `lensmount decode`")
    add_samplerate(parser)
    end.add_argument("--record", metavar="FILE", help="write every byte and edge to this .lmx file")
    end.add_argument(
        "--spin",
        type=float,
        default=120.0,
        metavar="MICROSECONDS",
        help="watch the clock this long before each deadline instead of sleeping; 0 sleeps (default: %(default)g)",
    )
    end.add_argument("--every-frame", action="store_true", help="print each frame of the loop")
    add_force(parser)
    add_scenario_options(parser)
    parser.add_argument(
        "--allow", action="append", default=[], metavar="MESSAGE", help="let out what is refused; may be given again"
    )
    parser.add_argument("--json", action="store_true", help="the result as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Replay; 1 where something is broken, came out differently, or the peer did not do its part."""
    from lensmount_emulator.cli.fuzz_files import contains_scenario, replay_scenario_file
    from lensmount_emulator.cli.options import UsageError
    from lensmount_protocol.errors import TransportSpecError

    path = Path(arguments.file)
    if arguments.role is None and (arguments.test or contains_scenario(path)):
        if arguments.sync or arguments.record:
            raise UsageError("--sync and --record are for one end of a capture; choose it with --role body or lens")
        return replay_scenario_file(arguments)
    if arguments.port is None and arguments.role is None:
        return _repeat(path, as_json=arguments.json)
    if arguments.port is None or arguments.role is None:
        raise TransportSpecError("to play one end of a capture, give both --port SPEC and --role body or lens")
    return _play(path, arguments)


def _repeat(path: Path, *, as_json: bool) -> int:
    from lensmount_emulator.reports.printable import one_line
    from lensmount_emulator.sessions.reproduce import rerun_recording

    came = rerun_recording(path)
    if as_json:
        print(json.dumps({"identical": came.identical, **asdict(came)}))
        return 0 if came.identical else 1
    if came.identical:
        print(f"{one_line(path)}: identical, {came.size} bytes")
        return 0
    print(f"{one_line(path)}: line {came.line} came out differently")
    print(f"  recorded  {one_line(came.recorded) or 'nothing: the recording ends here'}")
    print(f"  repeated  {one_line(came.repeated) or 'nothing: the session ends here'}")
    return 1


def _play(path: Path, arguments: argparse.Namespace) -> int:
    from lensmount_emulator.cli.live_console import LiveConsole
    from lensmount_emulator.cli.options import parse_channels
    from lensmount_emulator.cli.ports import open_port
    from lensmount_emulator.reports.printable import one_line
    from lensmount_emulator.sessions.peer_replay import RecordedPeer, SendStep, has_action, replay_steps, require_times
    from lensmount_emulator.sessions.send_guard import GuardedTransport, SendGuard, check_all
    from lensmount_emulator.termination import OrderlyStack
    from lensmount_hardware.captures.formats import open_capture
    from lensmount_hardware.captures.limits import replayed_records
    from lensmount_hardware.captures.lmx import RecordingWriter, read_recording_header
    from lensmount_hardware.output_file import check_output
    from lensmount_protocol.dialect import load_dialect
    from lensmount_protocol.errors import TransportLostError
    from lensmount_protocol.wire import Burst, Role

    if arguments.record:
        check_output(Path(arguments.record), overwrite=arguments.force, inputs=[path])
    role = Role(arguments.role)
    dialect = load_dialect(arguments.dialect or str(read_recording_header(path).get("dialect") or "emount"))
    channels = parse_channels(arguments.channel, dialect.wiring.lines)
    capture = open_capture(path, dialect.wiring, channels=channels, samplerate=arguments.samplerate)
    records = replayed_records(path, capture.records)
    SendGuard(dialect, role, arguments.allow).check_recording(records)
    steps = replay_steps(records, role, dialect)
    if not has_action(steps):
        print(f"lensmount: {one_line(path)}: nothing to play, it holds no byte and no edge of the {role.value}; "
              f"--role {role.peer.value} plays the other end", file=sys.stderr)  # fmt: skip
        return 1
    if not arguments.sync:
        require_times(steps)
    check_all(SendGuard(dialect, role, arguments.allow), (step.action for step in steps if isinstance(step, SendStep)))
    with OrderlyStack() as stack:
        port = open_port(arguments.port, role, dialect)
        transport = stack.enter_context(GuardedTransport(port, SendGuard(dialect, role, arguments.allow)))
        tap = None
        if arguments.record:
            header = {"dialect": dialect.name, "role": role.value, "replayed": path.name, "port": arguments.port}
            writer = RecordingWriter(Path(arguments.record), header, overwrite=arguments.force, inputs=[path])
            tap = stack.enter_context(writer).write
        replay = RecordedPeer(
            steps, role, dialect, transport.lines, waits=arguments.sync, timeout=max(0.0, arguments.timeout)
        )
        console = LiveConsole(
            replay,
            dialect,
            transport,
            until=lambda: replay.over,
            tap=tap,
            every_frame=arguments.every_frame,
            spin=max(0.0, arguments.spin) / 1e6,
            out=sys.stdout,
            as_json=arguments.json,
            quiet=arguments.quiet,
            peer_speaks=any(isinstance(one, Burst) and one.sender is role.peer for one in records),
        )
        try:
            console.print_header(path.name)
            console.run(None)
        except TransportLostError:
            # A peer that has done its part may leave.
            if not replay.finished:
                raise
        finally:
            verdict = console.print_summary(
                unmet="" if replay.clean else replay.summary(),
                done=replay.done,
                missed=replay.missed,
                passed_over=replay.skipped,
            )
            if not arguments.json:
                print(replay.summary())
    return verdict.exit_code
