"""Open sessions in the browser: captures, virtual pairs, matrix and campaign results, on one page of this machine.

Each FILE is a capture, a recording, the JSON of a matrix or the results of a campaign. Without a FILE the start page
opens. The server listens on loopback only, and ends with Ctrl-C.
"""

import argparse
import sys


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `lensmount ui`."""
    from lensmount_emulator.cli.options import add_firmware, parse_frequency

    parser.add_argument("files", nargs="*", metavar="FILE", help="what to open")
    parser.add_argument("--dialect", help="the dialect of captures that declare none")
    parser.add_argument("--channel", action="append", default=[], metavar="LINE=PROBE", help="as in `lensmount decode`")
    parser.add_argument(
        "--samplerate", type=parse_frequency, metavar="HZ", help="samples a second of captures that lack them: 6M"
    )
    parser.add_argument(
        "--port",
        action="append",
        default=[],
        metavar="SPEC",
        help="a port that the page may listen to, and play on after a confirmation; may be given again",
    )
    add_firmware(parser)
    parser.add_argument(
        "--output-dir", default=".", metavar="FOLDER", help="where recordings of ports go (default: this folder)"
    )
    parser.add_argument("--at", type=float, metavar="SECONDS", help="show this time of the capture")
    parser.add_argument("--no-browser", action="store_true", help="print the address only")
    parser.add_argument(
        "--listen",
        metavar="ADDRESS",
        default="127.0.0.1",
        help="the address to listen at; another one than loopback only shows sessions (default: %(default)s)",
    )
    parser.add_argument("--http-port", type=_parse_port, default=0, metavar="N", help="its port (default: a free one)")
    parser.add_argument("--json", action="store_true", help="print the address as a JSON object")


def _parse_port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 6 and int(text) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is no port; write a number from 0 to 65535")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Serve until a signal."""
    from pathlib import Path

    from lensmount_emulator.cli.options import UsageError, dialect_of_file, parse_channels, print_message
    from lensmount_emulator.cli.page import load_server
    from lensmount_emulator.engine.dialect_roles import Place
    from lensmount_emulator.profiles.library import firmware_profile
    from lensmount_emulator.reports.printable import report
    from lensmount_hardware.port_spec import parse_spec
    from lensmount_protocol.dialect import load_dialect

    server = load_server()
    for spec in arguments.port:
        parse_spec(spec)
    ends = ((Place.LENS, arguments.lens_firmware), (Place.BODY, arguments.body_firmware))
    firmware = [firmware_profile(name, place).name for place, name in ends if name is not None]
    files = [Path(name) for name in arguments.files]
    for option, given in (("--channel", arguments.channel), ("--samplerate", arguments.samplerate)):
        if given and not files:
            raise UsageError(f"{option} needs a FILE")
    channels: dict[str, str] = {}
    if arguments.channel:
        dialect = load_dialect(arguments.dialect or dialect_of_file(arguments.files[0]))
        channels = parse_channels(arguments.channel, dialect.wiring.lines)
    served = server.Served(
        files=files,
        dialect=arguments.dialect,
        ports=arguments.port,
        recordings=Path(arguments.output_dir),
        address=arguments.listen,
        port=arguments.http_port,
        opens_browser=not arguments.no_browser,
        at=arguments.at,
        firmware=firmware,
        channels=channels,
        samplerate=arguments.samplerate,
    )
    page = server.PageServer(served)

    def started(url: str) -> None:
        text = f"the page is at {url}" + ("" if arguments.quiet else "\nCtrl-C ends the server")
        print_message({"kind": "page", "url": url, "text": text}, as_json=arguments.json)
        sys.stdout.flush()

    page.run(started, lambda: report("no browser was found here; open the address in one"))
    return 0
