"""The two makers' pages in a session: used where both have them, and without a trace where one has not."""

from typing import Any

import pytest

from lensmount_emulator.roles.lmount.body.extensions import ExtensionResults, make_focus_sequence, use_extension
from lensmount_emulator.roles.lmount.profile import PageName
from lensmount_protocol.dialects.lmount.extensions import (
    FAST_FOCUS,
    JOINT_CORRECTIONS,
    FocusSequenceReport,
    parse_extension,
)
from lensmount_protocol.dialects.lmount.firmware_update import (
    ExtensionAccept,
    ExtensionCommand,
    ExtensionId,
    ExtensionOffer,
    ExtensionReport,
)
from lensmount_protocol.dialects.lmount.focus import FocusDrive
from lensmount_protocol.dialects.lmount.link import BodyHello, CommandDone, LensHello
from lensmount_protocol.dialects.lmount.types import FocusCommand, RejectionCode
from lensmount_protocol.wire import Burst, Edge, Role

BOTH: tuple[PageName, ...] = ("joint corrections", "fast focus")
NONE: tuple[PageName, ...] = ()


def put_on(mount: Any, body: tuple[PageName, ...], lens: tuple[PageName, ...], **more: Any) -> Any:
    changes = {"body_changes": {"firmware": {"pages": body}}, "lens_changes": {"firmware": {"pages": lens}}}
    return mount("leica-sl3", "panasonic-s-24-60mm-f2.8", **changes, **more).streams()


@pytest.mark.parametrize(
    ("body", "lens", "agreed"),
    [
        (BOTH, BOTH, [1, 2]),
        (BOTH, ("fast focus",), [2]),
        (("joint corrections",), BOTH, [1]),
        (BOTH, NONE, []),
        (NONE, BOTH, []),
    ],
)
def test_what_both_have_is_agreed(
    mount: Any, body: tuple[PageName, ...], lens: tuple[PageName, ...], agreed: list[int]
) -> None:
    mounted = put_on(mount, body, lens)
    assert [page.number for page in mounted.body.lens_info.extensions] == agreed
    assert [page.number for page in mounted.lens.body_requests.extensions] == agreed
    assert len(mounted.of(ExtensionOffer)) == bool(body)


def test_a_joint_profile_is_made_for_the_sensor_and_the_setting(mount: Any) -> None:
    mounted = put_on(mount, BOTH, BOTH)
    heard = mounted.run_script(use_extension(mounted.body, "joint corrections"))
    assert isinstance(heard, ExtensionResults)
    profile = heard.profile
    assert profile is not None
    assert (profile.sensor_width_um, profile.sensor_height_um) == (36_000, 24_000)
    assert profile.focal_length_um == 24_000
    assert profile.confidence == 100
    assert profile.distortion
    assert profile.vignetting


def test_fast_focus_meets_its_set_points(mount: Any) -> None:
    mounted = put_on(mount, BOTH, BOTH)
    heard = mounted.run_script(use_extension(mounted.body, "fast focus"))
    assert heard.points >= 2 * 4 * 8, "two runs of four frames, eight set points each at 60 Hz"
    assert heard.worst_error <= 20, "it speeds up and brakes; a run of 200 steps is met within a tenth"
    assert mounted.troubles == []


def test_set_points_are_measured_when_they_are_due(mount: Any) -> None:
    mounted = put_on(mount, BOTH, BOTH)
    start = mounted.lens.focus.position(mounted.virtual_session.now)
    positions = [start + 4 * step for step in range(1, 17)]
    order = ExtensionCommand(
        page=FAST_FOCUS, content=make_focus_sequence(9, mounted.body.frame + 3, positions, 4).build()
    )
    assert isinstance(mounted.request(order), CommandDone)
    mounted.run(0.3)
    reports = [parse_extension(FAST_FOCUS, Role.LENS, report.content) for report in mounted.of(ExtensionReport)]
    assert all(isinstance(report, FocusSequenceReport) for report in reports)
    measured = [
        point.position for report in reports if isinstance(report, FocusSequenceReport) for point in report.points
    ]
    assert len(measured) == 16
    assert all(abs(seen - wanted) <= 6 for seen, wanted in zip(measured, positions, strict=True))


def test_a_drive_ends_a_run(mount: Any) -> None:
    mounted = put_on(mount, BOTH, BOTH)
    positions = list(range(1000, 1200))
    mounted.request(
        ExtensionCommand(page=FAST_FOCUS, content=make_focus_sequence(9, mounted.body.frame + 3, positions, 8).build())
    )
    mounted.request(FocusDrive(order=FocusCommand.FAR_END))
    mounted.run(1.0)
    assert mounted.lens.focus.position(mounted.virtual_session.now) == 0
    assert mounted.of(ExtensionReport) == []


@pytest.mark.parametrize(
    ("page", "content", "code"),
    [
        (FAST_FOCUS, b"", RejectionCode.UNKNOWN_MESSAGE),
        (FAST_FOCUS, b"\x77", RejectionCode.UNKNOWN_MESSAGE),
        (FAST_FOCUS, b"\x01\x00", RejectionCode.DAMAGED),
        (0x8001, b"vendor", RejectionCode.NOT_AGREED),
    ],
)
def test_what_a_page_does_not_know_is_refused(mount: Any, page: int, content: bytes, code: RejectionCode) -> None:
    mounted = put_on(mount, BOTH, BOTH)
    assert mounted.request(ExtensionCommand(page=page, content=content)).code == code
    assert mounted.run_script(use_extension(mounted.body, "joint corrections")).profile is not None


def test_fast_focus_needs_power(mount: Any) -> None:
    mounted = put_on(mount, BOTH, BOTH)
    mounted.body.drive("V_DRIVE", False)
    mounted.run(0.001)
    order = ExtensionCommand(page=FAST_FOCUS, content=make_focus_sequence(9, 100, [1, 2], 1).build())
    assert mounted.request(order).code == RejectionCode.NO_POWER


def test_a_newer_revision_of_a_page_is_spoken_in_the_lower_one(mount: Any) -> None:
    mounted = put_on(mount, NONE, BOTH)
    answer = mounted.request(
        ExtensionOffer(
            pages=[ExtensionId(number=JOINT_CORRECTIONS, revision=9), ExtensionId(number=0x9000, revision=1)]
        )
    )
    assert isinstance(answer, ExtensionAccept)
    assert [(page.number, page.revision) for page in answer.pages] == [(JOINT_CORRECTIONS, 1)]


NEGOTIATION = (BodyHello, LensHello, ExtensionOffer, ExtensionAccept)


def without_negotiation(mounted: Any) -> list[dict[str, Any]]:
    """Everything that was said, numbers of orders as places in their order."""
    numbers: dict[int, int] = {}
    said = []
    for message in mounted.messages():
        if isinstance(message, NEGOTIATION):
            continue
        values = message.values()
        if values.get("number"):
            values["number"] = numbers.setdefault(values["number"], len(numbers))
        said.append({"type": message.TYPE, **values})
    return said


def moments(mounted: Any) -> list[tuple[float, object]]:
    """When what happened from the first frame signal on, in microseconds."""
    records = [record for record in mounted.records if isinstance(record, Burst | Edge)]
    first = next(r.at for r in records if isinstance(r, Edge) and (r.line, r.level) == ("FSYNC", False))
    return [
        (round((record.at - first) * 1e6, 2), getattr(record, "line", None) or len(record.data))
        for record in records
        if record.at >= first
    ]


@pytest.mark.parametrize(("body", "lens"), [(BOTH, NONE), (NONE, BOTH)])
@pytest.mark.parametrize("script", ["check all", "focus near; sleep; wake; aperture f/8; expose 1/60"])
def test_pages_on_one_side_only_leave_no_trace(
    mount: Any, body: tuple[PageName, ...], lens: tuple[PageName, ...], script: str
) -> None:
    """But for the negotiation: the same messages at the same moments as between two ends that never heard of pages."""
    one, neither = put_on(mount, body, lens, script=script), put_on(mount, NONE, NONE, script=script)
    for mounted in (one, neither):
        mounted.wait_until(lambda here=mounted: here.body.done)  # type: ignore[misc]
    assert without_negotiation(one) == without_negotiation(neither)
    assert moments(one) == moments(neither)
    if not body:
        # A body without pages never offers any, so not a byte differs.
        assert [record for record in one.records if isinstance(record, Burst)] == [
            record for record in neither.records if isinstance(record, Burst)
        ]
