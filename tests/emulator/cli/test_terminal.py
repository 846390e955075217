"""Every verb on outputs that encode little, over files with control characters, and what a defect looks like."""

import io
import json
import sys
from importlib import import_module

import pytest

from lensmount_emulator.cli.main import EXIT_INTERNAL_ERROR, VERBS, main

HOSTILE = "\x1b]0;PWNED\x07\x1b[2J\x9b31m\u202e\nverified"
RECORDS = [
    {"lensmount": "recording", "version": 1, "dialect": "emount", "body": HOSTILE},
    {"t_us": 1, "note": f"{HOSTILE}\ud800 µ"},
    {"t_us": 2, "line": HOSTILE, "level": 1},
    {"t_us": 3, "dropped": HOSTILE, "count": 1},
    {"t_us": 4, "dir": HOSTILE, "hex": "f0", "baud": 1},
    {"t_us": 5, "dir": "body", "baud": 750000, "hex": "f00b0002000b6000780055"},
]


@pytest.fixture
def streams(monkeypatch):
    """Strict output streams of an encoding; gives what was written to both."""
    written = [io.BytesIO(), io.BytesIO()]

    def use(encoding: str):
        for name, raw in zip(("stdout", "stderr"), written, strict=True):
            monkeypatch.setattr(sys, name, io.TextIOWrapper(raw, encoding=encoding, errors="strict"))

        def text() -> tuple[str, str]:
            sys.stdout.flush()
            sys.stderr.flush()
            return written[0].getvalue().decode(encoding), written[1].getvalue().decode(encoding)

        return text

    return use


@pytest.fixture
def hostile(tmp_path):
    path = tmp_path / "a\x1b[2J\nb.lmx"
    path.write_bytes(b"".join(json.dumps(record).encode() + b"\n" for record in RECORDS))
    return path


@pytest.mark.parametrize("verb", [None, *VERBS])
def test_help_fits_an_ascii_output(streams, verb):
    text = streams("ascii")
    with pytest.raises(SystemExit) as end:
        main(["--help"] if verb is None else [verb, "--help"])
    assert end.value.code == 0
    assert text()[0].startswith("usage: lensmount")


OUTPUTS = [
    ["loopback", "--demo", "--duration", "0.3"],
    ["describe", "emount", "--timing"],
    ["describe", "emount", "--states"],
    ["describe", "emount", "05"],
    ["describe", "lmount", "--markdown"],
    ["dialects"],
    ["profiles"],
    ["boards"],
    ["export", "--dissector", "emount"],
    ["matrix", "--dialect", "lmount", "--body", "sigma-fp", "--lens", "sigma-45mm*", "--do", "wait 0.1"],
    ["fuzz", "parser", "emount", "--cases", "20"],
    ["prove", "emount", "--cases", "20"],
    ["replay", "no/such/µ-file"],
    ["loopback", "--lens", "µ\u202e"],
]


@pytest.mark.parametrize("words", OUTPUTS, ids=lambda words: " ".join(words[:2]))
@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_outputs_fit_a_narrow_encoding(streams, words, encoding):
    text = streams(encoding)
    assert main(words) in (0, 1, 2, 3)
    shown = "".join(text())
    assert shown
    assert "defect" not in shown


@pytest.mark.parametrize("form", ["--edges", "--fields", "--table", "--json", "--stats"])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_control_characters_of_a_file_are_escaped(streams, hostile, form, encoding):
    text = streams(encoding)
    main(["decode", str(hostile), str(hostile), "--verify", form])
    for shown in text():
        for sequence in ("\x1b", "\x07", "\x9b", "\u202e", "\nverified"):
            assert sequence not in shown
    if form == "--json":
        notes = [json.loads(line) for line in text()[0].splitlines() if line.startswith("{")]
        assert HOSTILE in [note.get("line") for note in notes]


def test_an_error_is_one_line_whatever_the_file_is_called(streams, tmp_path):
    text = streams("utf-8")
    assert main(["decode", str(tmp_path / "no\nfile\x1b[2J\udcff")]) == 3
    assert len(text()[1].splitlines()) == 1
    assert "no\\nfile\\u001b[2J\\udcff" in text()[1]


def test_a_defect_is_one_line_with_a_code_of_its_own(streams, monkeypatch):
    def fail(_arguments: object) -> int:
        raise KeyError("odd\nvalue")

    monkeypatch.setattr(import_module("lensmount_emulator.cli.dialects"), "run", fail)
    text = streams("utf-8")
    assert main(["dialects"]) == EXIT_INTERNAL_ERROR
    (line,) = text()[1].splitlines()
    assert line.startswith("lensmount: a defect of lensmount (KeyError: 'odd\\nvalue', test_terminal.py:")


def test_the_traceback_of_a_defect_is_shown_on_request(streams, monkeypatch):
    def fail(_arguments: object) -> int:
        raise RecursionError

    monkeypatch.setattr(import_module("lensmount_emulator.cli.dialects"), "run", fail)
    monkeypatch.setenv("LENSMOUNT_TRACEBACK", "1")
    text = streams("utf-8")
    assert main(["dialects"]) == EXIT_INTERNAL_ERROR
    assert "Traceback" in text()[1]
