"""Serial devices and what was found wrong with a port, for people and for machines."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from lensmount_hardware.boards.asking import BoardAnswer
from lensmount_hardware.boards.devices import SerialDevice
from lensmount_hardware.boards.known import Adapter
from lensmount_hardware.checks.facts import Facts
from lensmount_hardware.checks.finding import Finding, Verdict

NOTHING_FOUND = """no serial device found
  plug the adapter or board in, with a cable that carries data and not only power
  `dmesg | tail` says whether the system saw it, and which driver took it
  in a container or a virtual machine the device has to be passed through
  a port behind a network needs no device here: rfc2217://host:port"""

MARKS = {Verdict.FINE: "ok  ", Verdict.NOTE: "note", Verdict.WRONG: "WRONG"}


def device_lines(device: SerialDevice, answer: BoardAnswer | str | None = None) -> Iterator[str]:
    """A device in a few lines: its port, what it is, and what it can do.

    Args:
        device: the device.
        answer: what a board says of itself, or why it says nothing; `None` where it was not asked.
    """
    yield device.spec
    said = " ".join(filter(None, (device.maker, device.title)))
    parts = [
        ("at", device.path if device.by_id else ""),
        ("is", said),
        ("USB", device.usb_id),
        ("serial number", device.serial_number),
        ("driver", device.driver),
        ("latency timer", "" if device.latency_timer_ms is None else f"{device.latency_timer_ms} ms"),
    ]
    if told := ", ".join(f"{name} {value}" for name, value in parts if value):
        yield f"  {told}"
    if device.is_board:
        yield from _board_lines(answer)
    elif device.adapter is None:
        yield "  nobody here knows its kind; `lensmount doctor` tries it"
    else:
        yield f"  {device.adapter.name}: {', '.join(abilities(device.adapter))}"


def _board_lines(answer: BoardAnswer | str | None) -> Iterator[str]:
    if answer is None:
        yield "  a lensmount board; not asked"
    elif isinstance(answer, str):
        yield f"  a lensmount board, and it cannot be asked: {answer}"
    else:
        lowest, highest = answer.baudrates
        yield f"  plays {', '.join(answer.roles)}; firmware {answer.firmware}, protocol {answer.version}"
        yield f"  {answer.lines} lines; {lowest} to {highest} baud"


def abilities(adapter: Adapter) -> Iterator[str]:
    """What a kind of adapter can do, in a few words each."""
    yield f"lines {' '.join(adapter.controls)}" if adapter.controls else "no control lines"
    for rate, exact in adapter.rates.items():
        yield f"{rate} baud {'exactly' if exact else 'nearly'}"
    if not adapter.rates and adapter.controls:
        yield "750000 and 1500000 baud have to be tried"
    if adapter.latency_timer:
        yield "has a latency timer"
    if adapter.note:
        yield adapter.note


def object_of_device(device: SerialDevice, answer: BoardAnswer | str | None = None) -> dict[str, Any]:
    """A device, and what a board says of itself, as values that JSON carries."""
    adapter = device.adapter
    return {
        "port": device.spec,
        "path": device.path,
        "by_id": device.by_id,
        "usb_id": device.usb_id,
        "serial_number": device.serial_number,
        "maker": device.maker,
        "title": device.title,
        "driver": device.driver,
        "latency_timer_ms": device.latency_timer_ms,
        "adapter": None
        if adapter is None
        else {
            "name": adapter.name,
            "controls": list(adapter.controls),
            "rates": {str(rate): exact for rate, exact in adapter.rates.items()},
            "latency_timer": adapter.latency_timer,
            "note": adapter.note,
            "source": adapter.source,
        },
        "board": _object_of_board(answer) if device.is_board else None,
    }


def _object_of_board(answer: BoardAnswer | str | None) -> dict[str, Any]:
    """All that a board says of itself, or `trouble`: why it says nothing."""
    if not isinstance(answer, BoardAnswer):
        return {"trouble": answer or "not asked"}
    return {
        "trouble": "",
        "unique_id": answer.unique_id,
        "roles": list(answer.roles),
        "firmware": answer.firmware,
        "protocol": answer.version,
        "lines": answer.lines,
        "lowest_baudrate": answer.baudrates[0],
        "highest_baudrate": answer.baudrates[1],
        "queue_bytes": answer.queue_bytes,
        "report_bytes": answer.report_bytes,
    }


def finding_lines(findings: Iterable[Finding]) -> Iterator[str]:
    """Each finding in a line, with what to do below it."""
    for finding in findings:
        yield f"{MARKS[finding.verdict]:<6}{finding.check:<15} {finding.says}"
        if finding.advice:
            yield f"{'':<6}{'':<15} -> {finding.advice}"


def histogram_lines(facts: Facts) -> Iterator[str]:
    """The pictures of what was measured."""
    board = facts.board
    echoes = {} if board is None else board.echoes
    for title, histogram in (
        ("round trip of 16 bytes", facts.echo.times if facts.echo else None),
        ("round trip of a question", board.answer.round_trips if board and board.answer else None),
        *((f"round trip of 16 bytes at {rate} baud", echo.times) for rate, echo in echoes.items()),
        ("lateness of a sleep of 1 ms", facts.lateness),
    ):
        if histogram is not None and histogram.total:
            yield f"{title}, {histogram.total} times"
            yield from histogram.bars()


def object_of_examination(facts: Facts, findings: Sequence[Finding]) -> dict[str, Any]:
    """What an examination found, as values that JSON carries; histograms are microseconds to counts."""
    trips = facts.echo.times if facts.echo else None
    if facts.board is not None and facts.board.answer is not None:
        trips = facts.board.answer.round_trips
    return {
        "port": facts.port,
        "kind": facts.kind.value,
        "findings": [
            {"check": one.check, "verdict": one.verdict.value, "says": one.says, "advice": one.advice}
            for one in findings
        ],
        "board": None
        if facts.board is None
        else _object_of_board(facts.board.answer if facts.board.answer is not None else facts.board.trouble),
        "round_trip_us": {} if trips is None else {str(us): trips.counts[us] for us in sorted(trips.counts)},
        "lateness_us": {}
        if facts.lateness is None
        else {str(us): facts.lateness.counts[us] for us in sorted(facts.lateness.counts)},
    }
