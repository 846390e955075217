"""Serial devices and what was found wrong with a port, for people and for machines."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from lensmount_hardware.boards.session import BoardInfo
from lensmount_hardware.diagnostics.facts import CheckResult, CheckSeverity, PortFacts
from lensmount_hardware.serial_devices import SerialDevice, UsbSerialAdapter

NOTHING_FOUND = """no serial device found
  plug the adapter or board in, with a cable that carries data and not only power
  `dmesg | tail` shows whether the system saw it, and which driver took it
  in a container or a virtual machine the device has to be passed through
  a network port needs no device here: rfc2217://host:port"""

MARKS = {CheckSeverity.FINE: "ok  ", CheckSeverity.NOTE: "note", CheckSeverity.WRONG: "WRONG"}


def device_lines(device: SerialDevice, answer: BoardInfo | str | None = None) -> Iterator[str]:
    """A device in a few lines: its port, what it is, and what it can do.

    Args:
        device: the device.
        answer: the description that a board sent, or why it sent none; `None` where it was not asked.
    """
    yield device.spec
    title = " ".join(filter(None, (device.maker, device.title)))
    parts = [
        ("at", device.path if device.by_id else ""),
        ("is", title),
        ("USB", device.usb_id),
        ("serial number", device.serial_number),
        ("driver", device.driver),
        ("latency timer", "" if device.latency_timer_ms is None else f"{device.latency_timer_ms} ms"),
    ]
    if details := ", ".join(f"{name} {value}" for name, value in parts if value):
        yield f"  {details}"
    if device.is_board:
        yield from _board_lines(answer)
    elif device.adapter is None:
        yield "  its kind is unknown; `lensmount doctor` tries it"
    else:
        yield f"  {device.adapter.name}: {', '.join(adapter_capabilities(device.adapter))}"


def _board_lines(answer: BoardInfo | str | None) -> Iterator[str]:
    if answer is None:
        yield "  a lensmount board; not asked"
    elif isinstance(answer, str):
        yield f"  a lensmount board, and it cannot be asked: {answer}"
    else:
        lowest, highest = answer.baudrates
        yield f"  plays {', '.join(answer.roles)}; firmware {answer.firmware}, protocol {answer.version}"
        yield f"  {answer.lines} lines; {lowest} to {highest} baud"


def adapter_capabilities(adapter: UsbSerialAdapter) -> Iterator[str]:
    """What a kind of adapter can do, a short text each."""
    yield f"lines {' '.join(adapter.controls)}" if adapter.controls else "no control lines"
    for rate, exact in adapter.rates.items():
        yield f"{rate} baud {'exactly' if exact else 'nearly'}"
    if not adapter.rates and adapter.controls:
        yield "750000 and 1500000 baud have to be tried"
    if adapter.latency_timer:
        yield "has a latency timer"
    if adapter.note:
        yield adapter.note


def device_to_dict(device: SerialDevice, answer: BoardInfo | str | None = None) -> dict[str, Any]:
    """A device, and the description that a board sent, as values that JSON carries."""
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
        "board": _board_to_dict(answer) if device.is_board else None,
    }


def _board_to_dict(answer: BoardInfo | str | None) -> dict[str, Any]:
    """The description that a board sent, or `trouble`: why it sent none."""
    if not isinstance(answer, BoardInfo):
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


def finding_lines(findings: Iterable[CheckResult]) -> Iterator[str]:
    """Each finding in a line, with what to do below it."""
    for finding in findings:
        yield f"{MARKS[finding.severity]:<6}{finding.check:<15} {finding.message}"
        if finding.advice:
            yield f"{'':<6}{'':<15} -> {finding.advice}"


def histogram_lines(facts: PortFacts) -> Iterator[str]:
    """The pictures of what was measured."""
    board = facts.board
    echoes = {} if board is None else board.loopbacks
    for title, histogram in (
        ("round trip of 16 bytes", facts.loopback.times if facts.loopback else None),
        ("round trip of a question", board.info.round_trips if board and board.info else None),
        *((f"round trip of 16 bytes at {rate} baud", echo.times) for rate, echo in echoes.items()),
        ("lateness of a sleep of 1 ms", facts.sleep_latency),
    ):
        if histogram is not None and histogram.total:
            yield f"{title}, {histogram.total} times"
            yield from histogram.bars()


def diagnosis_to_dict(facts: PortFacts, findings: Sequence[CheckResult]) -> dict[str, Any]:
    """What an examination found, as values that JSON carries; histograms are microseconds to counts."""
    trips = facts.loopback.times if facts.loopback else None
    if facts.board is not None and facts.board.info is not None:
        trips = facts.board.info.round_trips
    return {
        "port": facts.port,
        "kind": facts.kind.value,
        "findings": [
            {"check": one.check, "verdict": one.severity.value, "says": one.message, "advice": one.advice}
            for one in findings
        ],
        "board": None
        if facts.board is None
        else _board_to_dict(facts.board.info if facts.board.info is not None else facts.board.error),
        "round_trip_us": {} if trips is None else {str(us): trips.counts[us] for us in sorted(trips.counts)},
        "lateness_us": {}
        if facts.sleep_latency is None
        else {str(us): facts.sleep_latency.counts[us] for us in sorted(facts.sleep_latency.counts)},
    }
