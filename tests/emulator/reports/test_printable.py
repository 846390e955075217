"""Text of untrusted origin on its way to a terminal: escapes, encodings, styles."""

import io
import json
import sys
import unicodedata

import pytest
from rich.table import Table
from rich.text import Text

from lensmount_emulator.reports.console import make_console
from lensmount_emulator.reports.printable import SafeStream, escape_controls, one_line, printing_safely
from lensmount_protocol.errors import MAX_ERROR

HOSTILE = "a\x1b]0;x\x07\x1b[2J\x7f\x9b31m\u202e\u200b\u2028\u2066\ufeff\ud800\U000e0041b"


def is_unsafe(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")


ARABIC_SIGNS = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2}
"""Format characters with a visible shape, which stand in front of numbers."""

HIEROGLYPHS = range(0x13430, 0x13440)


def test_every_control_and_format_character_is_escaped():
    for code in range(0x110000):
        character = chr(code)
        if is_unsafe(character) and character not in "\n\t" and code not in ARABIC_SIGNS:
            shown = escape_controls(character)
            assert shown.isascii(), hex(code)
            assert shown.isprintable(), hex(code)


@pytest.mark.parametrize("text", ["", "plain\n\ttext", "µ…–─▶ é 日本", "\\u001b"])
def test_text_without_controls_is_not_changed(text):
    assert escape_controls(text) == text


def test_text_of_a_file_cannot_begin_a_line_of_its_own():
    assert one_line("a\nverified\r\n\tb") == "a\\nverified\\r\\n\\tb"


def test_escapes_in_json_keep_its_meaning():
    told = {"text": HOSTILE.replace("\ud800", "")}
    shown = escape_controls(json.dumps(told, ensure_ascii=False))
    assert shown.isascii()
    assert json.loads(shown) == told


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "utf-8", "cp437"])
def test_a_stream_of_any_encoding_takes_all_text(encoding):
    raw = io.BytesIO()
    stream = SafeStream(io.TextIOWrapper(raw, encoding=encoding, errors="strict"))
    stream.writelines([HOSTILE, "µ … ─▶ 日本\n"])
    stream.flush()
    shown = raw.getvalue().decode(encoding)
    assert shown.startswith("a\\u001b]0;x\\u0007")
    assert shown.endswith("\n")
    assert not any(map(is_unsafe, shown[:-1]))


def test_what_ascii_lacks_is_replaced_by_what_looks_alike():
    raw = io.BytesIO()
    stream = SafeStream(io.TextIOWrapper(raw, encoding="ascii", errors="strict"))
    stream.write("5 µs … ─▶ 日")
    stream.flush()
    assert raw.getvalue() == b"5 us ... -> ?"


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_a_line_of_an_error_loses_its_middle_and_keeps_both_ends(encoding, monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(raw, encoding=encoding, errors="strict"))
    with printing_safely():
        print("place: " + "\x1b\u2192" * 5000 + "; do this", "\u2026" * MAX_ERROR, "short", sep="\n", file=sys.stderr)
        sys.stderr.flush()
    lines = raw.getvalue().decode(encoding).splitlines()
    assert [len(line) for line in lines] == [MAX_ERROR, MAX_ERROR, 5]
    assert lines[0].startswith("place: \\u001b")
    assert lines[0].endswith("; do this")
    assert " ... " in lines[0]


def test_a_line_of_a_report_is_never_shortened(capsys):
    with printing_safely():
        print("a" * 3 * MAX_ERROR)
    assert capsys.readouterr().out == "a" * 3 * MAX_ERROR + "\n"


def test_streams_are_put_back():
    before = sys.stdout, sys.stderr
    with printing_safely():
        assert isinstance(sys.stdout, SafeStream)
    assert (sys.stdout, sys.stderr) == before


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_console_keeps_its_styles_and_escapes_its_text(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = Terminal()
    console = make_console(SafeStream(out))
    table = Table("name")
    table.add_row(HOSTILE, style="red")
    console.print(table)
    console.print(f"[link=http://x]{HOSTILE}[/link] :smile:")
    console.print(Text(HOSTILE, "green"))
    shown = out.getvalue()
    assert "\x1b[31m" in shown
    assert "[link=http://x]" in shown
    assert ":smile:" in shown
    for sequence in ("\x1b]", "\x1b[2J", "\x07", "\x9b", "\u202e", "\u200b"):
        assert sequence not in shown
    assert shown.count("\\u001b]0;x") >= 2
