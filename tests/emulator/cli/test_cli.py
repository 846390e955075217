"""The command line as a person uses it: forms, exit codes, one-line errors, and a light door."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lensmount_emulator.cli.main import main
from lensmount_emulator.cli.verbs import VERBS
from lensmount_protocol.dialect import load_dialect

REQUEST = "f00b0002000b6000780055"
LOG = f"""# Lens: somebody's
Body->Lens {REQUEST.upper()} 1000
Lens->Body {REQUEST.upper()} 1685
Body->Lens F00D0002000900000000180055 2174
Lens->Body F0690001 3000
"""


@pytest.fixture
def log(tmp_path: Path) -> str:
    path = tmp_path / "traffic.log"
    path.write_text(LOG)
    return str(path)


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lensmount_emulator.cli.main", *words], capture_output=True, text=True, check=False
    )


def objects(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_decode_tells_one_line_an_event(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decode", log]) == 0
    out = capsys.readouterr().out
    assert "body ─▶ 00  0B Query0B value=0x60" in out
    assert "4 bytes, source ended inside the frame: f0 69 00 01" in out


def test_decode_json_carries_what_machines_need(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decode", "--json", log]) == 0
    told = objects(capsys.readouterr().out)
    frame = next(entry for entry in told if entry["kind"] == "frame")
    assert {"kind", "t_us", "dir", "baud", "hex", "ok", "messages"} <= frame.keys()
    assert (frame["t_us"], frame["dir"], frame["baud"], frame["hex"]) == (1000.0, "body", 750_000, REQUEST)
    assert frame["messages"] == [{"type": 0x0B, "name": "Query0B", "fields": {"value": 0x60, "unknown_1": 0}}]
    garbage = next(entry for entry in told if entry["kind"] == "garbage")
    assert (garbage["ok"], garbage["reason"], garbage["hex"]) == (False, "source ended inside the frame", "f0690001")


@pytest.mark.parametrize("form", ["--lines", "--fields", "--table"])
def test_every_form_tells_every_frame(log: str, form: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decode", form, log]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in ("Query0B", "Answer0B", "Query09"))


@pytest.mark.parametrize("word", ["09", "0x09", "Query09", "query09"])
def test_only_keeps_what_was_asked_for(log: str, word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decode", "--only", word, log]) == 0
    out = capsys.readouterr().out
    assert "Query09" in out
    assert "Query0B" not in out


def test_verify_says_what_is_proven(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decode", "--verify", log]) == 0
    out = capsys.readouterr().out
    assert "verified: 3 valid frames, 3 typed, 3 rebuilt byte-identical; 0 bytes unexplained" in out
    assert "4 bytes in no frame" in out


def test_verify_fails_on_a_frame_that_no_one_can_type(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "odd.txt"
    path.write_text("Body->Lens F0090001CFEEC70155\n")
    assert main(["decode", "--verify", str(path)]) == 1
    assert (
        "NOT VERIFIED: 1 valid frames, 0 typed, 1 rebuilt byte-identical; 1 bytes unexplained"
        in capsys.readouterr().out
    )


def test_stats_and_timing_are_tables(captures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decode", "--stats", "--timing", str(captures / "a6000_sel55210_init_55.sr")]) == 0
    out = capsys.readouterr().out
    assert "03+2F   body        94    3008" in out
    assert "VD period" in out


FRAMES = {
    "a6000_ef50_viltrox_init.sr": 834,
    "a6000_sel55210_init_55.sr": 398,
    "fullinit.txt": 12,
    "mainloop_nex7_a7.txt": 4,
    "nex7-clocks-and-sync-lines.txt": 472,
    "nex7-sony-28-70mm-at-70mm.txt": 451,
    "nex7-voigtlander-15mm-closing-aperture.txt": 1858,
    "nex7-voigtlander-15mm-f4.5-inf.txt": 538,
    "nex7-zeiss-28mm-at-2.8-init.txt": 266,
}
"""Valid frames of each shared capture, as its README counts them."""


def test_every_capture_is_typed_and_rebuilt(captures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decode", "--verify", *(str(captures / name) for name in FRAMES)]) == 0
    verdicts = [line for line in capsys.readouterr().out.splitlines() if ": verified: " in line]
    for (name, frames), verdict in zip(FRAMES.items(), verdicts, strict=True):
        assert f"{name}: verified: {frames} valid frames" in verdict
        assert "0 bytes unexplained" in verdict


def test_samples_give_the_frames_beside_them(captures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sample_us = 1 / 6
    for path in sorted(captures.glob("*.sr")):
        main(["decode", "--json", str(path)])
        ours = [entry for entry in objects(capsys.readouterr().out) if entry["kind"] == "frame"]
        theirs = [json.loads(line) for line in path.with_suffix(".frames.jsonl").read_text().splitlines()]
        assert len(ours) == len(theirs)
        for our, their in zip(ours, theirs, strict=True):
            assert (our["hex"], our["dir"], our["baud"], our["pad"]) == (
                their["hex"], their["dir"], their["baud"], their.get("pad", "")
            )  # fmt: skip
            for key in ("t_us", "end_us"):
                assert our[key] == pytest.approx(their[key], abs=sample_us)
            assert our["cs_us"] == pytest.approx(their["cs_us"], abs=sample_us)


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["decode", "no/such/file"], 3, "No such file or directory"),
        (["decode", "{empty}"], 3, "the file is empty"),
        (["decode", "{noise}"], 3, "known formats"),
        (["decode", "{log}", "--dialect", "zmount"], 2, "unknown dialect 'zmount'; known: emount"),
        (["decode", "{log}", "--only", "99"], 2, "unknown message '99'; known: 01 BodyCapabilities"),
        (["decode", "{log}", "--channel", "QXD=3"], 2, "unknown line 'QXD'; known:"),
        (["decode", "{log}", "--channel", "RXD"], 2, "write LINE=PROBE"),
        (["describe", "emount", "Nothing"], 2, "unknown message 'Nothing'"),
        (["loopback", "--lens", "nifty-fifty"], 2, "unknown profile 'nifty-fifty'; `lensmount profiles` lists all"),
        (["loopback", "--do", "dance"], 2, "unknown script verb 'dance'; known:"),
        (["loopback", "--record", "no/such/folder/x.lmx"], 3, "No such file or directory"),
        (["run", "lens", "--profile", "sel55210", "--port", "carrier-pigeon:x"], 2, "carrier-pigeon"),
        (["run", "lens", "--profile", "sel55210", "--port", "serial:/dev/no-such-port"], 4, "no such port"),
        (["run", "body", "--profile", "sel55210", "--port", "pty:"], 2, "is a lens; a body is needed"),
        (["fidelity", "{log}", "--profile", "nobody"], 2, "unknown profile"),
        (
            ["run", "lens", "--profile", "sel55210", "--port", "/dev/ttyUSB0"],
            2,
            "write serial:/dev/ttyUSB0, or SCHEME:",
        ),
        (
            ["run", "lens", "--profile", "sel55210", "--port", "serial:/dev/null"],
            4,
            "/dev/null: this is no serial port",
        ),
        (["run", "lens", "--profile", "sel55210", "--port", "serial:/x?rts=LENS_SC"], 2, "unknown line 'LENS_SC'"),
        (["run", "lens", "--profile", "sel55210", "--port", "serial:/x?rts=VD"], 2, "VD is driven by the body"),
        (["run", "lens", "--profile", "sel55210", "--port", "pty:", "--do", "zoom 3"], 2, "unknown script verb"),
        (["run", "lens", "--profile", "sel55210", "--port", "rfc2217://localhost:1"], 4, "cannot connect: Connection"),
        (["export", "{log}"], 2, "export needs a recording and --output FILE"),
        (["export", "{log}", "--to", "x.xyz"], 2, "known endings: .pcapng, .sr, .vcd"),
        (["firmware", "no/such/file"], 3, "cannot be read: No such file"),
        (["firmware", "{noise}"], 3, "no firmware image"),
        (["fuzz", "replay", "no/such/file"], 3, "No such file or directory"),
        (["loopback", "--fault", "vd jitter=200"], 2, "by wants a duration up to 10 s, with its unit"),
        (["loopback", "--lens", "{typo}"], 2, "unknown key 'optcis'; known: "),
        (
            ["loopback", "--lens", "{deep}"],
            2,
            "unknown key 'focal' in [optics]; known: f_number, focal_mm, format, maker",
        ),
    ],
)
def test_bad_input_is_one_line_with_an_exit_code(
    words: list[str], code: int, text: str, log: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("empty", "noise", "typo.toml", "deep.toml")
    places = {"log": log, **{name.removesuffix(".toml"): str(tmp_path / name) for name in names}}
    head = 'profile = {name = "x", role = "lens", dialect = "lmount", title = "X"}\n'
    Path(places["typo"]).write_text(head + '[optcis]\nmaker = "Mine"\n')
    Path(places["deep"]).write_text(head + '[optics]\nmaker = "Mine"\nfocal = 50\n')
    Path(places["empty"]).write_bytes(b"")
    Path(places["noise"]).write_bytes(bytes(range(256)) * 4)
    assert main([word.format(**places) for word in words]) == code
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("lensmount: ")
    assert text in line


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["loopbak"], "lensmount: unknown verb 'loopbak'; known: bootloader, bridge, "),
        (
            ["decode"],
            "lensmount decode: the following arguments are required: FILE; `lensmount decode --help`",
        ),
        (["loopback", "--seed", "x"], "lensmount loopback: argument --seed: invalid int value: 'x'; "),
        (["prove", "emount", "--cases", "0"], "argument --cases: '0' is no count; write a whole number from 1 on; "),
        (["fuzz", "parser", "emount", "--cases", "1e6"], "lensmount fuzz parser: argument --cases: '1e6' is no count"),
        (["fuzz"], "lensmount fuzz: the following arguments are required: WHAT; "),
        (["boards", "--jsno"], "lensmount devices: unrecognized arguments: --jsno; "),
        (["--vresion"], "lensmount: "),
    ],
)
def test_wrong_words_are_one_line(words: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    told = capsys.readouterr()
    (line,) = told.err.strip().splitlines()
    assert text in line
    assert not told.out


def test_ctrl_c_while_a_verb_is_being_loaded_is_quiet(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(name: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("lensmount_emulator.cli.main.import_module", interrupted)
    assert main(["loopback"]) == 130
    assert capsys.readouterr().err == "lensmount: stopped\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_one_line() -> None:
    words = [sys.executable, "-m", "lensmount_emulator.cli.main", "profiles"]
    with open("/dev/full", "w") as full:
        ended = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (3, "lensmount: No space left on device\n")


def test_a_script_that_was_not_done_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["loopback", "--duration", "0.3", "--do", "wait 5", "--quiet"]) == 1
    told = capsys.readouterr().out.splitlines()[-1]
    assert told == (
        '  the script was not done in 0.300 s: 0 of 1 steps done, stopped at "wait 5"; --duration gives it longer'
    )


def test_what_was_decoded_before_a_bad_file_stays_told(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decode", log, "no/such/file"]) == 3
    assert "Query09" in capsys.readouterr().out


def test_loopback_twice_with_one_seed_is_one_recording(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [tmp_path / "a.lmx", tmp_path / "b.lmx"]
    for path in paths:
        assert main(["loopback", "--seed", "3", "--duration", "1.3", "--quiet", "--record", str(path)]) == 0
    assert paths[0].read_bytes() == paths[1].read_bytes()
    capsys.readouterr()
    assert main(["decode", "--verify", str(paths[0])]) == 0


def test_the_demo_tells_the_whole_scenario(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["loopback", "--demo"]) == 0
    out = capsys.readouterr().out
    beats = ["supply on", "handshake done", "switched to 1.5 Mbaud", "StartUpReply", "loops", "script: focus"]
    beats += ["focus plan at", "aperture at 0x1615 = f/8.23", "the lens sleeps", "reply 01", "0 errors"]
    assert [beat for beat in beats if beat not in out] == []


def test_describe_shows_offsets_units_and_evidence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["describe", "emount", "0x05"]) == 0
    out = capsys.readouterr().out
    assert "0x05 LensStatus, lens to body" in out
    assert "f0-1    2      aperture" in out
    assert "evidence: captured (SIG, LEX)" in out
    assert main(["describe", "emount", "05", "--json"]) == 0
    (told,) = objects(capsys.readouterr().out)
    assert told["size"] == 109
    assert not told["guarded"]


def test_describe_says_which_end_may_not_send_a_guarded_message(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["describe", "emount", "0x40"]) == 0
    body, lens = capsys.readouterr().out.split("0x40 ServiceReply40, ")
    assert "guarded: never sent to a device unless a run allows it by name" in body
    assert "guarded" not in lens
    assert main(["describe", "emount", "0x40", "--json"]) == 0
    assert [one["guarded"] for one in objects(capsys.readouterr().out)] == [True, False]


@pytest.mark.parametrize("verb", ["dialects", "profiles"])
def test_lists_are_for_people_and_machines(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb]) == 0
    assert "emount" in capsys.readouterr().out
    assert main([verb, "--json"]) == 0
    assert objects(capsys.readouterr().out)


def test_profiles_are_listed_by_dialect_with_its_notice_behind(capsys: pytest.CaptureFixture[str]) -> None:
    notice = load_dialect("lmount").notice
    assert main(["profiles", "--dialect", "lmount", "--role", "accessory"]) == 0
    text = capsys.readouterr().out
    assert text.count(notice) == 1
    assert "sigma-tc-1411 " in text
    assert "sigma-fp" not in text
    assert main(["profiles", "--dialect", "emount"]) == 0
    assert notice not in capsys.readouterr().out
    assert main(["profiles", "--json"]) == 0
    text = capsys.readouterr().out
    assert notice not in text
    assert {told["role"] for told in objects(text)} == {"lens", "body", "accessory"}


def test_help_names_every_verb_and_exit_code() -> None:
    result = run("--help")
    assert result.returncode == 0
    assert all(verb in result.stdout for verb in VERBS)
    assert "exit codes:" in result.stdout
    assert run().returncode == 0
    assert run("fly").returncode == 2


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb: str) -> None:
    result = run(verb, "--help")
    assert result.returncode == 0
    assert "usage: lensmount " + verb in result.stdout


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom lensmount_emulator.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'numpy', 'construct', 'rich', 'serial', 'hypothesis', 'asyncio', 'importlib.metadata', 'typing'}\n"
        "heavy &= set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_a_shadow_starts_without_numpy() -> None:
    code = (
        "import sys, lensmount_emulator.fidelity.shadow, lensmount_emulator.roles.emount.fidelity\n"
        "sys.exit('imported numpy' if 'numpy' in sys.modules else 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("form", ["--json", "--lines", "--fields", "--table", "--only=0B"])
@pytest.mark.parametrize("suffix", [".lmx", ".txt", ".frames.jsonl"])
def test_decode_imports_only_what_it_prints_with(tmp_path: Path, form: str, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    said = f'"t_us":1,"dir":"body","baud":750000,"hex":"{REQUEST}"'
    contents = {".txt": LOG, ".frames.jsonl": f"{{{said}}}\n"}
    path.write_text(contents.get(suffix, f'{{"lensmount":"recording","version":1}}\n{{{said}}}\n'))
    code = (
        "import sys\nfrom lensmount_emulator.cli.main import main\n"
        f"code = main(['decode', {form!r}, {str(path)!r}])\n"
        "heavy = {'numpy', 'rich', 'asyncio', 'hypothesis', 'serial'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else code)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "Query0B" in result.stdout


@pytest.mark.parametrize("verb", ["explain", "twin", "fidelity --profile voigtlander-15"])
def test_long_work_on_a_capture_shows_progress_beside_the_output(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lensmount_emulator.cli.options.LONG_FILE", 0)
    monkeypatch.setattr("lensmount_emulator.reports.console.LINE_INTERVAL", 0.0)
    path = tmp_path / "a.lmx"
    main(["loopback", "--lens", "voigtlander-15", "--script", "wait 0.5", "--quiet", "--record", str(path)])
    capsys.readouterr()
    assert main([*verb.split(), str(path), "--json"]) == 0
    out, err = capsys.readouterr()
    assert isinstance(json.loads(out), dict)
    assert "a.lmx: 100 %" in err
    main([*verb.split(), str(path), "--quiet"])
    assert capsys.readouterr().err == ""


def test_decode_measures_the_timing_of_a_recording(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.lmx"
    assert main(["loopback", "--quiet", "--seed", "3", "--record", str(path)]) == 0
    of_session = met_rules(capsys.readouterr().out)
    assert main(["decode", "--timing", str(path)]) == 0
    assert len(of_session) > 20
    assert met_rules(capsys.readouterr().out) == of_session


def met_rules(table: str) -> list[list[str]]:
    """Name, count, bounds and violations of each rule that was met; a recording rounds times, so not the spread."""
    rows = [line.split() for line in table.splitlines() if " … " in line]
    return [row[:-7] + row[-4:] for row in rows if row[-1] != "-"]


def test_reader_that_closes_the_pipe_ends_a_verb_quietly_with_141() -> None:
    # More than a pipe holds, so the writer is still at work when the reader ends, which reads nothing at all.
    command = f"{sys.executable} -m lensmount_emulator.cli.main describe lmount --code | true"
    result = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (141, "")


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_output_streams_do_not_change_the_verdict(closed: str, log: str) -> None:
    command = f"{sys.executable} -m lensmount_emulator.cli.main decode --quiet --verify {log} {closed}"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert result.returncode == 0
    assert "defect" not in result.stderr
