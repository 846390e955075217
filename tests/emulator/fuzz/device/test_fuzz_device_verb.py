"""`lensmount fuzz lens|body` on a real port: a served device that crashes, and all that can go wrong around it."""

import io
import json
import os
import resource
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from measure_detection import Served, forbidden_in, hunt, replayed

from lensmount_emulator.cli.main import main
from lensmount_emulator.fuzz.device.config import make_config
from lensmount_emulator.fuzz.device.finding import FindingContext, make_scenario, read_finding, write_finding
from lensmount_hardware.captures.formats import open_capture
from lensmount_hardware.clock import MonotonicClock
from lensmount_hardware.output_file import partial_path
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.dialects.lmount.focus import FocusDrive
from lensmount_protocol.wire import Annotation, Burst, Role

LMOUNT = load_dialect("lmount")
FAR = f"send body {LMOUNT.build_frame(FocusDrive(number=5, value=70_000).build(), 3, 9).hex()}"
QUICK = ("--answer", "0.3", "--greeting", "1.0", "--power-cycles", "1000")


def finding(folder: Path, **changes: object) -> Path:
    """A file of a lens that dies of a focus that is too far."""
    setup = make_config("lmount", Role.LENS)
    told = {"role": "lens", "port": "serial:x", "lines": (), "identity": "", "kind": "dead", "repeats": "",
            "recovered_by": "", "twin": False}  # fmt: skip
    path = folder / "finding.lmx"
    whose = FindingContext(**{**told, **changes})  # type: ignore[arg-type]
    write_finding(path, make_scenario(setup, (FAR,), "dead"), whose, (), overwrite=True)
    return path


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    clock = MonotonicClock()
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert clock.now() < 20
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.05)


def fuzzing(served: Served, folder: Path, *more: str) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "lensmount_emulator.cli.main", "fuzz", "lens", "--dialect", "lmount", "--json",
             "--port", f"serial:{served.link}", "--folder", str(folder), "--seconds", "60", *QUICK, *more]  # fmt: skip
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_served_lens_is_broken_brought_back_and_told_of_in_files(tmp_path: Path) -> None:
    found = tmp_path / "found"
    with Served("lmount", "lens", tmp_path, 1) as served:
        # The first case of this seed is one that strikes.
        report = hunt(
            served, "lmount", "lens", found, "--seconds", "9", "--seed", "314", "--repeats", "2", "--tries", "2", *QUICK
        )
        struck = served.struck
        (tmp_path / "log").write_text("")
        files = [Path(one["file"]) for one in report["findings"] if one["kind"].startswith("dead")]  # type: ignore[attr-defined]
        port, cycle = f"serial:{served.link}", served.power_cycle
        assert main(["fuzz", "replay", str(files[0]), "--port", port, "--power-cycle", cycle, *QUICK[:4]]) == 1
        assert served.struck == struck
    assert struck == {"crash: a payload of more than 100 bytes"}
    assert replayed("lmount", "lens", files[0]) == struck
    assert report["power cycles"] >= 1  # type: ignore[operator]
    assert forbidden_in("lmount", "lens", (tmp_path / "heard").read_bytes()) == []
    assert not (found / "under-way.lmx").exists()


def test_a_served_body_is_fuzzed_as_well(tmp_path: Path) -> None:
    with Served("lmount", "body", tmp_path, 0) as served:
        report = hunt(served, "lmount", "body", tmp_path / "found", "--seconds", "3", "--cases", "20", *QUICK)
    assert report["device"] == "body"
    assert report["cases"] > 3  # type: ignore[operator]
    assert forbidden_in("lmount", "body", (tmp_path / "heard").read_bytes()) == []


def test_what_kills_us_leaves_the_last_case_and_every_byte_on_the_disk(tmp_path: Path) -> None:
    found = tmp_path / "found"
    with Served("lmount", "lens", tmp_path, 0) as served:
        process = fuzzing(served, found)
        wait_for(found / "under-way.lmx", process)
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.5)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        with suppress(subprocess.TimeoutExpired):
            served.process.wait(0.2)
        heard = (tmp_path / "heard").read_bytes()
    story, whose = read_finding(found / "under-way.lmx")
    assert whose.kind == "under way"
    assert not (found / "run-1.lmx").exists()
    records = list(open_capture(partial_path(found / "run-1.lmx"), LMOUNT.wiring).records)
    cases = [record.text for record in records if isinstance(record, Annotation) and record.text.startswith("case ")]
    assert cases
    assert cases[-1].split(": ", 1)[1] == "; ".join(story.steps[1:])
    recorded = b"".join(record.data for record in records if isinstance(record, Burst) and record.sender is Role.BODY)
    assert len(heard) > 100
    assert recorded.startswith(heard)


def test_ctrl_c_ends_it_and_keeps_what_there_is(tmp_path: Path) -> None:
    found = tmp_path / "found"
    with Served("lmount", "lens", tmp_path, 0) as served:
        process = fuzzing(served, found)
        wait_for(found / "under-way.lmx", process)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert err.strip().endswith("lensmount: stopped")
    report = json.loads(out)
    assert report["ended"] == "stopped by Ctrl-C"
    assert report["cases"] >= 1
    assert (found / "run-1.lmx").stat().st_size > 1000
    assert not (found / "under-way.lmx").exists()


def test_a_full_disk_is_reported_in_one_line_and_nothing_finished_is_lost(tmp_path: Path) -> None:
    found = tmp_path / "found"
    found.mkdir()
    kept = finding(found)
    with Served("lmount", "lens", tmp_path, 0) as served:
        words = ["fuzz", "lens", "--dialect", "lmount", "--port", f"serial:{served.link}", "--folder", str(found)]
        came = subprocess.run(
            [sys.executable, "-m", "lensmount_emulator.cli.main", *words],
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000)),
        )
    assert came.returncode == 3
    assert "run-1.lmx: File too large; what was recorded until then is in " in came.stderr
    assert len(came.stderr.strip().splitlines()) == 1
    assert "ended: " in came.stdout
    assert read_finding(kept)
    assert partial_path(found / "run-1.lmx").stat().st_size > 50_000


def test_a_device_that_stays_dead_ends_the_run_with_its_own_code(tmp_path: Path) -> None:
    with Served("lmount", "lens", tmp_path, None) as served:
        process = fuzzing(served, tmp_path / "found", "--repeats", "1")
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 5
    report = json.loads(out)
    assert report["ended"] == "the device does not recover, and no operator is there to recover it"
    assert report["findings"][-1]["repeats"] == "not repeated, 0 of 0"
    assert Path(report["findings"][-1]["file"]).exists()


def test_a_power_cycle_command_that_fails_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Served("lmount", "lens", tmp_path, None) as served:
        words = ["--port", f"serial:{served.link}", "--folder", str(tmp_path / "found"), *QUICK]
        code = main(["fuzz", "lens", "--dialect", "lmount", "--power-cycle", "echo no relay >&2; exit 3", *words])
    assert code == 4
    assert "power-cycle command 'echo no relay >&2; exit 3': exit code 3: no relay" in capsys.readouterr().err


def test_a_person_is_asked_on_the_terminal_and_may_be_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Served("lmount", "lens", tmp_path, None) as served:
        words = ["fuzz", "replay", str(finding(tmp_path)), "--port", f"serial:{served.link}", *QUICK[:4]]
        assert main(words) == 1
        # It is dead now, and the one who is asked has gone home.
        monkeypatch.setattr("sys.stdin", io.StringIO(""))
        words = ["fuzz", "lens", "--dialect", "lmount", "--port", f"serial:{served.link}", "--ask", *QUICK[:4]]
        assert main([*words, "--folder", str(tmp_path / "found")]) == 4
        # Or has seen to it, as soon as asked.
        monkeypatch.setattr("sys.stdin", _Person(served))
        assert main([*words, "--folder", str(tmp_path / "found"), "--cases", "3", "--seconds", "20"]) in (0, 1)
    assert "switch it off and on, then press Enter" in capsys.readouterr().err


class _Person(io.StringIO):
    def __init__(self, served: Served) -> None:
        super().__init__()
        self._served = served

    def readline(self, *_: object) -> str:
        subprocess.run(self._served.power_cycle, shell=True, check=True)
        return "\n"


def error_of(capsys: pytest.CaptureFixture[str], code: int, *words: str) -> str:
    assert main(["fuzz", *words]) == code
    (line,) = capsys.readouterr().err.strip().splitlines()
    return line


def test_what_is_missing_or_strange_is_reported_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = ("--folder", str(tmp_path / "found"))
    assert "/dev/ttyMissing" in error_of(capsys, 4, "lens", "--port", "serial:/dev/ttyMissing", *folder)
    assert "unknown scheme" in error_of(capsys, 2, "lens", "--port", "smoke:x", *folder)
    assert "unknown emulated dialect" in error_of(capsys, 2, "lens", "--port", "pty:", "--dialect", "fmount", *folder)
    assert "guarded message" in error_of(capsys, 2, "lens", "--port", "pty:", "--allow", "Everything", *folder)
    line = error_of(capsys, 4, "lens", "--port", "pty:", "--greeting", "0.2", *folder)
    assert "the lens does not start a session of emount: no bytes received" in line
    (tmp_path / "file").write_text("")
    assert "file" in error_of(capsys, 3, "lens", "--port", "pty:", "--folder", str(tmp_path / "file"))


def test_a_finding_of_version_1_is_read(tmp_path: Path) -> None:
    path = finding(tmp_path, allowed=("0x7d",), recovered_by="a power cycle")
    now = read_finding(path)
    text = path.read_text()
    for new, old in (('"device":{"version":2', '"device":{"version":1'), ('"allowed":', '"armed":'),
                     ('"recovered_by":', '"rung":')):  # fmt: skip
        assert new in text
        text = text.replace(new, old)
    path.write_text(text)
    assert read_finding(path) == now


def test_replay_files_of_others_are_reported_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = finding(tmp_path)
    text = path.read_text()
    for wrong, right, said in (
        ('"device":{"version":2', '"device":{"version":9', "finding version 9; this program reads versions 1 and 2"),
        (
            '"scenario":{"version":2',
            '"scenario":{"version":7',
            "scenario version 7; this program reads versions 1 and 2",
        ),
        ('"version":2,"role"', '"version":1,"rong"', "its data on the device is damaged"),
        ('"role":"lens"', '"role":"tripod"', "its data on the device is damaged"),
        ('"version":2,"dialect":"lmount"', '"version":2,"dialect":"fmount"', "unknown emulated dialect 'fmount'"),
        (FAR, "fault 0 brownout", "unknown device scenario step 'fault'"),
    ):
        assert wrong in text
        path.write_text(text.replace(wrong, right))
        assert said in error_of(capsys, 2, "replay", str(path))
    path.write_text(text.replace('"device":{', '"nothing":{'))
    assert "a scenario of two engines, without a device" in error_of(capsys, 2, "replay", str(path), "--port", "pty:")
    silent = error_of(capsys, 4, "replay", str(finding(tmp_path)), "--port", "pty:", "--greeting", "0.2")
    assert "does not establish a session; nothing was played" in silent


def test_a_finding_of_another_device_is_not_played_by_mistake(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = finding(tmp_path, identity="Somebody Else's 50 mm")
    with Served("lmount", "lens", tmp_path, None) as served:
        port, cycle = f"serial:{served.link}", served.power_cycle
        line = error_of(capsys, 2, "replay", str(path), "--port", port, *QUICK[:4])
        assert "it is about Somebody Else's 50 mm; at " in line
        assert bytes.fromhex(FAR.split()[2]) not in (tmp_path / "heard").read_bytes()
        words = [
            "fuzz",
            "replay",
            str(path),
            "--port",
            port,
            "--any-device",
            "--json",
            "--power-cycle",
            cycle,
            *QUICK[:4],
        ]
        assert main([*words, *QUICK[:4]]) == 1
        report = json.loads(capsys.readouterr().out)
    assert report["broke"] == 1


def test_a_replay_says_what_was_held_back_and_what_had_been_allowed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = finding(tmp_path, allowed=("0x7d",))
    story, whose = read_finding(path)
    frame = LMOUNT.build_frame(bytes((0x7D, 1, 0, 0)), 3, 9).hex()
    write_finding(path, replace(story, steps=(*story.steps, f"send body {frame}")), whose, (), overwrite=True)
    main(["fuzz", "replay", str(path), "--json"])
    assert json.loads(capsys.readouterr().out)["held back"] == {}
    with Served("lmount", "lens", tmp_path, 0) as served:
        words = ["fuzz", "replay", str(path), "--port", f"serial:{served.link}", *QUICK[:4]]
        assert main(words) == 1
        out, err = capsys.readouterr()
        assert "1x held back: " in out
        assert err.endswith(
            ": 1 sends were held back, so the scenario was not played in full; --allow lets them pass\n"
        )
        assert "it was found with --allow 0x7d" in out
        assert bytes.fromhex(frame) not in (tmp_path / "heard").read_bytes()
        main([*words, "--allow", "0x7d"])
        assert "held back" not in capsys.readouterr().out
        assert bytes.fromhex(frame) in (tmp_path / "heard").read_bytes()


def test_without_a_port_a_finding_is_played_on_the_twin(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fuzz", "replay", str(finding(tmp_path))]) == 0
    assert "1x well" in capsys.readouterr().out
    assert main(["fuzz", "replay", str(finding(tmp_path)), "--test"]) == 0
    assert "def test_finding" in capsys.readouterr().out
