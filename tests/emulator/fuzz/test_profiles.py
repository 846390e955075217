"""The profiles for hypothesis in somebody else's project: what fails there without them, and holds with them."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ROOMS = [str(ROOT / room) for room in ("protocol", "hardware", "emulator")]

CONFTEST = """
from lensmount_emulator.testing import register_profiles

register_profiles()
"""

SLOW_DEVICE = """
import time

import pytest
from hypothesis import given, settings
from lensmount_emulator.testing import Role, frames


@pytest.fixture
def device():
    return []


@settings(max_examples=2)
@given(data=frames("emount", Role.BODY))
def test_a_reply_takes_its_time(data):
    time.sleep(0.3)


@settings(max_examples=5)
@given(data=frames("emount", Role.BODY))
def test_the_port_is_held_for_the_whole_test(device, data):
    device.append(data)
"""

FAILS_ONCE_IN_A_WHILE = """
from pathlib import Path

from hypothesis import given
from lensmount_emulator.testing import Role, frames


@given(frames("emount", Role.BODY))
def test_it(data):
    with Path("given.txt").open("a") as file:
        file.write(data.hex() + "\\n")
    assert len(data) < 12
"""

SESSION = """
from hypothesis import given, settings
from lensmount_emulator.testing import play, sessions


@settings(max_examples=3)
@given(sessions("lmount", max_steps=3))
def test_both_ends_find_back(story):
    assert play(story).violations == []
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """Somebody else's repository on a server that builds; `CI` is set there."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(ROOMS))
    monkeypatch.setenv("CI", "true")
    pytester.makeconftest(CONFTEST)
    return pytester


def run(project: pytest.Pytester, *words: str) -> pytest.RunResult:
    python = (sys.executable, "-m", "pytest", "-p", "no:lensmount", "-p", "no:cacheprovider", "-q")
    return project.run(*python, *words)


def test_a_slow_device_and_its_fixture_hold_with_the_profile(project: pytest.Pytester) -> None:
    project.makepyfile(SLOW_DEVICE)
    run(project, "--hypothesis-profile", "lensmount-device").assert_outcomes(passed=2)
    without = run(project, "--hypothesis-profile", "default", "-k", "held")
    assert "FailedHealthCheck" in without.stdout.str()


def test_what_failed_is_tried_first_and_others_come_each_time_where_ci_is_set(project: pytest.Pytester) -> None:
    project.makepyfile(FAILS_ONCE_IN_A_WHILE)
    given = project.path / "given.txt"
    came = list[list[str]]()
    for _ in range(2):
        given.unlink(missing_ok=True)
        result = run(project, "--hypothesis-profile", "lensmount-device")
        result.assert_outcomes(failed=1)
        assert "reproduce_failure" in result.stdout.str()
        came.append(given.read_text().splitlines())
    assert (project.path / ".hypothesis" / "examples").is_dir()
    assert came[1][0] == came[0][-1]


def test_sessions_play_with_the_profile_for_virtual_time(project: pytest.Pytester) -> None:
    project.makepyfile(SESSION)
    run(project, "--hypothesis-profile", "lensmount-virtual").assert_outcomes(passed=1)


def test_a_profile_is_chosen_in_a_conftest_too(project: pytest.Pytester) -> None:
    project.makeconftest(
        CONFTEST + "\nfrom hypothesis import settings\nsettings.load_profile('lensmount-device-long')\n"
    )
    project.makepyfile(
        "from hypothesis import settings\n\n\n"
        "def test_it():\n    assert settings().max_examples == 2000\n    assert settings().deadline is None\n"
    )
    run(project).assert_outcomes(passed=1)
