"""Runs a virtual session again from the header of its recording, and compares the result byte for byte."""

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Annotated

import msgspec

from lensmount_emulator.engine.dialect_roles import Place
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_emulator.sessions.virtual.participants import KNOWN, resolve_profile
from lensmount_emulator.sessions.virtual.steering import parse_orders
from lensmount_hardware.captures.limits import virtual_limit
from lensmount_hardware.captures.lmx import VERSION, RecordingWriter, header_texts, read_recording_header
from lensmount_hardware.input_file import read_input
from lensmount_protocol.errors import CaptureError, limit_list

MAX_RECORDING = 1 << 28
"""Maximum bytes of a recording to compare; its repetition is kept in memory."""


@dataclass(frozen=True, slots=True)
class RerunResult:
    """The result of a repeated virtual session.

    Attributes:
        line: the first line of the file that differs, from 1; `None` if all are the same.
        recorded: that line in the file.
        repeated: that line of the repetition; `""` if the session was over by then.
        size: bytes of the file.
    """

    line: int | None
    recorded: str
    repeated: str
    size: int

    @property
    def identical(self) -> bool:
        """Whether every byte of the repetition equals the recording."""
        return self.line is None


def rerun_recording(path: Path) -> RerunResult:
    """Run the session of a recording again.

    Raises:
        CaptureError: the file cannot be read, is no recording, or not one of a virtual session.
        ProfileError: a profile of it is not known here.
        ScriptError: its script is not understood here.
        FaultError: one of its faults is not known here.
    """
    header = read_recording_header(path)
    _require_loopback(path, header)
    recorded = read_input(path, MAX_RECORDING, "a recording that is compared")
    asked = _parse_header(path, header, len(recorded))
    orders = header_texts(header, "orders")
    limit = virtual_limit(len(recorded))
    if any(order.at > limit for order in parse_orders(orders)):
        raise CaptureError(f"{path}: an order of its header is later than the {limit:g} s that are repeated at most")
    sink = BytesIO()
    with RecordingWriter(sink, header) as writer:
        run_loopback(
            asked.body,
            asked.lens,
            accessories=header_texts(header, "accessories"),
            script=asked.script or "",
            seed=asked.seed,
            seconds=asked.duration,
            resolution="byte" if header.get("resolution") == "byte" else "frame",
            allowed=header_texts(header, "allowed"),
            faults=header_texts(header, "faults"),
            orders=orders,
            tap=writer.write,
        )
    return _compare(recorded, sink.getvalue(), header)


def _require_loopback(path: Path, header: Mapping[str, object]) -> None:
    if header.get("test"):
        raise CaptureError(
            f"{path}: the test {header['test']} made this recording, and its report has the command that replays it; "
            "`lensmount decode` shows its traffic"
        )
    if not (header.get("body") and header.get("lens")):
        raise CaptureError(
            f"{path}: neither a scenario nor a recording of a virtual session; to replay one end of it, use "
            "--port SPEC --role body or lens"
        )
    body, dialect = resolve_profile(str(header["body"]), Place.BODY), header.get("dialect")
    if dialect not in (None, body.dialect):
        raise CaptureError(f"{path}: declares the dialect {dialect}, and its body {body.name} uses {body.dialect}")
    if strange := sorted(set(header) - KNOWN):
        raise CaptureError(
            f"{path}: its header holds {', '.join(limit_list(strange))}, which cannot be run again from here"
        )


class _SessionHeader(msgspec.Struct):
    """The parts of a header that define the session to run."""

    body: str
    lens: str
    script: str | None = None
    seed: int | None = None
    duration: Annotated[float, msgspec.Meta(ge=0)] | None = None


def _parse_header(path: Path, header: Mapping[str, object], size: int) -> _SessionHeader:
    """Parse the header.

    Raises:
        CaptureError: a value is invalid, or the duration is longer than a recording of this size can hold.
    """
    try:
        asked = msgspec.convert(header, _SessionHeader)
    except msgspec.ValidationError as error:
        raise CaptureError(f"{path}: its header makes no sense: {error}") from error
    limit = virtual_limit(size)
    if asked.duration is not None and not asked.duration <= limit:
        raise CaptureError(
            f"{path}: its header asks for {asked.duration:g} s; a recording of {size} bytes is repeated for at most "
            f"{limit:g} s"
        )
    return asked


def _compare(recorded: bytes, repeated: bytes, header: Mapping[str, object]) -> RerunResult:
    if header.get("version") != VERSION:
        # An older header has other keys; all of its values were used to run the session.
        repeated = recorded.partition(b"\n")[0] + repeated[repeated.index(b"\n") :]
    if recorded == repeated:
        return RerunResult(None, "", "", len(recorded))
    lines, others = recorded.splitlines(), repeated.splitlines()
    for number, line in enumerate(lines):
        other = others[number] if number < len(others) else b""
        if line != other:
            return RerunResult(number + 1, line.decode(errors="replace"), other.decode(errors="replace"), len(recorded))
    after = others[len(lines)] if len(others) > len(lines) else b""
    return RerunResult(len(lines) + 1, "", after.decode(errors="replace"), len(recorded))
