"""Play one end in real time on a port: board:SERIAL, pty:, serial:/dev/ttyUSB0, tcp:host:port, rfc2217://host:port.

A serial port's control lines carry the mount's lines where they are mapped, `!` for the other polarity:
  serial:/dev/ttyUSB0?rts=BODY_CS&dtr=VD&cts=LENS_CS
Without them the degraded form is played: bytes only, no handshake, no frame sync, no speed switch.
"""

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lensmount_emulator.sessions.verdict import LiveVerdict, ShortfallKind


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `lensmount run`."""
    from lensmount_emulator.cli.options import add_allow, add_allow_silence, add_force, add_open, parse_duration
    from lensmount_emulator.cli.parser import one_of

    parser.add_argument("role", **one_of("role", ("lens", "body")), help="the end that we play")
    parser.add_argument("--dialect", help="the dialect (default: that of the profile)")
    parser.add_argument("--profile", required=True, metavar="NAME", help="a profile of that role, by name or path")
    parser.add_argument("--port", required=True, metavar="SPEC", help="where the peer is")
    parser.add_argument(
        "--duration", type=parse_duration, metavar="SECONDS", help="default: until Ctrl-C, or a body's script is done"
    )
    parser.add_argument(
        "--script",
        default="",
        metavar="SCRIPT",
        help="a body's script, as in `lensmount loopback`; for a lens the operation of its controls",
    )
    add_allow(parser)
    add_allow_silence(parser)
    parser.add_argument("--record", metavar="FILE", help="write every byte and edge to this .lmx file")
    add_force(parser)
    add_open(parser)
    parser.add_argument(
        "--spin",
        type=float,
        default=120.0,
        metavar="MICROSECONDS",
        help="watch the clock this long before each deadline instead of sleeping; 0 sleeps (default: %(default)g)",
    )
    parser.add_argument(
        "--reconnect", action="store_true", help="when the port goes away, wait for it and go on; the gap is recorded"
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--every-frame", action="store_true", help="print each frame of the loop")
    form.add_argument("--json", action="store_true", help="one JSON object an event, and one for the whole at the end")
    parser.add_argument(
        "--orders",
        action="store_true",
        help="read orders from the standard input, one JSON object a line, and answer each: "
        '{"id": 1, "do": "focus +200"}, {"do": "stop"}',
    )


def run(arguments: argparse.Namespace) -> int:
    """Play until the time is over, the script is done, or a signal ends it; gives the exit code of the verdict."""
    if not arguments.opens:
        return _play(arguments, [])
    import tempfile
    from pathlib import Path

    from lensmount_emulator.cli.page import load_server, open_files
    from lensmount_emulator.termination import format_stop

    # A page that cannot be shown is reported before a port is opened.
    load_server()
    with tempfile.TemporaryDirectory(prefix="lensmount-") as folder:
        arguments.record = arguments.record or str(Path(folder) / f"{arguments.role}.lmx")
        causes: list[float | None] = []
        stop: KeyboardInterrupt | None = None
        code = 0
        try:
            code = _play(arguments, causes)
        except KeyboardInterrupt as error:
            if format_stop(error) != "Ctrl-C":
                raise
            stop = error
        recorded = Path(arguments.record)
        if recorded.is_file():
            open_files([recorded], dialect=arguments.dialect, at=next(iter(causes), None))
    if stop is not None:
        raise stop
    return code


def _play(arguments: argparse.Namespace, causes: list[float | None]) -> int:
    """Play; `causes` gets the time at which a session that failed went wrong."""
    from pathlib import Path

    from lensmount_emulator.cli.live_console import LiveConsole
    from lensmount_emulator.cli.options import named_files
    from lensmount_emulator.cli.ports import open_port
    from lensmount_emulator.profiles.library import load_profile
    from lensmount_emulator.sessions.explain_capture import explain_live
    from lensmount_emulator.sessions.live import make_live_engine
    from lensmount_emulator.sessions.send_guard import GuardedTransport, SendGuard
    from lensmount_emulator.termination import OrderlyStack
    from lensmount_hardware.captures.lmx import RecordingWriter
    from lensmount_hardware.output_file import check_output
    from lensmount_hardware.transport import Transport, as_timed
    from lensmount_hardware.transports.reconnecting import ReconnectingTransport
    from lensmount_protocol.dialect import load_dialect
    from lensmount_protocol.errors import DialectError
    from lensmount_protocol.wire import Role

    role = Role(arguments.role)
    profile = load_profile(arguments.profile, role)
    dialect = load_dialect(arguments.dialect or profile.dialect)
    if profile.dialect != dialect.name:
        raise DialectError(f"profile {profile.name} speaks {profile.dialect}, not {dialect.name}")
    with OrderlyStack() as stack:
        make_live_engine(profile, frozenset(), arguments.script, arguments.allow)
        if arguments.record:
            # A file that must not be replaced is reported before a port is opened.
            check_output(Path(arguments.record), overwrite=arguments.force, inputs=named_files(arguments.profile))

        gate = SendGuard(dialect, role, arguments.allow)

        def opened() -> Transport:
            # What is sent while the port is away does not leave, so it must not pass the gate either.
            return GuardedTransport(open_port(arguments.port, role, dialect), gate)

        port = ReconnectingTransport(opened) if arguments.reconnect else opened()
        transport = stack.enter_context(port)
        tap = None
        if arguments.record:
            header = {
                "dialect": dialect.name,
                "role": role.value,
                "profile": profile.name,
                "port": arguments.port,
            }
            writer = RecordingWriter(Path(arguments.record), header, overwrite=arguments.force)
            tap = stack.enter_context(writer).write
        engine = make_live_engine(
            profile,
            transport.lines,
            arguments.script,
            arguments.allow,
            keeps_windows=as_timed(transport) is not None,
        )
        console = LiveConsole(
            engine,
            dialect,
            transport,
            until=lambda: bool(arguments.script) and engine.done,
            tap=tap,
            every_frame=arguments.every_frame,
            spin=max(0.0, arguments.spin) / 1e6,
            out=sys.stdout,
            as_json=arguments.json,
            quiet=arguments.quiet,
            peer_speaks=not arguments.allow_silence,
            hint=_hint,
            explain=lambda records, ended_at: explain_live(records, profile, ended_at),
        )
        if isinstance(port, ReconnectingTransport):
            port.on_notice = console.annotate
        before = _resident_kib()
        try:
            console.print_header(profile.title)
            if arguments.orders:
                from lensmount_emulator.cli.order_input import OrderInput
                from lensmount_emulator.engine.dialect_roles import get_roles

                orders = OrderInput(engine, get_roles(profile.dialect), answer=console.print_line)
                console.run(arguments.duration, poll=orders.poll)
            else:
                console.run(arguments.duration)
        finally:
            after = _resident_kib()
            verdict = console.print_summary(resident_kib_before=before, resident_kib_after=after)
            causes.append(console.cause_at)
            if not arguments.json and after:
                print(f"peak resident memory {before} KiB at the start, {after} KiB at the end")
    return verdict.exit_code


def _hint(verdict: "LiveVerdict", kind: "ShortfallKind") -> str:
    """The option that concerns a shortfall; empty where none does."""
    from lensmount_emulator.sessions.verdict import ShortfallKind

    if kind is ShortfallKind.STOPPED:
        return "; --allow-silence is for a protocol without either"
    if kind is ShortfallKind.SCRIPT and verdict.script is not None and not verdict.script.over:
        return "; --duration gives it longer"
    return ""


def _resident_kib() -> int:
    """Peak resident memory in KiB; 0 where the system does not report it."""
    from lensmount_hardware.portability import resource

    return 0 if resource is None else int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
