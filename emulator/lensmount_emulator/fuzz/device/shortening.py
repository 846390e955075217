"""Makes the story of a broken device short: fewer steps, then each frame as usual as it can be.

A try on a device takes a second and a power cycle, so there are few of them, and the largest steps come first.
"""

from collections.abc import Callable, Iterator
from copy import copy

from lensmount_emulator.faults.frames import frame_size
from lensmount_emulator.fuzz.device.making import Steps
from lensmount_emulator.fuzz.device.setup import Setup
from lensmount_protocol.errors import MountError
from lensmount_protocol.frame import Frame
from lensmount_protocol.message import Unknown
from lensmount_protocol.paving import AnyMessage, build_payload
from lensmount_protocol.reader import FrameReader

Breaks = Callable[[Steps], bool]


def shortened(setup: Setup, steps: Steps, breaks: Breaks, tries: int) -> Steps:
    """The simplest steps that are found within so many tries and still break the device."""
    left, before = tries, {steps}

    def still(tried: Steps) -> bool:
        nonlocal left
        if tried in before or not left:
            return False
        before.add(tried)
        left -= 1
        return breaks(tried)

    return _simpler_sends(setup, _fewer(steps, still), still)


def _fewer(steps: Steps, still: Breaks) -> Steps:
    """Leave out steps, half of them at once first, from the front on: what broke it mostly stands at the end."""
    size = max(1, len(steps) // 2)
    while size >= 1:
        start = 0
        while start < len(steps) and len(steps) > 1:
            tried = steps[:start] + steps[start + size :]
            if tried and still(tried):
                steps = tried
            else:
                start += size
        size //= 2
    return steps


def _simpler_sends(setup: Setup, steps: Steps, still: Breaks) -> Steps:
    for at, step in enumerate(steps):
        if not step.startswith("send "):
            continue
        data = bytes.fromhex(step.split()[2])
        goes_on = True
        while goes_on:
            goes_on = False
            for simpler in _simpler(setup, data):
                tried = (*steps[:at], f"send {setup.role.value} {simpler.hex()}", *steps[at + 1 :])
                if simpler != data and still(tried):
                    steps, data, goes_on = tried, simpler, True
                    break
    return steps


def _simpler(setup: Setup, data: bytes) -> Iterator[bytes]:
    """Other bytes that say less, the largest step first: where they are a whole frame, of its parts."""
    frame = _frame(setup, data)
    if frame is None:
        # What is wrong with them is not known; half of them would be wrong in another way.
        return
    messages: list[AnyMessage] = frame.messages

    def built(some: list[AnyMessage], class_: int = frame.class_, sequence: int = frame.sequence) -> bytes:
        return setup.dialect.build_frame(build_payload(some), class_, sequence)

    probe = setup.probe()
    if probe is not None and messages != [probe]:
        yield built([probe])
    if len(messages) > 1:
        for at in range(len(messages)):
            yield built([messages[at]])
    if frame.sequence != 1:
        yield built(messages, sequence=1)
    for at, message in enumerate(messages):
        for simpler in _simpler_messages(message):
            with_it = [*messages[:at], simpler, *messages[at + 1 :]]
            try:
                yield built(with_it)
            except MountError:
                continue


def _simpler_messages(message: AnyMessage) -> Iterator[AnyMessage]:
    """A message that says what it usually says, in all fields or in one."""
    if isinstance(message, Unknown):
        return
    usual = type(message)()
    odd = [spec.name for spec in message.FIELDS if getattr(message, spec.name) != getattr(usual, spec.name)]
    if odd:
        yield usual
    if len(odd) > 1:
        for name in odd:
            simpler = copy(message)
            setattr(simpler, name, getattr(usual, name))
            yield simpler


def _frame(setup: Setup, data: bytes) -> Frame | None:
    if not data or frame_size(data, setup.dialect.formats[setup.role]) != len(data):
        return None
    try:
        return FrameReader(setup.dialect, setup.role, setup.dialect.paving()).parse(data)
    except MountError:
        return None
