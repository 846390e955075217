"""Machines, words that test them, differences, caches and alphabets; learning itself where AALpy is there."""

import ast
from pathlib import Path

import pytest

from lensmount_emulator.learn.alphabet import list_alphabets, load_alphabet
from lensmount_emulator.learn.compare import (
    check_words,
    diff_machines,
    distinguishing_words,
    transition_cover,
    without_prefixes,
    wp_method,
)
from lensmount_emulator.learn.draw import to_dot, to_mermaid, to_svg
from lensmount_emulator.learn.learner import learn
from lensmount_emulator.learn.machine import Machine, read_machine
from lensmount_emulator.learn.queries import NondeterminismError, Queries, QueryCache
from lensmount_emulator.learn.system import VirtualSystem, play_word
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.reports.learned_machines import check_to_junit, to_tests
from lensmount_protocol.errors import CaptureError, MountError, ProfileError

LAMP = Machine("lamp", "emount", "lens", "x", "0", ("a", "b"), ((("-", 1), ("-", 0)), (("-", 0), ("on", 1))), {})
"""`a` turns it, and `b` shows whether it is on."""
STUCK = Machine("lamp", "emount", "lens", "x", "0", ("a", "b"), ((("-", 1), ("-", 0)), (("-", 1), ("on", 1))), {})
"""The same, but it does not turn off: only the state differs."""


class Played:
    """A system that is a machine."""

    def __init__(self, machine: Machine, odd: int = 0) -> None:
        self.machine, self.odd = machine, odd
        self.name, self.resets, self.device_s, self.state = "played", 0, 0.0, 0

    def reset(self) -> None:
        self.resets += 1
        self.state = 0

    def play(self, letter: str) -> str:
        output, self.state = self.machine.step(self.state, letter)
        return "odd" if self.odd and self.resets % self.odd == 0 else output

    def close(self) -> None:
        pass


def asked(machine: Machine, **words: int) -> Queries:
    return Queries(Played(machine, **words), QueryCache(None, "0", "played"))


def test_cover_plays_every_transition_once_and_no_beginning_twice() -> None:
    words = transition_cover(LAMP)
    seen = {(LAMP.state_after(word[:count]), word[count]) for word in words for count in range(len(word))}
    assert seen == {(state, letter) for state in (0, 1) for letter in "ab"}
    assert without_prefixes([("a",), ("a", "b"), ("b",)]) == [("b",), ("a", "b")]


def test_wp_method_finds_a_wrong_state_that_the_cover_misses() -> None:
    assert distinguishing_words(LAMP) == {(0, 1): ("b",)}
    assert not check_words(LAMP, asked(STUCK), transition_cover(LAMP)).differences
    (found,) = check_words(LAMP, asked(STUCK), wp_method(LAMP)).differences
    assert (found.word, found.expected, found.found) == (("a", "a", "b"), "-", "on")
    assert not check_words(LAMP, asked(LAMP), wp_method(LAMP)).differences


def test_diff_shows_the_shortest_word_of_each_letter_and_output() -> None:
    (found,) = diff_machines(LAMP, STUCK)
    assert (found.word, found.expected, found.found, found.count) == (("a", "a", "b"), "-", "on", 1)
    assert diff_machines(LAMP, LAMP) == ()
    other = Machine("m", "lmount", "lens", "x", "0", ("a",), ((("-", 0),),), {})
    with pytest.raises(ProfileError, match="lens of lmount"):
        diff_machines(LAMP, other)


def test_machine_file_round_trips_and_a_broken_one_names_its_fault(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    path.write_text(LAMP.to_json())
    assert read_machine(path) == LAMP
    for old, new, fault in (
        ('"states": 2', '"states": 3', "3 are announced"),
        ('["-", 1]', '["-", 5]', "state 0 has no transition"),
        ('"format": 1', '"format": 9', "format 9"),
        ('["-", 1], ["-", 0]', '["-", 0], ["-", 0]', "no word leads to state 1"),
        ('"name"', '"nome"', "no machine"),
    ):
        path.write_text(LAMP.to_json().replace(old, new, 1))
        with pytest.raises(CaptureError, match=fault) as caught:
            read_machine(path)
        assert "\n" not in str(caught.value)


def test_cache_answers_later_runs_and_refuses_another_system(tmp_path: Path) -> None:
    path = tmp_path / "q.sqlite"
    first = Queries(Played(LAMP), QueryCache(path, "0", "played"))
    assert first.ask(("a", "b")) == ["-", "on"]
    later = Queries(Played(STUCK), QueryCache(path, "0", "played"))
    assert later.ask(("a", "b")) == ["-", "on"]
    assert later.words == 0
    with pytest.raises(CaptureError, match="another"):
        QueryCache(path, "1", "played")
    (tmp_path / "no.sqlite").write_bytes(b"something else, and long enough to be read as a file")
    with pytest.raises(CaptureError, match="no cache"):
        QueryCache(tmp_path / "no.sqlite", "0", "played")


def test_single_wrong_answer_is_outvoted_and_two_answers_are_an_error() -> None:
    queries = asked(LAMP, odd=3)
    for word in (("a", "b"), ("b", "a")):
        queries.end()
        queries.ask(word)
    queries.end()
    assert queries.ask(("a", "b", "b")) == ["-", "on", "on"]
    wild = asked(LAMP, odd=2)
    wild.ask(("b",))
    wild.end()
    with pytest.raises(NondeterminismError, match="the word 'b' in two ways: '-' and 'odd'"):
        wild.ask(("b", "a"))


def test_pictures_show_states_and_differences_and_refuse_large_machines() -> None:
    found = diff_machines(LAMP, STUCK)
    for draw, mark in ((to_dot, "color=red"), (to_mermaid, "! b· - - + on"), (to_svg, "#c00")):
        assert mark in draw(LAMP, found)
        assert mark not in draw(LAMP)
        assert "start" in draw(LAMP)
    large = Machine("l", "emount", "lens", "x", "0", ("a",), tuple((("-", (n + 1) % 20),) for n in range(20)), {})
    for draw in (to_dot, to_mermaid, to_svg):
        with pytest.raises(ProfileError, match="20 states"):
            draw(large)


@pytest.mark.parametrize("dialect", ["emount", "lmount"])
def test_every_alphabet_reads_and_has_a_title(dialect: str) -> None:
    known = list_alphabets(dialect)
    assert len(known) >= (1 if dialect == "emount" else 4)
    for name, title in known.items():
        assert title
        assert len(load_alphabet(name, dialect).letters) >= 5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("send Query0B", "send UpdateBlock15"), "never a letter"),
        (("send Query0B", "send ServiceCommand40"), "never a letter"),
        (("send Query0B", "send Nothing"), "unknown message of a body"),
        (("send Query0B", "push VD"), "unknown or has a wrong value"),
        (("send Query0B", "high LENS_CS"), "unknown line of a body"),
        (("send Query0B", "wait x"), "no number of seconds"),
        (("send Query0B", "wait 1e9"), "between 0 and 60"),
        (("send Query0B", "baudrate 9600"), "unknown or has a wrong value"),
        (('name = "0B"', 'name = "a b"'), "without a space"),
        (('name = "0B"', 'name = "on"'), "is there twice"),
        (('learns = "lens"', 'learns = "lens"\nlines = ["VD"]'), "unknown line of a lens"),
        (('learns = "lens"', 'learns = "lens"\nperiod = 1e9'), "period"),
        (('learns = "lens"', 'learns = "camera"'), "camera"),
        (('dialect = "emount"', 'dialect = "none"'), "none"),
        (('name = "x"', "name = "), "alphabet"),
    ],
)
def test_wrong_alphabet_is_one_line(change: tuple[str, str], message: str, tmp_path: Path) -> None:
    text = (
        'name = "x"\ndialect = "emount"\nlearns = "lens"\n[[letters]]\nname = "on"\nsteps = ["high VCC"]\n'
        '[[letters]]\nname = "0B"\nsteps = ["send Query0B"]\n'
    )
    path = tmp_path / "x.toml"
    path.write_text(text)
    assert load_alphabet(str(path)).names == ("on", "0B")
    path.write_text(text.replace(*change, 1))
    with pytest.raises(MountError, match=message) as caught:
        load_alphabet(str(path))
    assert "\n" not in str(caught.value).replace("\\n", "")


def test_word_of_a_start_up_has_the_outputs_of_the_capture() -> None:
    word = ["on", "handshake", "01", "0C", "switch", "07", "10", "0A-on", "16"]
    outputs = play_word(load_profile("sel55210"), load_alphabet("lens-session", "emount"), word)
    assert outputs == [
        "-", "RXD+ LENS_CS^", "01", "0C(1)", "LENS_CS^ @1500000", "07 @1500000", "10(0) @1500000",
        "0A ~05,06 @1500000", "16(0) RXD- ~05,06 @1500000",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("dialect", "profile", "expected"),
    [
        (
            "emount",
            "nex7",
            {
                "return": "VCC- LENS_POWER- LENS_POWER+ VCC+ 01",
                "answer": "07(0)",
                "refuse": "0B",
                "bad-sum": "0B 0B VCC- LENS_POWER-",
                "silence": "LENS_POWER+ VCC+ 01 01 01 VCC- LENS_POWER-",
                "leave": "LENS_POWER+ VCC+",
            },
        ),
        (
            "lmount",
            "panasonic-s5",
            {
                "return": "V_LOGIC+ 01",
                "answer": "10",
                "refuse": "V_LOGIC- V_LOGIC+ V_LOGIC- V_LOGIC+ V_LOGIC-",
                "silence": "-",
                "leave": "V_LOGIC+ V_LOGIC- V_LOGIC+ V_LOGIC- V_LOGIC+ V_LOGIC-",
            },
        ),
    ],
)
def test_body_is_answered_refused_and_left(dialect: str, profile: str, expected: dict[str, str]) -> None:
    outputs = play_word(load_profile(profile), load_alphabet("body-start", dialect), list(expected))
    assert dict(zip(expected, outputs, strict=True)) == expected


def test_body_streams_while_the_probe_answers_its_loop_and_restarts_when_it_falls_silent() -> None:
    alphabet = load_alphabet("body-start", "lmount")
    word = ["return", *(["answer"] * 7), "silence", "answer"]
    outputs = play_word(load_profile("panasonic-s5"), alphabet, word)
    assert outputs[1:8] == ["10", "V_DRIVE+ 08", "09", "11", "05", "~48", "~48"]
    assert outputs[8].startswith("V_DRIVE- V_LOGIC-")
    # It has given up, and waits until the lens leaves.
    assert outputs[9] == "-"


def test_letter_plays_where_nothing_else_is_due() -> None:
    # A body that gave up plans nothing, so the letter is the only event.
    alphabet = load_alphabet("body-start", "emount")
    outputs = play_word(load_profile("a6000"), alphabet, ["silence"] * 3 + ["answer"] * 3 + ["return"])
    assert outputs[3:6] == ["-"] * 3
    assert outputs[6] == "LENS_POWER+ VCC+ 01"


def test_learned_machine_is_equal_for_every_seed_of_jitter() -> None:
    pytest.importorskip("aalpy", reason="learning needs AALpy, which is an extra")
    alphabet = load_alphabet("lens-sleep", "lmount")
    machines: list[Machine] = []
    for seed in (1, 2):
        system = VirtualSystem(alphabet, load_profile("sigma-45mm-f2.8-dg-dn"), seed)
        queries = Queries(system, QueryCache(None, alphabet.digest, system.name))
        machines.append(learn(alphabet, system, queries, walks=10, walk_letters=8))
    assert machines[0].is_equal(machines[1])
    assert machines[0].states == 5


def test_written_tests_are_data_and_run(tmp_path: Path) -> None:
    hostile = Machine('x"""\nimport os', "emount", "lens", '"]', "0", ("a", "b"), LAMP.moves, {})
    text = to_tests(hostile, diff_machines(LAMP, STUCK), 'p"""', '"\n')
    tree = ast.parse(text)
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert names == {"pytest"}
    result = check_words(LAMP, asked(STUCK), wp_method(LAMP))
    assert 'failures="1"' in check_to_junit(LAMP, "x", result)
