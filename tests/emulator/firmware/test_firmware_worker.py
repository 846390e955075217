"""A firmware as a program of its own: the recording of the library, faults as results, and one line for bad ones."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lensmount_emulator.engine.observer import NoticeKind
from lensmount_emulator.firmware import worker as worker_module
from lensmount_emulator.firmware.build import BuildOptions, build_firmware, example_folder
from lensmount_emulator.firmware.fault import FaultKind
from lensmount_emulator.firmware.library import RawFault
from lensmount_emulator.firmware.worker import load_worker
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.sessions.firmware.conformance import check_firmware
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.errors import FirmwareError

pytestmark = pytest.mark.slow

BODY = "panasonic-s1r"
SCRIPT = "focus near; aperture f/8; sleep"
FAULTY = Path(__file__).parent / "faulty.c"


@pytest.fixture(scope="module")
def worker(compiler: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], str]:
    """A worker: of the example lens for 0, of `faulty.c` with that fault for others."""
    folder = tmp_path_factory.mktemp("worker")

    def build(number: int) -> str:
        source = FAULTY if number else example_folder() / "lmount_lens.c"
        options = BuildOptions(worker=True, options=(f"-DFAULT={number}", "-O0", "-w"))
        return str(build_firmware([source], folder / f"lens{number}.worker", options, overwrite=True))

    return build


def test_a_worker_gives_the_recording_of_the_library(lens: str, worker: Callable[[int], str]) -> None:
    session = run_loopback(BODY, worker(0), script=SCRIPT, seed=3)
    assert session.errors == []
    assert session.records == run_loopback(BODY, lens, script=SCRIPT, seed=3).records


def test_a_worker_keeps_the_rules_of_the_interface(worker: Callable[[int], str]) -> None:
    results = check_firmware(worker(0), script=SCRIPT)
    assert [one for one in results if not one.passed] == []
    assert len(results) == 13


@pytest.mark.parametrize(
    ("number", "text"),
    [(1, "crashes: SIGSEGV at address 0x0"), (2, "does not return"), (9, "ends its process within an event")],
)
def test_a_fault_of_a_worker_is_a_result(worker: Callable[[int], str], number: int, text: str) -> None:
    session = run_loopback(BODY, worker(number), seconds=0.05)
    faults = [notice.text for notice in session.notices if notice.kind is NoticeKind.FIRMWARE_FAULT]
    assert len(faults) == 1
    assert text in faults[0]
    assert "(event 2 at 0.020000 s)" in faults[0]


@pytest.mark.parametrize(("number", "kind"), [(2, FaultKind.LOOP), (10, FaultKind.STALL)])
def test_only_a_worker_that_waits_is_ended_for_its_time(
    worker: Callable[[int], str], monkeypatch: pytest.MonkeyPatch, number: int, kind: FaultKind
) -> None:
    shim = load_worker(Path(worker(number))).shim
    handle = shim.open()
    try:
        assert shim.start(handle, 1, 115200, 0, 0, b"", 0) == 0
        # As on a machine that is so busy that the time of an answer is over before the worker has done anything; its
        # own guard finds the endless loop after more than ten of these times.
        monkeypatch.setattr(worker_module, "ANSWER_S", 0.02)
        assert shim.on_line(handle, load_dialect("lmount").wiring.lines.index("V_LOGIC"), 1, 20_000) == -1
        assert FaultKind(RawFault.from_address(shim.fault(handle)).kind) is kind
    finally:
        shim.close(handle)


@pytest.mark.parametrize(
    ("memory", "alignment", "text"),
    [
        ("sizeof(lm_fw)", "24", "wants memory aligned to 24; a power of two up to 4096 is legal"),
        ("128 << 20", "8", "wants 134217728 bytes for an instance; 64 MB are the limit"),
    ],
)
def test_a_worker_has_the_limits_of_a_library(
    compiler: str, tmp_path: Path, memory: str, alignment: str, text: str
) -> None:
    source = tmp_path / "large.c"
    source.write_text(FAULTY.read_text().replace("sizeof(lm_fw), 8", f"{memory}, {alignment}"))
    options = BuildOptions(worker=True, options=("-DFAULT=0", "-O0", "-w"))
    worker = build_firmware([source], tmp_path / "large.worker", options)
    with pytest.raises(FirmwareError, match=text):
        load_profile(str(worker))


def test_a_program_that_is_no_worker_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FirmwareError, match=r"missing.worker: cannot be read"):
        load_profile(str(tmp_path / "missing.worker"))
    other = tmp_path / "other.worker"
    shutil.copy(shutil.which("true") or "/bin/true", other)
    with pytest.raises(FirmwareError, match=r"does not answer as a worker does; link lensmount_shim.c"):
        load_profile(str(other))
    other.write_text("hello")
    with pytest.raises(FirmwareError, match=r"the worker cannot be started: "):
        load_profile(str(other))
