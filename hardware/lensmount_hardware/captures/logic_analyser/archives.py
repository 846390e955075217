"""Opens captures that are ZIP files: the names of the members show which program wrote a file."""

import zipfile
from collections.abc import Mapping
from pathlib import Path

from lensmount_hardware.captures.capture import Capture, Progress, no_progress
from lensmount_hardware.captures.logic_analyser.dsview import read_dsview
from lensmount_hardware.captures.logic_analyser.saleae_session import read_saleae
from lensmount_hardware.captures.logic_analyser.sigrok_reader import read_sigrok
from lensmount_hardware.captures.logic_analyser.zip_members import DAMAGE, one_line
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.logs import get_logger
from lensmount_protocol.wire import Wiring

_NAMED = 8

_log = get_logger("captures")


def read_archive(
    path: Path,
    wiring: Wiring,
    channels: Mapping[str, str] | None = None,
    progress: Progress = no_progress,
    samplerate: float | None = None,
) -> Capture:
    """Open a ZIP file of sigrok, Saleae Logic 2 or DSView.

    Args:
        path: the file.
        wiring: the mount's lines.
        channels: line -> channel, by name or number.
        progress: called with the fraction that has been read.
        samplerate: samples a second, for a file that does not state it.

    Raises:
        CaptureError: it is damaged, or of another program.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except DAMAGE as error:
        raise CaptureError(f"{path}: a ZIP file that is cut or damaged: {one_line(error)}") from error
    _log.debug("%s: a ZIP file that holds %s", path, ", ".join(names[:_NAMED]))
    if "metadata" in names:
        return read_sigrok(path, wiring, channels, progress, samplerate)
    if "meta.json" in names:
        if samplerate is not None:
            raise CaptureError(f"{path}: a session of Logic 2 has its own sample rate; leave --samplerate out")
        return read_saleae(path, wiring, channels, progress)
    if "header" in names:
        return read_dsview(path, wiring, channels, progress, samplerate)
    members = ", ".join(names[:_NAMED]) + (" …" if len(names) > _NAMED else "") or "nothing"
    raise CaptureError(
        f"{path}: a ZIP file that is no capture of sigrok (metadata), Saleae Logic 2 (meta.json) or DSView (header); "
        f"it holds {members}; if a capture is packed in it, unpack it first"
    )
