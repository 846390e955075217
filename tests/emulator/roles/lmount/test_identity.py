"""Who a lens is and what it can: told once, refused where it has not got it."""

from typing import Any

import pytest

from lensmount_emulator.profiles.library import load_profile
from lensmount_protocol.dialects.lmount.focus import INFINITY_MM, RingBehaviour
from lensmount_protocol.dialects.lmount.identity import Identity, IdentityRequest, LensCapabilities, MetadataRequest
from lensmount_protocol.dialects.lmount.link import BodyHello, Challenge, ChallengeAnswer, CommandRejected, LensHello
from lensmount_protocol.dialects.lmount.power import ImageCircleSelect
from lensmount_protocol.dialects.lmount.types import ImageCircle, Part, RejectionCode, RingKind

MAKE, MODEL, SERIAL, FOCAL, F_NUMBER, DISTANCE = 0xA433, 0xA434, 0xA435, 0x920A, 0x829D, 0x9206


def test_a_lens_says_its_name_serial_and_firmware(mount: Any) -> None:
    mounted = mount(lens_changes={"firmware": {"version": "1.2.3"}, "serial": "4711"}).streams()
    identity = mounted.of(Identity)[0]
    assert identity.name == load_profile("sigma-45mm-f2.8-dg-dn").title
    assert identity.serial == "4711"
    assert identity.firmware == bytes((1, 2, 3, 0))
    assert mounted.body.lens_info.identity == identity


def test_the_body_says_who_it_is(mount: Any) -> None:
    hello = mount("leica-sl2").streams().of(BodyHello)[0]
    assert (hello.maker, hello.revision) == (1, 2)
    assert hello.model != mount("leica-sl3").streams().of(BodyHello)[0].model


def test_makers_and_models_distinguish_lenses(mount: Any) -> None:
    names = ("sigma-45mm-f2.8-dg-dn", "leica-vario-elmarit-sl-24-90mm-f2.8-4", "panasonic-s-24-105mm-f4")
    identities = [mount(lens=name).streams().of(Identity)[0] for name in names]
    assert [identity.maker for identity in identities] == [3, 1, 2]
    assert len({identity.model for identity in identities}) == 3


def test_abilities_say_range_circle_and_nearest_focus(mount: Any) -> None:
    mounted = mount(lens="panasonic-s-24-105mm-f4").streams()
    abilities = mounted.of(LensCapabilities)[0]
    assert (abilities.shortest_um, abilities.longest_um) == (24_000, 105_000)
    assert (abilities.widest_wide, abilities.widest_tele) == (1024, 1024)
    assert abilities.nearest_mm == 300
    assert abilities.image_circle == ImageCircle.FULL_FRAME
    assert abilities.stabiliser == 2


@pytest.mark.parametrize(
    ("body", "lens", "used"),
    [
        ("panasonic-s1r", "sigma-18-50mm-f2.8-dc-dn", ImageCircle.APS_C),
        ("leica-cl", "sigma-45mm-f2.8-dg-dn", ImageCircle.APS_C),
        ("panasonic-s1r", "sigma-45mm-f2.8-dg-dn", ImageCircle.FULL_FRAME),
    ],
)
def test_a_full_frame_body_crops_with_an_aps_c_lens(mount: Any, body: str, lens: str, used: ImageCircle) -> None:
    mounted = mount(body, lens).streams()
    assert mounted.of(ImageCircleSelect)[0].used == used
    assert mounted.lens.body_requests.used == used
    negotiated = next(finding for finding in mounted.body.compatibility_results if finding.step == "negotiate")
    assert (negotiated.rule == "crop") == (body == "panasonic-s1r" and used == ImageCircle.APS_C)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"parts": {"diaphragm": False}}, Part.DIAPHRAGM),
        ({"parts": {"focus_motor": False}}, Part.FOCUS_DRIVE),
        ({"parts": {"focus_ring": False}}, Part.FOCUS_RING),
    ],
)
def test_what_a_lens_has_not_it_does_not_claim_and_refuses(mount: Any, change: dict[str, Any], part: Part) -> None:
    mounted = mount(lens_changes=change, script="check focus; check iris; linear 180").streams()
    mounted.wait_until(lambda: mounted.body.done)
    assert not mounted.of(LensCapabilities)[0].parts >> part & 1
    assert mount().streams().of(LensCapabilities)[0].parts >> part & 1
    assert mounted.troubles == []


def test_a_ring_menu_is_greyed_out_for_a_lens_that_lacks_it(mount: Any) -> None:
    mounted = mount(script="linear 180").streams()
    mounted.wait_until(lambda: mounted.body.done)
    assert any("greyed out" in notice.text for notice in mounted.notices)
    assert mounted.of(RingBehaviour) == []
    answer = mounted.request(RingBehaviour(ring=RingKind.FOCUS, linear=1, throw_degrees=180))
    assert isinstance(answer, CommandRejected)
    assert answer.code == RejectionCode.NOT_ABLE


def test_the_proof_of_right_is_an_open_door(mount: Any) -> None:
    mounted = mount().streams()
    mounted.body.queue_frame([Challenge(scheme=7, content=b"who")], 1)
    mounted.run(0.05)
    assert mounted.of(ChallengeAnswer)[0].scheme == 0


def test_features_are_those_that_both_have(mount: Any) -> None:
    mounted = mount(lens_changes={"firmware": {"features": ("corrections",)}}).streams()
    hello = mounted.of(LensHello)[0]
    assert mounted.body.lens_info.features == hello.features == mounted.lens.body_requests.features == 1 << 2


def test_what_a_picture_s_file_says_comes_from_the_lens(mount: Any) -> None:
    mounted = mount(lens="panasonic-s-24-105mm-f4", script="zoom 50; focus 2m; aperture f/8").streams()
    mounted.wait_until(lambda: mounted.body.done)
    texts = {entry.tag: entry.text for entry in mounted.request(MetadataRequest()).entries}
    assert texts[MAKE] == "Panasonic"
    assert texts[MODEL] == mounted.of(Identity)[0].name
    assert texts[SERIAL] == mounted.of(Identity)[0].serial
    assert float(texts[FOCAL]) == pytest.approx(50, rel=0.01)
    assert float(texts[F_NUMBER]) == pytest.approx(8, rel=0.05)
    assert float(texts[DISTANCE]) == pytest.approx(2, rel=0.05)


def test_at_the_far_end_the_distance_is_infinity(mount: Any) -> None:
    mounted = mount(script="focus far").streams()
    mounted.wait_until(lambda: mounted.body.done)
    assert mounted.body.lens_info.focus is not None
    assert mounted.body.lens_info.focus.distance_mm == INFINITY_MM


def test_identity_can_be_asked_again_at_any_time(mount: Any) -> None:
    mounted = mount().streams()
    first = mounted.of(Identity)[0]
    again = mounted.request(IdentityRequest())
    assert (again.name, again.model) == (first.name, first.model)


def test_a_lens_without_contacts_is_no_lens_to_the_body(mount: Any) -> None:
    mounted = mount(lens="laowa-15mm-f2", script="check all")
    mounted.wait_until(lambda: mounted.body.done)
    assert mounted.records == []
    assert [(finding.step, finding.rule) for finding in mounted.body.compatibility_results] == [
        ("attach", "no contacts")
    ]
