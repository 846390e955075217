"""Any capture by its content, and one line for what is none."""

import errno
import io
import json
import zipfile
from pathlib import Path

import pytest

from lensmount_hardware.captures.formats import FORMATS, open_capture
from lensmount_hardware.captures.lmx import RecordingWriter
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Burst, Edge

FRAME = "F00A0002000D00190055"


def sigrok() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("metadata", "[device 1]\nsamplerate=6 MHz\nunitsize=1\nprobe1=RXD\nprobe2=TXD\n")
        archive.writestr("logic-1-1", b"\x03" * 100)
    return file.getvalue()


def recording() -> bytes:
    file = io.BytesIO()
    RecordingWriter(file, {}).write(Edge(0.0, "VD", True))
    return file.getvalue()


CONTENTS = {
    "sigrok": sigrok(),
    "recording": recording(),
    "text": f"# a comment\nBody->Lens {FRAME} 5716647\n".encode(),
    "frames": json.dumps({"t_us": 1, "dir": "body", "baud": 750000, "hex": FRAME}).encode(),
}


@pytest.mark.parametrize("name", CONTENTS)
def test_the_content_says_the_format_whatever_the_name(tmp_path, wiring, name):
    path = tmp_path / "capture.bin"
    path.write_bytes(CONTENTS[name])
    told: list[float] = []
    capture = open_capture(path, wiring, progress=told.append)
    assert capture.format == name
    assert any(isinstance(record, Burst | Edge) for record in capture.records)
    assert told[-1] == 1.0


@pytest.mark.parametrize(
    "data",
    [b"", b"a letter to somebody\n", b"\x89PNG\r\n\x1a\n\0\0\0", b"PK\x05\x06" + b"\0" * 18, b"\0" * 1000],
)
def test_what_is_no_capture_is_refused_with_the_known_formats(tmp_path, wiring, data):
    path = tmp_path / "odd.sr"
    path.write_bytes(data)
    with pytest.raises(CaptureError) as error:
        open_capture(path, wiring)
    text = str(error.value)
    assert "\n" not in text
    assert "odd.sr" in text
    assert all(name in text for name, _, _ in FORMATS)


def test_a_missing_file_and_a_folder_are_reported(tmp_path, wiring):
    for path in (tmp_path / "missing.sr", tmp_path, Path("nul\0byte")):
        with pytest.raises(CaptureError, match="known formats") as error:
            open_capture(path, wiring)
        assert "\n" not in str(error.value)


def test_a_file_without_permission_is_reported(tmp_path, wiring, monkeypatch):
    def refuse(path: Path, mode: str) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(CaptureError, match=r"mine\.sr: Permission denied; known formats"):
        open_capture(tmp_path / "mine.sr", wiring)


@pytest.mark.parametrize("name", CONTENTS)
def test_every_beginning_of_every_format_gives_records_or_one_line(tmp_path, wiring, name):
    path = tmp_path / "cut"
    for cut in range(len(CONTENTS[name])):
        path.write_bytes(CONTENTS[name][:cut])
        try:
            list(open_capture(path, wiring).records)
        except CaptureError as refusal:
            error = refusal
        else:
            continue
        assert "\n" not in str(error)


def test_every_capture_beside_the_project_opens(emount_captures, wiring):
    formats = {".sr": "sigrok", ".txt": "text", ".jsonl": "frames"}
    for path in emount_captures.iterdir():
        if path.suffix in formats:
            assert open_capture(path, wiring).format == formats[path.suffix]
