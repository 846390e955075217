"""Which port belongs to whom: each xdist worker has one of its own, and the first stands for a run without xdist."""

import pytest

from lensmount_emulator.pytest_plugin.options import PORT, value_of


def ports_of(config: pytest.Config) -> list[str]:
    """Every port that was given, in order."""
    return [port.strip() for port in (value_of(config, PORT) or "").split(",") if port.strip()]


def check_ports(config: pytest.Config) -> None:
    """Refuse what would leave a worker without a board, and a port in words that mean nothing; opens none.

    Raises:
        pytest.UsageError: more workers than ports, a port that is given twice, or one that nobody knows how to open.
    """
    ports = ports_of(config)
    for port in ports:
        _check_words(port)
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


def _check_words(port: str) -> None:
    from lensmount_hardware.spec import parse_spec, scheme_names
    from lensmount_protocol.errors import TransportSpecError, unknown

    try:
        spec = parse_spec(port)
        if spec.scheme not in scheme_names():
            raise spec.error(unknown("scheme", spec.scheme, scheme_names()))
    except TransportSpecError as error:
        raise pytest.UsageError(f"{PORT.flag}: {error}") from None


def port_of(config: pytest.Config) -> str | None:
    """The port of this process; `None` where none was given.

    Raises:
        pytest.UsageError: this is a worker for which none is left: xdist started it in the place of one that crashed.
    """
    ports = ports_of(config)
    if not ports:
        return None
    number = int(str(getattr(config, "workerinput", {}).get("workerid", "gw0")).removeprefix("gw"))
    if number >= len(ports):
        raise pytest.UsageError(f"{PORT.flag}: no port is left for worker gw{number}; {len(ports)} were given")
    return ports[number]
