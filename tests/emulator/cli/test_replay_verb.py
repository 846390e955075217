"""`lensmount replay` on stories: one command plays whatever is in the file, and nothing that can hurt leaves it."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from lensmount_emulator.cli.main import main
from lensmount_emulator.fuzz.device.config import make_config
from lensmount_emulator.fuzz.device.finding import FindingContext, make_scenario, write_finding
from lensmount_emulator.fuzz.scenario import Scenario, write_scenario
from lensmount_emulator.fuzz.scenario_runner import run_scenario
from lensmount_hardware.captures.lmx import RecordingWriter
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.wire import Burst, Role

from .conftest import pty_pair  # noqa: TID252  helpers of this folder

LMOUNT = load_dialect("lmount")
OFFER = LMOUNT.build_frame(LMOUNT.messages[Role.BODY, 0x60]().build(), 3, 7)
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def story(tmp_path: Path) -> Path:
    path = tmp_path / "story.lmx"
    outcome = run_scenario(Scenario("lmount", "sigma-fp", "sigma-45mm-f2.8-dg-dn", steps=("wait 0.2", "detach")))
    write_scenario(path, outcome.scenario, outcome.records)
    return path


@pytest.fixture
def finding(tmp_path: Path) -> Path:
    path = tmp_path / "finding.lmx"
    told = make_scenario(make_config("lmount", Role.LENS), ("wait 0.1",), "dead")
    write_finding(path, told, FindingContext("lens", "serial:x", (), "", "dead", "certain, 3 of 3", "", False), ())
    return path


@contextmanager
def port() -> Iterator[tuple[int, str]]:
    with pty_pair() as (near, path):
        os.set_blocking(near, False)
        yield near, f"serial:{path}"


def said(near: int) -> bytes:
    heard = b""
    with suppress(BlockingIOError):
        while True:
            heard += os.read(near, 4096)
    return heard


def error_of(capsys: Captured, code: int, *words: str) -> str:
    capsys.readouterr()
    assert main(["replay", *words]) == code
    (line,) = capsys.readouterr().err.strip().splitlines()
    return line


@pytest.mark.parametrize("words", [[], ["--json"], ["--test"]], ids=str)
@pytest.mark.parametrize("kind", ["story", "finding"])
def test_a_scenario_is_played_as_by_the_fuzzer_itself(
    kind: str, words: list[str], request: pytest.FixtureRequest, capsys: Captured
) -> None:
    file = str(request.getfixturevalue(kind))
    outputs = list[str]()
    for verb in (["replay"], ["fuzz", "replay"]):
        assert main([*verb, file, *words]) == 0
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1]
    assert {"[]": "nothing is broken" if kind == "story" else "1x well", "['--json']": '"broke": ',
            "['--test']": "def test_"}[str(words)] in outputs[0]  # fmt: skip


def test_what_is_still_broken_ends_with_one(story: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    from lensmount_emulator.roles.lmount.lens import engine

    def fails(*_: object) -> None:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(engine.LensEngine, "on_line", fails)
    assert main(["replay", str(story)]) == 1
    assert "ZeroDivisionError: planted" in capsys.readouterr().out


def test_one_end_of_a_scenario_is_a_capture_like_any_other(story: Path, capsys: Captured) -> None:
    with port() as (near, spec):
        assert main(["replay", str(story), "--as", "body", "--port", spec, "--json"]) == 4
        assert said(near)
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert summary["kind"] == "summary"
    assert summary["missed"] == 0 < summary["done"]
    assert [lack["kind"] for lack in summary["verdict"]["lacks"]] == ["silence"]


def test_a_virtual_session_tells_in_json_whether_it_is_the_same(tmp_path: Path, capsys: Captured) -> None:
    path = tmp_path / "session.lmx"
    assert main(["loopback", "--seed", "3", "--do", "wait 0.1", "--quiet", "--record", str(path)]) == 0
    capsys.readouterr()
    assert main(["replay", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["identical"] is True
    path.write_text(path.read_text().replace('"seed":3', '"seed":4'))
    assert main(["replay", str(path), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["identical"] is False
    assert told["line"] > 1


def test_what_cannot_be_played_is_reported_in_one_line(
    story: Path, finding: Path, tmp_path: Path, capsys: Captured
) -> None:
    assert "choose it with --role" in error_of(capsys, 2, str(story), "--wait")
    assert "a scenario of two engines, without a device" in error_of(capsys, 2, str(story), "--port", "pty:")
    assert "nothing was played" in error_of(capsys, 4, str(finding), "--port", "pty:", "--greeting", "0.2")
    text = story.read_text()
    for wrong, right, told in (
        ('"scenario":{"version":2', '"scenario":{"version":7', "scenario version 7; this program reads versions 1 "),
        ('"scenario":{', '"scenario":[],"tale":{', "holds no scenario"),
        ('{"version":2,"dialect":"lmount"', '{"version":2,"dialect":"fmount"', "the scenario is of 'fmount'"),
        ('{"version":2,"dialect":"lmount"', '{"version":2,"dialect":"emount"', "the scenario is of 'emount'"),
        ('"wait 0.2"', '"dance"', "dance"),
    ):
        assert wrong in text
        story.write_text(text.replace(wrong, right))
        line = error_of(capsys, 2, str(story))
        assert told in line
        assert line.startswith(f"lensmount: {story}: ")
    plain = tmp_path / "plain.lmx"
    RecordingWriter(plain, {"dialect": "lmount"}).close()
    assert "the recording holds no scenario" in error_of(capsys, 2, str(plain), "--test")


def recorded(path: Path, *parts: bytes, baudrate: int = 750_000) -> str:
    """A recording of a body that says these parts, one a write."""
    with RecordingWriter(path, {"dialect": "lmount"}) as recording:
        for number, part in enumerate(parts):
            recording.write(Burst(number * 1e-3, Role.BODY, part, baudrate))
    return str(path)


@pytest.mark.parametrize("cut", [0, 1, 3, 5, 9, len(OFFER) - 1])
def test_firmware_messages_leave_no_recording_unless_they_are_allowed(
    cut: int, tmp_path: Path, capsys: Captured
) -> None:
    file = recorded(tmp_path / "update.lmx", *(part for part in (OFFER[:cut], OFFER[cut:]) if part))
    with port() as (near, spec):
        words = [file, "--as", "body", "--port", spec]
        assert "UpdateOffer (0x60)" in error_of(capsys, 2, *words)
        assert "nothing was sent" in error_of(capsys, 2, *words, "--allow", "garbage")
        assert "nothing was sent" in error_of(capsys, 2, *words, "--allow", "UpdateBlock", "--allow", "garbage")
        assert said(near) == b""
        assert main(["replay", *words, "--allow", "UpdateOffer"]) == 0
        assert said(near) == OFFER


def test_what_only_a_lax_reader_would_take_is_held_back_too(tmp_path: Path, capsys: Captured) -> None:
    hurt = bytes((*OFFER[:-1], OFFER[-1] ^ 1))
    file = recorded(tmp_path / "hurt.lmx", hurt)
    with port() as (near, spec):
        words = [file, "--as", "body", "--port", spec, "--allow", "garbage"]
        assert "UpdateOffer (0x60) in a damaged frame" in error_of(capsys, 2, *words)
        assert said(near) == b""
        assert main(["replay", *words, "--allow", "UpdateOffer"]) == 0
        assert said(near) == hurt


def test_a_rate_at_which_bytes_are_others_is_allowed_as_garbage(tmp_path: Path, capsys: Captured) -> None:
    cls = next(
        one
        for (role, type_), one in LMOUNT.messages.items()
        if role is Role.BODY and type_ not in LMOUNT.protected_types
    )
    frame = LMOUNT.build_frame(cls().build(), 1, 7)
    file = recorded(tmp_path / "slow.lmx", frame, baudrate=9600)
    with port() as (near, spec):
        words = [file, "--as", "body", "--port", spec]
        assert "9600 baud, which is no rate of lmount" in error_of(capsys, 2, *words)
        assert said(near) == b""
        assert main(["replay", *words, "--allow", "garbage"]) == 0
        assert said(near) == frame
