"""Arguments that several verbs share, and shell completion of their values by argcomplete.

The shell runs `lensmount` for each Tab with `_ARGCOMPLETE` set, so names of plug-ins are completed too.
"""

import argparse
import contextlib
import math
import os
import shlex
import sys
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from lensmount_emulator.cli.parser import Parser, verb_first, verbosity_options
from lensmount_emulator.cli.verbs import verb_module
from lensmount_protocol.errors import DialectError, MountError, unknown_name_message
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Role


class UsageError(MountError):
    """The arguments of a command conflict."""


def parse_positive(text: str) -> int:
    """A number of things to do.

    Raises:
        argparse.ArgumentTypeError: it is none, or less than 1.
    """
    if not (text.isascii() and text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is no count; write a whole number from 1 on")
    return int(text)


def parse_duration(text: str) -> float:
    """A time to spend, in seconds.

    Raises:
        argparse.ArgumentTypeError: it is none, not positive, or without an end.
    """
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration; write seconds, more than 0")
    return value


def parse_range(text: str) -> tuple[float, float]:
    """A range of time: `1.2..1.5` in seconds, or with units, `200ms..1s`.

    Raises:
        argparse.ArgumentTypeError: it is none, or ends before it begins.
    """
    from lensmount_emulator.engine.script import parse_seconds

    first, dots, last = text.partition("..")
    try:
        span = parse_seconds(first.strip()), parse_seconds(last.strip())
    except ValueError:
        span = (1.0, 0.0)
    if not dots or span[0] > span[1]:
        raise argparse.ArgumentTypeError(f"{text!r} is no range of time; write 1.2..1.5 or 200ms..1s")
    return span


def parse_frequency(text: str) -> int:
    """A rate in hertz, with k, M or G after it, up to 1 GHz: 12000000, 12M, 500 kHz.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    factors = {"k": 1_000, "m": 1_000_000, "g": 1_000_000_000}
    digits = text.lower().replace(" ", "").removesuffix("hz")
    factor = factors.get(digits[-1:], 1)
    number = digits[:-1] if factor > 1 else digits
    if not (number.isascii() and number.isdecimal() and len(number) < 11 and 0 < int(number) * factor <= 1_000_000_000):
        raise argparse.ArgumentTypeError(f"{text!r} is no rate; write 12000000 or 12M, up to 1G")
    return int(number) * factor


def add_samplerate(parser: argparse.ArgumentParser) -> None:
    """The option for captures of samples without a rate."""
    parser.add_argument(
        "--samplerate",
        type=parse_frequency,
        metavar="HZ",
        help="samples a second of a .sr, .vcd or .dsl that lacks them: 6M",
    )


def add_allow(parser: argparse.ArgumentParser) -> None:
    """The option that allows what a dialect guards."""
    parser.add_argument(
        "--allow",
        action="append",
        default=[],
        metavar="MESSAGE",
        help="allow guarded messages such as 'Update*', which can leave a device dead, and unknown types such as 0x7f; "
        "may be given again",
    )


def add_allow_silence(parser: argparse.ArgumentParser) -> None:
    """The option under which silence is a result like any other."""
    parser.add_argument(
        "--allow-silence", action="store_true", help="exit code 0 even where nothing comes from an end (default: 1)"
    )


def parse_channels(mappings: Iterable[str], lines: Iterable[str]) -> dict[str, str]:
    """Return `LINE=PROBE` arguments as a table.

    Raises:
        UsageError: an argument of another form, or a line that the mount does not have.
    """
    channels: dict[str, str] = {}
    known = tuple(lines)
    for item in mappings:
        line, _, probe = item.partition("=")
        if not probe:
            raise UsageError(f"--channel {item!r}: write LINE=PROBE, such as RXD=3")
        if line not in known:
            raise UsageError(f"--channel {item!r}: {unknown_name_message('line', line, known)}")
        channels[line] = probe
    return channels


def find_messages(text: str, messages: Mapping[tuple[Role, int], type[Message]]) -> list[type[Message]]:
    """The messages that a person means by `05`, `0x05`, `5` or `LensStatus`; a type may have one in each direction.

    Raises:
        DialectError: the message is unknown; the text lists those that are known.
    """
    named = [cls for cls in messages.values() if cls.__name__.lower() == text.lower()]
    try:
        number = int(text, 16)
    except ValueError:
        number = -1
    found = named or [
        cls for (_, type_), cls in sorted(messages.items(), key=lambda item: item[0][1]) if type_ == number
    ]
    if not found:
        known = (f"{cls.TYPE:02X} {cls.__name__}" for cls in messages.values())
        raise DialectError(unknown_name_message("message", text, known))
    return found


LONG_FILE = 2_000_000
"""Bytes from which on files get a progress bar: the work on shorter ones takes a few seconds."""


@contextlib.contextmanager
def file_progress(*files: Path, shown: bool) -> Generator[Callable[[float], None]]:
    """Show the progress of the work on captures where they are long: as a bar on a terminal, else as lines of stderr.

    Args:
        *files: the captures.
        shown: whether anything is printed.

    Yields:
        A function that takes the fraction that is done, from 0 to 1.
    """
    if not shown or sum(file.stat().st_size for file in files if file.is_file()) < LONG_FILE:
        yield lambda _fraction: None
        return
    from lensmount_emulator.reports.console import progress_bar

    with progress_bar(", ".join(file.name for file in files)) as progress:
        yield progress


def dialect_of_file(path: str) -> str:
    """The dialect that a capture declares; the usual one for a file that declares none, or that cannot be read."""
    from lensmount_hardware.captures.declared_dialect import declared_dialect

    return declared_dialect(Path(path)) or DEFAULT_DIALECT


def add_open(parser: argparse.ArgumentParser) -> None:
    """The option that shows a result in the browser."""
    parser.add_argument(
        "--open",
        dest="opens",
        action="store_true",
        help="show it in the browser at the end (extra `web`)",
    )


def add_force(parser: argparse.ArgumentParser) -> None:
    """The option that allows an output to replace an existing file."""
    parser.add_argument("--force", action="store_true", help="replace a file that exists")


def print_message(message: Mapping[str, object], *, as_json: bool) -> int:
    """Print the text of a result, or the result as JSON; return exit code 0.

    Args:
        message: the result; `text` is a line for the user.
        as_json: whether to print JSON.
    """
    if as_json:
        import json

        print(json.dumps(message, separators=(",", ":")))
    else:
        print(message["text"])
    return 0


def add_firmware(parser: argparse.ArgumentParser, *, adapter: bool = False) -> None:
    """The options that put a firmware in C at an end, and between the ends where `adapter` is set."""
    if adapter:
        parser.add_argument(
            "--adapter-firmware",
            metavar="FILE.so",
            help="an adapter in C that carries the lens; the same as the last --accessory",
        )
    for end in ("lens", "body"):
        parser.add_argument(
            f"--{end}-firmware",
            metavar="FILE.so",
            help=f"a firmware in C that plays the {end}; `lensmount firmware build` makes one",
        )


def take_firmware(arguments: argparse.Namespace, *, listed: bool = False) -> None:
    """Use the firmware that the arguments name as the lens and the body.

    Args:
        arguments: the arguments; `body` and `lens` are replaced, and an adapter is the last of `accessories`.
        listed: whether `body` and `lens` are lists.

    Raises:
        UsageError: an end has both a profile and a firmware.
    """
    for end in ("lens", "body", "adapter"):
        library = getattr(arguments, f"{end}_firmware", None)
        if library is None:
            continue
        if getattr(arguments, end, None):
            raise UsageError(f"--{end} and --{end}-firmware both name the {end}; give one of them")
        if not library.partition("#")[0].endswith((".so", ".worker")):
            raise UsageError(
                f"--{end}-firmware {library!r}: the name of a firmware ends in .so, of a worker in .worker"
            )
        if end == "adapter":
            between: list[str] = arguments.accessories or []
            arguments.accessories = [*between, library]
        else:
            setattr(arguments, end, [library] if listed else library)


PRELOADED = "LENSMOUNT_PRELOADED"


def load_sanitizer(library: Path, command: Sequence[str] = ()) -> None:
    """Start a command once more with the runtime of the sanitizer that a firmware is built with, if it is found.

    Args:
        library: the firmware.
        command: the command; empty for this one, if this process is `lensmount`.
    """
    from lensmount_emulator.firmware.library import SANITIZER_OPTIONS, sanitizer_runtime

    runtime = sanitizer_runtime(library)
    is_command = Path(sys.argv[0]).name in ("lensmount", "__main__.py")
    if not runtime or not (is_command or command) or PRELOADED in os.environ:
        return
    sys.stdout.flush()
    options = ":".join(filter(None, (SANITIZER_OPTIONS, os.environ.get("ASAN_OPTIONS", ""))))
    environment = {**os.environ, "LD_PRELOAD": runtime, "ASAN_OPTIONS": options, PRELOADED: "1"}
    again = list(command) or [sys.executable, "-m", "lensmount", *sys.argv[1:]]
    os.execve(again[0], again, environment)


def named_files(*names: str | None) -> list[Path]:
    """Those of the names of profiles and other inputs that are existing files, which no output may replace."""
    return [Path(name) for name in names if name and Path(name).is_file()]


def error_exit_code(error: Exception) -> int:
    """The exit code of a verb that ends with an error."""
    from lensmount_protocol.errors import BoardError, CaptureError, FirmwareError, TransportError, TransportSpecError

    if isinstance(error, CaptureError | FirmwareError):
        return 3
    of_a_port = isinstance(error, TransportError | BoardError) and not isinstance(error, TransportSpecError)
    return 4 if of_a_port else 2


DEFAULT_DIALECT = "emount"


SHELLS = ("bash", "zsh", "fish")


def print_script(items: Sequence[str]) -> int:
    """Print the script that makes a shell complete arguments of `lensmount`.

    Raises:
        UsageError: a shell that is not known, or argcomplete is not installed.
    """
    if len(items) != 1 or items[0] not in SHELLS:
        raise UsageError(f"--print-completion: {unknown_name_message('shell', ' '.join(items), SHELLS)}")
    print(_argcomplete().shellcode(["lensmount"], shell=items[0]))
    return 0


def complete(verbs: Mapping[str, str]) -> int:
    """Answer the shell's request, which is in the environment; ends the process."""
    # What precedes the cursor names the verb; only its arguments are needed.
    line = os.environ.get("COMP_LINE", "")
    try:
        items = shlex.split(line)
    except ValueError:
        # An open quotation mark.
        items = line.split()
    parser = completion_parser(verbs, next(iter(verb_first(items[1:])), ""))
    _argcomplete().autocomplete(parser, always_complete_options="long")
    return 0


def completion_parser(verbs: Mapping[str, str], verb: str) -> Parser:
    """Return a parser of all verbs, with the arguments of one."""
    parser = Parser(prog="lensmount", parents=(verbosity_options(),))
    parser.add_argument("--version", action="store_true")
    parser.add_argument("--print-completion", choices=SHELLS)
    known = parser.add_subparsers(dest="verb")
    for name, text in verbs.items():
        if name != verb:
            known.add_parser(name, help=text)
            continue
        module = import_module(verb_module(name))
        shared = () if hasattr(module, "SUBCOMMANDS") else (verbosity_options(),)
        module.add_arguments(known.add_parser(name, help=text, parents=shared))
    for action in parser.actions():
        names = COMPLETERS.get(action.dest)
        if names is not None and action.choices is None:
            # argcomplete looks for this attribute of an action.
            vars(action)["completer"] = _completer(names)
    return parser


def _completer(names: Callable[[], Iterable[str]]) -> Callable[..., list[str]]:
    def completer(prefix: str, **_: object) -> list[str]:
        return [name for name in names() if name.startswith(prefix)]

    return completer


def _profiles() -> Iterable[str]:
    from lensmount_emulator.profiles.library import profile_names

    return profile_names()


def _dialects() -> Iterable[str]:
    from lensmount_protocol.dialect import dialect_names

    return dialect_names()


def _faults() -> Iterable[str]:
    from lensmount_emulator.faults.registry import known_faults

    return sorted(known_faults())


COMPLETERS: Mapping[str, Callable[[], Iterable[str]]] = {
    "accessories": _profiles,
    "body": _profiles,
    "dialect": _dialects,
    "faults": _faults,
    "lens": _profiles,
    "make_for": _profiles,
    "profile": _profiles,
    "twin": _profiles,
}
"""Destination of an argument -> the names that it takes; arguments with `choices` complete by themselves."""


def _argcomplete() -> Any:
    try:
        return import_module("argcomplete")
    except ImportError as error:
        raise UsageError("completion needs argcomplete: pip install argcomplete") from error
