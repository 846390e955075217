"""Learning on a port: the same outputs as on the virtual mount, a reset per word, wrong answers outvoted, the guard."""

from pathlib import Path

import pytest

from lensmount_emulator.learn.alphabet import load_alphabet
from lensmount_emulator.learn.port_system import PortSystem
from lensmount_emulator.learn.queries import Queries, QueryCache
from lensmount_emulator.learn.system import play_word
from lensmount_emulator.profiles.library import load_profile
from lensmount_hardware.clock import VirtualClock
from lensmount_hardware.transports.memory import memory_pair
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.errors import LocalProtocolError, MountError, TransportError

from .mount_port import DeadPort, MountPort  # noqa: TID252  helpers of this folder

WORDS = {
    ("emount", "lens-session", "sel55210"): [
        ("on", "handshake", "01", "07", "0C", "switch", "07", "10", "0A-on", "16"),
        ("on", "handshake", "bad-sum", "26", "off", "on", "01"),
    ],
    ("lmount", "lens-sleep", "sigma-45mm-f2.8-dg-dn"): [("on", "hello", "identity", "sleep", "identity", "call")],
    ("emount", "body-start", "a6000"): [("return", "answer", "answer"), ("return", "refuse", "leave")],
    ("lmount", "body-start", "panasonic-s5"): [("return", "answer", "answer", "refuse")],
}


def on_port(dialect: str, alphabet: str, profile: str) -> tuple[PortSystem, MountPort]:
    port = MountPort(profile)
    return PortSystem(load_alphabet(alphabet, dialect), port, port), port


@pytest.mark.parametrize("names", WORDS, ids=lambda names: names[2])
def test_words_on_a_port_have_the_outputs_of_the_virtual_mount(names: tuple[str, str, str]) -> None:
    dialect, alphabet, profile = names
    system, _ = on_port(*names)
    for word in WORDS[names]:
        system.reset()
        expected = play_word(load_profile(profile), load_alphabet(alphabet, dialect), word)
        assert [system.play(letter) for letter in word] == expected
    assert system.resets == len(WORDS[names])
    assert system.device_s > 0.3 * system.resets
    system.close()


def test_bad_contact_in_one_session_is_outvoted() -> None:
    system, port = on_port("emount", "lens-session", "sel55210")
    queries = Queries(system, QueryCache(None, "0", system.name))
    word = ("on", "handshake", "01", "07")
    right = queries.ask(word)
    queries.end()
    plain, resets = system.reset, 0

    def reset() -> None:
        nonlocal resets
        resets += 1
        port.supplies = resets
        plain()

    system.reset = reset  # type: ignore[method-assign]
    port.broken = {1}
    assert queries.ask((*word, "26"))[:4] == right
    assert resets == 3


def test_letter_that_the_guard_refuses_is_not_sent(tmp_path: Path) -> None:
    # Raw bytes are the only letter that can hold a guarded message.
    frame = load_dialect("emount").build_frame(bytes.fromhex("4000"), 2, 0).hex()
    path = tmp_path / "x.toml"
    path.write_text(
        'name = "x"\ndialect = "emount"\nlearns = "lens"\n[[letters]]\nname = "on"\nsteps = ["high VCC"]\n'
        f'[[letters]]\nname = "40"\nsteps = ["bytes {frame}"]\n'
    )
    system, _ = on_port("emount", str(path), "sel55210")
    system.reset()
    with pytest.raises(LocalProtocolError):
        system.play("40")


def test_port_without_the_supply_cannot_be_reset() -> None:
    alphabet = load_alphabet("lens-session", "emount")
    with pytest.raises(MountError, match="does not carry VCC"):
        PortSystem(alphabet, memory_pair(["BODY_CS"])[0], VirtualClock())


def test_body_on_a_port_without_the_detect_line_is_never_reset() -> None:
    alphabet = load_alphabet("body-start", "emount")
    with pytest.raises(MountError, match="does not carry XDETECT"):
        PortSystem(alphabet, memory_pair(["BODY_CS"])[0], VirtualClock())


@pytest.mark.parametrize(("alphabet", "device"), [("lens-session", "lens"), ("body-start", "body")])
def test_device_that_sends_nothing_ends_learning_after_ten_starts(alphabet: str, device: str) -> None:
    port = DeadPort("emount")
    system = PortSystem(load_alphabet(alphabet, "emount"), port, port)
    letter = load_alphabet(alphabet, "emount").letters[0].name
    for _ in range(10):
        system.reset()
        assert system.play(letter) == "-"
    with pytest.raises(TransportError, match=f"dead port: nothing came from the {device} in 10 starts"):
        system.reset()
    with pytest.raises(TransportError, match="nothing came"):
        system.require_device()


def test_silence_of_an_absent_device_is_not_in_the_cache(tmp_path: Path) -> None:
    path, word = tmp_path / "q.sqlite", ("on", "handshake", "01")
    alphabet, dead = load_alphabet("lens-session", "emount"), DeadPort("emount")
    # Alone in the cache, and after answers of an earlier run.
    expected = play_word(load_profile("sel55210"), alphabet, word)
    assert any(output != "-" for output in expected)
    for other in (("off", *word), word):
        absent, cache = PortSystem(alphabet, dead, dead), QueryCache(path, "0", "port")
        queries, known = Queries(absent, cache), len(cache)
        for letter in alphabet.letters[:10]:
            queries.output(("off", "off", letter.name))
        with pytest.raises(TransportError, match="in 10 starts"):
            queries.output(("off", "off", "off", "off"))
        assert len(cache) > known
        cache.close()
        system, _ = on_port("emount", "lens-session", "sel55210")
        cache = QueryCache(path, "0", "port")
        assert len(cache) == known
        queries = Queries(system, cache)
        assert queries.ask(other)[-3:] == expected
        assert queries.words == 1
        cache.close()


def test_run_that_the_cache_answers_needs_no_device(tmp_path: Path) -> None:
    path, word = tmp_path / "q.sqlite", ("on", "handshake", "01")
    system, _ = on_port("emount", "lens-session", "sel55210")
    cache = QueryCache(path, "0", "port")
    answers = Queries(system, cache).ask(word)
    cache.close()
    dead = DeadPort("emount")
    absent = PortSystem(load_alphabet("lens-session", "emount"), dead, dead)
    assert Queries(absent, QueryCache(path, "0", "port")).ask(word) == answers
    absent.require_device()
    assert absent.resets == 0


def test_device_that_answers_seldom_is_there() -> None:
    system, _ = on_port("emount", "lens-session", "sel55210")
    for letters in (("on", "handshake", "01"), *[("off",)] * 11):
        system.reset()
        for letter in letters:
            system.play(letter)
    system.require_device()
    assert system.resets == 12
