"""The virtual mount on a half-duplex clocked link: which end sends, and what the clocked end has loaded."""

from lensmount_emulator.engine.engine import WireOutput
from lensmount_emulator.mount.virtual_mount import VirtualMount
from lensmount_emulator.scheduler import Scheduler
from lensmount_protocol.dialects.mft.dialect import MFT
from lensmount_protocol.dialects.mft.link import BODY_ACK, LENS_ACK, VDD
from lensmount_protocol.wire import Burst, Received, Role, WireEvent, WireRecord


class Contacts:
    """A mount with a powered lens, the bytes that each end receives, and the outputs of both ends."""

    def __init__(self) -> None:
        self.scheduler = Scheduler()
        self.records: list[WireRecord] = []
        self.received: dict[Role, list[tuple[bytes, float]]] = {role: [] for role in Role}
        self.mount = VirtualMount(MFT, self.records.append, self.scheduler)
        for role in Role:
            self.mount.connect(role, lambda event, now, role=role: self._note(role, event, now))
        self.mount.attach(0.0)
        self.body: WireOutput = self.mount.port(Role.BODY)
        self.lens: WireOutput = self.mount.port(Role.LENS)
        self.body.drive(VDD, True)

    def _note(self, role: Role, event: WireEvent, now: float) -> None:
        if isinstance(event, Received):
            self.received[role].append((event.data, round(now * 1e6)))

    def run(self, until: float) -> None:
        while (due := self.scheduler.next_time()) is not None and due <= until:
            self.scheduler.run_due(due)
        self.scheduler.run_due(until)


def test_body_sends_where_its_line_rose_first() -> None:
    contacts = Contacts()
    contacts.body.drive(BODY_ACK, True)
    contacts.lens.drive(LENS_ACK, True)
    contacts.lens.transmit(b"\1")
    contacts.body.transmit(b"\xc1\x80\1\6")
    contacts.run(1e-3)
    # Three bytes of 16 us, each with a pause of 20 us, and seven and a half bits.
    assert contacts.received == {Role.BODY: [], Role.LENS: [(b"\xc1\x80\1\6", 123)]}


def test_clocked_end_sends_where_its_line_rose_first() -> None:
    contacts = Contacts()
    contacts.lens.transmit(b"\x48")
    contacts.lens.drive(LENS_ACK, True)
    contacts.run(1e-3)
    assert contacts.received[Role.BODY] == []
    contacts.body.drive(BODY_ACK, True)
    contacts.run(2e-3)
    assert contacts.received == {Role.BODY: [(b"\x48", 1015)], Role.LENS: []}
    assert [record.sender for record in contacts.records if isinstance(record, Burst)] == [Role.LENS]


def test_unit_that_is_loaded_late_is_clocked_when_it_comes() -> None:
    contacts = Contacts()
    contacts.lens.drive(LENS_ACK, True)
    contacts.body.drive(BODY_ACK, True)
    contacts.run(1e-3)
    contacts.lens.transmit(b"\x48")
    contacts.run(2e-3)
    assert contacts.received[Role.BODY] == [(b"\x48", 1015)]


def test_clocked_end_withdraws_its_unit_with_its_line() -> None:
    contacts = Contacts()
    contacts.lens.transmit(b"\x48")
    contacts.lens.drive(LENS_ACK, True)
    contacts.lens.drive(LENS_ACK, False)
    contacts.lens.drive(LENS_ACK, True)
    contacts.body.drive(BODY_ACK, True)
    contacts.run(1e-3)
    assert contacts.received[Role.BODY] == []


def test_loss_of_the_supply_cuts_a_unit_and_forgets_what_is_loaded() -> None:
    contacts = Contacts()
    contacts.lens.transmit(bytes(range(33)))
    contacts.lens.drive(LENS_ACK, True)
    contacts.body.drive(BODY_ACK, True)
    contacts.run(3e-4)
    contacts.body.drive(VDD, False)
    contacts.run(2e-3)
    assert [data for data, _ in contacts.received[Role.BODY]] == [bytes(range(8))]
    contacts.body.drive(VDD, True)
    contacts.body.drive(BODY_ACK, False)
    contacts.body.drive(BODY_ACK, True)
    contacts.run(3e-3)
    assert len(contacts.received[Role.BODY]) == 1
