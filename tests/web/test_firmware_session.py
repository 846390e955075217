"""A firmware in C on the page: it is offered as a device, it plays, and what ends it ends no server."""

import threading
from pathlib import Path

import pytest

from lensmount_emulator.cli.main import main
from lensmount_emulator.firmware.build import BuildOptions, build_firmware, example_folder, find_compiler
from lensmount_protocol.errors import FirmwareError
from lensmount_web.server import Served

from .conftest import run_server  # noqa: TID252  helpers of this folder

FAULTY = Path(__file__).parents[1] / "emulator" / "firmware" / "faulty.c"
LIMIT_S = 60.0


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The example lens, and a firmware that overflows its stack."""
    try:
        find_compiler()
    except FirmwareError as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("firmware")
    lens = build_firmware([example_folder() / "lmount_lens.c"], folder / "lens.so")
    faulty = build_firmware([FAULTY], folder / "faulty.so", BuildOptions(options=("-DFAULT=3", "-O0", "-w")))
    return str(lens), str(faulty)


def test_a_firmware_of_the_other_end_is_refused_before_the_page(
    libraries: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ui", "--body-firmware", libraries[0], "--no-browser"]) == 2
    assert f"firmware {libraries[0]!r} is a lens; a body is needed here" in capsys.readouterr().err


@pytest.mark.slow
def test_a_firmware_plays_on_the_page_and_its_fault_is_a_notice(libraries: tuple[str, str]) -> None:
    for running in run_server(Served(opens_browser=False, firmware=libraries)):
        with running.client() as client:
            names = [one["name"] for one in client.get("/api/v1/profiles").json()]
            assert set(libraries) <= {*names}
            for library in libraries:
                wanted = {"body": "panasonic-s1r", "lens": library}
                answer = client.post("/api/v1/sessions", json=wanted)
                assert answer.status_code == 200, answer.text
                session = running.server.bench.players[answer.json()["id"]].session
                waited = threading.Event()
                for _ in range(int(LIMIT_S / 0.1)):
                    if len(session.columns) or session.about.get("findings"):
                        break
                    waited.wait(0.1)
                found = [one["text"] for one in session.about.get("findings", [])]
                assert any("SIGSEGV" in text for text in found) is (library == libraries[1])
            refused = client.post("/api/v1/sessions", json={"body": "panasonic-s1r", "lens": "/tmp/other.so"})
            assert refused.status_code == 422
