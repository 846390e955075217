"""Faults of a clocked link: the bits that each end counts, and sessions that go on after them."""

import io
from pathlib import Path

import pytest

from lensmount_emulator.faults.clock_faults import pack_bits, receive_burst, unpack_bits
from lensmount_emulator.faults.fault import ClockedBurst
from lensmount_emulator.faults.faulty_mount import FaultyMount
from lensmount_emulator.faults.registry import FaultPlan, parse_fault
from lensmount_emulator.scheduler import Scheduler
from lensmount_emulator.sessions.loopback import LoopbackResult, run_loopback
from lensmount_hardware.captures.formats import open_capture
from lensmount_hardware.captures.lmx import RecordingWriter, read_recording
from lensmount_hardware.captures.logic_analyser.sigrok_writer import write_sigrok
from lensmount_hardware.captures.packet_files.pcapng_writer import PcapngWriter
from lensmount_hardware.captures.record_json import parse_object, record_from_json, record_to_json, records_from_json
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.dialects.fuji_g.dialect import FUJI_G
from lensmount_protocol.errors import FaultError
from lensmount_protocol.wire import (
    Annotation,
    Burst,
    ClockedLink,
    DriveLine,
    PartialBurst,
    Role,
    SetBaudrate,
    Transmit,
    WireRecord,
)

LINK = ClockedLink(clock="CLK", clocked_by=Role.BODY, bit_rate=1_000_000, gap_s=1e-5, burst_sizes=(1,))
FAULTS = ("clock-lost", "clock-extra", "bit-shift", "slow-slave", "late-load")


def received(body: int, lens: int, *, body_pulses: list[int] | None = None, lens_pulses: list[int]) -> tuple[str, str]:
    pulses = {Role.BODY: list(range(8)) if body_pulses is None else body_pulses, Role.LENS: lens_pulses}
    burst = ClockedBurst(Role.BODY, {Role.BODY: bytes((body,)), Role.LENS: bytes((lens,))}, pulses)
    bits = receive_burst(burst, LINK)
    return bits[Role.LENS], bits[Role.BODY]


def test_end_that_misses_a_pulse_lacks_a_bit_and_holds_its_own() -> None:
    # The lens misses pulse 2: it reads the body's bits 0, 1, 3 to 7, and shifts out its bit 1 twice.
    assert received(0b10100111, 0b01011010, lens_pulses=[0, 1, 3, 4, 5, 6, 7]) == ("1000111", "01101101")


def test_end_that_counts_a_pulse_twice_has_a_bit_more_and_skips_one_of_its_own() -> None:
    # The lens counts pulse 2 twice: it reads the body's bit 2 twice, and skips its own bit 2.
    assert received(0b10100111, 0b01011010, lens_pulses=[0, 1, 2, 2, 3, 4, 5, 6, 7]) == ("101100111", "01110100")


def test_clock_that_is_wrong_for_both_ends_changes_the_length_only() -> None:
    seven, nine = list(range(7)), list(range(9))
    assert received(0xA7, 0x5A, body_pulses=seven, lens_pulses=seven) == ("1010011", "0101101")
    assert received(0xA7, 0x5A, body_pulses=nine, lens_pulses=nine) == ("101001110", "010110100")


def test_bits_are_packed_in_the_order_of_the_link() -> None:
    last_first = ClockedLink("CLK", Role.BODY, 1_000_000, 1e-5, (1,), msb_first=False)
    assert unpack_bits(b"\x0f\x01", LINK) == "0000111100000001"
    assert unpack_bits(b"\x0f\x01", last_first) == "1111000010000000"
    for link in (LINK, last_first):
        assert pack_bits(unpack_bits(b"\x12\xfe\x03", link) + "101", link) == b"\x12\xfe\x03"


def play(fault: str, lens: str = "gf45", seconds: float = 1.2) -> LoopbackResult:
    return run_loopback("gfx50r", lens, script="focus 300; iris 3", seconds=seconds, seed=5, faults=[fault])


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("keys", ["at=0.11", "rate=0.03 count=1000", "at=0.3 count=3"])
def test_both_ends_carry_the_script_out_under_each_fault(name: str, keys: str) -> None:
    result = play(f"{name} {keys}")
    notes = [record.text for record in result.records if isinstance(record, Annotation)]
    assert any(f"fault: {name}" in note for note in notes)
    assert result.finished
    assert result.violations == []


def test_lens_that_gets_its_blocks_under_faults_starts() -> None:
    assert play("clock-extra rate=0.05 count=40", "gf110").finished


def test_lost_pulse_is_recorded_with_the_bits_that_arrived() -> None:
    result = play("clock-lost at=0.5 pulse=12 from=lens", seconds=1.0)
    (burst,) = [record for record in result.records if isinstance(record, PartialBurst)]
    assert (burst.sender, len(burst.data), len(burst.bits)) == (Role.BODY, 3, 7)
    notes = [record.text for record in result.records if isinstance(record, Annotation)]
    assert "fault: clock-lost at pulse 12 of 32: the lens counts 31" in notes
    assert result.tally.garbage["length out of range"] == 3


def test_load_after_the_burst_is_shifted_out_in_the_next_one() -> None:
    sent = [
        record for record in play("late-load at=0.5 by=1ms count=2", seconds=1.0).records if isinstance(record, Burst)
    ]
    late = next(index for index, burst in enumerate(sent) if (burst.at or 0) > 0.5 and burst.sender is Role.LENS)
    assert sent[late].data == bytes(4)


@pytest.mark.parametrize(("fault", "shifted"), [("late-load by=1ms count=1", [4 * b"\0", 4 * b"\xa5"]),
                                                ("late-load at=9", [4 * b"\xa5", 4 * b"\0"])])  # fmt: skip
def test_unit_that_is_loaded_after_a_burst_waits_for_the_next_one(fault: str, shifted: list[bytes]) -> None:
    records, scheduler = list[WireRecord](), Scheduler()
    mount = FaultyMount(FUJI_G, records.append, scheduler, "frame", FaultPlan([parse_fault(fault)], 0))
    for role in Role:
        mount.apply(role, SetBaudrate(FUJI_G.wiring.baudrates[0]))
    mount.apply(Role.BODY, DriveLine(FUJI_G.supply, True))
    mount.attach(0.0)
    mount.apply(Role.LENS, Transmit(b"\xa5" * 4))
    for at in (0.1, 0.2):
        scheduler.run(at)
        mount.apply(Role.BODY, Transmit(b"\x11" * 4))
    scheduler.run(0.3)
    assert [record.data for record in records if isinstance(record, Burst) and record.sender is Role.LENS] == shifted


def test_burst_of_31_bits_is_written_and_read_back_and_exported_as_31_clocks(tmp_path: Path) -> None:
    records = play("clock-lost at=0.5 from=body", seconds=0.7).records
    partial = [record for record in records if isinstance(record, PartialBurst)]
    assert [burst.sender for burst in partial] == [Role.BODY, Role.LENS]
    path = tmp_path / "lost.lmx"
    with RecordingWriter(path, {"dialect": "fuji-g"}) as recording:
        for record in records:
            recording.write(record)
    read = [record for record in read_recording(path, FUJI_G.wiring).records if isinstance(record, PartialBurst)]
    assert [(burst.data, burst.bits) for burst in read] == [(burst.data, burst.bits) for burst in partial]
    packets = tmp_path / "lost.pcapng"
    with PcapngWriter(packets) as written:
        for record in records:
            written.write(record)
    again = [record for record in open_capture(packets, FUJI_G.wiring).records if isinstance(record, PartialBurst)]
    assert [(burst.data, burst.bits) for burst in again] == [(burst.data, burst.bits) for burst in partial]
    drawn = tmp_path / "lost.sr"
    write_sigrok(drawn, lambda: records, FUJI_G.wiring, 24_000_000)
    notes = [record for record in open_capture(drawn, FUJI_G.wiring).records if isinstance(record, Annotation)]
    assert [note.text for note in notes] == [
        "CLK: a burst of 31 clock edges; a burst has 32 or 1048; not taken as data"
    ]
    assert notes[0].at == pytest.approx(partial[0].at, abs=1e-6)


def test_bits_of_a_record_are_checked() -> None:
    record = PartialBurst(1.0, Role.BODY, b"\x01\x02\x03", 1_499_600, 1.00002, True, "0110101")
    line = record_to_json(record)
    assert record_from_json(parse_object(line)) == record
    assert records_from_json((line + "\n").encode()) == [record]
    for wrong in ("", "2", "01010101", r"01\n"):
        text = line.replace('"0110101"', f'"{wrong}"')
        with pytest.raises(ValueError, match="one to seven"):
            record_from_json(parse_object(text))
        assert records_from_json((text + "\n").encode()) is None


def test_file_that_is_recorded_under_faults_is_the_same_for_the_same_seed() -> None:
    def recorded() -> bytes:
        file = io.BytesIO()
        with RecordingWriter(file, {}) as recording:
            for record in play("clock-extra rate=0.05 count=50", seconds=0.5).records:
                recording.write(record)
        return file.getvalue()

    assert recorded() == recorded()


@pytest.mark.parametrize("name", FAULTS)
def test_fault_of_a_clock_is_refused_where_there_is_none(name: str) -> None:
    with pytest.raises(FaultError, match=f"fault {name}: emount has no clock; use a fault of bytes"):
        FaultPlan([parse_fault(name)], 1).check(load_dialect("emount"))


def test_wrong_rate_is_refused_where_both_ends_follow_a_clock() -> None:
    with pytest.raises(FaultError, match="fault baud: both ends of fuji-g follow its clock; use clock-lost"):
        FaultPlan([parse_fault("baud")], 1).check(FUJI_G)
