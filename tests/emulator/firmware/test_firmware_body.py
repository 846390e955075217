"""The example body in C carries scripts out with lenses of ours and in C, and keeps the rules of the interface."""

import pytest

from lensmount_emulator.firmware.build import BuildOptions, build_firmware, example_folder
from lensmount_emulator.fuzz.firmware_fuzzer import FirmwareFuzzPlan, fuzz_firmware
from lensmount_emulator.fuzz.scenario_runner import ScenarioResult
from lensmount_emulator.sessions.firmware.conformance import check_firmware
from lensmount_emulator.sessions.loopback import make_virtual_session, run_loopback
from lensmount_protocol.dialects.lmount.aperture_zoom import ApertureDrive
from lensmount_protocol.dialects.lmount.focus import FocusDrive
from lensmount_protocol.errors import DialectError

SCRIPT = "focus near; aperture f/5.6; wait 0.1; focus 1000; open; sleep; wake; focus far"
LENSES = ("sigma-45mm-f2.8-dg-dn", "leica-vario-elmarit-sl-24-90mm-f2.8-4", "sigma-105mm-f1.4-dg-hsm")


@pytest.mark.parametrize("name", LENSES)
def test_a_body_in_c_carries_a_script_out_with_our_lenses(body: str, name: str) -> None:
    session = run_loopback(body, name, script=SCRIPT, seed=1)
    assert session.errors == []
    assert [one.value for one in session.messages(FocusDrive)] == [0, 1000, 0]
    # f/5.6 is 512 times the binary logarithm of 5.6.
    assert [one.target for one in session.messages(ApertureDrive)] == [1272, 0]


def test_two_firmwares_meet_and_give_one_recording(body: str, lens: str) -> None:
    first = run_loopback(body, lens, script=SCRIPT, seed=4)
    assert first.errors == []
    assert run_loopback(body, lens, script=SCRIPT, seed=4, resolution="byte").records == first.records


def test_a_body_in_c_starts_a_lens_that_is_detached_and_attached(body: str, lens: str) -> None:
    session = run_loopback(body, lens, script="wait 1; focus near", seed=1, faults=["detach at=0.5s for=50ms"])
    assert session.errors == []
    assert session.finished


def test_a_step_that_it_does_not_know_gives_the_script_up(body: str, lens: str) -> None:
    session = run_loopback(body, lens, script="expose 1/60")
    assert not session.finished
    assert any("does not know" in notice.text for notice in session.notices)


def test_the_body_passes_every_check(body: str) -> None:
    results = check_firmware(body, script="focus near; aperture f/8; sleep; wake")
    assert [one for one in results if not one.passed] == []


def test_a_body_in_c_takes_no_further_steps(body: str) -> None:
    session = make_virtual_session(body, "sigma-45mm-f2.8-dg-dn", script="focus near")
    session.start()
    with pytest.raises(DialectError, match="a body in C takes no more steps; give them as its script"):
        session.do("focus far")


def test_fuzzing_breaks_no_body(body: str) -> None:
    outcomes: list[ScenarioResult] = []
    run = fuzz_firmware(FirmwareFuzzPlan("lmount", body=body, seed=2, steps=1200), lambda one: not outcomes.append(one))
    assert [one.violations[0] for one in outcomes] == []
    assert run.steps >= 1200


def test_the_examples_build_without_a_warning(compiler: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    for example in sorted(example_folder().glob("*.c")):
        folder = tmp_path_factory.mktemp(example.stem)
        build_firmware([example], folder / "it.so", BuildOptions(options=("-Werror", "-pedantic", "-O0")))
