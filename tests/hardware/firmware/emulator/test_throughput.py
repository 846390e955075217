"""Many bytes from USB to a UART and back, at 1.5 Mbaud: none lost, none reordered, however the host stalls."""

import os
import random

import pytest

from lensmount_hardware.boards.link import BoardLink
from lensmount_hardware.boards.protocol.commands import Configure, MappedLine, Timing, TransmitCommand
from lensmount_hardware.boards.protocol.constants import BoardRole, LineFlag, LineKind
from lensmount_hardware.boards.protocol.reports import DataLost, MessageRejected, ReceivedBytes, TransmitLate

BYTES = int(os.environ.get("LENSMOUNT_EMULATED_BYTES", "60000"))
LINES = (
    MappedLine(11, LineKind.ATTENTION, LineFlag.OUTPUT),
    MappedLine(0, LineKind.DATA, LineFlag.OUTPUT),
    MappedLine(1, LineKind.DATA),
)
STEP_US = 2_000
STALL_US = 500_000
MOST_BEHIND = 2000
"""Bytes that were sent and are not told yet, at full credit: a step's, and those that are being gathered. More, and the
board is slower than its UART; its buffer hides that for a while."""


@pytest.mark.parametrize("stalls", [False, True], ids=["at full credit", "with a host that stalls"])
def test_many_bytes_go_out_and_come_back(new_emulator, stalls):
    emulator = new_emulator()
    emulator.order("join", **{"from": [0, 0], "to": [0, 0]})
    dice = random.Random(6)
    data = dice.randbytes(BYTES)
    link = BoardLink(1)
    link.send_hello()
    parts, heard, wrong, at = [], bytearray(), [], 0
    configured, behind, stalled = False, 0, 0
    began_us = emulator.now_us
    while len(heard) < BYTES:
        if link.hello_reply is not None and not configured:
            configured = True
            link.send(Configure(BoardRole.BODY, 1, 1_500_000, Timing(5, 5, 5, watchdog_ms=0), LINES))
        while configured and at < BYTES and link.queued_bytes < 4096:
            part = data[at : at + dice.randint(1, 231)]
            link.send(TransmitCommand(len(parts) & 0xFFFF, 3, 0, 0, part))
            parts.append(part)
            at += len(part)
        if sending := link.bytes_to_send():
            emulator.write(0, sending)
        if stalls and dice.random() < 0.02:
            stalled += 1
            emulator.order("reads", board=0, on=False)
            emulator.run(STALL_US)
            emulator.order("reads", board=0, on=True)
        emulator.run(STEP_US)
        said, emulator.usb_data[0] = emulator.usb_data[0], b""
        link.receive(said, emulator.now_us * 1e-6)
        for report in link.events():
            if isinstance(report, ReceivedBytes):
                heard += report.data
            elif isinstance(report, DataLost | TransmitLate | MessageRejected):
                wrong.append(report)
        behind = max(behind, len(emulator.sent) - len(heard))
        assert wrong == []
        assert emulator.now_us < 60e6 + BYTES * 100
    seconds = (emulator.now_us - began_us) / 1e6
    print(f"{BYTES} bytes there and back in {seconds:.2f} s of the board's time, {BYTES / seconds / 1e3:.0f} kB/s")
    print(f"stalls of the host: {stalled}; bytes sent and not told yet: {behind} at most")
    assert stalls or behind < MOST_BEHIND
    assert bytes(heard) == data
    assert (link.counts.missed, link.counts.garbage, link.counts.over_credit) == (0, 0, 0)
    assert emulator.board_status(0)["faults"] == []
