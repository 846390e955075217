"""Readers of ports: each port belongs to one thread, which puts its events into a shared queue with their times."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Event, Thread

from lensmount_emulator.sessions.listener import Listener, poll_times
from lensmount_hardware.clock import Clock
from lensmount_hardware.transport import Transport, as_timed
from lensmount_protocol.errors import MountError
from lensmount_protocol.wire import LineChanged, Received, Role, SetBaudrate, WireAction, WireEvent, WireRecord

POLL_INTERVAL_S = 5e-3
"""Seconds after which a thread polls its queue of actions: the largest delay of a change of rate."""

FAST_POLL_INTERVAL_S = 5e-4
"""The same while both ends are about to change their rate."""

MAX_WAIT_S = 0.1
"""Seconds after which a listener wakes up without events, so that it can be stopped."""

MAX_BAUDRATE = 3_000_000
"""Baud rate that a port has until one is ordered: bytes take hardly any time."""

PortEvent = tuple[float, Role, "WireEvent | WireRecord | MountError | str"]
"""Time, the end at the port, and one of: an event, a record with a timestamp, the loss of the port, a remark."""


class PortReaderThread:
    """Listens at one port in a thread of its own, which alone touches the port until `stop` has joined it.

    Attributes:
        fast_polling: whether actions may come at any moment, so that the thread polls more often.
    """

    def __init__(self, sender: Role, transport: Transport, clock: Clock, inbox: SimpleQueue[PortEvent]) -> None:
        """Prepare the thread.

        Args:
            sender: the end that sends to the port; a port with timestamps names it in its records.
            transport: the port.
            clock: stamps the events; all readers share it.
            inbox: receives the events; all readers share it.
        """
        self.sender = sender
        self.fast_polling = False
        self._transport = transport
        self._timed_port = as_timed(transport)
        self._clock = clock
        self._inbox = inbox
        self._queued_actions: SimpleQueue[WireAction] = SimpleQueue()
        self._later: SetBaudrate | None = None
        self._baudrate = MAX_BAUDRATE
        self._stop = Event()
        self._thread = Thread(target=self._run, name=f"lensmount {transport.name}", daemon=True)

    def start(self) -> None:
        """Start to listen."""
        self._thread.start()

    def enqueue_action(self, action: WireAction) -> None:
        """Queue an action; the thread does it at its next poll."""
        self._queued_actions.put(action)

    def stop(self) -> None:
        """Stop listening; the port belongs to the caller again, to be closed."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._send_actions()
                self._poll()
        except MountError as error:
            self._inbox.put((self._clock.now(), self.sender, error))

    def _poll(self) -> None:
        timed_port = self._timed_port
        wait = FAST_POLL_INTERVAL_S if self.fast_polling or self._later is not None else POLL_INTERVAL_S
        if timed_port is None:
            events = self._transport.receive(wait)
            times = poll_times(events, self._clock.now(), self._baudrate) if events else []
            for at, event in zip(times, events, strict=True):
                self._inbox.put((at, self.sender, event))
            return
        for sighting in timed_port.timed_records(wait, self._clock):
            self._inbox.put((self._clock.now(), self.sender, sighting.record))

    def _send_actions(self) -> None:
        with suppress(Empty):
            while True:
                action = self._queued_actions.get_nowait()
                if isinstance(action, SetBaudrate):
                    # Only the latest action counts.
                    self._later = action
                else:
                    self._transport.send(action)
        rate = self._later
        if rate is not None and (self._timed_port is not None or rate.at is None or rate.at <= self._clock.now()):
            self._later = None
            self._baudrate = rate.baudrate
            self._transport.send(rate)


def run_listeners(
    listener: Listener,
    ports: Mapping[Role, Transport],
    clock: Clock,
    inbox: SimpleQueue[PortEvent],
    seconds: float | None = None,
    stop_when: Callable[[], bool] = lambda: False,
) -> None:
    """Listen until the time is over; afterwards no thread touches a port, also after an error.

    Args:
        listener: records and reports the events.
        ports: the sending end -> the port.
        clock: stamps the events.
        inbox: the queue of the ports' events; the caller may add remarks.
        seconds: duration; `None` until a port is lost or `stop_when` is true.
        stop_when: called now and again.

    Raises:
        TransportLostError: a port was lost; earlier events have been recorded and reported.
    """
    pumps = [PortReaderThread(sender, port, clock, inbox) for sender, port in ports.items()]
    ends = None if seconds is None else clock.now() + seconds
    try:
        for pump in pumps:
            pump.enqueue_action(SetBaudrate(listener.baudrate))
            pump.start()
        while not stop_when() and (ends is None or clock.now() < ends):
            wait = MAX_WAIT_S if ends is None else min(MAX_WAIT_S, max(0.0, ends - clock.now()))
            with suppress(Empty):
                _handle_event(listener, inbox.get(timeout=wait), pumps)
    finally:
        for pump in pumps:
            pump.stop()
        with suppress(Empty, MountError):
            while True:
                _handle_event(listener, inbox.get_nowait(), pumps)
        listener.finish()


def _handle_event(listener: Listener, event: PortEvent, readers: list[PortReaderThread]) -> None:
    at, sender, what = event
    if isinstance(what, MountError):
        raise what
    if isinstance(what, str):
        listener.annotate(at, what)
        return
    change = (
        listener.on_event(sender, what, at) if isinstance(what, Received | LineChanged) else listener.on_record(what)
    )
    for pump in readers:
        pump.fast_polling = listener.change_pending
        if change is not None:
            pump.enqueue_action(SetBaudrate(change.baudrate, change.at))
