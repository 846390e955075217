"""How a body gets to know a lens: supply, greeting, grant of power, rate, identity, abilities, pages, stream."""

from collections.abc import Callable, Generator
from typing import Any

from lensmount_emulator.roles.findings import Verdict
from lensmount_emulator.roles.lmount import rules
from lensmount_emulator.roles.lmount.body_core import ANSWER, REPORT, TRIES, BodyCore
from lensmount_emulator.roles.lmount.body_cycle import start_frames
from lensmount_emulator.roles.lmount.checks import version_bytes
from lensmount_emulator.roles.lmount.numbers import CIRCLES, feature_bits, maker_name, maker_number, model_number
from lensmount_emulator.roles.lmount.pages import offer
from lensmount_emulator.roles.notice import NoticeKind
from lensmount_emulator.roles.tasks import Await, Wait
from lensmount_protocol.dialects.lmount.framing import LINK
from lensmount_protocol.dialects.lmount.identity import Abilities, AbilitiesRequest, Identity, IdentityRequest
from lensmount_protocol.dialects.lmount.lines import (
    FIRST_BAUDRATE,
    FSYNC,
    LENS_ATT,
    TXD,
    V_DRIVE,
    V_LOGIC,
)
from lensmount_protocol.dialects.lmount.link import BodyHello, Done, RateOrder, StreamOrder
from lensmount_protocol.dialects.lmount.power import CropNotice, PowerGrant
from lensmount_protocol.dialects.lmount.stabiliser import StabiliserOrder
from lensmount_protocol.dialects.lmount.timing import BOOT_US
from lensmount_protocol.dialects.lmount.types import (
    POWER_LIMITS_MA,
    Feature,
    ImageCircle,
    Outcome,
    Part,
    PowerClass,
    StabiliserMode,
)
from lensmount_protocol.dialects.lmount.update import PageAgreement, PageOffer
from lensmount_protocol.wire import Role

GREETING_PATIENCE_S = 0.06
"""A greeting may take 20 ms, at a rate at which its bytes take some more."""

SWITCH_US = 1000.0
SPARE, LIVE_SPARE = 2, 15
HOMING_PATIENCE_S = 3.0
SHARED_PERMILLE = 500
"""The lens's part where both stabilise: half of it, as the model has it; what makers do is not public."""

Stage = Generator[Await, bool, bool]
"""A part of the greeting; whether the rest can follow."""


def power_up(body: BodyCore) -> Stage:
    """Supply for what is there, and wait until it says that it runs."""
    body.drive(V_LOGIC, True)
    body.drive(TXD, True)
    body.drive(FSYNC, True)
    body.connection.move("power", by=Role.BODY)
    body.tell("logic supply on")
    runs = yield Wait(body.now + BOOT_US * 1e-6, lambda: body.levels.get(LENS_ATT, False), (LENS_ATT,))
    yield body.after(body.settings.timing.settle)
    return runs or LENS_ATT not in body.carried


def greet(body: BodyCore) -> Stage:
    """Say who we are until the lens says what it needs."""
    firmware, camera, known = body.settings.firmware, body.settings.camera, body.known
    features = feature_bits(firmware.features)
    hello = BodyHello(
        revision=firmware.revision,
        features=features,
        maker=maker_number(camera.maker),
        model=model_number(body.settings.number, camera.maker, camera.megapixels, camera.format),
        firmware=version_bytes(firmware.version),
        rates=list(firmware.rates),
    )
    for _ in range(TRIES):
        body.say([hello], LINK)
        yield Wait(
            body.now + GREETING_PATIENCE_S,
            lambda: known.hello is not None or known.recovery is not None,
            (ANSWER,),
        )
        if known.hello is not None:
            known.revision = min(firmware.revision, known.hello.revision)
            known.features = features & known.hello.features
            yield body.after(body.settings.timing.settle)
            return True
        if known.recovery is not None:
            return False
    return False


def offer_pages(body: BodyCore) -> Stage:
    """Say which pages we have, if any, before anything moves; a lens that has none of them changes nothing by that."""
    pages = offer(body.settings.firmware.pages)
    if pages and body.known.feature(Feature.PAGES):
        agreement = yield from body.ask(PageOffer(pages=pages))
        if isinstance(agreement, PageAgreement):
            body.known.pages = list(agreement.pages)
    return True


def grant(body: BodyCore) -> Stage:
    """Grant power: what the lens asked for, or the most that this body gives."""
    hello, power = body.known.hello, body.settings.power
    assert hello is not None
    granted = min(hello.power_class, PowerClass[power.grants.upper()])
    warns_from = PowerClass[power.warns_from.upper()]
    warned = warns_from is not PowerClass.NONE and hello.power_class >= warns_from
    limit = min(POWER_LIMITS_MA.get(granted, 0), power.supply_ma)
    order = PowerGrant(granted=granted, limit_ma=limit, warned=int(warned))
    answer = yield from body.ask(order)
    body.known.granted, body.known.warned = granted, warned
    if warned:
        body.tell(
            f"notice: this lens draws up to {hello.peak_current_ma} mA; the battery empties faster, and no function "
            "is restricted" if granted == hello.power_class else
            f"notice: this lens draws up to {hello.peak_current_ma} mA; {limit} mA are granted"
        )  # fmt: skip
    body.drive(V_DRIVE, True)
    return isinstance(answer, Done)


def choose_rate(body: BodyCore) -> Stage:
    """The fastest rate that both named in their greetings."""
    hello = body.known.hello
    assert hello is not None
    baudrate = max({*body.settings.firmware.rates} & {*hello.rates}, default=FIRST_BAUDRATE)
    if baudrate == body.baudrate:
        return True
    answer = yield from body.ask(RateOrder(baudrate=baudrate))
    if not isinstance(answer, Done):
        return False
    yield body.after(SWITCH_US - body.settings.timing.settle)
    body.set_baudrate(baudrate)
    body.connection.move("switched", by=Role.BODY)
    body.tell(f"speaks at {baudrate} baud")
    # The lens's clock began with its last bit, ours with its arrival; a live port may be early by all of its bytes'
    # time, and a live lens late by what its host takes.
    yield body.after((LIVE_SPARE if body.live else SPARE) * SWITCH_US)
    return True


def identify(body: BodyCore) -> Stage:
    """Who it is and what it can; the accessories in between say so in the same frame."""
    known = body.known
    identity = yield from body.ask(IdentityRequest())
    abilities = yield from body.ask(AbilitiesRequest())
    if not isinstance(identity, Identity) or not isinstance(abilities, Abilities):
        return False
    known.identity, known.abilities = identity, abilities
    lens = f"{identity.name} by {maker_name(identity.maker)}, firmware {'.'.join(map(str, identity.firmware))}"
    body.tell(f"it is {lens}", kind=NoticeKind.IDENTIFIED, subject=lens)
    return True


def settle(body: BodyCore) -> Stage:
    """Format and stabilisation: what both have is agreed; a refusal is an answer as well."""
    known, camera = body.known, body.settings.camera
    abilities = known.abilities
    assert abilities is not None
    used = min(CIRCLES[camera.format], abilities.image_circle, key=_SIZE)
    known.used = used
    answer = yield from body.ask(CropNotice(used=used))
    if answer is None:
        return False
    if known.part(Part.STABILISER):
        yield from stabilise(body, StabiliserMode.NORMAL)
    return True


_SIZE: Callable[[ImageCircle], int] = [ImageCircle.APS_C, ImageCircle.FULL_FRAME].index


def stabilise(body: BodyCore, mode: StabiliserMode) -> Generator[Await, bool, Any]:
    """Set the lens's stabiliser; with a stabilised sensor and the feature on both sides the work is shared."""
    shared = body.settings.camera.stabiliser and body.known.feature(Feature.SHARED_STABILISATION)
    shared = shared and mode != StabiliserMode.OFF
    answer = yield from body.ask(StabiliserOrder(mode=mode, share_permille=SHARED_PERMILLE if shared else 1000))
    body.share = SHARED_PERMILLE / 1000 if shared and isinstance(answer, Done) else None
    return answer


def stream(body: BodyCore) -> Stage:
    """Reports with each frame from now on; what has to home does so first."""
    answer = yield from body.ask(StreamOrder())
    if not isinstance(answer, Done) or answer.outcome != Outcome.DONE:
        return False
    start_frames(body)
    reports = body.known.reports
    yield Wait(body.now + HOMING_PATIENCE_S, lambda: body.known.reports > reports and not is_homing(body), (REPORT,))
    return body.known.reports > reports


def is_homing(body: BodyCore) -> bool:
    """Whether the lens looks for its zero, or has not begun to although it must."""
    state = body.known.focus
    return state is not None and body.known.part(Part.FOCUS_DRIVE) and not state.flags & RELIABLE


RELIABLE = 64


def get_to_know(body: BodyCore, *, powered: bool = False) -> Stage:
    """All of it, in order; what went wrong is found and told.

    Args:
        body: who does it.
        powered: whether the lens runs, and only has to be greeted anew.
    """
    for name, part in PARTS[powered:]:
        if not (yield from part(body)):
            _fail(body, name)
            return False
    _report(body)
    return True


PARTS: tuple[tuple[str, Callable[[BodyCore], Stage]], ...] = (
    ("attach", power_up),
    ("attach", greet),
    ("negotiate", offer_pages),
    ("negotiate", grant),
    ("negotiate", choose_rate),
    ("identify", identify),
    ("negotiate", settle),
    ("negotiate", stream),
)


def _fail(body: BodyCore, step: str) -> None:
    if body.known.recovery is not None:
        body.find(step, Verdict.REFUSED, "the lens waits for a firmware", rules.RECOVERY)
    elif body.known.hello is None:
        body.find(step, Verdict.REFUSED, "something is on the mount and says nothing", rules.SILENT)
    else:
        body.find(step, Verdict.REFUSED, f"no answer to {step}", rules.NO_ANSWER)


def _report(body: BodyCore) -> None:
    """What the greeting found, once a session."""
    known, camera = body.known, body.settings.camera
    hello, abilities, identity = known.hello, known.abilities, known.identity
    if hello is None or abilities is None or identity is None or any(f.step == "attach" for f in body.findings):
        return
    body.find("attach", Verdict.WORKS, "seen, supplied, greeted")
    behind = f" behind {len(known.accessories)} accessory" if known.accessories else ""
    if known.accessories:
        rule = rules.SINGLE_AUTOFOCUS if any(entry.limits & 1 for entry in known.accessories) else rules.CONVERTER
        body.find("identify", Verdict.REDUCED, f"{identity.name}{behind}", rule)
    else:
        body.find("identify", Verdict.WORKS, identity.name)
    words = f"revision {known.revision}, {body.baudrate} baud, power {known.granted.name.lower()}"
    less: list[tuple[Verdict, str, str]] = []
    if known.granted < hello.power_class:
        asked = hello.power_class.name.lower()
        less.append((Verdict.REDUCED, f"{words} where it asked for {asked}", rules.POWER_GRANT))
    if known.revision < max(hello.revision, body.settings.firmware.revision):
        less.append((Verdict.REDUCED, f"{words}; the other end is newer", rules.OLDER_REVISION))
    if camera.format == "full-frame" and abilities.image_circle == ImageCircle.APS_C:
        less.append((Verdict.REDUCED, f"{words}; the body crops", rules.CROP))
    if known.warned:
        less.append((Verdict.WORKS, f"{words}; the user is told of the consumption", rules.POWER_NOTICE))
    for verdict, detail, rule in less or [(Verdict.WORKS, words, "")]:
        body.find("negotiate", verdict, detail, rule)
