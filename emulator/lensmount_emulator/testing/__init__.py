"""Strategies and hypothesis profiles for tests of devices, dialects and sessions; wants hypothesis (`lensmount[fuzz]`).

```python
from hypothesis import given
from lensmount_emulator.testing import Role, frames, play, sessions

@given(frames("emount", Role.LENS))
def test_my_parser_survives(data): ...

@given(sessions("lmount"))
def test_both_ends_find_back(story):
    assert play(story).complaints == []
```

A dialect of another package is given by its name or as the `Dialect` itself; for `sessions` name its profiles.
"""

from hypothesis import HealthCheck, settings
from hypothesis.database import DirectoryBasedExampleDatabase

from lensmount_emulator.fuzz.corpus import USUAL
from lensmount_emulator.fuzz.stage import play_story as play
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
from lensmount_emulator.fuzz.strategies import stories as sessions
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
"""For sessions in virtual time: as usual, without a deadline, since a session takes as long as it takes."""

DEVICE = settings(
    deadline=None,
    max_examples=20,
    derandomize=False,
    database=DirectoryBasedExampleDatabase(USUAL),
    print_blob=True,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)
"""For a device on a port. A device takes longer than the usual 200 ms; its fixture holds the port for a whole test, not
for one example; and what it did once it may not do again, so other examples are tried each time, also where `CI` is
set, and those that failed stay in the database."""

DEVICE_LONG = settings(DEVICE, max_examples=2000)
"""The same at length."""


def register_profiles() -> None:
    """Make the profiles known to hypothesis: `lensmount-virtual`, `lensmount-device` and `lensmount-device-long`.

    Behind that `settings.load_profile("lensmount-device")` in a `conftest.py`, or `--hypothesis-profile` of pytest,
    chooses one.
    """
    for name, profile in (("virtual", VIRTUAL), ("device", DEVICE), ("device-long", DEVICE_LONG)):
        settings.register_profile(f"lensmount-{name}", profile)
