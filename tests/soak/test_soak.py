"""The long sessions, made short; and the books that they are judged by."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PATH = ":".join(str(ROOT / folder) for folder in ("tests", "protocol", "hardware", "emulator"))


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *words]
    return subprocess.run(command, env={"PYTHONPATH": PATH}, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("pair", [("a6000", "sel55210"), ("panasonic-s1r", "sigma-45mm-f2.8-dg-dn")], ids=str)
def test_a_short_one_loses_no_byte(pair: tuple[str, str]) -> None:
    result = run("-m", "soak", "0.7", *pair)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count("no byte lost, memory flat") == 2
    assert result.stdout.count("deadlines met late by p50") == 4


@pytest.mark.parametrize(("place", "code", "told"), [(10**9, 0, "no byte lost"), (300, 1, "bytes were sent and")])
def test_one_byte_that_a_link_loses_fails_the_whole(place: int, code: int, told: str) -> None:
    result = run("-m", "soak.lossy_transport", str(place))
    assert result.returncode == code, result.stdout + result.stderr
    assert told in result.stdout
    assert ("from the lens: " in result.stdout) is bool(code)


def test_a_session_in_which_no_one_speaks_fails() -> None:
    code = """
import soak.__main__ as soaking
soaking.LEAST_BYTES_A_SECOND = 10**9
print(soaking.soak("pty", *soaking.USUAL_PAIR, 0.3))
"""
    result = run("-c", code)
    assert "are no session" in result.stdout
    assert result.stdout.endswith("False\n")


@pytest.mark.parametrize(
    ("heard", "told"),
    [
        ("bytes(200_000)", ""),
        ("bytes(199_999)", "200000 bytes were sent and 199999 came"),
        ("bytes(65_537) + b'x' + bytes(134_462)", "bytes 65536 to 131072 are not what was sent"),
        ("bytes(199_999) + b'x'", "the last of them different"),
    ],
)
def test_a_byte_that_is_lost_or_changed_is_found(heard: str, told: str) -> None:
    code = f"""
from soak.byte_accounting import Ledger, difference
sent, heard = Ledger(), Ledger()
sent.add(bytes(200_000))
data = {heard}
for at in range(0, len(data), 777):
    heard.add(data[at:at + 777])
print(difference(sent.told(), heard.told()))
"""
    result = run("-c", code)
    assert result.returncode == 0, result.stderr
    assert told in result.stdout
    assert told or not result.stdout.strip()
