"""A clocked mount on boards in virtual time: the map, units and bursts of both ends, and firmware that is older."""

import re
from dataclasses import dataclass, replace

import pytest

from lensmount_hardware.boards.clocked import MAX_BURST, BurstAssembler, ReplyTable
from lensmount_hardware.boards.pin_map import PinMap, make_pin_map
from lensmount_hardware.boards.protocol.commands import ClockedLinkCommand, Configure
from lensmount_hardware.boards.protocol.constants import (
    MAX_REPLIES,
    BoardRole,
    BurstFlag,
    ErrorCode,
    LineFlag,
    LineKind,
    ReplyFlag,
    describe_constant,
)
from lensmount_hardware.boards.protocol.framing import MAX_DATA
from lensmount_hardware.boards.protocol.reports import BurstReceived
from lensmount_hardware.boards.simulator.bench import SimulatorBench, connect_boards
from lensmount_hardware.boards.simulator.board import BoardSimulator
from lensmount_hardware.boards.transport import BoardTransport
from lensmount_hardware.port_spec import Contacts, parse_spec
from lensmount_hardware.transport import PreparedReply
from lensmount_protocol.errors import BoardError, TransportError, TransportSpecError
from lensmount_protocol.wire import (
    AcknowledgeLines,
    Annotation,
    Burst,
    ClockedLink,
    DataLoss,
    DriveLine,
    Edge,
    PartialBurst,
    Received,
    Role,
    SerialLine,
    SetBaudrate,
    Transmit,
    WireRecord,
)

LINK = ClockedLink("SCK", Role.BODY, bit_rate=1_000_000, gap_s=10e-6, burst_sizes=(4,), idle_byte=0xA5)
CONTACTS = Contacts(
    drivers={
        "POWER": Role.BODY,
        "DETECT": Role.LENS,
        "SCK": Role.BODY,
        "MOSI": Role.BODY,
        "MISO": Role.LENS,
        "BUSY": Role.LENS,
    },
    serial=(SerialLine("MOSI", Role.BODY), SerialLine("MISO", Role.LENS)),
    supply="POWER",
    detect="DETECT",
    clocked=LINK,
)


def plan_for(role: BoardRole, options: str = "") -> PinMap:
    return make_pin_map(parse_spec(f"board:model{options}"), CONTACTS, role, 115_200)


@dataclass
class Pair:
    bench: SimulatorBench
    boards: dict[Role, BoardSimulator]
    ports: dict[Role, BoardTransport]
    plan: PinMap

    def look(self, role: Role) -> tuple[list[WireRecord], list[bytes]]:
        """The records since the last look, and the bytes that an engine gets."""
        seen = self.ports[role].timed_records(0, self.bench.clock)
        return [one.record for one in seen], [one.event.data for one in seen if isinstance(one.event, Received)]

    def settle(self, seconds: float = 0.05) -> None:
        self.bench.advance(seconds)
        for port in self.ports.values():
            port.receive(0)


@pytest.fixture
def pair() -> Pair:
    boards = {role: BoardSimulator() for role in Role}
    bench = SimulatorBench(*boards.values())
    boards[Role.BODY].pins[6] = True
    plans = {Role.BODY: plan_for(BoardRole.BODY), Role.LENS: plan_for(BoardRole.LENS)}
    boards[Role.BODY].pins[plans[Role.BODY].configure.lines[0].gpio] = True
    ports = {
        role: BoardTransport(bench.stream(boards[role], role.value), plan, bench.clock, number + 1)
        for number, (role, plan) in enumerate(plans.items())
    }
    plan = plans[Role.BODY]
    wires = [(boards[CONTACTS.drivers[line]], n, n) for n, line in enumerate(plan.names)]
    connect_boards(boards[Role.BODY], boards[Role.LENS], wires)
    pair = Pair(bench, boards, ports, plan)
    pair.settle()
    ports[Role.LENS].send(DriveLine("DETECT", False))
    pair.settle()
    ports[Role.BODY].send(DriveLine("POWER", True))
    pair.settle()
    return pair


def test_the_map_gives_the_clock_its_kind_pin_and_times() -> None:
    plan = plan_for(BoardRole.LENS, "?SCK=!9&BUSY=none")
    lines = dict(zip(plan.names, plan.configure.lines, strict=True))
    assert (lines["SCK"].kind, lines["SCK"].gpio, lines["SCK"].flags) == (
        LineKind.CLOCK,
        9,
        LineFlag.INVERTED | LineFlag.PULL_DOWN,
    )
    assert (lines["MISO"].gpio, lines["MOSI"].gpio) == (0, 1)
    assert plan_for(BoardRole.BODY).configure.lines[plan.names.index("SCK")].gpio == 2
    assert plan.configure.baudrate == 1_000_000
    assert plan.link == ClockedLinkCommand(7, 0xA5, 10)
    assert "SCK" not in plan.lines
    assert {"MOSI", "MISO"} < plan.lines, "levels of data lines between bursts are reported"
    assert plan.queued_lines == {"MISO"}


def test_a_mount_with_one_data_line_for_both_ends_is_refused() -> None:
    shared = replace(CONTACTS, clocked=replace(LINK, acknowledge=AcknowledgeLines("A", "B", 20e-6)))
    with pytest.raises(TransportSpecError, match="both ends share a data line there"):
        make_pin_map(parse_spec("board:model"), shared, BoardRole.LENS, 1)


def test_both_ends_receive_what_the_other_has_loaded(pair: Pair) -> None:
    pair.look(Role.BODY)
    pair.look(Role.LENS)
    pair.ports[Role.LENS].send(Transmit(b"\x01\x02\x03\x04"))
    pair.settle(0.001)
    pair.ports[Role.BODY].send(Transmit(b"\x11\x12\x13\x14"))
    pair.bench.advance(0.01)
    expected = {Role.BODY: b"\x11\x12\x13\x14", Role.LENS: b"\x01\x02\x03\x04"}
    for role in Role:
        records, received = pair.look(role)
        bursts = [one for one in records if isinstance(one, Burst)]
        assert {one.sender: one.data for one in bursts} == expected
        assert received == [expected[role.peer]]
        assert {(one.baudrate, one.whole) for one in bursts} == {(1_000_000, True)}
        first, second = bursts
        assert first.at == pytest.approx(second.at, abs=2e-6)
        assert (first.end or 0) - (first.at or 0) == pytest.approx(32e-6, abs=2e-6)


def test_a_lens_that_has_loaded_nothing_is_recorded_as_such(pair: Pair) -> None:
    pair.look(Role.LENS)
    pair.ports[Role.BODY].send(Transmit(b"\x11\x12\x13\x14"))
    pair.bench.advance(0.01)
    records, _ = pair.look(Role.LENS)
    assert [one.text for one in records if isinstance(one, Annotation)] == [
        "the lens has loaded nothing: it shifts out 0xa5"
    ]
    assert [one.data for one in records if isinstance(one, Burst) and one.sender is Role.LENS] == [b"\xa5" * 4]
    records, received = pair.look(Role.BODY)
    assert received[-1] == b"\xa5" * 4


def test_a_later_unit_replaces_one_that_waits_and_is_no_loss(pair: Pair) -> None:
    pair.look(Role.LENS)
    for data in (b"\x01" * 4, b"\x02" * 4, b"\x03" * 2):
        pair.ports[Role.LENS].send(Transmit(data))
    pair.settle(0.001)
    pair.ports[Role.BODY].send(Transmit(b"\x11\x12\x13\x14"))
    pair.bench.advance(0.01)
    records, _ = pair.look(Role.LENS)
    assert [one.data for one in records if isinstance(one, Burst) and one.sender is Role.LENS] == [
        b"\x03\x03\xa5\xa5"
    ], "as long as the burst was"
    assert pair.ports[Role.LENS].problems() == {}


def test_a_unit_that_waits_when_power_goes_is_no_loss(pair: Pair) -> None:
    pair.look(Role.LENS)
    pair.ports[Role.LENS].send(Transmit(b"\x01" * 4))
    pair.ports[Role.LENS].send(Transmit(b"\x02" * 4))
    pair.settle(0.001)
    pair.ports[Role.BODY].send(DriveLine("POWER", False))
    pair.bench.advance(0.05)
    records, _ = pair.look(Role.LENS)
    assert [one for one in records if isinstance(one, DataLoss)] == []
    assert pair.ports[Role.LENS].problems() == {}


def test_levels_of_a_data_line_between_bursts_are_edges(pair: Pair) -> None:
    pair.look(Role.BODY)
    pair.ports[Role.LENS].send(DriveLine("MISO", True))
    pair.ports[Role.BODY].send(DriveLine("SCK", True))
    pair.bench.advance(0.01)
    records, _ = pair.look(Role.BODY)
    assert {(one.line, one.level) for one in records if isinstance(one, Edge)} == {("SCK", True), ("MISO", True)}
    assert [one for one in pair.look(Role.LENS)[0] if isinstance(one, Edge) and one.line == "SCK"] == []


def reply(state: int, match: bytes, unit: bytes | None, *, after: int = 0) -> PreparedReply:
    return PreparedReply(state, after, 0, 4, match, b"\xff" * 4, unit)


def test_a_board_answers_by_itself_and_drops_the_late_unit(pair: Pair) -> None:
    lens, body = pair.ports[Role.LENS], pair.ports[Role.BODY]
    assert (lens.prepares_replies, body.prepares_replies) == (True, False)
    lens.prepare_replies([reply(0, b"\x11" * 4, b"\xa1" * 4, after=1), reply(1, b"\x12" * 4, None)])
    lens.send(Transmit(b"\xa0" * 4))
    pair.settle(0.001)
    pair.look(Role.BODY)
    pair.look(Role.LENS)
    for word in (b"\x11" * 4, b"\x12" * 4, b"\x13" * 4):
        body.send(Transmit(word))
        pair.bench.advance(0.001)
    records, received = pair.look(Role.BODY)
    assert received == [b"\xa0" * 4, b"\xa1" * 4, b"\x11" * 4], "the last one is a copy of the word before"
    records, _ = pair.look(Role.LENS)
    assert [one.data for one in records if isinstance(one, Burst) and one.sender is Role.LENS] == received
    # The answers to the first two bursts are there; that to the third is ours.
    for data in (b"\xb1" * 4, b"\xb2" * 4, b"\xb3" * 4):
        lens.send(Transmit(data))
    pair.settle(0.001)
    body.send(Transmit(b"\x14" * 4))
    pair.bench.advance(0.001)
    assert pair.look(Role.BODY)[1] == [b"\xb3" * 4]


def test_an_answer_expects_our_unit_for_a_short_time_only(pair: Pair) -> None:
    lens, body = pair.ports[Role.LENS], pair.ports[Role.BODY]
    lens.prepare_replies([reply(0, b"\x11" * 4, b"\xa1" * 4)])
    body.send(Transmit(b"\x11" * 4))
    pair.settle(0.1)
    lens.send(Transmit(b"\xb1" * 4))
    pair.settle(0.001)
    body.send(Transmit(b"\x12" * 4))
    pair.bench.advance(0.001)
    assert pair.look(Role.BODY)[1][-1] == b"\xb1" * 4


def test_only_changed_replies_are_sent_again() -> None:
    table = ReplyTable("board:x")
    first, second = reply(0, b"\x11" * 4, b"\xa1"), reply(1, b"\x12" * 4, None)
    one, other = table.update([first, second])
    assert (one.number, one.unit, one.flags, other.unit, other.flags) == (0, b"\xa1", 0, b"", ReplyFlag.COPY)
    assert list(table.update([first, second])) == []
    (changed,) = table.update([first, reply(1, b"\x12" * 4, b"\xa2")])
    assert (changed.number, changed.unit) == (1, b"\xa2")
    assert len({one.id, other.id, changed.id}) == 3, "the board reports which version went out"
    assert (table.unit(one.id, b"?"), table.unit(other.id, b"?"), table.unit(changed.id, b"?")) == (
        b"\xa1",
        b"?",
        b"\xa2",
    )
    assert table.unit(1, b"?") is None
    (removed,) = table.update([first])
    assert (removed.number, removed.state) == (1, 255)
    for number in range(4 * MAX_REPLIES):
        list(table.update([reply(0, b"\x11" * 4, number.to_bytes(4, "big"))]))
    assert table.unit(changed.id, b"?") is None, "what went out long ago is forgotten"


def test_a_reply_in_force_stays_known_while_another_changes() -> None:
    table, still = ReplyTable("board:x"), reply(0, b"\x11" * 4, b"\xa1")
    constant, _ = table.update([still, reply(0, b"\x12" * 4, b"\xff")])
    ids = set[int]()
    for number in range(0x8010):
        (changed,) = table.update([still, reply(0, b"\x12" * 4, number.to_bytes(4, "big"))])
        ids.add(changed.id)
    assert constant.id not in ids, "numbers begin again, and that of a reply in force is not given twice"
    assert (table.unit(constant.id, b"?"), table.unit(changed.id, b"?")) == (b"\xa1", (0x800F).to_bytes(4, "big"))


def test_what_a_board_cannot_keep_is_refused() -> None:
    table = ReplyTable("board:x")
    with pytest.raises(TransportError, match=f"{MAX_REPLIES + 1} replies; a board holds {MAX_REPLIES}"):
        list(table.update([reply(0, b"", b"\x01")] * (MAX_REPLIES + 1)))
    for unit in (b"", bytes(9)):
        with pytest.raises(TransportError, match=f"a reply of {len(unit)} bytes; a board holds 8"):
            list(ReplyTable("board:x").update([reply(0, b"", unit)]))


def test_a_body_has_no_replies(pair: Pair) -> None:
    pair.ports[Role.BODY].prepare_replies([reply(0, b"\x11" * 4, b"\xa1")])
    with pytest.raises(TransportError, match="the board refuses REPLY"):
        pair.settle()


def test_what_no_clocked_mount_has_is_refused_or_ignored(pair: Pair) -> None:
    port = pair.ports[Role.BODY]
    port.send(SetBaudrate(9600))
    with pytest.raises(TransportError, match=f"a unit of {MAX_DATA + 1} bytes; a board shifts at most {MAX_DATA}"):
        port.send(Transmit(bytes(MAX_DATA + 1)))


def test_older_firmware_is_named_in_one_line() -> None:
    board = BoardSimulator(plays_clocked=False)
    bench = SimulatorBench(board)
    with pytest.raises(BoardError, match=r"older and plays no clocked mount; put the firmware .* lensmount flash$"):
        BoardTransport(bench.stream(board, "old"), plan_for(BoardRole.LENS), bench.clock, 1)


@pytest.mark.parametrize(
    ("link", "configure", "code"),
    [
        (ClockedLinkCommand(8, 0, 10), None, ErrorCode.MALFORMED),
        (ClockedLinkCommand(7, 0, 0), None, ErrorCode.BAD_TIMING),
        (None, plan_for(BoardRole.LENS).configure, ErrorCode.BAD_KIND),
        (ClockedLinkCommand(7, 0, 10), Configure(1, 1, 9600, plan_for(BoardRole.LENS).configure.timing, ()),
         ErrorCode.MALFORMED),
    ],
)  # fmt: skip
def test_the_simulated_board_refuses_what_the_firmware_does(
    link: ClockedLinkCommand | None, configure: Configure | None, code: ErrorCode, pair: Pair
) -> None:
    session = pair.ports[Role.LENS].link
    for message in (link, configure):
        if message is not None:
            session.send(message)
    why = describe_constant(code).partition(";")[0]
    with pytest.raises(TransportError, match=re.escape(why)):
        pair.settle()
    assert pair.boards[Role.LENS].counted["refused"] == 1


def report(data: bytes, *, flags: int = BurstFlag.LAST, bits: int = 0) -> BurstReceived:
    return BurstReceived(1000, 3, 2, flags, bits, len(data), data)


def test_parts_of_a_burst_are_put_together() -> None:
    bursts = BurstAssembler(LINK, Role.BODY)
    assert list(bursts.add(Role.LENS, report(b"\x01\x02", flags=0), 1.0, 1.1)) == []
    (burst,) = bursts.add(Role.LENS, report(b"\x03"), 1.2, 1.3)
    assert isinstance(burst, Burst)
    assert (burst.data, burst.end) == (b"\x01\x02\x03", 1.3)
    assert burst.at == pytest.approx(1.0 - 8e-6)


def test_bits_beyond_whole_bytes_are_kept_in_their_order() -> None:
    (burst,) = BurstAssembler(LINK, None).add(Role.LENS, report(b"\x01\xa0", bits=3), 1.0, 1.1)
    assert isinstance(burst, PartialBurst)
    assert (burst.data, burst.bits) == (b"\x01", "101")
    reverse = ClockedLink("SCK", Role.BODY, 1_000_000, 10e-6, (4,), msb_first=False)
    (burst,) = BurstAssembler(reverse, None).add(Role.LENS, report(b"\x01\x04", bits=3), 1.0, 1.1)
    assert isinstance(burst, PartialBurst)
    assert burst.bits == "001"
    (note,) = BurstAssembler(LINK, None).add(Role.LENS, report(b"\x80", bits=1), 1.0, 1.1)
    assert isinstance(note, Annotation)
    assert note.text == "SCK: 1 of 8 edges, and a pause; not taken as data"


def test_a_clock_without_pauses_takes_bounded_memory() -> None:
    bursts = BurstAssembler(LINK, None)
    pieces = [
        record
        for _ in range(2 * MAX_BURST // 128)
        for record in bursts.add(Role.LENS, report(bytes(128), flags=0), 1, 1)
    ]
    assert [len(one.data) for one in pieces if isinstance(one, Burst)] == [MAX_BURST] * 2
