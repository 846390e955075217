"""The greeting of a body, order by order: what it sends, when, and what it finds where the lens does not keep up."""

from itertools import pairwise
from typing import Any

import pytest

from lensmount_emulator.engine.verdicts import Verdict
from lensmount_emulator.roles.lmount.body.engine import BodyEngine
from lensmount_emulator.roles.lmount.lens.engine import LensEngine
from lensmount_protocol.dialects.lmount.exposure import FrameStart
from lensmount_protocol.dialects.lmount.firmware_update import ExtensionOffer
from lensmount_protocol.dialects.lmount.identity import (
    Identity,
    IdentityRequest,
    LensCapabilities,
    LensCapabilitiesRequest,
)
from lensmount_protocol.dialects.lmount.lines import BODY_ATT, FSYNC, LENS_ATT, TXD, V_DRIVE, V_LOGIC
from lensmount_protocol.dialects.lmount.link import (
    BodyHello,
    CommandDone,
    CommandRejected,
    LensHello,
    SetBaudrateCommand,
    StreamConfig,
)
from lensmount_protocol.dialects.lmount.power import ImageCircleSelect, PowerGrant, PowerReport
from lensmount_protocol.dialects.lmount.stabiliser import StabiliserCommand
from lensmount_protocol.dialects.lmount.types import ImageCircle, Outcome, PowerClass, RejectionCode, StabiliserMode
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Burst, Edge, Role

TELE = "panasonic-s-pro-70-200mm-f2.8"
PLAIN = "sigma-45mm-f2.8-dg-dn"


def sent(mounted: Any) -> list[tuple[float, Message]]:
    """The first message of each frame of the body, with the millisecond at which it begins."""
    bursts = [record.at for record in mounted.records if isinstance(record, Burst) and record.sender is Role.BODY]
    return list(zip([round(at * 1e3, 2) for at in bursts], mounted.messages(Role.BODY), strict=True))


def rises(mounted: Any, line: str, *, level: bool = True) -> list[float]:
    """The milliseconds at which a line rises, or falls."""
    edges = (record for record in mounted.records if isinstance(record, Edge))
    return [round(edge.at * 1e3, 2) for edge in edges if (edge.line, edge.level) == (line, level)]


def found(mounted: Any) -> list[tuple[str, Verdict, str]]:
    return [(finding.step, finding.verdict, finding.rule) for finding in mounted.body.compatibility_results]


def details(mounted: Any, step: str) -> list[str]:
    return [finding.detail for finding in mounted.body.compatibility_results if finding.step == step]


def spoils(mounted: Any, kind: type[Message], replies: list[Message] | None = None) -> None:
    """Have the lens answer one kind of order with something else, or not at all."""
    answer = mounted.lens._reply_to_order

    def heed(order: Any, *, legal: bool) -> None:
        if not isinstance(order, kind):
            answer(order, legal=legal)
        elif replies:
            for reply in replies:
                vars_of = {**reply.values(), "number": getattr(order, "number", 0)}
                mounted.lens.queue_frame([type(reply)(**vars_of)], 3)

    mounted.lens._reply_to_order = heed


def test_each_order_of_the_greeting_at_its_moment(mount: Any) -> None:
    """A byte is 10 bits on the wire, 10 us before a frame and 5 us after it, 60 us before the next order."""
    mounted = mount("leica-cl", TELE).streams()
    orders = sent(mounted)
    until = next(place for place, (_, message) in enumerate(orders) if isinstance(message, FrameStart))
    assert orders[:until] == [
        (80.07, BodyHello(revision=2, features=37, maker=1, model=49_009, firmware=bytes((2, 2, 0, 0)),
                          largest_payload=512, rates=[115_200, 750_000, 1_500_000])),
        (86.81, PowerGrant(number=1, granted=PowerClass.EXTREME, limit_ma=1500, warned=1)),
        (89.44, SetBaudrateCommand(number=2, baudrate=1_500_000)),
        # After the acceptance 1 ms until both switch, and 2 ms to be sure.
        (95.01, IdentityRequest(number=3)),
        (95.75, LensCapabilitiesRequest(number=4)),
        (96.34, ImageCircleSelect(number=5, used=ImageCircle.APS_C)),
        (96.71, StabiliserCommand(number=6, mode=StabiliserMode.NORMAL, axes=3, share_permille=1000)),
        (97.09, StreamConfig(number=7, reports=[160, 168, 176, 184])),
    ]  # fmt: skip
    # A lens is there for 20 ms before it gets its supply, and takes 60 ms to start.
    assert [rises(mounted, line)[0] for line in (V_LOGIC, TXD, FSYNC, LENS_ATT, BODY_ATT)] == [20, 20, 20, 80, 80.06]
    assert rises(mounted, V_DRIVE) == [89.43]
    # The frame signals begin with the stream, and not before.
    assert rises(mounted, FSYNC, level=False)[0] == 97.48
    assert mounted.body.baudrate == mounted.lens.baudrate == 1_500_000


@pytest.mark.parametrize(
    ("pair", "changes", "expected"),
    [
        (
            ("panasonic-s1ii", "panasonic-s-24-60mm-f2.8"),
            {},
            [("attach", "", "seen, supplied, greeted"), ("identify", "", "Panasonic LUMIX S 24-60mm F2.8"),
             ("negotiate", "", "revision 2, 1500000 baud, power normal")],
        ),
        (
            ("panasonic-s1r", PLAIN),
            {"lens_changes": {"firmware": {"revision": 1, "rates": (115_200, 750_000)}}},
            [("negotiate", "older revision", "revision 1, 750000 baud, power normal; the other end is newer")],
        ),
        (
            ("panasonic-s1r", PLAIN),
            {"body_changes": {"firmware": {"revision": 1, "rates": (115_200,)}}},
            [("negotiate", "older revision", "revision 1, 115200 baud, power normal; the other end is newer")],
        ),
        (
            ("panasonic-s1r", TELE),
            {"body_changes": {"power": {"grants": "normal", "warns_from": "high"}}},
            [("negotiate", "power grant", "revision 2, 1500000 baud, power normal where it asked for extreme"),
             ("negotiate", "power notice",
              "revision 2, 1500000 baud, power normal; the user is warned of the consumption")],
        ),
        (
            ("panasonic-s1r", "sigma-18-50mm-f2.8-dc-dn"),
            {},
            [("negotiate", "crop", "revision 2, 1500000 baud, power normal; the body crops")],
        ),
        (
            ("leica-cl", "sigma-18-50mm-f2.8-dc-dn"),
            {},
            [("negotiate", "", "revision 2, 1500000 baud, power normal")],
        ),
        (("leica-cl", PLAIN), {}, [("negotiate", "", "revision 2, 1500000 baud, power normal")]),
    ],
)  # fmt: skip
def test_what_the_greeting_finds(mount: Any, pair: Any, changes: Any, expected: Any) -> None:
    mounted = mount(*pair, **changes).streams()
    last = [(finding.step, finding.rule, finding.detail) for finding in mounted.body.compatibility_results][
        -len(expected) :
    ]
    assert last == expected
    reduced = {"older revision", "power grant", "crop"}
    assert all(
        (finding.verdict is Verdict.REDUCED) == (finding.rule in reduced)
        for finding in mounted.body.compatibility_results
    )


@pytest.mark.parametrize(
    ("power", "granted", "limit_ma", "warned", "notice"),
    [
        ({"grants": "extreme", "warns_from": "extreme", "supply_ma": 1499}, 4, 1499, 1, "no function is restricted"),
        ({"grants": "extreme", "warns_from": "none", "supply_ma": 1501}, 4, 1500, 0, ""),
        ({"grants": "high", "warns_from": "high", "supply_ma": 1500}, 3, 900, 1, "1110 mA; 900 mA are granted"),
        ({"grants": "low", "warns_from": "low", "supply_ma": 150}, 1, 150, 1, "1110 mA; 150 mA are granted"),
        ({"grants": "none"}, 0, 0, 0, ""),
    ],
)
def test_what_is_granted_of_what_a_lens_asks_for(
    mount: Any, power: Any, granted: int, limit_ma: int, warned: int, notice: str
) -> None:
    mounted = mount("panasonic-s1r", TELE, body_changes={"power": power})
    mounted.wait_until(lambda: mounted.body.lens_info.identity is not None)
    (grant,) = mounted.of(PowerGrant)
    assert (grant.granted, grant.limit_ma, grant.warned) == (granted, limit_ma, warned)
    assert (mounted.body.lens_info.granted, mounted.body.lens_info.warned) == (granted, bool(warned))
    notices = [one.text for one in mounted.notices if one.text.startswith("notice")]
    assert len(notices) == warned
    assert all(notice in text for text in notices)


def test_a_lens_that_asks_for_little_gets_no_more_and_no_notice(mount: Any) -> None:
    mounted = mount("panasonic-s1r", PLAIN, body_changes={"power": {"warns_from": "high"}}).streams()
    (grant,) = mounted.of(PowerGrant)
    assert (grant.granted, grant.limit_ma, grant.warned) == (PowerClass.NORMAL, 500, 0)


@pytest.mark.parametrize(
    ("of_body", "of_lens", "baudrate"),
    [
        ((115_200, 750_000), (115_200, 750_000, 1_500_000), 750_000),
        ((115_200, 1_500_000), (115_200, 750_000), None),
        ((1_500_000, 115_200, 750_000), (115_200, 750_000), 750_000),
        ((115_200,), (115_200,), None),
    ],
)
def test_the_rate_is_the_fastest_that_both_have(mount: Any, of_body: Any, of_lens: Any, baudrate: int | None) -> None:
    changes = {"body_changes": {"firmware": {"rates": of_body}}, "lens_changes": {"firmware": {"rates": of_lens}}}
    mounted = mount(**changes).streams()
    assert [order.baudrate for order in mounted.of(SetBaudrateCommand)] == ([baudrate] if baudrate else [])
    assert mounted.body.baudrate == mounted.lens.baudrate == (baudrate or 115_200)
    assert mounted.troubles == []


def test_a_lens_that_never_greets_is_asked_three_times_and_given_its_supply_three_times(mount: Any) -> None:
    mounted = mount()
    spoils(mounted, BodyHello)
    mounted.lens.on_arrival = lambda _arrival: None
    mounted.wait_until(lambda: mounted.body.gave_up)
    moments = [at for at, _ in sent(mounted)]
    assert [type(message) for _, message in sent(mounted)] == [BodyHello] * 9
    # Each greeting has 60 ms; between two supplies lie 100 ms, and the 20 and 60 ms of the first one.
    steps = [round(after - before) for before, after in pairwise(moments)]
    assert steps == [60, 60, 240, 60, 60, 240, 60, 60]
    assert len(rises(mounted, V_LOGIC)) == 3
    assert found(mounted) == [("attach", Verdict.REFUSED, "silent")]
    assert rises(mounted, V_DRIVE) == []


def test_a_lens_that_does_not_start_is_given_150_ms(mount: Any) -> None:
    mounted = mount()
    mounted.lens.on_line = lambda _edge: None
    mounted.wait_until(lambda: mounted.body.gave_up)
    assert [type(message) for message in mounted.messages()] == []
    supplies = zip(rises(mounted, V_LOGIC), rises(mounted, V_LOGIC, level=False), strict=True)
    assert [round(off - on, 2) for on, off in supplies] == [150.06] * 3
    assert found(mounted) == [("attach", Verdict.REFUSED, "silent")]


REFUSAL = [CommandRejected(order=0, code=RejectionCode.NOT_NOW)]


@pytest.mark.parametrize(
    ("kind", "replies", "step"),
    [
        (PowerGrant, None, "negotiate"),
        (PowerGrant, REFUSAL, "negotiate"),
        (SetBaudrateCommand, None, "negotiate"),
        (SetBaudrateCommand, REFUSAL, "negotiate"),
        (IdentityRequest, None, "identify"),
        (IdentityRequest, REFUSAL, "identify"),
        (LensCapabilitiesRequest, None, "identify"),
        (LensCapabilitiesRequest, [Identity()], "identify"),
        (ImageCircleSelect, None, "negotiate"),
        (StreamConfig, None, "negotiate"),
        (StreamConfig, REFUSAL, "negotiate"),
        (StreamConfig, [CommandDone(order=StreamConfig.TYPE, outcome=Outcome.ACCEPTED)], "negotiate"),
    ],
)
def test_an_order_of_the_greeting_that_is_not_carried_out_ends_it(
    mount: Any, kind: type[Message], replies: Any, step: str
) -> None:
    mounted = mount()
    spoils(mounted, kind, replies)
    mounted.wait_until(lambda: mounted.body.gave_up)
    assert found(mounted) == [(step, Verdict.REFUSED, "no answer")]
    assert details(mounted, step) == [f"no answer to {step}"]
    # An order without an answer is sent three times, one that was refused once; nothing follows it. The lens gets its
    # supply three times.
    assert len(mounted.of(BodyHello)) == 3
    assert len(mounted.of(kind)) == 3 * (1 if replies else 3)
    # Identity and abilities are asked for both, before either is missed.
    last = LensCapabilitiesRequest if kind is IdentityRequest else kind
    assert isinstance(mounted.messages(Role.BODY)[-1], last)


@pytest.mark.parametrize("kind", [ImageCircleSelect, StabiliserCommand])
def test_a_refusal_of_what_is_no_need_does_not_end_the_greeting(mount: Any, kind: type[Message]) -> None:
    mounted = mount(lens=TELE)
    spoils(mounted, kind, REFUSAL)
    mounted.streams()
    assert found(mounted)[-1] == ("negotiate", Verdict.WORKS, "")
    assert len(mounted.of(kind)) == 1


def test_pages_that_a_lens_does_not_answer_are_not_agreed(mount: Any) -> None:
    mounted = mount("panasonic-s1ii", "panasonic-s-24-60mm-f2.8")
    spoils(mounted, ExtensionOffer, REFUSAL)
    mounted.streams()
    assert mounted.body.lens_info.extensions == []
    assert len(mounted.of(ExtensionOffer)) == 1


def test_pages_are_not_offered_without_their_feature(mount: Any) -> None:
    changes = {"lens_changes": {"firmware": {"features": ("corrections",)}}}
    mounted = mount("panasonic-s1ii", "panasonic-s-24-60mm-f2.8", **changes).streams()
    assert mounted.of(ExtensionOffer) == []


def test_a_lens_that_accepts_the_stream_and_reports_nothing_is_found(mount: Any) -> None:
    mounted = mount()
    spoils(mounted, StreamConfig, [CommandDone(order=StreamConfig.TYPE, outcome=Outcome.DONE)])
    mounted.run(0.4)
    # Frame signals run, and after 250 ms without a report the supply is taken.
    signals = rises(mounted, FSYNC, level=False)
    assert len(signals) > 10
    assert any("the reports have stopped" in text for text in mounted.troubles)


def test_a_lens_that_does_not_find_its_zero_is_waited_for_3_seconds(mount: Any) -> None:
    mounted = mount(lens_changes={"focus": {"speed": 100.0}}).streams()
    began = next(at for at, message in sent(mounted) if isinstance(message, StreamConfig))
    assert mounted.virtual_session.now * 1e3 - began == pytest.approx(3000, abs=1)
    mounted = mount(lens_changes={"parts": {"focus_motor": False}}).streams()
    began = next(at for at, message in sent(mounted) if isinstance(message, StreamConfig))
    # Without a drive there is nothing to wait for but the first report.
    assert mounted.virtual_session.now * 1e3 - began < 2


@pytest.mark.parametrize(
    ("body", "lens", "used"),
    [("aps-c", "aps-c", 1), ("aps-c", "full-frame", 1), ("full-frame", "aps-c", 1), ("full-frame", "full-frame", 2)],
)
def test_the_smaller_format_is_what_is_used(mount: Any, body: str, lens: str, used: int) -> None:
    mounted = mount(body_changes={"camera": {"format": body}}, lens_changes={"optics": {"format": lens}}).streams()
    assert [notice.used for notice in mounted.of(ImageCircleSelect)] == [used]
    assert mounted.body.lens_info.used == used


@pytest.mark.parametrize(
    ("body", "features", "share"),
    [
        ({"stabiliser": True}, ("shared stabilisation",), 500),
        ({"stabiliser": False}, ("shared stabilisation",), 1000),
        ({"stabiliser": True}, (), 1000),
    ],
)
def test_stabilisation_is_shared_where_both_can(mount: Any, body: Any, features: Any, share: int) -> None:
    changes = {"body_changes": {"camera": body}, "lens_changes": {"firmware": {"features": features}}}
    mounted = mount(lens=TELE, **changes).streams()
    assert [order.share_permille for order in mounted.of(StabiliserCommand)] == [share]
    assert mounted.body.share == (0.5 if share == 500 else None)


def test_a_port_without_the_lens_s_attention_line_greets_after_the_longest_start(mount: Any) -> None:
    made = mount()
    body, lens = (end.carried - {LENS_ATT} for end in (made.body, made.lens))
    mounted = type(made)(BodyEngine(made.body.settings, body), LensEngine(made.lens.settings, lens)).streams()
    assert rises(mounted, LENS_ATT) == []
    # 20 ms until the supply, 150 ms for the start, and the usual pause.
    at, message = sent(mounted)[0]
    assert (at, type(message)) == (170.07, BodyHello)


def test_what_was_learned_is_kept_as_the_lens_said_it(mount: Any) -> None:
    mounted = mount("panasonic-s1r", TELE, lens_changes={"firmware": {"revision": 1}}).streams()
    known = mounted.body.lens_info
    assert (known.revision, known.hello, known.identity, known.capabilities) == (
        1,
        mounted.of(LensHello)[0],
        mounted.of(Identity)[0],
        mounted.of(LensCapabilities)[0],
    )
    assert known.power == mounted.of(PowerReport)[-1]
    assert (known.reports > 0, known.accessories, known.recovery, known.manual, known.locked) == (
        True, [], None, False, False,
    )  # fmt: skip
