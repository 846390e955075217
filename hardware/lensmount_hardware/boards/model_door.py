"""The host's door of a model board: frames, sequence, greeting, credit."""

from abc import ABC, abstractmethod
from collections import Counter

from lensmount_hardware.boards.credit import Ledger
from lensmount_hardware.boards.declaration import BoardMessage
from lensmount_hardware.boards.model_reports import ReportQueue
from lensmount_hardware.boards.orders import HostHello
from lensmount_hardware.boards.protocol import BY_TYPE, DELIMITER, BoardFrame, build_frame, read_frame
from lensmount_hardware.boards.reports import Refused, Room, Welcome
from lensmount_hardware.boards.words import LONGEST_FRAME, VERSION, ErrorCode, HelloFlag, Sort
from lensmount_protocol.errors import FrameError

_FRAMES = 256
_DEFAULT_WATCHDOG_MS = 2000


class ModelDoor(ABC):
    """What a board does with the bytes of its host.

    Args:
        queue_bytes: room for orders.
        report_bytes: room for reports that wait.
        most_lines: lines that a map may have.
        baudrates: lowest and highest rate.
        version: of the protocol that it speaks.
        firmware: what it says of its firmware.

    Attributes:
        now_us: the board's time.
        counted: what COUNTERS tells and nobody else counts.
    """

    def __init__(
        self,
        *,
        queue_bytes: int = 4096,
        report_bytes: int = 16384,
        most_lines: int = 16,
        baudrates: tuple[int, int] = (9_600, 3_000_000),
        version: int = VERSION,
        firmware: bytes = b"model",
    ) -> None:
        self.now_us = 0
        self.counted = Counter[str]()
        self._version, self._firmware = version, firmware
        self._queue_bytes, self._report_bytes = queue_bytes, report_bytes
        self._most_lines, self._baudrates = most_lines, baudrates
        self._partial = bytearray()
        self._out = bytearray()
        self._expected = 0
        self._sequence = 0
        self._session: int | None = None
        self._last_session: int | None = None
        self._heard_us = 0
        self._watchdog_us = 0
        self._ledger = Ledger(queue_bytes)
        self._reports = ReportQueue(report_bytes, self._emit)

    @property
    @abstractmethod
    def configured(self) -> bool:
        """Whether there is a line map."""

    @abstractmethod
    def _begin_session(self) -> None:
        """Go to rest and forget the line map."""

    @abstractmethod
    def _obey(self, frame: BoardFrame, message: BoardMessage) -> None:
        """Do what a message of the host's says."""

    @abstractmethod
    def _tell_state(self) -> None:
        """Say how things are."""

    def receive(self, data: bytes) -> None:
        """Bytes from the host, now."""
        *ended, rest = data.split(DELIMITER)
        for piece in ended:
            stuffed = bytes(self._partial + piece)
            self._partial.clear()
            if stuffed:
                self._read(stuffed)
        self._partial += rest[: LONGEST_FRAME + 2]
        del self._partial[LONGEST_FRAME + 2 :]

    def bytes_to_send(self) -> bytes:
        """What is to go to the host now; it is the board's no longer."""
        if self._session is not None and (limit := self._ledger.news()) is not None:
            self._emit(Room(limit))
        data = bytes(self._out)
        self._out.clear()
        return data

    def _read(self, stuffed: bytes) -> None:
        try:
            frame = read_frame(stuffed)
        except FrameError:
            self.counted["frames_bad"] += 1
            self._reports.count(Sort.FRAMES, 1)
            return
        try:
            message = frame.message()
        except FrameError:
            message = None
        if isinstance(message, HostHello):
            self._greet(frame, message)
            return
        if self._session is None:
            self._refuse(ErrorCode.NOT_GREETED, frame.type, frame.sequence, 0)
            return
        distance = (frame.sequence - self._expected) % _FRAMES
        if distance >= _FRAMES // 2:
            return
        self._expected = (frame.sequence + 1) % _FRAMES
        self.counted["frames_missed"] += distance
        self._reports.count(Sort.FRAMES, distance)
        self.counted["frames_taken"] += 1
        self._heard_us = self.now_us
        if message is None or message.TYPE >= 0x80:
            known = message is None and frame.type in BY_TYPE
            self._refuse(ErrorCode.MALFORMED if known else ErrorCode.UNKNOWN_TYPE, frame.type, frame.sequence, 0)
            return
        self._obey(frame, message)
        self._reports.pump()

    def _greet(self, frame: BoardFrame, hello: HostHello) -> None:
        if hello.version != self._version:
            self._refuse(ErrorCode.VERSION, frame.type, frame.sequence, self._version)
            return
        patience = self._watchdog_us or _DEFAULT_WATCHDOG_MS * 1000
        taken = self.configured and self._session != hello.session and self._session is not None
        if taken and self.now_us - self._heard_us < patience and not hello.flags & HelloFlag.TAKE_OVER:
            self._refuse(ErrorCode.BUSY, frame.type, frame.sequence, self._session or 0)
            return
        self._reports.end()
        self._begin_session()
        goes_on = hello.session == self._last_session
        distance = (frame.sequence - self._expected) % _FRAMES
        if goes_on and distance < _FRAMES // 2:
            self.counted["frames_missed"] += distance
            self._reports.count(Sort.FRAMES, distance)
        self._session = self._last_session = hello.session
        self._heard_us = self.now_us
        self._expected = (frame.sequence + 1) % _FRAMES
        self._ledger = Ledger(self._queue_bytes)
        self._reports.begin(hello.limit, goes_on=goes_on)
        self._emit(
            Welcome(
                self._version,
                hello.session,
                b"MODEL\0\0\0",
                self._most_lines,
                *self._baudrates,
                self._queue_bytes,
                self._report_bytes,
                self._firmware,
            )
        )
        self._tell_state()

    def _refuse(self, code: int, of_type: int, of_sequence: int, detail: int) -> None:
        self.counted["refused"] += 1
        self._emit(Refused(code, of_type, of_sequence, detail))

    def _emit(self, message: BoardMessage) -> None:
        self._out += build_frame(message, self._sequence)
        self._sequence = (self._sequence + 1) % _FRAMES
