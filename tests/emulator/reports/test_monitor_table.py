"""The live table counts every frame once, fits a terminal of 80 columns, and escapes what it shows."""

import io
from threading import Thread

from rich.console import Console

from lensmount_emulator.reports.monitor_table import MonitorTable
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_protocol.decoder import DecodedFrame, Decoder, OrderedDecoder
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.wire import Annotation, Edge


def drawn(table: MonitorTable, width: int, height: int | None = None) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=width, height=height, force_terminal=True, color_system=None).print(table)
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


def test_a_live_table_shows_trouble_and_the_latest_messages_in_a_low_terminal():
    result = run_loopback(script="focus +50", seconds=1.4, seed=1, faults=["bitflip rate=1e-4"])
    table = MonitorTable(result.dialect, "a session", fits=True)
    assert drawn(table, 80)[-1].strip() == "nothing received yet"
    for event in result.events:
        table.add(event)
    assert table.trouble
    assert len(table.messages) > 18
    lines = drawn(table, 80, 20)
    assert len(lines) < 20
    assert all(any(text[:40] in line for line in lines) for text in table.trouble)
    assert any("LensStatus" in line for line in lines)
    hidden = int(lines[-1].split()[2])
    assert hidden + sum(line.startswith(("body →", "← lens")) for line in lines) == len(table.messages)
    table.fits = False
    assert sum(line.startswith(("body →", "← lens")) for line in drawn(table, 80, 20)) == len(table.messages)


def test_a_table_is_drawn_while_another_thread_counts() -> None:
    table = MonitorTable(load_dialect("emount"), "a session")
    console = Console(width=80, height=20)
    for _ in table.__rich_console__(console, console.options):
        # The caller draws a part here, for as long as it takes.
        counting = Thread(target=table.add, args=(Edge(1.0, "VCC", True),))
        counting.start()
        counting.join(10.0)
        assert not counting.is_alive()
    assert table.edges > 1
