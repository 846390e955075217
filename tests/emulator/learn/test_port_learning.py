"""Learning on a port: the same outputs as on the virtual mount, a reset per word, wrong answers outvoted, the guard."""

from pathlib import Path
from random import Random

import pytest

from lensmount_emulator.engine.dialect_roles import get_roles, make_engine
from lensmount_emulator.learn.alphabet import load_alphabet
from lensmount_emulator.learn.port_system import PortSystem
from lensmount_emulator.learn.queries import Queries, QueryCache
from lensmount_emulator.learn.system import play_word
from lensmount_emulator.mount.virtual_mount import VirtualMount
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.scheduler import Scheduler
from lensmount_emulator.sessions.virtual_session import connect
from lensmount_hardware.clock import VirtualClock
from lensmount_hardware.transports.memory import memory_pair
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.errors import LocalProtocolError, MountError
from lensmount_protocol.wire import Received, Role, WireAction, WireEvent

POLL_S = 20e-6
"""Time that a receive without a timeout takes."""

WORDS = {
    ("emount", "lens-session", "sel55210"): [
        ("on", "handshake", "01", "07", "0C", "switch", "07", "10", "0A-on", "16"),
        ("on", "handshake", "bad-sum", "26", "off", "on", "01"),
    ],
    ("lmount", "lens-sleep", "sigma-45mm-f2.8-dg-dn"): [("on", "hello", "identity", "sleep", "identity", "call")],
    ("emount", "body-start", "a6000"): [("return", "answer", "answer"), ("return", "refuse", "leave")],
    ("lmount", "body-start", "panasonic-s5"): [("return", "answer", "answer", "refuse")],
}


class MountPort:
    """A port, and its clock, with a device of a profile behind it in virtual time."""

    warnings = notes = ()

    def __init__(self, profile: str) -> None:
        device = load_profile(profile)
        assert device.role is not None
        dialect, self.role = load_dialect(device.dialect), device.role.peer
        self.name, self.lines = "mount", frozenset(dialect.wiring.lines)
        self.scheduler = Scheduler()
        self.mount = VirtualMount(dialect, lambda _record: None, self.scheduler)
        self.events: list[WireEvent] = []
        self.broken: set[int] = set()
        self.supplies = 0
        engine = make_engine(get_roles(device.dialect), device.settings, None, Random(1), ())
        connect(engine, self.mount, lambda _notice: None)
        self.mount.connect(self.role, self._keep)
        engine.start(0.0)
        self.mount.attach(0.0, grounded=self.role is Role.BODY)

    def _keep(self, event: WireEvent, _now: float) -> None:
        # A bad contact: a run of bytes of a session is lost.
        if not (isinstance(event, Received) and self.supplies in self.broken):
            self.events.append(event)

    def now(self) -> float:
        return self.scheduler.now

    def receive(self, timeout: float | None) -> list[WireEvent]:
        self.scheduler.run(self.now() + max(timeout or 0.0, POLL_S), lambda: bool(self.events))
        events, self.events = self.events, []
        return events

    def send(self, action: WireAction) -> None:
        self.mount.apply(self.role, action)

    def close(self) -> None:
        pass


def on_port(dialect: str, alphabet: str, profile: str) -> tuple[PortSystem, MountPort]:
    port = MountPort(profile)
    return PortSystem(load_alphabet(alphabet, dialect), port, port), port  # pyright: ignore[reportArgumentType]


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
