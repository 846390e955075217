"""What `lensmount new` writes: a dialect that every verb knows at once, a fault, a profile, a test repository."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from lensmount_emulator.cli.main import main
from lensmount_emulator.faults import registry
from lensmount_emulator.firmware.build import find_compiler
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.scaffold.render import package_words, render_scaffold
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_emulator.testing import conformance
from lensmount_protocol.errors import FirmwareError

NEW = ("acme",)
"""The dialect that these tests make."""


@pytest.mark.usefixtures("offered")
def test_new_dialect_plays_with_every_verb(
    package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    commands = [
        "loopback --dialect acme --demo --record one.lmx",
        "decode one.lmx --verify",
        "explain one.lmx",
        "replay one.lmx",
        "export one.lmx --output one.pcapng",
        "export one.lmx --output one.sr --samplerate 4M",
        "matrix --dialect acme --jobs 1 --quiet",
        "profiles --dialect acme",
        "describe acme",
        "describe acme Status",
        "describe acme --states",
        "verify-codec acme --cases 50 --quiet",
        "verify-codec acme --exports --cases 50 --decoder tables --quiet",
        "fuzz parser acme --cases 200 --quiet",
        "fuzz session --dialect acme --steps 300 --output-dir found --quiet",
        "export --dissector acme",
        *(
            f"export --from-dialect acme --format {name} --output out-{name} --quiet"
            for name in ("c", "wireshark", "sigrok", "saleae", "kaitai", "json", "markdown")
        ),
    ]
    for command in commands:
        assert main(command.split()) == 0, f"{command}: {capsys.readouterr().err}"
    for command in re.findall("^lensmount (export .*)$", (package / "README.md").read_text(), re.MULTILINE):
        assert main(command.split()) == 0, f"{command}: {capsys.readouterr().err}"
    # Wireshark loads no file with another suffix.
    assert Path("lensmount_acme.lua").is_file()
    capsys.readouterr()
    assert main(["loopback", "--dialect", "acme", "--lens", "sel55210"]) == 2
    assert "profile 'sel55210' is of the dialect emount, not of acme" in capsys.readouterr().err


@pytest.mark.usefixtures("offered")
def test_new_dialect_conforms(capsys: pytest.CaptureFixture[str]) -> None:
    assert conformance.main(["acme"]) == 0, capsys.readouterr().out
    assert "0 failed" in capsys.readouterr().out


@pytest.mark.usefixtures("offered")
def test_guarded_message_of_a_new_dialect_needs_permission() -> None:
    from lensmount_emulator.sessions.loopback import make_virtual_session
    from lensmount_protocol.errors import LocalProtocolError

    session = make_virtual_session("acme-body", "acme-lens")
    session.start()
    session.run(0.1)
    erase = next(cls for cls in session.dialect.messages.values() if cls.__name__ == "EraseSettings")
    with pytest.raises(LocalProtocolError, match="can damage a device"):
        session.body.connection.send([erase()], 2, 0)


@pytest.mark.usefixtures("offered")
def test_new_dialect_recovers_from_its_faults() -> None:
    for fault in ("bitflip rate=1e-3", "detach at=0.2s for=100ms", "brownout at=0.2s for=50ms", "drop rate=1e-3"):
        session = run_loopback(
            "acme-body", "acme-lens", script="focus 700; sleep; wake; focus 20", seed=1, faults=[fault]
        )
        assert session.finished, fault


@pytest.mark.usefixtures("offered")
def test_a_slow_lens_of_a_new_dialect_keeps_its_answer_time(package: Path, tmp_path: Path) -> None:
    own = (package / "src" / "lensmount_acme" / "profiles" / "acme-lens.toml").read_text()
    lens = tmp_path / "slow.toml"
    lens.write_text("answer_us = 4500.0\n" + own.replace('name = "acme-lens"', 'name = "slow"'))
    # Some orders come while the answer to a frame of the cycle waits.
    script = "; ".join(f"focus {position}; wait 0.00{position % 7}" for position in range(100, 130))
    session = run_loopback("acme-body", str(lens), script=script, seed=1)
    assert session.finished
    answered = {rule.rule.name: rule for rule in session.timing}["focus answered"]
    assert len(answered.intervals) == 30
    assert [rule.rule.name for rule in session.timing if rule.violations] == []


@pytest.mark.usefixtures("offered")
@pytest.mark.parametrize(
    ("fault", "blames", "later", "not_blamed"),
    [
        ("", "Nothing went wrong. The loop ran from", "", "The source does not hold every line"),
        (
            "stuck-bytes level=high from=lens at=0.2s for=200ms",
            "The lens stopped sending the status (A0)",
            "the lens did not answer the focus drive (10)",
            "no reason to ask again",
        ),
    ],
)
def test_explanations_of_a_new_dialect_blame_the_right_end(
    fault: str, blames: str, later: str, not_blamed: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(tmp_path / "session.lmx")
    options = ["--fault", fault] if fault else []
    script = "wait 0.3; focus 700; focus 20"
    main(["loopback", "--dialect", "acme", "--script", script, "--quiet", "--record", file, *options])
    capsys.readouterr()
    main(["explain", file])
    text = capsys.readouterr().out
    assert text.startswith(blames)
    assert later in text
    assert not_blamed not in text


def test_templates_are_formatted_and_linted(package: Path) -> None:
    words = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--isolated",
        "--select",
        "E,F,B,UP",
        "--line-length",
        "120",
    ]
    done = subprocess.run([*words, str(package)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout
    words = [sys.executable, "-m", "ruff", "format", "--isolated", "--check", "--line-length", "120", str(package)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout


def test_names_with_hyphens_make_a_package(tmp_path: Path) -> None:
    words = package_words("big-mount-2")
    assert words["package"] == "lensmount_big_mount_2"
    assert (words["Class"], words["UPPER"]) == ("BigMount2", "BIG_MOUNT_2")
    for name, text in render_scaffold("dialect", words).items():
        assert "__" not in name.replace("__init__", "")
        if name.endswith(".py"):
            compile(text, name, "exec")
        assert "${" not in text


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["dialect", "Acme"], 2, "is no name for a dialect; write small letters"),
        (["dialect", "a/../b"], 2, "is no name for a dialect"),
        (["dialect", "class"], 2, "is a word of Python's own"),
        (["dialect", "emount"], 2, "a dialect 'emount' is installed already"),
        (["dialect", "a" * 41], 2, "at most 40"),
        (["fault", "bitflip"], 2, "a fault 'bitflip' is installed already"),
        (["profile", "a6000", "--like", "nex7"], 2, "a profile 'a6000' is installed already"),
        (["profile", "mine", "--like", "no-such"], 2, "unknown profile 'no-such'"),
        (["test", "bench"], 2, "name --dialect, --body or --lens; dialects: emount"),
        (["test", "bench", "--dialect", "zmount"], 2, "unknown emulated dialect 'zmount'"),
        (["test", "bench", "--body", "a6000", "--lens", "sigma-45mm-f2.8-dg-dn"], 2, "one dialect is needed"),
    ],
)
def test_bad_names_are_refused_in_one_line(
    words: list[str], code: int, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", *words]) == code
    error = capsys.readouterr().err
    assert text in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_nothing_is_replaced_without_force(package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["new", "dialect", "acme", "--output", str(package)]
    assert main(words) == 3
    assert "exists already" in capsys.readouterr().err
    assert main([*words, "--force", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["files"]) == len(render_scaffold("dialect", package_words("acme")))


def test_new_profile_has_every_value_of_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", "profile", "mylens", "--like", "sel55210"]) == 0
    made, other = load_profile("mylens.toml"), load_profile("sel55210")
    assert (made.name, made.title) == ("mylens", "mylens, made from sel55210")
    assert made.settings == other.settings


def test_new_fault_strikes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, offer: Callable[[list[EntryPoint]], None]
) -> None:
    folder = tmp_path / "shift"
    assert main(["new", "fault", "shift", "--output", str(folder), "--quiet"]) == 0
    monkeypatch.syspath_prepend(str(folder / "src"))
    offer([EntryPoint("shift", "lensmount_shift:Shift", registry.ENTRY_POINTS)])
    registry.known_faults.cache_clear()
    plain, struck = (run_loopback(seconds=0.5, seed=1, faults=faults) for faults in ([], ["shift rate=0.05 add=3"]))
    registry.known_faults.cache_clear()
    assert plain.records != struck.records


def test_new_test_repository_passes(tmp_path: Path) -> None:
    folder = tmp_path / "bench"
    assert main(["new", "test", "bench", "--dialect", "lmount", "--output", str(folder), "--quiet"]) == 0
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "filterwarnings="]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=120)
    assert "3 passed, 1 skipped" in done.stdout, done.stdout + done.stderr


LMOUNT_HEADERS = {"device_bytes.h", "lmount_frame.h"}
LENS_HEADERS = LMOUNT_HEADERS | {"lmount_lens_link.h", "lmount_lens_commands.h", "lmount_lens_events.h"}
HEADERS = {
    ("lens", "emount"): {"device_bytes.h", "emount_frame.h", "emount_lens_link.h", "emount_lens_stream.h"},
    ("lens", "lmount"): LENS_HEADERS,
    ("body", "lmount"): LMOUNT_HEADERS | {"lmount_body_link.h"},
    ("adapter", "lmount"): LENS_HEADERS | {"emount_frame.h", "emount_body_link.h", "emount_body_sequence.h"},
}


@pytest.mark.parametrize(("role", "dialect"), HEADERS)
def test_new_firmware_builds_and_passes_the_checks(
    role: str, dialect: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", "firmware", "mine", "--role", role, "--dialect", dialect]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "next: cd mine && make check session"
    source = tmp_path / "mine" / "mine.c"
    assert "lensmount firmware build mine.c" in source.read_text()
    headers = {file.name for file in source.parent.glob("*.h")}
    assert headers == HEADERS[role, dialect]
    rule = re.search(r"^mine.so: (.*)$", (source.parent / "Makefile").read_text(), re.MULTILINE)
    assert rule
    assert set(rule[1].split()) == {"mine.c", *headers}
    compile((tmp_path / "mine" / "tests" / "test_firmware.py").read_text(), "test_firmware.py", "exec")
    try:
        find_compiler()
    except FirmwareError as error:
        pytest.skip(str(error))
    assert main(["firmware", "build", str(source), "--option=-O0", "--quiet"]) == 0
    makefile = (tmp_path / "mine" / "Makefile").read_text()
    script = re.search(r"firmware check ./mine.so --script '(.*)'", makefile)
    assert script
    assert main(["firmware", "check", "./mine.so", "--script", script[1]]) == 0, capsys.readouterr().out


def test_firmware_without_an_example_is_refused_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "firmware", "mine", "--dialect", "fuji-g"]) == 2
    error = capsys.readouterr().err
    assert "there is no example of a lens of fuji-g; there are: " in error
    assert error.count("\n") == 1
