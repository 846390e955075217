"""Any capture by its content: a table of formats, each with what recognises it and what reads it."""

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path

from lensmount_hardware.captures.capture import Capture, Progress, silent
from lensmount_hardware.captures.heads import is_jsonl, is_pcapng, is_recording, is_sigrok, is_text, is_vcd
from lensmount_hardware.captures.source import Source, is_streamed, packed_as, unpack_command
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Wiring

Recogniser = Callable[[bytes], bool]
Reader = Callable[[Path, Wiring, Mapping[str, str] | None, Progress], Capture]

_HERE = "lensmount_hardware.captures"

FORMATS: tuple[tuple[str, Recogniser, str], ...] = (
    ("sigrok .sr", is_sigrok, f"{_HERE}.sigrok:read_sigrok"),
    ("lensmount .lmx", is_recording, f"{_HERE}.recording:read_recording"),
    (".pcapng", is_pcapng, f"{_HERE}.pcapng:read_pcapng"),
    (".vcd", is_vcd, f"{_HERE}.vcd:read_vcd"),
    ("sniffer .txt", is_text, f"{_HERE}.text:read_text"),
    (".frames.jsonl and .lines.jsonl", is_jsonl, f"{_HERE}.jsonl:read_jsonl"),
)
"""Asked in this order: the first that recognises a file's beginning reads it.

A reader is named by its place and imported when a file needs it: that of logic captures brings numpy along.
"""

_HEAD = 64 * 1024
"""Bytes of a file that are shown to the recognisers; a log can begin with a long comment."""


def open_capture(
    path: Path, wiring: Wiring, *, channels: Mapping[str, str] | None = None, progress: Progress = silent
) -> Capture:
    """Open a capture of any known format.

    Args:
        path: the file.
        wiring: the mount's lines and rates.
        channels: line -> probe, for logic captures whose channels have other names.
        progress: told how far the file has been read.

    Raises:
        CaptureError: missing, unreadable, empty, of no known format, or damaged.
    """
    try:
        with Source(path) as source:
            head, packed = source.read(_HEAD), source.packed
    except CaptureError as error:
        raise _refused(path, str(error).removeprefix(f"{path}: ")) from error
    if not head:
        raise _refused(path, "the file is empty")
    if packed and not is_streamed(head):
        raise _refused(path, f"packed with gzip, and not of a format that is read packed; {unpack_command(path)}")
    if packer := packed_as(head, path):
        raise _refused(path, packer)
    for _, recognises, read in FORMATS:
        if recognises(head):
            module, _, reader = read.partition(":")
            open_with: Reader = getattr(import_module(module), reader)
            return open_with(path, wiring, channels, progress)
    raise _refused(path, "not a capture that we know")


def _refused(path: Path, reason: str) -> CaptureError:
    known = ", ".join(name for name, _, _ in FORMATS)
    return CaptureError(f"{path}: {reason}; known formats: {known}")
