"""Cases for the verbs of learned machines."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from lensmount_emulator.learn.machine import Machine
from lensmount_emulator.learn.system import VirtualSystem
from lensmount_emulator.profiles.library import load_profile
from lensmount_protocol.errors import TransportLostError
from lensmount_protocol.wire import WireEvent

from ..learn.mount_port import DeadPort  # noqa: TID252  helpers of the tests beside
from .exit_cases import Bench, case  # noqa: TID252  helpers of this folder
from .exit_inputs import LENS, empty, folder, half, missing, other_dialect, recording, unreadable  # noqa: TID252  helpers of this folder

ALPHABET = """
name = "two"
dialect = "emount"
learns = "lens"
[[letters]]
name = "on"
steps = ["high LENS_POWER", "high VCC", "sync on", "wait 0.12"]
wait = 0.0
[[letters]]
name = "off"
steps = ["low BODY_CS", "low TXD", "sync off", "low VCC", "low LENS_POWER"]
wait = 0.0
"""


PORT_ALPHABETS = {
    "lens": ALPHABET + '[[letters]]\nname = "01"\nsteps = ["high BODY_CS", "wait 0.03", "send BodyCapabilities"]\n',
    "body": """
name = "one"
dialect = "emount"
learns = "body"
lines = ["VCC"]
[[letters]]
name = "return"
steps = ["detach", "wait 0.5", "attach", "await VCC high 1"]
wait = 0.0
[[letters]]
name = "silence"
steps = ["await VCC low 1"]
wait = 0.0
""",
}


def _letters(bench: Bench) -> Path:
    path = bench.folder / "two.toml"
    path.write_text(ALPHABET)
    return path


def machine(bench: Bench, name: str = "machine.json", output: str = "-", dialect: str = "emount") -> Path:
    """A machine that does nothing, or something."""
    from lensmount_emulator.learn.alphabet import load_alphabet

    alphabet = load_alphabet(str(_letters(bench)))
    moves = (((output, 0), ("-", 0)),)
    made = Machine(
        "profile x", dialect, "lens", "two", alphabet.digest, ("on", "off"), moves, {"resets": 1, "device_s": 1}
    )
    path = bench.folder / name
    path.write_text(made.to_json())
    return path


def _check(bench: Bench, path: Path, *words: object) -> int:
    return bench.run("learn", "check", path, "--letters", _letters(bench), "--profile", LENS, *words)


def _one_line(bench: Bench, code: int) -> int:
    assert code in (0, 1) or len(bench.err.strip().splitlines()) == 1
    return code


@case("learn check", "done")
def _(bench: Bench) -> int:
    return _check(bench, machine(bench))


@case("learn check", "wanting")
def _(bench: Bench) -> int:
    code = _check(bench, machine(bench, output="07"))
    assert "on: - 07  + -" in bench.said
    return code


@case("learn check", "half")
def _(bench: Bench) -> int:
    path = machine(bench)
    path.write_bytes(path.read_bytes()[:-40])
    return _one_line(bench, _check(bench, path))


@case("learn check", "dialect")
def _(bench: Bench) -> int:
    odd = machine(bench)
    odd.write_text(odd.read_text().replace('"off"', '"</script>"'))
    assert _one_line(bench, _check(bench, odd)) == 2
    assert "letter '</script>' is not in the alphabet two" in bench.err
    return bench.run("learn", "check", machine(bench), "--letters", _letters(bench), "--profile", "sigma-fp")


@case("learn check", "exists")
def _(bench: Bench) -> int:
    target = bench.folder / "result.xml"
    target.write_text("precious")
    return _check(bench, machine(bench), "--junit", target)


for _verb, _words in (
    ("learn check", _check),
    ("learn diff", lambda bench, path: bench.run("learn", "diff", path, path)),
):
    for _situation, _setup in (("missing", missing), ("folder", folder)):
        case(_verb, _situation)(lambda bench, words=_words, setup=_setup: _one_line(bench, words(bench, setup(bench))))
for _verb, _words, _setup in (
    ("learn check", _check, machine),
    ("learn diff", lambda bench, path: bench.run("learn", "diff", path, path), machine),
    ("learn cover", lambda bench, path: _cover(bench, path), recording),
):
    case(_verb, "unreadable")(
        lambda bench, words=_words, setup=_setup: _one_line(bench, words(bench, unreadable(setup, bench)))
    )


@case("learn diff", "done")
def _(bench: Bench) -> int:
    return bench.run("learn", "diff", machine(bench), machine(bench, "again.json"))


@case("learn diff", "wanting")
def _(bench: Bench) -> int:
    return bench.run("learn", "diff", machine(bench), machine(bench, "other.json", "07"))


@case("learn diff", "half")
def _(bench: Bench) -> int:
    path = machine(bench)
    path.write_text(path.read_text().replace('"states": 1', '"states": 7'))
    return _one_line(bench, bench.run("learn", "diff", path, path))


@case("learn diff", "dialect")
def _(bench: Bench) -> int:
    return bench.run("learn", "diff", machine(bench), machine(bench, "other.json", dialect="lmount"))


@case("learn diff", "exists")
def _(bench: Bench) -> int:
    target = bench.folder / "a.dot"
    target.write_text("precious")
    return bench.run("learn", "diff", machine(bench), machine(bench, "b.json", "07"), "--dot", target)


def _cover(bench: Bench, path: Path) -> int:
    return bench.run("learn", "cover", machine(bench), path, "--letters", _letters(bench))


case("learn cover", "done")(lambda bench: _cover(bench, recording(bench)))
case("learn cover", "nothing")(lambda bench: _cover(bench, empty(bench)))
case("learn cover", "half")(lambda bench: _cover(bench, half(bench)))
case("learn cover", "missing")(lambda bench: _one_line(bench, _cover(bench, missing(bench))))
case("learn cover", "folder")(lambda bench: _one_line(bench, _cover(bench, folder(bench))))


@case("learn cover", "dialect")
def _(bench: Bench) -> int:
    return _one_line(bench, _cover(bench, other_dialect(bench)))


PRINTERS: dict[str, Callable[[Bench], list[object]]] = {
    "learn check": lambda bench: ["check", machine(bench), "--letters", _letters(bench), "--profile", LENS],
    "learn diff": lambda bench: ["diff", machine(bench), machine(bench, "b.json", "07")],
    "learn cover": lambda bench: ["cover", machine(bench), recording(bench), "--letters", _letters(bench)],
    "learn lens": lambda bench: ["lens", "--profile", LENS, "--letters", _speaking(bench), "--walks", "2", "--quiet"],
}
for _verb, _printed in PRINTERS.items():
    case(_verb, "pipe")(lambda bench, words=_printed: bench.run_on_closed_pipe("learn", *words(bench)))
    if _verb != "learn lens":
        case(_verb, "full")(lambda bench, words=_printed: bench.run_on_full_disk("learn", *words(bench)))


def _speaking(bench: Bench) -> Path:
    """Letters of which one has an output."""
    path = bench.folder / "three.toml"
    path.write_text(PORT_ALPHABETS["lens"])
    return path


def _learn(bench: Bench, *words: object, profile: str = LENS) -> int:
    letters = _speaking(bench)
    return bench.run("learn", "lens", "--profile", profile, "--letters", letters, "--walks", "2", "--quiet", *words)


case("learn lens", "done")(partial(_learn))


@case("learn lens", "nothing")
def _(bench: Bench) -> int:
    target = bench.folder / "m.json"
    words = ("--profile", LENS, "--letters", _letters(bench), "--walks", "2", "--quiet", "--output", target)
    code = bench.run("learn", "lens", *words)
    assert "no letter of two has an output, so nothing was learned or written" in bench.err
    assert not target.exists()
    return _one_line(bench, code)


case("learn lens", "dialect")(lambda bench: _learn(bench, profile="sigma-45mm-f2.8-dg-dn"))
case("learn lens", "missing")(lambda bench: _learn(bench, profile="./missing.toml"))


@case("learn lens", "exists")
def _(bench: Bench) -> int:
    target = bench.folder / "m.json"
    target.write_text("precious")
    return _learn(bench, "--output", target)


@case("learn lens", "full")
def _(bench: Bench) -> int:
    return _learn(bench, "--output", "/dev/full")


# On ports: a port in virtual time that is its own clock, in place of the one that the command line names.


class _Device(VirtualSystem):
    """A device on the virtual mount in the place of one on a port."""

    def require_device(self) -> None:
        """It is there."""


def _with_device(bench: Bench, what: str, *words: object) -> int:
    profile = load_profile("a6000" if "body" in what.split() else LENS)
    bench.monkeypatch.setattr(
        "lensmount_emulator.learn.port_system.PortSystem", lambda alphabet, *_, **__: _Device(alphabet, profile, 1)
    )
    return _on_port(bench, DeadPort("emount"), what, *words)


def _on_port(bench: Bench, port: DeadPort, what: str, *words: object) -> int:
    role = "body" if "body" in what.split() else "lens"
    letters = bench.folder / "port.toml"
    letters.write_text(PORT_ALPHABETS[role])
    bench.monkeypatch.setattr("lensmount_emulator.cli.ports.open_port", lambda *_arguments: port)
    bench.monkeypatch.setattr("lensmount_hardware.clock.MonotonicClock", lambda: port)
    walks = ("--walks", "2") if "check" not in what else ()
    return bench.run("learn", *what.split(), "--letters", letters, "--port", "serial:x", "--quiet", *walks, *words)


class _LostPort(DeadPort):
    """A port that goes away at the first receive."""

    def receive(self, timeout: float | None) -> list[WireEvent]:
        raise TransportLostError("dead port: it went away")


def _machine_of(bench: Bench) -> Path:
    path = bench.folder / "learned.json"
    letters = bench.folder / "port.toml"
    letters.write_text(PORT_ALPHABETS["lens"])
    words = ("--profile", LENS, "--letters", letters, "--walks", "2", "--quiet", "--output", path)
    assert bench.run("learn", "lens", *words) == 0
    return path


@case("learn check --port", "done")
def _(bench: Bench) -> int:
    return _with_device(bench, f"check {_machine_of(bench)}")


@case("learn check --port", "silence")
def _(bench: Bench) -> int:
    code = _on_port(bench, DeadPort("emount"), f"check {_machine_of(bench)}")
    assert "nothing came from the lens in " in bench.err
    return _one_line(bench, code)


@case("learn check --port", "gone")
def _(bench: Bench) -> int:
    return _one_line(bench, _on_port(bench, _LostPort("emount"), f"check {_machine_of(bench)}"))


@case("learn check --port", "exists")
def _(bench: Bench) -> int:
    (bench.folder / "x.xml").write_text("precious")
    code = _on_port(bench, DeadPort("emount"), f"check {_machine_of(bench)}", "--junit", bench.folder / "x.xml")
    assert (bench.folder / "x.xml").read_text() == "precious"
    return _one_line(bench, code)


@case("learn check --port", "nothing")
def _(bench: Bench) -> int:
    return _one_line(bench, bench.run("learn", "check", machine(bench), "--letters", _letters(bench), "--quiet"))


def _port_cases(role: str) -> None:
    verb = f"learn {role} --port"
    case(verb, "done")(lambda bench: _with_device(bench, role, "--output", bench.folder / "m.json"))
    case(verb, "gone")(lambda bench: _one_line(bench, _on_port(bench, _LostPort("emount"), role)))
    case(verb, "nothing")(lambda bench: _one_line(bench, bench.run("learn", role, "--quiet")))

    @case(verb, "silence")
    def _(bench: Bench) -> int:
        target = bench.folder / "m.json"
        code = _on_port(bench, DeadPort("emount"), role, "--output", target)
        assert f"dead port: nothing came from the {role} in " in bench.err
        assert not target.exists()
        return _one_line(bench, code)

    @case(verb, "exists")
    def _(bench: Bench) -> int:
        target = bench.folder / "m.json"
        target.write_text("precious")
        code = _on_port(bench, DeadPort("emount"), role, "--output", target)
        assert target.read_text() == "precious"
        return _one_line(bench, code)


_port_cases("lens")
_port_cases("body")
