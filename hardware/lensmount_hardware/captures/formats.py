"""Opens any capture by its content: formats, recognisers, readers."""

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path

from lensmount_hardware.captures.capture import NO_CHANNEL, Capture, Progress, no_progress, without_lines
from lensmount_hardware.captures.limits import packed_records
from lensmount_hardware.captures.signatures import (
    conversion_advice,
    is_data_table,
    is_jsonl,
    is_pcap,
    is_pcapng,
    is_recording,
    is_saleae_binary,
    is_sigrok,
    is_sigrok_csv,
    is_text,
    is_vcd,
    is_waveform_csv,
    is_zip,
)
from lensmount_hardware.captures.source import Source, is_streamed, packed_as, read_head, unpack_command
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.logs import get_logger
from lensmount_protocol.wire import Wiring

Recogniser = Callable[[bytes], bool]
Reader = Callable[..., Capture]
"""Takes the file, the wiring, the channels and the progress; for a format in `_SAMPLED` also the sample rate."""

_PACKAGE = "lensmount_hardware.captures"
_LOGIC = f"{_PACKAGE}.logic_analyser"
_PACKETS = f"{_PACKAGE}.packet_files"

_log = get_logger("captures")

FORMATS: tuple[tuple[str, Recogniser, str], ...] = (
    ("sigrok .sr", is_sigrok, f"{_LOGIC}.sigrok_reader:read_sigrok"),
    ("Saleae .sal and DSView .dsl", is_zip, f"{_LOGIC}.archives:read_archive"),
    ("Saleae .bin", is_saleae_binary, f"{_LOGIC}.saleae_binary:read_saleae_binary"),
    ("lensmount .lmx", is_recording, f"{_PACKAGE}.lmx:read_recording"),
    (".pcapng", is_pcapng, f"{_PACKETS}.pcap_reader:read_pcapng"),
    (".pcap", is_pcap, f"{_PACKETS}.pcap_reader:read_pcap"),
    (".vcd", is_vcd, f"{_LOGIC}.vcd_reader:read_vcd"),
    ("Saleae .csv", is_waveform_csv, f"{_LOGIC}.waveform_csv:read_waveform_csv"),
    ("sniffer .txt", is_text, f"{_PACKAGE}.sniffer_log:read_sniffer_log"),
    (".frames.jsonl and .lines.jsonl", is_jsonl, f"{_PACKAGE}.jsonl:read_jsonl"),
)
"""The formats in the order of recognition: the first match reads the file.

Readers are imported when a file needs them: those of logic captures need numpy.
"""

_SAMPLED = frozenset((is_sigrok, is_zip, is_vcd))
"""Recognisers of the formats that may lack their rate, so that their readers take one from the user."""

_HEAD = 64 * 1024
"""Bytes of a file that recognisers get; a log can begin with a long comment."""


def takes_samplerate(path: Path) -> bool:
    """Whether a capture is of a format that may lack its rate; a file that cannot be read is of none."""
    try:
        head = read_head(path, _HEAD)
    except CaptureError:
        return False
    return next((recognises in _SAMPLED for _, recognises, _ in FORMATS if recognises(head)), False)


def open_capture(
    path: Path,
    wiring: Wiring,
    *,
    channels: Mapping[str, str] | None = None,
    progress: Progress = no_progress,
    samplerate: float | None = None,
) -> Capture:
    """Open a capture of any known format.

    Args:
        path: the file.
        wiring: the mount's lines and rates.
        channels: line -> probe, for logic captures with other channel names.
        progress: called with the fraction of the file that has been read.
        samplerate: samples a second, for captures of samples that do not state it.

    Raises:
        CaptureError: missing, unreadable, empty, of no known format, or damaged.
    """
    if path.is_dir():
        return _open_folder(path, wiring, channels, progress)
    try:
        with Source(path) as source:
            head, packed = source.read(_HEAD), source.packed
    except CaptureError as error:
        raise _not_readable(path, str(error).removeprefix(f"{path}: ")) from error
    if not head:
        raise _not_readable(path, "the file is empty")
    if packed and not is_streamed(head):
        raise _not_readable(path, f"packed with gzip, and not of a format that is read packed; {unpack_command(path)}")
    if packer := packed_as(head, path):
        raise _not_readable(path, packer)
    for name, recognises, read in FORMATS:
        if recognises(head):
            _log.info("%s: read as %s by %s", path, name, read)
            _log.debug(
                "%s: %s accepts the first %d bytes%s",
                path,
                recognises.__name__,
                len(head),
                ", unpacked" if packed else "",
            )
            if recognises in _SAMPLED:
                capture = _load_reader(read)(path, wiring, channels, progress, samplerate)
            elif samplerate is not None:
                raise CaptureError(f"{path}: the file has times of its own; leave --samplerate out")
            else:
                capture = _load_reader(read)(path, wiring, channels, progress)
            if packed:
                capture.records = packed_records(path, capture.records)
            left_out = {line for line, probe in (channels or {}).items() if probe.lower() == NO_CHANNEL}
            if left_out:
                capture.records = without_lines(capture.records, wiring, left_out)
            return capture
    if is_sigrok_csv(head):
        raise _not_readable(path, "a table of sigrok, which has rounded times; save the capture as .sr")
    if is_data_table(head):
        raise _not_readable(path, "what an analyzer of Logic 2 decoded, without the levels; export the raw data as CSV")
    raise _not_readable(path, conversion_advice(head, path) or "not a known capture format")


def _load_reader(place: str) -> Reader:
    module, _, name = place.partition(":")
    reader: Reader = getattr(import_module(module), name)
    return reader


def _open_folder(path: Path, wiring: Wiring, channels: Mapping[str, str] | None, progress: Progress) -> Capture:
    """Open a folder that Saleae Logic 2 exported raw data to, as CSV or as binary files."""
    try:
        names = {file.name.lower(): file for file in path.iterdir()}
    except OSError as error:
        raise _not_readable(path, str(error.strerror or error)) from error
    if table := names.get("digital.csv"):
        _log.info("%s: a folder of Saleae Logic 2; reading %s", path, table.name)
        return open_capture(table, wiring, channels=channels, progress=progress)
    if any(name.startswith("digital_") and name.endswith(".bin") for name in names):
        _log.info("%s: a folder of Saleae Logic 2 with binary files", path)
        return _load_reader(f"{_LOGIC}.saleae_binary:read_saleae_binary")(path, wiring, channels, progress)
    if any(name.startswith("analog") for name in names):
        raise _not_readable(path, "a folder of analog samples; export the digital channels from Logic 2 as well")
    raise _not_readable(path, "a folder without digital.csv or digital_0.bin of Saleae Logic 2; give a file in it")


def _not_readable(path: Path, reason: str) -> CaptureError:
    known = ", ".join(name for name, _, _ in FORMATS)
    return CaptureError(f"{path}: {reason}; known formats: {known}")
