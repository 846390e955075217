"""kaitaistruct: a module of the shape that its compiler writes for this format, but written by hand.

The compiler is not needed to run the benchmarks. It cannot check a sum over bytes, so that is done behind it.
"""

from typing import Any
from zlib import adler32

from kaitaistruct import BytesIO, KaitaiStream, KaitaiStruct, ValidationNotEqualError

from benchmarks.codec import Codec
from benchmarks.workload import APERTURE_COMMAND, BLOB, FIELDS, FOCUS_STATE, LENS_STATUS, Plain


class MountFrame(KaitaiStruct):  # type: ignore[misc]
    """The whole frame."""

    def __init__(self, _io: Any, _parent: Any = None, _root: Any = None) -> None:
        super().__init__(_io)
        self._parent = _parent
        self._root = _root or self
        self._read()

    def _read(self) -> None:
        self.start = self._io.read_bytes(1)
        if not self.start == b"\xf0":
            raise ValidationNotEqualError(b"\xf0", self.start, self._io, "/seq/0")
        self.len_frame = self._io.read_u2le()
        self.frame_class = self._io.read_u1()
        self.sequence = self._io.read_u1()
        self._raw_payload = self._io.read_bytes(self.len_frame - 8)
        _io__raw_payload = KaitaiStream(BytesIO(self._raw_payload))
        self.payload = MountFrame.Payload(_io__raw_payload, self, self._root)
        self.checksum = self._io.read_u2le()
        self.end = self._io.read_bytes(1)
        if not self.end == b"\x55":
            raise ValidationNotEqualError(b"\x55", self.end, self._io, "/seq/6")

    class Payload(KaitaiStruct):  # type: ignore[misc]
        """Messages until the end."""

        def __init__(self, _io: Any, _parent: Any = None, _root: Any = None) -> None:
            super().__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self) -> None:
            self.messages = []
            i = 0
            while not self._io.is_eof():
                self.messages.append(MountFrame.Message(self._io, self, self._root))
                i += 1

    class Message(KaitaiStruct):  # type: ignore[misc]
        """A type and what belongs to it."""

        def __init__(self, _io: Any, _parent: Any = None, _root: Any = None) -> None:
            super().__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self) -> None:
            self.message_type = self._io.read_u1()
            _on = self.message_type
            if _on == 1:
                self.value = MountFrame.Ping(self._io, self, self._root)
            elif _on == 3:
                self.value = MountFrame.ApertureCommand(self._io, self, self._root)
            elif _on == 5:
                self.value = MountFrame.LensStatus(self._io, self, self._root)
            elif _on == 6:
                self.value = MountFrame.FocusState(self._io, self, self._root)
            elif _on == 32:
                self.value = MountFrame.Blob(self._io, self, self._root)

    class LensStatus(KaitaiStruct):  # type: ignore[misc]
        """Type 05."""

        def __init__(self, _io: Any, _parent: Any = None, _root: Any = None) -> None:
            super().__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self) -> None:
            self.aperture = self._io.read_u2le()
            self.aperture_target = self._io.read_u2le()
            self.aperture_min = self._io.read_u2le()
            self.aperture_max = self._io.read_u2le()
            self.focus_position = self._io.read_u2le()
            self.focus_distance = self._io.read_u2le()
            self.focal_length = self._io.read_u2le()
            self.zoom_position = self._io.read_u2le()
            self.gyro_x = self._io.read_s2le()
            self.gyro_y = self._io.read_s2le()
            self.temperature = self._io.read_u1()
            self.focus_state = self._io.read_u1()
            self.status = self._io.read_u1()
            self.errors = self._io.read_u1()

    class ApertureCommand(KaitaiStruct):  # type: ignore[misc]
        """Type 03."""

        def __init__(self, _io: Any, _parent: Any = None, _root: Any = None) -> None:
            super().__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self) -> None:
            self.flags = self._io.read_u1()
            self.target = self._io.read_u2le()
            self.speed = self._io.read_s2le()

    class FocusState(KaitaiStruct):  # type: ignore[misc]
        """Type 06."""

        def __init__(self, _io: Any, _parent: Any = None, _root: Any = None) -> None:
            super().__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self) -> None:
            self.position = self._io.read_u2le()
            self.velocity = self._io.read_s2le()
            self.flags = self._io.read_u1()
            self.state = self._io.read_u1()
            self.near_limit = self._io.read_u2le()
            self.far_limit = self._io.read_u2le()

    class Ping(KaitaiStruct):  # type: ignore[misc]
        """Type 01."""

        def __init__(self, _io: Any, _parent: Any = None, _root: Any = None) -> None:
            super().__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self) -> None:
            pass

    class Blob(KaitaiStruct):  # type: ignore[misc]
        """Type 20."""

        def __init__(self, _io: Any, _parent: Any = None, _root: Any = None) -> None:
            super().__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self) -> None:
            self.data = self._io.read_bytes_full()


def parse(data: bytes) -> MountFrame:
    """Read a frame, and check what the format's language cannot say."""
    frame = MountFrame(KaitaiStream(BytesIO(data)))
    if frame.len_frame != len(data) or adler32(data[1:-3], 0) & 0xFFFF != frame.checksum:
        raise ValueError("sum")
    return frame


_NAMES = {
    **{type_: [name for name, _ in FIELDS[type_]] for type_ in (LENS_STATUS, APERTURE_COMMAND, FOCUS_STATE)},
    BLOB: ["data"],
}


def plain(frame: MountFrame) -> Plain:
    """What the frame says."""
    messages = [
        (item.message_type, tuple(getattr(item.value, name) for name in _NAMES.get(item.message_type, [])))
        for item in frame.payload.messages
    ]
    return frame.frame_class, frame.sequence, messages


CODEC = Codec("kaitaistruct", parse, plain, note="generated style, written by hand")
