"""What a converter rewrites: orders and reports invert each other, no field overflows, all else passes as it is."""

import math
import re
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lensmount_emulator.models.optics import blur_table, correction, from_av256, to_av256
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.roles.lmount.accessories.rewrite import (
    AccessoryOptics,
    make_rules,
    order_handlers,
    report_handlers,
)
from lensmount_emulator.roles.lmount.ids import EXIF_F_NUMBER, EXIF_FOCAL_LENGTH, EXIF_MODEL, EXIF_SPECIFICATION
from lensmount_emulator.roles.lmount.profile import FACTOR, AccessorySettings
from lensmount_emulator.rules.engine import RuleEngine
from lensmount_emulator.verification.codec_equivalence import message_bytes
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.dialects.lmount.aperture_zoom import ApertureDrive, ApertureState, ZoomDrive, ZoomState
from lensmount_protocol.dialects.lmount.exposure import Correction, CorrectionRequest
from lensmount_protocol.dialects.lmount.firmware_update import ExtensionAccept, ExtensionId, ExtensionOffer
from lensmount_protocol.dialects.lmount.focus import DefocusTable, FocusDrive
from lensmount_protocol.dialects.lmount.identity import (
    AccessoryEntry,
    AccessoryReport,
    Identity,
    LensCapabilities,
    Metadata,
    MetadataEntry,
)
from lensmount_protocol.dialects.lmount.link import CommandRejected, LensHello
from lensmount_protocol.dialects.lmount.power import PowerGrant, PowerReport
from lensmount_protocol.dialects.lmount.stabiliser import StabiliserState
from lensmount_protocol.dialects.lmount.types import (
    POWER_LIMITS_MA,
    ApertureMode,
    CorrectionKind,
    PowerClass,
    RejectionCode,
)
from lensmount_protocol.message import Message, UnknownMessage
from lensmount_protocol.payload import AnyMessage, build_payload
from lensmount_protocol.wire import Role

LMOUNT = load_dialect("lmount")
SPEC = (Path(__file__).parents[4] / "protocol" / "spec" / "lmount.md").read_text()
ROW = re.compile(r"^\| `(\w+)` \| (body|lens) \| (.+) \|$", re.MULTILINE)
CONVERTER = load_profile("panasonic-stc14").settings
FACTORS = st.floats(*FACTOR)
LONGER = st.floats(1.0, FACTOR[1])
APERTURES = st.integers(-0x8000, 0x7FFF)
ORDERED = st.integers(-1024, 4096)


def optics(factor: float = 1.4, **changes: Any) -> AccessoryOptics:
    assert isinstance(CONVERTER, AccessorySettings)
    return AccessoryOptics.from_settings("a converter", msgspec.structs.replace(CONVERTER, factor=factor, **changes))


def rewritten(by: AccessoryOptics, messages: Sequence[AnyMessage]) -> Sequence[AnyMessage]:
    """The messages of a frame on the other side of the accessory."""
    applied = RuleEngine(LMOUNT, make_rules(by)).apply(messages)
    return applied[-1][1] if applied else messages


def seen(by: AccessoryOptics, message: Message) -> Any:
    """What the body hears."""
    return rewritten(by, [message])[0]


def heard(by: AccessoryOptics, message: Message) -> Any:
    """What the lens hears."""
    return rewritten(by, [message])[0]


@given(FACTORS, ORDERED, st.sampled_from([mode for mode in ApertureMode if mode is not ApertureMode.OPEN]))
def test_an_aperture_that_is_ordered_is_the_one_that_is_reported(
    factor: float, target: int, mode: ApertureMode
) -> None:
    by = optics(factor)
    order = heard(by, ApertureDrive(number=3, mode=mode, target=target))
    assert seen(by, ApertureState(now=order.target, target=order.target)).now == target
    asked = heard(by, CorrectionRequest(aperture=target))
    assert seen(by, Correction(aperture=asked.aperture)).aperture == target


@given(LONGER, st.integers(0, 1_000_000_000))
def test_a_focal_length_that_is_reported_and_ordered_again_is_the_same(factor: float, focal_um: int) -> None:
    by = optics(factor)
    reported = seen(by, ZoomState(focal_length_um=focal_um)).focal_length_um
    assert heard(by, ZoomDrive(target_um=reported)).target_um == focal_um
    assert heard(by, CorrectionRequest(focal_length_um=reported)).focal_length_um == focal_um


@given(FACTORS, st.integers(0, 1_000_000_000))
def test_a_focal_length_that_is_ordered_is_reported_as_near_as_the_field_can_say(factor: float, focal_um: int) -> None:
    by = optics(factor)
    order = heard(by, ZoomDrive(target_um=focal_um))
    reported = seen(by, ZoomState(focal_length_um=order.target_um)).focal_length_um
    assert abs(reported - focal_um) <= math.ceil(factor / 2) + 1


@given(FACTORS, st.floats(0.7, 64))
def test_light_and_length_go_together(factor: float, f_number: float) -> None:
    assert from_av256(to_av256(f_number) + optics(factor).av) == pytest.approx(f_number * factor, rel=0.002)


@given(FACTORS, st.integers(0, 10**9), st.sampled_from(sorted(LMOUNT.messages, key=str)))
def test_no_field_overflows_whatever_it_held(factor: float, seed: int, kind: tuple[Role, int]) -> None:
    messages = LMOUNT.payload_parser().parse(kind[0], message_bytes(LMOUNT.messages[kind], Random(seed)))
    passed = rewritten(optics(factor, idle_ma=5000), messages)
    assert LMOUNT.payload_parser().parse(kind[0], build_payload(passed)) == passed


REWRITTEN = {Role.BODY: {cls for cls, _ in order_handlers}, Role.LENS: {cls for cls, _ in report_handlers}}


@given(FACTORS, st.integers(0, 10**9), st.sampled_from(sorted(LMOUNT.messages, key=str)))
def test_whatever_is_in_no_table_passes_as_the_same_object(factor: float, seed: int, kind: tuple[Role, int]) -> None:
    messages = LMOUNT.payload_parser().parse(kind[0], message_bytes(LMOUNT.messages[kind], Random(seed)))
    passed = rewritten(optics(factor), messages)
    kept = [message for message in messages if type(message) not in REWRITTEN[kind[0]]]
    assert {id(message) for message in kept} <= {id(message) for message in passed}


def test_what_no_one_knows_passes() -> None:
    strange = UnknownMessage(bytes.fromhex("fb0200aabb"), "nobody knows it")
    assert rewritten(optics(), [strange]) == [strange]
    assert rewritten(optics(), [strange]) == [strange]


def test_a_field_of_a_later_revision_goes_on() -> None:
    state = ZoomState(focal_length_um=100_000)
    state.tail = b"later"
    assert (seen(optics(), state).tail, seen(optics(), state).focal_length_um) == (b"later", 140_000)


def test_to_open_means_the_widest_there_is() -> None:
    order = ApertureDrive(mode=ApertureMode.OPEN)
    assert heard(optics(), order) is order


def test_an_accessory_reports_itself_in_front_and_once() -> None:
    by, inner = optics(), optics(2.0)
    identity, abilities = Identity(number=1), LensCapabilities(number=2, shortest_um=50_000, longest_um=50_000)
    once = rewritten(inner, [identity, abilities])
    assert [type(message) for message in once] == [Identity, LensCapabilities, AccessoryReport]
    twice = rewritten(by, once)
    assert [type(message) for message in twice] == [Identity, LensCapabilities, AccessoryReport]
    report = twice[2]
    assert isinstance(report, AccessoryReport)
    assert [entry.factor_permille for entry in report.entries] == [1400, 2000]
    full = AccessoryReport(entries=[AccessoryEntry()] * 255)
    assert len(seen(by, full).entries) == 255


def test_single_autofocus_is_said() -> None:
    assert (optics().entry.limits, optics(single_autofocus=True).entry.limits) == (0, 1)


@given(st.sampled_from(list(PowerClass)), st.integers(0, 1500), st.integers(0, 300))
def test_the_class_holds_what_lens_and_accessory_draw(class_: PowerClass, peak: int, idle: int) -> None:
    assume(POWER_LIMITS_MA[class_] >= peak)
    hello = seen(optics(idle_ma=idle), LensHello(power_class=class_, peak_current_ma=peak))
    assert hello.peak_current_ma == peak + idle
    assert hello.power_class >= class_
    assert POWER_LIMITS_MA[hello.power_class] >= min(peak + idle, POWER_LIMITS_MA[PowerClass.EXTREME])
    # As low as it can be.
    assert hello.power_class == class_ or POWER_LIMITS_MA[PowerClass(hello.power_class - 1)] < peak + idle


@given(st.integers(0, 0xFFFF), st.integers(0, 300))
def test_the_lens_may_draw_what_the_accessory_leaves(limit: int, idle: int) -> None:
    by = optics(idle_ma=idle)
    left = heard(by, PowerGrant(limit_ma=limit)).limit_ma
    assert left == max(0, limit - idle)
    report = seen(by, PowerReport(draw_ma=left, peak_ma=left))
    assert report.draw_ma == report.peak_ma == min(0xFFFF, max(limit, idle))


def corrected(coefficients: list[int], radius: float) -> float:
    _, third, fifth, seventh = (value / 32768 for value in coefficients)
    return radius + third * radius**3 + fifth * radius**5 + seventh * radius**7


def light(coefficients: list[int], radius: float) -> float:
    return 1 + sum(value / 32768 * radius ** (2 * power) for power, value in enumerate(coefficients, 1))


@given(LONGER, st.floats(0, 1), st.integers(20_000, 400_000), st.floats(1.4, 22), st.floats(0, 1))
def test_distortion_and_shade_are_those_of_the_middle_of_the_lens(
    factor: float, fraction: float, focal_um: int, f_number: float, radius: float
) -> None:
    by = optics(factor)
    for kind, at in ((CorrectionKind.DISTORTION, corrected), (CorrectionKind.VIGNETTING, light)):
        alone = correction(kind, fraction, focal_um, 5000, f_number)
        behind = seen(by, Correction(number=7, kind=kind, coefficients=alone)).coefficients
        scale = factor if kind is CorrectionKind.DISTORTION else 1.0
        assert at(behind, radius) == pytest.approx(scale * at(alone, radius / factor), abs=5e-4)
        if kind is CorrectionKind.DISTORTION:
            assert behind[0] == sum(behind[1:])


def test_lateral_colour_is_refused_behind_glass_and_passes_a_tube() -> None:
    message = Correction(number=7, kind=CorrectionKind.LATERAL_COLOUR, coefficients=[1, 2, 3, 4])
    assert seen(optics(), message) == CommandRejected(
        number=7, order=CorrectionRequest.TYPE, code=RejectionCode.NOT_ABLE, field_number=2
    )
    assert seen(optics(1.0), message) == message


def test_breathing_and_empty_corrections_pass() -> None:
    for kind in CorrectionKind:
        if kind is not CorrectionKind.LATERAL_COLOUR:
            assert seen(optics(2.0), Correction(kind=kind)).coefficients == []
    assert seen(optics(2.0), Correction(kind=CorrectionKind.BREATHING, coefficients=[99])).coefficients == [99]


def test_a_blur_is_enlarged_and_its_cone_is_slimmer() -> None:
    table = blur_table(4.0, 70_000)
    behind = seen(optics(2.0), DefocusTable(focal_length_um=70_000, blur=table))
    assert behind.focal_length_um == 140_000
    assert behind.blur[0] == 2 * table[0]
    assert behind.blur[-1] < table[-1]
    assert seen(optics(1.0), DefocusTable(blur=[-5, 3])).blur == [-5, 3]


@given(FACTORS, st.integers(-0x8000, 0x7FFF), st.integers(0, 0xFFFF))
def test_the_stabiliser_shifts_the_enlarged_image(factor: float, shift: int, range_um: int) -> None:
    state = seen(optics(factor), StabiliserState(shift_x=shift, shift_y=-shift // 2, range_um=range_um))
    assert state.shift_x == max(-0x8000, min(0x7FFF, round(shift * factor)))
    assert state.range_um == min(0xFFFF, round(range_um * factor))


def test_the_makers_page_of_joint_corrections_does_not_go_through_glass() -> None:
    pages = [
        ExtensionId(number=1, revision=1),
        ExtensionId(number=2, revision=1),
        ExtensionId(number=0x8001, revision=3),
    ]
    assert [page.number for page in heard(optics(), ExtensionOffer(pages=pages)).pages] == [2, 0x8001]
    assert [page.number for page in seen(optics(), ExtensionAccept(pages=pages)).pages] == [2, 0x8001]
    assert seen(optics(1.0), ExtensionAccept(pages=pages)).pages == pages


@pytest.mark.parametrize(
    ("tag", "text", "behind"),
    [
        (EXIF_FOCAL_LENGTH, "100", "140"),
        (EXIF_FOCAL_LENGTH, "83.25", "116.5"),
        (EXIF_FOCAL_LENGTH, "long", "long"),
        (EXIF_FOCAL_LENGTH, "inf", "inf"),
        (EXIF_FOCAL_LENGTH, "nan", "nan"),
        (EXIF_F_NUMBER, "4.0", "5.6"),
        (EXIF_SPECIFICATION, "70 200 4 4", "98 280 5.6 5.6"),
        (EXIF_SPECIFICATION, "70 ? 4", "98 ? 5.6"),
        (EXIF_MODEL, "A lens", "A lens + a converter"),
        (EXIF_MODEL, "A" * 255, "A" * 255),
        (0x9206, "3.200", "3.200"),
    ],
)
def test_a_file_says_what_was_on_the_body(tag: int, text: str, behind: str) -> None:
    metadata = seen(optics(), Metadata(number=1, entries=[MetadataEntry(tag=tag, text=text)]))
    assert metadata.entries == [MetadataEntry(tag=tag, text=behind)]


def test_positions_are_the_lenss_own() -> None:
    order = FocusDrive(number=1, value=1200)
    assert heard(optics(), order) is order


def test_the_specification_has_the_rules_of_both_tables() -> None:
    section = SPEC[SPEC.index("## 11. Accessories") :]
    written = {(name, sender): rule for name, sender, rule in ROW.findall(section)}
    declared = {
        (cls.__name__, sender): (function.__doc__ or "").splitlines()[0]
        for sender, table in (("body", order_handlers), ("lens", report_handlers))
        for cls, function in table
    }
    assert written == declared
    assert all(
        cls.SENDER.value == sender
        for sender, table in (("body", order_handlers), ("lens", report_handlers))
        for cls, _ in table
    )
