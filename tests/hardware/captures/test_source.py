"""Packed files and other text encodings are the same capture; what unpacks without end is refused."""

import bz2
import codecs
import gzip
import json
import lzma
from pathlib import Path

import pytest

from lensmount_hardware.captures import limits
from lensmount_hardware.captures.formats import open_capture
from lensmount_hardware.captures.source import MIN_INFLATED, Source, read_head
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Annotation, Burst, Edge

FRAME = "F00A0002000D00190055"
TEXT = f"# log\n[B:1000]\nBody->Lens {FRAME} 1234\n[b:2000]\nLens->Body {FRAME} 5678\n"
JSONL = f'{{"t_us":1000.0,"dir":"body","baud":750000,"hex":"{FRAME.lower()}"}}\n' * 2
LMX = f'{{"lensmount":"recording","version":1}}\n{JSONL}'
VCD = (
    "$timescale 1 ns $end\n$var wire 1 ! RXD $end\n$var wire 1 # TXD $end\n$enddefinitions $end\n"
    "#0\n1!\n1#\n#50000\n0!\n#51333\n1!\n#120000\n"
)
FORMS = {"log.txt": TEXT, "a.frames.jsonl": JSONL, "a.lmx": LMX, "a.vcd": VCD}

ENCODINGS = (
    "utf-8 with mark",
    "utf-16 le",
    "utf-16 be",
    "utf-16 le with mark",
    "utf-16 be with mark",
    "utf-32 with mark",
)


def encoded(text: str, how: str) -> bytes:
    if how == "utf-8 with mark":
        return codecs.BOM_UTF8 + text.encode()
    name = how.removesuffix(" with mark").replace(" ", "-")
    mark = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}.get(name, codecs.BOM_UTF32_LE)
    data = text.encode("utf-32-le" if name == "utf-32" else name)
    return mark + data if how.endswith("mark") else data


def read(path: Path, data: bytes, wiring):
    path.write_bytes(data)
    capture = open_capture(path, wiring)
    return [record for record in capture.records if isinstance(record, Burst | Edge | Annotation)]


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("how", ENCODINGS)
def test_text_encoding_changes_nothing(name, how, tmp_path, wiring):
    plain = read(tmp_path / name, FORMS[name].encode(), wiring)
    assert any(isinstance(record, Burst | Edge) for record in plain)
    assert read(tmp_path / name, encoded(FORMS[name], how), wiring) == plain


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("ends", ["\r\n", "\r"])
def test_line_ends_change_nothing(name, ends, tmp_path, wiring):
    plain = read(tmp_path / name, FORMS[name].encode(), wiring)
    data = FORMS[name].replace("\n", ends)
    assert read(tmp_path / name, data.encode(), wiring) == plain
    assert read(tmp_path / name, data.encode("utf-16"), wiring) == plain


@pytest.mark.parametrize("name", FORMS)
def test_gzip_is_unpacked(name, tmp_path, wiring):
    plain = read(tmp_path / name, FORMS[name].encode(), wiring)
    data = encoded(FORMS[name], "utf-8 with mark")
    members = gzip.compress(data[:50]) + gzip.compress(data[50:]) + bytes(512)
    for packed in (gzip.compress(data), members, gzip.compress(FORMS[name].encode("utf-16"))):
        assert read(tmp_path / f"{name}.gz", packed, wiring) == plain


def test_gzip_cut_or_damaged_names_place_and_command(tmp_path, wiring):
    data = gzip.compress(TEXT.encode() * 100)
    with pytest.raises(CaptureError, match=r"ends in its middle, after \d+ unpacked bytes.*gunzip --stdout .*log.txt"):
        read(tmp_path / "log.txt.gz", data[:-12], wiring)
    with pytest.raises(CaptureError, match=r"is damaged after \d+ unpacked bytes"):
        read(tmp_path / "log.txt.gz", data[:-8] + bytes(8), wiring)
    with pytest.raises(CaptureError, match="gzip data"):
        read(tmp_path / "log.txt.gz", data[:6], wiring)


def test_records_of_a_packed_file_are_bounded(tmp_path, wiring, monkeypatch):
    monkeypatch.setattr(limits, "MIN_PACKED_RECORDS", 100)
    marks = b"".join(b"c %d\n" % (number + 100) for number in range(101))
    path = tmp_path / "marks.gz"
    path.write_bytes(gzip.compress(marks))
    with pytest.raises(CaptureError, match="more than 100 records, the limit for a packed file of this size; unpack"):
        list(open_capture(path, wiring).records)
    path.write_bytes(gzip.compress(marks[6:]))
    assert len(list(open_capture(path, wiring).records)) == 100
    path.write_bytes(marks)
    assert len(list(open_capture(path, wiring).records)) == 101


def test_bursts_that_a_replay_keeps_are_bounded(tmp_path, wiring, monkeypatch):
    monkeypatch.setattr(limits, "MIN_REPLAYED_BURSTS", 10)
    monkeypatch.setattr(limits, "BYTES_PER_REPLAYED_BURST", 1000)
    path = tmp_path / "log.txt"
    for count in (10, 11):
        path.write_bytes(b"c 1000\nBody->Lens F0\n" * count)
        records = open_capture(path, wiring).records
        if count == 10:
            assert len(limits.replayed_records(path, records)) == 20
        else:
            with pytest.raises(CaptureError, match=r"more than 10 runs of bytes;.* cut it"):
                limits.replayed_records(path, records)


def test_gzip_without_end_is_refused(tmp_path):
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(bytes(MIN_INFLATED + 1), compresslevel=1))
    with Source(path) as source, pytest.raises(CaptureError, match=f"unpacks to more than {MIN_INFLATED} bytes"):
        sum(map(len, iter(lambda: source.read(1 << 20), b"")))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (gzip.compress(b"PK\x03\x04" + bytes(100), mtime=0), r"gunzip --stdout .*x.bin"),
        (bz2.compress(TEXT.encode()), "bunzip2 --keep"),
        (lzma.compress(TEXT.encode()), "unxz --keep"),
        (bytes(257) + b"ustar" + bytes(300), "tar -xf"),
    ],
)
def test_other_packers_are_named_with_their_command(data, words, tmp_path, wiring):
    path = tmp_path / "x.bin"
    path.write_bytes(data)
    with pytest.raises(CaptureError, match=words):
        open_capture(path, wiring)


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("x.fst", b"\0\0\0\0\0\0\x01\x49" + bytes(330), r"fst2vcd -f .*x\.fst -o .*x\.fst\.vcd"),
        ("x.lxt", b"\x13\x80" + bytes(40), r"lxt2vcd .*x\.lxt > "),
        ("x.vzt", b"VZ" + bytes(40), r"vzt2vcd .*x\.vzt > "),
        ("x.ghw", b"GHDLwave\n" + bytes(40), "--vcd=FILE"),
        ("x.cap", b"snoop\0\0\0" + bytes(40), "editcap -F pcapng"),
        ("x.logicdata", bytes(40), "Saleae Logic 1"),
    ],
)
def test_files_of_other_tools_are_named_with_what_converts_them(name, data, words, tmp_path, wiring):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(CaptureError, match=words):
        open_capture(path, wiring)


def test_binary_files_stay_as_they_are(tmp_path):
    for data in (
        bytes(range(256)) * 40,
        b"PK\x03\x04\x14\0\r\r\r",
        b"\0\x80\r" * 3000,
        b"\xff\xfb" + bytes(99),
        b"",
        b"\r",
    ):
        path = tmp_path / "x"
        path.write_bytes(data)
        with Source(path) as source:
            assert source.read(len(data) + 1) == data
            assert source.read(1) == b""


def test_characters_across_chunks_are_kept(tmp_path):
    text = json.dumps("é漢🎥" * 60_000, ensure_ascii=False)
    path = tmp_path / "x"
    path.write_bytes(text.encode("utf-16"))
    with Source(path) as source:
        parts = iter(lambda: source.read(1013), b"")
        assert b"".join(parts).decode() == text
    assert read_head(path, 3) == text[:2].encode()
