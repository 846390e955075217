"""A firmware on a clocked link: a lens in C loads its units, and the body of the Fuji G mount clocks them out."""

from pathlib import Path

import pytest

from lensmount_emulator.firmware.build import build_firmware
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_protocol.dialects.fuji_g import commands as c
from lensmount_protocol.dialects.fuji_g.link import LensBlock
from lensmount_protocol.wire import Annotation

SOURCE = Path(__file__).parent / "clocked_lens.c"
SCRIPT = "focus 700; iris 5; focus 20"


@pytest.fixture(scope="module")
def clocked(compiler: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    assert compiler
    return str(build_firmware([SOURCE], tmp_path_factory.mktemp("clocked") / "lens.so"))


def test_lens_in_c_is_clocked_through_a_script(clocked: str) -> None:
    session = run_loopback("gfx50r", clocked, script=SCRIPT, seed=1)
    assert session.errors == []
    assert session.finished
    assert session.tally.violations == []
    assert session.tally.valid > 300
    (first, second) = session.messages(LensBlock)
    assert (first.name.rstrip(b"\0"), first.header, second.header) == (b"a lens in C", 0, 0xFFFF)
    assert [reply.value for reply in session.messages(c.PositionReply)][-1] == 20
    assert [reply.value >> 8 for reply in session.messages(c.IrisStepReply)][-1] == 5
    assert not [one for one in session.records if isinstance(one, Annotation) and "loaded nothing" in one.text]


def test_lens_in_c_survives_faults_of_the_clock(clocked: str) -> None:
    for fault in ("clock-lost at=0.3s", "late-load at=0.3s", "slow-slave at=0.3s by=200us"):
        session = run_loopback("gfx50r", clocked, script=SCRIPT, seed=2, faults=[fault])
        assert session.finished, fault


def test_session_of_a_lens_in_c_repeats(clocked: str) -> None:
    one, other = (run_loopback("gfx50r", clocked, script="focus 300", seed=3).records for _ in range(2))
    assert one == other
