"""Reads captures of any format as sessions for the inference: frames, edges of the start-up, and measured timing."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from lensmount_emulator.engine.dialect_roles import Place
from lensmount_emulator.engine.twin_traits import Session, TwinTraits
from lensmount_hardware.captures.declared_dialect import declared_dialect
from lensmount_hardware.captures.formats import open_capture
from lensmount_hardware.captures.limits import replayed_records
from lensmount_hardware.input_file import open_input
from lensmount_protocol.decoder import DecodedFrame, Decoder
from lensmount_protocol.describe import format_value
from lensmount_protocol.dialect import Dialect, load_dialect
from lensmount_protocol.errors import CaptureError, DialectError
from lensmount_protocol.message import Message
from lensmount_protocol.payload import message_type
from lensmount_protocol.timing import measure
from lensmount_protocol.timing_marks import extract_marks
from lensmount_protocol.wire import Annotation, Edge, Role

DEFAULT_DIALECT = "emount"

MAX_START_EDGES = 20_000
"""Edges of a start-up that are kept; a capture has a few hundred."""


def find_dialect(paths: Sequence[Path], name: str | None) -> Dialect:
    """Find the dialect of captures: the named one, else the one that they declare, else `emount`.

    Raises:
        DialectError: two captures declare different dialects, or one declares another than the named one.
    """
    declared = {path: found for path in paths if (found := declared_dialect(path)) is not None}
    for path, found in declared.items():
        expected = name or next(iter(declared.values()))
        if found != expected:
            raise DialectError(f"{path}: declares the dialect {found}, not {expected}; give captures of one dialect")
    return load_dialect(name or next(iter(declared.values()), DEFAULT_DIALECT))


def read_session(
    path: Path, dialect: Dialect, channels: Mapping[str, str] | None = None, samplerate: float | None = None
) -> Session:
    """Read one capture.

    Raises:
        CaptureError: the file is damaged, or holds no frames of both ends.
    """
    capture = open_capture(path, dialect.wiring, channels=channels or {}, samplerate=samplerate)
    records = replayed_records(capture.path, capture.records)
    events = list(Decoder(dialect).decode(records))
    frames = [event for event in events if isinstance(event, DecodedFrame) and event.messages]
    for role in Role:
        if not any(frame.sender is role for frame in frames):
            raise CaptureError(f"{path}: holds no frame of the {role.value}; a twin needs both ends of a session")
    timed = all(frame.at is not None for frame in frames)
    edges: list[Edge] = []
    if timed and any(frame.opened is not None for frame in frames):
        frames.sort(key=lambda frame: frame.at or 0.0)
        if _is_routine(frames[0], dialect):
            # A capture that begins in the stream only states the levels of its lines at first.
            start = min((event.at for event in events if isinstance(event, Edge)), default=0.0)
            events = [event for event in events if not isinstance(event, Edge) or event.at > start]
        edges = [event for event in events if isinstance(event, Edge)][:MAX_START_EDGES]
    timing = measure(dialect.timing, extract_marks(events, dialect)) if edges else []
    gaps = [event.text for event in events if isinstance(event, Annotation) and event.incomplete]
    return Session(path.name, frames, edges, timing, has_times=timed, gaps=gaps, records=records)


def _is_routine(frame: DecodedFrame, dialect: Dialect) -> bool:
    return any(message_type(message) in dialect.routine_types for message in frame.messages)


def check_identity(sessions: Sequence[Session], place: Place, traits: TwinTraits) -> list[str]:
    """Check that captures are of one device, as far as they name it.

    Returns:
        The names of the captures that do not name the device.

    Raises:
        CaptureError: they name two devices.
    """
    role, wanted = Role(place.value), traits.identity.get(place, {})
    known: dict[str, tuple[str, str]] = {}
    unnamed: list[str] = []
    for session in sessions:
        names_it = False
        frames = (frame for frame in session.frames if frame.sender is role)
        for message in (one for frame in frames for one in frame.messages if isinstance(one, Message)):
            for name in wanted.get(type(message), ()):
                names_it = True
                spec = next(spec for spec in type(message).FIELDS if spec.name == name)
                text = format_value(spec, getattr(message, name))
                full = f"{type(message).__name__}.{name}"
                first, where = known.setdefault(full, (text, session.name))
                if text != first:
                    devices = "lenses" if place is Place.LENS else "bodies"
                    raise CaptureError(
                        f"two {devices}: {full} is {first} in {where}, and {text} in {session.name}; "
                        f"give captures of one {place.value}"
                    )
        if not names_it:
            unnamed.append(session.name)
    return unnamed


def file_hash(path: Path) -> str:
    """The SHA-256 of a capture file; empty for a folder."""
    if path.is_dir():
        return ""
    digest = hashlib.sha256()
    with open_input(path) as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
