"""Ports that are listened to, each owned by one thread that puts what it hears into one queue with its time."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Event, Thread

from lensmount_emulator.sessions.listening import Listener, times_of_look
from lensmount_hardware.clock import Clock
from lensmount_hardware.transport import Transport, timed
from lensmount_protocol.errors import MountError
from lensmount_protocol.wire import LineChanged, Received, Record, Role, SetBaudrate, WireAction, WireEvent

LOOK_UP = 5e-3
"""Seconds after which a thread looks up from its port: so late is a change of rate ordered, at most."""

HASTE = 5e-4
"""The same while both ends are about to change their rate."""

LONGEST_WAIT = 0.1
"""Seconds after which a listener looks up even when nothing is heard, so that it can be stopped."""

FASTEST = 3_000_000
"""Baud rate that a port has until one is ordered: bytes take hardly any time."""

Heard = tuple[float, Role, "WireEvent | Record | MountError | str"]
"""When, at whose port, and what: an event, a record of a port that keeps time, its loss, or news of it in words."""


class Pump:
    """Listens at one port in a thread of its own, which alone touches the port until `stop` has joined it.

    Attributes:
        in_haste: whether orders may come at any moment, so that it has to look up more often.
    """

    def __init__(self, sender: Role, transport: Transport, clock: Clock, inbox: SimpleQueue[Heard]) -> None:
        """Make ready.

        Args:
            sender: the end whose bytes are heard there; a port that keeps time says itself whose they are.
            transport: the port.
            clock: stamps what is heard; all pumps share it.
            inbox: gets what is heard; all pumps share it.
        """
        self.sender = sender
        self.in_haste = False
        self._transport = transport
        self._keeper = timed(transport)
        self._clock = clock
        self._inbox = inbox
        self._orders: SimpleQueue[WireAction] = SimpleQueue()
        self._later: SetBaudrate | None = None
        self._baudrate = FASTEST
        self._stop = Event()
        self._thread = Thread(target=self._run, name=f"lensmount {transport.name}", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def order(self, action: WireAction) -> None:
        """Have this done to the port as soon as its thread looks up."""
        self._orders.put(action)

    def stop(self) -> None:
        """Listen no longer; the port belongs to the caller again, to be closed."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._carry_out()
                self._look()
        except MountError as error:
            self._inbox.put((self._clock.now(), self.sender, error))

    def _look(self) -> None:
        keeper = self._keeper
        wait = HASTE if self.in_haste or self._later is not None else LOOK_UP
        if keeper is None:
            events = self._transport.receive(wait)
            times = times_of_look(events, self._clock.now(), self._baudrate) if events else []
            for at, event in zip(times, events, strict=True):
                self._inbox.put((at, self.sender, event))
            return
        for sighting in keeper.sightings(wait, self._clock):
            self._inbox.put((self._clock.now(), self.sender, sighting.record))

    def _carry_out(self) -> None:
        with suppress(Empty):
            while True:
                action = self._orders.get_nowait()
                if isinstance(action, SetBaudrate):
                    # The latest word counts.
                    self._later = action
                else:
                    self._transport.send(action)
        rate = self._later
        if rate is not None and (self._keeper is not None or rate.at is None or rate.at <= self._clock.now()):
            self._later = None
            self._baudrate = rate.baudrate
            self._transport.send(rate)


def listen(
    listener: Listener,
    ports: Mapping[Role, Transport],
    clock: Clock,
    inbox: SimpleQueue[Heard],
    seconds: float | None = None,
    unless: Callable[[], bool] = lambda: False,
) -> None:
    """Listen until the time is over; whatever ends it, no thread touches a port any more.

    Args:
        listener: keeps and tells what is heard.
        ports: the end whose bytes are heard -> the port.
        clock: stamps what is heard.
        inbox: what the ports put in; news in words may be put in by others.
        seconds: how long; `None` until a port is lost or `unless` is true.
        unless: asked now and again.

    Raises:
        TransportLostError: a port went away; what came before has been kept and told.
    """
    pumps = [Pump(sender, port, clock, inbox) for sender, port in ports.items()]
    ends = None if seconds is None else clock.now() + seconds
    try:
        for pump in pumps:
            pump.order(SetBaudrate(listener.baudrate))
            pump.start()
        while not unless() and (ends is None or clock.now() < ends):
            wait = LONGEST_WAIT if ends is None else min(LONGEST_WAIT, max(0.0, ends - clock.now()))
            with suppress(Empty):
                _take(listener, inbox.get(timeout=wait), pumps)
    finally:
        for pump in pumps:
            pump.stop()
        with suppress(Empty, MountError):
            while True:
                _take(listener, inbox.get_nowait(), pumps)
        listener.finish()


def _take(listener: Listener, heard: Heard, pumps: list[Pump]) -> None:
    at, sender, what = heard
    if isinstance(what, MountError):
        raise what
    if isinstance(what, str):
        listener.remark(at, what)
        return
    change = listener.hear(sender, what, at) if isinstance(what, Received | LineChanged) else listener.see(what)
    for pump in pumps:
        pump.in_haste = listener.in_haste
        if change is not None:
            pump.order(SetBaudrate(change.baudrate, change.at))
