"""Every message of the dialect: its size, its round trip, and what real frames say."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensmount_protocol.checksums import sum16
from lensmount_protocol.describe import format_message, format_summary, to_json_values
from lensmount_protocol.dialect import Dialect, dialect_names, load_dialect
from lensmount_protocol.dialects.emount.dialect import MESSAGES
from lensmount_protocol.dialects.emount.focus_status import FocusStatus
from lensmount_protocol.dialects.emount.lens_status import LensStatus
from lensmount_protocol.dialects.emount.units import format_lens_spec
from lensmount_protocol.errors import FrameError
from lensmount_protocol.message import Message, SelectableMessage, UnknownMessage
from lensmount_protocol.payload import build_payload
from lensmount_protocol.wire import Role

# Sizes with type byte, from the paving tables of the specification (SIG, LEX, BAS, ENT, WZQ).
BODY_SIZES = {
    0x01: 33, 0x03: 21, 0x04: 14, 0x07: 2, 0x08: 9, 0x09: 5, 0x0A: 17, 0x0B: 3, 0x0C: 2, 0x0D: 2, 0x10: 2, 0x14: 16,
    0x15: 1032, 0x16: 2, 0x19: 2, 0x1B: 6, 0x1C: 1, 0x1D: 5, 0x1E: 5, 0x1F: 14, 0x22: 3, 0x2E: 3, 0x26: 2, 0x28: 2,
    0x35: 2, 0x2F: 3, 0x34: 24, 0x3A: 24, 0x3D: 24, 0x3B: 8, 0x3C: 8, 0x3E: 9, 0x3F: 2, 0x40: 19, 0x4A: 12,
    0x4B: 3, 0x4C: 8,
}  # fmt: skip
LENS_SIZES = {
    0x01: 33, 0x02: 8, 0x05: 97, 0x06: 40, 0x07: 35, 0x08: 202, 0x09: 12, 0x0A: 17, 0x0B: 3, 0x0C: 2, 0x0D: 2,
    0x10: 2, 0x16: 2, 0x17: 3, 0x19: 2, 0x1B: 11, 0x1C: 2, 0x1D: 2, 0x1F: 2, 0x20: 12, 0x22: 3, 0x2E: 3, 0x26: 5,
    0x28: 36, 0x34: 24, 0x35: 40, 0x3A: 24, 0x3B: 492, 0x3D: 64, 0x3E: 12, 0x3C: 4, 0x3F: 66, 0x1E: 2,
    0x40: 19,
}  # fmt: skip
STATUS_BLOCKS = [8, 1, 8, 3, 10, 28, 2, 6, 1, 2, 8, 6, 6, 6, 1, 6, 3, 3]
FOCUS_BLOCKS = [2, 11, 9, 4, 6, 7, 45, 4]


def usual_size(cls: type[Message]) -> int:
    return cls.size_with(cls.DEFAULT_BLOCKS) if issubclass(cls, SelectableMessage) else cls.SIZE


@pytest.mark.parametrize(("role", "sizes"), [(Role.BODY, BODY_SIZES), (Role.LENS, LENS_SIZES)])
def test_every_message_has_its_size_and_none_is_missing(role: Role, sizes: dict[int, int]) -> None:
    assert {cls.TYPE: usual_size(cls) for cls in MESSAGES if cls.SENDER is role} == sizes


@pytest.mark.parametrize(("cls", "sizes"), [(LensStatus, STATUS_BLOCKS), (FocusStatus, FOCUS_BLOCKS)])
def test_blocks_have_their_sizes(cls: type[SelectableMessage], sizes: list[int]) -> None:
    assert [cls.size_with(1 << block) - 1 for block in range(len(sizes))] == sizes


@pytest.mark.parametrize("cls", MESSAGES, ids=lambda cls: f"{cls.SENDER.value}-{cls.__name__}")
def test_every_message_has_evidence_and_every_field_a_meaning(cls: type[Message]) -> None:
    assert cls.EVIDENCE.source
    assert cls.__doc__
    assert all(spec.meaning for spec in cls.FIELDS)
    assert [spec.offset for spec in cls.FIELDS] == sorted({spec.offset for spec in cls.FIELDS})


@pytest.mark.parametrize("cls", MESSAGES, ids=lambda cls: f"{cls.SENDER.value}-{cls.__name__}")
def test_a_fresh_message_round_trips(cls: type[Message]) -> None:
    message = cls()
    assert cls.parse(message.build()) == message


@given(data=st.data())
def test_any_bytes_of_the_right_size_round_trip(data: st.DataObject) -> None:
    cls = data.draw(st.sampled_from([cls for cls in MESSAGES if cls.SIZE < 300]))
    size = usual_size(cls) - 1
    raw = bytes((cls.TYPE,)) + data.draw(st.binary(min_size=size, max_size=size))
    message = cls.parse(raw)
    assert message.build() == raw
    assert cls.parse(message.build()) == message
    assert format_message(message, every_field=True)
    assert format_summary(message)
    assert to_json_values(message).keys() == message.values().keys()


@given(blocks=st.integers(0, 0x3FFFF), fill=st.integers(0, 255))
def test_a_status_of_any_selection_round_trips(blocks: int, fill: int) -> None:
    raw = b"\x05" + bytes([fill]) * (LensStatus.size_with(blocks) - 1)
    message = LensStatus.parse_with(raw, blocks)
    assert message.build() == raw


@given(cls=st.sampled_from(MESSAGES), raw=st.binary(max_size=60))
def test_wrong_sizes_and_types_are_frame_errors(cls: type[Message], raw: bytes) -> None:
    if len(raw) == usual_size(cls) and raw[0] == cls.TYPE:
        return
    with pytest.raises(FrameError):
        cls.parse(raw)


def test_a_value_that_does_not_fit_names_its_field() -> None:
    with pytest.raises(FrameError, match=r"field .*aperture") as caught:
        LensStatus(aperture=70_000).build()
    assert "\n" not in str(caught.value)


def test_golden_frames_are_typed_and_rebuilt(emount: Dialect, golden: dict[str, Any]) -> None:
    assert len(golden) == 94
    for frame in golden.values():
        raw = frame.raw
        assert sum16(raw[1:-3]) == int.from_bytes(raw[-3:-1], "little"), frame.name
        messages = emount.payload_parser().parse(frame.sender, raw[5:-3])
        assert not any(isinstance(message, UnknownMessage) for message in messages), frame.name
        assert emount.build_frame(build_payload(messages), raw[3], raw[4]) == raw, frame.name


# What the golden frames say: frame, message in it, fields.
SAID: list[tuple[str, int, dict[str, Any]]] = [
    ("G01", 0, {"types": 0x1FFFFFFFFFFFFFFF}),
    ("G02", 0, {"types": 0x01FFFFFFFFFFFFFF}),
    ("G03", 0, {"types": 0x080860EE5DFF9FFF}),
    ("G07", 0, {"kind": 1, "capabilities": 3, "mount_version": 0x0135, "firmware_version": 0x0206, "lens_id": 32786}),
    ("G08", 0, {"kind": 2, "mount_version": 0x0108, "firmware_version": 0x3101, "lens_id": 78}),
    ("G09", 0, {"capabilities": 1, "mount_version": 0x0160, "lens_id": 50992}),
    ("G10", 0, {"capabilities": 7, "firmware_version": 0x0103, "lens_id": 32805}),
    ("G11", 0, {"speed": 2}),
    ("G12", 0, {"accepted": 1}),
    ("G13", 0, {"value": 0x60}),
    ("G15", 0, {"flags_0": 0xC2, "flags_1": 0x61, "body_family": 0x0C00}),
    ("G16", 0, {"flags_0": 0xC0, "body_family": 0x0933}),
    ("G18", 0, {"widest_aperture": 0x1468, "narrowest_aperture": 0x1902, "serial": 2_875_208}),
    ("G19", 0, {"widest_aperture": 0x11C0, "narrowest_aperture": 0x1900}),
    ("G22", 0, {"content": bytes(9) + b"\xfd\xff"}),
    ("G26", 0, {"rate": 1}),
    ("G27", 0, {"rate": 0}),
    ("G28", 0, {"drives": 0x1F}),
    ("G29", 0, {"drives": 0x3F}),
    ("G31", 0, {"status_blocks": 0x7FFF, "focus_blocks": 0x3F}),
    ("G33", 0, {"aperture_target": 0x1000, "aperture_target_leading": 0x1468, "control": 0x94, "cycle_length": 1}),
    ("G33", 1, {"row_a": 0x16, "row_b": 0x16}),
    ("G34", 0, {"aperture_target": 0x1468, "control": 0x1C, "cycle_length": 6, "cycle_phase": 1, "parity_flags": 1}),
    ("G35", 0, {"focus_mode": 0x83, "focus_setting": 0x3B, "target_kind": 0x1F, "state": 0x31}),
    ("G37", 0, {"control": 0x94, "aperture_target": 0x11C0, "cycle_phase": 2}),
    ("G38", 0, {"focus_mode": 0x81, "target_kind": 0, "state": 1}),
    ("G39", 0, {"aperture": 0x19BC, "aperture_frames_left": 6, "state": 6, "focal_length_dmm": 552, "row_index_a": 0}),
    ("G40", 0, {"aperture": 0x15CD, "aperture_next": 0x147D, "aperture_frames_left": 2, "row_index_a": 0x16}),
    ("G41", 0, {"aperture_frames_left": 0, "state": 7, "aperture_error": 0x0015, "motion_flags": 0xBC}),
    ("G42", 0, {"state": 0x82, "planned_position": 0x3FF6, "lower_limit": 0x3EE2, "upper_limit": 0x446A}),
    ("G42", 0, {"position": 0x3FF5, "cycle_flags": 0x40, "distance_word": 793}),
    ("G43", 0, {"aperture": 0x18C0, "aperture_frames_left": 7, "descriptor_44": 0x16, "descriptor_48": 0xA0}),
    ("G44", 0, {"state": 0x40, "planned_position": 0x1002, "upper_limit": 0x1100, "cycle_flags": 0x40}),
    ("G45", 0, {"focus_switch": 3, "row_index_a": 0x15, "effective_focal_length_dmm": 154, "pair_9": 0}),
    ("G46", 0, {"state": 0x10, "lower_limit": 0x1000, "upper_limit": 0x103F}),
    ("G48", 1, {"operand": 0xFFFF, "amplitude": 0x10, "flags": 0x2C}),
    ("G49", 0, {"result": 0}),
    ("G49", 1, {"state": 0x82, "direction": 4}),
    ("G51", 0, {"focus_setting": 0, "state": 9}),
    ("G52", 0, {"status_blocks": 0, "focus_blocks": 0}),
    ("G53", 0, {"order": 1}),
    ("G57", 1, {"operand": 0x3EEF, "flags": 0}),
    ("G58", 0, {"state": 0x92, "planned_position": 0x3EEF, "position": 0x3FCE}),
    ("G58", 1, {"result": 0}),
    ("G59", 0, {"velocity": bytes.fromhex("d6d9d8d9dad6da")}),
    ("G62", 0, {"drives": 8}),
    ("G63", 0, {"class_": 0xFF, "type_": 0xFF, "code": 1}),
    ("G64", 0, {"code": 2}),
    ("G67", 0, {"aperture": 0x11B2, "focal_length_dmm": 1350, "focus_switch": 1, "effective_focal_length_dmm": 1350}),
    ("G68", 0, {"planned_position": 14623, "lower_limit": 13873, "upper_limit": 30738}),
    ("G70", 1, {"operand": 0x7FFF}),
    ("G71", 2, {"limit_a": 18749, "limit_b": 18413}),
    ("G74", 0, {"focus_mode": 0x81, "state": 8}),
    ("G75", 0, {"focal_length_dmm": 545, "nominal_focal_length_dmm": 550}),
    ("G77", 0, {"main": ord("V"), "sub": 0, "data": b"\x01\x05" + bytes(14)}),
    ("G79", 0, {"main": ord("M"), "data": b"\x26" + bytes(15)}),
    ("G85", 0, {"main": ord("F"), "sub": 0xFB, "data": b"\xf3\x44" + bytes(14)}),
    ("G87", 0, {"state": 0x753F}),
    ("G87", 1, {"row_a": 0x15, "row_b": 0x16}),
    ("G88", 0, {"focus_setting": 0x66, "focus_activity": 0, "state": 0x41}),
    ("G89", 0, {"focus_setting": 0x66, "focus_activity": 0x80, "state": 0x41}),
    ("G89", 2, {"window": 2, "divisor": 2, "flags": 0x83, "speed": 0x84, "run_out": 0x7F, "run_up": 0x53}),
    ("G90", 2, {"operand": 0x4437, "flags": 0x40}),
    ("G94", 0, {"main": ord("M"), "sub": 0, "data": bytes(16)}),
]


@pytest.mark.parametrize(("name", "number", "fields"), SAID, ids=[f"{name}-{number}" for name, number, _ in SAID])
def test_what_golden_frames_say(
    name: str, number: int, fields: dict[str, Any], emount: Dialect, golden: dict[str, Any]
) -> None:
    frame = golden[name]
    message = emount.payload_parser().parse(frame.sender, frame.raw[5:-3])[number]
    assert {key: getattr(message, key) for key in fields} == fields


@pytest.mark.parametrize(
    ("name", "text"),
    [("G18", "E 55-210mm F4.5-6.3 OSS"), ("G19", "50mm F1.8 OSS")],
)
def test_the_lens_says_its_name_in_bcd(name: str, text: str, emount: Dialect, golden: dict[str, Any]) -> None:
    frame = golden[name]
    (descriptor,) = emount.payload_parser().parse(frame.sender, frame.raw[5:-3])
    assert format_lens_spec(descriptor.lens_spec) == text  # type: ignore[union-attr]


def test_the_name_reply_reads_as_text(emount: Dialect, golden: dict[str, Any]) -> None:
    (name,) = emount.payload_parser().parse(Role.LENS, golden["G66"].raw[5:-3])
    assert "FE 24-105mm F4 G OSS" in format_message(name)


@pytest.mark.parametrize("name", dialect_names())
def test_text_of_a_message_has_each_summary_field_even_where_it_is_zero(name: str) -> None:
    shown = hidden = 0
    for cls in load_dialect(name).messages.values():
        message = cls()
        text = format_message(message)
        for spec in cls.FIELDS:
            value = getattr(message, spec.name)
            if spec.in_summary:
                assert f" {spec.name}=" in text
                shown += not value
            elif not value:
                assert f" {spec.name}=" not in text
                hidden += 1
    assert shown
    assert hidden
