"""A dialect in which only the lens streams: the package of `lensmount new dialect`, without the cycle of its body."""

from pathlib import Path

import pytest

from lensmount_emulator.cli.main import main
from lensmount_emulator.explain.explainer import explain_records
from lensmount_emulator.fuzz.invariants import recovery_failure, wait_for_recovery
from lensmount_emulator.fuzz.monitor import SessionConfig, SessionMonitor
from lensmount_emulator.fuzz.scenario import Scenario, get_profile
from lensmount_emulator.fuzz.scenario_runner import run_scenario
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_emulator.testing import conformance
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.wire import Role

NEW = ("solo",)
"""The dialect that these tests make."""

CHANGES = {
    "dialect.py": [('routine=frozenset({"20", "A0"})', 'routine=frozenset({"A0"})')],
    "body.py": [("            self.queue_message(Cycle(frame=self._frame))\n", "")],
    "lens.py": [
        (
            "    lens.reply(HelloReply(",
            "    lens.begin_stream()\n    lens.reply(HelloReply(",
        ),
        (
            "    def _refuse(self",
            """    stream_run = 0

    def begin_stream(self) -> None:
        self.stream_run += 1
        self.spawn(self._stream(self.stream_run))

    def _stream(self, run: int) -> Task:
        begin, number = self.now, 0
        while run == self.stream_run:
            number += 1
            yield self.at(begin, number * 20e3)
            if self.connection.state != ASLEEP:
                _cycle(self, Cycle(frame=number))

    def _refuse(self""",
        ),
    ],
}
"""File -> what is replaced in it."""


@pytest.fixture(scope="module", autouse=True)
def one_sided(package: Path) -> None:
    """The body sends no cycle, and the lens reports every 20 ms from a hello on."""
    for name, changes in CHANGES.items():
        file = package / "src" / "lensmount_solo" / name
        text = file.read_text()
        for before, after in changes:
            assert text.count(before) == 1, f"{name}: {before}"
            text = text.replace(before, after)
        file.write_text(text)


def monitor() -> SessionMonitor:
    watch = SessionMonitor(SessionConfig(get_profile("solo-body"), get_profile("solo-lens"), "", 1))
    watch.session.start()
    watch.run(0.5)
    return watch


@pytest.mark.usefixtures("offered")
def test_dialect_in_which_only_the_lens_streams_conforms(capsys: pytest.CaptureFixture[str]) -> None:
    assert load_dialect("solo").streaming_roles == {Role.LENS}
    assert conformance.main(["solo"]) == 0, capsys.readouterr().out
    assert "session streams by the measure of recovery           passed" in capsys.readouterr().out


@pytest.mark.usefixtures("offered")
def test_lens_that_no_longer_streams_has_not_recovered() -> None:
    assert wait_for_recovery(monitor(), 1.0)
    watch = monitor()
    watch.session.lens.stop_tasks()
    watch.session.lens.receive = lambda _event, _now: None  # type: ignore[method-assign]
    watch.mount.connect(Role.LENS, lambda _event, _now: None)
    assert not wait_for_recovery(watch, 0.5)
    text = recovery_failure(watch, 0.5)
    assert "4 frames of the loop (A0) to the body in 0.25 s, and the body received 0; loop_period_s" in text


@pytest.mark.usefixtures("offered")
@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        ("wait 0.3", "Nothing went wrong. The loop ran from "),
        ("focus 700; sleep; wake", "Nothing went wrong. The loop ran from "),
    ],
)
def test_explanation_judges_the_loop_of_the_lens_alone(
    script: str, outcome: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(tmp_path / "session.lmx")
    assert main(["loopback", "--dialect", "solo", "--script", script, "--quiet", "--record", file]) == 0
    capsys.readouterr()
    main(["explain", file])
    text = capsys.readouterr().out
    assert text.startswith(outcome)
    assert " frames of the lens. No request" in text
    assert "of the body" not in text


@pytest.mark.usefixtures("offered")
def test_explanation_of_a_lens_that_falls_silent_is_not_a_good_session(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(tmp_path / "session.lmx")
    fault = "stuck-bytes level=high from=lens at=0.01s for=900ms"
    main(["loopback", "--dialect", "solo", "--script", "wait 0.3", "--quiet", "--record", file, "--fault", fault])
    capsys.readouterr()
    main(["explain", file])
    assert "Nothing went wrong" not in capsys.readouterr().out


@pytest.mark.usefixtures("offered")
def test_explanation_of_one_stray_byte_is_in_the_singular() -> None:
    steps = ("wait 0.3", "send body 11", "wait 0.3")
    outcome = run_scenario(Scenario("solo", "solo-body", "solo-lens", steps=steps))
    assert outcome.violations == []
    text = explain_records(outcome.records, "solo").paragraph
    assert text == (
        "The body sent 1 byte at 300.000 ms that begins no frame (byte 11); a frame begins with C5. "
        "The other end drops it."
    )


@pytest.mark.usefixtures("offered")
def test_sessions_of_a_one_sided_loop_are_fuzzed_and_recover(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = f"fuzz session --dialect solo --steps 300 --output-dir {tmp_path / 'found'} --quiet"
    assert main(words.split()) == 0, capsys.readouterr()
    session = run_loopback("solo-body", "solo-lens", script="focus 700", seed=1, faults=["detach at=0.2s for=100ms"])
    assert session.finished
