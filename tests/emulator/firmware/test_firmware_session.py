"""A session with firmware in C: one recording for one seed, the verdicts of our engine, and faults as results."""

import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lensmount_emulator.campaign.case import InvariantOutcome
from lensmount_emulator.campaign.case_runner import CaseRunner
from lensmount_emulator.campaign.config import CampaignConfig
from lensmount_emulator.campaign.planner import plan_campaign, plan_matrix
from lensmount_emulator.engine.observer import NoticeKind
from lensmount_emulator.firmware.build import BuildOptions, FirmwareBuildError, build_firmware, example_folder
from lensmount_emulator.firmware.library import SANITIZER_OPTIONS, probe_firmware, sanitizer_runtime
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.pytest_plugin.factory import MountFactory
from lensmount_emulator.pytest_plugin.options import MountOptions
from lensmount_emulator.sessions.loopback import LoopbackResult, run_loopback
from lensmount_protocol.errors import FirmwareError, ProfileError
from lensmount_protocol.wire import Role

BODY = "panasonic-s1r"
SCRIPT = "focus near; aperture f/8; sleep; wake; focus 1m; stop; smooth f/4 100ms"


def fault_of(session: LoopbackResult) -> str:
    faults = [notice for notice in session.notices if notice.kind is NoticeKind.FIRMWARE_FAULT]
    assert len(faults) == 1
    assert not session.ok
    return faults[0].text


def test_a_lens_in_c_carries_a_script_out_and_keeps_every_rule(lens: str) -> None:
    session = run_loopback(BODY, lens, script=SCRIPT, seed=1)
    assert session.errors == []
    assert session.tally.valid > 100


def test_one_seed_gives_one_recording_in_frames_and_in_bytes(lens: str) -> None:
    first = run_loopback(BODY, lens, script="check all", seed=5)
    assert run_loopback(BODY, lens, script="check all", seed=5).records == first.records
    assert run_loopback(BODY, lens, script="check all", seed=5, resolution="byte").records == first.records
    assert run_loopback(BODY, lens, script="check all", seed=6).records != first.records


def test_the_lens_in_c_is_found_as_our_engine_is(lens: str) -> None:
    ours = load_profile(str(example_folder() / "lmount_lens.toml"))
    for body in (BODY, "leica-tl2", "sigma-fp"):
        pair = [run_loopback(body, device, script="check all", seed=1) for device in (lens, ours)]
        findings = [[(one.step, one.verdict, one.rule) for one in session.compatibility_results] for session in pair]
        assert findings[0] == findings[1]
        assert len(findings[0]) > 10


def test_byte_faults_are_the_same_in_frames_and_in_bytes(lens: str) -> None:
    for fault in ("bitflip rate=1e-3", "drop rate=1e-3", "detach at=1.2s for=30ms"):
        pair = [
            run_loopback(BODY, lens, script=SCRIPT, seed=3, faults=[fault], resolution=resolution).records
            for resolution in ("frame", "byte")
        ]
        assert pair[0] == pair[1], fault


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1, "crashes: SIGSEGV at address 0x0"),
        (3, "crashes: SIGSEGV"),
        (4, "aborts (SIGABRT)"),
        (7, "does too much in one event: its actions exceed 65536 bytes"),
        (8, "calls the host outside of an event, 1 times; it may call it only from"),
        (9, "exits within an event: exit code 3; a firmware only returns"),
        (11, "uses timer 40; timers are 0 to 31"),
        (12, "sets timer 4 to the present again and again"),
        (13, "crashes: SIGFPE"),
        (14, "ends the process of the session: SIGKILL"),
        (17, "refuses to start: lm_fw_init returns NULL"),
    ],
)
def test_a_fault_of_the_firmware_is_a_result(faulty: Callable[[int], str], number: int, text: str) -> None:
    found = fault_of(run_loopback(BODY, faulty(number), seconds=0.1))
    assert found.startswith(f"the firmware {text}")
    assert "event " in found
    assert " s)" in found


def test_an_endless_loop_ends_with_its_event_and_its_frame(faulty: Callable[[int], str]) -> None:
    session = run_loopback(BODY, faulty(2), seconds=0.1)
    found = fault_of(session)
    assert "does not return: 300 ms of processor time in one event in misbehave at faulty.c:" in found
    assert "(event 2 at 0.020000 s)" in found
    # The body goes on with a silent lens, so the recording has what happened after it.
    assert session.seconds >= 0.1


def test_only_an_event_that_gives_its_processor_up_waits(faulty: Callable[[int], str]) -> None:
    # Both get a hundred alarms, as ten seconds on a busy machine bring them; one of them is never without work.
    assert "does not return: 300 ms" in fault_of(run_loopback(BODY, faulty(24), seconds=0.1))
    assert "waits for 10 s within one event" in fault_of(run_loopback(BODY, faulty(25), seconds=0.1))


OVERFLOW, ARITHMETIC = 5, 16
FOUND = {0: "", OVERFLOW: "heap-buffer-overflow in misbehave", ARITHMETIC: "signed integer overflow: 2147483647 + 1"}


def run_sanitized(library: Path, code: str, *words: str) -> str:
    """Run code in a process that has the runtime of the sanitizer from its start; return what it prints."""
    environment = {**os.environ, "LD_PRELOAD": sanitizer_runtime(library), "ASAN_OPTIONS": SANITIZER_OPTIONS}
    # In the folder of the library: a runtime that has lost its file makes one where it runs.
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        env=environment,
        cwd=library.parent,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return done.stdout


@pytest.mark.parametrize(
    ("lens_fault", "body_fault"),
    [(0, OVERFLOW), (ARITHMETIC, ARITHMETIC), (ARITHMETIC, OVERFLOW), (OVERFLOW, OVERFLOW)],
)
def test_two_firmwares_with_sanitizers_report_each_its_own(
    sanitized: Callable[[int, str], Path], lens_fault: int, body_fault: int
) -> None:
    code = (
        "import sys\n"
        "from lensmount_emulator.sessions.loopback import run_loopback\n"
        "session = run_loopback(*sys.argv[1:], seconds=0.03)\n"
        "for notice in session.notices:\n"
        "    if notice.is_error: print(notice.role.value, notice.text)\n"
    )
    lens, body = sanitized(lens_fault, "LM_LENS"), sanitized(body_fault, "LM_BODY")
    lines = run_sanitized(lens, code, str(body), str(lens)).splitlines()
    # The body misbehaves 5 ms after it has given the lens its supply.
    expected = [("lens", FOUND[lens_fault])] if lens_fault else []
    again = lens_fault == body_fault == OVERFLOW
    expected.append(("body", "the sanitizer describes only the first" if again else FOUND[body_fault]))
    assert len(lines) == len(expected), lines
    for line, (end, text) in zip(lines, expected, strict=True):
        assert line.startswith(f"{end} the firmware breaks a rule of memory")
        assert text in line


@pytest.mark.parametrize("fault", [OVERFLOW, ARITHMETIC])
def test_a_continued_session_has_the_report_of_the_sanitizer(sanitized: Callable[[int, str], Path], fault: int) -> None:
    code = (
        "import sys\n"
        "from lensmount_emulator.firmware.isolation import branch\n"
        "from lensmount_emulator.sessions.loopback import make_virtual_session\n"
        "session = make_virtual_session(sys.argv[1], sys.argv[2])\n"
        "session.start()\n"
        "session.run(0.005)\n"
        "for _ in range(2): print(branch(lambda _: (session.run(0.05), session.lens.fault.line())[1], sys.argv[2]))\n"
    )
    library = sanitized(fault, "LM_LENS")
    lines = run_sanitized(library, code, BODY, str(library)).splitlines()
    assert len(lines) == 2
    assert all(FOUND[fault] in line for line in lines)
    assert {path.suffix for path in library.parent.iterdir()} == {".so"}


def test_an_unknown_line_is_an_error_with_the_known_ones(faulty: Callable[[int], str]) -> None:
    session = run_loopback(BODY, faulty(15), seconds=0.1)
    assert any("drives line 77; lmount has 0 DETECT, 1 V_LOGIC" in notice.text for notice in session.notices)


def test_an_action_at_a_far_port_that_is_not_there_is_an_error(faulty: Callable[[int], str]) -> None:
    session = run_loopback(BODY, faulty(23), seconds=0.1)
    text = "the firmware acts at a far port; only an adapter has one, and it is a lens"
    assert [notice.text for notice in session.notices if notice.is_error].count(text) == 1


def test_a_library_of_another_interface_version_is_refused(faulty: Callable[[int], str]) -> None:
    with pytest.raises(
        FirmwareError, match=r"has version 7 of the interface; this lensmount has 1 to 3: set abi to LM_ABI"
    ):
        load_profile(faulty(21), Role.LENS)


def test_firmware_without_a_function_does_not_build_and_names_it(compiler: str, tmp_path: Path) -> None:
    source = Path(__file__).parent / "faulty.c"
    with pytest.raises(FirmwareBuildError, match=r"undefined reference to `lm_fw_info'"):
        build_firmware([source], tmp_path / "lens.so", BuildOptions(options=("-DFAULT=20", "-w")))
    assert list(tmp_path.iterdir()) == []


def test_a_library_without_our_shim_is_refused(compiler: str, tmp_path: Path) -> None:
    source, library = tmp_path / "plain.c", tmp_path / "plain.so"
    source.write_text("int answer(void) { return 42; }\n")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True, timeout=60)
    with pytest.raises(FirmwareError, match=r"lacks the function lm_shim_version of the shim; link lensmount_shim.c"):
        probe_firmware(library)


def test_a_constructor_that_crashes_is_an_error_of_one_line(compiler: str, tmp_path: Path) -> None:
    source, library = tmp_path / "plain.c", tmp_path / "plain.so"
    source.write_text("__attribute__((constructor)) static void f(void) { *(volatile int *)0 = 1; }\n")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True, timeout=60)
    with pytest.raises(FirmwareError, match=r"ends its process while it is loaded .signal 11.; "):
        probe_firmware(library)


def test_other_files_than_libraries_of_this_machine_are_refused(lens: str, tmp_path: Path) -> None:
    other = tmp_path / "other.so"
    with pytest.raises(FirmwareError, match=r"cannot be read: No such file"):
        probe_firmware(other)
    other.write_text("hello\n")
    with pytest.raises(FirmwareError, match=r"no shared library .ELF.; build one from C with"):
        probe_firmware(other)
    data = bytearray(Path(lens).read_bytes())
    struct.pack_into("<H", data, 18, 243)
    other.write_bytes(data)
    with pytest.raises(FirmwareError, match=r"built for RISC-V, 64 bits; this machine loads"):
        probe_firmware(other)
    data = bytearray(Path(lens).read_bytes()[:3000])
    other.write_bytes(data)
    with pytest.raises(FirmwareError, match=r"cannot be loaded|ends its process while it is loaded"):
        probe_firmware(other)


def test_a_lens_is_no_body(lens: str) -> None:
    with pytest.raises(ProfileError, match=r"is a lens; a body is needed here"):
        load_profile(lens, Role.BODY)


def test_a_test_mounts_firmware_by_its_marker(lens: str, tmp_path: Path) -> None:
    options = MountOptions(body=BODY, lens_firmware=lens)
    factory = MountFactory(options, None, tmp_path, "tests/test_it.py::test_it", [], 12)
    mounted = factory(script="focus near")
    mounted.run(1.0)
    assert mounted.lens.role is Role.LENS
    assert mounted.body.done
    mounted.assert_clean()
    factory.close()


def test_a_campaign_survives_a_firmware_that_ends_its_process(lens: str, faulty: Callable[[int], str]) -> None:
    config = CampaignConfig(dialect="lmount", bodies=[BODY], lenses=[lens, faulty(9)], script="focus near", seconds=3.0)
    planned = plan_campaign(config)
    runner = CaseRunner(planned.profiles)
    outcomes = {case.lens: runner(case).verdict for case in planned.cases}
    assert outcomes == {lens: InvariantOutcome.HELD, faulty(9): InvariantOutcome.BROKEN}


def test_a_matrix_has_a_cell_for_each_body_with_the_firmware(lens: str) -> None:
    planned = plan_matrix("lmount", [BODY, "sigma-fp"], [lens], ["none"], script="check focus", seed=1)
    cells = [planned.run_cell(one) for one in planned.combinations]
    assert len(cells) == 2
    assert all(not cell.errors for cell in cells)
