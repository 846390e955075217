"""Sessions through an interposer: the frames and the broken bounds of the timing contract at both of its joints."""

from dataclasses import dataclass

from lensmount_emulator.engine.observer import Notice
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.sessions.loopback import MAX_SESSION_S, make_virtual_session
from lensmount_protocol.decoder import DecodedFrame, Decoder
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.timing_marks import measure_events
from lensmount_protocol.wire import Role, WireRecord

SCRIPT = "wait 0.2; focus +50; focus -50; stop; aperture f/8; wait 0.1; sleep; wake; wait 0.1"
"""The script of the E-mount matrix."""


@dataclass(frozen=True)
class Passed:
    """What a session was.

    Attributes:
        frames: sender and bytes of each frame at the body's joint and at the lens's.
        broken: rules of the contract that are broken at each joint.
        errors: notices of errors.
        finished: whether the script was carried out.
    """

    frames: tuple[list[tuple[Role, bytes]], ...]
    broken: tuple[list[str], ...]
    errors: list[str]
    finished: bool


def play(body: str, lens: str, *faults: str, script: str = SCRIPT) -> Passed:
    """Play a session with the rules of an interposer, or without one."""
    records: tuple[list[WireRecord], ...] = ([], [])
    notices: list[Notice] = []
    session = make_virtual_session(
        body, lens, script=script, tap=records[0].append, on_notice=notices.append, faults=faults
    )
    session.tap_inner = lambda joint, record: records[joint].append(record)
    session.breaks = False
    session.start()
    session.run(MAX_SESSION_S, stop_when=lambda: session.body.done)
    session.run(session.now + 0.1)
    session.run(session.now + 0.3, stop_when=lambda: not session.sending)
    dialect = load_dialect(load_profile(body).dialect)
    events = [list(Decoder(dialect).decode(taken)) for taken in records[: len(session.mounts)]]
    return Passed(
        tuple(
            [(event.sender, event.frame.raw) for event in joint if isinstance(event, DecodedFrame)] for joint in events
        ),
        tuple([rule.rule.name for rule in measure_events(joint, dialect) if rule.violations] for joint in events),
        [notice.text for notice in notices if notice.is_error],
        session.body.done and not session.body.gave_up,
    )
