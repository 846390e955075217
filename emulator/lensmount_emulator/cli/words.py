"""Words of the command line that several verbs read the same way."""

import argparse
import math
from collections.abc import Iterable, Mapping
from pathlib import Path

from lensmount_protocol.errors import DialectError, MountError, unknown
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Role


class UsageError(MountError):
    """The words of a command do not make sense together."""


def count(text: str) -> int:
    """A number of things to do.

    Raises:
        argparse.ArgumentTypeError: it is none, or less than 1.
    """
    if not (text.isascii() and text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is no count; write a whole number from 1 on")
    return int(text)


def duration(text: str) -> float:
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


def frequency(text: str) -> int:
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
    """The option for captures of samples that do not say how fast they were taken."""
    parser.add_argument(
        "--samplerate", type=frequency, metavar="HZ", help="samples a second of a .sr, .vcd or .dsl that lacks them: 6M"
    )


def add_arm(parser: argparse.ArgumentParser) -> None:
    """The option that allows what a dialect guards."""
    parser.add_argument(
        "--arm",
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


def channels_of(words: Iterable[str], lines: Iterable[str]) -> dict[str, str]:
    """`LINE=PROBE` words as a table.

    Raises:
        UsageError: a word of another form, or a line that the mount does not have.
    """
    channels: dict[str, str] = {}
    known = tuple(lines)
    for word in words:
        line, _, probe = word.partition("=")
        if not probe:
            raise UsageError(f"--channel {word!r}: write LINE=PROBE, such as RXD=3")
        if line not in known:
            raise UsageError(f"--channel {word!r}: {unknown('line', line, known)}")
        channels[line] = probe
    return channels


def messages_of(word: str, messages: Mapping[tuple[Role, int], type[Message]]) -> list[type[Message]]:
    """The messages that a person means by `05`, `0x05`, `5` or `LensStatus`; a type may have one in each direction.

    Raises:
        DialectError: nobody knows such a message; lists those that are known.
    """
    named = [cls for cls in messages.values() if cls.__name__.lower() == word.lower()]
    try:
        number = int(word, 16)
    except ValueError:
        number = -1
    found = named or [
        cls for (_, type_), cls in sorted(messages.items(), key=lambda item: item[0][1]) if type_ == number
    ]
    if not found:
        known = (f"{cls.TYPE:02X} {cls.__name__}" for cls in messages.values())
        raise DialectError(unknown("message", word, known))
    return found


def spoken_in(path: str) -> str:
    """The dialect that a capture declares; the usual one for a file that declares none, or that cannot be read."""
    from lensmount_hardware.captures.declared import declared_dialect

    return declared_dialect(Path(path)) or USUAL_DIALECT


def add_force(parser: argparse.ArgumentParser) -> None:
    """The option that allows an output to replace an existing file."""
    parser.add_argument("--force", action="store_true", help="replace a file that exists")


def named_files(*names: str | None) -> list[Path]:
    """Those of the names of profiles and other inputs that are existing files, which no output may replace."""
    return [Path(name) for name in names if name and Path(name).is_file()]


def exit_code(error: Exception) -> int:
    """The exit code of a verb that ends with an error."""
    from lensmount_protocol.errors import BoardError, CaptureError, FirmwareError, TransportError, TransportSpecError

    if isinstance(error, CaptureError | FirmwareError):
        return 3
    of_a_port = isinstance(error, TransportError | BoardError) and not isinstance(error, TransportSpecError)
    return 4 if of_a_port else 2


USUAL_DIALECT = "emount"
