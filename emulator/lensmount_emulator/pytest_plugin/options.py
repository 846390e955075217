"""Options, ini keys and markers of the plugin.

The markers of a test take precedence over the ini file. Each xdist worker has a port of its own; a run without xdist
uses the first.
"""

import argparse
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

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
        choices: the values that it can have; empty for any.
        old: its old name, which still works for one release and is not in the help; empty for none.
    """

    flag: str
    metavar: str
    default: str | None
    help: str
    choices: tuple[str, ...] = ()
    old: str = ""


PORT = Option(
    "--lensmount-port",
    "SPEC",
    None,
    "play against the device on this port, such as serial:/dev/ttyUSB0; one for each xdist worker, with commas between",
)
ROLE = Option(
    "--lensmount-role",
    "END",
    "body",
    "the end that we play on the port; the device is the other one",
    ("body", "lens"),
    old="--lensmount-play",
)
RECORD = Option(
    "--lensmount-record",
    "FOLDER",
    None,
    "keep the recording of every test in this folder; a further attempt of a test gets a name of its own, "
    "`NAME-attempt2.lmx`",
)
TIMELINE = Option("--lensmount-timeline", "LINES", "30", "lines of the timeline in a failure report")

OPTIONS = (PORT, ROLE, RECORD, TIMELINE)

INI = {
    "lensmount_body": "profile of the body, by name or path, where a test names none",
    "lensmount_lens": "profile of the lens, by name or path, where a test names none",
    "lensmount_dialect": "dialect where neither is named: its usual body and lens are taken",
}
"""Keys of the ini file -> their meaning."""

MARKERS = {
    f"{MARKER}(body, lens, accessories, script, seed, dialect, rules, allow, virtual, lens_firmware, body_firmware)": (
        "defaults of `mount()` for the test; a list of bodies or lenses runs the test with each; "
        "`rules` is a file of rules between the ends, or a list of them; "
        "`allow` lists errors, ends and silence that do not fail a test on a port; "
        "`virtual=True` keeps it on the virtual mount though a port is given; "
        "`lens_firmware` and `body_firmware` are paths of firmware in C"
    ),
    HARDWARE: "runs only where a port is given",
}
"""Markers, as they are registered -> what they do."""


def add_options(parser: pytest.Parser) -> None:
    """Register every option and ini key with pytest."""
    group = parser.getgroup("lensmount", "lensmount: a body and a lens on a mount")
    for option in OPTIONS:
        group.addoption(
            option.flag,
            metavar=option.metavar,
            default=option.default,
            choices=option.choices or None,
            help=option.help + (f" (default: {option.default})" if option.default else ""),
        )
        if option.old:
            group.addoption(
                option.old,
                dest=option.flag.removeprefix("--").replace("-", "_"),
                choices=option.choices or None,
                default=argparse.SUPPRESS,
                help=argparse.SUPPRESS,
            )
    for name, meaning in INI.items():
        parser.addini(name, meaning, default="")


def log_old_options(arguments: Iterable[str]) -> None:
    """Log each old name of an option that was used, at INFO.

    Args:
        arguments: the arguments of pytest.
    """
    used = {argument.partition("=")[0] for argument in arguments}
    for option in OPTIONS:
        if option.old in used:
            logging.getLogger("lensmount.pytest").info(
                "%s is an old name, which the next release drops: use %s", option.old, option.flag
            )


def option_value(config: pytest.Config, option: Option) -> str | None:
    """Return the value from the command line, or the default."""
    value = config.getoption(option.flag)
    return None if value is None else str(value)


def timeline_lines(config: pytest.Config) -> int:
    """Return how many lines of the timeline a failure report has.

    Raises:
        pytest.UsageError: it is no whole number from 1 on.
    """
    text = option_value(config, TIMELINE) or ""
    if not text.isdecimal() or int(text) < 1:
        raise pytest.UsageError(f"{TIMELINE.flag} is {text!r}, not a whole number from 1 on")
    return int(text)


PARAMETRISED = ("body", "lens")
"""Arguments of the marker that may be a list; the test runs with each item."""


@dataclass(frozen=True, slots=True)
class MountOptions:
    """Defaults for the arguments of `mount`.

    Attributes:
        body: a profile of a body, by name or path; `None` for the usual one.
        lens: a profile of a lens.
        accessories: profiles of what stands between them, from the body on.
        script: what the body does once it runs.
        seed: of the jitter; `None` for nominal times.
        dialect: dialect where neither end is named.
        rules: rules between the ends: the path of a file, or texts and `Rule` objects.
        allow: what does not fail a test on a port: patterns of errors, `"body: no answer*"`; patterns of ends of
            the session, `"session: *held back*"`; a device that is silent, `"lens: sent nothing"`.
        virtual: whether the virtual mount is taken though a port is given.
        lens_firmware: path of a firmware in C that plays the lens.
        body_firmware: the same of the body.
    """

    body: Any = None
    lens: Any = None
    accessories: Sequence[Any] = ()
    script: str = ""
    seed: int | None = None
    dialect: str | None = None
    rules: Any = ()
    allow: Sequence[str] = ()
    virtual: bool = False
    lens_firmware: str | None = None
    body_firmware: str | None = None


OPTION_NAMES = tuple(field.name for field in fields(MountOptions))
"""Arguments of the marker."""


def mount_options(node: pytest.Item, parameters: Mapping[str, Any]) -> MountOptions:
    """Return the options of a test: from its markers, the closest first, then from the ini file.

    Args:
        node: the test.
        parameters: values of those arguments that the marker gave a list for.

    Raises:
        pytest.UsageError: a marker with an unknown argument.
    """
    text: dict[str, Any] = dict(parameters)
    for item, value in marker_options(node.iter_markers(MARKER), node.nodeid).items():
        text.setdefault(item, value)
    ini = {name: str(node.config.getini(f"{MARKER}_{name}")) for name in ("body", "lens", "dialect")}
    if "dialect" not in text:
        # A test that names only a dialect does not mean a lens of another dialect.
        text = {**{name: ini[name] for name in PARAMETRISED if ini[name]}, **text}
    if ini["dialect"] and not {"body", "lens", "dialect"} & set(text):
        text["dialect"] = ini["dialect"]
    return MountOptions(**text)


def marker_options(markers: Any, where: str) -> dict[str, Any]:
    """Return the arguments of markers, the first of them before the others.

    Raises:
        pytest.UsageError: an unknown argument of the marker.
    """
    text: dict[str, Any] = {}
    for marker in markers:
        wrong = [repr(argument) for argument in marker.args] + sorted(set(marker.kwargs) - set(OPTION_NAMES))
        if wrong:
            raise pytest.UsageError(f"{where}: marker {MARKER} takes {', '.join(OPTION_NAMES)} by name, not {wrong[0]}")
        text = {**marker.kwargs, **text}
    return text


def as_list(values: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return those arguments that have a list, with all their values."""
    return {item: list(values[item]) for item in PARAMETRISED if isinstance(values.get(item), list | tuple)}


def worker_ports(config: pytest.Config) -> list[str]:
    """Every port that was given, in order."""
    return [port.strip() for port in (option_value(config, PORT) or "").split(",") if port.strip()]


def validate_ports(config: pytest.Config) -> None:
    """Refuse too few ports and invalid port specs; opens no port.

    Raises:
        pytest.UsageError: more workers than ports, a port that is given twice, or one of an unknown scheme.
    """
    ports = worker_ports(config)
    for port in ports:
        _validate_port(port)
    twice = sorted({port for port in ports if ports.count(port) > 1})
    if twice:
        raise pytest.UsageError(f"{PORT.flag}: {twice[0]!r} is given twice; each worker needs a port of its own")
    # xdist keeps one entry for each worker here; without it there is no such option.
    workers = len(config.getoption("tx", None) or ())
    if ports and workers > len(ports):
        raise pytest.UsageError(
            f"{PORT.flag}: {workers} xdist workers and {len(ports)} port{'s' if len(ports) > 1 else ''}; "
            "give one for each, with commas between, or start fewer workers"
        )


def _validate_port(port: str) -> None:
    from lensmount_hardware.port_spec import parse_spec, scheme_names
    from lensmount_protocol.errors import TransportSpecError, unknown_name_message

    try:
        spec = parse_spec(port)
        if spec.scheme not in scheme_names():
            raise spec.error(unknown_name_message("scheme", spec.scheme, scheme_names()))
    except TransportSpecError as error:
        raise pytest.UsageError(f"{PORT.flag}: {error}") from None


def worker_port(config: pytest.Config) -> str | None:
    """The port of this process; `None` where none was given.

    Raises:
        pytest.UsageError: this is a worker for which none is left: xdist started it in the place of one that crashed.
    """
    ports = worker_ports(config)
    if not ports:
        return None
    number = int(str(getattr(config, "workerinput", {}).get("workerid", "gw0")).removeprefix("gw"))
    if number >= len(ports):
        raise pytest.UsageError(f"{PORT.flag}: no port is left for worker gw{number}; {len(ports)} were given")
    return ports[number]
