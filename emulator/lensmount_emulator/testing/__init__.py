"""Strategies and hypothesis profiles for tests of devices, dialects and sessions; needs hypothesis (`lensmount[fuzz]`).

```python
from hypothesis import given
from lensmount_emulator.testing import Role, frames, play, sessions

@given(frames("emount", Role.LENS))
def test_my_parser_survives(data): ...

@given(sessions("lmount"))
def test_both_ends_recover(scenario):
    assert play(scenario).violations == []
```

Name a dialect of another package, or pass the `Dialect` itself; for `sessions` name its profiles.
"""

from hypothesis import HealthCheck, settings
from hypothesis.database import DirectoryBasedExampleDatabase

from lensmount_emulator.fuzz.corpus import DEFAULT_PATH
from lensmount_emulator.fuzz.scenario_runner import run_scenario as play
from lensmount_emulator.fuzz.strategies import (
    arrivals,
    faults,
    frames,
    messages,
    near_misses,
    noise,
    streams,
    typed_messages,
)
from lensmount_emulator.fuzz.strategies import scenarios as sessions
from lensmount_protocol.wire import Role

__all__ = [
    "DEVICE",
    "DEVICE_LONG",
    "VIRTUAL",
    "Role",
    "arrivals",
    "faults",
    "frames",
    "messages",
    "near_misses",
    "noise",
    "play",
    "register_profiles",
    "sessions",
    "streams",
    "typed_messages",
]

VIRTUAL = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""For sessions in virtual time: the default profile without a deadline, since the length of a session varies."""

DEVICE = settings(
    deadline=None,
    max_examples=20,
    derandomize=False,
    database=DirectoryBasedExampleDatabase(DEFAULT_PATH),
    print_blob=True,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)
"""For a device on a port. It takes longer than the default 200 ms. Its fixture holds the port for a whole test, not
for one example. A device may not repeat a failure, so other examples are tried each time, also where `CI` is set, and
failed examples stay in the database."""

DEVICE_LONG = settings(DEVICE, max_examples=2000)
"""The same with more examples."""


def register_profiles() -> None:
    """Register the hypothesis profiles `lensmount-virtual`, `lensmount-device` and `lensmount-device-long`.

    Then `settings.load_profile("lensmount-device")` in a `conftest.py`, or `--hypothesis-profile` of pytest, selects
    one.
    """
    for name, profile in (("virtual", VIRTUAL), ("device", DEVICE), ("device-long", DEVICE_LONG)):
        settings.register_profile(f"lensmount-{name}", profile)
