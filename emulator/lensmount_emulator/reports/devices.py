"""Serial devices and what was found wrong with a port, for people and for machines."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

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


def device_lines(device: SerialDevice) -> Iterator[str]:
    """A device in a few lines: its port, what it is, and what its kind can do."""
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
    if device.adapter is None:
        yield "  nobody here knows its kind; `lensmount doctor` tries it"
    else:
        yield f"  {device.adapter.name}: {', '.join(abilities(device.adapter))}"


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


def object_of_device(device: SerialDevice) -> dict[str, Any]:
    """A device as values that JSON carries."""
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
    }


def finding_lines(findings: Iterable[Finding]) -> Iterator[str]:
    """Each finding in a line, with what to do below it."""
    for finding in findings:
        yield f"{MARKS[finding.verdict]:<6}{finding.check:<15} {finding.says}"
        if finding.advice:
            yield f"{'':<6}{'':<15} -> {finding.advice}"


def histogram_lines(facts: Facts) -> Iterator[str]:
    """The pictures of what was measured."""
    for title, histogram in (
        ("round trip of 16 bytes", facts.echo.times if facts.echo else None),
        ("lateness of a sleep of 1 ms", facts.lateness),
    ):
        if histogram is not None and histogram.total:
            yield f"{title}, {histogram.total} times"
            yield from histogram.bars()


def object_of_examination(facts: Facts, findings: Sequence[Finding]) -> dict[str, Any]:
    """What an examination found, as values that JSON carries; histograms are microseconds to counts."""
    trips = facts.echo.times if facts.echo else None
    return {
        "port": facts.port,
        "kind": facts.kind.value,
        "findings": [
            {"check": one.check, "verdict": one.verdict.value, "says": one.says, "advice": one.advice}
            for one in findings
        ],
        "round_trip_us": {} if trips is None else {str(us): trips.counts[us] for us in sorted(trips.counts)},
        "lateness_us": {}
        if facts.lateness is None
        else {str(us): facts.lateness.counts[us] for us in sorted(facts.lateness.counts)},
    }
