"""The live table counts every frame once, fits a terminal of 80 columns, and escapes what it shows."""

import io

from rich.console import Console

from lensmount_emulator.reports.monitor_table import MonitorTable
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_protocol.decoder import DecodedFrame, Decoder, OrderedDecoder
from lensmount_protocol.wire import Annotation


def drawn(table: MonitorTable, width: int) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=True, color_system=None).print(table)
    return out.getvalue().splitlines()


def test_every_frame_is_counted_once_with_its_period():
    result = run_loopback(seconds=1.4, seed=1)
    table = MonitorTable(result.dialect, "a session")
    events = list(OrderedDecoder(Decoder(result.dialect)).decode(result.records))
    for event in events:
        table.add(event)
    frames = [event for event in events if isinstance(event, DecodedFrame)]
    assert sum(line.count for line in table.messages.values()) == table.frames == len(frames)
    status = table.messages["lens", "05"]
    assert status.period_s is not None
    assert abs(status.period_s - 0.016684) < 3e-4
    assert "aperture" in status.last
    document = table.as_dict()
    assert document["frames"] == len(frames)
    assert {one["types"] for one in document["messages"]} >= {"05", "06", "03+2F"}


def test_table_fits_80_columns_and_escapes():
    result = run_loopback(seconds=1.2, seed=1)
    table = MonitorTable(result.dialect, "a\x1b[31m port " + "x" * 200)
    for event in result.events:
        table.add(event)
    for number in range(10):
        table.add(Annotation(float(number), "note \x1b]0;title\x07 " + "y" * 300))
    lines = drawn(table, 80)
    assert all(len(line) <= 80 for line in lines)
    assert not any("\x1b" in line or "\x07" in line for line in lines)
    assert any("05" in line and "LensStatus" in line for line in lines)
