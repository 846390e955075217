"""Play once more what is in a file: a story that broke something, a virtual session, or one end of any capture.

A story, which `fuzz` and `campaign` write, is played step by step; with --port one that broke a device is played on
the device that is there, and else on its twin. A recording of a virtual session is run again from what its header
says, and every byte is compared. With --port and --as: what that end did in the capture is done again, in its own
time, or with --wait each step when the peer has done its own.

Messages that can leave a device dead, unknown ones, and bytes that are no frame are refused unless --arm names them:
--arm 'Update*', --arm 0x7f, --arm garbage.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `lensmount replay`."""
    from lensmount_emulator.cli.parser import one_of
    from lensmount_emulator.cli.stories import add_story_options
    from lensmount_emulator.cli.words import add_force, add_samplerate

    parser.add_argument("file", metavar="FILE", help="a story or a recording, or with --port and --as any capture")
    parser.add_argument("--port", metavar="SPEC", help="where the peer is, or the device that a story broke")
    end = parser.add_argument_group("to play one end of a capture")
    end.add_argument("--as", dest="role", **one_of("end", ("lens", "body")), help="the end that is played")
    end.add_argument("--wait", action="store_true", help="wait for the peer's frames and edges at each step")
    end.add_argument(
        "--patience",
        type=float,
        default=2.0,
        metavar="SECONDS",
        help="how long to wait for a step of the peer (default: %(default)g)",
    )
    end.add_argument("--dialect", help="what is spoken (default: what the recording says, else emount)")
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
    end.add_argument("--every-frame", action="store_true", help="tell each frame of the loop")
    add_force(parser)
    add_story_options(parser)
    parser.add_argument(
        "--arm", action="append", default=[], metavar="MESSAGE", help="let out what is refused; may be given again"
    )
    parser.add_argument("--json", action="store_true", help="what it came to as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Replay; 1 where something is broken, came out differently, or the peer did not do its part."""
    from lensmount_emulator.cli.stories import holds_story, replay_story
    from lensmount_emulator.cli.words import UsageError
    from lensmount_protocol.errors import TransportSpecError

    path = Path(arguments.file)
    if arguments.role is None and (arguments.test or holds_story(path)):
        if arguments.wait or arguments.record:
            raise UsageError("--wait and --record are for one end of a capture; say which one with --as body or lens")
        return replay_story(arguments)
    if arguments.port is None and arguments.role is None:
        return _repeat(path, as_json=arguments.json)
    if arguments.port is None or arguments.role is None:
        raise TransportSpecError("to play one end of a capture, say both --port SPEC and --as body or lens")
    return _play(path, arguments)


def _repeat(path: Path, *, as_json: bool) -> int:
    from lensmount_emulator.reports.printable import one_line
    from lensmount_emulator.sessions.repeating import repeat

    came = repeat(path)
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
    from lensmount_emulator.cli.playing import Player
    from lensmount_emulator.cli.ports import open_port
    from lensmount_emulator.cli.words import channels_of
    from lensmount_emulator.reports.printable import one_line
    from lensmount_emulator.sessions.gate import Gate, GatedTransport, rehearse
    from lensmount_emulator.sessions.guarding import Guard
    from lensmount_emulator.sessions.replaying import Replay
    from lensmount_emulator.sessions.steps import Do, has_action, require_times, steps_of
    from lensmount_emulator.termination import OrderlyStack
    from lensmount_hardware.captures.formats import open_capture
    from lensmount_hardware.captures.limits import replayed_records
    from lensmount_hardware.captures.recording import RecordingWriter, header_of
    from lensmount_hardware.output_file import check_output
    from lensmount_protocol.errors import TransportLostError
    from lensmount_protocol.registry import load_dialect
    from lensmount_protocol.wire import Burst, Role

    if arguments.record:
        check_output(Path(arguments.record), overwrite=arguments.force, inputs=[path])
    role = Role(arguments.role)
    dialect = load_dialect(arguments.dialect or str(header_of(path).get("dialect") or "emount"))
    channels = channels_of(arguments.channel, dialect.wiring.lines)
    capture = open_capture(path, dialect.wiring, channels=channels, samplerate=arguments.samplerate)
    records = replayed_records(path, capture.records)
    Guard(dialect, role, arguments.arm).check(records)
    steps = steps_of(records, role, dialect)
    if not has_action(steps):
        print(f"lensmount: {one_line(path)}: nothing to play, it holds no byte and no edge of the {role.value}; "
              f"--as {role.peer.value} plays the other end", file=sys.stderr)  # fmt: skip
        return 1
    if not arguments.wait:
        require_times(steps)
    rehearse(Gate(dialect, role, arguments.arm), (step.action for step in steps if isinstance(step, Do)))
    with OrderlyStack() as stack:
        port = open_port(arguments.port, role, dialect)
        transport = stack.enter_context(GatedTransport(port, Gate(dialect, role, arguments.arm)))
        tap = None
        if arguments.record:
            header = {"dialect": dialect.name, "role": role.value, "replayed": path.name, "port": arguments.port}
            writer = RecordingWriter(Path(arguments.record), header, overwrite=arguments.force, inputs=[path])
            tap = stack.enter_context(writer).write
        replay = Replay(
            steps, role, dialect, transport.lines, waits=arguments.wait, patience=max(0.0, arguments.patience)
        )
        player = Player(
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
            player.introduce(path.name)
            player.play(None)
        except TransportLostError:
            # A peer that has done its part may leave.
            if not replay.finished:
                raise
        finally:
            verdict = player.sum_up(
                unmet="" if replay.clean else replay.summary(),
                done=replay.done,
                missed=replay.missed,
                passed_over=replay.passed_over,
            )
            if not arguments.json:
                print(replay.summary())
    return verdict.exit_code
