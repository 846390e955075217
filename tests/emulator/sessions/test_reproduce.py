"""A recording of a virtual session runs again from its header, byte for byte, or says where it did not."""

from pathlib import Path

import pytest

from lensmount_emulator.cli.main import main
from lensmount_emulator.sessions.reproduce import rerun_recording
from lensmount_protocol.errors import CaptureError

SESSIONS = {
    "seeded": ["--seed", "7", "--do", "wait 0.1; sleep"],
    "without a seed": ["--do", "wait 0.1; sleep"],
    "by time": ["--seed", "3", "--duration", "0.7"],
    "with orders": [
        *("--order", "0.3 script focus +200", "--order", "0.45s fault drop rate=0.02", "--order", "0.5 detach"),
        *("--order", "0.6000001 attach", "--seed", "3", "--duration", "1.2"),
    ],
    "with an accessory": [
        *("--body", "panasonic-s5", "--lens", "panasonic-s-pro-70-200mm-f2.8", "--with", "panasonic-stc14"),
        *("--seed", "1", "--do", "sleep"),
    ],
}


def recorded(tmp_path: Path, *words: str) -> Path:
    path = tmp_path / "a.lmx"
    assert main(["loopback", *words, "--quiet", "--record", str(path)]) in (0, 1)
    return path


@pytest.mark.parametrize("words", SESSIONS.values(), ids=SESSIONS)
def test_a_recording_runs_again_to_the_byte(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = recorded(tmp_path, *words)
    capsys.readouterr()
    assert main(["replay", str(path)]) == 0
    assert capsys.readouterr().out == f"{path}: identical, {path.stat().st_size} bytes\n"


def test_a_recording_of_version_1_runs_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Version 1 called two keys of the header `with` and `armed`; what it recorded is the same."""
    accessory = ("--accessory", "sigma-tc-1411", "--allow", "Update*")
    path = recorded(
        tmp_path, "--lens", "sigma-150-600mm-f5-6.3-dg-dn-os", "--seed", "7", "--script", "sleep", *accessory
    )
    header, _, records = path.read_bytes().partition(b"\n")
    for new, old in ((b'"version":2', b'"version":1'), (b'"accessories":', b'"with":'), (b'"allowed":', b'"armed":')):
        assert new in header
        header = header.replace(new, old)
    path.write_bytes(header + b"\n" + records)
    capsys.readouterr()
    assert main(["replay", str(path)]) == 0
    assert f"{path}: identical, {path.stat().st_size} bytes\n" in capsys.readouterr().out


def test_the_first_line_that_differs_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = recorded(tmp_path, "--seed", "7", "--do", "sleep")
    lines = path.read_text().splitlines(keepends=True)
    changed = lines[20].replace('"t_us":', '"t_us":1')
    path.write_text("".join([*lines[:20], changed, *lines[21:]]))
    capsys.readouterr()
    assert main(["replay", str(path)]) == 1
    out = capsys.readouterr().out
    assert "line 21 came out differently" in out
    assert changed.strip() in out
    assert lines[20].strip() in out


@pytest.mark.parametrize(("change", "line"), [(-1, "ends here"), (1, "nothing: the recording ends here")])
def test_a_recording_that_is_cut_or_goes_on_is_not_identical(tmp_path: Path, change: int, line: str) -> None:
    path = recorded(tmp_path, "--seed", "7", "--do", "sleep")
    lines = path.read_text().splitlines(keepends=True)
    extra = '{"t_us":9,"note":"more"}\n'
    path.write_text("".join(lines[:-1] if change < 0 else [*lines, extra]))
    came = rerun_recording(path)
    assert not came.identical
    assert came.line == (len(lines) if change < 0 else len(lines) + 1)
    assert (came.recorded, came.repeated) == (("", lines[-1].strip()) if change < 0 else (extra.strip(), ""))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('{"lensmount":"recording","version":1,"dialect":"emount","role":"lens"}\n', "--port SPEC --role body or lens"),
        (
            '{"lensmount":"recording","version":1,"body":"a6000","lens":"sel55210","moon":["full"]}\n',
            "its header holds moon",
        ),
        (
            '{"lensmount":"recording","version":2,"body":"a6000","lens":"sel55210","orders":["1e9 detach"]}\n',
            "an order of its header is later than",
        ),
        ('{"lensmount":"recording","version":9,"body":"a6000","lens":"sel55210"}\n', "version 9"),
        ("Body->Lens F00B0002000B6000780055\n", "neither a scenario nor a recording of a virtual session"),
    ],
)
def test_what_cannot_be_run_again_is_reported_in_one_line(content: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "x.lmx"
    path.write_text(content)
    with pytest.raises(CaptureError, match=r"^[^\n]*$") as caught:
        rerun_recording(path)
    assert told in str(caught.value)


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="No such file"):
        rerun_recording(tmp_path / "none.lmx")
