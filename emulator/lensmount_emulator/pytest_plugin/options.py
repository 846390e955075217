"""What can be said to the plugin: options, ini keys and markers, as tables."""

from dataclasses import dataclass

import pytest

MARKER = "lensmount"
HARDWARE = "lensmount_hardware"


@dataclass(frozen=True, slots=True)
class Option:
    """An option of the command line.

    Attributes:
        flag: as it is written.
        metavar: what follows it.
        default: its value where it is not given; `None` for none.
        help: what it does.
        choices: the values that it can have; nothing for any.
    """

    flag: str
    metavar: str
    default: str | None
    help: str
    choices: tuple[str, ...] = ()


PORT = Option(
    "--lensmount-port",
    "SPEC",
    None,
    "play against the device on this port, such as serial:/dev/ttyUSB0; one for each xdist worker, with commas between",
)
PLAY = Option(
    "--lensmount-play", "END", "body", "the end that we play on the port; the device is the other one", ("body", "lens")
)
RECORD = Option(
    "--lensmount-record",
    "FOLDER",
    None,
    "keep the recording of every test in this folder; a further attempt of a test gets a name of its own, "
    "`NAME-attempt2.lmx`",
)
TIMELINE = Option("--lensmount-timeline", "LINES", "30", "lines of the timeline that a failure tells")

OPTIONS = (PORT, PLAY, RECORD, TIMELINE)

INI = {
    "lensmount_body": "profile of the body, by name or path, where a test names none",
    "lensmount_lens": "profile of the lens, by name or path, where a test names none",
    "lensmount_dialect": "what is spoken where neither is named: its usual body and lens are taken",
}
"""Keys of the ini file -> what they say."""

MARKERS = {
    f"{MARKER}(body, lens, accessories, script, seed, dialect, allow, virtual)": (
        "what `mount()` takes where a test does not say it; a list of bodies or lenses runs the test with each; "
        "`allow` lists errors, ends and silence that do not fail a test on a port; "
        "`virtual=True` keeps it on the virtual mount though a port is given"
    ),
    HARDWARE: "runs only where a port is given",
}
"""Markers, as they are registered -> what they do."""


def add_all(parser: pytest.Parser) -> None:
    """Tell pytest of every option and ini key."""
    group = parser.getgroup("lensmount", "lensmount: a body and a lens on a mount")
    for option in OPTIONS:
        group.addoption(
            option.flag,
            metavar=option.metavar,
            default=option.default,
            choices=option.choices or None,
            help=option.help + (f" (default: {option.default})" if option.default else ""),
        )
    for name, meaning in INI.items():
        parser.addini(name, meaning, default="")


def value_of(config: pytest.Config, option: Option) -> str | None:
    """What the command line says, or the default."""
    value = config.getoption(option.flag)
    return None if value is None else str(value)


def timeline_lines(config: pytest.Config) -> int:
    """How many lines of the timeline a failure tells.

    Raises:
        pytest.UsageError: it is no whole number from 1 on.
    """
    text = value_of(config, TIMELINE) or ""
    if not text.isdecimal() or int(text) < 1:
        raise pytest.UsageError(f"{TIMELINE.flag} is {text!r}, not a whole number from 1 on")
    return int(text)
