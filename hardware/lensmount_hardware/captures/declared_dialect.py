"""Finds the dialect that a capture declares: in a recording, and in files that were exported from one."""

import configparser
import json
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

from lensmount_hardware.captures.packet_files.pcapng_blocks import COMMENT, SECTION, Block, parse_options, walk_blocks
from lensmount_hardware.captures.record_json import parse_object
from lensmount_hardware.captures.signatures import RECORDING_MAGIC, is_pcapng, is_sigrok, is_vcd
from lensmount_hardware.captures.source import read_head

OWN_SECTION = "lensmount"
"""Section of a sigrok capture's metadata that only this program writes and reads."""

MAX_HEADER_BYTES = 1 << 20
"""Bytes at the beginning of a file that are searched for the declaration."""

_KIND = "lensmount"
_VCD_COMMENT = re.compile(rb"\$comment\s+(\{\S*\})\s+\$end")
_VCD_HEADER_END = b"$enddefinitions"
_SECTION_OPTIONS = 16


def declaration(dialect: str) -> str:
    """The comment of an exported file that declares its dialect; it has no spaces."""
    return json.dumps({_KIND: "export", "dialect": dialect}, separators=(",", ":"))


def declared_dialect(path: Path) -> str | None:
    """The dialect that a file declares; `None` where it declares none, or cannot be read.

    A file that cannot be read is no error here: its reader reports it.
    """
    try:
        head = read_head(path, MAX_HEADER_BYTES)
        if head.startswith(RECORDING_MAGIC):
            return _dialect_in(head.partition(b"\n")[0])
        if is_pcapng(head):
            return _in_pcapng(path)
        if is_sigrok(head):
            return _in_sigrok(path)
        if is_vcd(head):
            comments = _VCD_COMMENT.findall(head.partition(_VCD_HEADER_END)[0])
            return next(filter(None, map(_dialect_in, comments)), None)
    except Exception:
        # Readers of ZIP files raise many kinds of errors on damaged ones.
        return None
    return None


def _dialect_in(text: bytes) -> str | None:
    try:
        fields: Mapping[str, object] = parse_object(text)
    except ValueError:
        return None
    dialect = fields.get("dialect") if _KIND in fields else None
    return dialect if isinstance(dialect, str) else None


def _in_pcapng(path: Path) -> str | None:
    first = next(walk_blocks(path, lambda _fraction: None), None)
    if not isinstance(first, Block) or first.kind != SECTION:
        return None
    comments = parse_options(first.body, _SECTION_OPTIONS, first.order).get(COMMENT, [])
    return next(filter(None, map(_dialect_in, comments)), None)


def _in_sigrok(path: Path) -> str | None:
    with zipfile.ZipFile(path) as archive:
        if archive.getinfo("metadata").file_size > MAX_HEADER_BYTES:
            return None
        metadata = configparser.ConfigParser(interpolation=None, strict=False)
        metadata.read_string(archive.read("metadata").decode("utf-8", "replace"))
    return metadata.get(OWN_SECTION, "dialect", fallback=None)
