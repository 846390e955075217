"""The example lens of the E-mount in C: scripts, matrix verdicts and faults as those of our engine with its profile."""

import json
from pathlib import Path

import pytest

from lensmount_emulator.campaign.planner import plan_matrix
from lensmount_emulator.cli.main import main
from lensmount_emulator.firmware.build import BuildOptions, build_firmware, example_folder
from lensmount_emulator.fuzz.firmware_fuzzer import FirmwareFuzzPlan, fuzz_firmware
from lensmount_emulator.fuzz.scenario_runner import ScenarioResult
from lensmount_emulator.sessions.firmware.conformance import check_firmware
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_protocol.dialects.emount.focus import FocusMoved
from lensmount_protocol.dialects.emount.focus_status import FocusStatus
from lensmount_protocol.dialects.emount.lens_status import LensStatus
from lensmount_protocol.payload import message_type

SCRIPT = "wait 0.2; focus +50; focus -50; stop; aperture f/8; wait 0.1; sleep; wake; wait 0.1"
OURS = str(example_folder() / "emount_lens.toml")


@pytest.fixture(scope="module")
def emount_lens(compiler: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The example lens of the E-mount, with the warnings that matter as errors."""
    options = BuildOptions(options=("-Werror", "-pedantic", "-Wconversion", "-Wshadow"))
    folder = tmp_path_factory.mktemp("emount")
    return str(build_firmware([example_folder() / "emount_lens.c"], folder / "lens.so", options))


@pytest.mark.parametrize("body", ["a6000", "nex7"])
def test_a_lens_in_c_carries_the_script_out_as_our_engine_does(emount_lens: str, body: str) -> None:
    pair = [run_loopback(body, lens, script=SCRIPT, seed=1) for lens in (emount_lens, OURS)]
    for session in pair:
        assert session.errors == []
        assert session.finished
    assert len([*pair[0].messages(FocusMoved)]) == len([*pair[1].messages(FocusMoved)]) == 2
    kinds = [{message_type(message) for frame in session.frames for message in frame.messages} for session in pair]
    assert kinds[0] == kinds[1]
    # The diaphragm stands at f/8, and the focus where it was.
    for session in pair:
        assert [*session.messages(LensStatus)][-1].aperture == 0x1600
        assert [*session.messages(FocusStatus)][-1].planned_position == 0x1400


def test_the_matrix_has_the_verdicts_of_our_engine(emount_lens: str) -> None:
    rows: list[list[object]] = []
    for lens in (emount_lens, OURS):
        planned = plan_matrix("emount", ["a6000", "nex7"], [lens], ["none"], script=SCRIPT, seed=1)
        cells = [planned.run_cell(one) for one in planned.combinations]
        rows.append([(cell.errors, [(one.step, one.verdict) for one in cell.compatibility_results]) for cell in cells])
    assert rows[0] == rows[1]
    assert len(rows[0]) == 2


@pytest.mark.parametrize("fault", ["bitflip rate=1e-4", "detach at=0.5s for=100ms", "brownout at=0.5s for=50ms"])
def test_it_survives_the_faults_that_our_engine_survives(emount_lens: str, fault: str) -> None:
    for lens in (emount_lens, OURS):
        session = run_loopback("a6000", lens, script=SCRIPT, seed=3, faults=[fault])
        assert session.finished
        assert session.violations == []


def test_a_recorded_session_is_repeated_by_the_firmware(
    emount_lens: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capture = run_loopback("a6000", emount_lens, script=SCRIPT).save(tmp_path / "session.lmx")
    assert main(["fidelity", str(capture), "--profile", emount_lens, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["strict"] == result["replies"] > 50


def test_it_keeps_the_rules_of_the_interface(emount_lens: str) -> None:
    assert [one for one in check_firmware(emount_lens) if not one.passed] == []


def test_fuzzing_breaks_nothing(emount_lens: str) -> None:
    outcomes: list[ScenarioResult] = []
    plan = FirmwareFuzzPlan("emount", lens=emount_lens, seed=1, steps=2400)
    run = fuzz_firmware(plan, lambda one: not outcomes.append(one))
    assert [one.violations[0] for one in outcomes] == []
    assert run.steps >= 2400


def test_its_profile_and_its_source_agree(emount_lens: str) -> None:
    text = Path(OURS).with_suffix(".c").read_text()
    for number in ("0x1200", "0x1900", "0x1000", "0x2000"):
        assert number in text
        assert number in Path(OURS).read_text()
