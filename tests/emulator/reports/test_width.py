"""Output for people at 80 columns: help pages, lists, tables and events, with the longest names that there are."""

import re
from contextlib import redirect_stdout
from importlib import import_module
from io import StringIO

import pytest
from rich.text import Text

from lensmount_emulator.campaign.matrix import Matrix, MatrixCell, MatrixOutcome
from lensmount_emulator.cli.main import main
from lensmount_emulator.cli.verbs import VERBS, verb_module
from lensmount_emulator.profiles.library import all_profiles
from lensmount_emulator.reports.console import make_console, print_timing, print_traffic
from lensmount_emulator.reports.printable import Colour, Line, line_writer, wrap
from lensmount_emulator.reports.terminal import print_matrix
from lensmount_emulator.sessions.traffic_stats import TrafficStats
from lensmount_protocol.dialect import dialect_names, load_dialect
from lensmount_protocol.timing import TimingResult
from lensmount_protocol.wire import Role

WIDTH = 80
PLACES = ("body", "lens", "accessory")
STYLE = re.compile(r"\x1b\[[0-9;]*m")


class Terminal(StringIO):
    """A terminal of 80 columns."""

    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    out = Terminal()
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    return out


def too_long(text: str) -> list[str]:
    """The lines that are longer than the terminal though they could be broken at a space."""
    lines = [STYLE.sub("", line) for line in text.splitlines()]
    assert lines
    long = [line.rstrip() for line in lines if len(line.rstrip()) > WIDTH]
    return [line for line in long if len(line.split()) > 1]


def run(words: list[str], out: StringIO) -> None:
    with redirect_stdout(out):
        assert main(words) == 0


def run_help(words: list[str], out: StringIO) -> None:
    with redirect_stdout(out), pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 0


def help_pages() -> list[list[str]]:
    pages = [["--help"]]
    for verb in VERBS:
        words = getattr(import_module(verb_module(verb)), "SUBCOMMANDS", ())
        pages += [[verb, "--help"], *([verb, word, "--help"] for word in words)]
    return pages


@pytest.mark.parametrize("words", help_pages(), ids=" ".join)
def test_help_fits(terminal, words):
    run_help(words, terminal)
    assert too_long(terminal.getvalue()) == []


@pytest.mark.parametrize(
    "words",
    [
        ["dialects"],
        ["profiles"],
        ["describe", "emount"],
        ["describe", "lmount"],
        ["describe", "emount", "--timing"],
        ["describe", "emount", "05"],
        ["describe", "lmount", "DefocusTable"],
        ["loopback", "--demo"],
    ],
    ids=" ".join,
)
def test_lists_and_events_fit(terminal, words):
    run(words, terminal)
    assert too_long(terminal.getvalue()) == []


@pytest.fixture(scope="module")
def longest():
    profiles = [profile for profile in all_profiles() if profile.dialect == "lmount"]
    names = {place: [profile.name for profile in profiles if profile.place.value == place] for place in PLACES}
    return {"bodies": names["body"], **{place: max(names[place], key=len) for place in PLACES}}


def test_the_matrix_fits_with_the_longest_names(terminal, longest):
    bodies = [
        profile.name for profile in all_profiles() if (profile.dialect, profile.place.value) == ("lmount", "body")
    ]
    assert len(bodies) > 5
    cells = [
        MatrixCell(
            body, longest["lens"], (longest["accessory"],) * 2, outcome, (), ("x " * 90,), 1.0, "lensmount " + "y " * 90
        )
        for body in bodies
        for outcome in (MatrixOutcome.BROKEN,)
    ]
    named = dict.fromkeys(bodies, "A title " * 12)
    matrix = Matrix("lmount", "title", "notice " * 30, "", None, named, {}, {}, {}, len(cells), cells)
    print_matrix(make_console(terminal), matrix)
    assert too_long(terminal.getvalue()) == []
    # A name may be folded, and no part of it is lost.
    assert longest["lens"].replace("-", "") in re.sub(r"[^0-9a-z.]", "", STYLE.sub("", terminal.getvalue()))


class LongTally(TrafficStats):
    """Counts of a frame of many messages, with large numbers."""

    @property
    def frames(self):
        types = "+".join(f"{type_:02X}" for _, type_ in list(self.dialect.messages)[:12])
        return {(Role.BODY.value, types): (10**9, 10**12)}


@pytest.mark.parametrize("dialect", dialect_names())
def test_counts_and_timing_fit(terminal, dialect):
    loaded = load_dialect(dialect)
    console = make_console(terminal)
    print_traffic(console, LongTally(loaded))
    measured = [TimingResult(rule) for rule in loaded.timing]
    for measurement in measured:
        measurement.add(1.0, 123456.7)
    print_timing(console, measured)
    assert too_long(terminal.getvalue()) == []


def test_a_text_with_styles_is_wrapped(terminal):
    make_console(terminal).print(Text.assemble(("broken", "red"), " " + "case of a lens " * 10))
    assert too_long(terminal.getvalue()) == []
    assert "\x1b[31m" in terminal.getvalue()


def test_a_continuation_is_indented_and_a_long_word_stays_whole():
    address = "https://" + "x" * 90
    lines = wrap(f"source: {'word ' * 20}{address}", WIDTH, hang=8)
    assert lines[-1] == " " * 8 + address
    assert all(line.startswith(" " * 8) for line in lines[1:])


def test_a_pipe_gets_each_line_whole_and_without_colour(monkeypatch):
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    out = StringIO()
    text = "word " * 50
    line_writer(out)(Line(text, Colour.ERROR, 4))
    make_console(out).print(text)
    assert [line.strip() for line in out.getvalue().splitlines()] == [text.strip()] * 2


def test_colours_show_the_role_and_never_reach_json(terminal, monkeypatch):
    run(["loopback", "--do", "wait 0.01"], terminal)
    assert "\x1b[36m" in terminal.getvalue()
    assert "\x1b[32m" in terminal.getvalue()
    monkeypatch.setenv("FORCE_COLOR", "1")
    out = Terminal()
    for words in (["loopback", "--do", "wait 0.01"], ["describe", "emount", "05"]):
        run([*words, "--json"], out)
    assert "{" in out.getvalue()
    assert "\x1b" not in out.getvalue()
