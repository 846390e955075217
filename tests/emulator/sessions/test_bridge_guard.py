"""The guard of a relay with rules: no rule makes a guarded frame, and what a device itself sends goes on."""

from dataclasses import replace

import pytest

from lensmount_emulator.faults.rule import Rule
from lensmount_emulator.sessions.bridge import bridge_once
from lensmount_protocol.dialects.emount.body_status import BodyMode
from lensmount_protocol.dialects.emount.identification import BodyCapabilities
from lensmount_protocol.dialects.emount.service import UpdateBlock15
from lensmount_protocol.message import Message
from lensmount_protocol.wire import LineChanged, Received, Role, Transmit

from .relay_bench import DIALECT, MODE, bench, notes, run, sent  # noqa: TID252  helpers of this folder


def test_guarded_message_goes_on_as_it_came_and_none_is_added() -> None:
    clock, ports, relay, kept = bench()

    def added(_message: object) -> list[Message]:
        return [BodyMode(), UpdateBlock15()]

    relay.use_rules([Rule(on="BodyMode", call=added)])
    frames = [DIALECT.build_frame(cls().build(), 1, 1) for cls in (UpdateBlock15, BodyMode)]
    ports[Role.BODY].comes.append(Received(b"".join(frames)))
    bridge_once(relay, dict(ports), clock)
    assert b"".join(one.data for one in ports[Role.LENS].orders if isinstance(one, Transmit)) == b"".join(frames)
    assert "is guarded; it passes as it came" in notes(kept)[0]


@pytest.mark.parametrize("way", ["", "instant", "cut-through", "store"])
def test_no_way_of_a_rule_puts_a_guarded_frame_on_the_wire(way: str) -> None:
    clock, ports, relay, kept = bench()
    hidden = DIALECT.build_frame(b"\x4b\0\0", 1, 0)
    relay.use_rules([Rule(on="BodyCapabilities", set=f"rest={hidden.ljust(24, bytes(1)).hex()}", way=way)])
    frame = DIALECT.build_frame(BodyCapabilities().build(), 1, 1)
    ports[Role.BODY].comes.append(Received(frame))
    bridge_once(relay, dict(ports), clock)
    assert sent(ports[Role.LENS]) == frame
    assert any("it passes as it came: Order4B (0x4b)" in text for text in notes(kept))


@pytest.mark.parametrize("before", [True, False])
def test_guard_counts_forwarded_bytes_before_a_changed_frame(before: bool) -> None:
    clock, ports, relay, _ = bench("BODY_CS", "LENS_CS")
    frame = DIALECT.build_frame(BodyCapabilities().build(), 1, 1)
    # A guarded frame begins in forwarded bytes, and ends with the three bytes that the rule sets.
    whole = DIALECT.build_frame(b"\x4b" + frame[: frame.index(bytes(24))], 1, 0)
    head = whole[: whole.index(b"\x4b") + 1]
    relay.use_rules([Rule(on="BodyCapabilities", set=f"rest={whole[-3:].ljust(24, bytes((255,))).hex()}")])
    ports[Role.BODY].comes += [Received(head if before else b""), LineChanged("BODY_CS", False), Received(frame)]
    for _ in range(2):
        bridge_once(relay, dict(ports), clock)
    assert (sent(ports[Role.LENS]) == head + frame) is before
    assert (whole in sent(ports[Role.LENS])) is False


def begun_by_rule() -> tuple[bytes, bytes, bytes]:
    """A frame, the content that a rule gives it, and bytes that complete the guarded frame that begins in that."""
    head = b"\xf0" + (24 + 3 + 3).to_bytes(2, "little") + b"\x01\x00\x4b"
    content = head.ljust(24, b"\0")
    frame = DIALECT.build_frame(BodyCapabilities().build(), 1, 1)
    changed = DIALECT.build_frame(replace(BodyCapabilities(), rest=content).build(), 1, 1)
    begun = changed[changed.index(head) :]
    assert len(begun) + 3 == 30
    return frame, content, (sum(begun[1:]) & 0xFFFF).to_bytes(2, "little") + b"\x55"


def test_bytes_that_complete_a_guarded_frame_of_a_rule_do_not_go_on() -> None:
    clock, ports, relay, kept = bench()
    frame, content, end = begun_by_rule()
    relay.use_rules([Rule(on="BodyCapabilities", set=f"rest={content.hex()}")])
    ports[Role.BODY].comes += [Received(frame), Received(end), Received(MODE)]
    run(clock, ports, relay, 1.0)
    changed = DIALECT.build_frame(replace(BodyCapabilities(), rest=content).build(), 1, 1)
    assert sent(ports[Role.LENS]) == changed + MODE
    [note] = [text for text in notes(kept) if "do not go on" in text]
    assert "Order4B (0x4b), in a frame that began in changed bytes: 3 bytes of the body do not go on" in note


def test_the_same_bytes_go_on_where_no_rule_changed_what_is_before_them() -> None:
    clock, ports, relay, kept = bench()
    _, content, end = begun_by_rule()
    relay.use_rules([Rule(on="BodyMode", set="state=2")])
    sends = DIALECT.build_frame(replace(BodyCapabilities(), rest=content).build(), 1, 1) + end
    ports[Role.BODY].comes += [Received(MODE), Received(sends)]
    run(clock, ports, relay, 1.0)
    assert sent(ports[Role.LENS]).endswith(sends)
    assert not [text for text in notes(kept) if "do not go on" in text]


def test_bytes_that_a_dropped_frame_joins_to_a_guarded_frame_do_not_go_on() -> None:
    clock, ports, relay, kept = bench()
    _, content, end = begun_by_rule()
    relay.use_rules([Rule(on="BodyMode", do="drop")])
    first = DIALECT.build_frame(replace(BodyCapabilities(), rest=content).build(), 1, 1)
    ports[Role.BODY].comes += [Received(first), Received(MODE), Received(end)]
    run(clock, ports, relay, 1.0)
    assert sent(ports[Role.LENS]) == first
    assert any("in a frame that began in changed bytes" in text for text in notes(kept))


def test_bytes_that_a_full_queue_joins_to_a_guarded_frame_do_not_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lensmount_emulator.rules.relay.MAX_QUEUED", 2)
    clock, ports, relay, kept = bench("BODY_CS", "LENS_CS")
    _, content, end = begun_by_rule()
    relay.use_rules([Rule(on="BodyMode", late=0.5)])
    first = DIALECT.build_frame(replace(BodyCapabilities(), rest=content).build(), 1, 1)
    ports[Role.BODY].comes += [Received(MODE), Received(first), LineChanged("BODY_CS", True), Received(b"lost")]
    run(clock, ports, relay, 1.0)
    assert sent(ports[Role.LENS]) == MODE + first
    ports[Role.BODY].comes += [Received(end)]
    run(clock, ports, relay, 2.0)
    assert sent(ports[Role.LENS]) == MODE + first
    assert any("in a frame that began in changed bytes" in text for text in notes(kept))
